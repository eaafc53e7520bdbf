//! Whether the API server sends what the policies select to doors that exist, and what happens when nobody answers.

use serde_json::{Value, json};

use crate::{
    engine::policy::PolicySet,
    operate::{
        doctor::{
            Remark, Setup, deployed,
            deployed::{Deployed, labels, restart},
            facts::{Facts, Known, compiled},
            list, name, quoted, text,
            webhooks::{self, Door, Entry},
        },
        probe::Reached,
        register::SWITCH,
        webhooks::{CaBundle, Entries, FAIL, Kind, Route, Settings, differences, is_injected},
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
    for entry in &entries {
        remarks.extend(when_nobody_answers(setup, facts, *entry));
        remarks.extend(stays_out(setup, facts, *entry));
    }
    if !remarks.iter().any(Remark::is_problem) && !is_switched_off(setup, facts) {
        remarks.extend(differs(setup, facts, &compiled(&facts.policies)));
    }
    remarks
}

/// Whether somebody has taken us out of the way on purpose.
pub(super) fn is_switched_off(setup: &Setup, facts: &Facts) -> bool {
    let configurations = facts.validating.iter().flatten().chain(facts.mutating.iter().flatten());
    configurations.filter(|one| name(one) == setup.webhook_configuration).any(is_off)
}

fn is_off(configuration: &Value) -> bool {
    let annotations = configuration.pointer("/metadata/annotations");
    annotations.and_then(|annotations| annotations.get(SWITCH)).and_then(Value::as_str) == Some("off")
}

/// Whether there is no configuration by which a probe could come.
pub(super) fn is_missing(setup: &Setup, facts: &Facts) -> bool {
    facts.validating.as_ref().is_ok_and(|all| !all.iter().any(|one| name(one) == setup.webhook_configuration))
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
        let make = if is_kept_by_others(setup, facts) {
            print_again(setup, facts)
        } else {
            format!("echo '{empty}' | kubectl apply -f -")
        };
        return Some(
            Remark::problem("it does not exist")
                .at(place)
                .because("nothing is sent to Portcullis. Its absence is respected: it is only filled where it exists")
                .repair(make),
        );
    };
    if is_off(found) {
        let back = format!("kubectl annotate {} {wanted} {SWITCH}-", kind.to_lowercase());
        return Some(
            Remark::note(format!("it is switched off by the annotation `{SWITCH}`"))
                .at(place)
                .because("by it nothing is sent to Portcullis until that is taken away")
                .repair(back),
        );
    }
    let entries = Entries::of(&compiled(&facts.policies), &settings(setup, facts));
    let is_needed = Kind::ALL.iter().any(|one| one.name() == kind && !entries.of_kind(*one).is_empty());
    (is_needed && list(found, "/webhooks").is_empty()).then(|| {
        Remark::problem("it is empty")
            .at(place)
            .because("nothing is sent to Portcullis")
            .repair(write_again(setup, facts))
    })
}

/// Who leads writes what is missing; where others keep it, it is printed for them.
pub(super) fn write_again(setup: &Setup, facts: &Facts) -> String {
    if is_kept_by_others(setup, facts) { print_again(setup, facts) } else { restart(setup, facts) }
}

fn is_kept_by_others(setup: &Setup, facts: &Facts) -> bool {
    deployed::ours(setup, facts).is_some_and(Deployed::is_registered_by_others)
}

/// As it is set now, by the policies in the cluster. What somebody else has written is not taken from them.
fn print_again(setup: &Setup, facts: &Facts) -> String {
    let Setup { own_namespace, service, webhook_configuration, service_account, .. } = setup;
    let entries = webhooks::ours(setup, facts);
    let mut before = String::new();
    let mut print = "portcullis webhooks".to_owned();
    // Where there are none, the default set is what would be in force.
    if facts.policies.as_ref().map_or(true, |stored| stored.as_ref().is_some_and(|stored| !stored.is_empty())) {
        before.push_str("kubectl get guardpolicies -o yaml > guardpolicies.yaml && ");
        print.push_str(" --policies guardpolicies.yaml");
    }
    print.push_str(&format!(
        " --own-namespace {own_namespace} --service {service} --service-account {service_account} --webhook-configuration {webhook_configuration}"
    ));
    if let Route::Url(url) = deployed::route(setup, facts) {
        print.push_str(&format!(" --webhook-url {}", quoted(&url)));
    }
    // Applying without the `caBundle` that was applied before would take it away.
    let believing = entries.iter().find(|entry| !text(entry.value, "/clientConfig/caBundle").is_empty());
    if let Some(entry) = believing.filter(|_| !entries.iter().any(|entry| is_injected(entry.configuration))) {
        before.push_str(&format!("{} | base64 -d > ca.pem && ", entry.show("clientConfig.caBundle")));
        print.push_str(" --ca ca.pem");
    }
    if entries.iter().any(|entry| entry.name() == FAIL && entry.fails_closed()) {
        print.push_str(" --fail-closed");
    }
    format!("{before}{print} | kubectl apply --server-side -f -")
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

fn when_nobody_answers(setup: &Setup, facts: &Facts, entry: Entry<'_>) -> Vec<Remark> {
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
        (Some(Door::ValidateFail), false) => remarks.push(fails_open(setup, facts, entry)),
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

/// What is not reached must not fail closed: that would refuse what it selects.
fn fails_open(setup: &Setup, facts: &Facts, entry: Entry<'_>) -> Remark {
    let what = format!("`{}` fails open", entry.name());
    let why = "its policies say `failurePolicy: Fail`: while nobody answers, what they would deny is stored";
    if facts.reached != Reached::Yes {
        return Remark::note(what)
            .at(entry.place())
            .because(format!("{why}. It must not fail closed before the API server reaches us: see `reachability`"));
    }
    let remark = Remark::problem(what).at(entry.place());
    if is_kept_by_others(setup, facts) {
        remark.because(why).repair(entry.set("failurePolicy", &json!("Fail")))
    } else {
        remark
            .because(format!("{why}. The API server reaches us, and who leads should have let it fail closed"))
            .repair(restart(setup, facts))
    }
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

/// What differs from what would be registered; told where nothing more precise was said.
fn differs(setup: &Setup, facts: &Facts, policies: &PolicySet) -> Vec<Remark> {
    let entries = Entries::of(policies, &settings(setup, facts));
    let kinds = [(Kind::Validating, &facts.validating), (Kind::Mutating, &facts.mutating)];
    let mut remarks = Vec::new();
    for (kind, read) in kinds {
        let actual = read.iter().flatten().find(|one| name(one) == setup.webhook_configuration);
        let Some(actual) = actual else { continue };
        let wanted = entries.of_kind(kind);
        remarks.extend(differences(kind, actual, wanted).into_iter().map(|difference| {
            Remark::problem(difference)
                .at(format!("{} {}", kind.name(), setup.webhook_configuration))
                .because("it is not what the policies in force need: something is not judged, or in vain")
                .repair(write_again(setup, facts))
        }));
    }
    if remarks.is_empty() && !policies.policies().is_empty() {
        remarks.push(Remark::ok("the API server sends all that the policies select, and nothing else"));
    }
    remarks
}

/// Whose CA it is, and whether it fails closed, is told by others.
fn settings(setup: &Setup, facts: &Facts) -> Settings {
    let Setup { own_namespace, service_account, .. } = setup;
    Settings {
        own_namespace: own_namespace.clone(),
        route: deployed::route(setup, facts),
        user: Settings::user_of(own_namespace, service_account),
        ca: CaBundle::Foreign,
        fails_closed: false,
    }
}
