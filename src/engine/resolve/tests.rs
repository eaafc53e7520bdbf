use std::sync::Arc;

use serde_json::{Value, json};

use super::*;
use crate::engine::{
    kinds::{CORE, GATEWAY_API},
    view::{LookUp, View, control_plane::ControlPlane},
};

const SHARED: &str = "portcullis.dev/shared";

fn service(labels: Value) -> (ObjectKey, Value) {
    let spec = json!({ "ports": [{ "port": 4317 }] });
    let object = json!({ "metadata": { "name": "otel", "namespace": "telemetry", "labels": labels }, "spec": spec });
    (ObjectKey::new(CORE, "Service", "telemetry", "otel"), object)
}

fn namespace(name: &str, metadata: Value) -> (ObjectKey, Value) {
    (ObjectKey::new(CORE, "Namespace", "", name), json!({ "metadata": metadata }))
}

/// A cluster whose watches are all there.
fn cluster(objects: &[(ObjectKey, Value)]) -> View {
    let view = View::open(ControlPlane::default()).complete([
        (CORE, "Service"),
        (CORE, "Namespace"),
        (GATEWAY_API, "ReferenceGrant"),
    ]);
    objects.iter().fold(view, |view, (key, object)| view.with(key, object))
}

fn otel(group: &str, kind: &str) -> BackendRef {
    let (namespace, name) = (Some("telemetry".into()), "otel".into());
    BackendRef { group: group.into(), kind: kind.into(), namespace, name, port: Some(4317) }
}

fn opted(view: &View) -> Option<bool> {
    opted_in("gw", &otel(CORE, "Service"), &Lens::new(view))
}

#[test]
fn consent_that_could_not_be_read_is_not_refused() {
    let gw = namespace("gw", json!({ "labels": { "team": "a" } }));
    let telemetry = namespace("telemetry", json!({}));
    let known = cluster(&[gw, telemetry.clone(), service(json!({}))]);
    assert_eq!(opted(&known), Some(false));
    for unread in [service(json!({})).0, telemetry.0] {
        let mut doubting = known.clone();
        doubting.doubt(LookUp::Object(unread));
        assert_eq!(opted(&doubting), None);
    }
}

#[test]
fn what_is_known_to_agree_is_enough() {
    let shared = json!({ SHARED: "true" });
    let mut view = cluster(&[namespace("gw", json!({})), service(shared)]);
    view.doubt(LookUp::Object(ObjectKey::new(CORE, "Namespace", "", "telemetry")));
    assert_eq!(opted(&view), Some(true));
    let shared = namespace("telemetry", json!({ "labels": { SHARED: "true" } }));
    let (gw, (otel, object)) = (namespace("gw", json!({})), service(json!({})));
    let mut view = cluster(&[gw, shared]).with(&otel, &object);
    assert_eq!(opted(&view), Some(true));
    view.doubt(LookUp::Object(otel));
    assert_eq!(opted(&view), None, "its own label would decide");
}

#[test]
fn consent_for_some_labels_hangs_on_the_labels() {
    let with = json!({ "labels": { SHARED: "true" }, "annotations": { "portcullis.dev/shared-with": "team=a" } });
    let gw = namespace("gw", json!({ "labels": { "team": "a" } }));
    let mut view = cluster(&[gw.clone(), namespace("telemetry", with), service(json!({}))]);
    assert_eq!(opted(&view), Some(true));
    view.doubt(LookUp::Object(gw.0));
    assert_eq!(opted(&view), None);
}

#[test]
fn in_a_closed_world_a_namespace_that_is_not_given_agreed_to_nothing() {
    let (key, object) = service(json!({}));
    assert_eq!(opted(&View::closed(ControlPlane::default()).with(&key, &object)), Some(false));
}

#[test]
fn a_kind_that_is_never_looked_up_has_no_say() {
    let view = cluster(&[namespace("gw", json!({})), namespace("telemetry", json!({}))]);
    assert_eq!(opted_in("gw", &otel("apps", "Deployment"), &Lens::new(&view)), Some(false));
}

#[test]
fn a_namespace_that_does_not_exist_is_not_discovered() {
    let mut view = cluster(&[service(json!({}))]);
    view.control_plane = Arc::new("kgateway=2.4,discovery=mesh=on".parse().unwrap());
    let found = |view: &View| {
        let reference = otel(CORE, "Service");
        format!("{:?}", backend(TelemetryKind::ListenerPolicy, "gw", &reference, &Lens::new(view)))
    };
    assert_eq!(found(&view), "NotDiscovered");
    view.mark_complete(CORE, "Namespace", false);
    assert_eq!(found(&view), "Unknown");
    view.remove(&service(json!({})).0);
    assert_eq!(found(&view), "Absent");
}
