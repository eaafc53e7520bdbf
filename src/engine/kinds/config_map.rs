//! ConfigMaps: only what another object's rule reads from them is kept.

use std::collections::BTreeMap;

use memchr::memmem;
use serde_json::Value;

use crate::engine::node::Node;

/// The key of KrakenD's telemetry in its configuration.
pub const KRAKEND_TELEMETRY: &str = "telemetry/opentelemetry";

/// The lean form of a ConfigMap: the texts that look like a KrakenD configuration, by key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConfigMap {
    pub krakend: BTreeMap<Box<str>, Box<str>>,
}

impl ConfigMap {
    pub fn read(object: &Value) -> Self {
        let krakend = Node::root(object)
            .get("data")
            .entries()
            .filter_map(|(key, node)| node.as_str().map(|text| (key, text)))
            .filter(|(_, text)| memmem::find(text.as_bytes(), KRAKEND_TELEMETRY.as_bytes()).is_some())
            .map(|(key, text)| (key.into(), text.into()))
            .collect();
        Self { krakend }
    }
}
