use jiff::Timestamp;
use serde_json::{Value, json};

use super::*;
use crate::engine::{
    finding::{Change, Level, Remedy},
    node::Segment,
    policy::spec::{NoParameters, RuleSpec},
    subject::{Attributes, ObjectKey, Subject},
    view::{Lens, View, control_plane::ControlPlane},
};

fn judge_in(kind: TelemetryKind, object: Value, view: &View) -> Vec<Finding> {
    let key = ObjectKey::new(kind.group(), kind.name(), "shop", "x");
    let attributes = Attributes::of(Operation::Create, &key, "v1alpha1");
    let subject = Subject::of(attributes, object, Value::Null);
    let lens = Lens::new(view);
    let parameters = RuleSpec::UnknownFields(NoParameters {});
    (RULE.run)(&Judge { subject: &subject, lens: &lens, parameters: &parameters, now: Timestamp::UNIX_EPOCH })
}

fn judge(kind: TelemetryKind, spec: Value) -> Vec<Finding> {
    let object = json!({"apiVersion": "x", "kind": kind.name(), "metadata": {"name": "x"}, "spec": spec});
    judge_in(kind, object, &View::open(ControlPlane::default()))
}

fn told(found: &[Finding]) -> Vec<String> {
    let code = |finding: &Finding| finding.code.strip_prefix("unknown-fields/").unwrap().to_owned();
    found.iter().map(|finding| format!("{} {}", code(finding), finding.path)).collect()
}

/// The object after the edits of these findings.
fn mended(mut object: Value, found: &[Finding]) -> Value {
    for finding in found {
        let Some(Remedy::Edit(edit)) = &finding.remedy else { continue };
        for change in &edit.changes {
            let (parent, last) = change.path().split_last().unwrap();
            let parent = object.pointer_mut(&parent.json_pointer()).unwrap();
            match (change, last) {
                (Change::Remove { .. }, Segment::Key(key)) => {
                    parent.as_object_mut().unwrap().remove(key).unwrap();
                }
                (Change::Set { value, .. }, Segment::Key(key)) => parent[key] = value.clone(),
                (Change::Set { value, .. }, Segment::Index(index)) => {
                    assert_eq!(parent.as_array().unwrap().len(), *index);
                    parent.as_array_mut().unwrap().push(value.clone());
                }
                other => panic!("{other:?}"),
            }
        }
    }
    object
}

/// What the edits make of `spec.tracing` in an HTTPListenerPolicy.
fn tracing(tracing: Value) -> (Vec<String>, Value) {
    let spec = json!({"tracing": tracing});
    let found = judge(TelemetryKind::HttpListenerPolicy, spec.clone());
    assert!(found.iter().all(|finding| finding.level == Level::Warning && finding.help.is_some()));
    let mended = mended(json!({"spec": spec}), &found);
    let codes = found.iter().map(|f| f.code.strip_prefix("unknown-fields/").unwrap().to_owned()).collect();
    (codes, mended["spec"]["tracing"].clone())
}

fn backend(name: &str, namespace: &str, port: i64) -> Value {
    json!({"openTelemetry": {"grpcService": {"backendRef": {"name": name, "namespace": namespace, "port": port}}}})
}

#[test]
fn a_guide_that_was_followed_to_the_letter_is_translated() {
    let (codes, mended) = tracing(json!({
        "provider": {"otel": {"grpcAddress": "otel-collector.telemetry:4317"}},
        "samplingRate": 100,
        "propagators": ["W3C_TRACE_CONTEXT", "B3"],
        "customTags": {
            "cluster": {"environment": "CLUSTER_NAME"},
            "environment": {"literal": "production"},
            "request_id": {"requestHeader": "x-request-id"},
        },
    }));
    assert_eq!(codes, ["custom-tags", "propagators", "otel-provider", "sampling-rate"]);
    assert_eq!(
        mended,
        json!({
            "provider": backend("otel-collector", "telemetry", 4317),
            "randomSampling": 100,
            "propagators": ["W3C_TRACE_CONTEXT", "B3"],
            "attributes": [
                {"name": "cluster", "environment": {"name": "CLUSTER_NAME"}},
                {"name": "environment", "literal": {"value": "production"}},
                {"name": "request_id", "requestHeader": {"name": "x-request-id"}},
            ],
        })
    );
}

