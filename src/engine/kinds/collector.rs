//! The configuration of an OpenTelemetry Collector: recognised by its shape, read, judged as the collector would judge
//! it at start, and stripped of the exporters that only print.
//!
//! Everything works on a value: YAML text with aliases and merge keys already followed, or `spec.config` of an
//! OpenTelemetryCollector. What stands behind `${…}` is *unseen*: it is never taken for a mistake, nor for proof.

use serde_json::{Map, Value};

pub mod flattened;
pub mod image;
pub mod parse;
pub mod pipelines;
pub mod strip;
pub mod validity;

pub use self::{
    image::Image,
    parse::{ComponentId, PipelineId, Signal, is_debug_exporter, is_expansion},
    pipelines::Configuration,
};

/// How much of a collector's configuration a document holds. A collector takes several `--config` and merges them:
/// mappings recursively, lists and scalars by replacement (`confmap/resolver.go`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// Receivers, exporters and pipelines: it can start a collector by itself.
    Whole,
    /// What is missing may be in other files, and what is here may override them.
    Part,
}

/// The six keys that a configuration may have (`otelcol/unmarshaler.go`); any other one stops the collector.
pub(crate) const TOP_KEYS: [&str; 6] = ["receivers", "processors", "exporters", "connectors", "extensions", "service"];

/// Read by Splunk's distribution before the collector sees the rest.
pub(crate) const SPLUNK_CONFIG_SOURCES: &str = "config_sources";

pub fn looks_like_config(value: &Value) -> bool {
    extent(value).is_some()
}

/// Whether the value is a collector's configuration, told by shape alone: file names and ConfigMap keys say nothing.
pub fn extent(value: &Value) -> Option<Extent> {
    let nested = flattened::nested(value);
    let top = nested.as_ref().map_or(value, |nested| &nested.value).as_object()?;
    let service = top.get("service");
    let pipelines = service.and_then(|service| service.get("pipelines"));
    let has_both_ends = top.contains_key("receivers") && top.contains_key("exporters");
    let has_pipelines = pipelines.and_then(Value::as_object).is_some_and(has_signal_key);
    let only_sections = !top.is_empty() && top.keys().all(|key| TOP_KEYS.contains(&key.as_str()));

    if has_both_ends && (pipelines.is_some() || service.is_some_and(hides)) && (has_pipelines || only_sections) {
        return Some(Extent::Whole);
    }
    let is_fragment = only_sections
        && service.is_none_or(is_service_fragment)
        && (service.is_some() || top.get("exporters").is_some_and(are_definitions));
    (has_pipelines || is_fragment).then_some(Extent::Part)
}

fn has_signal_key(pipelines: &Map<String, Value>) -> bool {
    pipelines.keys().any(|key| PipelineId::parse(key).is_ok())
}

fn hides(value: &Value) -> bool {
    value.as_str().is_some_and(is_expansion)
}

fn are_definitions(exporters: &Value) -> bool {
    exporters.as_object().is_some_and(|exporters| {
        !exporters.is_empty()
            && exporters.iter().all(|(key, value)| {
                ComponentId::parse(key).is_ok() && (value.is_null() || value.is_object() || hides(value))
            })
    })
}

/// Many charts have a `service:` of their own, so its keys must be the collector's.
fn is_service_fragment(service: &Value) -> bool {
    service.as_object().is_some_and(|service| {
        let known = ["extensions", "telemetry", "pipelines"];
        !service.is_empty()
            && service.keys().all(|key| known.contains(&key.as_str()))
            && service.get("pipelines").is_none_or(|pipelines| match pipelines {
                Value::Object(pipelines) => pipelines.is_empty() || has_signal_key(pipelines),
                other => hides(other),
            })
    })
}

#[cfg(test)]
mod tests;
