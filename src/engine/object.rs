//! An object as a caller or the API server sends it, read without what no rule reads.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Map, Value, json};

/// An object. Of its managedFields, which are often half of it, only the managers are kept that own something of `spec`:
/// they tell whose the object is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Object(pub Map<String, Value>);

struct Metadata(Map<String, Value>);

struct Managers(Vec<Value>);

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ManagedFields {
    manager: Option<String>,
    fields_v1: Option<Fields>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Fields {
    #[serde(rename = "f:spec")]
    spec: Option<IgnoredAny>,
}

struct ObjectVisitor;

struct MetadataVisitor;

struct ManagersVisitor;

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ObjectVisitor).map(Self)
    }
}

impl<'de> Deserialize<'de> for Metadata {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MetadataVisitor).map(Self)
    }
}

impl<'de> Deserialize<'de> for Managers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ManagersVisitor).map(Self)
    }
}

impl<'de> Visitor<'de> for ObjectVisitor {
    type Value = Map<String, Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a mapping")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
        let mut object = Map::new();
        while let Some(key) = entries.next_key::<String>()? {
            let value = if key == "metadata" {
                entries.next_value::<Option<Metadata>>()?.map_or(Value::Null, |metadata| Value::Object(metadata.0))
            } else {
                entries.next_value()?
            };
            object.insert(key, value);
        }
        Ok(object)
    }
}

impl<'de> Visitor<'de> for MetadataVisitor {
    type Value = Map<String, Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a mapping")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
        let mut metadata = Map::new();
        while let Some(key) = entries.next_key::<String>()? {
            if key == "managedFields" {
                let Managers(managers) = entries.next_value()?;
                if !managers.is_empty() {
                    metadata.insert(key, Value::Array(managers));
                }
            } else {
                metadata.insert(key, entries.next_value()?);
            }
        }
        Ok(metadata)
    }
}

impl<'de> Visitor<'de> for ManagersVisitor {
    type Value = Vec<Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("managed fields")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
        let mut managers = Vec::new();
        while let Some(entry) = entries.next_element::<ManagedFields>()? {
            if entry.fields_v1.is_some_and(|fields| fields.spec.is_some()) {
                managers.push(json!({ "manager": entry.manager.unwrap_or_default() }));
            }
        }
        Ok(managers)
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Vec::new())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(object: &str) -> Result<Value, serde_json::Error> {
        serde_json::from_str::<Object>(object).map(|object| Value::Object(object.0))
    }

    #[test]
    fn of_managed_fields_only_the_owners_of_the_spec_are_kept() {
        let object = read(
            r#"{"kind":"A","metadata":{"name":"a","managedFields":[
                {"manager":"kubectl","operation":"Apply","fieldsV1":{"f:spec":{"f:from":{}},"f:metadata":{}}},
                {"manager":"status","fieldsV1":{"f:status":{}}}]},"spec":{"managedFields":[1]}}"#,
        );
        let expected = json!({
            "kind": "A",
            "metadata": { "name": "a", "managedFields": [{ "manager": "kubectl" }] },
            "spec": { "managedFields": [1] },
        });
        assert_eq!(object.unwrap(), expected);
        assert_eq!(read(r#"{"metadata":{"managedFields":null}}"#).unwrap(), json!({ "metadata": {} }));
        assert_eq!(read(r#"{"metadata":null}"#).unwrap(), json!({ "metadata": null }));
    }

    #[test]
    fn what_is_no_object_is_refused() {
        for text in ["[]", "1", r#""a""#, r#"{"metadata":[]}"#] {
            let said = read(text).unwrap_err().to_string();
            assert!(said.contains("expected a mapping"), "{said}");
        }
    }
}