#[test]
fn an_address_is_translated_where_it_names_a_service_for_sure() {
    for (address, expected) in [
        ("otel.telemetry:4317", Some(("otel", "telemetry", 4317))),
        ("otel.telemetry.svc:4317", Some(("otel", "telemetry", 4317))),
        ("otel.telemetry.svc.cluster.local:14317", Some(("otel", "telemetry", 14317))),
        ("otel:4317", None),
        ("otel.telemetry", None),
        ("otel.telemetry:0", None),
        ("otel.telemetry:65536", None),
        ("otel.telemetry:otlp", None),
        ("http://otel.telemetry:4317", None),
        ("otel.example.com:4317", None),
        ("10.0.0.1:4317", None),
        ("[fd00::1]:4317", None),
        ("Otel.telemetry:4317", None),
        ("", None),
    ] {
        let (codes, mended) = tracing(json!({"provider": {"otel": {"grpcAddress": address}}}));
        assert_eq!(codes, ["otel-provider"], "{address}");
        let expected = expected.map(|(name, namespace, port)| backend(name, namespace, port));
        let expected = expected.unwrap_or_else(|| json!({"otel": {"grpcAddress": address}}));
        assert_eq!(mended["provider"], expected, "{address}");
    }
    for provider in [
        json!({"otel": {"grpcAddress": "otel.telemetry:4317", "serviceName": "x"}}),
        json!({"otel": {"grpcAddress": "otel.telemetry:4317"}, "openTelemetry": {}}),
        json!({"otel": null}),
    ] {
        let (codes, mended) = tracing(json!({ "provider": provider }));
        assert_eq!((codes.as_slice(), &mended["provider"]), (["otel-provider".to_owned()].as_slice(), &provider));
    }
}

#[test]
fn an_address_of_a_service_that_does_not_exist_is_not_translated() {
    let spec = json!({"tracing": {"provider": {"otel": {"grpcAddress": "otel.telemetry:4317"}}}});
    let object = json!({ "spec": spec });
    let closed = View::closed(ControlPlane::default());
    let key = ObjectKey::new("", "Service", "telemetry", "otel");
    let there = closed.with(&key, &json!({"spec": {"ports": [{"port": 4317}]}}));
    for (view, edited) in [(&closed, false), (&there, true)] {
        let found = judge_in(TelemetryKind::HttpListenerPolicy, object.clone(), view);
        assert_eq!(found[0].remedy.is_some(), edited);
    }
}

#[test]
fn sampling_rates() {
    for (rate, beside, expected) in [
        (json!(0), Value::Null, json!({"randomSampling": 0})),
        (json!(100), Value::Null, json!({"randomSampling": 100})),
        (json!(101), Value::Null, json!({"samplingRate": 101})),
        (json!(0.5), Value::Null, json!({"samplingRate": 0.5})),
        (json!("10"), Value::Null, json!({"samplingRate": "10"})),
        (json!(10), json!(5), json!({"samplingRate": 10, "randomSampling": 5})),
    ] {
        let mut before = json!({ "samplingRate": rate });
        if !beside.is_null() {
            before["randomSampling"] = beside;
        }
        let (codes, mended) = tracing(before.clone());
        assert_eq!((codes, mended), (vec!["sampling-rate".to_owned()], expected), "{before}");
    }
}

#[test]
fn custom_tags() {
    let known = || json!([{"name": "known", "literal": {"value": "x"}}]);
    for (tags, attributes, expected) in [
        (
            json!({"a": {"literal": {"value": "x"}}}),
            Value::Null,
            Some(json!([{"name": "a", "literal": {"value": "x"}}])),
        ),
        (
            json!({"a": {"environment": {"name": "A", "defaultValue": "b"}}}),
            Value::Null,
            Some(json!([{"name": "a", "environment": {"name": "A", "defaultValue": "b"}}])),
        ),
        (
            json!({"a": {"literal": "x"}, "b": {"requestHeader": {"name": "h"}}}),
            known(),
            Some(json!([
                {"name": "known", "literal": {"value": "x"}},
                {"name": "a", "literal": {"value": "x"}},
                {"name": "b", "requestHeader": {"name": "h"}},
            ])),
        ),
        (json!({"known": {"literal": "y"}}), known(), None),
        (json!({"a": {"literal": 5}}), Value::Null, None),
        (json!({"a": {"literal": "x"}, "b": {"baggage": "y"}}), Value::Null, None),
        (json!({"a": {"literal": "x", "environment": "y"}}), Value::Null, None),
        (json!({"a": {"environment": {"defaultValue": "y"}}}), Value::Null, None),
        (json!({"a": {"literal": {"value": "x", "other": "y"}}}), Value::Null, None),
        (json!({"a": {"literal": "x"}}), json!({"not": "a list"}), None),
        (json!([{"tag": "a", "literal": "x"}]), Value::Null, None),
        (json!({}), Value::Null, None),
        (Value::Null, Value::Null, None),
    ] {
        let before = json!({"customTags": tags, "attributes": attributes});
        let (codes, mended) = tracing(before.clone());
        assert_eq!(codes, ["custom-tags"], "{before}");
        assert_eq!(mended, expected.map_or(before.clone(), |list| json!({ "attributes": list })), "{before}");
    }
}

