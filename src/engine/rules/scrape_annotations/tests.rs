use jiff::Timestamp;
use serde_json::{Value, json};

use super::*;
use crate::engine::{
    finding::{Change, Level, Remedy},
    policy::spec::{NoParameters, RuleSpec},
    subject::{Attributes, ObjectKey},
    view::{Lens, View, control_plane::ControlPlane},
};

const ALL: [(&str, &str); 3] =
    [("prometheus.io/path", "/metrics"), ("prometheus.io/port", "PORT"), ("prometheus.io/scrape", "true")];

fn run_on(kind: &str, object: Value, view: &View) -> Vec<Finding> {
    let key = ObjectKey::new(if kind == "Pod" { "" } else { "apps" }, kind, "shop", "");
    let attributes = Attributes::of(Operation::Create, &key, "v1");
    let subject = Subject::of(attributes, object, Value::Null);
    let lens = Lens::new(view);
    let parameters = RuleSpec::ScrapeAnnotations(NoParameters {});
    (RULE.run)(&Judge { subject: &subject, lens: &lens, parameters: &parameters, now: Timestamp::UNIX_EPOCH })
}

fn judge(pod: Value) -> Vec<Finding> {
    run_on("Pod", pod, &View::open(ControlPlane::default()))
}

fn codes(found: &[Finding]) -> Vec<&str> {
    found.iter().map(|finding| finding.code.strip_prefix("scrape-annotations/").unwrap()).collect()
}

/// The keys under `prometheus.io/` that the edits of these findings set, with their values.
fn edits(found: &[Finding]) -> Vec<(String, Value)> {
    let edits = found.iter().filter_map(|finding| match &finding.remedy {
        Some(Remedy::Edit(edit)) => Some(&edit.changes),
        _ => None,
    });
    let mut set: Vec<_> = edits
        .flatten()
        .map(|change| {
            let Change::Set { path, value } = change else { panic!("removes {}", change.path()) };
            (path.to_string(), value.clone())
        })
        .collect();
    set.sort_by(|a, b| a.0.cmp(&b.0));
    set
}

fn set(prefix: &str, keys: &[(&str, &str)], port: &str) -> Vec<(String, Value)> {
    let value = |value: &&str| Value::from(value.replace("PORT", port));
    keys.iter().map(|(key, v)| (format!("{prefix}metadata.annotations.{key:?}"), value(v))).collect()
}

fn envoy(annotations: Value) -> Value {
    json!({
        "metadata": {"annotations": annotations, "labels": {"gateway.networking.k8s.io/gateway-class-name": "kgateway"}},
        "spec": {"containers": [{"name": "kgateway-proxy", "ports": [
            {"name": "listener-8080", "containerPort": 8080}, {"name": "http-monitoring", "containerPort": 9091},
        ]}, {"name": "sds", "ports": [{"name": "sds", "containerPort": 8234}]}]},
    })
}

fn container(name: &str, ports: Value) -> Value {
    json!({"metadata": {}, "spec": {"containers": [{"name": name, "ports": ports}]}})
}

#[test]
fn gateways_are_known_by_their_containers_and_ports() {
    let metrics = || json!([{"name": "metrics", "containerPort": 15020}]);
    for (name, ports, expected) in [
        ("kgateway-proxy", json!([{"name": "http-monitoring", "containerPort": 9091}]), Some("9091")),
        ("kgateway-proxy", json!([{"name": "http-monitoring", "containerPort": 9191}]), Some("9191")),
        ("kgateway-proxy", json!([{"containerPort": 9091}]), Some("9091")),
        ("agentgateway", metrics(), Some("15020")),
        ("agent-gateway", metrics(), Some("15020")),
        // Statistics turned off: no port.
        ("kgateway-proxy", json!([{"name": "listener-8080", "containerPort": 8080}]), None),
        ("kgateway-proxy", Value::Null, None),
        ("agentgateway", json!([{"name": "readiness", "containerPort": 15021}]), None),
        ("istio-proxy", metrics(), None),
        ("envoy", json!([{"name": "metrics", "containerPort": 19001}]), None),
        ("envoy", json!([{"name": "readiness", "containerPort": 19003}]), None),
        ("app", json!([{"name": "http-monitoring", "containerPort": 9091}]), None),
    ] {
        let found = judge(container(name, ports.clone()));
        assert_eq!(codes(&found), if expected.is_some() { vec!["missing"] } else { vec![] }, "{name} {ports}");
        assert_eq!(edits(&found), expected.map(|port| set("", &ALL, port)).unwrap_or_default(), "{name} {ports}");
    }
}

