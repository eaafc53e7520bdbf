//! What is stored after `/mutate` in a cluster: what production is, and what a pod's configuration says, is read there.

use serde_json::{Value, json};

use crate::{cluster, objects, patience::wait_until, sandbox::Sandbox, trial::Case};

pub(crate) const CASES: &[Case] = &[
    Case::new("live edits: the Pods of a gateway's Deployment get annotations", deployment).with_controllers(),
    Case::new(
        "live edits: in a production namespace that is as new as they are, collectors stop printing",
        new_production,
    ),
    Case::new("live edits: what is not production's is stored as it was written", elsewhere),
    Case::new("live edits: where KrakenD serves metrics is read from the ConfigMap its Pod mounts", krakend),
    Case::new("live edits: a KrakenD whose ConfigMap is not there starts without annotations", krakend_unseen),
];

const PRODUCTION: &[(&str, &str)] = &[("environment", "production")];

const PRINTING: &str = "\
receivers: { otlp: { protocols: { grpc: {} } } }   # all of the shop's
exporters: { debug: {}, otlp: { endpoint: 'tempo:4317' } }
service: { pipelines: { traces: { receivers: [otlp], exporters: [debug, otlp] } } }
";

fn config_map(namespace: &str, name: &str, data: &Value) -> String {
    let metadata = json!({ "name": name, "namespace": namespace });
    json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data }).to_string()
}

fn collector(namespace: &str) -> String {
    let config = json!({
        "receivers": { "otlp": { "protocols": { "grpc": {} } } },
        "exporters": { "debug": {}, "otlp": { "endpoint": "tempo:4317" } },
        "service": { "pipelines": { "traces": { "receivers": ["otlp"], "exporters": ["debug", "otlp"] } } },
    });
    json!({
        "apiVersion": "opentelemetry.io/v1beta1",
        "kind": "OpenTelemetryCollector",
        "metadata": { "name": "shop", "namespace": namespace },
        "spec": { "mode": "deployment", "config": config },
    })
    .to_string()
}

fn stored(sandbox: &Sandbox<'_>, namespace: &str) -> (Value, Value) {
    let kubectl = sandbox.kubectl();
    let map = kubectl.get_json(&["configmap", "collector", "-n", namespace])["data"]["relay"].clone();
    let shop = kubectl.get_json(&["opentelemetrycollectors.v1beta1.opentelemetry.io", "shop", "-n", namespace]);
    (map, shop["spec"]["config"]["service"]["pipelines"]["traces"]["exporters"].clone())
}

fn apply_collectors(sandbox: &Sandbox<'_>, labels: &[(&str, &str)]) -> (String, String) {
    let namespace = sandbox.later("shop");
    let folder = objects::folder(&[
        ("0-namespace.yaml", &sandbox.namespace_manifest("shop", labels).to_string()),
        ("1-map.yaml", &config_map(&namespace, "collector", &json!({ "relay": PRINTING }))),
        ("2-collector.yaml", &collector(&namespace)),
    ]);
    let said = sandbox.kubectl().run(&["apply", "-f", &folder.path().display().to_string()]).succeeds();
    (namespace, said.err)
}

fn new_production(sandbox: &Sandbox<'_>) {
    let (_portcullis, _registration) = cluster::guarded(sandbox);
    let (namespace, said) = apply_collectors(sandbox, PRODUCTION);
    let (map, exporters) = stored(sandbox, &namespace);
    assert_eq!(map, PRINTING.replace("[debug, otlp]", "[otlp]"));
    assert_eq!(exporters, json!(["otlp"]));
    assert!(said.contains("Warning: [debug-exporters] "), "{said}");
}

fn elsewhere(sandbox: &Sandbox<'_>) {
    let (_portcullis, _registration) = cluster::guarded(sandbox);
    let (namespace, said) = apply_collectors(sandbox, &[("environment", "lab")]);
    let (map, exporters) = stored(sandbox, &namespace);
    assert_eq!(map, PRINTING);
    assert_eq!(exporters, json!(["debug", "otlp"]));
    assert!(!said.contains("debug-exporters"), "{said}");
}

fn deployment(sandbox: &Sandbox<'_>) {
    let (_portcullis, _registration) = cluster::guarded(sandbox);
    let (kubectl, namespace) = (sandbox.kubectl(), sandbox.namespace("gw", &[]));
    kubectl.apply(&format!(
        "
apiVersion: apps/v1
kind: Deployment
metadata: {{ name: http, namespace: {namespace} }}
spec:
  replicas: 3
  selector: {{ matchLabels: {{ app: http }} }}
  template:
    metadata: {{ labels: {{ app: http }} }}
    spec: {{ containers: [{{ name: kgateway-proxy, image: envoy, ports: [{{ name: http-monitoring, containerPort: 9091 }}] }}] }}
"
    ));
    let pods = wait_until("three Pods", || {
        let pods = kubectl.try_get_json(&["pods", "-l", "app=http", "-n", &namespace])?;
        let pods = pods["items"].as_array().cloned().unwrap_or_default();
        if pods.len() == 3 { Ok(pods) } else { Err(format!("{} Pods", pods.len())) }
    });
    for pod in pods {
        let annotations = &pod["metadata"]["annotations"];
        for (key, value) in [("scrape", "true"), ("port", "9091"), ("path", "/metrics")] {
            assert_eq!(annotations[format!("prometheus.io/{key}")], value, "{annotations}");
        }
    }
}

/// A KrakenD whose configuration is in a ConfigMap `shop`.
pub(crate) fn krakend_pod(namespace: &str) -> String {
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": { "name": "krakend", "namespace": namespace },
        "spec": {
            "containers": [{
                "name": "krakend",
                "image": "krakend:2.13.8",
                "ports": [{ "name": "http", "containerPort": 8080 }],
                "volumeMounts": [{ "name": "config", "mountPath": "/etc/krakend" }],
            }],
            "volumes": [{ "name": "config", "configMap": { "name": "shop" } }],
        },
    })
    .to_string()
}

fn krakend(sandbox: &Sandbox<'_>) {
    let (_portcullis, _registration) = cluster::guarded(sandbox);
    let (kubectl, namespace) = (sandbox.kubectl(), sandbox.namespace("gw", &[]));
    let exporters = json!({ "prometheus": [{ "name": "scraped", "port": 9099 }] });
    let config = json!({ "version": 3, "extra_config": { "telemetry/opentelemetry": { "exporters": exporters } } });
    let map = config_map(&namespace, "shop", &json!({ "krakend.json": config.to_string() }));
    kubectl.apply(&format!("{map}\n---\n{}", krakend_pod(&namespace)));
    let annotations = kubectl.get_json(&["pod", "krakend", "-n", &namespace])["metadata"]["annotations"].clone();
    assert_eq!(annotations["prometheus.io/port"], "9099", "{annotations}");
    assert_eq!(annotations["prometheus.io/scrape"], "true", "{annotations}");
}

fn krakend_unseen(sandbox: &Sandbox<'_>) {
    let (_portcullis, _registration) = cluster::guarded(sandbox);
    let (kubectl, namespace) = (sandbox.kubectl(), sandbox.namespace("gw", &[]));
    kubectl.apply(&krakend_pod(&namespace));
    let annotations = kubectl.get_json(&["pod", "krakend", "-n", &namespace])["metadata"]["annotations"].clone();
    assert_eq!(annotations["prometheus.io/scrape"], Value::Null, "{annotations}");
}
