//! Keys with `::`, as in `service::pipelines::logs::exporters: [debug]`: the collector's own delimiter
//! (`confmap.KeyDelimiter`), legal wherever a configuration has keys.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::engine::{
    limits,
    node::{Path, Segment},
};

const DELIMITER: &str = "::";

/// Only the skeleton is searched: `service.pipelines.<id>.<list>` is the deepest of what is judged.
const SKELETON_DEPTH: usize = 4;

/// The same configuration with no `::` in its keys.
#[derive(Clone, Debug)]
pub struct Nested {
    pub value: Value,
    /// A key with `::` stands beside a nested one for the same section. Which of them wins is left to chance up to
    /// 0.128.0; here the one with `::` does, as in 0.159.0.
    pub mixed: bool,
    /// Where each key that was split leads, and where it stands.
    split: BTreeMap<Path, Path>,
}

#[derive(Default)]
struct Splitter {
    mixed: bool,
    split: BTreeMap<Path, Path>,
}

/// Splits the keys with `::`; none where there are none.
pub fn nested(config: &Value) -> Option<Nested> {
    first_key(config)?;
    let mut splitter = Splitter::default();
    let value = splitter.split(config, &Path::root(), &Path::root(), SKELETON_DEPTH);
    Some(Nested { value, mixed: splitter.mixed, split: splitter.split })
}

/// Where the first key with `::` stands.
pub fn first_key(config: &Value) -> Option<Path> {
    find_key(config, &mut Path::root(), SKELETON_DEPTH)
}

// === impl Nested ===

impl Nested {
    /// Where in the configuration as written stands what has this path here.
    pub fn locate(&self, config: &Value, path: &Path) -> Path {
        let mut candidates = Vec::new();
        let (mut prefix, mut rest) = (path.clone(), Vec::new());
        while let Some(segment) = prefix.pop() {
            rest.push(segment);
            if let Some(written) = self.split.get(&prefix) {
                candidates.push(rest.iter().rev().fold(written.clone(), |path, segment| path.then(segment.clone())));
            }
        }
        candidates.splice(0..0, self.split.get(path).cloned());
        let found = candidates.iter().find(|candidate| candidate.find(config).is_some()).cloned();
        found.unwrap_or_else(|| match candidates.into_iter().next() {
            Some(candidate) if path.find(config).is_none() => candidate,
            _ => path.clone(),
        })
    }
}

// === impl Splitter ===

impl Splitter {
    fn split(&mut self, value: &Value, path: &Path, written: &Path, depth: usize) -> Value {
        let (Value::Object(map), 1..) = (value, depth) else { return value.clone() };
        let mut merged = Map::new();
        let (split, plain): (Vec<_>, Vec<_>) = map.iter().partition(|(key, _)| key.contains(DELIMITER));
        for (key, value) in plain {
            merged.insert(key.clone(), self.split(value, &path.key(key), &written.key(key), depth - 1));
        }
        for (key, value) in split {
            self.mixed |= key.split(DELIMITER).next().is_some_and(|first| map.contains_key(first));
            // What leads deeper than the skeleton is not judged, and must not end on the stack.
            let steps = key.split(DELIMITER).take(limits::DEPTH).collect::<Vec<_>>();
            let path = steps.iter().fold(path.clone(), |path, step| path.key(step));
            let written = written.key(key);
            let inner = self.split(value, &path, &written, depth.saturating_sub(steps.len()));
            self.split.insert(path, written);
            let wrapped = steps
                .iter()
                .rev()
                .fold(inner, |value, step| Value::Object(Map::from_iter([((*step).to_owned(), value)])));
            if let Value::Object(wrapped) = wrapped {
                merge(&mut merged, wrapped);
            }
        }
        Value::Object(merged)
    }
}

fn find_key(value: &Value, at: &mut Path, depth: usize) -> Option<Path> {
    let (Value::Object(map), 1..) = (value, depth) else { return None };
    for (key, value) in map {
        at.push(Segment::Key(key.clone()));
        if key.contains(DELIMITER) {
            return Some(at.clone());
        }
        if let Some(found) = find_key(value, at, depth - 1) {
            return Some(found);
        }
        at.pop();
    }
    None
}

/// As the collector merges: mappings recursively, anything else by replacement.
fn merge(into: &mut Map<String, Value>, from: Map<String, Value>) {
    for (key, value) in from {
        match (into.get_mut(&key), value) {
            (Some(Value::Object(old)), Value::Object(new)) => merge(old, new),
            (_, value) => {
                into.insert(key, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn keys_are_split_and_found_again() {
        let config = json!({
            "exporters": {"debug": null},
            "service::pipelines::logs::exporters": ["debug"],
            "service::pipelines::logs": {"receivers": ["otlp"]},
        });
        let nested = nested(&config).unwrap();
        assert!(!nested.mixed);
        assert_eq!(
            nested.value,
            json!({
                "exporters": {"debug": null},
                "service": {"pipelines": {"logs": {"exporters": ["debug"], "receivers": ["otlp"]}}},
            })
        );
        let path = Path::of(&["service", "pipelines", "logs", "exporters"]).index(0);
        let written = nested.locate(&config, &path);
        assert_eq!(written, Path::of(&["service::pipelines::logs::exporters"]).index(0));
        assert_eq!(written.find(&config), Some(&json!("debug")));
        let path = Path::of(&["service", "pipelines", "logs", "receivers"]);
        assert_eq!(nested.locate(&config, &path), Path::of(&["service::pipelines::logs", "receivers"]));
        let path = Path::of(&["exporters", "debug"]);
        assert_eq!(nested.locate(&config, &path), path);
    }

    #[test]
    fn a_nested_key_beside_a_split_one_is_told() {
        let config = json!({"service": {"pipelines": {}}, "service::pipelines::logs::exporters": ["debug"]});
        assert!(nested(&config).unwrap().mixed);
        assert!(nested(&json!({"service": {"pipelines": {}}})).is_none());
    }
}
