use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::*;
use crate::engine::policy::{compile, shipped::SHIPPED};

fn schema() -> Value {
    schema_of(guard_policy())
}

fn schema_of(mut definition: Value) -> Value {
    definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"].take()
}

/// Every schema of both kinds, with its place.
fn every_schema(check: impl Fn(&[(String, &Value)])) {
    for schema in all().into_iter().map(schema_of) {
        let mut seen = Vec::new();
        walk(String::new(), &schema, &mut seen);
        assert!(seen.len() > 20, "{}", seen.len());
        check(&seen);
    }
}

/// Every schema in it, with its place.
fn walk<'a>(place: String, schema: &'a Value, seen: &mut Vec<(String, &'a Value)>) {
    if let Some(properties) = schema["properties"].as_object() {
        for (name, property) in properties {
            walk(format!("{place}.{name}"), property, seen);
        }
    }
    for (key, mark) in [("items", "[]"), ("additionalProperties", "{}")] {
        if schema[key].is_object() {
            walk(format!("{place}{mark}"), &schema[key], seen);
        }
    }
    seen.push((place, schema));
}

#[test]
fn the_schema_is_structural() {
    let known = [
        "additionalProperties",
        "default",
        "description",
        "enum",
        "format",
        "items",
        "maxItems",
        "maxLength",
        "maxProperties",
        "minItems",
        "minLength",
        "properties",
        "required",
        "type",
        "x-kubernetes-list-map-keys",
        "x-kubernetes-list-type",
        "x-kubernetes-map-type",
        "x-kubernetes-preserve-unknown-fields",
        "x-kubernetes-validations",
    ];
    every_schema(|seen| {
        for (place, schema) in seen {
            let keys: Vec<_> = schema.as_object().unwrap().keys().map(String::as_str).collect();
            assert!(keys.iter().all(|key| known.contains(key)), "{place}: {keys:?}");
            let kind = schema["type"].as_str().unwrap_or_else(|| panic!("{place} has no single type"));
            assert_eq!(kind == "array", !schema["items"].is_null(), "{place}");
            assert!(schema["properties"].is_null() || schema["additionalProperties"].is_null(), "{place}");
            let names = schema["properties"].as_object();
            for required in schema["required"].as_array().into_iter().flatten() {
                assert!(
                    names.is_some_and(|names| names.contains_key(required.as_str().unwrap())),
                    "{place}: {required}"
                );
            }
            for rule in schema["x-kubernetes-validations"].as_array().into_iter().flatten() {
                assert!(rule["rule"].as_str().is_some_and(|rule| !rule.is_empty()), "{place}: {rule}");
                assert!(rule["message"].as_str().is_some_and(|message| !message.is_empty()), "{place}: {rule}");
            }
        }
    });
}

#[test]
fn every_field_is_described_for_users() {
    every_schema(|seen| {
        for (place, schema) in seen {
            let is_item = place.ends_with("[]") || place.ends_with("{}");
            if place == ".metadata" || is_item && schema["type"] != "object" {
                continue;
            }
            if schema["x-kubernetes-preserve-unknown-fields"] == true {
                continue;
            }
            let description = schema["description"].as_str().unwrap_or_else(|| panic!("{place} is not described"));
            assert!(description.ends_with('.') && !description.contains("[`"), "{place}: {description}");
        }
    });
}

#[test]
fn every_list_and_text_that_a_user_writes_has_a_bound() {
    every_schema(|seen| {
        for (place, schema) in seen.iter().filter(|(place, _)| place.starts_with(".spec")) {
            let bound = match schema["type"].as_str() {
                Some("array") => "maxItems",
                Some("string") if schema["enum"].is_null() => "maxLength",
                _ => continue,
            };
            assert!(schema[bound].is_u64(), "{place} has no {bound}");
        }
    });
}

