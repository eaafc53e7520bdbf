//! Whether a collector would start with a configuration, told from the configuration alone: what `otelcol validate`
//! checks that does not depend on the settings of a component (`otelcol/config.go`, `service/pipelines/config.go`).
//!
//! The words are the collector's own, so that they can be searched for; its prefixes differ between versions.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{
    Extent, Image, extent, flattened,
    parse::ComponentId,
    pipelines::{Configuration, List, Pipeline, Pipelines, Section},
};
use crate::engine::node::Path;

mod graph;

/// Why a collector does not start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rule {
    /// No component is defined at all.
    Empty,
    NoReceivers,
    NoExporters,
    NoPipelines,
    PipelineWithoutReceivers,
    PipelineWithoutExporters,
    /// A pipeline refers to what is not defined.
    Undefined,
    ProcessorTwice,
    /// A connector has the name of an exporter or receiver.
    AmbiguousConnector,
    UndefinedExtension,
    /// The image, where it is known, has no component of this type (any more).
    UnknownType,
    /// A connector that pipelines write to and none reads from.
    ConnectorNotRead,
    /// A connector that pipelines read from and none writes to.
    ConnectorNotWritten,
    Cycle,
    /// A `routing` or `failover` connector names a pipeline that does not read from it.
    MissingPipeline,
    UnknownKey,
    BadName,
    DuplicateName,
    WrongType,
    /// A `debug` exporter with a verbosity that there is not.
    BadVerbosity,
}

/// One reason why a collector does not start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    pub rule: Rule,
    /// Relative to the configuration.
    pub path: Path,
    /// What the collector says.
    pub words: String,
}

/// Whether a collector starts with this configuration, as far as [`Rule`]s tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Starts {
    Yes,
    No(Vec<Violation>),
    /// Nothing that is seen forbids it; the reason why that is not all.
    CannotSee(String),
}

/// Why a collector of unknown version would not start with this as its only configuration.
pub fn violations(config: &Value) -> Vec<Violation> {
    violations_in(config, Extent::Whole, Image::UNKNOWN)
}

/// The same for a configuration that may be one of several, and for a known collector.
pub fn violations_in(config: &Value, extent: Extent, image: Image) -> Vec<Violation> {
    let nested = flattened::nested(config);
    let configuration = Configuration::read(nested.as_ref().map_or(config, |nested| &nested.value));
    let mut violations = judge(&configuration, extent, image);
    if let Some(nested) = nested {
        for violation in &mut violations {
            violation.path = nested.locate(config, &violation.path);
        }
    }
    violations
}

pub fn starts(config: &Value) -> Starts {
    let extent = extent(config).unwrap_or(Extent::Whole);
    let violations = violations_in(config, extent, Image::UNKNOWN);
    if !violations.is_empty() {
        return Starts::No(violations);
    }
    if extent == Extent::Part {
        return Starts::CannotSee("it is a part of a configuration, and the other files are not known".to_owned());
    }
    let nested = flattened::nested(config);
    if nested.as_ref().is_some_and(|nested| nested.mixed) {
        return Starts::CannotSee("keys with `::` stand beside nested ones, and chance decides which win".to_owned());
    }
    let configuration = Configuration::read(nested.as_ref().map_or(config, |nested| &nested.value));
    match configuration.unseen.first() {
        Some(unseen) => Starts::CannotSee(format!("`{}` at `{}` is filled in at start", unseen.text, unseen.path)),
        None => Starts::Yes,
    }
}

pub(crate) fn judge(configuration: &Configuration<'_>, extent: Extent, image: Image) -> Vec<Violation> {
    // What does not decode ends the start before anything else is looked at, and is missing from the rest.
    let mut found = configuration.defects.clone();
    refuse_unknown_types(configuration, image, &mut found);
    if !found.is_empty() {
        return found;
    }
    check_verbosities(configuration, &mut found);
    check_sections(configuration, extent, &mut found);
    check_pipelines(configuration, extent, &mut found);
    if found.is_empty() && extent == Extent::Whole {
        graph::check(configuration, &mut found);
    }
    found
}

fn refuse_unknown_types(configuration: &Configuration<'_>, image: Image, found: &mut Vec<Violation>) {
    for (id, definition) in configuration.exporters.definitions() {
        let words = match id.kind.as_str() {
            "logging" if image.refuses_logging() => {
                "'exporters' the logging exporter has been deprecated, use the debug exporter instead".to_owned()
            }
            "debug" if image.lacks_debug() => format!("'exporters' unknown type: \"debug\" for id: \"{id}\""),
            _ => continue,
        };
        found.push(Violation { rule: Rule::UnknownType, path: definition.path.clone(), words });
    }
}

fn check_verbosities(configuration: &Configuration<'_>, found: &mut Vec<Violation>) {
    for (id, definition) in configuration.exporters.definitions().filter(|(id, _)| id.is_debug()) {
        let Some(text) = definition.value.get("verbosity").and_then(Value::as_str) else { continue };
        let is_known = ["basic", "normal", "detailed"].iter().any(|known| text.eq_ignore_ascii_case(known));
        if !is_known && !super::is_expansion(text) {
            found.push(Violation {
                rule: Rule::BadVerbosity,
                path: definition.path.key("verbosity"),
                words: format!("exporters::{id}: verbosity level {text:?} is not supported"),
            });
        }
    }
}

