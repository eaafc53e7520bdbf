use serde_json::json;

use super::*;
use crate::engine::{
    cel::{Type, given::declared::assert_declared},
    kinds,
    view::{View, control_plane::ControlPlane},
};

fn view(complete: bool, objects: &[Value]) -> View {
    let all = kinds::KINDS.iter().map(|kind| (kind.group, kind.kind));
    let mut view = View::open(ControlPlane::default()).complete(all.filter(|_| complete));
    for object in objects {
        view.insert(&kinds::key_of(object, "default"), object);
    }
    view
}

fn object(api_version: &str, kind: &str, namespace: &str, name: &str, spec: &Value) -> Value {
    json!({"apiVersion": api_version, "kind": kind, "metadata": {"namespace": namespace, "name": name}, "spec": spec})
}

fn policy(namespace: &str, name: &str, target: &str, backend: &Value) -> Value {
    let spec = json!({
        "targetRefs": [{"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": target}],
        "tracing": {"provider": {"openTelemetry": {"grpcService": {"backendRef": backend}}}},
    });
    object("gateway.kgateway.dev/v1alpha1", "HTTPListenerPolicy", namespace, name, &spec)
}

fn world(complete: bool) -> View {
    let ports = json!({"ports": [{"name": "otlp", "port": 4317, "appProtocol": "grpc"}]});
    view(
        complete,
        &[
            object("v1", "Service", "telemetry", "otel", &ports),
            object("v1", "Service", "gw", "own", &ports),
            object("gateway.networking.k8s.io/v1", "Gateway", "gw", "http", &json!({"gatewayClassName": "kgateway"})),
            policy("gw", "tracing", "http", &json!({"name": "otel", "namespace": "telemetry", "port": 4317})),
        ],
    )
}

#[test]
fn one_object_is_found_absent_or_unknown() {
    let (known, unknown) = (world(true), world(false));
    let (lens, open) = (Lens::new(&known), Lens::new(&unknown));
    let (known, unknown) = (Cluster::new(&lens, "gw"), Cluster::new(&open, "gw"));
    let port = json!({"name": "otlp", "port": 4317, "protocol": "TCP", "appProtocol": "grpc"});
    let own = json!({"namespace": "gw", "name": "own", "ports": [port], "externalName": false});
    assert_eq!(known.service("gw", "own"), Seen::Found(own.clone()));
    assert_eq!(unknown.service("gw", "own"), Seen::Found(own));
    assert!(!known.told_of_others());
    assert_eq!(known.service("gw", "none"), Seen::Absent);
    assert_eq!(unknown.service("gw", "none"), Seen::Unknown("whether Service `gw/none` exists".to_owned()));
    assert_eq!(unknown.namespace("gw"), Seen::Unknown("what Namespace `gw` is like".to_owned()));
    let Seen::Found(gateway) = known.gateway("gw", "http") else { panic!() };
    assert_eq!((&gateway["class"], &gateway["controller"]), (&json!("kgateway"), &json!("kgateway")));
    assert_eq!(lens.seen().iter().filter(|seen| seen.kind() == (CORE, "Service")).count(), 2);
    assert!(matches!(known.service("telemetry", "otel"), Seen::Found(_)) && known.told_of_others());
}

#[test]
fn references_are_resolved_as_the_control_plane_does() {
    let view = world(true);
    let lens = Lens::new(&view);
    let cluster = Cluster::new(&lens, "gw");
    let verdicts = |backend: Value| -> Vec<(Value, Value)> {
        let found = cluster.references(&policy("gw", "a", "http", &backend)).unwrap();
        found.into_iter().map(|one| (one["verdict"].clone(), one["granted"].clone())).collect()
    };
    let pair = |verdict: &str, granted: bool| vec![(json!(verdict), json!(granted))];
    assert_eq!(verdicts(json!({"name": "own", "port": 4317})), pair("ok", true));
    assert_eq!(verdicts(json!({"name": "own", "port": 1})), pair("no-such-port", true));
    assert_eq!(verdicts(json!({"name": "none", "port": 1})), pair("not-found", true));
    assert_eq!(verdicts(json!({"name": "otel", "namespace": "telemetry", "port": 4317})), pair("not-allowed", false));
    let own = json!({"name": "own", "port": 4317});
    let found = cluster.references(&policy("gw", "a", "http", &own)).unwrap();
    assert_eq!(
        found,
        [json!({"group": "", "kind": "Service", "namespace": "gw", "name": "own", "port": 4317, "signal": "traces",
            "grpc": true, "granted": true, "verdict": "ok",
            "at": ["spec", "tracing", "provider", "openTelemetry", "grpcService", "backendRef"]})]
    );
    assert_eq!(cluster.references(&json!({"kind": "ConfigMap", "apiVersion": "v1"})), Ok(Vec::new()));
    assert!(!cluster.told_of_others());
    let open = world(false);
    let lens = Lens::new(&open);
    let unknown = Cluster::new(&lens, "gw").references(&policy("gw", "a", "http", &json!({"name": "x", "port": 1})));
    assert_eq!(unknown, Err("whether Service `gw/x` takes what is sent there".to_owned()));
}

