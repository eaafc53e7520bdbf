//! GuardException as a CustomResourceDefinition.

use serde_json::{Value, json};

use super::{EXPIRING, GROUP, GuardExceptionStatus, READY, VERSION, structural, validation};
use crate::engine::policy::{
    exception::spec::{GuardExceptionSpec, KIND},
    spec::API_VERSION,
};

const PLURAL: &str = "guardexceptions";

/// GuardException.
pub fn guard_exception() -> Value {
    let mut asked = structural::schema_of::<GuardExceptionSpec>();
    validation::add_to_exception(&mut asked);
    json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": { "name": format!("{PLURAL}.{GROUP}") },
        "spec": {
            "group": GROUP,
            "names": {
                "kind": KIND,
                "listKind": format!("{KIND}List"),
                "plural": PLURAL,
                "singular": "guardexception",
                "shortNames": ["gx"],
                "categories": ["portcullis"],
            },
            "scope": "Namespaced",
            "versions": [{
                "name": VERSION,
                "served": true,
                "storage": true,
                "subresources": { "status": {} },
                "additionalPrinterColumns": columns(),
                "schema": { "openAPIV3Schema": {
                    "description": "A GuardException says which findings about objects of its namespace are only recorded, \
                        until when, and why. Each GuardPolicy says whether it may.",
                    "type": "object",
                    "required": ["spec"],
                    "properties": {
                        "apiVersion": { "type": "string", "description": format!("Always `{API_VERSION}`.") },
                        "kind": { "type": "string", "description": format!("Always `{KIND}`.") },
                        "metadata": { "type": "object" },
                        "spec": asked,
                        "status": structural::schema_of::<GuardExceptionStatus>(),
                    },
                } },
            }],
        },
    })
}

fn columns() -> Value {
    let condition = |of: &str, field: &str| format!(".status.conditions[?(@.type==\"{of}\")].{field}");
    json!([
        { "name": "Policies", "type": "string", "jsonPath": ".spec.policies", "description": "From which policies." },
        { "name": "Expires", "type": "string", "jsonPath": ".spec.expires", "description": "When it ends by itself." },
        {
            "name": "Ready", "type": "string", "jsonPath": condition(READY, "status"),
            "description": "Whether it holds as it is written.",
        },
        {
            "name": "Expiring", "type": "string", "jsonPath": condition(EXPIRING, "status"),
            "description": "Whether it ends within a week.",
        },
        { "name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp" },
        {
            "name": "Reason", "type": "string", "jsonPath": ".spec.reason", "priority": 1,
            "description": "Why it was made.",
        },
        {
            "name": "Message", "type": "string", "jsonPath": condition(READY, "message"), "priority": 1,
            "description": "Why it does or does not hold.",
        },
    ])
}
