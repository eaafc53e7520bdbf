//! A list of changes as a tree of paths, in which contradictions show.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{CannotEdit, apply_plan};
use crate::engine::{
    finding::Change,
    limits,
    node::{Path, Segment},
    yaml::Dialect,
};

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

/// What has been done to a value, as RFC 6902 writes it, and where in it the plan stands.
#[derive(Debug, Default)]
pub(super) struct Done {
    at: Path,
    pub(super) operations: Vec<Value>,
}

// === impl Plan ===

impl Plan {
    pub(super) fn of<'c>(changes: impl IntoIterator<Item = &'c Change>) -> Result<Self, CannotEdit> {
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

    /// On an error the value is changed in part.
    pub(super) fn apply(&self, value: &mut Value, embedded: usize, done: &mut Done) -> Result<(), CannotEdit> {
        if value.is_null() {
            if let Some(fresh) = self.fresh()? {
                done.replaces(value, fresh);
            }
            return Ok(());
        }
        let mut gone = Vec::new();
        for (segment, child) in &self.children {
            if *segment == Segment::Yaml
                && let Value::String(text) = &mut *value
            {
                let edited = child.edit_string(text, embedded)?.text;
                done.replaces(value, Value::String(edited));
                continue;
            }
            done.at.push(segment.clone());
            match (segment, &mut *value) {
                (Segment::Key(key), Value::Object(map)) => child.apply_at_key(map, key, embedded, done)?,
                (Segment::Index(index), Value::Array(items)) => match (items.get_mut(*index), &child.what) {
                    (Some(_), What::Remove) => gone.push(*index),
                    (Some(item), What::Set(value)) => done.replaces(item, value.clone()),
                    (Some(item), What::Descend) => child.apply(item, embedded, done)?,
                    (None, _) => match child.fresh()? {
                        Some(fresh) if *index == items.len() => {
                            done.adds(&fresh);
                            items.push(fresh);
                        }
                        Some(_) => return Err(no_such_index(*index)),
                        None => {}
                    },
                },
                _ if child.sets() => {
                    done.at.pop();
                    return Err(done.nothing_to_write_into(segment));
                }
                _ => {}
            }
            done.at.pop();
        }
        if let Value::Array(items) = value {
            // From the end, so that they do not shift each other.
            for index in gone.into_iter().rev() {
                items.remove(index);
                done.at.push(Segment::Index(index));
                done.removes();
                done.at.pop();
            }
        }
        Ok(())
    }

    fn apply_at_key(
        &self,
        map: &mut Map<String, Value>,
        key: &str,
        embedded: usize,
        done: &mut Done,
    ) -> Result<(), CannotEdit> {
        match (map.get_mut(key), &self.what) {
            (Some(_), What::Remove) => {
                map.remove(key);
                done.removes();
            }
            (Some(child), What::Set(value)) => done.replaces(child, value.clone()),
            (Some(child), What::Descend) => self.apply(child, embedded, done)?,
            (None, _) => {
                if let Some(fresh) = self.fresh()? {
                    done.adds(&fresh);
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

// === impl Done ===

impl Done {
    fn adds(&mut self, value: &Value) {
        self.operations.push(json!({ "op": "add", "path": self.at.json_pointer(), "value": value }));
    }

    fn replaces(&mut self, old: &mut Value, new: Value) {
        if *old != new {
            self.operations.push(json!({ "op": "replace", "path": self.at.json_pointer(), "value": new }));
            *old = new;
        }
    }

    fn removes(&mut self) {
        self.operations.push(json!({ "op": "remove", "path": self.at.json_pointer() }));
    }

    fn nothing_to_write_into(&self, segment: &Segment) -> CannotEdit {
        let found = match segment {
            Segment::Key(_) => "mapping",
            Segment::Index(_) => "list",
            Segment::Yaml => "string",
        };
        CannotEdit::because(if self.at.is_root() {
            format!("there is no {found} to write into")
        } else {
            format!("`{}` is no {found} to write into", self.at)
        })
    }
}

fn no_such_index(index: usize) -> CannotEdit {
    CannotEdit::because(format!("the list has no place [{index}] to set"))
}
