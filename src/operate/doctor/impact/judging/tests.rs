use serde_json::json;

use super::*;
use crate::engine::{
    kinds::{GATEWAY_API, KGATEWAY},
    policy::shipped,
    view::control_plane::ControlPlane,
};

fn kind(group: &str, kind: &str) -> &'static Kind {
    kinds::by_kind(group, kind).unwrap()
}

fn judging() -> Judging {
    let mut judging = Judging::new(&shipped::policies(), View::open(ControlPlane::default()), Timestamp::UNIX_EPOCH);
    for (group, name) in crate::cluster::watched::by(&shipped::policies()) {
        judging.know_all(kind(group, name));
    }
    for name in ["gw", "obs"] {
        let labels = if name == "gw" { json!({ "environment": "production" }) } else { json!({}) };
        judging.know(
            &ObjectKey::new(CORE, "Namespace", "", name),
            &json!({ "metadata": { "name": name, "labels": labels } }),
        );
    }
    let gateway = json!({ "metadata": { "name": "gw" }, "spec": { "gatewayClassName": "kgateway", "listeners": [] } });
    judging.know(&ObjectKey::new(GATEWAY_API, "Gateway", "gw", "gw"), &gateway);
    let class = json!({ "metadata": { "name": "kgateway" }, "spec": { "controllerName": "kgateway.dev/kgateway" } });
    judging.know(&ObjectKey::new(GATEWAY_API, "GatewayClass", "", "kgateway"), &class);
    judging
}

fn take(judging: &mut Judging, name: &str, backend: &serde_json::Value) {
    let log = json!({ "openTelemetry": { "grpcService": { "logName": "l", "backendRef": backend } } });
    let targets = json!([{ "group": GATEWAY_API, "kind": "Gateway", "name": "gw" }]);
    let object = json!({
        "apiVersion": "gateway.kgateway.dev/v1alpha1", "kind": "ListenerPolicy",
        "metadata": { "name": name, "namespace": "gw" },
        "spec": { "targetRefs": targets, "default": { "httpSettings": { "accessLog": [log] } } },
    });
    let key = ObjectKey::new(KGATEWAY, "ListenerPolicy", "gw", name);
    judging.take(kind(KGATEWAY, "ListenerPolicy"), "v1alpha1", &key, &object);
}

fn service(shared: bool) -> serde_json::Value {
    let labels = if shared { json!({ "portcullis.dev/shared": "true" }) } else { json!({}) };
    json!({
        "metadata": { "name": "otel", "namespace": "obs", "labels": labels },
        "spec": { "ports": [{ "port": 4317, "appProtocol": "grpc" }] },
    })
}

#[test]
fn what_is_stored_already_is_not_forgiven_and_each_object_counts_once() {
    let mut judging = judging();
    take(&mut judging, "a", &json!({ "name": "gone", "port": 4317 }));
    take(&mut judging, "b", &json!({ "name": "gone", "port": 4317 }));
    let impact = judging.end();
    assert_eq!(impact.judged, 2);
    let of = impact.policies.iter().find(|policy| policy.policy == "backend-refs").unwrap();
    assert_eq!(of.refused, 2);
    let [code] = of.codes.as_slice() else { panic!("{of:?}") };
    assert_eq!((code.code.as_str(), code.count), ("backend-refs/not-found", 2));
    assert_eq!(code.objects[0].object, "ListenerPolicy gw/a");
    assert!(code.objects[0].message.contains("`gw/gone` does not exist"), "{}", code.objects[0].message);
    let selecting = impact.policies.iter().find(|policy| policy.policy == "debug-exporters").unwrap();
    assert_eq!(selecting.namespaces.as_deref(), Some(&["gw".to_owned()][..]));
    assert_eq!(of.namespaces, None);
}

#[test]
fn a_grant_that_may_be_made_mends_and_one_that_may_not_refuses() {
    let reference = json!({ "name": "otel", "namespace": "obs", "port": 4317 });
    for (shared, refused, mended) in [(true, 0, 1), (false, 1, 0)] {
        let mut judging = judging();
        judging.know(&ObjectKey::new(CORE, "Service", "obs", "otel"), &service(shared));
        take(&mut judging, "a", &reference);
        let impact = judging.end();
        let of = impact.policies.iter().find(|policy| policy.policy == "reference-grants").unwrap();
        assert_eq!((of.refused, of.mended), (refused, mended), "{impact:#?}");
    }
}

#[test]
fn what_could_not_be_looked_up_refuses_nothing() {
    let policies = shipped::policies();
    let mut judging = Judging::new(&policies, View::open(ControlPlane::default()), Timestamp::UNIX_EPOCH);
    judging.lacks("services cannot be looked up: forbidden".to_owned());
    take(&mut judging, "a", &json!({ "name": "gone", "port": 4317 }));
    let impact = judging.end();
    assert!(impact.policies.iter().all(|policy| policy.refused == 0), "{impact:#?}");
    assert_eq!(impact.partial, ["services cannot be looked up: forbidden"]);
}

#[test]
fn changes_are_not_judged_by_a_state() {
    let selected = judging().selected();
    assert!(selected.iter().any(|kind| kind.kind == "ListenerPolicy"));
    assert!(!selected.iter().any(|kind| ["Namespace", "ReferenceGrant"].contains(&kind.kind)), "{selected:?}");
}
