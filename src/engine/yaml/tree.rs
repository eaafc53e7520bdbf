//! One document as a tree that keeps bytes, styles and anchors; from it come values, spans and edits.

use std::collections::{BTreeMap, HashMap};

use granit_parser::{Event, Options, Parser, ScalarStyle, StructureStyle};
use serde_json::{Map, Value};

use crate::engine::{
    limits,
    node::{Path, Segment},
    yaml::scalar::{self, Dialect},
};

/// A node of a [`Tree`].
pub type Id = usize;

/// One document.
#[derive(Clone, Debug)]
pub struct Tree {
    nodes: Vec<Node>,
}

/// Where a node stands and what it is.
#[derive(Clone, Debug)]
pub struct Node {
    /// Bytes in the document. Of a block collection: from its first key or dash to behind its last scalar.
    pub start: usize,
    pub end: usize,
    /// It has an anchor, so that others may mean it.
    pub anchored: bool,
    pub kind: Kind,
}

#[derive(Clone, Debug)]
pub enum Kind {
    Scalar { value: String, style: ScalarStyle, tag: Option<String> },
    Sequence { flow: bool, items: Vec<Id> },
    Mapping { flow: bool, entries: Vec<(Id, Id)> },
    Alias(Id),
}

/// Why a text is no YAML document, in words for its author.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct YamlError {
    pub message: String,
    /// Byte in the document.
    pub offset: usize,
    /// From 1.
    pub line: usize,
}

/// Where a path leads in a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Located {
    pub node: Id,
    /// The key of the entry, where the path ends at one.
    pub key: Option<Id>,
    /// Whether the whole path exists; else this is the deepest node above it.
    pub exact: bool,
}

/// Reads one document.
///
/// # Errors
/// Text that is no YAML, has a key twice, or goes beyond the limits.
pub fn parse(text: &str) -> Result<Tree, YamlError> {
    let error = |offset: usize, message: String| Err(YamlError::at(text, offset, message));
    if text.len() > limits::DOCUMENT_BYTES {
        return error(0, format!("this document is larger than {} MiB", limits::DOCUMENT_BYTES / 1024 / 1024));
    }
    let mut options = Options::default();
    options.set_emit_comments(false);
    options.flow_nesting_limit = limits::DEPTH;
    options.block_nesting_limit = limits::DEPTH;
    let mut building = Building { text, nodes: Vec::new(), open: Vec::new(), anchors: HashMap::new(), root: None };
    let mut documents = 0;
    for event in Parser::new_from_str_with_options(text, options) {
        let (event, span) = match event {
            Ok(event) => event,
            Err(bad) => {
                let offset = bad.marker().byte_offset().unwrap_or_else(|| byte_of(text, bad.marker().index()));
                return error(offset, plain_words(&bad.info(), text, offset));
            }
        };
        let start = span.start.byte_offset().unwrap_or_default();
        let end = span.end.byte_offset().unwrap_or(start);
        match event {
            Event::DocumentStart(..) => {
                documents += 1;
                if documents > 1 {
                    return error(start, "there is more than one document here, and only the first is read".to_owned());
                }
            }
            Event::Scalar(value, style, anchor, tag) => {
                // An empty plain scalar comes as `~`.
                let value =
                    if style == ScalarStyle::Plain && start == end { String::new() } else { value.into_owned() };
                let tag = tag.map(|tag| format!("{}{}", tag.handle(), tag.suffix()));
                building.add(Kind::Scalar { value, style, tag }, start, end, anchor)?;
            }
            Event::SequenceStart(style, anchor, _) => {
                let flow = style == StructureStyle::Flow;
                building.open(Kind::Sequence { flow, items: Vec::new() }, start, end, anchor)?;
            }
            Event::MappingStart(style, anchor, _) => {
                let flow = style == StructureStyle::Flow;
                building.open(Kind::Mapping { flow, entries: Vec::new() }, start, end, anchor)?;
            }
            Event::SequenceEnd | Event::MappingEnd => building.close(end)?,
            Event::Alias(anchor) => {
                let Some(target) = building.anchors.get(&anchor).copied() else {
                    return error(start, "an alias refers to an anchor that does not exist".to_owned());
                };
                if building.open.iter().any(|open| open.id == target) {
                    return error(start, "an alias refers to what it stands in".to_owned());
                }
                building.add(Kind::Alias(target), start, end, 0)?;
            }
            _ => {}
        }
    }
    if building.root.is_none() {
        building.add(
            Kind::Scalar { value: String::new(), style: ScalarStyle::Plain, tag: None },
            text.len(),
            text.len(),
            0,
        )?;
    }
    Ok(Tree { nodes: building.nodes })
}

