//! Stub.
use crate::engine::{
    finding::Finding,
    rules::{Judge, Rule},
    subject::Operation,
};

pub static RULE: Rule = Rule {
    name: "inUse",
    prefix: "in-use",
    resources: &[("", "services")],
    operations: &[Operation::Delete],
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
