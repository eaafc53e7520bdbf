//! The verdict on one subject: findings, each with the policies that asked for it and the look-ups it rests on.

use std::sync::Arc;

use crate::engine::{
    finding::{Finding, Level, Rests},
    policy::{Exception, Policy, RemedyMode},
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
    pub exemption: Exemption,
}

/// Whether an exception spares the subject a finding of one policy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Exemption {
    /// None was meant for it.
    #[default]
    None,
    /// One was, and does not hold: why.
    Lapsed(Arc<Exception>, String),
    /// Something that could not be looked up decides whether one holds: nothing follows that it might keep from following.
    Unknown,
    Holds {
        exception: Arc<Exception>,
        /// It is to be told while there is time to do something about it.
        ends_soon: bool,
    },
}

// === impl Asker ===

impl Asker {
    /// The exception that holds for it.
    pub fn exception(&self) -> Option<&Arc<Exception>> {
        match &self.exemption {
            Exemption::Holds { exception, .. } => Some(exception),
            Exemption::None | Exemption::Lapsed(..) | Exemption::Unknown => None,
        }
    }

    /// Whether nothing may be edited for it: an exception holds, or might.
    pub fn may_be_excepted(&self) -> bool {
        matches!(self.exemption, Exemption::Holds { .. } | Exemption::Unknown)
    }
}

// === impl Judged ===

impl Judged {
    /// The exception that holds for it, if one does for every policy that asked: the one that ends first.
    pub fn exception(&self) -> Option<&Arc<Exception>> {
        let exceptions: Option<Vec<_>> = self.askers.iter().map(Asker::exception).collect();
        exceptions?.into_iter().min_by_key(|exception| exception.expires)
    }

    /// The exception that was meant for it and does not hold, and why.
    pub fn lapsed(&self) -> Option<(&Exception, &str)> {
        self.askers.iter().find_map(|asker| match &asker.exemption {
            Exemption::Lapsed(exception, why) => Some((&**exception, why.as_str())),
            _ => None,
        })
    }

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
