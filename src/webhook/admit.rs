//! Where a review meets the engine: select, read, evaluate, decide, and the words of the answer.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::{Duration, Instant},
};

use arc_swap::ArcSwap;
use jiff::Timestamp;
use memchr::memmem;
use serde_json::value::RawValue;

use crate::{
    cluster::handle::Handle,
    engine::{
        confirm,
        decide::{Ask, Decision, Ensure, Mercy, decide},
        evaluate::evaluate,
        finding::{Finding, Level},
        limits, patch,
        policy::FailurePolicy,
        select::{self, Selection},
        snapshot::Snapshot,
        subject::{Attributes, Subject},
        verdict::{Judged, Verdict},
        view::View,
    },
    webhook::{
        Door, Judge, Mode,
        wire::{Answer, Cause, Refused, Review},
    },
};

/// The cluster that a request is judged in, beside what is known of it already; none where files stand for one.
#[derive(Clone, Copy, Debug)]
pub struct Live<'a> {
    pub cluster: &'a Handle,
    /// When reading and making must have ended.
    pub until: Instant,
}

/// The judge of a webhook.
pub fn judge(current: Arc<ArcSwap<Snapshot>>, cluster: Option<Handle>) -> Judge {
    Arc::new(move |door, review, deadline| {
        let until = deadline.checked_sub(Duration::from_millis(limits::ANSWER_MS)).unwrap_or(deadline);
        let live = cluster.as_ref().map(|cluster| Live { cluster, until });
        let answer = answer(&current.load(), live, door, review, Timestamp::now())?;
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
    if door == select::Door::Mutate {
        let mut settled = patch::settle(&selection, &subject, &snapshot.view, now);
        let wanting = confirm::wanting(&settled.look_ups, &snapshot.view, &BTreeSet::new());
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
        return Ok(validated(&decide(&verdict, ask), &subject, &attributes, None));
    };
    let ask = Ask { door, dry_run, ensure: Ensure::Possible };
    let verdict = confirmed(&selection, &subject, &snapshot.view, ask, live, now);
    let decision = decide(&verdict, ask);
    let objects: Vec<_> = decision.ensure.iter().flat_map(|(_, objects)| objects.iter().cloned()).collect();
    if objects.is_empty() {
        return Ok(validated(&decision, &subject, &attributes, None));
    }
    // The last thing between the request and *allowed*.
    match live.cluster.ensure(&objects, live.until) {
        Ok(()) => {
            let made = decide(&verdict, Ask { ensure: Ensure::Made, ..ask });
            let mut answer = validated(&made, &subject, &attributes, None);
            answer.audit.insert("ensured".to_owned(), names(&objects));
            Ok(answer)
        }
        Err(why) => {
            tracing::error!(why, objects = names(&objects), "what a request needs could not be made");
            let refused = decide(&verdict, Ask { ensure: Ensure::Impossible, ..ask });
            Ok(validated(&refused, &subject, &attributes, Some(&why)))
        }
    }
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
        let mut look_ups = confirm::rests_on(&decide(&verdict, ask), &confirmed);
        look_ups.extend(confirm::wanting(&verdict.look_ups, known, &confirmed));
        look_ups.extend(confirm::sparing(&verdict, known, &confirmed));
        if look_ups.is_empty() {
            break;
        }
        let mut read = if round < limits::CONFIRM_ROUNDS {
            live.cluster.confirm(known, &look_ups, live.until)
        } else {
            known.clone()
        };
        if round == limits::CONFIRM_ROUNDS {
            look_ups.iter().for_each(|look_up| read.doubt(look_up.clone()));
        }
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

/// `ReferenceGrant telemetry/portcullis-…`, of each object that is made.
fn names(objects: &[serde_json::Value]) -> String {
    let text = |object: &serde_json::Value, pointer| {
        object.pointer(pointer).and_then(serde_json::Value::as_str).unwrap_or_default().to_owned()
    };
    let name = |object| {
        format!("{} {}/{}", text(object, "/kind"), text(object, "/metadata/namespace"), text(object, "/metadata/name"))
    };
    objects.iter().map(name).collect::<Vec<_>>().join(", ")
}

/// Whether the object's text holds these bytes; true where there is no object to look at.
fn holds(object: Option<&RawValue>, needle: &str) -> bool {
    object.is_none_or(|object| memmem::find(object.get().as_bytes(), needle.as_bytes()).is_some())
}

fn mutated(settled: &patch::Settled) -> Answer {
    let mut answer = Answer::allow();
    if !settled.operations.is_empty() {
        answer.patch = serde_json::to_vec(&settled.operations).ok();
    }
    answer.warnings = settled.applied.iter().map(|by| format!("[{}] {}", by.policy, by.title)).collect();
    let dropped = settled.dropped.iter().map(|(by, why)| format!("[{}] did not: {}: {why}", by.policy, by.title));
    answer.warnings.extend(dropped);
    let titles: Vec<_> = settled.applied.iter().map(|by| by.title.as_str()).collect();
    if !titles.is_empty() {
        answer.audit.insert("applied".to_owned(), titles.join("; "));
    }
    answer
}

fn validated(
    decision: &Decision<'_>,
    subject: &Subject<'_>,
    attributes: &Attributes<'_>,
    not_made: Option<&str>,
) -> Answer {
    let mut answer = if decision.is_denied() {
        let mut said: Vec<_> = decision.denied.iter().map(|judged| denial(&judged.finding)).collect();
        said.extend(not_made.map(|why| format!("Portcullis tried to make the grant itself: {why}")));
        let mut answer = Answer::deny(decision.code(subject), said.join("\n"));
        answer.causes = decision
            .denied
            .iter()
            .map(|judged| Cause {
                code: judged.finding.code.clone().into_owned(),
                message: words(&judged.finding),
                field: judged.finding.path.to_string(),
            })
            .collect();
        answer
    } else {
        Answer::allow()
    };
    answer.warnings = decision.warned.iter().map(|(judged, mercy)| warning(judged, *mercy)).collect();
    answer.audit = audit(decision);
    if answer.allowed && attributes.dry_run && !decision.ensure.is_empty() {
        answer.warnings.push("a grant would be made for this".to_owned());
    }
    answer
}

fn denial(finding: &Finding) -> String {
    if finding.path.is_root() { words(finding) } else { format!("{}: {}", finding.path, words(finding)) }
}

/// What may be told to whoever may write here: nothing of another namespace that did not opt in.
fn words(finding: &Finding) -> String {
    let mut text = finding.message.clone();
    if let Some(details) = finding.details.as_ref().filter(|details| !details.guarded) {
        text.push_str("; ");
        text.push_str(&details.text);
    }
    let outage = finding.related.iter().filter(|related| related.object.kind == "Gateway");
    for related in outage {
        text.push_str(&format!("; {}: {}", related.object, related.note));
    }
    if let Some(help) = &finding.help {
        text.push_str("; to mend it: ");
        text.push_str(help);
        if let Some(manifest) = &finding.manifest {
            // On one line it survives every way in which a denial is printed, and JSON is YAML.
            text.push_str(&format!(": {manifest}"));
        }
    }
    text
}

fn warning(judged: &Judged, mercy: Option<Mercy>) -> String {
    let finding = &judged.finding;
    let why = match mercy {
        Some(Mercy::Ratchet) => " (as it is stored already)",
        Some(Mercy::DryRun) => " (would be refused if applied alone)",
        Some(Mercy::WouldEnsure) => " (would be made on a real request)",
        None if finding.unknown.is_some() => " (not known for certain)",
        None if finding.level == Level::Error => " (only warned of, by policy)",
        None => "",
    };
    format!("[{}]{why} {}", finding.code, denial_without_help(finding))
}

fn denial_without_help(finding: &Finding) -> String {
    let details = finding.details.as_ref().filter(|details| !details.guarded);
    let details = details.map(|details| format!("; {}", details.text)).unwrap_or_default();
    if finding.path.is_root() {
        format!("{}{details}", finding.message)
    } else {
        format!("{}: {}{details}", finding.path, finding.message)
    }
}

fn audit(decision: &Decision<'_>) -> BTreeMap<String, String> {
    let codes = |judged: &mut dyn Iterator<Item = &Judged>| {
        let mut codes: Vec<_> = judged.map(|judged| judged.finding.code.to_string()).collect();
        codes.sort();
        codes.dedup();
        codes.join(",")
    };
    let mut audit = BTreeMap::new();
    for (name, codes) in [
        ("denied", codes(&mut decision.denied.iter().copied())),
        ("warned", codes(&mut decision.warned.iter().map(|(judged, _)| *judged))),
        ("recorded", codes(&mut decision.recorded.iter().copied())),
    ] {
        if !codes.is_empty() {
            audit.insert(name.to_owned(), codes);
        }
    }
    audit
}
