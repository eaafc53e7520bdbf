//! GuardException as a CustomResourceDefinition.

use serde_json::{Value, json};

use super::{EXPIRING, GuardExceptionStatus, Kind, READY, structural, validation};
use crate::engine::policy::exception::spec::{GuardExceptionSpec, KIND};

/// GuardException.
pub fn guard_exception() -> Value {
    let mut asked = structural::schema_of::<GuardExceptionSpec>();
    validation::add_to_exception(&mut asked);
    Kind {
        name: KIND,
        plural: "guardexceptions",
        short: "gx",
        scope: "Namespaced",
        description: "A GuardException says which findings about objects of its namespace are only recorded, until when, and why. \
            Each GuardPolicy says whether it may.",
        columns: columns(),
        spec: asked,
        status: structural::schema_of::<GuardExceptionStatus>(),
    }
    .definition()
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
