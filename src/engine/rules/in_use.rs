//! A change takes away what a stored telemetry object resolves by: a Service, a port, a grant, a Backend, a Namespace, or
//! the consent that its grant was made by.
//!
//! It compares two views: what resolved before and does not after.

mod change;
mod codes;
mod escape;
mod needed;
mod opt_in;
mod wakes;

use crate::engine::{
    finding::Finding,
    kinds::{AGENTGATEWAY, CORE, GATEWAY_API, ISTIO, KGATEWAY},
    policy::RuleSpec,
    rules::{Judge, Rule, SeenIn, looked_up},
    subject::Operation,
};
use change::Change;

pub static RULE: Rule = Rule {
    name: "inUse",
    prefix: "in-use",
    resources: &[
        (CORE, "services"),
        (CORE, "namespaces"),
        (GATEWAY_API, "referencegrants"),
        (GATEWAY_API, "gateways"),
        (KGATEWAY, "backends"),
        (AGENTGATEWAY, "agentgatewaybackends"),
        (ISTIO, "serviceentries"),
        ("apiextensions.k8s.io", "customresourcedefinitions"),
    ],
    operations: &[Operation::Create, Operation::Update, Operation::Delete],
    looks_up: looked_up::RESOLUTION,
    in_files: &[],
    seen_in: SeenIn::Requests,
    gives_edits: false,
    needle: None,
    codes: &[&codes::NEEDED, &codes::WAKES, &codes::OPT_IN_WITHDRAWN],
    run,
};

fn run(judge: &Judge<'_>) -> Vec<Finding> {
    let subject = judge.subject;
    if subject.key.group == GATEWAY_API && subject.key.kind == "Gateway" {
        return if subject.operation() == Operation::Delete { Vec::new() } else { wakes::findings(judge) };
    }
    if subject.operation() == Operation::Create || passes(judge) {
        return Vec::new();
    }
    let change = Change::of(judge);
    let mut found = needed::findings(judge, &change);
    found.extend(opt_in::findings(judge, &change));
    found
}

/// Users who only finish what somebody else was allowed to begin.
fn passes(judge: &Judge<'_>) -> bool {
    match judge.parameters {
        RuleSpec::InUse(parameters) => {
            parameters.passing_users.iter().any(|user| user == judge.subject.attributes.user)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests;
