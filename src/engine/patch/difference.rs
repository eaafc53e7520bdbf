//! From a patched object back to an edit: the smallest changes that make one object of the other.
//!
//! What operations did to places in lists is no longer asked: edits of several policies, and of files, compose by paths.

use json_patch::PatchOperation;
use serde_json::{Map, Value};

use crate::engine::{
    finding::Change,
    limits,
    node::{Path, Segment},
    rules::unknown_fields::misfits,
};

/// What a patch must leave as it is: an object with another identity is another object, and the rest is the API server's.
pub const KEPT: [&str; 8] = [
    "/apiVersion",
    "/kind",
    "/metadata/name",
    "/metadata/generateName",
    "/metadata/namespace",
    "/metadata/uid",
    "/metadata/resourceVersion",
    "/status",
];

/// The object after these operations of RFC 6902.
///
/// # Errors
/// An operation that is none, or that cannot be made; an object that is none any more, or another one.
pub fn patched(object: &Value, operations: &[Value]) -> Result<Value, String> {
    if operations.is_empty() {
        return Ok(object.clone());
    }
    let operations: json_patch::Patch = serde_json::from_value(Value::Array(operations.to_vec()))
        .map_err(|error| format!("the patch is none: {error}"))?;
    if operations.0.len() > limits::CEL_OPERATIONS {
        return Err(format!("the patch has {} operations; {} are enough", operations.0.len(), limits::CEL_OPERATIONS));
    }
    let mut after = object.clone();
    let mut made = 0;
    for operation in &operations.0 {
        bounded(&after, operation, &mut made)?;
        json_patch::patch(&mut after, std::slice::from_ref(operation)).map_err(|error| {
            format!("the patch cannot be made: {} at `{}` (operation {operation})", error.kind, error.path)
        })?;
    }
    for kept in KEPT {
        if after.pointer(kept) != object.pointer(kept) {
            return Err(format!(
                "the patch would change `{}`, which no mutation may",
                kept.trim_start_matches('/').replace('/', ".")
            ));
        }
    }
    let no_map = |pointer: &&&str| !after.pointer(pointer).is_none_or(Value::is_object);
    if let Some(pointer) = ["", "/metadata", "/metadata/labels", "/metadata/annotations"].iter().find(no_map) {
        let what = match *pointer {
            "" => "it".to_owned(),
            pointer => format!("`{}`", pointer.trim_start_matches('/').replace('/', ".")),
        };
        return Err(format!("the patch makes an invalid object: {what} is a mapping, and would be none"));
    }
    for texts in ["/metadata/labels", "/metadata/annotations", "/data"] {
        let changed = after.pointer(texts) != object.pointer(texts)
            && (texts != "/data" || after.get("kind") == Some(&"ConfigMap".into()));
        let bad =
            after.pointer(texts).and_then(Value::as_object).into_iter().flatten().find(|(_, value)| !value.is_string());
        if let (true, Some((key, _))) = (changed, bad) {
            return Err(format!(
                "the patch makes an invalid object: `{}` holds texts, and `{key}` would be none",
                texts.trim_start_matches('/').replace('/', ".")
            ));
        }
    }
    let labels = after.pointer("/metadata/labels").filter(|labels| Some(*labels) != object.pointer("/metadata/labels"));
    let bad = labels.and_then(Value::as_object).into_iter().flatten().find(|(_, value)| !is_label(value));
    if let Some((key, value)) = bad {
        return Err(format!("the patch makes an invalid object: the label `{key}` cannot be {value}"));
    }
    let mut wrong_before: Vec<_> = misfits(object).keys().map(without_indices).collect();
    for (place, what) in misfits(&after) {
        // What was there before may have moved in its list.
        let place = without_indices(&place);
        match wrong_before.iter().position(|before| *before == place) {
            Some(before) => drop(wrong_before.swap_remove(before)),
            None => return Err(format!("the patch makes an invalid object: {what}")),
        }
    }
    Ok(after)
}

fn without_indices(path: &Path) -> Vec<Segment> {
    path.segments().iter().filter(|segment| !matches!(segment, Segment::Index(_))).cloned().collect()
}

/// At most 63 letters, digits, `-`, `_` and `.`, the first and the last a letter or digit
/// (<https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#syntax-and-character-set>).
fn is_label(value: &Value) -> bool {
    let text = value.as_str().unwrap_or_default();
    let inner = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let end = |c: Option<char>| c.is_none_or(|c| c.is_ascii_alphanumeric());
    text.len() <= 63 && text.chars().all(inner) && end(text.chars().next()) && end(text.chars().next_back())
}

/// Whether what an operation makes fits into an object: a copy of all there is doubles it, and one into itself nests it.
fn bounded(object: &Value, operation: &PatchOperation, made: &mut usize) -> Result<(), String> {
    let (path, value) = match operation {
        PatchOperation::Add(add) => (&add.path, Some(&add.value)),
        PatchOperation::Replace(replace) => (&replace.path, Some(&replace.value)),
        PatchOperation::Copy(copy) => (&copy.path, object.pointer(copy.from.as_str())),
        PatchOperation::Move(moved) => (&moved.path, object.pointer(moved.from.as_str())),
        PatchOperation::Remove(_) | PatchOperation::Test(_) => return Ok(()),
    };
    let (nodes, depth) = value.map_or((0, 0), extent);
    *made += nodes;
    if *made > limits::CEL_JSON_NODES {
        return Err("the patch makes more than an object can hold".to_owned());
    }
    if path.count() + depth > limits::DEPTH {
        return Err(format!("the patch nests deeper than {} levels", limits::DEPTH));
    }
    Ok(())
}