#[test]
fn only_what_is_absent_is_added() {
    let (scrape, port, path) = ("prometheus.io/scrape", "prometheus.io/port", "prometheus.io/path");
    for (annotations, expected, added) in [
        (json!({scrape: "true", port: "9091", path: "/metrics"}), vec![], 0),
        (json!({scrape: "true", port: "9091"}), vec![], 0),
        (json!({scrape: "false"}), vec![], 0),
        (json!({scrape: "False", port: "1"}), vec![], 0),
        (json!({scrape: "no"}), vec![], 0),
        // Another container's port is the user's word.
        (json!({scrape: "true", port: "8234"}), vec![], 0),
        (json!({scrape: "true", port: "15020", path: "/stats/prometheus"}), vec![], 0),
        (Value::Null, vec!["missing"], 3),
        (json!({"checksum/config": "x"}), vec!["missing"], 3),
        (json!({scrape: "true"}), vec!["incomplete"], 2),
        (json!({scrape: "true", path: "/stats"}), vec!["incomplete"], 1),
        (json!({port: "9091"}), vec!["incomplete"], 2),
        (json!({path: "/metrics"}), vec!["incomplete"], 2),
        (json!({port: "8234"}), vec!["incomplete"], 0),
        (json!({scrape: "True", port: "9091"}), vec!["not-true"], 0),
        (json!({scrape: "yes"}), vec!["not-true"], 0),
        (json!({scrape: true, port: 9091}), vec!["not-text", "not-text"], 2),
        (json!({scrape: "true", port: "9901"}), vec!["port-not-declared"], 0),
        (json!({scrape: "true", port: "http-monitoring"}), vec!["port-not-declared"], 0),
    ] {
        let found = judge(envoy(annotations.clone()));
        assert_eq!(codes(&found), expected, "{annotations}");
        assert_eq!(edits(&found).len(), added, "{annotations}");
        let keys: Vec<_> = edits(&found).into_iter().map(|(key, _)| key).collect();
        for (key, value) in annotations.as_object().into_iter().flatten().filter(|(_, value)| value.is_string()) {
            assert!(!keys.iter().any(|set| set.contains(key)), "{annotations} changes {key}: {value}");
        }
    }
}

#[test]
fn the_message_names_container_and_port() {
    let found = judge(envoy(Value::Null));
    assert_eq!(
        found[0].message,
        "container `kgateway-proxy` serves metrics on port 9091, and no `prometheus.io/*` annotation leads a scraper there"
    );
    let Some(Remedy::Edit(edit)) = &found[0].remedy else { panic!("no edit") };
    assert_eq!(edit.title, "annotates the pod so that Prometheus scrapes `kgateway-proxy` on port 9091");
    assert_eq!(found[0].path.to_string(), "metadata");
}

