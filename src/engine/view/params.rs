//! What policies read as `params`: the ConfigMaps of our own namespace, whole. Of all others only what a rule reads is kept.

use std::sync::Arc;

use serde_json::Value;

use crate::engine::{
    kinds::CORE,
    name::Name,
    subject::ObjectKey,
    view::{Answer, Lens, LookUp, View, table::Table},
};

/// Whole ConfigMaps of one namespace.
#[derive(Clone, Debug)]
pub(super) struct Params {
    pub(super) namespace: Name,
    pub(super) objects: Table<Arc<Value>>,
    /// All of them are known.
    pub(super) complete: bool,
}

/// The namespace that the chart is installed into unless somebody says otherwise.
pub const OWN_NAMESPACE: &str = "portcullis-system";

// === impl View ===

impl View {
    /// The namespace in which policies find their parameters, if it is not [`OWN_NAMESPACE`].
    #[must_use]
    pub fn with_params_in(mut self, namespace: &str) -> Self {
        self.params.namespace = Name::new(namespace);
        self
    }

    pub const fn params_namespace(&self) -> &Name {
        &self.params.namespace
    }

    /// Whether all that is followed of a kind is in the view.
    pub fn is_followed(&self, group: &str, kind: &str) -> bool {
        if (group, kind) == (CORE, "ConfigMap") { self.params.complete } else { self.is_complete(group, kind) }
    }

    /// Whether the view can tell if this object exists.
    pub fn knows(&self, key: &ObjectKey) -> bool {
        let is_param = (key.group.as_str(), key.kind.as_str()) == (CORE, "ConfigMap");
        self.has(key) || is_param && self.params.complete && key.namespace == self.params.namespace
    }
}

impl Default for Params {
    fn default() -> Self {
        Self { namespace: Name::known(&OWN_NAMESPACE), objects: Table::default(), complete: false }
    }
}

// === impl Lens ===

impl<'v> Lens<'v> {
    /// A ConfigMap of our own namespace, whole.
    pub fn params(&self, name: &str) -> Answer<&'v Value> {
        let params = &self.view().params;
        let look_up = LookUp::Object(ObjectKey::new(CORE, "ConfigMap", &params.namespace, name));
        let answer = match params.objects.get(&params.namespace, name) {
            _ if self.view().doubts(&look_up) => Answer::Unknown,
            Some(object) => Answer::Found(&**object),
            None if params.complete || self.view().is_closed() => Answer::Absent,
            None => Answer::Unknown,
        };
        self.saw(look_up);
        answer
    }
}
