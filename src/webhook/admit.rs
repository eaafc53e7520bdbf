//! Where a review meets the engine: select, read, evaluate, confirm, decide, ensure.

mod words;

use std::{
    collections::BTreeSet,
    sync::Arc,
    time::{Duration, Instant},
};

use arc_swap::ArcSwap;
use jiff::Timestamp;
use memchr::memmem;
use serde_json::{Value, value::RawValue};

use crate::{
    cluster::handle::Handle,
    engine::{
        confirm,
        decide::{Ask, Decision, Ensure, decide},
        evaluate::evaluate,
        limits, patch,
        policy::FailurePolicy,
        select::{self, Selection},
        snapshot::Snapshot,
        subject::{Attributes, Subject},
        verdict::Verdict,
        view::View,
    },
    webhook::{
        Door, Judge, Mode,
        metrics::Metrics,
        probe,
        wire::{Answer, Refused, Review},
    },
};
use words::{mutated, tally, validated};

/// The cluster that a request is judged in, beside what is known of it already; none where files stand for one.
#[derive(Clone, Copy, Debug)]
pub struct Live<'a> {
    pub cluster: &'a Handle,
    /// When reading and making must have ended.
    pub until: Instant,
}

/// The judge of a webhook.
pub fn judge(current: Arc<ArcSwap<Snapshot>>, cluster: Option<Handle>, metrics: Arc<Metrics>) -> Judge {
    Arc::new(move |door, review, deadline| {
        let until = deadline.checked_sub(Duration::from_millis(limits::ANSWER_MS)).unwrap_or(deadline);
        let live = cluster.as_ref().map(|cluster| Live { cluster, until });
        let answer = answer(&current.load(), live, door, review, Timestamp::now())?;
        metrics.found(&answer.tally);
        if !answer.audit.is_empty() {
            record(door, review, &answer);
        }
        Ok(answer)
    })
}

/// One line for each review about which there was something to say.
fn record(door: Door, review: &Review<'_>, answer: &Answer) {
    let Attributes { operation, kind, namespace, name, user, dry_run, .. } = review.attributes();
    let operation = operation.name();
    let (door, uid, allowed, findings) = (door.path(), &*review.request.uid, answer.allowed, &answer.audit);
    tracing::info!(door, uid, operation, kind, namespace, name, user, dry_run, allowed, ?findings, "judged");
}

/// The answer to a review.
///
/// # Errors
/// An object in it that cannot be read.
pub fn answer(
    snapshot: &Snapshot,
    live: Option<Live<'_>>,
    door: Door,
    review: &Review<'_>,
    now: Timestamp,
) -> Result<Answer, Refused> {
    let attributes = review.attributes();
    let object = review.request.object;
    let door = match door {
        Door::Validate(Mode::All) => select::Door::Validate(None),
        Door::Validate(Mode::Fail) => select::Door::Validate(Some(FailurePolicy::Fail)),
        Door::Validate(Mode::Ignore) => select::Door::Validate(Some(FailurePolicy::Ignore)),
        Door::Mutate => select::Door::Mutate,
        Door::Probe => return Ok(probe::answer(review)),
    };
    let selection = snapshot.policies.select(door, &attributes).that_may_find(|needle| holds(object, needle));
    if selection.is_empty() {
        return Ok(Answer::allow());
    }
    let want = selection.reads(attributes.operation);
    let subject = Subject::read(attributes, object, review.request.old_object, want).map_err(|error| Refused {
        uid: Some(review.request.uid.to_string()),
        ..Refused::new(400, error.to_string())
    })?;
    let subject = subject.asked(review.asked());
    if door == select::Door::Mutate {
        let mut settled = patch::settle(&selection, &subject, &snapshot.view, now);
        let wanting = confirm::wanting(&settled.look_ups, &snapshot.view, &BTreeSet::new(), limits::CONFIRMED);
        if let Some(live) = live.filter(|_| !wanting.is_empty()) {
            let view = live.cluster.confirm(&snapshot.view, &wanting, live.until);
            settled = patch::settle(&selection, &subject, &view, now);
        }
        return Ok(mutated(&settled));
    }
    let dry_run = attributes.dry_run;
    let Some(live) = live else {
        let verdict = evaluate(&selection, &subject, &snapshot.view, now);
        let ask = Ask { door, dry_run, ensure: Ensure::Impossible };
        return Ok(validated(&decide(&verdict, ask), &subject, None));
    };
    let ask = Ask { door, dry_run, ensure: Ensure::Possible };
    let mut verdict = confirmed(&selection, &subject, &snapshot.view, ask, live, now);
    let decision = decide(&verdict, ask);
    let might_be_excepted = decision.denied.iter().any(|judged| judged.policies().any(|by| by.exceptions.allowed));
    if let Some(selection) = might_be_excepted.then(|| newly_excepted(&selection, &attributes, live)).flatten() {
        verdict = confirmed(&selection, &subject, &snapshot.view, ask, live, now);
    }
    let decision = decide(&verdict, ask);
    let objects = to_make(&decision);
    if objects.is_empty() {
        return Ok(validated(&decision, &subject, None));
    }
    // The last thing between the request and *allowed*.
    match live.cluster.ensure(&objects, live.until) {
        Ok(keys) => {
            let mut answer = validated(&decide(&verdict, Ask { ensure: Ensure::Made, ..ask }), &subject, None);
            let names: Vec<_> = keys.iter().map(ToString::to_string).collect();
            answer.audit.insert("ensured".to_owned(), names.join(", "));
            // What is settled by now is only recorded; it is counted as what was done about it.
            answer.tally = tally(&decision);
            Ok(answer)
        }
        Err(why) => {
            tracing::error!(why, objects = names(&objects), "what a request needs could not be made");
            let refused = decide(&verdict, Ask { ensure: Ensure::Impossible, ..ask });
            Ok(validated(&refused, &subject, Some(&why)))
        }
    }
}

