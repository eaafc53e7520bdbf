//! What stored telemetry objects want, asked of a view: which lack a grant, which a change concerns, and which grants of
//! ours nobody needs. Pure.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::Value;

use crate::engine::{
    decide::{Ask, Ensure, decide},
    evaluate::evaluate,
    finding::{Finding, Level, Remedy},
    kinds::{
        self, CORE, GATEWAY_API,
        reference_grant::{Crossing, ReferenceGrant},
        telemetry::{BackendRef, Telemetry, TelemetryKind},
    },
    policy::PolicySet,
    resolve::{self, Grant},
    select::Door,
    subject::{Attributes, ObjectKey, Operation, Subject},
    verdict::Verdict,
    view::{Lens, View},
};

/// Of these telemetry objects, or of all, those with a reference into another namespace that no grant allows: neither ours
/// nor another's, as far as that is known. One that is about to be removed does not count: made again, it stays. In a namespace
/// that is being deleted none can be made.
pub fn missing(view: &View, keys: Option<&BTreeSet<ObjectKey>>) -> Vec<ObjectKey> {
    let mut grants = Grants::new(view);
    let lacks = |(key, telemetry): &(&ObjectKey, &Telemetry)| {
        abroad(key, telemetry).any(|backend| {
            let crossing = resolve::crossing(telemetry.kind, &key.namespace, backend);
            !is_going(view, crossing.to_namespace)
                && !grants.allow(&crossing)
                && resolve::grant(telemetry.kind, &key.namespace, backend, &Lens::new(view)) == Grant::Missing
        })
    };
    let mut missing: Vec<_> = rows(view, keys).into_iter().filter(lacks).map(|(key, _)| key.clone()).collect();
    missing.sort();
    missing
}

/// Of these telemetry objects, or of all, those that the control plane calls invalid: a reference that does not resolve, or
/// a sink that is wrong in itself.
pub fn broken(view: &View, keys: Option<&BTreeSet<ObjectKey>>) -> Vec<ObjectKey> {
    let view = &view.with_leaving();
    let mut known: BTreeMap<(TelemetryKind, &str, &BackendRef), bool> = BTreeMap::new();
    let mut broken: Vec<ObjectKey> = Vec::new();
    for (key, telemetry) in rows(view, keys) {
        let unresolved = telemetry.references.iter().any(|reference| {
            let backend: &BackendRef = &reference.backend;
            let resolves = || resolve::resolves(telemetry.kind, &key.namespace, backend, &Lens::new(view));
            *known.entry((telemetry.kind, &key.namespace, backend)).or_insert_with(|| resolves() == Some(false))
        });
        if unresolved || telemetry.bad_sinks {
            broken.push(key.clone());
        }
    }
    broken.sort();
    broken
}

/// The stored telemetry objects that changed objects concern: what changed itself, what refers to it or targets it, and
/// what a grant or a Namespace may be for.
pub fn concerned(view: &View, changed: &BTreeSet<ObjectKey>) -> BTreeSet<ObjectKey> {
    let lens = Lens::new(view);
    let mut concerned = BTreeSet::new();
    let mut into = BTreeSet::new();
    for key in changed {
        match (&*key.group, &*key.kind) {
            (GATEWAY_API, "ReferenceGrant") => drop(into.insert(&*key.namespace)),
            (CORE, "Namespace") => {
                into.insert(&*key.name);
                concerned.extend(lens.telemetry_in(&key.name).into_iter().map(|(key, _)| key.clone()));
            }
            // It wakes what was stored before it.
            (GATEWAY_API, "Gateway") => {
                let targeting = lens.telemetry_targeting(&key.namespace, &key.name);
                concerned.extend(targeting.into_iter().map(|(key, _)| key.clone()));
            }
            (group, kind) if TelemetryKind::of(group, kind).is_some() => {
                concerned.extend(view.telemetry_at(key).map(|(key, _)| key.clone()));
            }
            _ => concerned.extend(lens.referrers(key).into_iter().map(|(key, _)| key.clone())),
        }
    }
    for namespace in into {
        let referrers = lens.referrers_into(namespace).into_iter().map(|(key, _)| key);
        concerned.extend(referrers.filter(|key| *key.namespace != *namespace).cloned());
    }
    concerned
}