struct Building<'t> {
    text: &'t str,
    nodes: Vec<Node>,
    open: Vec<Open>,
    anchors: HashMap<usize, Id>,
    root: Option<Id>,
}

struct Open {
    id: Id,
    /// The key that waits for its value.
    key: Option<Id>,
    /// Lines of the keys, to tell of a key that stands twice.
    keys: BTreeMap<String, usize>,
}

// === impl Building ===

impl Building<'_> {
    fn add(&mut self, kind: Kind, start: usize, end: usize, anchor: usize) -> Result<Id, YamlError> {
        if self.nodes.len() >= limits::NODES {
            let message = format!("this document has more than {} nodes", limits::NODES);
            return Err(YamlError::at(self.text, start, message));
        }
        let id = self.nodes.len();
        self.nodes.push(Node { start, end, anchored: anchor != 0, kind });
        if anchor != 0 {
            self.anchors.insert(anchor, id);
        }
        self.attach(id)?;
        Ok(id)
    }

    fn open(&mut self, kind: Kind, start: usize, end: usize, anchor: usize) -> Result<(), YamlError> {
        let id = self.add(kind, start, end, anchor)?;
        self.open.push(Open { id, key: None, keys: BTreeMap::new() });
        Ok(())
    }

    fn close(&mut self, end: usize) -> Result<(), YamlError> {
        let Some(open) = self.open.pop() else { return Ok(()) };
        let last = match self.nodes.get(open.id).map(|node| &node.kind) {
            Some(Kind::Sequence { flow: false, items }) => items.last().copied(),
            Some(Kind::Mapping { flow: false, entries }) => entries.last().map(|(_, value)| *value),
            _ => None,
        };
        // A block collection's end event stands at the next token: its own end is that of its last child.
        let end = last.and_then(|last| self.nodes.get(last)).map_or(end, |last| last.end);
        if let Some(node) = self.nodes.get_mut(open.id) {
            node.end = end.max(node.start);
        }
        Ok(())
    }

    fn attach(&mut self, id: Id) -> Result<(), YamlError> {
        let Some(open) = self.open.last_mut() else {
            self.root = Some(id);
            return Ok(());
        };
        let key = open.key;
        let (parent, start) = (open.id, self.nodes.get(id).map_or(0, |node| node.start));
        let key_text = match self.nodes.get(id).map(|node| &node.kind) {
            Some(Kind::Scalar { value, .. }) => Some(value.clone()),
            _ => None,
        };
        match self.nodes.get_mut(parent).map(|node| &mut node.kind) {
            Some(Kind::Sequence { items, .. }) => items.push(id),
            Some(Kind::Mapping { entries, .. }) => {
                if let Some(key) = key {
                    entries.push((key, id));
                    open.key = None;
                } else {
                    open.key = Some(id);
                    let line = line_of(self.text, start);
                    let twice = key_text
                        .filter(|key| key != "<<")
                        .and_then(|key| Some((open.keys.insert(key.clone(), line)?, key)));
                    if let Some((first, key)) = twice {
                        let message = format!("the key `{key}` stands twice, first on line {first} of this document");
                        return Err(YamlError::at(self.text, start, message));
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }
}

// === impl Tree ===

impl Tree {
    pub const ROOT: Id = 0;

    pub fn node(&self, id: Id) -> Option<&Node> {
        self.nodes.get(id)
    }

    /// The node that is meant: an alias leads to its anchor.
    pub fn follow(&self, id: Id) -> Id {
        match self.nodes.get(id).map(|node| &node.kind) {
            Some(Kind::Alias(target)) => *target,
            _ => id,
        }
    }

    /// The document's value, with aliases followed and `<<` merged; a key of the mapping itself wins.
    ///
    /// # Errors
    /// More nodes than the limit once aliases are followed.
    pub fn value(&self, dialect: Dialect) -> Result<Value, YamlError> {
        let mut budget = limits::EXPANDED_NODES;
        self.expand(Self::ROOT, dialect, &mut budget, 0)
    }

    fn expand(&self, id: Id, dialect: Dialect, budget: &mut usize, depth: usize) -> Result<Value, YamlError> {
        let Some(node) = self.nodes.get(id) else { return Ok(Value::Null) };
        let too_much = |message: &str| Err(YamlError { message: message.to_owned(), offset: node.start, line: 0 });
        *budget = match budget.checked_sub(1) {
            Some(left) => left,
            None => return too_much("following its aliases, this document is larger than any object can be"),
        };
        // Anchors nest without nesting in the text.
        if depth > limits::DEPTH {
            return too_much("this document is nested too deeply");
        }
        match &node.kind {
            Kind::Alias(target) => self.expand(*target, dialect, budget, depth + 1),
            Kind::Scalar { value, style, tag } => Ok(scalar_value(value, *style, tag.as_deref(), dialect)),
            Kind::Sequence { items, .. } => {
                let items = items.iter().map(|item| self.expand(*item, dialect, budget, depth + 1));
                Ok(Value::Array(items.collect::<Result<_, _>>()?))
            }
            Kind::Mapping { entries, .. } => {
                let mut map = Map::new();
                let mut merged = Map::new();
                for (key, value) in entries {
                    let name = self.key_text(*key, dialect);
                    let value_node = self.expand(*value, dialect, budget, depth + 1)?;
                    if self.is_merge(*key) {
                        merge(&mut merged, value_node);
                    } else {
                        map.insert(name, value_node);
                    }
                }
                for (key, value) in merged {
                    map.entry(key).or_insert(value);
                }
                Ok(Value::Object(map))
            }
        }
    }

    pub fn is_merge(&self, key: Id) -> bool {
        matches!(self.nodes.get(key).map(|node| &node.kind), Some(Kind::Scalar { value, style: ScalarStyle::Plain, .. }) if value == "<<")
    }

    /// A key as text: `80: x` has the key `80`.
    pub fn key_text(&self, key: Id, dialect: Dialect) -> String {
        match self.nodes.get(self.follow(key)).map(|node| &node.kind) {
            Some(Kind::Scalar { value, style, .. }) if *style == ScalarStyle::Plain => {
                match scalar::resolve(value, dialect) {
                    Value::Bool(value) => value.to_string(),
                    Value::Null => "null".to_owned(),
                    _ => value.clone(),
                }
            }
            Some(Kind::Scalar { value, .. }) => value.clone(),
            _ => "?".to_owned(),
        }
    }

    /// Follows a path that does not lead into YAML held in a string.
    pub fn locate(&self, path: &Path) -> Located {
        let mut at = Located { node: self.follow(Self::ROOT), key: None, exact: true };
        for segment in path.segments() {
            let found = match (self.nodes.get(at.node).map(|node| &node.kind), segment) {
                (Some(Kind::Sequence { items, .. }), Segment::Index(index)) => {
                    items.get(*index).map(|item| (None, *item))
                }
                (Some(Kind::Mapping { .. }), Segment::Key(key)) => {
                    self.entry(at.node, key).map(|(key, value)| (Some(key), value))
                }
                _ => None,
            };
            match found {
                Some((key, node)) => at = Located { node: self.follow(node), key, exact: true },
                None => return Located { exact: false, ..at },
            }
        }
        at
    }

    /// The entry of a mapping, or of what is merged into it.
    pub fn entry(&self, mapping: Id, key: &str) -> Option<(Id, Id)> {
        let Some(Kind::Mapping { entries, .. }) = self.nodes.get(self.follow(mapping)).map(|node| &node.kind) else {
            return None;
        };
        let named = |(id, _): &&(Id, Id)| !self.is_merge(*id) && self.key_text(*id, Dialect::Collector) == key;
        entries.iter().find(named).copied().or_else(|| {
            let merged = entries.iter().filter(|(id, _)| self.is_merge(*id)).map(|(_, value)| self.follow(*value));
            merged
                .flat_map(|value| match self.nodes.get(value).map(|node| &node.kind) {
                    Some(Kind::Sequence { items, .. }) => items.clone(),
                    _ => vec![value],
                })
                .find_map(|value| self.entry(value, key))
        })
    }

    /// Whether an anchor stands on the node or anywhere in it.
    pub fn holds_anchor(&self, id: Id) -> bool {
        let Some(node) = self.nodes.get(id) else { return false };
        node.anchored
            || match &node.kind {
                Kind::Sequence { items, .. } => items.iter().any(|item| self.holds_anchor(*item)),
                Kind::Mapping { entries, .. } => {
                    entries.iter().any(|(key, value)| self.holds_anchor(*key) || self.holds_anchor(*value))
                }
                Kind::Scalar { .. } | Kind::Alias(_) => false,
            }
    }
}

// === impl YamlError ===

impl YamlError {
    fn at(text: &str, offset: usize, message: String) -> Self {
        Self { message, offset, line: line_of(text, offset) }
    }
}

fn merge(merged: &mut Map<String, Value>, value: Value) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                merged.entry(key).or_insert(value);
            }
        }
        Value::Array(items) => items.into_iter().for_each(|item| merge(merged, item)),
        _ => {}
    }
}

