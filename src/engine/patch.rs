//! From edits to a patched object: edits compose, a remedy is atomic, and applying twice changes nothing.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::engine::{
    decide::{Ask, Ensure, decide},
    evaluate::evaluate,
    finding::{Change, Edit},
    limits,
    node::{Path, Segment},
    select::{Door, Selection},
    subject::Subject,
    view::View,
    yaml::{self, Dialect},
};
use jiff::Timestamp;

/// What the applied edits make of an object.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Settled {
    pub value: Value,
    /// RFC 6902, from the object as it came; empty where nothing changes.
    pub operations: Vec<Value>,
    pub applied: Vec<Applied>,
    /// Edits that were not made, with the reason.
    pub dropped: Vec<(Applied, String)>,
}

/// An edit, and the policy that wanted it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Applied {
    pub policy: String,
    pub title: String,
}

/// Applies the edits that the selected policies want applied, round by round: an edit that overlaps an accepted one
/// waits for the next.
pub fn settle(selection: &Selection, subject: &Subject<'_>, view: &View, now: Timestamp) -> Settled {
    let original = subject.value().clone();
    let mut settled = Settled { value: original.clone(), ..Settled::default() };
    let mut seen = vec![original.clone()];
    for _ in 0..limits::EDIT_ROUNDS {
        let current = subject.with_object(settled.value.clone());
        let verdict = evaluate(selection, &current, view, now);
        let ask = Ask { door: Door::Mutate, dry_run: false, ensure: Ensure::Impossible };
        let mut accepted: Vec<&Arc<Edit>> = Vec::new();
        let mut declined: Vec<&Arc<Edit>> = Vec::new();
        let mut round = Vec::new();
        for (asker, edit) in decide(&verdict, ask).patch {
            // Many findings may share one edit.
            if accepted.iter().chain(&declined).any(|known| Arc::ptr_eq(known, edit)) {
                continue;
            }
            let by = Applied { policy: asker.policy.name.clone(), title: edit.title.clone() };
            if accepted.iter().any(|other| overlap(other, edit)) {
                continue;
            }
            match operations(&settled.value, accepted.iter().copied().chain([edit]).map(|edit| &**edit)) {
                Ok(_) => {
                    accepted.push(edit);
                    round.push(by);
                }
                Err(reason) => {
                    declined.push(edit);
                    if !settled.dropped.iter().any(|(known, _)| *known == by) {
                        settled.dropped.push((by, reason));
                    }
                }
            }
        }
        if accepted.is_empty() {
            return settled;
        }
        let Ok((operations, value)) = operations(&settled.value, accepted.iter().map(|edit| &***edit)) else {
            return settled;
        };
        if seen.contains(&value) {
            // Two policies undo each other: neither is believed.
            let reason = "it and another policy undo each other's edits".to_owned();
            let fighting = settled.applied.drain(..).chain(round).map(|by| (by, reason.clone())).collect::<Vec<_>>();
            return Settled { value: original, dropped: fighting, ..Settled::default() };
        }
        seen.push(value.clone());
        settled.operations.extend(operations);
        settled.value = value;
        settled.applied.extend(round);
    }
    settled
}

/// Whether two edits touch the same place with another effect.
fn overlap(a: &Edit, b: &Edit) -> bool {
    a.changes
        .iter()
        .any(|a| b.changes.iter().any(|b| a != b && (a.path().starts_with(b.path()) || b.path().starts_with(a.path()))))
}

/// The JSON Patch that makes these edits, and the object after it.
///
/// # Errors
/// Why an edit inside a string cannot be made.
pub fn operations<'e>(object: &Value, edits: impl Iterator<Item = &'e Edit>) -> Result<(Vec<Value>, Value), String> {
    let mut structural: Vec<&Change> = Vec::new();
    let mut texts: Vec<(Path, Vec<Change>)> = Vec::new();
    for change in edits.flat_map(|edit| &edit.changes) {
        match change.path().split_at_yaml() {
            (_, None) if !structural.contains(&change) => structural.push(change),
            (_, None) => {}
            (string, Some(inner)) => {
                let inner = match change {
                    Change::Set { value, .. } => Change::Set { path: inner, value: value.clone() },
                    Change::Remove { .. } => Change::Remove { path: inner },
                };
                match texts.iter_mut().find(|(path, _)| *path == string) {
                    Some((_, changes)) if changes.contains(&inner) => {}
                    Some((_, changes)) => changes.push(inner),
                    None => texts.push((string, vec![inner])),
                }
            }
        }
    }
    let mut value = object.clone();
    let mut operations = Vec::new();
    for (path, changes) in texts {
        let Some(Value::String(text)) = path.find(&value) else { return Err(format!("`{path}` is no text")) };
        let edited = yaml::edit::apply(text, &changes, Dialect::Collector).map_err(|error| error.reason)?;
        if edited != *text {
            set(&mut value, &path, &Value::String(edited), &mut operations);
        }
    }
    // Removals come last and from the end, so that they do not shift each other.
    for change in &structural {
        if let Change::Set { path, value: new } = change {
            set(&mut value, path, new, &mut operations);
        }
    }
    let mut removals: Vec<&Path> = structural
        .iter()
        .filter_map(|change| match change {
            Change::Remove { path } => Some(path),
            Change::Set { .. } => None,
        })
        .collect();
    removals.sort();
    for path in removals.into_iter().rev() {
        remove(&mut value, path, &mut operations);
    }
    Ok((operations, value))
}

/// Adds or replaces, and makes the mappings that are missing on the way.
fn set(value: &mut Value, path: &Path, new: &Value, operations: &mut Vec<Value>) {
    let mut at = Path::root();
    for segment in path.segments() {
        if !at.is_root() && at.find(value).is_none_or(Value::is_null) {
            write(value, &at, json!({}), operations);
        }
        at.push(segment.clone());
    }
    if at.find(value) != Some(new) {
        write(value, path, new.clone(), operations);
    }
}

fn write(value: &mut Value, path: &Path, new: Value, operations: &mut Vec<Value>) {
    let op = if path.find(value).is_some() { "replace" } else { "add" };
    let Some((parent, last)) = path.split_last() else { return };
    let Some(holder) = find_mut(value, &parent) else { return };
    match (holder, last) {
        (Value::Object(map), Segment::Key(key)) => {
            map.insert(key.clone(), new.clone());
        }
        (Value::Array(items), Segment::Index(index)) => match items.get_mut(*index) {
            Some(item) => *item = new.clone(),
            None => items.push(new.clone()),
        },
        _ => return,
    }
    operations.push(json!({ "op": op, "path": path.json_pointer(), "value": new }));
}

fn remove(value: &mut Value, path: &Path, operations: &mut Vec<Value>) {
    let Some((parent, last)) = path.split_last() else { return };
    let removed = match (find_mut(value, &parent), last) {
        (Some(Value::Object(map)), Segment::Key(key)) => map.remove(key).is_some(),
        (Some(Value::Array(items)), Segment::Index(index)) if *index < items.len() => {
            items.remove(*index);
            true
        }
        _ => false,
    };
    if removed {
        operations.push(json!({ "op": "remove", "path": path.json_pointer() }));
    }
}

fn find_mut<'a>(value: &'a mut Value, path: &Path) -> Option<&'a mut Value> {
    path.segments().iter().try_fold(value, |value, segment| match segment {
        Segment::Key(key) => value.get_mut(key),
        Segment::Index(index) => value.get_mut(index),
        Segment::Yaml => None,
    })
}
