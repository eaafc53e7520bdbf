//! From edits to a patched object: edits compose, a remedy is atomic, and applying twice changes nothing.

pub mod difference;

use std::{borrow::Cow, sync::Arc};

use jiff::Timestamp;
use serde_json::Value;

use crate::engine::{
    decide::{Ask, Ensure, decide},
    evaluate::evaluate,
    finding::Edit,
    limits,
    select::{Door, Selection},
    subject::Subject,
    verdict::Verdict,
    view::{LookUp, View},
    yaml,
};

/// What the applied edits make of an object.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Settled {
    pub value: Arc<Value>,
    /// RFC 6902, from the object as it came; empty where nothing changes.
    pub operations: Vec<Value>,
    pub applied: Vec<Applied>,
    /// Edits that were not made, with the reason.
    pub dropped: Vec<(Applied, String)>,
    /// What was looked up for it.
    pub look_ups: Vec<LookUp>,
}

/// An edit, and the policy that wanted it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Applied {
    pub policy: String,
    /// Of the first finding that it mends.
    pub code: Cow<'static, str>,
    pub title: String,
}

/// Applies the edits that the selected policies want applied, round by round: an edit that overlaps an accepted one
/// waits for the next. Edits that undo each other are all dropped, and the others made without them.
pub fn settle(selection: &Selection, subject: &Subject<'_>, view: &View, now: Timestamp) -> Settled {
    let mut settling = Settling { selection, view, now, fought: Vec::new(), refused: Vec::new() };
    let settled = (0..limits::EDIT_ROUNDS).find_map(|_| settling.rounds(subject));
    let mut settled = settled.unwrap_or_else(|| Settled { value: subject.shared(), ..Settled::default() });
    let Settling { fought, mut refused, .. } = settling;
    // What could not be made beside others may have been made after them.
    refused.retain(|(by, _)| !settled.applied.contains(by));
    settled.dropped = fought;
    settled.dropped.extend(refused);
    settled
}

/// What one attempt after the other is made with, and what they have learned.
struct Settling<'a> {
    selection: &'a Selection,
    view: &'a View,
    now: Timestamp,
    /// Edits that undo each other: neither is believed, nor tried again.
    fought: Vec<(Applied, String)>,
    /// Edits that cannot be made.
    refused: Vec<(Applied, String)>,
}

/// The edits of one round, and what comes of them together.
#[derive(Default)]
struct Round {
    accepted: Vec<(Applied, Arc<Edit>)>,
    made: Option<Made>,
}

struct Made {
    operations: Vec<Value>,
    value: Value,
}

// === impl Settling ===

impl Settling<'_> {
    /// None where edits undid each other: to be tried again without them.
    fn rounds(&mut self, subject: &Subject<'_>) -> Option<Settled> {
        let mut settled = Settled { value: subject.shared(), ..Settled::default() };
        // What the object was before each round.
        let mut states: Vec<Arc<Value>> = Vec::new();
        let mut history: Vec<Vec<(Applied, Arc<Edit>)>> = Vec::new();
        for _ in 0..limits::EDIT_ROUNDS {
            let current = subject.with_object(Arc::clone(&settled.value));
            let mut verdict = evaluate(self.selection, &current, self.view, self.now);
            let Round { accepted, made } = self.round(&settled.value, &verdict);
            settled.look_ups.append(&mut verdict.look_ups);
            let Some(Made { operations, value }) = made else { break };
            if let Some(since) = states.iter().position(|state| **state == value) {
                let between = history.into_iter().skip(since).flatten().chain(accepted);
                self.drop_fighting(&between.collect::<Vec<_>>());
                return None;
            }
            states.push(std::mem::replace(&mut settled.value, Arc::new(value)));
            settled.operations.extend(operations);
            history.push(accepted);
        }
        settled.applied = history.into_iter().flatten().map(|(by, _)| by).collect();
        Some(settled)
    }

    fn round(&mut self, value: &Value, verdict: &Verdict) -> Round {
        let ask = Ask { door: Door::Mutate, dry_run: false, ensure: Ensure::Impossible };
        let mut round = Round::default();
        let mut tried: Vec<&Arc<Edit>> = Vec::new();
        for (judged, asker, edit) in decide(verdict, ask).patch {
            // Many findings may share one edit.
            if tried.iter().any(|known| Arc::ptr_eq(known, edit)) {
                continue;
            }
            tried.push(edit);
            let code = judged.finding.code.clone();
            let by = Applied { policy: asker.policy.name.clone(), code, title: edit.title.clone() };
            let fought = self.fought.iter().any(|(known, _)| *known == by);
            if fought || round.accepted.iter().any(|(_, other)| overlap(other, edit)) {
                continue;
            }
            let so_far = round.made.as_ref().map_or(value, |made| &made.value);
            match make(value, round.accepted.iter().map(|(_, edit)| edit).chain([edit])) {
                Ok(made) if made.value != *so_far => {
                    round.made = Some(made);
                    round.accepted.push((by, Arc::clone(edit)));
                }
                // It is the same as another, or waits for the next round.
                _ => match make(value, [edit]) {
                    Ok(made) if made.operations.is_empty() => self.refuse(by, "it would change nothing".to_owned()),
                    Ok(_) => {}
                    Err(reason) => self.refuse(by, reason),
                },
            }
        }
        round
    }

    fn refuse(&mut self, by: Applied, reason: String) {
        if !self.refused.iter().any(|(known, _)| *known == by) {
            self.refused.push((by, reason));
        }
    }

    /// These edits led back to what had been before them: to blame are those that touch the same places.
    fn drop_fighting(&mut self, edits: &[(Applied, Arc<Edit>)]) {
        let before = self.fought.len();
        for (by, edit) in edits {
            let undoes = edits.iter().find(|(_, other)| !Arc::ptr_eq(edit, other) && overlap(edit, other));
            if let Some((other, _)) = undoes {
                self.fight(by, format!("it and an edit of policy `{}` undo each other", other.policy));
            }
        }
        if self.fought.len() == before {
            for (by, _) in edits {
                self.fight(by, "it and other edits undo each other".to_owned());
            }
        }
    }

    fn fight(&mut self, by: &Applied, reason: String) {
        if !self.fought.iter().any(|(known, _)| known == by) {
            self.fought.push((by.clone(), reason));
        }
    }
}

/// Whether two edits touch the same place with another effect.
fn overlap(a: &Edit, b: &Edit) -> bool {
    a.changes
        .iter()
        .any(|a| b.changes.iter().any(|b| a != b && (a.path().starts_with(b.path()) || b.path().starts_with(a.path()))))
}

/// The JSON Patch that makes these edits, and the object after it; else why they cannot be made.
fn make<'e>(object: &Value, edits: impl IntoIterator<Item = &'e Arc<Edit>>) -> Result<Made, String> {
    let mut value = object.clone();
    let changes = edits.into_iter().flat_map(|edit| &edit.changes);
    let operations = yaml::edit::apply_to_value(&mut value, changes).map_err(|error| error.reason)?;
    Ok(Made { operations, value })
}

#[cfg(test)]
mod tests;