fn scalar_value(value: &str, style: ScalarStyle, tag: Option<&str>, dialect: Dialect) -> Value {
    match tag {
        Some("tag:yaml.org,2002:str" | "!" | "tag:yaml.org,2002:binary") => Value::String(value.to_owned()),
        Some(
            "tag:yaml.org,2002:int" | "tag:yaml.org,2002:float" | "tag:yaml.org,2002:bool" | "tag:yaml.org,2002:null",
        ) => scalar::resolve(value, dialect),
        _ if style == ScalarStyle::Plain => scalar::resolve(value, dialect),
        _ => Value::String(value.to_owned()),
    }
}

fn line_of(text: &str, offset: usize) -> usize {
    text.as_bytes().iter().take(offset).filter(|byte| **byte == b'\n').count() + 1
}

fn byte_of(text: &str, chars: usize) -> usize {
    text.char_indices().nth(chars).map_or(text.len(), |(byte, _)| byte)
}

/// The parser's words are for those who know YAML's grammar.
fn plain_words(info: &str, text: &str, offset: usize) -> String {
    let line = text.get(..offset).unwrap_or(text).rsplit('\n').next().unwrap_or_default();
    let rest = text.get(offset..).unwrap_or_default();
    if line.trim_end_matches(' ').ends_with('\t') || rest.starts_with('\t') || info.contains("tab") {
        return "a tab is used for indentation, where YAML takes spaces alone".to_owned();
    }
    if info.contains("nesting") || info.contains("recursion") {
        return format!("this document is nested more than {} levels deep", limits::DEPTH);
    }
    format!("this is not YAML: {}", info.trim_end_matches('.'))
}
