//! Immutable facts about the rest of the cluster. Every look-up answers [`Answer::Found`], [`Answer::Absent`] or
//! [`Answer::Unknown`]: what could not be looked up is never taken for what is not there.

pub mod control_plane;
pub mod lens;
mod rows;
pub mod table;

use std::{collections::BTreeSet, sync::Arc};

use rpds::{RedBlackTreeMapSync, RedBlackTreeSetSync};
use serde::Deserialize;
use serde_json::Value;

use crate::engine::{
    kinds::{
        CORE, GATEWAY_API,
        config_map::ConfigMap,
        gateway::{Gateway, GatewayClass},
        meta::{Meta, Sharing},
        namespace::Namespace,
        reference_grant::ReferenceGrant,
        service::Service,
        telemetry::{Telemetry, TelemetryKind},
        workload::Workload,
    },
    subject::ObjectKey,
};
use control_plane::ControlPlane;
pub use lens::{Lens, LookUp};
use table::Table;

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
    services: Table<Service>,
    namespaces: Table<Namespace>,
    grants: Table<ReferenceGrant>,
    gateways: Table<Gateway>,
    classes: Table<GatewayClass>,
    backends: Table<Backend>,
    telemetry: Table<Telemetry>,
    config_maps: Table<ConfigMap>,
    workloads: Table<Workload>,
    /// For each backend, the telemetry objects that refer to it: all of a cluster may refer to one collector.
    referrers: RedBlackTreeMapSync<ObjectKey, RedBlackTreeSetSync<ObjectKey>>,
}

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
        self.complete = Arc::new(self.complete.iter().copied().chain(kinds).collect());
        self
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
        for (key, grant) in self.grants.all() {
            if grant.ours {
                view.grants.remove(key);
            }
        }
        view
    }

    /// Takes note of an object. A kind that no rule looks up leaves the view as it is.
    pub fn insert(&mut self, key: &ObjectKey, object: &Value) {
        self.remove(key);
        let meta = object.get("metadata").and_then(|meta| Meta::deserialize(meta).ok()).unwrap_or_default();
        match (key.group.as_str(), key.kind.as_str()) {
            (CORE, "Service") => self.services.insert(key, Service::read(&meta, object)),
            (CORE, "Namespace") => self.namespaces.insert(key, Namespace::read(&meta, object)),
            (CORE, "ConfigMap") => self.config_maps.insert(key, ConfigMap::read(object)),
            (GATEWAY_API, "ReferenceGrant") => self.grants.insert(key, ReferenceGrant::read(&meta, object)),
            (GATEWAY_API, "Gateway") => self.gateways.insert(key, Gateway::read(&meta, object)),
            (GATEWAY_API, "GatewayClass") => self.classes.insert(key, GatewayClass::read(&meta, object)),
            (_, "Backend" | "AgentgatewayBackend" | "ServiceEntry") => {
                self.backends.insert(key, Backend { sharing: Sharing::of(&meta) });
            }
            (CORE, "Pod") | ("apps", "Deployment" | "DaemonSet" | "StatefulSet") => {
                self.workloads.insert(key, Workload::read(&key.kind, object));
            }
            (group, kind) => {
                if let Some(kind) = TelemetryKind::of(group, kind) {
                    let telemetry = Telemetry::read(kind, &meta, object);
                    self.refer(key, &telemetry, true);
                    self.telemetry.insert(key, telemetry);
                }
            }
        }
    }

    pub fn remove(&mut self, key: &ObjectKey) {
        if let Some(telemetry) = self.telemetry.get(key).cloned() {
            self.refer(key, &telemetry, false);
        }
        self.services.remove(key);
        self.namespaces.remove(key);
        self.config_maps.remove(key);
        self.grants.remove(key);
        self.gateways.remove(key);
        self.classes.remove(key);
        self.backends.remove(key);
        self.workloads.remove(key);
        self.telemetry.remove(key);
    }

    /// Everything in a namespace, as when it is deleted.
    pub fn keys_in(&self, namespace: &str) -> Vec<ObjectKey> {
        let mut keys: Vec<ObjectKey> = Vec::new();
        keys.extend(self.services.in_namespace(namespace).map(|(key, _)| key.clone()));
        keys.extend(self.grants.in_namespace(namespace).map(|(key, _)| key.clone()));
        keys.extend(self.backends.in_namespace(namespace).map(|(key, _)| key.clone()));
        keys.extend(self.telemetry.in_namespace(namespace).map(|(key, _)| key.clone()));
        keys.extend(self.gateways.in_namespace(namespace).map(|(key, _)| key.clone()));
        keys
    }

    /// The backends or grants of a kind, as when its definition is deleted.
    pub fn keys_of(&self, group: &str, kind: &str) -> Vec<ObjectKey> {
        let mut keys: Vec<ObjectKey> = self.backends.all().map(|(key, _)| key.clone()).collect();
        keys.extend(self.grants.all().map(|(key, _)| key.clone()));
        keys.retain(|key| key.group == group && key.kind == kind);
        keys.sort();
        keys
    }

    /// Whether every object of a kind is in the view.
    pub fn is_complete(&self, group: &str, kind: &str) -> bool {
        let namespaces = (group, kind) == (CORE, "Namespace");
        (self.closed && !namespaces) || self.complete.iter().any(|known| *known == (group, kind))
    }

    fn refer(&mut self, key: &ObjectKey, telemetry: &Telemetry, add: bool) {
        for reference in &telemetry.references {
            let backend = &reference.backend;
            let target =
                ObjectKey::new(&backend.group, &backend.kind, backend.namespace_or(&key.namespace), &backend.name);
            let known = self.referrers.get(&target);
            if known.is_some_and(|known| known.contains(key)) == add {
                // Several references to one backend.
                continue;
            }
            let mut referrers = known.cloned().unwrap_or_else(RedBlackTreeSetSync::new_sync);
            if add {
                referrers.insert_mut(key.clone());
            } else {
                referrers.remove_mut(key);
            }
            if referrers.is_empty() {
                self.referrers.remove_mut(&target);
            } else {
                self.referrers.insert_mut(target, referrers);
            }
        }
    }
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
