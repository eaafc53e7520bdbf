//! Our own kinds as CustomResourceDefinitions: made from the types that read them, so that what the API server takes is
//! what compiles.

mod exception;
mod status;
mod structural;
mod validation;

use serde_json::{Value, json};

pub use self::{
    exception::guard_exception,
    status::{
        Condition, ConditionStatus, EXPIRED, EXPIRING, GuardExceptionStatus, GuardPolicyStatus, READY, REGISTERED,
    },
};
use crate::engine::{
    policy::spec::{self, GuardPolicySpec},
    yaml,
};

pub const GROUP: &str = "portcullis.dev";
pub const VERSION: &str = "v1alpha1";
pub const PLURAL: &str = "guardpolicies";

/// Every CustomResourceDefinition that this version reads.
pub fn all() -> Vec<Value> {
    vec![guard_exception(), guard_policy()]
}

/// [`all`] as YAML documents, as `portcullis crds` prints them.
pub fn yaml() -> String {
    all().iter().map(|crd| format!("---\n{}", yaml::emit(crd))).collect()
}

/// GuardPolicy.
pub fn guard_policy() -> Value {
    let mut asked = structural::schema_of::<GuardPolicySpec>();
    validation::add_to(&mut asked);
    Kind {
        name: spec::KIND,
        plural: PLURAL,
        short: "gp",
        scope: "Cluster",
        description: "A GuardPolicy says which objects Portcullis judges, by which rule, and what follows.",
        columns: columns(),
        spec: asked,
        status: structural::schema_of::<GuardPolicyStatus>(),
    }
    .definition()
}

/// What the definitions of our kinds differ in.
struct Kind {
    name: &'static str,
    plural: &'static str,
    short: &'static str,
    /// `Cluster` or `Namespaced`.
    scope: &'static str,
    description: &'static str,
    columns: Value,
    spec: Value,
    status: Value,
}

impl Kind {
    fn definition(self) -> Value {
        let Self { name, plural, short, scope, description, columns, spec, status } = self;
        json!({
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": { "name": format!("{plural}.{GROUP}") },
            "spec": {
                "group": GROUP,
                "names": {
                    "kind": name,
                    "listKind": format!("{name}List"),
                    "plural": plural,
                    "singular": name.to_lowercase(),
                    "shortNames": [short],
                    "categories": ["portcullis"],
                },
                "scope": scope,
                "versions": [{
                    "name": VERSION,
                    "served": true,
                    "storage": true,
                    "subresources": { "status": {} },
                    "additionalPrinterColumns": columns,
                    "schema": { "openAPIV3Schema": {
                        "description": description,
                        "type": "object",
                        "required": ["spec"],
                        "properties": {
                            "apiVersion": { "type": "string", "description": format!("Always `{}`.", spec::API_VERSION) },
                            "kind": { "type": "string", "description": format!("Always `{name}`.") },
                            "metadata": { "type": "object" },
                            "spec": spec,
                            "status": status,
                        },
                    } },
                }],
            },
        })
    }
}

/// What `kubectl get guardpolicies` shows. Which rule it is cannot be among them: a column is a path to a value, and the
/// rule is a key.
fn columns() -> Value {
    let condition = |of: &str, field: &str| format!(".status.conditions[?(@.type==\"{of}\")].{field}");
    json!([
        { "name": "Action", "type": "string", "jsonPath": ".spec.action", "description": "What follows from errors." },
        { "name": "Remedy", "type": "string", "jsonPath": ".spec.remedy", "description": "What becomes of remedies." },
        {
            "name": "Failure", "type": "string", "jsonPath": ".spec.failurePolicy",
            "description": "What happens to a request while the policy cannot be judged.",
        },
        {
            "name": "Ready", "type": "string", "jsonPath": condition(READY, "status"),
            "description": "Whether the policy is in force as it is written.",
        },
        {
            "name": "Registered", "type": "string", "jsonPath": condition(REGISTERED, "status"),
            "description": "Whether the API server sends us what the policy selects.",
        },
        {
            "name": "Namespaces", "type": "integer", "jsonPath": ".status.matchedNamespaces",
            "description": "How many namespaces its selector matches.",
        },
        { "name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp" },
        {
            "name": "Message", "type": "string", "jsonPath": condition(READY, "message"), "priority": 1,
            "description": "Why it is or is not in force.",
        },
    ])
}

#[cfg(test)]
mod tests;
