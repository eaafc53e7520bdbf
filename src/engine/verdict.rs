//! The verdict on one subject: findings, each with the policies that asked for it and the look-ups it rests on.

use std::sync::Arc;

use crate::engine::{
    finding::{Finding, Level, Rests},
    policy::{Policy, RemedyMode},
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
    /// At the worst level that a policy gives it.
    pub finding: Finding,
    /// In the order of the names of their policies; never empty.
    pub askers: Vec<Asker>,
    /// The subject asked by annotation that nothing be applied to it.
    pub opted_out: bool,
}

/// A policy that asked for a finding, and what the finding is to this policy alone.
///
/// INVARIANT: what one policy knows or wants never adds to what another one does: one that denies errors and takes this
/// for a warning, and one that takes it for an error and only warns, do not deny together.
#[derive(Clone, Debug)]
pub struct Asker {
    pub policy: Arc<Policy>,
    pub level: Level,
    /// Something that could not be looked up decides whether it is so, or whether the policy selects the subject.
    pub uncertain: bool,
    /// The stored object has the same error already: a repair in steps must be possible.
    pub ratcheted: bool,
    pub rests: Rests,
    /// What was looked up for it: where it rests on the object alone, only whether the policy selects that.
    pub look_ups: Arc<[LookUp]>,
}

// === impl Judged ===

impl Judged {
    /// The policies that asked, in the order of their names.
    pub fn policies(&self) -> impl Iterator<Item = &Arc<Policy>> {
        self.askers.iter().map(|asker| &asker.policy)
    }

    /// Whether some policy wants the remedy applied.
    pub fn applies(&self) -> bool {
        self.appliers().next().is_some()
    }

    /// Who wants the remedy applied: nobody where the subject asked that it be left alone.
    pub fn appliers(&self) -> impl Iterator<Item = &Asker> {
        self.askers.iter().filter(|asker| !self.opted_out && asker.policy.remedy == RemedyMode::Apply)
    }
}
