//! Where collector configurations stand: any key of a ConfigMap, and an OpenTelemetryCollector, as object or as text.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::engine::{
    kinds::{
        collector::{Extent, Image, is_debug_exporter},
        meta,
        workload::Container,
    },
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
    /// Arguments that set exporters, and come after every file.
    pub(super) overriding: Vec<Argument>,
}

/// An argument of a collector that sets exporters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Argument {
    pub(super) text: String,
    /// Whether it puts one that only prints into a pipeline.
    pub(super) prints: bool,
}

pub(super) fn of<'a>(judge: &'a Judge<'_>) -> Vec<Carrier<'a>> {
    let object = judge.subject.object();
    let owner = meta::controlling_owner(judge.subject.value());
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

/// Whether the operator does not act on the subject: what it says is not what runs.
pub(super) fn is_unmanaged(judge: &Judge<'_>) -> bool {
    let state = judge.subject.object().follow(&["spec", "managementState"]);
    judge.subject.key.kind == "OpenTelemetryCollector" && state.as_str() == Some("unmanaged")
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
        return Usage { image, extent: None, overriding: Vec::new() };
    }
    let readers = judge.lens.workloads_reading(&key.namespace, &key.name);
    let containers: Vec<&Container> =
        readers.iter().flat_map(|workload| workload.containers_reading(&key.name)).collect();
    let images = containers.iter().map(|container| known(&container.image));
    let several = containers.iter().any(|container| container.config_sources() > 1);
    let arguments = containers.iter().flat_map(|container| &container.config_arguments);
    let overriding: BTreeMap<&str, Argument> =
        arguments.filter_map(|text| Some((&**text, Argument::read(text)?))).collect();
    Usage {
        image: images.reduce(Image::and).unwrap_or(Image::UNKNOWN),
        extent: several.then_some(Extent::Part),
        overriding: overriding.into_values().collect(),
    }
}

// === impl Argument ===

impl Argument {
    /// None for an argument that leaves exporters alone, such as `--set=service.telemetry.logs.level=warn`.
    fn read(text: &str) -> Option<Self> {
        const SHOWN: usize = 100;
        let sets = text.starts_with("--set=") || text.starts_with("--config=yaml:");
        if !sets || !text.contains("exporters") {
            return None;
        }
        let names =
            |text: &str| text.split(|c: char| !(c.is_alphanumeric() || "_/-".contains(c))).any(is_debug_exporter);
        let prints = text.contains("pipelines") && names(text);
        // A whole configuration may stand here, with its secrets.
        let is_long = text.chars().nth(SHOWN).is_some();
        let shown = text.chars().take(SHOWN).chain(is_long.then_some('…')).collect();
        Some(Self { text: shown, prints })
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
