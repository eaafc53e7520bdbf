//! Stub.
use crate::engine::{
    finding::Finding,
    rules::{Judge, Rule},
    subject::Operation,
};

pub static RULE: Rule = Rule {
    name: "listenerPolicies",
    prefix: "listener-policies",
    resources: &[("gateway.kgateway.dev", "httplistenerpolicies")],
    operations: &[Operation::Create],
    in_files: &[],
    files_only: false,
    gives_edits: false,
    reads_old: false,
    needle: None,
    codes: &[],
    run,
};
fn run(_judge: &Judge<'_>) -> Vec<Finding> {
    Vec::new()
}