/// Nodes of a value, a text counting for its length, and levels.
fn extent(value: &Value) -> (usize, usize) {
    let all = |parts: &mut dyn Iterator<Item = &Value>| {
        parts.map(extent).fold((1, 0), |(nodes, depth), (more, deeper)| (nodes + more, depth.max(deeper)))
    };
    let (nodes, depth) = match value {
        Value::Array(items) => all(&mut items.iter()),
        Value::Object(entries) => all(&mut entries.values()),
        Value::String(text) => (1 + text.len() / 16, 0),
        Value::Null | Value::Bool(_) | Value::Number(_) => (1, 0),
    };
    (nodes, depth + 1)
}

/// The changes that make `after` of `before`, in the order of their paths.
pub fn changes(before: &Value, after: &Value) -> Vec<Change> {
    let mut changes = Vec::new();
    compare(&Path::root(), before, after, &mut changes);
    changes
}

fn compare(at: &Path, before: &Value, after: &Value, changes: &mut Vec<Change>) {
    match (before, after) {
        _ if before == after => {}
        (Value::Object(before), Value::Object(after)) => compare_maps(at, before, after, changes),
        (Value::Array(before), Value::Array(after)) if after.starts_with(before) => {
            let added = after.iter().enumerate().skip(before.len());
            changes.extend(added.map(|(index, value)| Change::Set { path: at.index(index), value: value.clone() }));
        }
        (Value::Array(before), Value::Array(after)) if before.len() == after.len() => {
            for (index, (before, after)) in before.iter().zip(after).enumerate() {
                compare(&at.index(index), before, after, changes);
            }
        }
        _ => changes.push(Change::Set { path: at.clone(), value: after.clone() }),
    }
}

fn compare_maps(at: &Path, before: &Map<String, Value>, after: &Map<String, Value>, changes: &mut Vec<Change>) {
    for (key, value) in before {
        match after.get(key) {
            Some(after) => compare(&at.key(key), value, after, changes),
            None => changes.push(Change::Remove { path: at.key(key) }),
        }
    }
    let added = after.iter().filter(|(key, _)| !before.contains_key(*key));
    changes.extend(added.map(|(key, value)| Change::Set { path: at.key(key), value: value.clone() }));
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(before: &Value, after: &Value) -> Vec<String> {
        let words = |change: Change| match change {
            Change::Set { path, value } => format!("{path} = {value}"),
            Change::Remove { path } => format!("- {path}"),
        };
        changes(before, after).into_iter().map(words).collect()
    }

    #[test]
    fn only_what_differs_is_changed() {
        let before = json!({"a": 1, "b": {"c": [1, 2], "d": "x"}, "e": [1, {"f": 1}], "g": [1, 2, 3]});
        let after = json!({"b": {"c": [1, 2, 3, 4], "d": "y"}, "e": [1, {"f": 2}], "g": [1, 3], "h": {}});
        assert_eq!(
            of(&before, &after),
            ["- a", "b.c[2] = 3", "b.c[3] = 4", "b.d = \"y\"", "e[1].f = 2", "g = [1,3]", "h = {}"]
        );
        assert_eq!(of(&before, &before), Vec::<String>::new());
    }

    #[test]
    fn a_patch_leaves_the_identity_of_an_object_alone_and_an_object_of_it() {
        let object = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"x": "1"}});
        let said = |operations: Value| patched(&object, operations.as_array().unwrap()).unwrap_err();
        for (operations, words) in [
            (json!([{"op": "replace", "path": "/metadata/name", "value": "b"}]), "would change `metadata.name`"),
            (json!([{"op": "remove", "path": "/kind"}]), "would change `kind`"),
            (json!([{"op": "remove", "path": "/spec/x"}]), "cannot be made"),
            (json!([{"op": "leap", "path": "/x"}]), "the patch is none"),
            (
                json!([{"op": "add", "path": "/metadata/labels", "value": 1}]),
                "`metadata.labels` is a mapping, and would be none",
            ),
            (
                json!([{"op": "add", "path": "/metadata/labels", "value": {"a": "b c"}}]),
                "the label `a` cannot be \"b c\"",
            ),
            (json!([{"op": "add", "path": "/data/y", "value": 1}]), "`data` holds texts, and `y` would be none"),
        ] {
            let said = said(operations);
            assert!(said.contains(words), "{said}");
        }
        let policy = json!({"apiVersion": "gateway.kgateway.dev/v1alpha1", "kind": "ListenerPolicy", "metadata": {"name": "a"},
            "spec": {"default": {"httpSettings": {"accessLog": [{"fileSink": {}}, {"fileSnk": {}}]}}}});
        let moved = [json!({"op": "remove", "path": "/spec/default/httpSettings/accessLog/0"})];
        assert!(patched(&policy, &moved).is_ok(), "a slip that was there before has moved, and is no other");
        let copies: Vec<_> =
            (0..60).map(|n| json!({"op": "copy", "from": "/data", "path": format!("/data/{n}")})).collect();
        assert!(patched(&object, &copies).unwrap_err().contains("makes more than an object can hold"));
        let nested = vec![json!({"op": "copy", "from": "/data", "path": "/data/x"}); 200];
        let said = patched(&json!({"data": {}}), &nested).unwrap_err();
        assert!(said.contains("nests deeper") || said.contains("makes more"), "{said}");
        let many = vec![json!({"op": "test", "path": "/kind", "value": "ConfigMap"}); 1_001];
        assert!(patched(&object, &many).unwrap_err().contains("1001 operations"));
        let operations = [json!({"op": "add", "path": "/data/y", "value": "2"})];
        assert_eq!(patched(&object, &operations).unwrap()["data"], json!({"x": "1", "y": "2"}));
    }
}
