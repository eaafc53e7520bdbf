//! Where collector configurations stand: any key of a ConfigMap, and an OpenTelemetryCollector, as object or as text.

use serde_json::Value;

use crate::engine::{
    kinds::collector::{Extent, Image},
    node::{Node, Path},
    policy::RuleSpec,
    rules::Judge,
    subject::Operation,
};

/// A place that may hold a configuration.
#[derive(Clone, Debug)]
pub(super) struct Carrier<'a> {
    pub(super) path: Path,
    pub(super) content: Content<'a>,
    /// Why it must not be edited.
    pub(super) untouchable: Option<&'static str>,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Content<'a> {
    Object(&'a Value),
    Text(&'a str),
}

/// What is known of the collectors that read it.
#[derive(Clone, Debug)]
pub(super) struct Usage {
    pub(super) image: Image,
    pub(super) extent: Option<Extent>,
    pub(super) overriding_argument: Option<String>,
}

pub(super) fn of<'a>(judge: &'a Judge<'_>) -> Vec<Carrier<'a>> {
    let object = judge.subject.object();
    let owner = controlling_owner(&object);
    if judge.subject.key.kind == "OpenTelemetryCollector" {
        return collector(&object, owner).into_iter().collect();
    }
    // The operator writes it from an OpenTelemetryCollector, which is judged itself, and would write it again.
    if owner == Some("OpenTelemetryCollector") {
        return Vec::new();
    }
    let immutable = object.get("immutable").as_bool() == Some(true) && judge.subject.operation() == Operation::Update;
    let untouchable = match (owner, immutable) {
        (Some(_), _) => Some("another controller owns the ConfigMap and would write it again"),
        (None, true) => Some("the ConfigMap is immutable"),
        (None, false) => None,
    };
    object
        .get("data")
        .entries()
        .filter_map(|(_, node)| {
            let text = node.as_str().filter(|text| text.contains("pipelines"))?;
            Some(Carrier { path: node.path().clone(), content: Content::Text(text), untouchable })
        })
        .collect()
}

fn collector<'a>(object: &Node<'a>, owner: Option<&str>) -> Option<Carrier<'a>> {
    let config = object.follow(&["spec", "config"]);
    let content = match config.value()? {
        Value::String(text) => Content::Text(text),
        value @ Value::Object(_) => Content::Object(value),
        _ => return None,
    };
    let untouchable = owner.map(|_| "another controller owns the collector and would write it again");
    Some(Carrier { path: config.path().clone(), content, untouchable })
}

/// The kind of the owner that is its controller.
fn controlling_owner<'a>(object: &Node<'a>) -> Option<&'a str> {
    let owners = object.follow(&["metadata", "ownerReferences"]);
    owners.items().find(|owner| owner.get("controller").as_bool() == Some(true)).map(|owner| owner.get("kind").text())
}

// === impl Carrier ===

impl Carrier<'_> {
    /// A path inside the configuration, as a path of the subject.
    pub(super) fn inner(&self, path: &Path) -> Path {
        match self.content {
            Content::Object(_) => self.path.join(path),
            Content::Text(_) => self.path.yaml().join(path),
        }
    }
}

/// The collectors that read the subject, as far as they are known.
pub(super) fn usage(judge: &Judge<'_>) -> Usage {
    let key = &judge.subject.key;
    let known = |reference: &str| image(judge, reference);
    if key.kind == "OpenTelemetryCollector" {
        let image = judge.subject.object().follow(&["spec", "image"]);
        let image = image.as_str().map_or(Image::UNKNOWN, known);
        return Usage { image, extent: None, overriding_argument: None };
    }
    let readers = judge.lens.workloads_reading(&key.namespace, &key.name);
    let images = readers.iter().flat_map(|workload| workload.collector_images(&key.name)).map(known);
    let several = readers.iter().any(|workload| workload.config_sources() > 1);
    let overriding = readers.iter().find_map(|workload| workload.overriding_argument()).map(str::to_owned);
    Usage {
        image: images.reduce(Image::and).unwrap_or(Image::UNKNOWN),
        extent: several.then_some(Extent::Part),
        overriding_argument: overriding,
    }
}

/// What an image has; a policy may vouch for images of its own.
fn image(judge: &Judge<'_>, reference: &str) -> Image {
    let vouched = match judge.parameters {
        RuleSpec::DebugExporters(parameters) => &parameters.images_with_nop[..],
        _ => &[],
    };
    if vouched.iter().any(|prefix| reference.starts_with(prefix.as_str())) {
        return Image::parse("otel/opentelemetry-collector-contrib:0.128.0");
    }
    Image::parse(reference)
}
