//! Decodes a configuration, and notes what does not decode and what cannot be seen.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Configuration, Definition, Item, List, Pipeline, Pipelines, Section, Unseen};
use crate::engine::{
    kinds::collector::{
        SPLUNK_CONFIG_SOURCES, TOP_KEYS, is_expansion,
        parse::{ComponentId, PipelineId},
        validity::{Rule, Violation},
    },
    node::{Node, Path},
};

#[derive(Default)]
struct Reader {
    unseen: Vec<Unseen>,
    defects: Vec<Violation>,
}

/// A value of which a mapping is expected.
enum Mapping<'a> {
    Absent,
    Entries(Vec<(&'a str, Node<'a>)>),
    Unseen,
}

pub(super) fn read(config: &Value) -> Configuration<'_> {
    let mut reader = Reader::default();
    let root = Node::root(config);
    let known = |key: &str| TOP_KEYS.contains(&key) || key == SPLUNK_CONFIG_SOURCES;
    if let Mapping::Entries(entries) = reader.mapping(&root) {
        reader.refuse_unknown_keys("", &entries, known);
    }
    let receivers = reader.section(&root, "receivers");
    let processors = reader.section(&root, "processors");
    let exporters = reader.section(&root, "exporters");
    let connectors = reader.section(&root, "connectors");
    let extensions = reader.section(&root, "extensions");
    let (pipelines, started_extensions) = reader.service(&root.get("service"));
    let Reader { unseen, defects } = reader;
    Configuration {
        receivers,
        processors,
        exporters,
        connectors,
        extensions,
        pipelines,
        started_extensions,
        unseen,
        defects,
    }
}

// === impl Reader ===

impl Reader {
    fn defect(&mut self, rule: Rule, path: &Path, words: String) {
        self.defects.push(Violation { rule, path: path.clone(), words });
    }

    /// Notes what `${…}` hides; false where the text has none.
    fn is_unseen(&mut self, node: &Node<'_>) -> bool {
        let Some(text) = node.as_str().filter(|text| is_expansion(text)) else {
            return false;
        };
        self.unseen.push(Unseen { path: node.path().clone(), text: text.to_owned() });
        true
    }

