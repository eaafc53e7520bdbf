//! What a stored telemetry object still resolves by is not taken away.

use std::collections::BTreeSet;

use super::{
    change::{Change, leaves, takes_away},
    codes::NEEDED,
    escape::Escape,
};
use crate::engine::{
    finding::{Finding, Level},
    kinds::{meta::ALLOW_DISRUPTION, namespace::is_terminating, telemetry::Telemetry},
    node::Path,
    resolve::{self, Blast},
    rules::{Judge, harm::place, suggest},
    subject::{ObjectKey, Operation},
    view::{Lens, LookUp, View},
};

pub(super) fn findings(judge: &Judge<'_>, change: &Change) -> Vec<Finding> {
    let (before, after) = (&change.before, &change.after);
    let mut broken: Vec<(ObjectKey, Blast)> = Vec::new();
    let mut doubtful: Vec<ObjectKey> = Vec::new();
    for (key, telemetry) in &change.referrers {
        match breaks(key, telemetry, before, after, judge.lens) {
            Some(true) if leaves(key, judge.lens) => {}
            // Whether it is still there could not be read.
            Some(true) if judge.lens.view().doubts(&LookUp::Object(key.clone())) => doubtful.push(key.clone()),
            Some(true) => {
                let lens = Lens::new(before);
                broken.push((key.clone(), resolve::blast(telemetry, &key.namespace, &lens)));
                judge.lens.note(&lens);
            }
            Some(false) => {}
            None => doubtful.push(key.clone()),
        }
    }
    if broken.is_empty() {
        return doubt(judge, &doubtful);
    }
    vec![finding(judge, &broken)]
}

/// Whether some reference resolved before and does not after; None where one of the two is not known.
fn breaks(key: &ObjectKey, telemetry: &Telemetry, before: &View, after: &View, noted: &Lens<'_>) -> Option<bool> {
    let (before, after) = (Lens::new(before), Lens::new(after));
    let mut known = true;
    let mut broken = false;
    for reference in &telemetry.references {
        let resolves = |lens: &Lens<'_>| resolve::resolves(telemetry.kind, &key.namespace, &reference.backend, lens);
        match (resolves(&before), resolves(&after)) {
            (Some(true), Some(false)) => broken = true,
            (Some(true), None) | (None, Some(false)) => known = false,
            _ => {}
        }
    }
    noted.note(&before);
    noted.note(&after);
    if broken { Some(true) } else { known.then_some(false) }
}

fn finding(judge: &Judge<'_>, broken: &[(ObjectKey, Blast)]) -> Finding {
    let subject = judge.subject;
    let objects = suggest::listed(broken.iter().take(5).map(|(key, _)| format!("{} `{}`", key.kind, place(key))));
    let more = broken.len().saturating_sub(5);
    let objects = if more > 0 { format!("{objects} and {more} more") } else { objects };
    let does =
        if subject.operation() == Operation::Delete { "is still needed by" } else { "would lose what it gives to" };
    let escape = Escape::of(judge);
    let message = format!("this {} {does} {objects}{}", subject.key.kind, escape.complaint());
    let mut finding = Finding::new(&NEEDED, Path::root(), message);
    let mut gateways = BTreeSet::new();
    let mut possible = BTreeSet::new();
    for (key, blast) in broken {
        finding = finding.related(key.clone(), "resolves by it now");
        match blast {
            Blast::Gateways(found) => gateways.extend(found),
            Blast::IfExists(found) => possible.extend(found),
            _ => {}
        }
    }
    let harmless = gateways.is_empty();
    for gateway in gateways {
        finding = finding.related(gateway.clone(), "every route of it would answer HTTP 500");
    }
    let (order, kind) = (order(judge, &objects, broken.len()), &subject.key.kind);
    let first = if subject.operation() == Operation::Delete { " before it is deleted" } else { "" };
    finding = finding.help(format!(
        "{order}; or accept the outage with the annotation `{ALLOW_DISRUPTION}: <RFC 3339 time>` on this {kind}{first}"
    ));
    if harmless && !possible.is_empty() {
        let named = suggest::listed(possible.into_iter().map(|gateway| format!("`{}`", place(gateway))));
        finding = finding.unknown(format!("whether Gateway {named} exists and is kgateway's"));
    }
    // Nothing of kgateway's is attached to a Gateway: telemetry is lost, traffic is not.
    if harmless || matches!(escape, Escape::Accepted) || only_finishes(judge) {
        finding.at_most(Level::Warning)
    } else {
        finding
    }
}

/// Whether this is a step of a deletion that was allowed, as the removal of a finalizer: held up, it would never end. A
/// change of what the object says is none, so a held finalizer is no way around the rule.
fn only_finishes(judge: &Judge<'_>) -> bool {
    let subject = judge.subject;
    subject.operation() == Operation::Update
        && subject.old().value().is_some_and(is_terminating)
        && subject.old().get("spec").value() == subject.object().get("spec").value()
}

/// The order in which nothing breaks.
fn order(judge: &Judge<'_>, objects: &str, how_many: usize) -> String {
    let kind = judge.subject.key.kind.as_str();
    let deletes = judge.subject.operation() == Operation::Delete;
    let them = if how_many == 1 { "it" } else { "them" };
    let does = if deletes { "delete" } else { "change" };
    match kind {
        "ReferenceGrant" => {
            format!("first apply another grant for {objects}, or change or delete {them}; then {does} this {kind}")
        }
        "Service" if !deletes => {
            format!("first serve the old port beside the new one and change {objects}; then take the old port away")
        }
        _ => format!("first change or delete {objects}; then {does} this {kind}"),
    }
}

/// What may break, as far as that is not known: objects whose references cannot be resolved, and those of whole kinds that
/// could not be looked up.
fn doubt(judge: &Judge<'_>, doubtful: &[ObjectKey]) -> Vec<Finding> {
    let mut words = Vec::new();
    let mut unknown = Vec::new();
    if !doubtful.is_empty() {
        let objects = suggest::listed(doubtful.iter().take(5).map(|key| format!("{} `{}`", key.kind, place(key))));
        unknown.push(format!("what {objects} would resolve by without it"));
        words.push(objects);
    }
    let kinds: Vec<_> = judge.lens.telemetry_not_known().map(|kind| format!("`{}`", kind.name())).collect();
    if !kinds.is_empty() && takes_away(judge) {
        let kinds = suggest::listed(kinds);
        unknown.push(format!("which objects of kind {kinds} there are"));
        words.push(format!("objects of kind {kinds} that could not be looked up"));
    }
    if words.is_empty() {
        return Vec::new();
    }
    let message = format!("this {} may still be needed by {}", judge.subject.key.kind, words.join(", and by "));
    let finding = Finding::new(&NEEDED, Path::root(), message);
    vec![finding.unknown(unknown.join("; ")).help("look at these objects first")]
}
