//! What follows from a verdict. This is the table of the design, once: no other code weighs levels against actions.

use std::sync::Arc;

use serde_json::Value;

use crate::engine::{
    finding::{Edit, Level, Remedy},
    policy::Action,
    select::Door,
    subject::{Operation, Subject},
    verdict::{Judged, Verdict},
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
    /// Edits to apply, in the order of the names of the policies that asked.
    pub patch: Vec<(&'v Judged, &'v Arc<Edit>)>,
    /// Objects to be made before *allowed* is said; empty as soon as anything denies.
    pub ensure: Vec<(&'v Judged, &'v [Value])>,
}

/// Why an error only warns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mercy {
    /// The stored object has it already.
    Ratchet,
    /// On dry run, what rests on the rest of the cluster: a whole set is tried before its first object is applied.
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
            422
        }
    }
}

pub fn decide(verdict: &Verdict, ask: Ask) -> Decision<'_> {
    let mut decision = Decision::default();
    if ask.door == Door::Mutate {
        for judged in &verdict.judged {
            match &judged.finding.remedy {
                Some(Remedy::Edit(edit)) if judged.applies() && judged.finding.unknown.is_none() => {
                    decision.patch.push((judged, edit));
                }
                _ => decision.recorded.push(judged),
            }
        }
        decision.patch.sort_by(|(a, _), (b, _)| first_policy(a).cmp(first_policy(b)));
        return decision;
    }
    for judged in &verdict.judged {
        let finding = &judged.finding;
        let action = judged.action();
        match (finding.level, action) {
            (Level::Note, _) | (_, Action::Audit) => decision.recorded.push(judged),
            (Level::Warning, _) => decision.warned.push((judged, None)),
            (Level::Error, _) => match error(judged, action, ask) {
                Outcome::Denies => decision.denied.push(judged),
                Outcome::Warns(mercy) => decision.warned.push((judged, mercy)),
                Outcome::Ensures(objects) => decision.ensure.push((judged, objects)),
                Outcome::Settled => decision.recorded.push(judged),
            },
        }
    }
    if decision.is_denied() {
        decision.ensure.clear();
    }
    decision
}

enum Outcome<'v> {
    Denies,
    Warns(Option<Mercy>),
    Ensures(&'v [Value]),
    Settled,
}

fn error(judged: &Judged, action: Action, ask: Ask) -> Outcome<'_> {
    if let Some(Remedy::Ensure(objects)) = judged.finding.remedy.as_ref().filter(|_| judged.applies()) {
        match ask.ensure {
            Ensure::Made => return Outcome::Settled,
            Ensure::Possible if ask.dry_run => return Outcome::Warns(Some(Mercy::WouldEnsure)),
            Ensure::Possible => return Outcome::Ensures(objects),
            Ensure::Impossible => {}
        }
    }
    if judged.ratcheted {
        return Outcome::Warns(Some(Mercy::Ratchet));
    }
    if action != Action::Deny {
        return Outcome::Warns(None);
    }
    if ask.dry_run && judged.look_ups.iter().any(|look_ups| !look_ups.is_empty()) {
        return Outcome::Warns(Some(Mercy::DryRun));
    }
    Outcome::Denies
}

fn first_policy(judged: &Judged) -> &str {
    judged.policies.first().map_or("", |policy| policy.name.as_str())
}
