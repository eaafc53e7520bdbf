//! What the leader keeps: grants that stored objects need are made and restored, and ours go when nobody needs them.

use std::{thread, time::Duration};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::{
    cluster,
    crossing::{Crossing, counted, name, uid},
    objects,
    patience::wait_until,
    portcullis::Portcullis,
    sandbox::Sandbox,
    trial::Case,
};

// Each leader keeps the grants of all namespaces, so one that waits for seconds only would be in the way of other tests.
pub(crate) const CASES: &[Case] = &[
    Case::new("keeping: what was stored unseen gets its grant, where it may have one", stored_unseen).alone(),
    Case::new("keeping: a grant of ours that was deleted is restored", restored).alone(),
    Case::new("keeping: a grant goes when nobody needs it, and not before its time", removed).alone(),
    Case::new("keeping: a grant that is about to go stays for whoever is admitted", leaving).alone(),
    Case::new("keeping: what others made or changed is theirs", of_others).alone(),
    Case::new("keeping: one kind follows another and both have their grants meanwhile", migration).alone(),
    Case::new("keeping: neither policies nor the opt-in take a needed grant away", without_policies).alone(),
];

/// Longer than it takes to look twice for what is unneeded: as often as the grace period ends.
const LOOKS: Duration = Duration::from_secs(4);

fn stored_unseen(sandbox: &Sandbox<'_>) {
    let crossing = Crossing::new(sandbox);
    let (kubectl, obs) = (&crossing.kubectl, crossing.obs.as_str());
    // One is stored before there is anybody, one after.
    crossing.share("otel");
    kubectl.apply(&crossing.policy("logs"));
    let portcullis = crossing.leader(&[]);
    assert_eq!(crossing.until_granted()["spec"]["from"][0]["kind"], "ListenerPolicy");
    kubectl.apply(&crossing.old_policy("old-logs"));
    wait_until_count(&crossing, 2);
    wait_until("it to be counted", || counted_is(&portcullis, "made", 2));

    kubectl.apply(&objects::service(obs, "other", 4317));
    kubectl.apply(&objects::listener_policy(&crossing.gw, "other", &crossing.reference("other")));
    // What it may not make for one it makes for the next.
    crossing.share("third");
    kubectl.apply(&objects::listener_policy(&crossing.gw, "third", &crossing.reference("third")));
    wait_until_count(&crossing, 3);
    assert!(!crossing.grants().iter().any(|grant| grant["spec"]["to"][0]["name"] == "other"));
    crossing.label(&["service", "other"], "portcullis.dev/shared=true");
    wait_until_count(&crossing, 4);
}

fn restored(sandbox: &Sandbox<'_>) {
    let crossing = Crossing::new(sandbox);
    crossing.share("otel");
    let portcullis = crossing.leader(&[]);
    crossing.kubectl.apply(&crossing.policy("logs"));
    let first = crossing.until_granted();
    wait_until("it to be counted", || counted_is(&portcullis, "made", 1));
    crossing.kubectl.delete(&["referencegrant", name(&first), "-n", &crossing.obs]);
    let second = crossing.until_granted();
    assert_eq!((name(&second), &second["spec"]), (name(&first), &first["spec"]));
    assert_ne!(uid(&second), uid(&first));
    wait_until("it to be counted", || counted_is(&portcullis, "restored", 1));
    assert!(counted(&portcullis, "made") >= 1);
}

