//! What follows from a verdict. This is the table of the design, once: no other code weighs levels against actions.

use std::sync::Arc;

use serde_json::Value;

use crate::engine::{
    finding::{Edit, Level, Remedy, Rests},
    policy::{Action, Exception, spec::cel::Reason},
    select::Door,
    subject::{Operation, Subject},
    verdict::{Asker, Judged, Verdict},
};

/// How a decision is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Ask {
    pub door: Door,
    pub dry_run: bool,
    pub ensure: Ensure,
}

/// Whether objects can be made elsewhere before the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ensure {
    /// They can: the decision lists what is to be made.
    Possible,
    /// They have been made: what asked for them is settled.
    Made,
    /// No cluster, or it failed.
    Impossible,
}

/// What follows. Everything that is in no other list is recorded only.
#[derive(Clone, Debug, Default)]
pub struct Decision<'v> {
    pub denied: Vec<&'v Judged>,
    /// Judged findings to warn of, each with why it does not deny although it is an error.
    pub warned: Vec<(&'v Judged, Option<Mercy>)>,
    pub recorded: Vec<&'v Judged>,
    /// Edits to apply, each with who wants it, in the order of the names of their policies.
    pub patch: Vec<(&'v Judged, &'v Asker, &'v Arc<Edit>)>,
    /// Objects to be made before *allowed* is said; empty as soon as anything denies.
    pub ensure: Vec<(&'v Judged, &'v [Value])>,
    /// For whom an exception holds, whatever follows from the same finding for others.
    pub excepted: Vec<(&'v Judged, &'v Asker, &'v Arc<Exception>)>,
}

/// Why an error only warns: of several reasons the last one is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mercy {
    /// The stored object has it already.
    Ratchet,
    /// On dry run, what another object may mend: a whole set is tried before its first object is applied.
    DryRun,
    /// On dry run nothing is made, but would be.
    WouldEnsure,
}

impl Decision<'_> {
    pub fn is_denied(&self) -> bool {
        !self.denied.is_empty()
    }

    /// 403 where something is in use, else 422: the object itself is wrong.
    pub fn code(&self, subject: &Subject<'_>) -> u16 {
        if self.denied.iter().all(|judged| judged.finding.code.starts_with("in-use/"))
            || subject.operation() == Operation::Delete
        {
            403
        } else {
            self.denied.iter().find_map(|judged| judged.finding.reason).map_or(422, Reason::code)
        }
    }
}

pub fn decide(verdict: &Verdict, ask: Ask) -> Decision<'_> {
    let mut decision = Decision::default();
    if ask.door == Door::Mutate {
        for judged in &verdict.judged {
            let applier = judged.appliers().find(|asker| !asker.uncertain && !asker.may_be_excepted());
            // A remedy is atomic: what mends something that may be excepted, too, is not made.
            let applier = applier.filter(|applier| !shares_with_excepted(verdict, judged, applier));
            match (&judged.finding.remedy, applier) {
                (Some(Remedy::Edit(edit)), Some(applier)) => decision.patch.push((judged, applier, edit)),
                _ => decision.recorded.push(judged),
            }
        }
        decision.patch.sort_by(|(_, a, _), (_, b, _)| a.policy.name.cmp(&b.policy.name));
        return decision;
    }
    for judged in &verdict.judged {
        let made = made(judged, ask);
        // What is made is nothing that anybody is spared.
        if made.is_none() {
            let excepted = judged.askers.iter().filter_map(|asker| Some((judged, asker, asker.exception()?)));
            decision.excepted.extend(excepted);
        }
        match made.unwrap_or_else(|| worst(judged, ask)) {
            Outcome::Recorded => decision.recorded.push(judged),
            Outcome::Warns(mercy) => decision.warned.push((judged, mercy)),
            Outcome::Denies => decision.denied.push(judged),
            Outcome::Ensures => decision.ensure.push((judged, wanted(judged).unwrap_or_default())),
        }
    }
    if decision.is_denied() {
        decision.ensure.clear();
    }
    decision
}

/// Whether the same policy has the same edit for something that it may have to leave alone.
fn shares_with_excepted(verdict: &Verdict, judged: &Judged, applier: &Asker) -> bool {
    let Some(Remedy::Edit(edit)) = &judged.finding.remedy else { return false };
    let shares =
        |other: &&Judged| matches!(&other.finding.remedy, Some(Remedy::Edit(other)) if Arc::ptr_eq(edit, other));
    let is_his = |asker: &Asker| Arc::ptr_eq(&asker.policy, &applier.policy) && asker.may_be_excepted();
    verdict.judged.iter().filter(shares).any(|other| other.askers.iter().any(is_his))
}

/// From the mildest to the worst.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Outcome {
    Recorded,
    Warns(Option<Mercy>),
    Denies,
    Ensures,
}

/// The objects that would be made for it: those that one policy wants made are there for all of them. Also for what is only a
/// warning now, as long as no Gateway is attached: when there is one, it is too late.
///
/// INVARIANT: exceptions change nothing about them. None makes what the owner of a target did not agree to, and what a stored
/// object needs is made and kept as if there were none.
fn wanted(judged: &Judged) -> Option<&[Value]> {
    let wants =
        |asker: &Asker| asker.level >= Level::Warning && !asker.uncertain && asker.policy.action != Action::Audit;
    match &judged.finding.remedy {
        Some(Remedy::Ensure(objects)) if judged.appliers().any(wants) => Some(objects),
        _ => None,
    }
}

fn made(judged: &Judged, ask: Ask) -> Option<Outcome> {
    wanted(judged)?;
    match ask.ensure {
        Ensure::Made => Some(Outcome::Recorded),
        Ensure::Possible if ask.dry_run => Some(Outcome::Warns(Some(Mercy::WouldEnsure))),
        Ensure::Possible => Some(Outcome::Ensures),
        Ensure::Impossible => None,
    }
}

fn worst(judged: &Judged, ask: Ask) -> Outcome {
    judged.askers.iter().map(|asker| alone(asker, ask)).max().unwrap_or(Outcome::Recorded)
}

/// What follows from a finding for one policy that asked for it, whatever the others say.
fn alone(asker: &Asker, ask: Ask) -> Outcome {
    match (asker.level, asker.policy.action) {
        _ if asker.exception().is_some() => Outcome::Recorded,
        (Level::Note, _) | (_, Action::Audit) => Outcome::Recorded,
        (Level::Error, _) if asker.ratcheted => Outcome::Warns(Some(Mercy::Ratchet)),
        (Level::Warning, _) | (_, Action::Warn) => Outcome::Warns(None),
        // What is wrong in itself is not mended by the rest of a set, even if that took its Gateway away.
        (Level::Error, Action::Deny) if ask.dry_run && asker.rests == Rests::View => {
            Outcome::Warns(Some(Mercy::DryRun))
        }
        (Level::Error, Action::Deny) => Outcome::Denies,
    }
}
