use jiff::Timestamp;
use serde_json::{Value, json};

use super::*;
use crate::engine::{
    policy::spec::InUse,
    subject::{Attributes, ObjectKey, Subject},
    view::{Lens, View, control_plane::ControlPlane},
};

const LISTENER_POLICIES: [(&str, &str); 2] = [(KGATEWAY, "HTTPListenerPolicy"), (KGATEWAY, "ListenerPolicy")];

fn service(metadata: &str, ports: &[u16]) -> Value {
    let ports: Vec<_> = ports.iter().map(|port| json!({ "port": port })).collect();
    json!({ "metadata": { "name": "otel", "resourceVersion": metadata }, "spec": { "ports": ports } })
}

/// What is said of a change to a Service.
fn said(view: &View, operation: Operation, object: Value) -> Vec<String> {
    let key = ObjectKey::new(CORE, "Service", "telemetry", "otel");
    let attributes = Attributes::of(operation, &key, "v1");
    let subject = Subject::of(attributes, object, service("1", &[4317, 8888]));
    let (lens, parameters) = (Lens::new(view), RuleSpec::InUse(InUse::default()));
    let judge = Judge { subject: &subject, lens: &lens, parameters: &parameters, now: Timestamp::UNIX_EPOCH };
    let found = run(&judge);
    assert!(found.iter().all(|finding| finding.unknown.is_some()));
    found.into_iter().map(|finding| finding.message).collect()
}

#[test]
fn what_is_needed_says_so_where_the_gateways_that_would_suffer_are_not_known() {
    let kinds = [(CORE, "Service"), (CORE, "Namespace"), (GATEWAY_API, "ReferenceGrant")];
    let mut view = View::open(ControlPlane::default()).complete(kinds.into_iter().chain(LISTENER_POLICIES));
    let collector = json!({ "backendRef": { "name": "otel", "port": 4317 } });
    let log = json!({ "openTelemetry": { "grpcService": collector } });
    let target = json!({ "group": GATEWAY_API, "kind": "Gateway", "name": "edge" });
    let spec = json!({ "targetRefs": [target], "default": { "httpSettings": { "accessLog": [log] } } });
    view.insert(&ObjectKey::new(KGATEWAY, "ListenerPolicy", "telemetry", "logs"), &json!({ "spec": spec }));
    view.insert(&ObjectKey::new(CORE, "Service", "telemetry", "otel"), &service("1", &[4317, 8888]));
    let told = "this Service is still needed by ListenerPolicy `telemetry/logs`";
    assert_eq!(said(&view, Operation::Delete, Value::Null), [told]);
}

#[test]
fn who_may_need_it_and_could_not_be_looked_up_is_told() {
    let services =
        View::open(ControlPlane::default()).complete([(CORE, "Service"), (AGENTGATEWAY, "AgentgatewayPolicy")]);
    let told = "this Service may still be needed by objects of kind `HTTPListenerPolicy` and `ListenerPolicy` that could not be looked up";
    assert_eq!(said(&services, Operation::Delete, Value::Null), [told]);
    assert_eq!(said(&services, Operation::Update, service("2", &[8888])), [told]);
    assert_eq!(said(&services, Operation::Update, service("2", &[4317, 8888])), [] as [&str; 0]);
    let all = services.complete(LISTENER_POLICIES);
    assert_eq!(said(&all, Operation::Delete, Value::Null), [] as [&str; 0]);
}