#[test]
fn what_has_no_exact_equivalent_is_only_told() {
    use TelemetryKind::{HttpListenerPolicy, ListenerPolicy};
    let targets = json!([{"group": "g", "kind": "Gateway", "name": "http", "sectionName": "internal"}]);
    let log = json!([{"grpcService": {"logName": "x", "staticClusterName": "otel"}}]);
    for (kind, spec, expected) in [
        (HttpListenerPolicy, json!({"targetRefs": targets}), vec!["section-name spec.targetRefs[0].sectionName"]),
        (ListenerPolicy, json!({"targetRefs": targets}), vec![]),
        (
            HttpListenerPolicy,
            json!({"accessLog": log}),
            vec!["static-cluster-name spec.accessLog[0].grpcService.staticClusterName"],
        ),
        (
            ListenerPolicy,
            json!({"perPort": [{"port": 1, "listener": {"httpSettings": {"accessLog": log}}}]}),
            vec![
                "static-cluster-name spec.perPort[0].listener.httpSettings.accessLog[0].grpcService.staticClusterName",
            ],
        ),
        (
            ListenerPolicy,
            json!({"default": {"httpSettings": {"tracing": {"propagators": []}}}}),
            vec!["propagators spec.default.httpSettings.tracing.propagators"],
        ),
    ] {
        let found = judge(kind, spec);
        assert_eq!(told(&found), expected);
        assert!(found.iter().all(|finding| finding.remedy.is_none() && finding.level == Level::Warning));
    }
}

#[test]
fn unknown_fields_are_told_with_what_is_likely_meant() {
    use TelemetryKind::{AgentgatewayPolicy, HttpListenerPolicy, ListenerPolicy};
    let in_tracing = |tracing: Value| json!({"frontend": {"tracing": tracing}});
    for (kind, spec, path, help) in [
        (HttpListenerPolicy, json!({"accessLogs": []}), "spec.accessLogs", "did you mean `accessLog`?"),
        (HttpListenerPolicy, json!({"logging": {}}), "spec.logging", "correct the name, or remove the field"),
        (HttpListenerPolicy, json!({"tracing": {"randomSample": 1}}), "spec.tracing.randomSample", "`randomSampling`?"),
        (
            HttpListenerPolicy,
            json!({"accessLog": [{"otlp": {}}]}),
            "spec.accessLog[0].otlp",
            "the fields that it can have are `fileSink`, `filter`, `grpcService` and `openTelemetry`",
        ),
        (
            HttpListenerPolicy,
            json!({"tracing": {"provider": {"openTelemetry": {"grpcService": {"backendRef": {"nmae": "x"}}}}}}),
            "spec.tracing.provider.openTelemetry.grpcService.backendRef.nmae",
            "did you mean `name`?",
        ),
        (
            HttpListenerPolicy,
            json!({"targetRefs": [{"namespace": "x"}]}),
            "spec.targetRefs[0].namespace",
            "remove it, and put the object into the namespace of its target",
        ),
        (ListenerPolicy, json!({"accessLog": []}), "spec.accessLog", "`spec.default.httpSettings.accessLog`"),
        (ListenerPolicy, json!({"default": {"tracing": {}}}), "spec.default.tracing", "write it under `httpSettings`"),
        (AgentgatewayPolicy, json!({"tracing": {}}), "spec.tracing", "`spec.frontend.tracing`"),
        (AgentgatewayPolicy, json!({"frontend": {"acessLog": {}}}), "spec.frontend.acessLog", "`accessLog`?"),
        (
            AgentgatewayPolicy,
            in_tracing(json!({"backendRef": {"weight": 1}})),
            "spec.frontend.tracing.backendRef.weight",
            "`group`, `kind`, `name`, `namespace` and `port`",
        ),
        (
            AgentgatewayPolicy,
            in_tracing(json!({"samplingRate": 1})),
            "spec.frontend.tracing.samplingRate",
            "`randomSampling`",
        ),
    ] {
        let found = judge(kind, spec.clone());
        assert_eq!(told(&found), [format!("unknown {path}")], "{spec}");
        assert!(found[0].help.as_ref().unwrap().contains(help), "{spec}: {:?}", found[0].help);
        assert!(found[0].remedy.is_none(), "{spec}");
    }
    let found = judge_in(HttpListenerPolicy, json!({"targetRefs": []}), &View::open(ControlPlane::default()));
    assert!(found[0].message.starts_with("HTTPListenerPolicy has no field `targetRefs`"), "{}", found[0].message);
}

