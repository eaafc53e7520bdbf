//! From the JSON Schema of a type to a structural schema, which is all that the API server takes
//! (apiextensions.k8s.io/v1, "Specifying a structural schema"): no references, one type at each place, and alternatives
//! as properties of one object.

use schemars::{JsonSchema, generate::SchemaSettings};
use serde_json::{Map, Value, json};

type Schema = Map<String, Value>;

/// The schema of a type as a CustomResourceDefinition may hold it.
pub(super) fn schema_of<T: JsonSchema>() -> Value {
    let settings = SchemaSettings::openapi3().with(|settings| {
        settings.inline_subschemas = true;
        settings.meta_schema = None;
        settings.transforms.clear();
    });
    structural(settings.into_generator().into_root_schema_for::<T>().to_value())
}

fn structural(schema: Value) -> Value {
    let Value::Object(mut schema) = schema else {
        // `true`: any value. What we read as any value is always an object.
        return json!({ "type": "object", "x-kubernetes-preserve-unknown-fields": true });
    };
    for unknown in ["$schema", "title", "$defs", "definitions", "components"] {
        schema.remove(unknown);
    }
    drop_null(&mut schema);
    // An optional enum is one inside the other.
    for key in ["anyOf", "oneOf"] {
        if let Some(Value::Array(branches)) = schema.remove(key) {
            merge(&mut schema, branches);
        }
    }
    // Lines of a doc comment are no lines for who reads it in a terminal of another width.
    if let Some(Value::String(text)) = schema.get_mut("description") {
        *text = text.replace("\n\n", "\r").replace('\n', " ").replace('\r', "\n\n");
    }
    if let Some(only) = schema.remove("const") {
        schema.insert("enum".to_owned(), json!([only]));
    }
    // Unknown fields are pruned, and refused by `kubectl --validate=strict`: a structural schema has no other word for it.
    if schema.get("additionalProperties") == Some(&Value::Bool(false)) {
        schema.remove("additionalProperties");
    }
    // A default that says no more than absence would be written into every stored object.
    let says_nothing = |default: &Value| match default {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(map) => map.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    };
    if schema.get("default").is_some_and(says_nothing) {
        schema.remove("default");
    }
    if let Some(Value::Object(properties)) = schema.get_mut("properties") {
        for property in properties.values_mut() {
            *property = structural(property.take());
        }
    }
    for inner in ["items", "additionalProperties"] {
        if let Some(inner) = schema.get_mut(inner) {
            *inner = structural(inner.take());
        }
    }
    Value::Object(schema)
}

/// Optional is absent: what may be null for serde is not `nullable`, and the API server then drops nulls.
fn drop_null(schema: &mut Schema) {
    schema.remove("nullable");
    if let Some(Value::Array(types)) = schema.get_mut("type") {
        types.retain(|one| one != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            schema.insert("type".to_owned(), only);
        }
    }
}

/// Alternatives become one schema: `enum` of all words, or an object with the properties of all branches.
fn merge(schema: &mut Schema, branches: Vec<Value>) {
    let is_null = |branch: &Value| branch.get("type") == Some(&json!("null"));
    let mut meanings = Vec::new();
    for branch in branches.into_iter().filter(|branch| !is_null(branch)) {
        let Value::Object(mut branch) = branch else { continue };
        let description = branch.remove("description");
        if let Some(word) = branch.get("const").and_then(Value::as_str)
            && let Some(text) = description.as_ref().and_then(Value::as_str)
        {
            meanings.push(format!("`{word}`: {}", text.replace('\n', " ")));
        }
        for (key, value) in branch {
            let value = if key == "const" { json!([value]) } else { value };
            let key = if key == "const" { "enum".to_owned() } else { key };
            match (schema.get_mut(&key), value) {
                (Some(Value::Array(words)), Value::Array(more)) if key == "enum" => words.extend(more),
                (Some(Value::Object(known)), Value::Object(mut more)) if key == "properties" => {
                    describe(&mut more, description.as_ref());
                    known.extend(more);
                }
                (None, Value::Object(mut more)) if key == "properties" => {
                    describe(&mut more, description.as_ref());
                    schema.insert(key, Value::Object(more));
                }
                // Which branch it is, a branch says by what it requires: nothing is required of the whole.
                (None, value) if key != "required" => {
                    schema.insert(key, value);
                }
                _ => {}
            }
        }
        if let Some(description) = description {
            schema.entry("description").or_insert(description);
        }
    }
    if !meanings.is_empty() {
        let about = schema.get("description").and_then(Value::as_str).unwrap_or_default();
        let about = format!("{about} {}.", meanings.join("; ")).trim().to_owned();
        schema.insert("description".to_owned(), Value::String(about));
    }
}

/// What is said of a variant is said of the property that stands for it.
fn describe(properties: &mut Schema, description: Option<&Value>) {
    for property in properties.values_mut().filter_map(Value::as_object_mut) {
        if let Some(description) = description {
            property.insert("description".to_owned(), description.clone());
        }
    }
}
