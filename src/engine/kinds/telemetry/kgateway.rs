//! HTTPListenerPolicy and ListenerPolicy: where their telemetry stands and what of it kgateway reads.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::engine::{
    kinds::telemetry::{
        BackendRef, Listeners, Reference, Setting, Signal, TelemetryKind,
        walk::{references_below, refers},
    },
    node::{Node, Path, Segment},
};

/// `httpSettings`, or the spec of an HTTPListenerPolicy: what holds `accessLog` and `tracing`.
#[derive(Clone, Debug)]
pub struct Settings<'a> {
    pub node: Node<'a>,
    pub listeners: Listeners,
}

/// The sinks of one entry of `accessLog`.
#[derive(Clone, Debug)]
pub struct AccessLogEntry<'a> {
    pub node: Node<'a>,
    pub file: bool,
    pub grpc: bool,
    pub opentelemetry: bool,
    /// A sink under a name that this version does not know; it holds a `backendRef`.
    pub unknown_sink: bool,
}

/// Every place of the spec that holds telemetry settings, `perPort` before `default`, as kgateway reads them.
pub fn settings<'a>(kind: TelemetryKind, spec: &Node<'a>) -> Vec<Settings<'a>> {
    if kind == TelemetryKind::HttpListenerPolicy {
        return vec![Settings { node: spec.clone(), listeners: Listeners::Default }];
    }
    let per_port = spec.get("perPort").items().map(|entry| Settings {
        node: entry.follow(&["listener", "httpSettings"]),
        listeners: Listeners::Port(entry.get("port").as_i64().unwrap_or_default()),
    });
    let default = Settings { node: spec.follow(&["default", "httpSettings"]), listeners: Listeners::Default };
    per_port.chain([default]).filter(|settings| settings.node.is_set()).collect()
}

pub fn access_log<'a>(settings: &Settings<'a>) -> impl Iterator<Item = AccessLogEntry<'a>> + use<'a> {
    settings.node.get("accessLog").items().map(|node| {
        let has = |key: &str| node.value().and_then(|entry| entry.get(key)).is_some_and(|sink| !sink.is_null());
        let known = ["fileSink", "grpcService", "openTelemetry", "filter"];
        let mut sinks = node.value().and_then(Value::as_object).into_iter().flatten();
        AccessLogEntry {
            file: has("fileSink"),
            grpc: has("grpcService"),
            opentelemetry: has("openTelemetry"),
            unknown_sink: sinks.any(|(key, sink)| !known.contains(&key.as_str()) && refers(sink)),
            node,
        }
    })
}

/// What is wrong with the sinks of an entry in every version since 2.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadSink {
    /// `no access log sink specified`
    None,
    /// `access log config cannot have both file sink and grpc service`
    FileAndGrpc,
    /// `grpc service log name cannot be empty`, under this key.
    EmptyLogName(&'static str),
}

impl AccessLogEntry<'_> {
    /// What makes kgateway of this minor version call the whole object invalid.
    pub fn bad_sink(&self, minor: u32) -> Option<BadSink> {
        let empty_name = |key: &str| self.node.follow(&[key, "logName"]).as_str() == Some("");
        if !self.file && !self.grpc && !self.opentelemetry && !self.unknown_sink {
            Some(BadSink::None)
        } else if self.file && self.grpc {
            Some(BadSink::FileAndGrpc)
        } else if self.grpc && empty_name("grpcService") {
            Some(BadSink::EmptyLogName("grpcService"))
        } else if self.opentelemetry
            && !self.file
            && !self.grpc
            && minor <= 2
            && self.node.follow(&["openTelemetry", "grpcService", "logName"]).as_str() == Some("")
        {
            Some(BadSink::EmptyLogName("openTelemetry"))
        } else {
            None
        }
    }
}

/// Every reference that kgateway resolves, every signal that is set, and whether some sink is wrong in itself.
pub(super) fn read(kind: TelemetryKind, spec: &Node<'_>) -> (Vec<Reference>, Vec<Setting>, bool) {
    let all_settings = settings(kind, spec);
    // An `openTelemetry` beside a `grpcService` is never resolved: the only reference that can be bad without harm.
    let mut ignored: BTreeSet<Path> = BTreeSet::new();
    let mut bad_sinks = false;
    for entry in all_settings.iter().flat_map(access_log) {
        bad_sinks |= entry.bad_sink(u32::MAX).is_some();
        if entry.grpc && entry.opentelemetry {
            ignored.insert(entry.node.path().key("openTelemetry"));
        }
    }
    let references = references_below(spec)
        .into_iter()
        .filter(|(path, _)| ignored.is_empty() || !is_within(path, &ignored))
        .filter_map(|(path, value)| {
            let http = |segment: &Segment| matches!(segment, Segment::Key(key) if key.contains("httpService"));
            let grpc = !path.segments().iter().any(http);
            let backend = BackendRef::read(value)?.into();
            Some(Reference { signal: Signal::of(&path), grpc, backend, path: path.into() })
        })
        .collect();
    let mut set = Vec::new();
    for Settings { node, listeners } in &all_settings {
        for (key, signal) in [("accessLog", Signal::AccessLog), ("tracing", Signal::Tracing)] {
            let block = node.get(key);
            if block.is_set() && block.value().and_then(|value| value.as_array()).is_none_or(|list| !list.is_empty()) {
                set.push(Setting { signal, listeners: *listeners, path: block.path().clone().into() });
            }
        }
    }
    (references, set, bad_sinks)
}

/// Whether one of these paths leads to it; there may be thousands of both.
fn is_within(path: &Path, holders: &BTreeSet<Path>) -> bool {
    let mut at = Path::root();
    path.segments().iter().any(|segment| {
        at.push(segment.clone());
        holders.contains(&at)
    })
}