fn removed(sandbox: &Sandbox<'_>) {
    let crossing = Crossing::new(sandbox);
    let (kubectl, gw) = (&crossing.kubectl, crossing.gw.as_str());
    crossing.share("otel");
    crossing.share("other");
    let portcullis = crossing.leader(&["--lease", "2", "--grace", "12"]);
    kubectl.apply(&crossing.policy("logs"));
    let grant = crossing.until_granted();
    kubectl.delete(&["listenerpolicy", "logs", "-n", gw]);
    crossing.until_gone(&grant);
    let made: Timestamp =
        grant["metadata"]["creationTimestamp"].as_str().and_then(|at| at.parse().ok()).expect("a time");
    let lasted = Timestamp::now().duration_since(made);
    assert!(lasted >= SignedDuration::from_secs(12), "it was removed after {lasted:#}");
    wait_until("it to be counted", || counted_is(&portcullis, "removed", 1));

    // Needed by two, then by one: it stays, however impatient the leader.
    drop(portcullis);
    let _portcullis = crossing.leader(&["--grace", "1"]);
    kubectl.apply(&crossing.policy("logs"));
    kubectl.apply(&crossing.policy("more"));
    let needed = crossing.until_granted();
    kubectl.delete(&["listenerpolicy", "logs", "-n", gw]);
    unneeded_comes_and_goes(&crossing);
    assert!(crossing.is_there(&needed));
}

fn leaving(sandbox: &Sandbox<'_>) {
    let crossing = Crossing::new(sandbox);
    crossing.share("otel");
    let portcullis = crossing.leader(&["--grace", "6"]);
    let _registration = crossing.register(&portcullis);
    let mark = |grant: &Value| grant["metadata"]["annotations"]["portcullis.dev/leaving"].is_string();
    crossing.kubectl.apply(&crossing.policy("logs"));
    let grant = crossing.grant();
    assert!(!mark(&grant));
    crossing.kubectl.delete(&["listenerpolicy", "logs", "-n", &crossing.gw]);
    wait_until("the grant to be marked", || if mark(&crossing.grant()) { Ok(()) } else { Err("not yet".to_owned()) });
    crossing.kubectl.apply(&crossing.policy("logs"));
    wait_until("the mark to be taken", || if mark(&crossing.grant()) { Err("not yet".to_owned()) } else { Ok(()) });
    thread::sleep(Duration::from_secs(12));
    assert!(crossing.is_there(&grant) && !mark(&crossing.grant()));
}

fn of_others(sandbox: &Sandbox<'_>) {
    let crossing = Crossing::new(sandbox);
    let (kubectl, gw, obs) = (&crossing.kubectl, crossing.gw.as_str(), crossing.obs.as_str());
    crossing.share("otel");
    crossing.share("other");
    let _portcullis = crossing.leader(&["--grace", "1"]);
    kubectl.apply(&crossing.policy("logs"));
    let edited = crossing.until_granted();
    // By whoever edits it, it is theirs now.
    let from = json!({ "group": "gateway.kgateway.dev", "kind": "HTTPListenerPolicy", "namespace": gw });
    let patch = json!([{ "op": "add", "path": "/spec/from/-", "value": from }]).to_string();
    kubectl.run(&["patch", "referencegrant", name(&edited), "-n", obs, "--type=json", "-p", &patch]).succeeds();
    kubectl.apply(&objects::grant(obs, "plain", ("ListenerPolicy", gw), "nobody"));
    kubectl.apply(&objects::grant(obs, "labelled", ("ListenerPolicy", gw), "nobody"));
    crossing.label(&["referencegrant", "labelled"], "app.kubernetes.io/managed-by=portcullis");
    kubectl.delete(&["listenerpolicy", "logs", "-n", gw]);
    unneeded_comes_and_goes(&crossing);
    let mut names: Vec<_> = crossing.grants().iter().map(|grant| name(grant).to_owned()).collect();
    names.sort();
    assert_eq!(names, ["labelled", "plain", name(&edited)]);
}

fn migration(sandbox: &Sandbox<'_>) {
    let crossing = Crossing::new(sandbox);
    let (kubectl, gw) = (&crossing.kubectl, crossing.gw.as_str());
    crossing.share("otel");
    crossing.share("other");
    let portcullis = crossing.leader(&["--grace", "1"]);
    let _registration = crossing.register(&portcullis);
    kubectl.apply(&crossing.old_policy("logs"));
    let old = crossing.grant();
    kubectl.apply(&crossing.policy("logs"));
    assert_eq!(crossing.grants().len(), 2);
    unneeded_comes_and_goes(&crossing);
    assert_eq!(crossing.grants().len(), 2, "both kinds are in use");
    kubectl.delete(&["httplistenerpolicy", "logs", "-n", gw]);
    crossing.until_gone(&old);
    assert_eq!(crossing.grant()["spec"]["from"][0]["kind"], "ListenerPolicy");
    unneeded_comes_and_goes(&crossing);
    assert_eq!(crossing.grants().len(), 1);
}

