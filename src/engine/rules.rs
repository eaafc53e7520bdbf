//! The rules that are built in. Adding one is a file, a line in [`RULES`] and a folder of cases.

pub mod backend_refs;
pub mod debug_exporters;
pub mod harm;
pub mod in_use;
pub mod listener_policies;
pub mod looked_up;
pub mod reference_grants;
pub mod scrape_annotations;
pub mod suggest;
pub mod unknown_fields;

use jiff::Timestamp;

use crate::engine::{
    finding::{Code, Finding},
    policy::spec::RuleSpec,
    subject::{Operation, Subject},
    view::Lens,
};

/// A built-in rule. From this table come `explain`, the SARIF rules and what a policy may say.
#[derive(Debug)]
pub struct Rule {
    /// As in `rule: { backendRefs: {} }`.
    pub name: &'static str,
    /// The first part of its codes.
    pub prefix: &'static str,
    /// What it judges, as `(group, resource)`.
    pub resources: &'static [(&'static str, &'static str)],
    pub operations: &'static [Operation],
    /// The kinds of other objects that it asks the view about, and that are watched for it, as `(group, kind)`. ConfigMaps are
    /// not: they are the largest part of many clusters, and the one that a rule wants is read when it is wanted.
    pub looks_up: &'static [(&'static str, &'static str)],
    /// Judged beside `resources` where files are judged: what makes the objects that a webhook would see.
    pub in_files: &'static [(&'static str, &'static str)],
    pub seen_in: SeenIn,
    pub gives_edits: bool,
    /// Bytes that an object must contain to be worth parsing.
    pub needle: Option<&'static str>,
    pub codes: &'static [&'static Code],
    pub run: fn(&Judge<'_>) -> Vec<Finding>,
}

/// Where a rule has something to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SeenIn {
    Everywhere,
    /// A webhook never sees it: the API server drops what the rule looks for.
    Files,
    /// It is about a change, and files are a state.
    Requests,
}

/// What a rule is given.
#[derive(Debug)]
pub struct Judge<'a> {
    pub subject: &'a Subject<'a>,
    pub lens: &'a Lens<'a>,
    pub parameters: &'a RuleSpec,
    pub now: Timestamp,
}

pub static RULES: &[&Rule] = &[
    &backend_refs::RULE,
    &reference_grants::RULE,
    &listener_policies::RULE,
    &in_use::RULE,
    &scrape_annotations::RULE,
    &debug_exporters::RULE,
    &unknown_fields::RULE,
];

pub fn by_name(name: &str) -> Option<&'static Rule> {
    RULES.iter().copied().find(|rule| rule.name == name)
}

pub fn code(name: &str) -> Option<&'static Code> {
    RULES.iter().flat_map(|rule| rule.codes).copied().find(|code| code.name == name)
}
