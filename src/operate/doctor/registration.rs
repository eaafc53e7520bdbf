//! Whether the API server sends what the policies select to doors that exist, and what happens when nobody answers.

use serde_json::{Value, json};

use crate::{
    engine::policy::{FailurePolicy, Policy, PolicySet, RemedyMode},
    operate::doctor::{
        Remark, Setup, deployed,
        deployed::{Deployed, labels},
        facts::{Facts, Known, compiled},
        list, name, some_of, text,
        webhooks::{self, Door, Entry},
    },
};

/// The timeouts of all webhooks that a write waits for add up, and a request lasts a minute at most.
const TIMEOUT: i64 = 5;
const TIMEOUT_OF_OURS: i64 = 3;

pub(super) fn judge(setup: &Setup, facts: &Facts) -> Vec<Remark> {
    let kinds =
        [("ValidatingWebhookConfiguration", &facts.validating), ("MutatingWebhookConfiguration", &facts.mutating)];
    let mut remarks: Vec<_> =
        kinds.into_iter().filter_map(|(kind, read)| configuration(setup, facts, kind, read)).collect();
    let entries = webhooks::ours(setup, facts);
    remarks.extend(entries.iter().filter_map(|entry| leads_to_us(setup, facts, *entry)));
    // What is not sent is told once: where the entries are not as they should be, that is why.
    let whole = remarks.is_empty();
    for entry in &entries {
        remarks.extend(when_nobody_answers(*entry));
        remarks.extend(stays_out(setup, facts, *entry));
    }
    if whole {
        remarks.extend(coverage(setup, facts, &compiled(&facts.policies), &entries));
    }
    remarks
}

fn configuration(setup: &Setup, facts: &Facts, kind: &str, read: &Known<Vec<Value>>) -> Option<Remark> {
    let wanted = &setup.webhook_configuration;
    let place = format!("{kind} {wanted}");
    let configurations = match read {
        Ok(configurations) => configurations,
        Err(why) => return Some(Remark::unknown(format!("no {kind} could be read"), why).at(place)),
    };
    let Some(found) = configurations.iter().find(|one| name(one) == wanted) else {
        let empty = json!({
            "apiVersion": "admissionregistration.k8s.io/v1", "kind": kind, "metadata": { "name": wanted },
        });
        return Some(
            Remark::problem("it does not exist")
                .at(place)
                .because("nothing is sent to Portcullis. Its absence is respected: it is only filled where it exists")
                .repair(format!("echo '{empty}' | kubectl apply -f -")),
        );
    };
    list(found, "/webhooks").is_empty().then(|| {
        Remark::problem("it is empty")
            .at(place)
            .because("nothing is sent to Portcullis")
            .repair(write_again(setup, facts))
    })
}

/// Who leads writes what is missing; where others keep it, it is printed for them.
fn write_again(setup: &Setup, facts: &Facts) -> String {
    match deployed::ours(setup, facts) {
        Some(deployed) if deployed.is_registered_by_others() => {
            "portcullis webhooks | kubectl apply --server-side --force-conflicts -f -".to_owned()
        }
        deployed => {
            let name = deployed.map_or("portcullis", Deployed::name);
            format!("kubectl rollout restart --namespace {} deployment/{name}", setup.own_namespace)
        }
    }
}

fn leads_to_us(setup: &Setup, facts: &Facts, entry: Entry<'_>) -> Option<Remark> {
    let Setup { own_namespace, service, .. } = setup;
    let problem = |what: String| {
        let remark = Remark::problem(format!("`{}` {what}", entry.name())).at(entry.place());
        Some(remark.because("what it selects is not judged, or refused").repair(write_again(setup, facts)))
    };
    if entry.door().is_none() {
        return problem("leads to no door of Portcullis".to_owned());
    }
    let client = entry.value.get("clientConfig")?;
    let called = client.get("service")?;
    let (namespace, called_name) = (text(called, "/namespace"), text(called, "/name"));
    if (namespace, called_name) != (own_namespace.as_str(), service.as_str()) {
        return problem(format!("leads to Service `{namespace}/{called_name}`, not to `{own_namespace}/{service}`"));
    }
    let port = called.get("port").and_then(Value::as_i64).unwrap_or(443);
    let Ok(Some(service)) = &facts.service else { return None };
    let has_port = |one: &Value| one.get("port").and_then(Value::as_i64) == Some(port);
    if !list(service, "/spec/ports").iter().any(has_port) {
        return problem(format!("leads to port {port}, which the Service does not have"));
    }
    None
}