fn without_policies(sandbox: &Sandbox<'_>) {
    let crossing = Crossing::new(sandbox);
    let kubectl = &crossing.kubectl;
    crossing.share("otel");
    crossing.share("other");
    let portcullis = crossing.leader(&["--grace", "1"]);
    let registration = crossing.register(&portcullis);
    kubectl.apply(&crossing.policy("logs"));
    let grant = crossing.grant();
    wait_until("the guard to know who uses it", || {
        let dry = ["label", "service", "otel", "portcullis.dev/shared-", "--dry-run=server", "-n", &crossing.obs];
        let said = kubectl.run(&dry);
        if said.all().contains("[in-use/opt-in-withdrawn]") { Ok(()) } else { Err(said.all()) }
    });
    let said = crossing.label(&["service", "otel"], "portcullis.dev/shared-");
    let told = said.warnings().into_iter().find(|warning| warning.starts_with("[in-use/opt-in-withdrawn]"));
    assert!(told.is_some_and(|told| told.contains("is no longer shared with ListenerPolicy")), "{}", said.all());
    unneeded_comes_and_goes(&crossing);
    assert!(crossing.is_there(&grant));
    // It makes no more: what is stored already may be written again, another kind may not.
    kubectl.try_apply(&crossing.old_policy("old-logs")).fails().says("no ReferenceGrant in namespace");
    drop(registration);

    let _policies = Policies(&crossing);
    kubectl.delete(&["guardpolicy", "reference-grants"]);
    wait_until("the policy to be forgotten", || {
        let log = portcullis.log();
        let last = log.lines().rev().find(|line| line.contains("policies in force"));
        if last.is_some_and(|last| !last.contains("reference-grants")) { Ok(()) } else { Err(format!("{last:?}")) }
    });
    // Nobody lets a grant be made now, and none is.
    kubectl.apply(&objects::listener_policy(&crossing.gw, "short", &crossing.reference("other")));
    thread::sleep(LOOKS);
    assert_eq!(crossing.grants().len(), 1);
    assert!(crossing.is_there(&grant));
    kubectl.delete(&["guardpolicies", "--all"]);
    portcullis.wait_until_it_says("no GuardPolicy is in force");
    thread::sleep(LOOKS);
    assert!(crossing.is_there(&grant));
}

/// Makes a grant that nobody needs soon after, and waits until it was removed: whatever else was unneeded is gone by then.
#[track_caller]
fn unneeded_comes_and_goes(crossing: &Crossing<'_>) {
    let policy = objects::listener_policy(&crossing.gw, "short", &crossing.reference("other"));
    crossing.kubectl.apply(&policy);
    let grant = wait_until("a grant for `other`", || {
        let mut grants = crossing.grants().into_iter();
        grants.find(|grant| grant["spec"]["to"][0]["name"] == "other").ok_or_else(|| "there is none".to_owned())
    });
    crossing.kubectl.delete(&["listenerpolicy", "short", "-n", &crossing.gw]);
    crossing.until_gone(&grant);
}

#[track_caller]
fn wait_until_count(crossing: &Crossing<'_>, count: usize) {
    wait_until(&format!("{count} grants"), || {
        let grants = crossing.grants();
        if grants.len() == count { Ok(()) } else { Err(Value::from(grants).to_string()) }
    });
}

/// At least so many: the leader sees to the whole cluster, also to what other tests left to be deleted.
fn counted_is(portcullis: &Portcullis, event: &str, count: u64) -> Result<(), String> {
    let now = counted(portcullis, event);
    if now >= count { Ok(()) } else { Err(format!("{now} {event}")) }
}

/// Puts the default policies back.
struct Policies<'a>(&'a Crossing<'a>);

impl Drop for Policies<'_> {
    fn drop(&mut self) {
        cluster::restore_policies(&self.0.kubectl);
    }
}