#[test]
fn referrers_are_those_that_refer_and_those_that_attach() {
    let view = world(true);
    let lens = Lens::new(&view);
    let cluster = Cluster::new(&lens, "gw");
    let found = cluster.referrers("Service", "telemetry", "otel").all().unwrap();
    assert_eq!(
        found,
        [json!({"group": "gateway.kgateway.dev", "kind": "HTTPListenerPolicy", "namespace": "gw", "name": "tracing",
            "signals": ["traces"]})]
    );
    assert_eq!(cluster.referrers("Gateway", "gw", "http").all().unwrap(), found);
    assert_eq!(cluster.referrers("Gateway", "gw", "other").all(), Ok(Vec::new()));
    assert_eq!(cluster.referrers("Service", "gw", "own").all(), Ok(Vec::new()));
    let open = world(false);
    let lens = Lens::new(&open);
    let cluster = Cluster::new(&lens, "gw");
    let listed = cluster.referrers("Service", "telemetry", "otel");
    assert!(listed.unknown.is_some());
    assert_eq!(listed.found, found);
    assert!(cluster.grants("telemetry").is_err());
}

#[test]
fn a_gateway_of_a_class_that_is_not_known_is_not_known() {
    let gateway = object("gateway.networking.k8s.io/v1", "Gateway", "gw", "own", &json!({"gatewayClassName": "ours"}));
    let (known, open) = (view(true, std::slice::from_ref(&gateway)), view(false, &[gateway]));
    let lens = Lens::new(&open);
    let unknown = Cluster::new(&lens, "gw").gateway("gw", "own");
    assert_eq!(unknown, Seen::Unknown("which controller Gateway `gw/own` belongs to".to_owned()));
    let lens = Lens::new(&known);
    let Seen::Found(found) = Cluster::new(&lens, "gw").gateway("gw", "own") else { panic!() };
    assert_eq!(found["controller"], json!("other"));
}

#[test]
fn whether_labels_select_a_gateway_that_is_not_stored_is_not_known() {
    let mut selecting = policy("gw", "by-label", "none", &json!({"name": "own", "port": 4317}));
    selecting["spec"]["targetRefs"].take();
    selecting["spec"]["targetSelectors"] = json!([
        {"group": "gateway.networking.k8s.io", "kind": "Gateway", "matchLabels": {"tier": "edge"}}
    ]);
    let gateway = |name: &str, tier: &str| {
        json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway",
            "metadata": {"namespace": "gw", "name": name, "labels": {"tier": tier}}})
    };
    let view = view(true, &[selecting, gateway("edge", "edge"), gateway("inner", "inner")]);
    let lens = Lens::new(&view);
    let cluster = Cluster::new(&lens, "gw");
    assert_eq!(cluster.referrers("Gateway", "gw", "edge").all().unwrap().len(), 1);
    assert_eq!(cluster.referrers("Gateway", "gw", "inner").all(), Ok(Vec::new()));
    let unknown = cluster.referrers("Gateway", "gw", "new").all();
    assert_eq!(unknown, Err("which labels Gateway `gw/new` has".to_owned()));
    assert_eq!(cluster.referrers("Gateway", "elsewhere", "new").all(), Ok(Vec::new()));
}

#[test]
fn what_is_told_is_what_is_declared() {
    let labelled =
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "gw", "labels": {"team": "blue"}}});
    let grant = json!({"from": [{"group": "a", "kind": "B", "namespace": "c"}], "to": [{"group": "", "kind": "Service"}, {"kind": "Service", "name": "otel"}]});
    let listeners =
        json!({"gatewayClassName": "x", "listeners": [{"name": "a", "port": 80, "protocol": "HTTP"}, {"port": "b"}]});
    let ports = json!({"ports": [{"port": 1, "protocol": "UDP"}, {"name": "a", "port": 4317}], "type": "ExternalName"});
    let gateway = "gateway.networking.k8s.io/v1";
    let view = view(
        true,
        &[
            labelled,
            object("v1", "Service", "gw", "own", &ports),
            object(gateway, "Gateway", "gw", "http", &listeners),
            object("gateway.networking.k8s.io/v1beta1", "ReferenceGrant", "gw", "grant", &grant),
            policy("gw", "tracing", "http", &json!({"name": "own", "port": 4317})),
        ],
    );
    let lens = Lens::new(&view);
    let cluster = Cluster::new(&lens, "gw");
    let one = |seen: Seen| match seen {
        Seen::Found(value) => vec![value],
        other => panic!("{other:?}"),
    };
    let references = |backend: Value| cluster.references(&policy("gw", "a", "http", &backend)).unwrap();
    let both = [references(json!({"name": "own"})), references(json!({"name": "own", "port": 4317}))].concat();
    for (of, told) in [
        (told::service_type(), one(cluster.service("gw", "own"))),
        (told::gateway_type(), one(cluster.gateway("gw", "http"))),
        (told::namespace_type(), one(cluster.namespace("gw"))),
        (told::grant_type(), cluster.grants("gw").unwrap()),
        (told::reference_type(), both),
        (told::referrer_type(), cluster.referrers("Service", "gw", "own").all().unwrap()),
    ] {
        assert!(matches!(of, Type::Object(_)) && !told.is_empty(), "{of}");
        assert_declared(&of, &told);
    }
}
