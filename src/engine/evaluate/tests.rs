use serde_json::{Value, json};

use super::*;
use crate::engine::{
    policy::{PolicySet, compile},
    select::Door,
    subject::{Attributes, ObjectKey},
    verdict::Asker,
    view::control_plane::ControlPlane,
};

fn view() -> View {
    let mut view = View::closed(ControlPlane::default());
    let gateway = json!({"spec": {"gatewayClassName": "kgateway", "listeners": [{"name": "http", "port": 80}]}});
    view.insert(&ObjectKey::new("gateway.networking.k8s.io", "Gateway", "live", "http"), &gateway);
    let namespace = json!({"metadata": {"labels": {"environment": "production"}}});
    view.insert(&ObjectKey::new("", "Namespace", "", "live"), &namespace);
    view
}

/// Who asks for the only finding about the object.
fn asker(spec: Value, (group, kind, resource): (&str, &str, &str), object: &Value) -> Asker {
    let mut spec = spec;
    let rules =
        json!([{"apiGroups": [group], "apiVersions": ["*"], "resources": [resource], "operations": ["CREATE"]}]);
    spec["matchConstraints"]["resourceRules"] = rules;
    spec["action"] = json!("Deny");
    let policy = json!({"apiVersion": "portcullis.dev/v1alpha1", "kind": "GuardPolicy", "metadata": {"name": "p"}, "spec": spec});
    let key = ObjectKey::new(group, kind, "live", "it");
    let attributes = Attributes { resource, ..Attributes::of(Operation::Create, &key, "v1") };
    let selection = PolicySet::new([compile::compile(&policy).unwrap()]).select(Door::Validate(None), &attributes);
    let subject = Subject::of(attributes, object.clone(), Value::Null);
    let verdict = evaluate(&selection, &subject, &view(), Timestamp::UNIX_EPOCH);
    let [judged] = &verdict.judged[..] else { panic!("{:?}", verdict.judged) };
    judged.askers[0].clone()
}

fn refers_to(name: &str) -> Value {
    json!({"spec": {
        "targetRefs": [{"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "http"}],
        "default": {"httpSettings": {"tracing": {"provider": {"openTelemetry": {"grpcService": {"backendRef": {"name": name, "port": 1}}}}}}},
    }})
}

const TELEMETRY: (&str, &str, &str) = ("gateway.kgateway.dev", "ListenerPolicy", "listenerpolicies");

#[test]
fn a_rule_that_looked_nothing_up_rests_on_the_object_and_its_policy_on_the_namespace() {
    let collector = json!({"spec": {"config": {
        "receivers": {"otlp": {}}, "exporters": {"debug": {}},
        "service": {"pipelines": {"traces": {"receivers": ["otlp"], "exporters": ["debug"]}}},
    }}});
    let kind = ("opentelemetry.io", "OpenTelemetryCollector", "opentelemetrycollectors");
    let everywhere = asker(json!({"rule": {"debugExporters": {}}}), kind, &collector);
    assert_eq!((everywhere.rests, &*everywhere.look_ups), (Rests::Object, &[][..]));
    let in_production = json!({"namespaceSelector": {"matchLabels": {"environment": "production"}}});
    let asker = asker(json!({"rule": {"debugExporters": {}}, "matchConstraints": in_production}), kind, &collector);
    let namespace = LookUp::Object(ObjectKey::new("", "Namespace", "", "live"));
    assert_eq!((asker.rests, &*asker.look_ups), (Rests::Object, &[namespace][..]));
}

#[test]
fn the_harm_of_what_is_wrong_in_itself_rests_on_the_gateway() {
    let gateway = LookUp::Object(ObjectKey::new("gateway.networking.k8s.io", "Gateway", "live", "http"));
    let by_code = asker(json!({"rule": {"backendRefs": {}}}), TELEMETRY, &refers_to("otel.telemetry"));
    assert_eq!((by_code.rests, by_code.level), (Rests::Harm, Level::Error));
    assert!(by_code.look_ups.contains(&gateway));
    let levels = json!([{"code": "backend-refs/dotted-name", "level": "error"}]);
    let by_policy = json!({"rule": {"backendRefs": {}}, "levels": levels});
    let by_policy = asker(by_policy, TELEMETRY, &refers_to("otel.telemetry"));
    assert_eq!((by_policy.rests, &*by_policy.look_ups), (Rests::Object, &[][..]));
}

#[test]
fn what_does_not_say_on_what_it_rests_rests_on_the_view() {
    let levels = json!([{"code": "backend-refs/not-found", "level": "error"}]);
    let asker = asker(json!({"rule": {"backendRefs": {}}, "levels": levels}), TELEMETRY, &refers_to("gone"));
    assert_eq!(asker.rests, Rests::View);
    assert!(asker.look_ups.contains(&LookUp::Object(ObjectKey::new("", "Service", "live", "gone"))));
}
