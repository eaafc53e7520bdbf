//! Immutable facts about the rest of the cluster. Every look-up answers [`Answer::Found`], [`Answer::Absent`] or
//! [`Answer::Unknown`]: what could not be looked up is never taken for what is not there.

pub mod control_plane;
mod index;
mod keys;
pub mod lens;
mod params;
mod rows;
mod table;

use std::{collections::BTreeSet, sync::Arc};

use serde_json::Value;

use crate::engine::{
    kinds::{
        AGENTGATEWAY, CORE, GATEWAY_API, ISTIO, KGATEWAY,
        config_map::ConfigMap,
        gateway::{Gateway, GatewayClass},
        meta::{Meta, Sharing},
        namespace::Namespace,
        reference_grant::ReferenceGrant,
        service::Service,
        telemetry::{BackendRef, Reference, TargetBy, Telemetry, TelemetryKind},
        workload::Workload,
    },
    name::Name,
    subject::ObjectKey,
};
use control_plane::ControlPlane;
use index::{Index, Keyed, Referred, Stored, Targeted, targeted};
pub use lens::{Lens, LookUp};
pub use params::OWN_NAMESPACE;
use params::Params;
use table::{AnyTable, Entry, Table};

/// What a look-up says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer<T> {
    Found(T),
    Absent,
    /// The kind is not watched, not listed yet, or not among the files given.
    Unknown,
}

/// A backend that is no Service: only its existence and its owner's consent matter.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Backend {
    pub sharing: Sharing,
}

/// The facts. Cheap to clone and to change for one object: the maps are persistent.
#[derive(Clone, Debug, Default)]
pub struct View {
    pub control_plane: Arc<ControlPlane>,
    /// Kinds of which every object is in the view, as `(group, kind)`. What is not found of another kind is unknown.
    complete: Arc<BTreeSet<(&'static str, &'static str)>>,
    /// As if every kind were complete but Namespaces, whose labels no closed world knows.
    closed: bool,
    /// What could not be read again when it mattered: whatever the view says of it is unknown.
    doubted: Arc<BTreeSet<LookUp>>,
    /// Grants that are about to be removed count as there.
    with_leaving: bool,
    services: Table<Service>,
    namespaces: Table<Namespace>,
    grants: Table<Keyed<ReferenceGrant>>,
    gateways: Table<Keyed<Gateway>>,
    classes: Table<GatewayClass>,
    /// In the order of [`BACKENDS`].
    backends: [Table<Backend>; BACKENDS.len()],
    /// In the order of [`TelemetryKind::ALL`].
    telemetry: [Table<Stored>; TelemetryKind::ALL.len()],
    config_maps: Table<ConfigMap>,
    /// The ConfigMaps of our own namespace, whole: policies read their parameters from them.
    params: Params,
    /// In the order of [`WORKLOADS`].
    workloads: [Table<Workload>; WORKLOADS.len()],
    /// For each backend, the telemetry objects that refer to it.
    referrers: Index<Referred>,
    /// For each Gateway, the telemetry objects that name it.
    targeting: Index<Targeted>,
}

/// Kinds of backends that are no Services.
static BACKENDS: [(&str, &str); 3] =
    [(AGENTGATEWAY, "AgentgatewayBackend"), (KGATEWAY, "Backend"), (ISTIO, "ServiceEntry")];

const WORKLOADS: [(&str, &str); 4] =
    [(CORE, "Pod"), ("apps", "DaemonSet"), ("apps", "Deployment"), ("apps", "StatefulSet")];

// === impl View ===

impl View {
    /// A view that is empty, and of which nothing is complete.
    pub fn open(control_plane: ControlPlane) -> Self {
        Self { control_plane: Arc::new(control_plane), ..Self::default() }
    }

    /// What is not in it does not exist. Namespaces are an exception: that one is not among the objects given says
    /// nothing of its labels.
    pub fn closed(control_plane: ControlPlane) -> Self {
        Self { closed: true, ..Self::open(control_plane) }
    }

    /// Says that every object of these kinds is in the view.
    #[must_use]
    pub fn complete(mut self, kinds: impl IntoIterator<Item = (&'static str, &'static str)>) -> Self {
        for (group, kind) in kinds {
            self.mark_complete(group, kind, true);
        }
        self
    }

    /// Says whether every object of a kind is in the view: no longer so when its watch is lost.
    pub fn mark_complete(&mut self, group: &'static str, kind: &'static str, complete: bool) {
        // Of ConfigMaps only those of our own namespace are followed.
        if (group, kind) == (CORE, "ConfigMap") {
            self.params.complete = complete;
            return;
        }
        let kinds = Arc::make_mut(&mut self.complete);
        if complete {
            kinds.insert((group, kind));
        } else {
            kinds.remove(&(group, kind));
        }
    }

    /// How many objects of a kind are in the view.
    pub fn len_of(&self, group: &str, kind: &str) -> usize {
        self.table(group, kind).map_or(0, AnyTable::len)
    }

