//! Which resources and operations policies select at a door, and how that is written as rules of an entry.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::engine::{kinds, policy::Policy, select::Door, subject::Operation};

/// Group and resource, and what is done to it.
pub(super) type Selected = BTreeMap<(String, String), BTreeSet<Operation>>;

/// What of a policy's resources this door asks it about: the same that [`PolicySet::select`] says of requests, whatever their
/// version.
///
/// [`PolicySet::select`]: crate::engine::policy::PolicySet::select
pub(super) fn selected(policy: &Policy, door: Door) -> Selected {
    let mut selected = Selected::new();
    for rule in &policy.matches {
        for group in &rule.groups {
            for resource in &rule.resources {
                for operation in &rule.operations {
                    if policy.may_be_asked(door, group, resource, *operation) {
                        selected.entry((group.clone(), resource.clone())).or_default().insert(*operation);
                    }
                }
            }
        }
    }
    selected
}

pub(super) fn all(selected: Vec<Selected>) -> Selected {
    let mut all = Selected::new();
    for (resource, operations) in selected.into_iter().flatten() {
        all.entry(resource).or_default().extend(operations);
    }
    all
}

/// Resources of one group with the same operations share a rule. In the order of groups, operations and resources.
pub(super) fn written(selected: &Selected) -> Value {
    let mut rules: BTreeMap<(&str, &BTreeSet<Operation>, &str), Vec<&str>> = BTreeMap::new();
    for ((group, resource), operations) in selected {
        rules.entry((group, operations, scope(group, resource))).or_default().push(resource);
    }
    let rule = |((group, operations, scope), resources): (_, Vec<&str>)| {
        let operations: &BTreeSet<Operation> = operations;
        let operations: Vec<_> = operations.iter().map(|operation| operation.name()).collect();
        json!({
            "apiGroups": [group],
            "apiVersions": ["*"],
            "operations": operations,
            "resources": resources,
            "scope": scope,
        })
    };
    rules.into_iter().map(rule).collect::<Vec<_>>().into()
}

pub(super) fn is_namespaced(group: &str, resource: &str) -> bool {
    scope(group, resource) == "Namespaced"
}

fn scope(group: &str, resource: &str) -> &'static str {
    match kinds::by_resource(group, resource) {
        Some(kind) if kind.namespaced => "Namespaced",
        Some(_) => "Cluster",
        None => "*",
    }
}
