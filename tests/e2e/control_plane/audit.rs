//! The API server's audit log, which is where the audit annotations of webhooks end up.

use std::{fs, path::Path};

use serde_json::{Value, json};

pub(super) const LOG: &str = "audit.log";

/// Who wrote what, without the objects; reads are left out.
pub(super) fn policy() -> Value {
    json!({
        "apiVersion": "audit.k8s.io/v1",
        "kind": "Policy",
        "omitStages": ["RequestReceived"],
        "rules": [
            { "level": "None", "verbs": ["get", "list", "watch"] },
            { "level": "Metadata" },
        ],
    })
}

pub(super) fn events(folder: &Path) -> Vec<Value> {
    let text = fs::read_to_string(folder.join(LOG)).unwrap_or_default();
    // The last line may still be on its way.
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

/// `null` where there was no such request.
pub(super) fn annotations(events: &[Value], verb: &str, resource: &str, namespace: &str, name: &str) -> Value {
    let is_it = |event: &&Value| {
        let object = &event["objectRef"];
        let named = object["name"] == name || name.is_empty();
        event["verb"] == verb && object["resource"] == resource && object["namespace"] == namespace && named
    };
    events.iter().rev().find(is_it).map(|event| event["annotations"].clone()).unwrap_or_default()
}