    /// The same view with this object in it, in place of what it was before.
    #[must_use]
    pub fn with(&self, key: &ObjectKey, object: &Value) -> Self {
        let mut view = self.clone();
        view.insert(key, object);
        view
    }

    #[must_use]
    pub fn without(&self, key: &ObjectKey) -> Self {
        let mut view = self.clone();
        view.remove(key);
        view
    }

    /// Without the grants that Portcullis made: what it must still want.
    #[must_use]
    pub fn without_ours(&self) -> Self {
        let mut view = self.clone();
        for Entry { namespace, name, value } in self.grants.all() {
            if value.value.ours {
                view.grants.remove(namespace, name);
            }
        }
        view
    }

    /// As the control plane sees it now: with the grants that are about to be removed. Without them is how it will be, which
    /// is what counts for whoever comes.
    #[must_use]
    pub fn with_leaving(&self) -> Self {
        Self { with_leaving: true, ..self.clone() }
    }

    /// Whether grants that are about to be removed count as there.
    pub const fn counts_leaving(&self) -> bool {
        self.with_leaving
    }

    /// Takes note of an object. A kind that no rule looks up leaves the view as it is.
    pub fn insert(&mut self, key: &ObjectKey, object: &Value) {
        let meta = Meta::of(object);
        match (key.group.as_str(), key.kind.as_str()) {
            (CORE, "Service") => put(&mut self.services, key, Service::read(&meta, object)),
            (CORE, "Namespace") => put(&mut self.namespaces, key, Namespace::read(&meta, object)),
            (CORE, "ConfigMap") => {
                if key.namespace == self.params.namespace {
                    put(&mut self.params.objects, key, Arc::new(object.clone()));
                }
                put(&mut self.config_maps, key, ConfigMap::read(object));
            }
            (GATEWAY_API, "ReferenceGrant") => put_keyed(&mut self.grants, key, ReferenceGrant::read(&meta, object)),
            (GATEWAY_API, "Gateway") => put_keyed(&mut self.gateways, key, Gateway::read(&meta, object)),
            (GATEWAY_API, "GatewayClass") => put(&mut self.classes, key, GatewayClass::read(object)),
            (group, kind) => {
                if let Some(table) = position(&BACKENDS, group, kind).and_then(|at| self.backends.get_mut(at)) {
                    put(table, key, Backend { sharing: Sharing::of(&meta) });
                } else if let Some(table) = position(&WORKLOADS, group, kind).and_then(|at| self.workloads.get_mut(at))
                {
                    put(table, key, Workload::read(kind, object));
                } else if let Some(kind) = TelemetryKind::of(group, kind) {
                    self.insert_telemetry(key, Telemetry::read(kind, object).for_view());
                }
            }
        }
    }

    pub fn remove(&mut self, key: &ObjectKey) {
        self.forget_telemetry(key);
        if (key.group.as_str(), key.kind.as_str()) == (CORE, "ConfigMap") && key.namespace == self.params.namespace {
            self.params.objects.remove(&key.namespace, &key.name);
        }
        if let Some(table) = self.table_mut(&key.group, &key.kind) {
            table.remove(&key.namespace, &key.name);
        }
    }

    /// Says that what the view answers to this must not be relied on.
    pub fn doubt(&mut self, look_up: LookUp) {
        Arc::make_mut(&mut self.doubted).insert(look_up);
    }

    /// Whether this could not be read again. Cheap where nothing is doubted, as for nearly every request.
    pub fn doubts(&self, look_up: &LookUp) -> bool {
        !self.doubted.is_empty() && self.doubted.contains(look_up)
    }

    /// Whether every object of a kind is in the view, so that what is not in it does not exist.
    pub fn is_complete(&self, group: &str, kind: &str) -> bool {
        let namespaces = (group, kind) == (CORE, "Namespace");
        (self.closed && !namespaces) || self.complete.iter().any(|known| *known == (group, kind))
    }

    /// Whether it stands for all there is, as a folder does that is judged alone.
    pub const fn is_closed(&self) -> bool {
        self.closed
    }

    /// The table of telemetry objects of a kind.
    fn telemetry(&self, kind: TelemetryKind) -> Option<&Table<Stored>> {
        self.telemetry.get(TelemetryKind::ALL.iter().position(|known| *known == kind)?)
    }