/// The same with exceptions that are newer than what is known, if there are any: `kubectl apply -f folder/` makes one right
/// before what it is for.
fn newly_excepted(selection: &Selection, attributes: &Attributes<'_>, live: Live<'_>) -> Option<Selection> {
    let namespace = attributes.excepting_namespace()?;
    let stored = live.cluster.exceptions(namespace, live.until)?;
    let (known, selection) = (&selection.exceptions, selection.clone().with_exceptions(&stored));
    (selection.exceptions != *known).then_some(selection)
}

/// The verdict, of which everything that a denial or a grant rests on has been read again.
fn confirmed(
    selection: &Selection,
    subject: &Subject<'_>,
    view: &View,
    ask: Ask,
    live: Live<'_>,
    now: Timestamp,
) -> Verdict {
    let mut verdict = evaluate(selection, subject, view, now);
    let mut confirmed = BTreeSet::new();
    let mut overlay: Option<View> = None;
    let first = denied(&verdict, ask);
    for round in 0..=limits::CONFIRM_ROUNDS {
        let known = overlay.as_ref().unwrap_or(view);
        // In the last round nothing is read: whatever is left is doubted, however much that is.
        let last = round == limits::CONFIRM_ROUNDS;
        let at_most = if last { usize::MAX } else { limits::CONFIRMED };
        let mut look_ups = confirm::rests_on(&decide(&verdict, ask), &confirmed, at_most);
        look_ups.extend(confirm::wanting(&verdict.look_ups, known, &confirmed, at_most));
        look_ups.extend(confirm::sparing(&verdict, known, &confirmed, at_most));
        if look_ups.is_empty() {
            break;
        }
        let read = if last {
            let mut doubting = known.clone();
            for look_up in &look_ups {
                doubting.doubt(look_up.clone());
            }
            doubting
        } else {
            live.cluster.confirm(known, &look_ups, live.until)
        };
        confirmed.append(&mut look_ups);
        verdict = evaluate(selection, subject, &read, now);
        overlay = Some(read);
    }
    let last = denied(&verdict, ask);
    if overlay.is_some() && !(first.is_empty() && last.is_empty()) {
        live.cluster.confirmed(last != first);
    }
    verdict
}

fn denied(verdict: &Verdict, ask: Ask) -> Vec<String> {
    decide(verdict, ask).denied.iter().map(|judged| judged.finding.code.clone().into_owned()).collect()
}

/// What is to be made, each once: two references to one collector want the same grant.
fn to_make(decision: &Decision<'_>) -> Vec<Value> {
    let mut objects: Vec<Value> = Vec::new();
    let is_it = |a: &Value, b: &Value| {
        ["/kind", "/metadata/namespace", "/metadata/name"].iter().all(|at| a.pointer(at) == b.pointer(at))
    };
    for object in decision.ensure.iter().flat_map(|(_, objects)| objects.iter()) {
        if !objects.iter().any(|known| is_it(known, object)) {
            objects.push(object.clone());
        }
    }
    objects
}

/// `ReferenceGrant telemetry/portcullis-…`, of each object that is made.
fn names(objects: &[Value]) -> String {
    let text = |object: &Value, pointer| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    let name = |object| {
        format!("{} {}/{}", text(object, "/kind"), text(object, "/metadata/namespace"), text(object, "/metadata/name"))
    };
    objects.iter().map(name).collect::<Vec<_>>().join(", ")
}

/// Whether the object's text holds these bytes; true where there is no object to look at.
fn holds(object: Option<&RawValue>, needle: &str) -> bool {
    object.is_none_or(|object| memmem::find(object.get().as_bytes(), needle.as_bytes()).is_some())
}

#[cfg(test)]
mod tests;
