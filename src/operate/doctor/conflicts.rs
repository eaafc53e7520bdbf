//! Webhooks of others that could lock us out, or keep us from what we do.

use serde_json::json;

use crate::{
    engine::{
        kinds::{AGENTGATEWAY, GATEWAY_API, KGATEWAY, PORTCULLIS, meta::MANAGED_BY},
        selector::Labels,
    },
    operate::doctor::{
        Remark, Setup, deployed,
        deployed::{Deployed, labels},
        facts::Facts,
        list, name,
        webhooks::{self, Entry, Write},
    },
};

/// What must never wait for somebody else.
struct Ours {
    group: &'static str,
    resource: &'static str,
    operation: &'static str,
    by: By,
    why: &'static str,
}

/// Who writes it, and so how others can be kept from being asked.
#[derive(Clone, Copy, PartialEq, Eq)]
enum By {
    /// Anybody, in our namespace.
    Anybody,
    /// Anybody, and it has no namespace.
    People,
    Us,
}

const fn ours(group: &'static str, resource: &'static str, operation: &'static str, by: By, why: &'static str) -> Ours {
    Ours { group, resource, operation, by, why }
}

const OURS: [Ours; 7] = [
    ours("", "pods", "CREATE", By::Anybody, "no replica of Portcullis can start while it does not answer"),
    ours("apps", "replicasets", "CREATE", By::Anybody, "no new version can start while it does not answer"),
    ours("coordination.k8s.io", "leases", "UPDATE", By::Anybody, "nobody can lead while it does not answer"),
    ours("", "secrets", "UPDATE", By::Anybody, "certificates are not renewed while it does not answer"),
    ours(PORTCULLIS, "guardpolicies", "UPDATE", By::People, "no policy can be changed while it does not answer"),
    ours(
        PORTCULLIS,
        "guardpolicies/status",
        "UPDATE",
        By::People,
        "policies do not say how they stand while it does not answer",
    ),
    ours(
        GATEWAY_API,
        "referencegrants",
        "CREATE",
        By::Us,
        "no grant can be made while it does not answer: what would need one is refused",
    ),
];

const TELEMETRY: [(&str, &str); 3] =
    [(KGATEWAY, "httplistenerpolicies"), (KGATEWAY, "listenerpolicies"), (AGENTGATEWAY, "agentgatewaypolicies")];

pub(super) fn judge(setup: &Setup, facts: &Facts) -> Vec<Remark> {
    let mut remarks = Vec::new();
    for (kind, read) in [("validating", &facts.validating), ("mutating", &facts.mutating)] {
        if let Err(why) = read {
            remarks.push(Remark::unknown(format!("which {kind} webhooks there are is not known"), why));
        }
    }
    let own = own_labels(setup, facts);
    let pods = deployed::ours(setup, facts).map(Deployed::pod_labels).unwrap_or_default();
    let (none, grants) = (Labels::new(), Labels::from([(MANAGED_BY.0.to_owned(), MANAGED_BY.1.to_owned())]));
    for entry in webhooks::all(facts) {
        if name(entry.configuration) == setup.webhook_configuration || !entry.fails_closed() {
            continue;
        }
        let is_asked = |ours: &&Ours| {
            let object = match ours.resource {
                "pods" => &pods,
                "referencegrants" => &grants,
                _ => &none,
            };
            let namespace = (ours.by == By::Anybody).then_some(&own);
            let Ours { group, resource, operation, .. } = **ours;
            entry.is_asked(Write { group, resource, operation, namespace, object })
                && !condition(setup, ours.by).is_some_and(|condition| entry.has_condition(&condition))
        };
        // One of each way to repair it.
        for by in [By::Anybody, By::People, By::Us] {
            if let Some(ours) = OURS.iter().filter(|ours| ours.by == by).find(is_asked) {
                remarks.push(in_the_way(setup, entry, ours));
            }
        }
        let edits = |(group, resource): &(&str, &str)| entry.names(group, resource, "CREATE");
        if entry.mutating && TELEMETRY.iter().any(edits) {
            let what = asked(entry, "CREATE of telemetry objects");
            let remark =
                what.because("none can be written while it does not answer, and what it makes of them is judged");
            remarks.push(remark.repair(entry.set("failurePolicy", &json!("Ignore"))));
        }
    }
    if remarks.is_empty() {
        remarks.push(Remark::ok("no webhook of others stands in the way"));
    }
    remarks
}

fn in_the_way(setup: &Setup, entry: Entry<'_>, ours: &Ours) -> Remark {
    let whose = if ours.by == By::Anybody { "our " } else { "" };
    let remark = asked(entry, &format!("{} of {whose}{}", ours.operation, ours.resource)).because(ours.why);
    remark.repair(match condition(setup, ours.by) {
        None => entry.keep_out_of(&setup.own_namespace),
        Some(condition) => {
            let mut conditions = list(entry.value, "/matchConditions").to_vec();
            let name = if ours.by == By::Us { "not-by-portcullis" } else { "not-of-portcullis" };
            conditions.push(json!({ "name": name, "expression": condition }));
            entry.set("matchConditions", &conditions.into())
        }
    })
}

fn asked(entry: Entry<'_>, what: &str) -> Remark {
    let words = format!("`{}` fails closed, and is asked about every {what}", entry.name());
    // Conditions are CEL, which is not evaluated here.
    let remark = if entry.has_conditions() {
        Remark::unknown(format!("{words} that its `matchConditions` let through"), "")
    } else {
        Remark::problem(words)
    };
    remark.at(entry.place())
}

/// The condition by which a webhook is not asked, and nothing else is taken from it.
fn condition(setup: &Setup, by: By) -> Option<String> {
    match by {
        By::Anybody => None,
        By::People => Some(format!(r#"request.resource.group != "{PORTCULLIS}""#)),
        By::Us => {
            let Setup { own_namespace, service_account, .. } = setup;
            Some(format!(r#"request.userInfo.username != "system:serviceaccount:{own_namespace}:{service_account}""#))
        }
    }
}

/// The labels of our namespace, as far as they are known.
fn own_labels(setup: &Setup, facts: &Facts) -> Labels {
    let stored = facts.namespaces.iter().flatten().find(|one| name(one) == setup.own_namespace);
    let mut labels = stored.map(|one| labels(one, "/metadata/labels")).unwrap_or_default();
    labels.insert("kubernetes.io/metadata.name".to_owned(), setup.own_namespace.clone());
    labels
}