#[test]
fn istio_annotates_its_own() {
    let waypoint = |labels: Value, annotations: Value| {
        let mut pod = container("agentgateway", json!([{"name": "metrics", "containerPort": 15020}]));
        pod["metadata"] = json!({"labels": labels, "annotations": annotations});
        codes(&judge(pod)).len()
    };
    let class = "gateway.networking.k8s.io/gateway-class-name";
    assert_eq!(waypoint(json!({class: "istio-agentgateway-waypoint"}), json!({})), 0);
    assert_eq!(waypoint(json!({}), json!({"prometheus.io/path": "/stats/prometheus"})), 0);
    assert_eq!(waypoint(json!({class: "agentgateway"}), json!({})), 1);
    let mut meshed = envoy(json!({"prometheus.io/scrape": "true", "prometheus.io/port": "15020"}));
    assert_eq!(codes(&judge(meshed.clone())), ["port-not-declared"]);
    meshed["spec"]["initContainers"] = json!([{"name": "istio-proxy", "restartPolicy": "Always"}]);
    assert_eq!(judge(meshed), []);
}

#[test]
fn what_a_controller_made_is_not_edited() {
    let owned = |kind: &str| json!([{"kind": kind, "name": "http", "controller": true}]);
    let view = View::open(ControlPlane::default());
    let deployment =
        |owners: Value| json!({"metadata": {"ownerReferences": owners}, "spec": {"template": envoy(Value::Null)}});
    let found = run_on("Deployment", deployment(Value::Null), &view);
    assert_eq!(edits(&found), set("spec.template.", &ALL, "9091"));
    assert_eq!(found[0].path.to_string(), "spec.template.metadata");
    let found = run_on("Deployment", deployment(owned("Gateway")), &view);
    assert_eq!((codes(&found), edits(&found).len()), (vec!["missing"], 0));
    assert!(found[0].help.as_ref().unwrap().contains("`spec.infrastructure.annotations` of Gateway `http`"));

    let mut pod = envoy(Value::Null);
    pod["metadata"]["ownerReferences"] = owned("ReplicaSet");
    assert_eq!(edits(&judge(pod.clone())).len(), 3, "a pod that is being created");
    pod["spec"]["nodeName"] = "node-1".into();
    assert_eq!(edits(&judge(pod)).len(), 0, "a pod that runs");
}

fn prometheus(exporters: Value) -> Value {
    json!({"extra_config": {"telemetry/opentelemetry": {"exporters": {"prometheus": exporters}}}})
}

fn krakend(annotations: Value) -> Value {
    json!({
        "metadata": {"annotations": annotations},
        "spec": {
            "containers": [{
                "name": "krakend", "image": "krakend:2.13.8",
                "ports": [{"name": "http", "containerPort": 8080}, {"name": "metrics", "containerPort": 9100}],
                "volumeMounts": [{"name": "config", "mountPath": "/etc/krakend"}],
            }],
            "volumes": [{"name": "config", "configMap": {"name": "config"}}],
        },
    })
}

fn with_config(text: &str) -> View {
    let key = ObjectKey::new("", "ConfigMap", "shop", "config");
    View::closed(ControlPlane::default()).with(&key, &json!({"data": {"krakend.json": text}}))
}

