//! What is wrong with what is stored, and what was done for it, is told where people look.

use std::{thread, time::Duration};

use serde_json::Value;

use crate::{
    crossing::{Crossing, name},
    objects,
    patience::wait_until,
    sandbox::Sandbox,
    trial::Case,
};

// Each leader tells what it sees: two of them tell it twice.
pub(crate) const CASES: &[Case] = &[
    Case::new("reports: a stored object that is broken has an Event that says why, once", broken).alone(),
    Case::new("reports: an object has an Event for the grant that was made for it", granted).alone(),
    Case::new("reports: what is broken when a leader begins is told too", broken_before).alone(),
];

fn events(crossing: &Crossing<'_>, object: &str) -> Vec<Value> {
    let about = format!("involvedObject.name={object}");
    let listed = crossing.kubectl.get_json(&["events", "-n", &crossing.gw, "--field-selector", &about]);
    listed["items"].as_array().cloned().unwrap_or_default()
}

#[track_caller]
fn until_told(crossing: &Crossing<'_>, object: &str, reason: &str) -> Value {
    wait_until(&format!("an Event {reason}"), || {
        let told = events(crossing, object);
        let found = told.iter().find(|event| event["reason"] == reason).cloned();
        found.ok_or_else(|| Value::from(told).to_string())
    })
}

const PATIENCE: Duration = Duration::from_secs(5);

fn broken(sandbox: &Sandbox<'_>) {
    let crossing = Crossing::new(sandbox);
    let (kubectl, gw) = (&crossing.kubectl, crossing.gw.as_str());
    let _portcullis = crossing.leader(&[]);
    kubectl.apply(&objects::listener_policy(gw, "logs", "name: gone, port: 4317"));
    let event = until_told(&crossing, "logs", "BackendRefsNotFound");
    assert_eq!(
        (&event["type"], &event["reportingComponent"]),
        (&"Warning".into(), &"portcullis.dev/portcullis".into())
    );
    let message = event["message"].as_str().unwrap_or_default();
    assert!(message.starts_with(&format!("{}.name: ", objects::LISTENER_LOGS)), "{message}");
    assert!(message.contains(&format!("Service `{gw}/gone` does not exist")), "{message}");
    let stored = kubectl.get_json(&["listenerpolicy", "logs", "-n", gw]);
    assert_eq!(event["involvedObject"]["uid"], stored["metadata"]["uid"]);

    let said = kubectl.run(&["describe", "listenerpolicy", "logs", "-n", gw]).succeeds();
    said.says("BackendRefsNotFound").says("does not exist");
    let said = kubectl.run(&["get", "events", "-n", gw]).succeeds();
    said.says("BackendRefsNotFound").says("listenerpolicy/logs");
    kubectl.run(&["events", "-n", gw, "--for", "listenerpolicy/logs"]).succeeds().says("BackendRefsNotFound");

    // What concerns it changes, and nothing about it.
    kubectl.run(&["label", "listenerpolicy", "logs", "-n", gw, "a=b"]).succeeds();
    kubectl.run(&["label", "namespace", gw, "a=b"]).succeeds();
    thread::sleep(PATIENCE);
    let told = events(&crossing, "logs");
    assert_eq!(told.len(), 1, "{told:?}");
    // Another version of it is told of again, and what is mended is not.
    kubectl.apply(&objects::listener_policy(gw, "logs", "name: away, port: 4317"));
    wait_until("the other to be told", || {
        let told = events(&crossing, "logs");
        if told.len() == 2 { Ok(()) } else { Err(Value::from(told).to_string()) }
    });
    kubectl.apply(
        &[objects::listener_policy(gw, "late", "name: late, port: 4317"), objects::service(gw, "late", 4317)].concat(),
    );
    thread::sleep(PATIENCE);
    assert_eq!(events(&crossing, "late"), [] as [Value; 0]);
}

fn granted(sandbox: &Sandbox<'_>) {
    let crossing = Crossing::new(sandbox);
    let _portcullis = crossing.leader(&[]);
    crossing.share("otel");
    crossing.kubectl.apply(&crossing.policy("logs"));
    let event = until_told(&crossing, "logs", "GrantMade");
    let grant = crossing.grant();
    let made = format!("made ReferenceGrant `{}/{}`, which this object needs", crossing.obs, name(&grant));
    assert_eq!((&event["type"], &event["message"]), (&"Normal".into(), &made.into()));
    crossing.kubectl.delete(&["referencegrant", name(&grant), "-n", &crossing.obs]);
    until_told(&crossing, "logs", "GrantRestored");
    thread::sleep(PATIENCE);
    let told: Vec<_> = events(&crossing, "logs").iter().map(|event| event["reason"].clone()).collect();
    assert_eq!(told.len(), 2, "it was never broken for long: {told:?}");
}

fn broken_before(sandbox: &Sandbox<'_>) {
    let crossing = Crossing::new(sandbox);
    crossing.kubectl.apply(&objects::service(&crossing.obs, "otel", 4317));
    crossing.kubectl.apply(&[crossing.policy("logs"), crossing.old_policy("old-logs")].concat());
    let first = crossing.leader(&["--lease", "2"]);
    let event = until_told(&crossing, "logs", "ReferenceGrantsMissing");
    until_told(&crossing, "old-logs", "ReferenceGrantsMissing");
    let message = event["message"].as_str().unwrap_or_default();
    assert!(message.contains(&format!("no ReferenceGrant in namespace `{}` allows", crossing.obs)), "{message}");
    assert!(first.terminate().success());
}
