//! A list of changes as a tree of paths, in which contradictions show.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{CannotEdit, apply_plan};
use crate::engine::{finding::Change, limits, node::Segment, yaml::Dialect};

/// What shall happen at a path and below it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Plan {
    pub(super) what: What,
    pub(super) children: BTreeMap<Segment, Self>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(super) enum What {
    /// Only what the children say.
    #[default]
    Descend,
    Set(Value),
    Remove,
}

// === impl Plan ===

impl Plan {
    pub(super) fn of(changes: &[Change]) -> Result<Self, CannotEdit> {
        let mut root = Self::default();
        for change in changes {
            let path = change.path();
            if path.is_root() {
                return Err(CannotEdit::because("a whole document cannot be set or removed"));
            }
            if path.segments().len() > limits::DEPTH {
                return Err(CannotEdit::because("the path is too long"));
            }
            root.add(path.segments(), change).map_err(|()| CannotEdit::overlap(&path.to_string()))?;
        }
        Ok(root)
    }

    fn add(&mut self, path: &[Segment], change: &Change) -> Result<(), ()> {
        let Some((segment, rest)) = path.split_first() else { return self.decide(change) };
        match (&self.what, change) {
            (What::Descend, _) => self.children.entry(segment.clone()).or_default().add(rest, change),
            // What is below something that goes, goes.
            (What::Remove, Change::Remove { .. }) => Ok(()),
            _ => Err(()),
        }
    }

    fn decide(&mut self, change: &Change) -> Result<(), ()> {
        match (change, &self.what) {
            (Change::Remove { .. }, What::Descend) if !self.sets() => {
                *self = Self { what: What::Remove, children: BTreeMap::new() };
                Ok(())
            }
            (Change::Remove { .. }, What::Remove) => Ok(()),
            (Change::Set { value, .. }, What::Set(other)) if value == other => Ok(()),
            (Change::Set { value, .. }, What::Descend) if self.children.is_empty() => {
                self.what = What::Set(value.clone());
                Ok(())
            }
            _ => Err(()),
        }
    }

    /// Whether anything is set here or below.
    pub(super) fn sets(&self) -> bool {
        matches!(self.what, What::Set(_)) || self.children.values().any(Self::sets)
    }

    /// What the plan makes where there is nothing yet; None where it only removes.
    pub(super) fn fresh(&self) -> Result<Option<Value>, CannotEdit> {
        if let What::Set(value) = &self.what {
            return Ok(Some(value.clone()));
        }
        if !self.sets() {
            return Ok(None);
        }
        let (mut map, mut list) = (Map::new(), Vec::new());
        for (segment, child) in &self.children {
            let Some(value) = child.fresh()? else { continue };
            match segment {
                Segment::Key(key) => drop(map.insert(key.clone(), value)),
                Segment::Index(index) if *index == list.len() => list.push(value),
                Segment::Index(index) => return Err(no_such_index(*index)),
                Segment::Yaml => return Err(CannotEdit::because("there is no string with YAML to write into")),
            }
        }
        match (map.is_empty(), list.is_empty()) {
            (false, false) => Err(CannotEdit::because("something cannot be a list and a mapping")),
            (true, false) => Ok(Some(Value::Array(list))),
            _ => Ok(Some(Value::Object(map))),
        }
    }

    pub(super) fn apply(&self, value: &mut Value, embedded: usize) -> Result<(), CannotEdit> {
        if value.is_null() {
            if let Some(fresh) = self.fresh()? {
                *value = fresh;
            }
            return Ok(());
        }
        let mut gone = Vec::new();
        for (segment, child) in &self.children {
            match (segment, &mut *value) {
                (Segment::Key(key), Value::Object(map)) => child.apply_at_key(map, key, embedded)?,
                (Segment::Index(index), Value::Array(items)) => match (items.get_mut(*index), &child.what) {
                    (Some(_), What::Remove) => gone.push(*index),
                    (Some(item), What::Set(value)) => *item = value.clone(),
                    (Some(item), What::Descend) => child.apply(item, embedded)?,
                    (None, _) => match child.fresh()? {
                        Some(fresh) if *index == items.len() => items.push(fresh),
                        Some(_) => return Err(no_such_index(*index)),
                        None => {}
                    },
                },
                (Segment::Yaml, Value::String(text)) => *text = child.edit_string(text, embedded)?.text,
                _ if child.sets() => {
                    let found = match segment {
                        Segment::Key(_) => "mapping",
                        Segment::Index(_) => "list",
                        Segment::Yaml => "string",
                    };
                    return Err(CannotEdit::because(format!("there is no {found} to write into")));
                }
                _ => {}
            }
        }
        if let Value::Array(items) = value {
            for index in gone.into_iter().rev() {
                items.remove(index);
            }
        }
        Ok(())
    }

    fn apply_at_key(&self, map: &mut Map<String, Value>, key: &str, embedded: usize) -> Result<(), CannotEdit> {
        match (map.get_mut(key), &self.what) {
            (_, What::Remove) => drop(map.remove(key)),
            (_, What::Set(value)) => drop(map.insert(key.to_owned(), value.clone())),
            (Some(child), What::Descend) => self.apply(child, embedded)?,
            (None, What::Descend) => {
                if let Some(fresh) = self.fresh()? {
                    map.insert(key.to_owned(), fresh);
                }
            }
        }
        Ok(())
    }

    /// Edits YAML that is held in a string, which the collector reads.
    pub(super) fn edit_string(&self, text: &str, embedded: usize) -> Result<super::Edited, CannotEdit> {
        let Some(embedded) = embedded.checked_sub(1) else {
            return Err(CannotEdit::because("YAML in strings is nested too deep"));
        };
        apply_plan(text, self, Dialect::Collector, embedded)
    }
}

fn no_such_index(index: usize) -> CannotEdit {
    CannotEdit::because(format!("the list has no place [{index}] to set"))
}
