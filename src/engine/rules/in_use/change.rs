//! The views before and after a change, and the telemetry objects that it may concern.

use std::collections::BTreeSet;

use crate::engine::{
    kinds::telemetry::Telemetry,
    node::Node,
    rules::Judge,
    subject::{ObjectKey, Operation},
    view::{Lens, View, lens::Row},
};

/// What a change does to the view.
pub(super) struct Change {
    pub before: View,
    pub after: View,
    pub referrers: Referrers,
}

pub(super) type Referrers = Vec<(ObjectKey, Telemetry)>;

/// Whether something may resolve before the change that does not after it, whoever refers to it.
pub(super) fn takes_away(judge: &Judge<'_>) -> bool {
    let subject = judge.subject;
    let (old, new) = (subject.old(), subject.object());
    let deletes = subject.operation() == Operation::Delete;
    let changed = |at: &[&str]| old.follow(at).value() != new.follow(at).value();
    match subject.key.kind.as_str() {
        "CustomResourceDefinition" => {
            let kind = old.follow(&["spec", "names", "kind"]).text();
            RESOLVED_BY.contains(&kind) && (deletes || stops_serving(judge))
        }
        _ if deletes => true,
        "Service" => changed(&["spec", "ports"]),
        "ReferenceGrant" => changed(&["spec"]),
        "Namespace" => judge.lens.control_plane().kgateway.discovery.is_some() && changed(&["metadata", "labels"]),
        // Of the others it counts only that they exist.
        _ => false,
    }
}

/// Kinds with definitions by whose objects a reference resolves.
const RESOLVED_BY: [&str; 4] = ["AgentgatewayBackend", "Backend", "ReferenceGrant", "ServiceEntry"];

// === impl Change ===

impl Change {
    pub(super) fn of(judge: &Judge<'_>) -> Self {
        // What a stored object resolves by is there as long as it is there.
        let view = judge.lens.view().with_leaving();
        let before = view.with(&judge.subject.key, judge.subject.old().value().unwrap_or_default());
        let lens = Lens::new(&before);
        let (after, referrers) = taken_away(judge, &lens);
        judge.lens.note(&lens);
        Self { before, after, referrers }
    }
}

/// Whether it goes with its namespace: then it needs nothing any more.
pub(super) fn leaves(key: &ObjectKey, lens: &Lens<'_>) -> bool {
    lens.namespace(&key.namespace).found().is_some_and(|own| own.terminating)
}

fn taken_away(judge: &Judge<'_>, lens: &Lens<'_>) -> (View, Referrers) {
    let subject = judge.subject;
    let key = &subject.key;
    let before = lens.view();
    let deletes = subject.operation() == Operation::Delete;
    let changed = || if deletes { before.without(key) } else { before.with(key, subject.value()) };
    match key.kind.as_str() {
        "Namespace" if deletes => {
            let mut after = before.without(key);
            for gone in before.keys_in(&key.name) {
                after.remove(&gone);
            }
            let mut referrers = owned(lens.referrers_into(&key.name));
            // What lies in the namespace goes with it and needs nothing any more.
            referrers.retain(|(referrer, _)| referrer.namespace != key.name);
            (after, referrers)
        }
        "Namespace" => (changed(), owned(lens.referrers_into(&key.name))),
        "ReferenceGrant" => (changed(), owned(lens.referrers_into(&key.namespace))),
        "CustomResourceDefinition" if deletes || stops_serving(judge) => without_kind(judge, lens),
        "CustomResourceDefinition" => (before.clone(), Vec::new()),
        _ => (changed(), owned(lens.referrers(key))),
    }
}

/// A definition takes every object of its kind with it.
fn without_kind(judge: &Judge<'_>, lens: &Lens<'_>) -> (View, Referrers) {
    let spec = judge.subject.old().get("spec");
    let (group, name) = (spec.get("group").text(), spec.follow(&["names", "kind"]).text());
    let mut after = lens.view().clone();
    let mut namespaces = BTreeSet::new();
    if RESOLVED_BY.contains(&name) {
        for gone in lens.view().keys_of(group, name) {
            after.remove(&gone);
            namespaces.insert(gone.namespace);
        }
    }
    let mut referrers: Referrers =
        namespaces.iter().flat_map(|namespace| owned(lens.referrers_into(namespace))).collect();
    referrers.sort_by(|(a, _), (b, _)| a.cmp(b));
    referrers.dedup_by(|(a, _), (b, _)| a == b);
    (after, referrers)
}

/// Whether a definition that served a version serves none any more: nobody can read its objects then.
fn stops_serving(judge: &Judge<'_>) -> bool {
    let serves = |definition: Node<'_>| {
        let mut versions = definition.follow(&["spec", "versions"]).items();
        versions.any(|version| version.get("served").as_bool() == Some(true))
    };
    serves(judge.subject.old()) && !serves(judge.subject.object())
}

fn owned(rows: Vec<Row<'_, Telemetry>>) -> Referrers {
    rows.into_iter().map(|(key, telemetry)| (key.clone(), Telemetry::clone(telemetry))).collect()
}
