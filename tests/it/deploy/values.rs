//! Every value of the chart is in its schema, the other way round, and says what it is for.

use std::collections::BTreeSet;

use portcullis::engine::policy::shipped::SHIPPED;
use serde_json::Value;

use super::{CHART, documents, read};

fn schema() -> Value {
    serde_json::from_str(&read(&format!("{CHART}/values.schema.json"))).unwrap()
}

/// What is asked of the value at this path, through references.
fn resolved<'a>(root: &'a Value, schema: &'a Value) -> &'a Value {
    match schema["$ref"].as_str() {
        Some(reference) => root.pointer(reference.trim_start_matches('#')).unwrap(),
        None => schema,
    }
}

/// Every path in the values whose names are the chart's own, as `image.tag`.
fn paths(root: &Value, schema: &Value, value: &Value, path: &str, found: &mut BTreeSet<String>) {
    let schema = resolved(root, schema);
    let Some(properties) = schema["properties"].as_object() else { return };
    assert_eq!(schema["additionalProperties"], false, "{path}: a typo would be no error");
    // What its user fills, as a selector, names nothing.
    let Some(entries) = value.as_object().filter(|entries| !entries.is_empty() || path.is_empty()) else { return };
    let names: BTreeSet<_> = entries.keys().map(String::as_str).collect();
    let known: BTreeSet<_> = properties.keys().map(String::as_str).filter(|name| *name != "global").collect();
    assert_eq!(names, known, "`{path}`: the values, and what the schema knows");
    for (name, entry) in entries {
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        paths(root, &properties[name], entry, &path, found);
        found.insert(path);
    }
}

#[test]
fn every_value_is_in_the_schema_and_the_other_way_round() {
    let (schema, values) = (schema(), documents(&read(&format!("{CHART}/values.yaml"))).remove(0));
    let mut found = BTreeSet::new();
    paths(&schema, &schema, &values, "", &mut found);
    assert!(found.contains("metrics.serviceMonitor.enabled") && found.contains("policies.in-use.action"), "{found:?}");
}

/// On the line above it. A group needs none of its own: all that is in it has one.
#[test]
fn every_value_has_a_comment() {
    let text = read(&format!("{CHART}/values.yaml"));
    let mut before = "";
    for line in text.lines() {
        let words = line.trim_start();
        let is_value = words.split_once(':').is_some_and(|(name, _)| !name.starts_with('#') && !name.contains(' '));
        let is_group = words.ends_with(':');
        assert!(!is_value || is_group || before.starts_with('#'), "no comment above `{line}`");
        before = words;
    }
}

#[test]
fn the_shipped_policies_can_be_set() {
    let policies = schema()["properties"]["policies"]["properties"].as_object().unwrap().clone();
    let names: BTreeSet<_> = policies.keys().cloned().collect();
    assert_eq!(names, SHIPPED.iter().map(|(file, _)| file.trim_end_matches(".yaml").to_owned()).collect());
}
