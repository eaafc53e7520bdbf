//! What is stored after `/mutate`: the smallest edit, and byte for byte what was written where nothing is to be edited.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::{patience::wait_until, portcullis::Portcullis, registration::Registration, sandbox::Sandbox, trial::Case};

pub(crate) const CASES: &[Case] = &[
    Case::new("edits: the Pods of a gateway get annotations that lead a scraper to it", gateway_pods)
        .with_controllers(),
    Case::new("edits: a collector's ConfigMap in production stops printing, comments and all else stay", config_maps),
    Case::new("edits: what prints nothing stays byte for byte", untouched),
    Case::new("edits: what prints outside of production does too", elsewhere),
    Case::new("edits: an OpenTelemetryCollector in production stops printing", collectors),
    Case::new("edits: one of the old version, whose configuration is text, does too", old_collectors),
    Case::new("edits: on dry run the edit is shown, and nothing is made", a_dry_run),
];

const PRODUCTION: &[(&str, &str)] = &[("environment", "production")];

/// A configuration with the text that a formatter would change: comments, quotes, flow, blank lines.
const PRINTING: &str = "\
# the collector of the shop
receivers: { otlp: { protocols: { grpc: { endpoint: \"0.0.0.0:4317\" } } } }
exporters:
    debug: {}   # for the demo
    'otlp':
        endpoint: tempo:4317

service:
  pipelines:
    traces:
      receivers: [otlp]
      exporters: [debug, otlp] # to tempo
";

fn quiet() -> String {
    PRINTING.replace("[debug, otlp]", "[otlp]")
}

fn config_map(namespace: &str, name: &str, text: &str) -> String {
    let metadata = json!({ "name": name, "namespace": namespace });
    let note = "kept  as \"it\" is\n\ttoo\n";
    json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": { "relay": text, "note": note } })
        .to_string()
}

/// A namespace with these labels, and a portcullis that knows of it and is asked about it.
fn guarded(sandbox: &Sandbox<'_>, labels: &[(&str, &str)]) -> (String, Portcullis, Registration) {
    let portcullis = Portcullis::serve_manifests(&sandbox.namespace_manifest("ns", labels).to_string(), &[]);
    let namespace = sandbox.namespace("ns", labels);
    let registration = Registration::of(sandbox, &portcullis);
    (namespace, portcullis, registration)
}

fn gateway_pods(sandbox: &Sandbox<'_>) {
    let (namespace, portcullis, _registration) = guarded(sandbox, &[]);
    let kubectl = sandbox.kubectl();
    kubectl.apply(&format!(
        "
apiVersion: apps/v1
kind: Deployment
metadata: {{ name: http, namespace: {namespace} }}
spec:
  selector: {{ matchLabels: {{ app: http }} }}
  template:
    metadata: {{ labels: {{ app: http }} }}
    spec: {{ containers: [{{ name: kgateway-proxy, image: envoy, ports: [{{ name: http-monitoring, containerPort: 9091 }}] }}] }}
"
    ));
    let pod = wait_until("a Pod", || {
        let pods = kubectl.try_get_json(&["pods", "-l", "app=http", "-n", &namespace])?;
        pods["items"].get(0).cloned().ok_or_else(|| portcullis.log())
    });
    let annotations = &pod["metadata"]["annotations"];
    let expected = [("scrape", "true"), ("port", "9091"), ("path", "/metrics")];
    for (key, value) in expected {
        assert_eq!(annotations[format!("prometheus.io/{key}")], value, "{annotations}");
    }
    let noted = wait_until("the audit log", || {
        let annotations = sandbox.plane().audit_annotations("create", "pods", &namespace, "");
        annotations["mutate.portcullis.dev/applied"].as_str().map(str::to_owned).ok_or_else(|| annotations.to_string())
    });
    assert!(noted.contains("on port 9091"), "{noted}");
}

fn config_maps(sandbox: &Sandbox<'_>) {
    let (namespace, _portcullis, _registration) = guarded(sandbox, PRODUCTION);
    let kubectl = sandbox.kubectl();
    let stored = || kubectl.get_json(&["configmap", "collector", "-n", &namespace])["data"].clone();
    let said = kubectl.apply(&config_map(&namespace, "collector", PRINTING));
    assert_eq!(stored(), json!({ "relay": quiet(), "note": "kept  as \"it\" is\n\ttoo\n" }));
    assert!(said.warnings().iter().any(|warning| warning.starts_with("[debug-exporters] ")), "{}", said.all());

    kubectl.apply(&config_map(&namespace, "collector", PRINTING));
    assert_eq!(stored()["relay"], quiet(), "applied again");
}

fn untouched(sandbox: &Sandbox<'_>) {
    let (namespace, _portcullis, _registration) = guarded(sandbox, PRODUCTION);
    let kubectl = sandbox.kubectl();
    let bulk = (0..2000).fold(quiet(), |mut text, line| {
        writeln!(text, "# line {line}:\twith \u{e9}, \u{1f680} and trailing blanks  ").unwrap();
        text
    });
    let said = kubectl.apply(&config_map(&namespace, "quiet", &bulk));
    assert_eq!(said.warnings(), Vec::<&str>::new());
    assert_eq!(kubectl.get_json(&["configmap", "quiet", "-n", &namespace])["data"]["relay"], bulk);
}

fn elsewhere(sandbox: &Sandbox<'_>) {
    let (namespace, _portcullis, _registration) = guarded(sandbox, &[("environment", "lab")]);
    let kubectl = sandbox.kubectl();
    assert_eq!(kubectl.apply(&config_map(&namespace, "loud", PRINTING)).warnings(), Vec::<&str>::new());
    assert_eq!(kubectl.get_json(&["configmap", "loud", "-n", &namespace])["data"]["relay"], PRINTING);
}

fn collector(namespace: &str, version: &str, config: &Value) -> String {
    let metadata = json!({ "name": "shop", "namespace": namespace });
    let spec = json!({ "mode": "deployment", "config": config, "image": "otelcol:0.128.0" });
    json!({
        "apiVersion": format!("opentelemetry.io/{version}"),
        "kind": "OpenTelemetryCollector",
        "metadata": metadata,
        "spec": spec,
    })
    .to_string()
}

fn collectors(sandbox: &Sandbox<'_>) {
    let (namespace, _portcullis, _registration) = guarded(sandbox, PRODUCTION);
    let kubectl = sandbox.kubectl();
    let config = json!({
        "receivers": { "otlp": { "protocols": { "grpc": {}, "http": null } } },
        "exporters": { "debug": { "verbosity": "detailed" }, "otlp": { "endpoint": "tempo:4317", "x-unknown": [1, 2.5, ""] } },
        "service": { "pipelines": { "traces/all": { "receivers": ["otlp"], "exporters": ["debug", "otlp"] } } },
    });
    // `create`, since `apply` drops nulls before it sends them.
    kubectl.run_with(&["create", "-f", "-"], &collector(&namespace, "v1beta1", &config)).succeeds();
    let stored = kubectl.get_json(&["opentelemetrycollectors.v1beta1.opentelemetry.io", "shop", "-n", &namespace]);
    let mut expected = config;
    expected["service"]["pipelines"]["traces/all"]["exporters"] = json!(["otlp"]);
    assert_eq!(stored["spec"]["config"], expected);
    assert_eq!(stored["spec"]["managementState"], "managed", "the CRD's defaults are filled in");
}

fn old_collectors(sandbox: &Sandbox<'_>) {
    let (namespace, _portcullis, _registration) = guarded(sandbox, PRODUCTION);
    let kubectl = sandbox.kubectl();
    kubectl.apply(&collector(&namespace, "v1alpha1", &json!(PRINTING)));
    let stored = kubectl.get_json(&["opentelemetrycollectors.v1alpha1.opentelemetry.io", "shop", "-n", &namespace]);
    assert_eq!(stored["spec"]["config"], quiet());
}

fn a_dry_run(sandbox: &Sandbox<'_>) {
    let (namespace, _portcullis, _registration) = guarded(sandbox, PRODUCTION);
    let kubectl = sandbox.kubectl();
    let dry = ["apply", "--dry-run=server", "-o", "json", "-f", "-"];
    let said = kubectl.run_with(&dry, &config_map(&namespace, "collector", PRINTING)).succeeds();
    let shown: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(shown["data"]["relay"], quiet());
    assert!(!kubectl.exists(&["configmap", "collector", "-n", &namespace]));
}
