//! A Gateway comes to be what a broken telemetry object waits for.

use super::codes::WAKES;
use crate::engine::{
    finding::Finding,
    node::Path,
    resolve::{self, Blast},
    rules::{Judge, harm::place},
    subject::Operation,
    view::Lens,
};

/// Broken telemetry objects to which the Gateway gives what they wait for: it is made, or changed to what they target.
pub(super) fn findings(judge: &Judge<'_>) -> Vec<Finding> {
    let subject = judge.subject;
    let before = match subject.old().value().filter(|_| subject.operation() == Operation::Update) {
        Some(old) => judge.lens.view().with(&subject.key, old),
        None => judge.lens.view().without(&subject.key),
    };
    let after = judge.lens.view().with(&subject.key, subject.value());
    let (was, is) = (Lens::new(&before), Lens::new(&after));
    let mut found = Vec::new();
    let mut waiting = judge.lens.telemetry_in(&subject.key.namespace);
    // What selects by labels in this namespace selects Gateways of all.
    let global = judge.lens.control_plane().kgateway.global_policy_namespace.as_deref();
    if let Some(global) = global.filter(|global| **global != *subject.key.namespace.as_str()) {
        waiting.extend(judge.lens.telemetry_targeting(global, ""));
    }
    for (key, telemetry) in waiting {
        let reached = |lens: &Lens<'_>| match resolve::blast(telemetry, &key.namespace, lens) {
            Blast::Gateways(gateways) => gateways.contains(&subject.key),
            _ => false,
        };
        let bad = telemetry.bad_sinks
            || telemetry.references.iter().any(|reference| {
                resolve::resolves(telemetry.kind, &key.namespace, &reference.backend, &is) == Some(false)
            });
        if bad && !reached(&was) && reached(&is) {
            found.push(
                Finding::new(
                    &WAKES,
                    Path::of(&["metadata", "name"]),
                    format!(
                        "{} `{}` targets this Gateway and is broken: every route of it would answer HTTP 500",
                        key.kind,
                        place(key)
                    ),
                )
                .related(key.clone(), "is broken")
                .help("repair or delete it first"),
            );
        }
    }
    judge.lens.note(&is);
    found
}
