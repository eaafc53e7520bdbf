//! Telemetry objects say something that their Gateway does: sinks, targets, overlaps, and the kind that goes away.

mod codes;
mod deprecated;
mod overlap;
mod sinks;
mod targets;

use crate::engine::{
    finding::Finding,
    kinds::{AGENTGATEWAY, KGATEWAY},
    resolve,
    rules::{Judge, Rule, SeenIn, backend_refs::telemetry_of, looked_up},
    subject::Operation,
};

pub static RULE: Rule = Rule {
    name: "listenerPolicies",
    prefix: "listener-policies",
    resources: &[
        (KGATEWAY, "httplistenerpolicies"),
        (KGATEWAY, "listenerpolicies"),
        (AGENTGATEWAY, "agentgatewaypolicies"),
    ],
    operations: &[Operation::Create, Operation::Update],
    looks_up: looked_up::RESOLUTION,
    in_files: &[],
    seen_in: SeenIn::Everywhere,
    gives_edits: false,
    needle: None,
    codes: codes::CODES,
    run,
};

fn run(judge: &Judge<'_>) -> Vec<Finding> {
    let Some((kind, telemetry)) = telemetry_of(judge) else { return Vec::new() };
    if !telemetry.sets_telemetry() {
        return Vec::new();
    }
    let own = judge.subject.key.namespace.as_str();
    let blast = resolve::blast(telemetry, own, judge.lens);
    let attachments = resolve::attachments(telemetry, own, judge.lens);
    let mut found = sinks::findings(judge, kind, &blast);
    found.extend(targets::findings(judge, telemetry, &attachments));
    found.extend(overlap::findings(judge, telemetry, &attachments));
    found.extend(deprecated::findings(judge, kind, telemetry));
    found
}

#[cfg(test)]
mod tests;
