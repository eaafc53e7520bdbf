//! Namespaces: labels decide where policies apply and where grants may be made.

use serde_json::Value;

use crate::engine::{
    kinds::meta::{Meta, Sharing},
    node::Node,
    selector::Labels,
};

/// The lean form of a Namespace.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Namespace {
    pub labels: Labels,
    pub sharing: Sharing,
}

impl Namespace {
    pub fn read(meta: &Meta<'_>) -> Self {
        let mut labels = meta.labels();
        // Set by the API server on every Namespace, so it counts in files too.
        labels.insert("kubernetes.io/metadata.name".to_owned(), meta.name().to_owned());
        Self { labels, sharing: Sharing::of(meta) }
    }
}

/// Whether an object is on its way out. It still counts for the control plane: only its absence does harm.
pub fn is_terminating(object: &Value) -> bool {
    Node::root(object).follow(&["metadata", "deletionTimestamp"]).is_set()
}
