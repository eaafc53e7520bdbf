//! AgentgatewayPolicy: telemetry stands under `spec.frontend`; its other references are not ours to judge.

use crate::engine::{
    kinds::telemetry::{BackendRef, Listeners, Reference, Setting, Signal, walk::references_below},
    node::Node,
};

/// As kgateway's; access logs have no sinks here.
pub(super) fn read(spec: &Node<'_>) -> (Vec<Reference>, Vec<Setting>, bool) {
    let frontend = spec.get("frontend");
    let references = references_below(&frontend)
        .into_iter()
        .filter_map(|(path, value)| {
            let holder = path.split_last().map(|(parent, _)| parent).unwrap_or_default();
            let protocol = frontend_sibling(spec, &holder, "protocol");
            Some(Reference {
                signal: Signal::of(&path),
                grpc: protocol != Some("HTTP"),
                backend: BackendRef::read(value)?.into(),
                path: path.into(),
            })
        })
        .collect();
    let settings = [("accessLog", Signal::AccessLog), ("tracing", Signal::Tracing)]
        .into_iter()
        .map(|(key, signal)| (frontend.get(key), signal))
        .filter(|(node, _)| node.is_set())
        .map(|(node, signal)| Setting { signal, listeners: Listeners::Default, path: node.path().clone().into() })
        .collect();
    (references, settings, false)
}

/// The text beside a reference: `protocol` stands next to `backendRef`.
fn frontend_sibling<'a>(spec: &Node<'a>, holder: &crate::engine::node::Path, key: &str) -> Option<&'a str> {
    use crate::engine::node::Segment;
    let inside = holder.segments().get(spec.path().segments().len()..).unwrap_or_default();
    let value = inside.iter().try_fold(spec.value()?, |value, segment| match segment {
        Segment::Key(key) => value.get(key),
        Segment::Index(index) => value.get(index),
        Segment::Yaml => None,
    })?;
    value.get(key)?.as_str()
}