#[test]
fn what_exists_and_what_is_free_is_silent() {
    use TelemetryKind::{AgentgatewayPolicy, HttpListenerPolicy, ListenerPolicy};
    let backend_ref = json!({"group": "", "kind": "Service", "name": "x", "namespace": "y", "port": 1, "weight": 1});
    let grpc = json!({
        "logName": "x", "backendRef": backend_ref, "authority": "a", "timeout": "1s",
        "initialMetadata": [{"key": "a", "value": "b"}], "retryPolicy": {"numRetries": 1},
    });
    let settings = json!({
        "accessLog": [
            {"fileSink": {"path": "/dev/stdout", "jsonFormat": {"anything": {"goes": "here"}}}},
            {"grpcService": grpc, "filter": {"statusCodeFilter": {"op": "GE", "value": 400}}},
            {"openTelemetry": {"grpcService": grpc, "body": "x", "attributes": {"values": [{"key": "a"}]}}},
        ],
        "tracing": {
            "provider": {"openTelemetry": {
                "serviceName": "x", "sampler": {"alwaysOnConfig": {}},
                "grpcService": {"backendRef": backend_ref},
                "resourceDetectors": [{"environmentResourceDetector": {}}],
            }},
            "randomSampling": 1, "clientSampling": 1, "overallSampling": 1, "verbose": true,
            "attributes": [
                {"name": "a", "literal": {"value": "x"}},
                {"name": "b", "metadata": {"kind": "Request", "metadataKey": {"key": "k", "path": []}}},
            ],
        },
        "upgradeConfig": {"enabledUpgrades": ["websocket"]}, "useRemoteAddress": true, "healthCheck": {"path": "/"},
    });
    let mut http = settings.clone();
    http["targetRefs"] = json!([{"group": "g", "kind": "Gateway", "name": "http"}]);
    http["targetSelectors"] = json!([{"group": "g", "kind": "Gateway", "matchLabels": {"any": "label"}}]);
    let listener = json!({"default": {"httpSettings": settings, "proxyProtocol": {}}, "perPort": [
        {"port": 8080, "listener": {"httpSettings": settings}},
    ]});
    let attributes = json!({"add": [{"name": "a", "expression": "b"}], "remove": ["c"]});
    let no_weight = json!({"name": "x", "port": 1});
    let agentgateway = json!({
        "targetRefs": [{"group": "g", "kind": "Gateway", "name": "http", "port": 1, "sectionName": "s"}],
        "traffic": {"anything": 1}, "backend": {"anything": 1},
        "frontend": {
            "tracing": {"backendRef": no_weight, "protocol": "GRPC", "randomSampling": "0.1", "attributes": attributes},
            "accessLog": {"otlp": {"backendRef": no_weight, "path": "/"}, "filter": "true", "attributes": attributes},
            "somethingNew": {},
        },
    });
    for (kind, spec) in [
        (HttpListenerPolicy, http),
        (ListenerPolicy, listener),
        (AgentgatewayPolicy, agentgateway),
        (HttpListenerPolicy, Value::Null),
        (HttpListenerPolicy, json!({"tracing": "x", "accessLog": {"a": 1}, "targetRefs": ["x"]})),
    ] {
        assert_eq!(told(&judge(kind, spec)), Vec::<String>::new(), "{}", kind.name());
    }
}
