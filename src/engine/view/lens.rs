//! Rules see the view through a lens, which notes every look-up: what a denial rests on is read again before it is said.

use std::{cell::RefCell, collections::BTreeMap};

use crate::engine::{
    kinds::{
        CORE, GATEWAY_API,
        config_map::ConfigMap,
        gateway::{Controller, Gateway, GatewayClass},
        namespace::Namespace,
        reference_grant::ReferenceGrant,
        service::Service,
        telemetry::{Telemetry, TelemetryKind},
        workload::Workload,
    },
    name::Name,
    subject::ObjectKey,
    view::{
        Answer, BACKENDS, Backend, View,
        control_plane::ControlPlane,
        index::{Keyed, Referred},
        table::{Entry, Table},
    },
};

/// Something that was looked up.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LookUp {
    Object(ObjectKey),
    /// All objects of a kind in a namespace.
    List {
        group: &'static str,
        kind: &'static str,
        namespace: Name,
    },
    /// All objects of a kind.
    All {
        group: &'static str,
        kind: &'static str,
    },
    /// The telemetry objects that refer to this one.
    Referrers(ObjectKey),
}

/// A view, and what was looked up in it.
#[derive(Debug)]
pub struct Lens<'v> {
    view: &'v View,
    /// In the order in which they were made, some more than once.
    seen: RefCell<Vec<LookUp>>,
}

/// A row of a table.
pub type Row<'v, T> = (&'v ObjectKey, &'v T);

impl<'v> Lens<'v> {
    pub fn new(view: &'v View) -> Self {
        Self { view, seen: RefCell::default() }
    }

    /// What was looked up so far, in order.
    pub fn seen(&self) -> Vec<LookUp> {
        self.seen.borrow().clone()
    }

    /// What was looked up, when nothing more will be.
    pub fn into_seen(self) -> Vec<LookUp> {
        self.seen.into_inner()
    }

