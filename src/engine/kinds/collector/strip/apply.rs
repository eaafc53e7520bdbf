//! Changes on a value, to see what they would make of it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use crate::engine::{
    finding::Change,
    node::{Path, Segment},
};

/// Paths refer to the value as it was: what is set comes first, then what is removed, all of a list at once.
pub(super) fn apply(root: &mut Value, changes: &[Change]) {
    let mut removed: BTreeMap<Path, BTreeSet<&Segment>> = BTreeMap::new();
    for change in changes {
        match change {
            Change::Set { path, value } => {
                if let Some(place) = make(root, path.segments()) {
                    *place = value.clone();
                }
            }
            Change::Remove { path } => {
                if let Some((parent, last)) = path.split_last() {
                    removed.entry(parent).or_default().insert(last);
                }
            }
        }
    }
    for (parent, removed) in removed.iter().rev() {
        remove(root, parent, removed);
    }
}

fn make<'v>(value: &'v mut Value, path: &[Segment]) -> Option<&'v mut Value> {
    let Some((first, rest)) = path.split_first() else { return Some(value) };
    let inner = match first {
        Segment::Key(key) => {
            if value.is_null() {
                *value = Value::Object(Map::new());
            }
            value.as_object_mut()?.entry(key.clone()).or_insert(Value::Null)
        }
        Segment::Index(index) => {
            let items = value.as_array_mut()?;
            if *index == items.len() {
                items.push(Value::Null);
            }
            items.get_mut(*index)?
        }
        Segment::Yaml => return None,
    };
    make(inner, rest)
}

/// All items of a list at once, so that many of them cost no more than few.
fn remove(root: &mut Value, parent: &Path, removed: &BTreeSet<&Segment>) {
    let place = parent.segments().iter().try_fold(root, |value, segment| match segment {
        Segment::Key(key) => value.get_mut(key),
        Segment::Index(index) => value.get_mut(index),
        Segment::Yaml => None,
    });
    match place {
        Some(Value::Object(map)) => map.retain(|key, _| !removed.contains(&Segment::Key(key.clone()))),
        Some(Value::Array(items)) => {
            let mut index = 0;
            items.retain(|_| {
                index += 1;
                !removed.contains(&Segment::Index(index - 1))
            });
        }
        _ => {}
    }
}