#[test]
fn krakend_is_annotated_with_the_port_of_its_configuration() {
    let (scrape, port) = ("prometheus.io/scrape", "prometheus.io/port");
    let annotated = |number: &str| json!({scrape: "true", port: number});
    let one = json!([{"name": "a", "port": 9091}]);
    for (exporters, annotations, expected, added) in [
        (one.clone(), Value::Null, vec!["krakend-missing"], Some("9091")),
        (json!([{"name": "a"}]), Value::Null, vec!["krakend-missing"], Some("9090")),
        (json!([]), Value::Null, vec![], None),
        (json!([{"name": "a", "disable_metrics": true}]), Value::Null, vec![], None),
        (one.clone(), json!({scrape: "false"}), vec![], None),
        (one.clone(), annotated("9091"), vec![], None),
        (one.clone(), annotated("9100"), vec![], None),
        (one.clone(), annotated("9090"), vec!["krakend-wrong-port"], None),
        (one.clone(), annotated("metrics"), vec!["krakend-wrong-port"], None),
        (one, json!({scrape: "True"}), vec!["not-true"], None),
        (json!([{"name": "a", "listen_ip": "::1"}]), Value::Null, vec!["krakend-loopback"], None),
        (json!([{"name": "a", "host": "127.0.0.1"}]), json!({scrape: "false"}), vec!["krakend-loopback"], None),
        (
            json!([{"name": "a", "host": "localhost"}, {"name": "b", "port": 9092}]),
            Value::Null,
            vec!["krakend-loopback", "krakend-several", "krakend-missing"],
            Some("9092"),
        ),
        (
            json!([{"name": "a", "port": 9091}, {"name": "b", "port": 9092}]),
            annotated("9092"),
            vec!["krakend-several"],
            None,
        ),
        (json!([{"name": "a"}, {"name": "b", "port": 9092}]), json!({scrape: "false"}), vec![], None),
        (json!([{"name": "a", "port": 8080}]), Value::Null, vec!["krakend-duplicate-port"], None),
        (
            json!([{"name": "a"}, {"name": "b", "disable_metrics": true}]),
            Value::Null,
            vec!["krakend-duplicate-port", "krakend-missing"],
            Some("9090"),
        ),
        (
            json!([{"name": "a"}, {"name": "a", "port": 9091, "disable_metrics": true}]),
            Value::Null,
            vec!["krakend-duplicate-name"],
            None,
        ),
    ] {
        let view = with_config(&prometheus(exporters.clone()).to_string());
        let found = run_on("Pod", krakend(annotations.clone()), &view);
        assert_eq!(codes(&found), expected, "{exporters} {annotations}");
        let added = added.map(|port| set("", &ALL, port)).unwrap_or_default();
        assert_eq!(edits(&found), added, "{exporters} {annotations}");
    }
}

#[test]
fn what_cannot_be_seen_is_a_note_and_never_guessed() {
    let open = View::open(ControlPlane::default());
    let closed = View::closed(ControlPlane::default());
    let template = with_config("{{ marshal .telemetry }} telemetry/opentelemetry");
    let plain = with_config("{\"version\": 3}");
    let mounted = || krakend(Value::Null);
    let change = |pointer: &str, value: Value| {
        let mut pod = krakend(Value::Null);
        pod["spec"]["containers"][0][pointer] = value;
        pod
    };
    let flexible = json!([{"name": "FC_ENABLE", "value": "1"}]);
    for (name, pod, view, expected) in [
        ("not looked up", mounted(), &open, Some("ConfigMap `shop/config` could not be looked up")),
        ("absent", mounted(), &closed, Some("ConfigMap `shop/config` does not exist")),
        ("template", mounted(), &template, Some("its configuration is a template, or no JSON")),
        ("flexible", change("env", flexible), &plain, Some("its configuration is a template, or no JSON")),
        ("baked in", change("volumeMounts", json!([])), &plain, Some("its configuration is in the image")),
        ("shell", change("command", json!(["sh", "-c", "krakend run"])), &plain, Some("its command does not say")),
        ("no telemetry", mounted(), &plain, None),
        ("another image", change("image", "nginx".into()), &open, None),
        ("annotated", krakend(json!({"prometheus.io/scrape": "true"})), &open, None),
    ] {
        let found = run_on("Pod", pod, view);
        assert_eq!(codes(&found), if expected.is_some() { vec!["krakend-unseen"] } else { vec![] }, "{name}");
        for finding in &found {
            assert!(finding.message.contains(expected.unwrap()), "{name}: {}", finding.message);
            assert_eq!((finding.level, &finding.remedy), (Level::Note, &None), "{name}");
            assert_eq!(finding.unknown.is_some(), name == "not looked up", "{name}");
        }
    }
}

#[test]
fn every_other_pod_is_passed_over() {
    for object in [json!({}), json!({"spec": null}), json!({"spec": {"containers": "x"}}), container("app", json!([]))]
    {
        assert_eq!(judge(object.clone()), [], "{object}");
    }
}