    pub fn control_plane(&self) -> &'v ControlPlane {
        &self.view.control_plane
    }

    /// Notes that a verdict rests on this object being as it is, however it was come upon.
    pub fn rests_on(&self, key: &ObjectKey) {
        self.saw(LookUp::Object(key.clone()));
    }

    /// The view itself, for a rule that compares it with another one; what it looks up there goes through a lens again.
    pub const fn view(&self) -> &'v View {
        self.view
    }

    /// Takes over what another lens saw, as when a rule compared two views.
    pub fn note(&self, other: &Lens<'_>) {
        self.seen.borrow_mut().extend(other.seen());
    }

    pub fn service(&self, namespace: &str, name: &str) -> Answer<&'v Service> {
        self.object(&self.view.services, &(CORE, "Service"), namespace, name)
    }

    pub fn namespace(&self, name: &str) -> Answer<&'v Namespace> {
        self.object(&self.view.namespaces, &(CORE, "Namespace"), "", name)
    }

    pub fn gateway(&self, namespace: &str, name: &str) -> Answer<Row<'v, Gateway>> {
        self.object(&self.view.gateways, &(GATEWAY_API, "Gateway"), namespace, name).map(row)
    }

    /// A backend that is no Service.
    pub fn backend(&self, group: &str, kind: &str, namespace: &str, name: &str) -> Answer<&'v Backend> {
        let mut known = BACKENDS.iter().zip(&self.view.backends);
        if let Some((kind, table)) = known.find(|(known, _)| **known == (group, kind)) {
            return self.object(table, kind, namespace, name);
        }
        self.saw(LookUp::Object(ObjectKey::new(group, kind, namespace, name)));
        self.not_found(group, kind)
    }

    /// Who programs Gateways of this class. The control planes' own classes need no GatewayClass object in the view.
    pub fn controller(&self, class: &str) -> Answer<Controller> {
        let answer = self.object(&self.view.classes, &(GATEWAY_API, "GatewayClass"), "", class);
        match (answer, GatewayClass::well_known(class)) {
            (Answer::Found(class), _) => Answer::Found(class.controller),
            (_, Some(controller)) => Answer::Found(controller),
            (Answer::Absent, None) => Answer::Absent,
            (Answer::Unknown, None) => Answer::Unknown,
        }
    }

    /// The grants of a namespace, and whether there can be others.
    pub fn grants(&self, namespace: &str) -> (Vec<Row<'v, ReferenceGrant>>, bool) {
        let look_up = LookUp::List { group: GATEWAY_API, kind: "ReferenceGrant", namespace: namespace.into() };
        let complete = self.view.is_complete(GATEWAY_API, "ReferenceGrant") && !self.view.doubts(&look_up);
        self.saw(look_up);
        (self.view.grants.in_namespace(namespace).map(|entry| row(entry.value)).collect(), complete)
    }

    /// The Services of a namespace by name, for suggestions: no verdict may rest on them, so they are not noted.
    pub fn service_names(&self, namespace: &str) -> impl Iterator<Item = (&'v Name, &'v Service)> {
        self.view.services.in_namespace(namespace).map(|entry| (entry.name, entry.value))
    }

    /// Every Gateway's name, for suggestions: no verdict may rest on them, so they are not noted.
    pub fn gateway_names(&self) -> Vec<&'v ObjectKey> {
        let mut names: Vec<_> = self.view.gateways.all().map(|entry| row(entry.value).0).collect();
        names.sort();
        names
    }

    /// The Gateways of a namespace, or of all, and whether there can be others.
    pub fn gateways(&self, namespace: Option<&str>) -> (Vec<Row<'v, Gateway>>, bool) {
        let complete = self.view.is_complete(GATEWAY_API, "Gateway");
        let rows = if let Some(namespace) = namespace {
            self.saw(LookUp::List { group: GATEWAY_API, kind: "Gateway", namespace: namespace.into() });
            self.view.gateways.in_namespace(namespace).map(|entry| row(entry.value)).collect()
        } else {
            self.saw(LookUp::All { group: GATEWAY_API, kind: "Gateway" });
            let mut all: Vec<_> = self.view.gateways.all().map(|entry| row(entry.value)).collect();
            all.sort_by_key(|(key, _)| *key);
            all
        };
        (rows, complete)
    }

    /// The telemetry objects of a namespace, in the order of their kinds and names.
    pub fn telemetry_in(&self, namespace: &str) -> Vec<Row<'v, Telemetry>> {
        self.saw_telemetry_in(namespace);
        let tables = self.view.telemetry.iter();
        tables.flat_map(|table| table.in_namespace(namespace)).map(|entry| row(entry.value)).collect()
    }

    /// The telemetry objects of a namespace that name this Gateway, and those that select Gateways by labels: all that can
    /// be attached to it. In the order of their kinds and names.
    pub fn telemetry_targeting(&self, namespace: &str, gateway: &str) -> Vec<Row<'v, Telemetry>> {
        let namespace = self.saw_telemetry_in(namespace);
        let by_name = self.view.targeting.get(&(namespace.clone(), Some(gateway.into())));
        let by_labels = self.view.targeting.get(&(namespace, None));
        by_name.chain(by_labels).map(|stored| row(stored)).collect::<BTreeMap<_, _>>().into_iter().collect()
    }

    /// The telemetry objects that refer to this object.
    pub fn referrers(&self, target: &ObjectKey) -> Vec<Row<'v, Telemetry>> {
        self.saw(LookUp::Referrers(target.clone()));
        self.view.referrers.get(&Referred::of(target)).map(|stored| row(stored)).collect()
    }

    /// Every telemetry object whose reference crosses into this namespace or lies in it.
    pub fn referrers_into(&self, namespace: &str) -> Vec<Row<'v, Telemetry>> {
        for kind in TelemetryKind::ALL {
            self.saw(LookUp::All { group: kind.group(), kind: kind.name() });
        }
        let stored = self.view.referrers.of_namespace(namespace);
        stored.map(|stored| row(stored)).collect::<BTreeMap<_, _>>().into_iter().collect()
    }

    /// The kinds of telemetry objects of which some may not be in the view, so that referrers may be missing.
    pub fn telemetry_not_known(&self) -> impl Iterator<Item = TelemetryKind> {
        TelemetryKind::ALL.into_iter().filter(|kind| !self.view.is_complete(kind.group(), kind.name()))
    }

    pub fn config_map(&self, namespace: &str, name: &str) -> Answer<&'v ConfigMap> {
        self.object(&self.view.config_maps, &(CORE, "ConfigMap"), namespace, name)
    }

    /// The workloads that are known to mount this ConfigMap.
    pub fn workloads_reading(&self, namespace: &str, config_map: &str) -> Vec<&'v Workload> {
        self.saw(LookUp::List { group: "apps", kind: "Deployment", namespace: namespace.into() });
        let rows = self.view.workloads.iter().flat_map(|table| table.in_namespace(namespace));
        rows.map(|entry| entry.value).filter(|workload| workload.reads(config_map)).collect()
    }

    fn object<T>(
        &self,
        table: &'v Table<T>,
        kind: &'static (&'static str, &'static str),
        namespace: &str,
        name: &str,
    ) -> Answer<&'v T> {
        let key =
            |namespace, name| ObjectKey { group: Name::known(&kind.0), kind: Name::known(&kind.1), namespace, name };
        let (look_up, answer) = match table.entry(namespace, name) {
            Some(Entry { namespace, name, value }) => {
                (LookUp::Object(key(namespace.clone(), name.clone())), Answer::Found(value))
            }
            None => (LookUp::Object(key(namespace.into(), name.into())), self.not_found(kind.0, kind.1)),
        };
        let answer = if self.view.doubts(&look_up) { Answer::Unknown } else { answer };
        self.saw(look_up);
        answer
    }

    fn not_found<T>(&self, group: &str, kind: &str) -> Answer<T> {
        if self.view.is_complete(group, kind) { Answer::Absent } else { Answer::Unknown }
    }

    fn saw_telemetry_in(&self, namespace: &str) -> Name {
        let namespace = Name::new(namespace);
        for kind in TelemetryKind::ALL {
            self.saw(LookUp::List { group: kind.group(), kind: kind.name(), namespace: namespace.clone() });
        }
        namespace
    }

    pub(super) fn saw(&self, look_up: LookUp) {
        self.seen.borrow_mut().push(look_up);
    }
}

fn row<T>(keyed: &Keyed<T>) -> Row<'_, T> {
    (&keyed.key, &keyed.value)
}

// === impl LookUp ===

impl LookUp {
    /// The group and kind of what was looked up; of [`Self::Referrers`], of what they refer to.
    pub fn kind(&self) -> (&str, &str) {
        match self {
            Self::Object(key) | Self::Referrers(key) => (&key.group, &key.kind),
            Self::List { group, kind, .. } | Self::All { group, kind } => (group, kind),
        }
    }
}