fn when_nobody_answers(entry: Entry<'_>) -> Vec<Remark> {
    let mut remarks = Vec::new();
    let name = entry.name();
    match (entry.door(), entry.fails_closed()) {
        (Some(Door::Mutate), true) => remarks.push(
            Remark::problem(format!("`{name}` fails closed"))
                .at(entry.place())
                .because("while nobody answers, no Pod or ConfigMap can be made that it selects: edits are never worth that")
                .repair(entry.set("failurePolicy", &json!("Ignore"))),
        ),
        (Some(Door::ValidateIgnore), true) => remarks.push(
            Remark::problem(format!("`{name}` fails closed"))
                .at(entry.place())
                .because("its policies say `failurePolicy: Ignore`: while nobody answers, what they select cannot be written")
                .repair(entry.set("failurePolicy", &json!("Ignore"))),
        ),
        (Some(Door::ValidateFail), false) => remarks.push(
            Remark::problem(format!("`{name}` fails open"))
                .at(entry.place())
                .because("its policies say `failurePolicy: Fail`: while nobody answers, what they would deny is stored. Who leads lets it fail closed as soon as a probe has come through")
                .repair(entry.set("failurePolicy", &json!("Fail"))),
        ),
        (Some(Door::ValidateFail), true) => remarks.push(
            Remark::ok(format!("`{name}` fails closed: while nobody answers, what it selects cannot be written"))
                .at(entry.place()),
        ),
        _ => {}
    }
    if entry.timeout() > TIMEOUT {
        remarks.push(
            Remark::problem(format!("`{name}` waits {} seconds for an answer", entry.timeout()))
                .at(entry.place())
                .because("so long does every such write hang while nobody answers")
                .repair(entry.set("timeoutSeconds", &json!(TIMEOUT_OF_OURS))),
        );
    }
    remarks
}

fn stays_out(setup: &Setup, facts: &Facts, entry: Entry<'_>) -> Option<Remark> {
    // It selects by a label that nothing but a probe has.
    if entry.door() == Some(Door::Probe) {
        return None;
    }
    let own = &setup.own_namespace;
    let stored = facts.namespaces.iter().flatten().find(|one| name(one) == own);
    let mut of = stored.map(|one| labels(one, "/metadata/labels")).unwrap_or_default();
    of.insert("kubernetes.io/metadata.name".to_owned(), own.clone());
    let selects = deployed::selector(entry.value, "/namespaceSelector").is_none_or(|selector| selector.matches(&of));
    selects.then(|| {
        Remark::problem(format!("`{}` is also asked about our own namespace", entry.name()))
            .at(entry.place())
            .because("Portcullis could stand in the way of its own repair")
            .repair(entry.keep_out_of(own))
    })
}

fn coverage(setup: &Setup, facts: &Facts, policies: &PolicySet, entries: &[Entry<'_>]) -> Vec<Remark> {
    let mut remarks = Vec::new();
    for policy in policies.policies() {
        let missing = uncovered(policy, entries);
        if !missing.is_empty() {
            remarks.push(
                Remark::problem(format!("the API server does not send {}", some_of(&missing)))
                    .at(format!("GuardPolicy {}", policy.name))
                    .because("the policy selects it, and is not asked")
                    .repair(write_again(setup, facts)),
            );
        }
    }
    if remarks.is_empty() && !policies.policies().is_empty() && !entries.is_empty() {
        remarks.push(Remark::ok("the API server sends all that the policies select"));
    }
    remarks
}

/// What a policy selects and no entry sends to its doors, as `UPDATE services to /mutate`.
fn uncovered(policy: &Policy, entries: &[Entry<'_>]) -> Vec<String> {
    let validates = match policy.failure {
        FailurePolicy::Fail => [Door::Validate, Door::ValidateFail],
        FailurePolicy::Ignore => [Door::Validate, Door::ValidateIgnore],
    };
    // What the API server drops before a webhook sees it is judged in files alone, and registered by nobody.
    if policy.rule.seen_in == crate::engine::rules::SeenIn::Files {
        return Vec::new();
    }
    let mutates = policy.rule.gives_edits && policy.remedy == RemedyMode::Apply;
    let mut missing = Vec::new();
    for rule in &policy.matches {
        for (group, resource) in rule.groups.iter().flat_map(|group| rule.resources.iter().map(move |one| (group, one)))
        {
            for operation in rule.operations.iter().map(|operation| operation.name()) {
                let sent = |doors: &[Door]| {
                    let mut at = entries.iter().filter(|entry| entry.door().is_some_and(|door| doors.contains(&door)));
                    at.any(|entry| entry.names(group, resource, operation))
                };
                if !sent(&validates) {
                    missing.push(format!("{operation} {resource} to /validate"));
                }
                if mutates && operation != "DELETE" && !sent(&[Door::Mutate]) {
                    missing.push(format!("{operation} {resource} to /mutate"));
                }
            }
        }
    }
    missing.dedup();
    missing
}
