//! What an object of this kind cannot hold, of what a patch has put into it. The API server drops a field that it does not know
//! silently, and refuses a value of another type with words that do not name the policy whose patch it was.

use std::collections::BTreeMap;

use serde_json::Value;

use super::schema::{self, Fields, Shape};
use crate::engine::{
    kinds::{split_api_version, telemetry::TelemetryKind},
    node::{Node, Path},
    rules::suggest,
};

/// Places of a telemetry object where something stands that cannot, with what is wrong; none for another kind.
///
/// A field that is like none of those that are known is not told: a later version may have it.
pub fn misfits(object: &Value) -> BTreeMap<Path, String> {
    let text = |key: &str| object.get(key).and_then(Value::as_str).unwrap_or_default();
    let mut found = BTreeMap::new();
    if let Some(kind) = TelemetryKind::of(split_api_version(text("apiVersion")).0, text("kind")) {
        walk(&Node::root(object), schema::fields(kind), &mut found);
    }
    found
}

fn walk(node: &Node<'_>, fields: &'static Fields, found: &mut BTreeMap<Path, String>) {
    for (key, child) in node.entries() {
        let (place, value) = (child.path(), child.value().unwrap_or(&Value::Null));
        match fields.shape(key) {
            None => {
                if let Some(meant) = suggest::closest(key, fields.keys()) {
                    found.insert(place.clone(), format!("there is no field `{place}`; did you mean `{meant}`?"));
                }
            }
            Some(Shape::Any) => {}
            Some(Shape::Fields(_)) if !value.is_object() => {
                found.insert(place.clone(), format!("`{place}` is a mapping, and cannot be {}", shown(value)));
            }
            Some(Shape::Fields(inner)) => walk(&child, inner, found),
            Some(Shape::List(_)) if !value.is_array() => {
                found.insert(place.clone(), format!("`{place}` is a list, and cannot be {}", shown(value)));
            }
            Some(Shape::List(inner)) => {
                for item in child.items() {
                    if item.value().is_some_and(Value::is_object) {
                        walk(&item, inner, found);
                    } else {
                        let (place, value) = (item.path(), item.value().unwrap_or(&Value::Null));
                        found.insert(place.clone(), format!("`{place}` is a mapping, and cannot be {}", shown(value)));
                    }
                }
            }
        }
    }
}

fn shown(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a mapping",
    }
}