    fn mapping<'a>(&mut self, node: &Node<'a>) -> Mapping<'a> {
        match node.value() {
            None => Mapping::Absent,
            Some(Value::Null) => Mapping::Entries(Vec::new()),
            Some(Value::Object(_)) => Mapping::Entries(node.entries().collect()),
            Some(_) if self.is_unseen(node) => Mapping::Unseen,
            Some(other) => {
                let words = format!("{} expected a map, got {}", quoted(node.path()), kind_of(other));
                self.defect(Rule::WrongType, node.path(), words);
                Mapping::Unseen
            }
        }
    }

    fn refuse_unknown_keys(&mut self, place: &str, entries: &[(&str, Node<'_>)], known: impl Fn(&str) -> bool) {
        for (key, node) in entries {
            if !known(key) {
                self.defect(Rule::UnknownKey, node.path(), format!("'{place}' has invalid keys: {key}"));
            }
        }
    }

    fn section<'a>(&mut self, root: &Node<'a>, key: &str) -> Section<'a> {
        let entries = match self.mapping(&root.get(key)) {
            Mapping::Absent => return Section::Absent,
            Mapping::Unseen => return Section::Unseen,
            Mapping::Entries(entries) => entries,
        };
        let mut definitions = BTreeMap::new();
        for (written, node) in entries {
            let id = match ComponentId::parse(written) {
                Ok(id) => id,
                Err(error) => {
                    self.defect(Rule::BadName, node.path(), format!("'{key}' {error}"));
                    continue;
                }
            };
            let Some(value) = node.value() else { continue };
            // Notes what is hidden, and that a definition is a mapping.
            self.mapping(&node);
            if definitions.contains_key(&id) {
                self.defect(
                    Rule::DuplicateName,
                    node.path(),
                    format!("'{key}' duplicate name \"{id}\" after trimming spaces"),
                );
            }
            definitions.insert(id, Definition { value, path: node.path().clone() });
        }
        Section::Seen(definitions)
    }

    fn service<'a>(&mut self, service: &Node<'a>) -> (Pipelines<'a>, List<'a>) {
        match self.mapping(service) {
            Mapping::Absent => return (Pipelines::Absent, List::Absent),
            Mapping::Unseen => return (Pipelines::Unseen, List::Unseen),
            Mapping::Entries(entries) => {
                let known = |key: &str| matches!(key, "telemetry" | "extensions" | "pipelines");
                self.refuse_unknown_keys("service", &entries, known);
            }
        }
        let extensions = self.list(&service.get("extensions"));
        let entries = match self.mapping(&service.get("pipelines")) {
            Mapping::Absent => return (Pipelines::Absent, extensions),
            Mapping::Unseen => return (Pipelines::Unseen, extensions),
            Mapping::Entries(entries) => entries,
        };
        let mut pipelines: BTreeMap<PipelineId, Pipeline<'a>> = BTreeMap::new();
        for (written, node) in entries {
            let id = match PipelineId::parse(written) {
                Ok(id) => id,
                Err(error) => {
                    self.defect(Rule::BadName, node.path(), format!("'service::pipelines' {error}"));
                    continue;
                }
            };
            let pipeline = self.pipeline(id.clone(), &node);
            if pipelines.contains_key(&id) {
                let words = format!("'service::pipelines' duplicate name \"{id}\" after trimming spaces");
                self.defect(Rule::DuplicateName, node.path(), words);
            }
            pipelines.insert(id, pipeline);
        }
        (Pipelines::Seen(pipelines.into_values().collect()), extensions)
    }

    fn pipeline<'a>(&mut self, id: PipelineId, node: &Node<'a>) -> Pipeline<'a> {
        let path = node.path().clone();
        match self.mapping(node) {
            Mapping::Unseen => {
                return Pipeline {
                    id,
                    path,
                    receivers: List::Unseen,
                    processors: List::Unseen,
                    exporters: List::Unseen,
                };
            }
            Mapping::Absent => {}
            Mapping::Entries(entries) => {
                let known = |key: &str| matches!(key, "receivers" | "processors" | "exporters");
                self.refuse_unknown_keys(&format!("service::pipelines[{id}]"), &entries, known);
            }
        }
        Pipeline {
            id,
            path,
            receivers: self.list(&node.get("receivers")),
            processors: self.list(&node.get("processors")),
            exporters: self.list(&node.get("exporters")),
        }
    }

    fn list<'a>(&mut self, node: &Node<'a>) -> List<'a> {
        match node.value() {
            None | Some(Value::Null) => List::Absent,
            Some(Value::Array(_)) => List::Items(node.items().filter_map(|item| self.item(&item)).collect()),
            Some(_) if self.is_unseen(node) => List::Unseen,
            Some(other) => {
                let words =
                    format!("{} source data must be an array or slice, got {}", quoted(node.path()), kind_of(other));
                self.defect(Rule::WrongType, node.path(), words);
                match other {
                    Value::String(text) => List::Scalar(text, node.path().clone()),
                    _ => List::Absent,
                }
            }
        }
    }

    fn item<'a>(&mut self, node: &Node<'a>) -> Option<Item<'a>> {
        let path = node.path().clone();
        let Some(text) = node.as_str() else {
            let got = node.value().map_or("nothing", kind_of);
            self.defect(
                Rule::WrongType,
                &path,
                format!("{} expected the name of a component, got {got}", quoted(&path)),
            );
            return None;
        };
        if self.is_unseen(node) {
            return Some(Item { text, id: None, path });
        }
        match ComponentId::parse(text) {
            Ok(id) => Some(Item { text, id: Some(id), path }),
            Err(error) => {
                self.defect(Rule::BadName, &path, format!("{} {error}", quoted(&path)));
                None
            }
        }
    }
}

fn quoted(path: &Path) -> String {
    format!("'{path}'")
}

const fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "slice",
        Value::Object(_) => "map",
    }
}
