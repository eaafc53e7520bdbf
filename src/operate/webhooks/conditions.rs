//! `matchConditions` of an entry: what reaches us only to be let through is not sent at all.
//!
//! A condition that fails to evaluate lets a request through where the entry fails open, and refuses it where it fails closed.
//! So each first looks at what is always there (`request`), and takes optional steps (`.?`) into objects. `object` is null on
//! DELETE, `oldObject` on CREATE: both are looked at on UPDATE alone. What they cost does not grow with the objects, as far as
//! the API server counts: comparing two maps counts their entries at the top.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::{
    engine::{
        kinds::meta::{ALLOW_DISRUPTION, REMEDY, SHARED_WITH},
        subject::Operation,
    },
    operate::webhooks::rules::Selected,
};

/// A core kind that is written often, and what of it policies read.
struct Row {
    /// The name of its condition.
    name: &'static str,
    resource: &'static str,
    /// Fields, as steps below the object.
    fields: &'static [&'static str],
}

/// What is compared of these kinds: these fields, all labels (policies select by them), and our annotations. Controllers write
/// the other annotations of such objects, some every two seconds (leader election in a ConfigMap).
///
/// Finalizers, owners, `managedFields` and the status are never judged, so that whatever a terminating object still needs
/// reaches nobody who could stop it: it changes nothing else. A DELETE is always sent.
const TABLE: [Row; 3] = [
    // `immutable` is the only other field.
    Row { name: "configmaps-as-far-as-judged", resource: "configmaps", fields: &["?data", "?binaryData"] },
    // `spec` holds only the API server's own finalizers.
    Row { name: "namespaces-as-far-as-judged", resource: "namespaces", fields: &[] },
    // Cluster IPs, node ports of a load balancer and traffic policies are the cluster's business.
    Row {
        name: "services-as-far-as-judged",
        resource: "services",
        fields: &["?spec.?ports", "?spec.?type", "?spec.?selector", "?spec.?externalName"],
    },
];

/// Our annotations that change what is said of an object: [`SHARED_WITH`] and its label, which is one of all labels.
const ANNOTATIONS: [&str; 3] = [ALLOW_DISRUPTION, REMEDY, SHARED_WITH];

/// The conditions of an entry with these rules, at most 64.
pub(super) fn of(user: &str, selected: &Selected) -> Value {
    let is_ours = format!("request.userInfo.username != {}", json!(user));
    let mut conditions = vec![json!({ "name": "not-by-portcullis", "expression": is_ours })];
    let updated = |row: &Row| {
        let operations = selected.get(&(String::new(), row.resource.to_owned()));
        operations.is_some_and(|operations| operations.contains(&Operation::Update))
    };
    for row in TABLE.iter().filter(|row| updated(row)) {
        conditions.push(json!({ "name": row.name, "expression": row.expression() }));
    }
    let in_table = |group: &str, resource: &str| group.is_empty() && TABLE.iter().any(|row| row.resource == resource);
    let others = selected.iter().filter(|((group, resource), _)| !in_table(group, resource));
    if others.into_iter().any(|(_, operations)| operations.contains(&Operation::Update)) {
        conditions.push(json!({ "name": "others-as-far-as-judged", "expression": others_expression() }));
    }
    conditions.into()
}

// === impl Row ===

impl Row {
    fn expression(&self) -> String {
        let mut expression = format!(
            "request.operation != \"UPDATE\" || request.resource.group != \"\" || request.resource.resource != \"{}\"",
            self.resource
        );
        let labels = std::iter::once("metadata.?labels".to_owned());
        let annotations = ANNOTATIONS.iter().map(|name| format!("metadata.?annotations[?\"{name}\"]"));
        for field in self.fields.iter().map(|field| (*field).to_owned()).chain(labels).chain(annotations) {
            push_differs(&mut expression, &field);
        }
        expression
    }
}

/// Of every other kind, `spec`, labels and annotations are compared.
fn others_expression() -> String {
    let resources: Vec<_> = TABLE.iter().map(|row| format!("\"{}\"", row.resource)).collect();
    let mut expression = format!(
        "request.operation != \"UPDATE\" || (request.resource.group == \"\" && request.resource.resource in [{}])",
        resources.join(", ")
    );
    for field in ["?spec", "metadata.?labels", "metadata.?annotations"] {
        push_differs(&mut expression, field);
    }
    expression
}

fn push_differs(expression: &mut String, field: &str) {
    let _ = write!(expression, " ||\nobject.{field} != oldObject.{field}");
}