#[test]
fn defaults_are_those_that_an_absent_field_is_read_with() {
    let (schema, mut seen) = (schema(), Vec::new());
    walk(String::new(), &schema, &mut seen);
    let defaults: Vec<_> = seen
        .iter()
        .filter(|(_, schema)| !schema["default"].is_null())
        .map(|(place, schema)| (place.as_str(), schema["default"].clone()))
        .collect();
    let passing = json!([
        "system:serviceaccount:kube-system:generic-garbage-collector",
        "system:serviceaccount:kube-system:namespace-controller",
        "system:kube-controller-manager",
    ]);
    let mut expected = vec![
        (".spec.action", json!("Warn")),
        (".spec.exceptions.allowed", json!(false)),
        (".spec.exceptions.maxDuration", json!("720h")),
        (".spec.failurePolicy", json!("Ignore")),
        (".spec.mutations[].level", json!("warning")),
        (".spec.paramRef.parameterNotFoundAction", json!("Deny")),
        (".spec.remedy", json!("Suggest")),
        (".spec.rule.inUse.passingUsers", passing),
        (".spec.validations[].level", json!("error")),
        (".spec.validations[].reason", json!("Invalid")),
    ];
    expected.sort_by_key(|(place, _)| *place);
    assert_eq!(defaults, expected);
}

#[test]
fn alternatives_become_properties_and_words() {
    let schema = schema();
    let rule = &schema["properties"]["spec"]["properties"]["rule"];
    let names: BTreeSet<_> = rule["properties"].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(names, crate::engine::rules::RULES.iter().map(|rule| rule.name).collect());
    let action = &schema["properties"]["spec"]["properties"]["action"];
    assert_eq!(action["enum"], json!(["Audit", "Warn", "Deny"]));
    assert!(action["description"].as_str().unwrap().contains("`Deny`: the object is refused"), "{action}");
}

/// What a policy says is what the API server keeps of it: nothing is pruned from those we ship.
#[test]
fn the_shipped_policies_fit_their_schema() {
    fn fits(place: &str, value: &Value, schema: &Value) {
        match value {
            Value::Object(map) => {
                for (key, value) in map {
                    let inner = schema["properties"].get(key).or(schema.get("additionalProperties"));
                    fits(&format!("{place}.{key}"), value, inner.unwrap_or_else(|| panic!("{place}.{key} is pruned")));
                }
                for required in schema["required"].as_array().into_iter().flatten() {
                    assert!(map.contains_key(required.as_str().unwrap()), "{place}: no {required}");
                }
            }
            Value::Array(items) => items.iter().for_each(|item| fits(place, item, &schema["items"])),
            word => {
                let words = schema["enum"].as_array();
                assert!(words.is_none_or(|words| words.contains(word)), "{place}: {word}");
            }
        }
    }
    let schema = schema();
    for (file, text) in SHIPPED {
        let policy = yaml::tree::parse(text).unwrap().value(yaml::Dialect::Kubernetes).unwrap();
        fits(file, &policy["spec"], &schema["properties"]["spec"]);
    }
}

#[test]
fn a_policy_that_comes_from_a_cluster_compiles() {
    let (_, text) = SHIPPED[0];
    let mut policy = yaml::tree::parse(text).unwrap().value(yaml::Dialect::Kubernetes).unwrap();
    policy["metadata"]["generation"] = json!(3);
    policy["status"] = json!({ "observedGeneration": 3, "conditions": [{ "type": READY, "status": "True" }] });
    assert!(compile::compile(&policy).is_ok());
}

/// The API server's own types take it: a misspelt keyword would be lost between them.
#[test]
fn nothing_is_lost_in_the_types_of_the_api_server() {
    use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
    for definition in all() {
        let crd: CustomResourceDefinition = serde_json::from_value(definition.clone()).unwrap();
        assert_eq!(serde_json::to_value(crd).unwrap(), definition);
    }
}

#[test]
fn status_is_written_as_kubernetes_writes_it() {
    let status = GuardPolicyStatus {
        observed_generation: Some(3),
        matched_namespaces: Some(0),
        conditions: vec![Condition {
            type_: READY.to_owned(),
            status: ConditionStatus::True,
            reason: "Compiled".to_owned(),
            message: "in force".to_owned(),
            last_transition_time: "2026-01-02T03:04:05Z".to_owned(),
            observed_generation: Some(3),
        }],
    };
    let expected = json!({
        "observedGeneration": 3,
        "matchedNamespaces": 0,
        "conditions": [{
            "type": "Ready", "status": "True", "reason": "Compiled", "message": "in force",
            "lastTransitionTime": "2026-01-02T03:04:05Z", "observedGeneration": 3,
        }],
    });
    assert_eq!(serde_json::to_value(&status).unwrap(), expected);
    assert_eq!(serde_json::to_value(GuardPolicyStatus::default()).unwrap(), json!({}));
}
