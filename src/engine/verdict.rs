//! The verdict on one subject: findings, each with the policies that asked for it and the look-ups it rests on.

use std::sync::Arc;

use crate::engine::{
    finding::Finding,
    policy::{Action, Policy, RemedyMode},
    view::LookUp,
};

/// What all selected policies say of a subject.
#[derive(Clone, Debug, Default)]
pub struct Verdict {
    /// Errors first, then in the order of paths and codes.
    pub judged: Vec<Judged>,
    /// Policies that selected the subject.
    pub asked: Vec<Arc<Policy>>,
    /// In the order in which they were made, some more than once.
    pub look_ups: Vec<LookUp>,
}

/// A finding, and who asked.
#[derive(Clone, Debug)]
pub struct Judged {
    pub finding: Finding,
    /// In the order of their names; never empty.
    pub policies: Vec<Arc<Policy>>,
    /// What was looked up for it.
    pub look_ups: Vec<Arc<[LookUp]>>,
    /// The stored object has the same error already: a repair in steps must be possible.
    pub ratcheted: bool,
    /// The subject asked by annotation that nothing be applied to it.
    pub opted_out: bool,
}

// === impl Judged ===

impl Judged {
    /// The strictest action of the policies that asked.
    pub fn action(&self) -> Action {
        self.policies.iter().map(|policy| policy.action).max().unwrap_or_default()
    }

    /// Whether some policy wants the remedy applied.
    pub fn applies(&self) -> bool {
        !self.opted_out && self.policies.iter().any(|policy| policy.remedy == RemedyMode::Apply)
    }
}