/// Whether it is known of every telemetry object and grant that there is. Where not, nothing is unneeded. A kind that is not
/// served counts as known here: before a grant goes, `live::with_users` asks whether the kinds that it is for are served.
pub fn is_known(view: &View) -> bool {
    TelemetryKind::ALL.iter().all(|kind| view.is_complete(kind.group(), kind.name()))
        && view.is_complete(GATEWAY_API, "ReferenceGrant")
}

/// The grants of ours, in one namespace or in all, without any of which no stored telemetry object would miss one. What
/// policies, labels and exceptions say decides only whether a grant may be made.
pub fn unneeded(view: &View, namespace: Option<&str>) -> Vec<ObjectKey> {
    if !is_known(view) {
        return Vec::new();
    }
    let ours = ours(view, namespace);
    if ours.is_empty() {
        return Vec::new();
    }
    let wanted = Wanted::of(view, namespace);
    let unneeded = ours.into_iter().filter(|(key, grant)| !wanted.needs(&key.namespace, grant));
    unneeded.map(|(key, _)| key.clone()).collect()
}

/// The grants of ours that are about to be removed.
pub fn leaving(view: &View) -> Vec<ObjectKey> {
    ours(view, None).into_iter().filter(|(_, grant)| grant.leaving).map(|(key, _)| key.clone()).collect()
}

/// The grants that the policies in force let be made for a stored telemetry object, as if it were made now. Whatever else
/// is wrong with it, for a grant that was lost must not add an outage to a finding; and whether or not a Gateway is there
/// yet that would suffer, for then it is too late.
pub fn to_make(policies: &PolicySet, view: &View, key: &ObjectKey, object: &Value, now: Timestamp) -> Vec<Value> {
    let mut verdict = judge(policies, view, key, object, now);
    verdict.judged.retain(|judged| matches!(judged.finding.remedy, Some(Remedy::Ensure(_))));
    let decision = decide(&verdict, Ask { door: Door::Validate(None), dry_run: false, ensure: Ensure::Possible });
    decision.ensure.iter().flat_map(|(_, objects)| objects.iter().cloned()).collect()
}

/// What is wrong with a stored telemetry object, by the policies in force, and not excepted.
pub fn errors(policies: &PolicySet, view: &View, key: &ObjectKey, object: &Value, now: Timestamp) -> Vec<Finding> {
    let judged = judge(policies, &view.with_leaving(), key, object, now).judged.into_iter();
    judged
        .filter(|judged| judged.exception().is_none())
        .map(|judged| judged.finding)
        .filter(|finding| finding.level == Level::Error)
        .collect()
}

fn judge(policies: &PolicySet, view: &View, key: &ObjectKey, object: &Value, now: Timestamp) -> Verdict {
    let api_version = object.get("apiVersion").and_then(Value::as_str).unwrap_or_default();
    let attributes = Attributes::of(Operation::Create, key, kinds::split_api_version(api_version).1);
    let selection = policies.select(Door::Validate(None), &attributes);
    evaluate(&selection, &Subject::of(attributes, object.clone(), Value::Null), view, now)
}

fn rows<'v>(view: &'v View, keys: Option<&BTreeSet<ObjectKey>>) -> Vec<(&'v ObjectKey, &'v Telemetry)> {
    match keys {
        Some(keys) => keys.iter().filter_map(|key| view.telemetry_at(key)).collect(),
        None => view.every_telemetry().collect(),
    }
}

