//! A change takes away what a stored telemetry object resolves by: a Service, a port, a grant, a Backend, a Namespace.
//!
//! It compares two views: what resolved before and does not after.

use jiff::Timestamp;

use crate::engine::{
    finding::{Code, Finding, Level},
    kinds::{AGENTGATEWAY, CORE, GATEWAY_API, ISTIO, KGATEWAY, KINDS, meta::ALLOW_DISRUPTION, telemetry::Telemetry},
    node::Path,
    policy::RuleSpec,
    resolve::{self, Blast},
    rules::{Judge, Rule, SeenIn, harm::place, suggest},
    subject::{ObjectKey, Operation},
    view::{Lens, View},
};

pub static RULE: Rule = Rule {
    name: "inUse",
    prefix: "in-use",
    resources: &[
        (CORE, "services"),
        (CORE, "namespaces"),
        (GATEWAY_API, "referencegrants"),
        (GATEWAY_API, "gateways"),
        (KGATEWAY, "backends"),
        (AGENTGATEWAY, "agentgatewaybackends"),
        (ISTIO, "serviceentries"),
        ("apiextensions.k8s.io", "customresourcedefinitions"),
    ],
    operations: &[Operation::Create, Operation::Update, Operation::Delete],
    in_files: &[],
    seen_in: SeenIn::Requests,
    gives_edits: false,
    needle: None,
    codes: &[&NEEDED, &WAKES],
    run,
};

static NEEDED: Code = Code {
    name: "in-use/needed",
    level: Level::Error,
    title: "a stored telemetry object resolves by what this takes away",
    why: "kgateway recomputes at once: 190 ms after a needed grant, Service, port, Backend or namespace is gone, every route of the \
Gateway answers HTTP 500",
    fix: "change or delete the telemetry objects first, then this; or annotate it with `portcullis.dev/allow-disruption` and a time until which the outage is accepted",
    example: "kubectl delete service otel-collector   # while a ListenerPolicy refers to it",
};

static WAKES: Code = Code {
    name: "in-use/wakes-broken",
    level: Level::Warning,
    title: "a broken telemetry object waits for this Gateway",
    why: "it did no harm while it was attached to nothing; as soon as the Gateway exists, every route of it answers HTTP 500",
    fix: "repair or delete the telemetry object first",
    example: "kubectl apply -f gateway.yaml   # while a ListenerPolicy with a missing collector targets it",
};

