//! Maps, wherever their entries are.

use std::collections::btree_map;

use crate::engine::cel::{
    Value,
    value::{Key, Map, Text},
};

/// The entries of a map in the order of its keys.
#[derive(Debug)]
pub enum Entries<'m, 'a> {
    Json(serde_json::map::Iter<'a>),
    Shared(btree_map::Iter<'m, Key<'a>, Value<'a>>),
}

// === impl Map ===

impl<'a> Map<'a> {
    pub fn len(&self) -> usize {
        match self {
            Map::Json(entries) => entries.len(),
            Map::Shared(entries) => entries.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// By a key of whatever type. A number finds an int or a uint of its value, and a double only itself, as in cel-go's
    /// `common/types/map.go`; what can be no key finds nothing.
    pub fn find(&self, key: &Value<'_>) -> Option<Value<'a>> {
        match (self, key) {
            (Map::Json(_), Value::String(key)) => self.field(key.as_str()),
            (Map::Json(_), _) => None,
            (Map::Shared(entries), key) => {
                let of = |key: &Key<'_>| entries.get(key).cloned();
                of(&Key::from_value(key)).or_else(|| Key::alike(key).iter().flatten().find_map(of))
            }
        }
    }

    pub fn field(&self, key: &str) -> Option<Value<'a>> {
        match self {
            Map::Json(entries) => entries.get(key).map(Value::from_json),
            Map::Shared(entries) => entries.get(&Key::String(Text::Borrowed(key))).cloned(),
        }
    }

    #[expect(clippy::iter_without_into_iter, reason = "elements are made, and none is lent")]
    pub fn iter(&self) -> Entries<'_, 'a> {
        match self {
            Map::Json(entries) => Entries::Json(entries.iter()),
            Map::Shared(entries) => Entries::Shared(entries.iter()),
        }
    }
}

// === impl Entries ===

impl<'a> Iterator for Entries<'_, 'a> {
    type Item = (Key<'a>, Value<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Entries::Json(entries) => {
                entries.next().map(|(key, value)| (Key::String(Text::Borrowed(key)), Value::from_json(value)))
            }
            Entries::Shared(entries) => entries.next().map(|(key, value)| (key.clone(), value.clone())),
        }
    }
}
