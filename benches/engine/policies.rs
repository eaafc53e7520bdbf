//! Policies in CEL, as many as wanted, of which some select the review.

use portcullis::engine::policy::{
    PolicySet,
    compile::{self, compile},
};
use serde_json::{Value, json};

/// So many policies, of which the first few select ListenerPolicies and the others a kind that no review is of.
pub(crate) fn set(selecting: usize, of: usize) -> PolicySet {
    PolicySet::new((0..of).map(|number| compiled(&policy(number, number < selecting))))
}

pub(crate) fn compiled(policy: &Value) -> portcullis::engine::policy::Policy {
    compile(policy).unwrap_or_else(|error: compile::BadPolicy| panic!("{error:?}"))
}

/// A match condition, two variables and three validations, all of which hold of the review.
pub(crate) fn policy(number: usize, selects: bool) -> Value {
    let resource = if selects { "listenerpolicies" } else { "httplistenerpolicies" };
    let validation = |name: &str, expression: &str| json!({ "name": name, "expression": expression, "messageExpression": "'wrong: ' + object.metadata.name" });
    json!({
        "apiVersion": "portcullis.dev/v1alpha1",
        "kind": "GuardPolicy",
        "metadata": { "name": format!("policy-{number:03}") },
        "spec": {
            "matchConstraints": { "resourceRules": [{
                "apiGroups": ["gateway.kgateway.dev"], "apiVersions": ["*"], "resources": [resource],
                "operations": ["CREATE", "UPDATE"],
            }] },
            "matchConditions": [{ "name": "not-ours", "expression": "!(request.userInfo.username.startsWith('system:'))" }],
            "action": "Deny",
            "variables": [
                { "name": "settings", "expression": "object.?spec.?default.?httpSettings" },
                { "name": "logs", "expression": "variables.settings.?accessLog.orValue([])" },
            ],
            "validations": [
                validation("sinks", "variables.logs.all(log, has(log.openTelemetry) || has(log.fileSink))"),
                validation("sampling", "int(variables.settings.?tracing.?randomSampling.orValue(0)) <= 100"),
                validation(
                    "labels",
                    "object.metadata.?labels.orValue({}).all(key, key.matches('^[a-z0-9./-]+$') && key.size() < 64)",
                ),
            ],
        },
    })
}
