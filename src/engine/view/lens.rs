//! Rules see the view through a lens, which notes every look-up: what a denial rests on is read again before it is said.

use std::{cell::RefCell, collections::BTreeSet, sync::Arc};

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
    subject::ObjectKey,
    view::{Answer, Backend, View, control_plane::ControlPlane},
};

/// Something that was looked up.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LookUp {
    Object(ObjectKey),
    /// All objects of a kind in a namespace.
    List {
        group: &'static str,
        kind: &'static str,
        namespace: String,
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
pub type Row<'v, T> = (&'v ObjectKey, &'v Arc<T>);

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

    /// The view itself, for a rule that compares it with another one; what it looks up there goes through a lens again.
    pub const fn view(&self) -> &'v View {
        self.view
    }

    /// Takes over what another lens saw, as when a rule compared two views.
    pub fn note(&self, other: &Lens<'_>) {
        self.seen.borrow_mut().extend(other.seen());
    }

    pub fn service(&self, namespace: &str, name: &str) -> Answer<&'v Service> {
        let key = ObjectKey::new(CORE, "Service", namespace, name);
        let answer = self.answer(self.view.services.get(&key), CORE, "Service");
        self.saw(LookUp::Object(key));
        answer
    }

    pub fn namespace(&self, name: &str) -> Answer<&'v Namespace> {
        let key = ObjectKey::new(CORE, "Namespace", "", name);
        let answer = self.answer(self.view.namespaces.get(&key), CORE, "Namespace");
        self.saw(LookUp::Object(key));
        answer
    }

    pub fn gateway(&self, namespace: &str, name: &str) -> Answer<(&'v ObjectKey, &'v Gateway)> {
        let key = ObjectKey::new(GATEWAY_API, "Gateway", namespace, name);
        let answer = match self.view.gateways.row(&key) {
            Some((key, gateway)) => Answer::Found((key, &**gateway)),
            None if self.view.is_complete(GATEWAY_API, "Gateway") => Answer::Absent,
            None => Answer::Unknown,
        };
        self.saw(LookUp::Object(key));
        answer
    }

    /// A backend that is no Service.
    pub fn backend(&self, group: &str, kind: &str, namespace: &str, name: &str) -> Answer<&'v Backend> {
        let key = ObjectKey::new(group, kind, namespace, name);
        let answer = self.answer(self.view.backends.get(&key), group, kind);
        self.saw(LookUp::Object(key));
        answer
    }

    /// Who programs Gateways of this class. The control planes' own classes need no GatewayClass object in the view.
    pub fn controller(&self, class: &str) -> Answer<Controller> {
        let key = ObjectKey::new(GATEWAY_API, "GatewayClass", "", class);
        let answer = self.answer(self.view.classes.get(&key), GATEWAY_API, "GatewayClass");
        self.saw(LookUp::Object(key));
        match (answer, GatewayClass::well_known(class)) {
            (Answer::Found(class), _) => Answer::Found(class.controller),
            (_, Some(controller)) => Answer::Found(controller),
            (Answer::Absent, None) => Answer::Absent,
            (Answer::Unknown, None) => Answer::Unknown,
        }
    }

    /// The grants of a namespace, and whether there can be others.
    pub fn grants(&self, namespace: &str) -> (Vec<Row<'v, ReferenceGrant>>, bool) {
        self.saw(LookUp::List { group: GATEWAY_API, kind: "ReferenceGrant", namespace: namespace.to_owned() });
        let complete = self.view.is_complete(GATEWAY_API, "ReferenceGrant");
        (self.view.grants.in_namespace(namespace).collect(), complete)
    }

    /// The Services of a namespace, for suggestions: no verdict may rest on them, so they are not noted.
    pub fn service_names(&self, namespace: &str) -> impl Iterator<Item = Row<'v, Service>> {
        self.view.services.in_namespace(namespace)
    }

    /// Every Gateway's name, for suggestions: no verdict may rest on them, so they are not noted.
    pub fn gateway_names(&self) -> Vec<&'v ObjectKey> {
        let mut names: Vec<_> = self.view.gateways.all().map(|(key, _)| key).collect();
        names.sort();
        names
    }

    /// The Gateways of a namespace, or of all, and whether there can be others.
    pub fn gateways(&self, namespace: Option<&str>) -> (Vec<Row<'v, Gateway>>, bool) {
        let complete = self.view.is_complete(GATEWAY_API, "Gateway");
        let rows = if let Some(namespace) = namespace {
            self.saw(LookUp::List { group: GATEWAY_API, kind: "Gateway", namespace: namespace.to_owned() });
            self.view.gateways.in_namespace(namespace).collect()
        } else {
            self.saw(LookUp::All { group: GATEWAY_API, kind: "Gateway" });
            let mut all: Vec<_> = self.view.gateways.all().collect();
            all.sort_by_key(|(key, _)| *key);
            all
        };
        (rows, complete)
    }

    /// The telemetry objects of a namespace, in the order of their kinds and names.
    pub fn telemetry_in(&self, namespace: &str) -> Vec<Row<'v, Telemetry>> {
        for kind in
            [TelemetryKind::HttpListenerPolicy, TelemetryKind::ListenerPolicy, TelemetryKind::AgentgatewayPolicy]
        {
            self.saw(LookUp::List { group: kind.group(), kind: kind.name(), namespace: namespace.to_owned() });
        }
        self.view.telemetry.in_namespace(namespace).collect()
    }

    /// The telemetry objects that refer to this object.
    pub fn referrers(&self, target: &ObjectKey) -> Vec<Row<'v, Telemetry>> {
        self.saw(LookUp::Referrers(target.clone()));
        let keys = self.view.referrers.get(target).into_iter().flat_map(|keys| keys.iter());
        keys.filter_map(|key| self.view.telemetry.row(key)).collect()
    }

    /// Every telemetry object whose reference crosses into this namespace or lies in it.
    pub fn referrers_into(&self, namespace: &str) -> Vec<Row<'v, Telemetry>> {
        for kind in
            [TelemetryKind::HttpListenerPolicy, TelemetryKind::ListenerPolicy, TelemetryKind::AgentgatewayPolicy]
        {
            self.saw(LookUp::All { group: kind.group(), kind: kind.name() });
        }
        let mut keys = BTreeSet::new();
        for (target, referrers) in &self.view.referrers {
            if target.namespace == namespace {
                keys.extend(referrers.iter().cloned());
            }
        }
        let mut rows: Vec<_> = self.view.telemetry.all().filter(|(key, _)| keys.contains(*key)).collect();
        rows.sort_by_key(|(key, _)| *key);
        rows
    }

    pub fn config_map(&self, namespace: &str, name: &str) -> Answer<&'v ConfigMap> {
        let key = ObjectKey::new(CORE, "ConfigMap", namespace, name);
        let answer = self.answer(self.view.config_maps.get(&key), CORE, "ConfigMap");
        self.saw(LookUp::Object(key));
        answer
    }

    /// The workloads that are known to mount this ConfigMap.
    pub fn workloads_reading(&self, namespace: &str, config_map: &str) -> Vec<&'v Workload> {
        self.saw(LookUp::List { group: "apps", kind: "Deployment", namespace: namespace.to_owned() });
        let rows = self.view.workloads.in_namespace(namespace);
        rows.map(|(_, workload)| &**workload).filter(|workload| workload.reads(config_map)).collect()
    }

    fn answer<T>(&self, found: Option<&'v Arc<T>>, group: &str, kind: &str) -> Answer<&'v T> {
        match found {
            Some(value) => Answer::Found(value),
            None if self.view.is_complete(group, kind) => Answer::Absent,
            None => Answer::Unknown,
        }
    }

    fn saw(&self, look_up: LookUp) {
        self.seen.borrow_mut().push(look_up);
    }
}