    fn insert_telemetry(&mut self, key: &ObjectKey, mut telemetry: Telemetry) {
        self.forget_telemetry(key);
        let Some(at) = TelemetryKind::ALL.iter().position(|kind| *kind == telemetry.kind) else { return };
        let Some(table) = self.telemetry.get_mut(at) else { return };
        let namespace = table.namespace(&key.namespace);
        let targets: Vec<_> =
            telemetry.references.iter().map(|reference| Referred::by(&reference.backend, &namespace)).collect();
        for (reference, target) in telemetry.references.iter_mut().zip(&targets) {
            // The same collector is referred to in the same words by others: they share them.
            let other = self.referrers.get(target).next().map(|other| &other.value.references);
            if let Some(same) = other.and_then(|references| in_view(references, &reference.backend)) {
                reference.backend = Arc::clone(&same.backend);
            }
        }
        for target in &mut telemetry.targets {
            if let TargetBy::Name(name) = &mut target.by {
                let known = self.targeting.known(&(namespace.clone(), Some(name.clone())));
                *name = known.and_then(|(_, known)| known.clone()).unwrap_or_else(|| name.clone());
            }
        }
        let key = ObjectKey { namespace: namespace.clone(), ..key.clone() };
        let name = key.name.clone();
        let stored = Arc::new(Keyed { key, value: telemetry });
        table.insert(&namespace, name, Arc::clone(&stored));
        for reference in &stored.value.references {
            self.referrers.add(Referred::by(&reference.backend, &namespace), &stored);
        }
        for target in targeted(&stored) {
            self.targeting.add(target, &stored);
        }
    }

    /// Takes a telemetry object out of the indexes.
    fn forget_telemetry(&mut self, key: &ObjectKey) {
        let Some(kind) = TelemetryKind::of(&key.group, &key.kind) else { return };
        let stored = self.telemetry(kind).and_then(|table| table.get(&key.namespace, &key.name)).cloned();
        let Some(stored) = stored else { return };
        for reference in &stored.value.references {
            self.referrers.remove(&Referred::by(&reference.backend, &stored.key.namespace), &stored);
        }
        for target in targeted(&stored) {
            self.targeting.remove(&target, &stored);
        }
    }

    fn table(&self, group: &str, kind: &str) -> Option<&dyn AnyTable> {
        Some(match (group, kind) {
            (CORE, "Service") => &self.services,
            (CORE, "Namespace") => &self.namespaces,
            (CORE, "ConfigMap") => &self.config_maps,
            (GATEWAY_API, "ReferenceGrant") => &self.grants,
            (GATEWAY_API, "Gateway") => &self.gateways,
            (GATEWAY_API, "GatewayClass") => &self.classes,
            _ => {
                if let Some(at) = position(&BACKENDS, group, kind) {
                    self.backends.get(at)?
                } else if let Some(at) = position(&WORKLOADS, group, kind) {
                    self.workloads.get(at)?
                } else {
                    self.telemetry(TelemetryKind::of(group, kind)?)?
                }
            }
        })
    }

    fn table_mut(&mut self, group: &str, kind: &str) -> Option<&mut dyn AnyTable> {
        Some(match (group, kind) {
            (CORE, "Service") => &mut self.services,
            (CORE, "Namespace") => &mut self.namespaces,
            (CORE, "ConfigMap") => &mut self.config_maps,
            (GATEWAY_API, "ReferenceGrant") => &mut self.grants,
            (GATEWAY_API, "Gateway") => &mut self.gateways,
            (GATEWAY_API, "GatewayClass") => &mut self.classes,
            _ => {
                if let Some(at) = position(&BACKENDS, group, kind) {
                    self.backends.get_mut(at)?
                } else if let Some(at) = position(&WORKLOADS, group, kind) {
                    self.workloads.get_mut(at)?
                } else {
                    let kind = TelemetryKind::of(group, kind)?;
                    self.telemetry.get_mut(TelemetryKind::ALL.iter().position(|known| *known == kind)?)?
                }
            }
        })
    }
}

/// Whether objects of this kind are backends that a view takes note of, Services aside.
pub fn is_backend(group: &str, kind: &str) -> bool {
    position(&BACKENDS, group, kind).is_some()
}

fn position(kinds: &[(&str, &str)], group: &str, kind: &str) -> Option<usize> {
    kinds.iter().position(|known| *known == (group, kind))
}

/// The reference to a backend among those of an object in the view, which are in the order of their backends.
fn in_view<'t>(references: &'t [Reference], backend: &BackendRef) -> Option<&'t Reference> {
    let at = references.binary_search_by(|reference| (*reference.backend).cmp(backend)).ok()?;
    references.get(at)
}

fn put<T>(table: &mut Table<T>, key: &ObjectKey, value: T) {
    table.insert(&key.namespace, key.name.clone(), value);
}

fn put_keyed<T>(table: &mut Table<Keyed<T>>, key: &ObjectKey, value: T) {
    let key = ObjectKey { namespace: table.namespace(&key.namespace), ..key.clone() };
    table.insert(&key.namespace.clone(), key.name.clone(), Keyed { key, value });
}

fn key_of(group: &str, kind: &str, namespace: &Name, name: &Name) -> ObjectKey {
    ObjectKey { group: Name::word(group), kind: Name::word(kind), namespace: namespace.clone(), name: name.clone() }
}

// === impl Answer ===

impl<T> Answer<T> {
    pub fn found(self) -> Option<T> {
        match self {
            Self::Found(value) => Some(value),
            Self::Absent | Self::Unknown => None,
        }
    }

    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Answer<U> {
        match self {
            Self::Found(value) => Answer::Found(f(value)),
            Self::Absent => Answer::Absent,
            Self::Unknown => Answer::Unknown,
        }
    }
}

#[cfg(test)]
mod tests;