/// The collector returns at the first of these, so that a missing section hides every reference to it.
fn check_sections(configuration: &Configuration<'_>, extent: Extent, found: &mut Vec<Violation>) {
    let Configuration { receivers, processors, exporters, connectors, extensions, .. } = configuration;
    if extent == Extent::Whole {
        let missing = if [receivers, processors, exporters, connectors, extensions].iter().all(|one| one.is_empty()) {
            Some((Rule::Empty, Path::root(), "empty configuration file"))
        } else if receivers.is_empty() {
            let words = "no receiver configuration specified in config";
            Some((Rule::NoReceivers, Path::of(&["receivers"]), words))
        } else if exporters.is_empty() {
            let words = "no exporter configuration specified in config";
            Some((Rule::NoExporters, Path::of(&["exporters"]), words))
        } else {
            None
        };
        if let Some((rule, path, words)) = missing {
            found.push(Violation { rule, path, words: words.to_owned() });
            return;
        }
    }
    check_connector_names(configuration, found);
    if extent == Extent::Whole {
        check_extensions(configuration, found);
        for pipeline in configuration.pipelines.seen() {
            let mut check = |kind: &str, list: &List<'_>, defined_in: &[&Section<'_>]| {
                check_references(pipeline, kind, list, defined_in, found);
            };
            check("receiver", &pipeline.receivers, &[receivers, connectors]);
            check("processor", &pipeline.processors, &[processors]);
            check("exporter", &pipeline.exporters, &[exporters, connectors]);
        }
    }
}

fn check_connector_names(configuration: &Configuration<'_>, found: &mut Vec<Violation>) {
    for (id, definition) in configuration.connectors.definitions() {
        let both = [("exporter", &configuration.exporters), ("receiver", &configuration.receivers)];
        for (kind, _) in both.iter().filter(|(_, section)| section.get(id).is_some()) {
            found.push(Violation {
                rule: Rule::AmbiguousConnector,
                path: definition.path.clone(),
                words: format!("connectors::{id}: ambiguous ID: Found both \"{id}\" {kind} and \"{id}\" connector"),
            });
        }
    }
}

fn check_extensions(configuration: &Configuration<'_>, found: &mut Vec<Violation>) {
    if configuration.extensions.is_unseen() {
        return;
    }
    for (id, item) in configuration.started_extensions.ids() {
        if configuration.extensions.get(id).is_none() {
            found.push(Violation {
                rule: Rule::UndefinedExtension,
                path: item.path.clone(),
                words: format!("service::extensions: references extension \"{id}\" which is not configured"),
            });
        }
    }
}

fn check_references(
    pipeline: &Pipeline<'_>,
    kind: &str,
    list: &List<'_>,
    defined_in: &[&Section<'_>],
    found: &mut Vec<Violation>,
) {
    if defined_in.iter().any(|section| section.is_unseen()) {
        return;
    }
    for (id, item) in list.ids().filter(|(id, _)| defined_in.iter().all(|section| section.get(id).is_none())) {
        let words = format!("service::pipelines::{}: references {kind} \"{id}\" which is not configured", pipeline.id);
        found.push(Violation { rule: Rule::Undefined, path: item.path.clone(), words });
    }
}

fn check_pipelines(configuration: &Configuration<'_>, extent: Extent, found: &mut Vec<Violation>) {
    let is_whole = extent == Extent::Whole;
    let has_none = match &configuration.pipelines {
        Pipelines::Absent => true,
        Pipelines::Seen(pipelines) => pipelines.is_empty(),
        Pipelines::Unseen => false,
    };
    if has_none && is_whole {
        found.push(Violation {
            rule: Rule::NoPipelines,
            path: Path::of(&["service", "pipelines"]),
            words: "service::pipelines: service must have at least one pipeline".to_owned(),
        });
    }
    for pipeline in configuration.pipelines.seen() {
        // The collector reports one error of each pipeline.
        let problem = if is_whole && pipeline.receivers.is_empty() {
            Some((Rule::PipelineWithoutReceivers, None, "must have at least one receiver".to_owned()))
        } else if is_whole && pipeline.exporters.is_empty() {
            Some((Rule::PipelineWithoutExporters, Some("exporters"), "must have at least one exporter".to_owned()))
        } else {
            repeated(&pipeline.processors).map(|id| {
                (Rule::ProcessorTwice, Some("processors"), format!("references processor \"{id}\" multiple times"))
            })
        };
        if let Some((rule, key, words)) = problem {
            let path = key.map_or_else(|| pipeline.path.clone(), |key| pipeline.path.key(key));
            let words = format!("service::pipelines::{}: {words}", pipeline.id);
            found.push(Violation { rule, path, words });
        }
    }
}

fn repeated<'l>(list: &'l List<'_>) -> Option<&'l ComponentId> {
    let mut seen = BTreeSet::new();
    list.ids().map(|(id, _)| id).find(|id| !seen.insert(*id))
}

#[cfg(test)]
mod tests;
