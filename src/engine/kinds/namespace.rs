//! Namespaces: labels decide where policies apply and where grants may be made.

use std::collections::BTreeMap;

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
    pub annotations: Annotations,
    pub sharing: Sharing,
    /// It is being deleted, and all that lies in it with it.
    pub terminating: bool,
}

/// By key. There are few Namespaces, and policies may read any of them.
pub type Annotations = BTreeMap<Box<str>, Box<str>>;

impl Namespace {
    pub fn read(meta: &Meta<'_>, object: &Value) -> Self {
        let mut labels = meta.labels();
        // Set by the API server on every Namespace, so it counts in files too.
        labels.insert("kubernetes.io/metadata.name".to_owned(), meta.name().to_owned());
        let annotations = Node::root(object).follow(&["metadata", "annotations"]);
        let annotations = annotations.entries().map(|(key, value)| (key.into(), value.text().into())).collect();
        Self { labels, annotations, sharing: Sharing::of(meta), terminating: is_terminating(object) }
    }
}

/// Whether an object is on its way out. It still counts for the control plane: only its absence does harm.
pub fn is_terminating(object: &Value) -> bool {
    Node::root(object).follow(&["metadata", "deletionTimestamp"]).is_set()
}
