use serde_json::json;

use super::*;
use crate::engine::{
    policy::shipped,
    subject::{ObjectKey, Operation},
    view::control_plane::ControlPlane,
};

#[test]
fn a_grant_that_two_references_want_is_made_once_and_each_is_counted() {
    let mut view = View::closed(ControlPlane::default());
    let shared = json!({ "metadata": { "labels": { "portcullis.dev/shared": "true" } }, "spec": { "ports": [{ "port": 4317 }] } });
    view.insert(&ObjectKey::new("", "Service", "telemetry", "otel"), &shared);
    let log = json!({ "openTelemetry": { "grpcService": { "backendRef": { "name": "otel", "namespace": "telemetry", "port": 4317 } } } });
    let object = json!({ "spec": { "default": { "httpSettings": { "accessLog": [log, log] } } } });
    let key = ObjectKey::new("gateway.kgateway.dev", "ListenerPolicy", "gw", "logs");
    let attributes = Attributes::of(Operation::Create, &key, "v1alpha1");
    let door = select::Door::Validate(None);
    let selection = shipped::policies().select(door, &attributes);
    let subject = Subject::of(attributes, object, Value::Null);
    let verdict = evaluate(&selection, &subject, &view, Timestamp::UNIX_EPOCH);
    let decision = decide(&verdict, Ask { door, dry_run: false, ensure: Ensure::Possible });
    assert_eq!(decision.ensure.len(), 2);
    assert_eq!(to_make(&decision).len(), 1);
    let ensured = tally(&decision).into_iter().filter(|tally| tally.consequence == "ensured");
    assert_eq!(ensured.count(), 2);
}
