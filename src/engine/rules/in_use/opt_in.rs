//! Withdrawing the opt-in removes nothing: who goes on by a grant that would not be made again is told.

use super::{
    change::{Change, leaves},
    codes::OPT_IN_WITHDRAWN,
};
use crate::engine::{
    finding::Finding,
    kinds::{
        meta::{SHARED, SHARED_WITH},
        telemetry::{Reference, Telemetry},
    },
    node::Path,
    resolve::{self, Grant},
    rules::{Judge, harm::place, suggest},
    subject::{ObjectKey, Operation},
    view::Lens,
};

/// Where sharing is said.
const SAID_AT: [[&str; 3]; 2] = [["metadata", "labels", SHARED], ["metadata", "annotations", SHARED_WITH]];

pub(super) fn findings(judge: &Judge<'_>, change: &Change) -> Vec<Finding> {
    let subject = judge.subject;
    let changed =
        |at: &&[&str; 3]| subject.old().follow(at.as_slice()).value() != subject.object().follow(at.as_slice()).value();
    let Some(at) = SAID_AT.iter().find(changed).filter(|_| subject.operation() == Operation::Update) else {
        return Vec::new();
    };
    let (before, after) = (Lens::new(&change.before), Lens::new(&change.after));
    let mut users: Vec<&ObjectKey> = Vec::new();
    let mut grants: Vec<ObjectKey> = Vec::new();
    for (key, telemetry) in &change.referrers {
        let withdrawn = telemetry.references.iter().filter(|reference| {
            let opted_in = |lens| resolve::opted_in(&key.namespace, &reference.backend, lens);
            opted_in(&before) == Some(true) && opted_in(&after) == Some(false)
        });
        let ours: Vec<_> = withdrawn.flat_map(|reference| only_ours(key, telemetry, reference, &after)).collect();
        if !ours.is_empty() && !leaves(key, judge.lens) {
            users.push(key);
            grants.extend(ours);
        }
    }
    judge.lens.note(&before);
    judge.lens.note(&after);
    if users.is_empty() { Vec::new() } else { vec![finding(judge, at, &users, grants)] }
}

/// The grants that this reference resolves by, where Portcullis made all of them.
fn only_ours(key: &ObjectKey, telemetry: &Telemetry, reference: &Reference, lens: &Lens<'_>) -> Vec<ObjectKey> {
    let (kind, backend) = (telemetry.kind, &reference.backend);
    if resolve::grant(kind, &key.namespace, backend, lens) != Grant::Given
        || resolve::resolves(kind, &key.namespace, backend, lens) == Some(false)
    {
        return Vec::new();
    }
    let crossing = resolve::crossing(kind, &key.namespace, backend);
    let (grants, _) = lens.grants(crossing.to_namespace);
    let allowing: Vec<_> = grants.into_iter().filter(|(_, grant)| grant.allows(&crossing)).collect();
    if allowing.iter().all(|(_, grant)| grant.ours) {
        allowing.into_iter().map(|(key, _)| key.clone()).collect()
    } else {
        Vec::new()
    }
}

fn finding(judge: &Judge<'_>, at: &[&str], users: &[&ObjectKey], mut grants: Vec<ObjectKey>) -> Finding {
    grants.sort();
    grants.dedup();
    let objects = suggest::listed(some(users.iter().copied()));
    let made = suggest::listed(some(grants.iter()));
    let resolves = if users.len() == 1 { "resolves" } else { "resolve" };
    let (made_by_us, stays) = if grants.len() == 1 { ("a grant", "it stays") } else { ("grants", "they stay") };
    let message = format!(
        "this {} is no longer shared with {objects}, which {resolves} only by {made_by_us} that Portcullis made: {stays}, and would not be made again",
        judge.subject.key.kind
    );
    let mut finding = Finding::new(&OPT_IN_WITHDRAWN, Path::of(at), message).help(format!(
        "to keep the use, apply a grant of your own; to end it, first change or delete {objects}, then delete {made}"
    ));
    for user in users {
        finding = finding.related((*user).clone(), "resolves only by a grant that Portcullis made");
    }
    for grant in grants {
        finding = finding.related(grant, "stays, and would not be made again");
    }
    finding
}

/// As many as anybody reads, and how many there are more.
fn some<'k>(keys: impl ExactSizeIterator<Item = &'k ObjectKey>) -> Vec<String> {
    let more = keys.len().saturating_sub(5);
    let mut words: Vec<_> = keys.take(5).map(|key| format!("{} `{}`", key.kind, place(key))).collect();
    if more > 0 {
        words.push(format!("{more} more"));
    }
    words
}