fn run(judge: &Judge<'_>) -> Vec<Finding> {
    let subject = judge.subject;
    if subject.key.group == GATEWAY_API && subject.key.kind == "Gateway" {
        return if subject.operation() == Operation::Delete { Vec::new() } else { wakes(judge) };
    }
    if subject.operation() == Operation::Create || passes(judge) {
        return Vec::new();
    }
    let before = judge.lens.view().with(&subject.key, subject.old().value().unwrap_or_default());
    let (after, referrers) = taken_away(judge, &before);
    let mut broken: Vec<(ObjectKey, Blast)> = Vec::new();
    let mut doubtful: Vec<ObjectKey> = Vec::new();
    for (key, telemetry) in referrers {
        match breaks(&key, &telemetry, &before, &after, judge.lens) {
            Some(true) => {
                let lens = Lens::new(&before);
                broken.push((key.clone(), resolve::blast(&telemetry, &key.namespace, &lens)));
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

/// Users who only finish what somebody else was allowed to begin.
fn passes(judge: &Judge<'_>) -> bool {
    match judge.parameters {
        RuleSpec::InUse(parameters) => {
            parameters.passing_users.iter().any(|user| user == judge.subject.attributes.user)
        }
        _ => false,
    }
}

type Referrers = Vec<(ObjectKey, Telemetry)>;

/// The view after the change, and the telemetry objects that it may concern.
fn taken_away(judge: &Judge<'_>, before: &View) -> (View, Referrers) {
    let subject = judge.subject;
    let key = &subject.key;
    let deletes = subject.operation() == Operation::Delete;
    let owned = |rows: Vec<crate::engine::view::lens::Row<'_, Telemetry>>| -> Referrers {
        rows.into_iter().map(|(key, telemetry)| (key.clone(), telemetry.clone())).collect()
    };
    let lens = Lens::new(before);
    let (after, referrers) = match key.kind.as_str() {
        "Namespace" if deletes => {
            let mut after = before.without(key);
            for gone in before.keys_in(&key.name) {
                after.remove(&gone);
            }
            // What lies in the namespace goes with it and needs nothing any more.
            let outside = owned(lens.referrers_into(&key.name))
                .into_iter()
                .filter(|(referrer, _)| referrer.namespace != key.name);
            (after, outside.collect())
        }
        "Namespace" => (before.with(key, subject.value()), owned(lens.referrers_into(&key.name))),
        "ReferenceGrant" => {
            let after = if deletes { before.without(key) } else { before.with(key, subject.value()) };
            (after, owned(lens.referrers_into(&key.namespace)))
        }
        "CustomResourceDefinition" if deletes => {
            let names = |field: &str| subject.old().follow(&["spec", "names", field]).text();
            let group = subject.old().follow(&["spec", "group"]).text();
            let known = KINDS.iter().find(|kind| kind.group == group && kind.kind == names("kind"));
            let mut after = before.clone();
            let mut referrers = Vec::new();
            for gone in known.map(|kind| before.keys_of(kind.group, kind.kind)).unwrap_or_default() {
                referrers.extend(owned(lens.referrers_into(&gone.namespace)));
                after.remove(&gone);
            }
            referrers.sort_by(|(a, _), (b, _)| a.cmp(b));
            referrers.dedup_by(|(a, _), (b, _)| a == b);
            (after, referrers)
        }
        "CustomResourceDefinition" => (before.clone(), Vec::new()),
        _ => {
            let after = if deletes { before.without(key) } else { before.with(key, subject.value()) };
            (after, owned(lens.referrers(key)))
        }
    };
    judge.lens.note(&lens);
    (after, referrers)
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
    let message = format!("this {} {does} {objects}", subject.key.kind);
    let mut finding = Finding::new(&NEEDED, Path::root(), message);
    let mut gateways: Vec<&ObjectKey> = Vec::new();
    for (key, blast) in broken {
        finding = finding.related(key.clone(), "resolves by it now");
        if let Blast::Gateways(found) = blast {
            gateways.extend(found);
        }
    }
    gateways.sort();
    gateways.dedup();
    let harmless = gateways.is_empty();
    for gateway in gateways {
        finding = finding.related(gateway.clone(), "every route of it would answer HTTP 500");
    }
    finding = finding.help(format!(
        "change or delete {objects} first, then this; or accept the outage with the annotation `{ALLOW_DISRUPTION}: <RFC 3339 time>` on this {}",
        subject.key.kind
    ));
    // Nothing of kgateway's is attached to a Gateway: telemetry is lost, traffic is not.
    if harmless || allowed(judge) { finding.at_most(Level::Warning) } else { finding }
}

/// Whether the annotation holds a time that has not passed; on UPDATE the new object may bring it.
fn allowed(judge: &Judge<'_>) -> bool {
    [judge.subject.old(), judge.subject.object()]
        .iter()
        .filter_map(|object| object.follow(&["metadata", "annotations", ALLOW_DISRUPTION]).as_str())
        .filter_map(|text| text.parse::<Timestamp>().ok())
        .any(|until| until > judge.now)
}

fn doubt(judge: &Judge<'_>, doubtful: &[ObjectKey]) -> Vec<Finding> {
    if doubtful.is_empty() {
        return Vec::new();
    }
    let objects = suggest::listed(doubtful.iter().take(5).map(|key| format!("{} `{}`", key.kind, place(key))));
    vec![
        Finding::new(
            &NEEDED,
            Path::root(),
            format!("this {} may still be needed by {objects}", judge.subject.key.kind),
        )
        .unknown(format!("what {objects} would resolve by without it"))
        .help("look at these objects first"),
    ]
}

/// Broken telemetry objects that target the Gateway which is being made.
fn wakes(judge: &Judge<'_>) -> Vec<Finding> {
    let subject = judge.subject;
    let before = judge.lens.view().without(&subject.key);
    let after = judge.lens.view().with(&subject.key, subject.value());
    let (was, is) = (Lens::new(&before), Lens::new(&after));
    let mut found = Vec::new();
    for (key, telemetry) in judge.lens.telemetry_in(&subject.key.namespace) {
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
