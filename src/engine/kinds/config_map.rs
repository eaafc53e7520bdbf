//! ConfigMaps: only what another object's rule reads from them is kept.

use std::collections::BTreeMap;

use memchr::memmem;
use serde_json::Value;

use crate::engine::{base64, node::Node};

/// The key of KrakenD's telemetry in its configuration.
pub const KRAKEND_TELEMETRY: &str = "telemetry/opentelemetry";

/// The key of what KrakenD had before, which gets no updates any more.
pub const KRAKEND_OPENCENSUS: &str = "telemetry/opencensus";

/// The lean form of a ConfigMap: the texts that look like a KrakenD configuration, by key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConfigMap {
    pub krakend: BTreeMap<Box<str>, Box<str>>,
}

impl ConfigMap {
    pub fn read(object: &Value) -> Self {
        let object = Node::root(object);
        let (data, binary) = (object.get("data"), object.get("binaryData"));
        let texts = data.entries().filter_map(|(key, node)| Some((key, Box::from(node.as_str()?))));
        // `kubectl create configmap --from-file` puts there what is no UTF-8, and charts whatever they like.
        let decoded = binary.entries().filter_map(|(key, node)| Some((key, decoded(node.as_str()?)?)));
        let krakend = texts
            .chain(decoded)
            .filter(|(_, text): &(_, Box<str>)| memmem::find(text.as_bytes(), KRAKEND_TELEMETRY.as_bytes()).is_some())
            .map(|(key, text)| (key.into(), text))
            .collect();
        Self { krakend }
    }
}

/// The text behind base64; None where it is none.
fn decoded(base64: &str) -> Option<Box<str>> {
    Some(String::from_utf8(base64::decode_leniently(base64)?).ok()?.into_boxed_str())
}
