//! Stub.
use crate::engine::{
    finding::Finding,
    rules::{Judge, Rule, SeenIn},
    subject::Operation,
};

pub static RULE: Rule = Rule {
    name: "scrapeAnnotations",
    prefix: "scrape-annotations",
    resources: &[("", "pods")],
    operations: &[Operation::Create],
    in_files: &[],
    seen_in: SeenIn::Everywhere,
    gives_edits: false,
    reads_old: false,
    needle: None,
    codes: &[],
    run,
};
fn run(_judge: &Judge<'_>) -> Vec<Finding> {
    Vec::new()
}
