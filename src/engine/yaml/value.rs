//! The JSON value of a tree: aliases followed, `<<` merged, scalars resolved.

use serde_json::{Map, Value};

use crate::engine::{
    limits,
    yaml::{
        Dialect, YamlError,
        error::too_deep,
        scalar,
        tree::{Entry, Kind, Node, NodeId, Style, Tree},
    },
};

struct Reader<'t> {
    tree: &'t Tree,
    dialect: Dialect,
    nodes: usize,
    bytes: usize,
}

// === impl Tree ===

impl Tree {
    /// What a reader of this dialect sees. Explicit keys win over merged ones, and earlier merges over later ones.
    pub fn value(&self, dialect: Dialect) -> Result<Value, YamlError> {
        Reader { tree: self, dialect, nodes: 0, bytes: 0 }.value(self.root(), 0)
    }

    /// The text of a key as it stands in JSON; None for a list or mapping.
    pub(super) fn key_text(&self, key: NodeId, dialect: Dialect) -> Option<String> {
        let node = self.node(self.follow(key));
        match &node.kind {
            Kind::Scalar { value, style, .. } => match scalar_value(node, value, *style, dialect)? {
                Value::String(text) => Some(text),
                other => Some(other.to_string()),
            },
            _ => None,
        }
    }

    /// Whether an entry is a merge: a plain `<<`.
    pub(super) fn is_merge(&self, entry: &Entry) -> bool {
        let key = self.node(entry.key);
        match &key.kind {
            Kind::Scalar { value, style: Style::Plain, .. } => {
                value == "<<" && matches!(key.tag.as_deref(), None | Some("!!merge"))
            }
            _ => false,
        }
    }
}

// === impl Reader ===

impl Reader<'_> {
    fn value(&mut self, id: NodeId, depth: usize) -> Result<Value, YamlError> {
        let node = self.tree.node(self.tree.follow(id));
        self.nodes += 1;
        if let Kind::Scalar { value, .. } = &node.kind {
            self.bytes += value.len();
        }
        if self.nodes > limits::EXPANDED_NODES || self.bytes > limits::EXPANDED_BYTES {
            return Err(self.tree.error(id, "its aliases make this document too large to be read"));
        }
        if depth > limits::DEPTH {
            return Err(self.tree.error(id, too_deep()));
        }
        match &node.kind {
            Kind::Scalar { value, style, .. } => scalar_value(node, value, *style, self.dialect).ok_or_else(|| {
                let tag = node.tag.as_deref().unwrap_or_default();
                self.tree.error(id, format!("`{value}` does not fit its tag `!!{tag}`"))
            }),
            Kind::Sequence { items, .. } => {
                items.iter().map(|item| self.value(item.node, depth + 1)).collect::<Result<_, _>>().map(Value::Array)
            }
            Kind::Mapping { entries, .. } => self.mapping(entries, depth).map(Value::Object),
            // INVARIANT: `follow` has led to what is no alias.
            Kind::Alias(_) => Ok(Value::Null),
        }
    }

    fn mapping(&mut self, entries: &[Entry], depth: usize) -> Result<Map<String, Value>, YamlError> {
        let mut map = Map::new();
        for entry in entries.iter().filter(|entry| !self.tree.is_merge(entry)) {
            let Some(key) = self.tree.key_text(entry.key, self.dialect) else {
                return Err(self.tree.error(entry.key, "a key must be a string, not a list or mapping"));
            };
            self.bytes += key.len();
            let value = self.value(entry.value, depth + 1)?;
            if map.contains_key(&key) {
                return Err(self.tree.error(entry.key, format!("key `{key}` stands twice")));
            }
            map.insert(key, value);
        }
        for entry in entries.iter().filter(|entry| self.tree.is_merge(entry)) {
            let merged = match self.value(entry.value, depth + 1)? {
                Value::Array(sources) => sources,
                source => vec![source],
            };
            for source in merged {
                let Value::Object(source) = source else {
                    return Err(self.tree.error(entry.value, "`<<` merges a mapping or a list of mappings"));
                };
                for (key, value) in source {
                    map.entry(key).or_insert(value);
                }
            }
        }
        Ok(map)
    }
}

/// None where the text does not fit its tag.
fn scalar_value(node: &Node, value: &str, style: Style, dialect: Dialect) -> Option<Value> {
    match (&node.tag, style) {
        (Some(tag), _) => scalar::tagged(value, tag, dialect),
        (None, Style::Plain) => Some(scalar::resolve(value, dialect)),
        (None, _) => Some(Value::String(value.to_owned())),
    }
}
