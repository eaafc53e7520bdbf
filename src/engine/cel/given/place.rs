//! Where something stands in an object, as policies write it.

use std::cell::Cell;

use serde_json::Value;

use crate::engine::{
    cel::Type,
    limits,
    node::{Path, Segment},
};

/// What the places of one subject may still take. Every thing that is told of has a place, so that things are counted by them.
#[derive(Debug)]
pub(super) struct Places(Cell<usize>);

/// What a thing takes beside the keys that lead to it.
const THING: usize = 512;

// === impl Places ===

impl Places {
    pub(super) const fn new() -> Self {
        Self(Cell::new(limits::CEL_GIVEN))
    }

    /// As a policy writes it; nothing once there are too many.
    pub(super) fn at(&self, path: &Path) -> Value {
        let keys: usize = path
            .segments()
            .iter()
            .map(|segment| if let Segment::Key(key) = segment { key.len() + 32 } else { 32 })
            .sum();
        let left = self.0.get().checked_sub(keys + THING);
        self.0.set(left.unwrap_or_default());
        if left.is_some() { at(path) } else { Value::Array(Vec::new()) }
    }

    pub(super) fn are_spent(&self) -> bool {
        self.0.get() == 0
    }

    /// The value, unless there was too much to tell.
    pub(super) fn or_too_much(&self, what: &str, value: Value) -> Result<Value, String> {
        if self.are_spent() {
            Err(format!("the object defines more than can be told of in `{what}`"))
        } else {
            Ok(value)
        }
    }
}

/// The type of a place.
pub(super) fn declared() -> Type {
    Type::list(Type::Dyn)
}

/// Keys as strings, places in lists as numbers. That a string on the way holds YAML is not said: who follows the path finds
/// out.
pub(super) fn at(path: &Path) -> Value {
    path.segments()
        .iter()
        .filter_map(|segment| match segment {
            Segment::Key(key) => Some(Value::from(key.as_str())),
            Segment::Index(index) => Some(Value::from(*index)),
            Segment::Yaml => None,
        })
        .collect()
}