/// Our grants, in one namespace or in all.
fn ours<'v>(view: &'v View, namespace: Option<&str>) -> Vec<(&'v ObjectKey, &'v ReferenceGrant)> {
    let lens = Lens::new(view);
    let namespaces: BTreeSet<String> = match namespace {
        Some(namespace) => BTreeSet::from([namespace.to_owned()]),
        None => view.keys_of(GATEWAY_API, "ReferenceGrant").iter().map(|key| (*key.namespace).to_owned()).collect(),
    };
    namespaces.iter().flat_map(|namespace| lens.grants(namespace).0).filter(|(_, grant)| grant.ours).collect()
}

fn is_going(view: &View, namespace: &str) -> bool {
    Lens::new(view).namespace(namespace).found().is_some_and(|namespace| namespace.terminating)
}

/// What it refers to in other namespaces.
fn abroad<'t>(key: &'t ObjectKey, telemetry: &'t Telemetry) -> impl Iterator<Item = &'t BackendRef> {
    let backends = telemetry.references.iter().map(|reference| -> &BackendRef { &reference.backend });
    backends.filter(|backend| *backend.namespace_or(&key.namespace) != *key.namespace)
}

/// Grants, found by the kind and namespace whose references they allow: a collector's namespace may hold thousands, and
/// every telemetry object of a cluster may refer to it.
struct Grants<'v> {
    view: &'v View,
    by_namespace: BTreeMap<String, BTreeMap<(&'v str, &'v str), Vec<&'v ReferenceGrant>>>,
}

impl<'v> Grants<'v> {
    const fn new(view: &'v View) -> Self {
        Self { view, by_namespace: BTreeMap::new() }
    }

    fn allow(&mut self, crossing: &Crossing<'_>) -> bool {
        let view = self.view;
        let by_source = &*self.by_namespace.entry(crossing.to_namespace.to_owned()).or_insert_with(|| {
            let mut by_source: BTreeMap<_, Vec<_>> = BTreeMap::new();
            for (_, grant) in Lens::new(view).grants(crossing.to_namespace).0 {
                let grant: &ReferenceGrant = grant;
                for from in &grant.from {
                    by_source.entry((&*from.kind, &*from.namespace)).or_default().push(grant);
                }
            }
            by_source
        });
        let grants = by_source.get(&(crossing.from_kind, crossing.from_namespace));
        grants.is_some_and(|grants| grants.iter().any(|grant| !grant.leaving && grant.allows(crossing)))
    }
}

/// The crossings that no grant of others allows, found by where they lead and who makes them.
struct Wanted<'v> {
    crossings: BTreeMap<(&'v str, &'v str, &'v str), Vec<Crossing<'v>>>,
}

impl<'v> Wanted<'v> {
    /// Of all references, or of those into one namespace.
    fn of(view: &'v View, namespace: Option<&str>) -> Self {
        let bare = view.without_ours();
        let mut seen = BTreeSet::new();
        let mut crossings: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for (key, telemetry) in view.every_telemetry() {
            for backend in abroad(key, telemetry) {
                let crossing = resolve::crossing(telemetry.kind, &key.namespace, backend);
                let to = crossing.to_namespace;
                if namespace.is_some_and(|namespace| namespace != to)
                    || !seen.insert((telemetry.kind, &*key.namespace, backend))
                {
                    continue;
                }
                // INVARIANT: what is not known to be granted by others is wanted of us.
                if matches!(
                    resolve::grant(telemetry.kind, &key.namespace, backend, &Lens::new(&bare)),
                    Grant::Missing | Grant::Unknown
                ) {
                    let source = (to, crossing.from_kind, crossing.from_namespace);
                    crossings.entry(source).or_default().push(crossing);
                }
            }
        }
        Self { crossings }
    }

    fn needs(&self, namespace: &str, grant: &ReferenceGrant) -> bool {
        grant.from.iter().any(|from| {
            let crossings = self.crossings.get(&(namespace, &*from.kind, &*from.namespace));
            crossings.is_some_and(|crossings| crossings.iter().any(|crossing| grant.allows(crossing)))
        })
    }
}

#[cfg(test)]
mod tests;
