use serde_json::json;

use super::*;
use crate::engine::cel::given::declared::assert_declared;

fn config_map() -> ObjectKey {
    ObjectKey::new("", "ConfigMap", "telemetry", "otel")
}

fn given(text: &str) -> Value {
    of(&config_map(), &json!({"data": {"relay": text}})).unwrap()
}

const CONFIG: &str = r#"
receivers:
  otlp: { protocols: { grpc: {} } }
  prometheus/gateways:
    config:
      scrape_configs:
      - job_name: kgateway
        kubernetes_sd_configs: [{ role: pod }]
        relabel_configs:
        - { action: keep, source_labels: [__meta_kubernetes_pod_label_kgateway], regex: kube-gateway }
        - { action: keep, source_labels: [__meta_kubernetes_pod_annotation_prometheus_io_scrape], regex: true }
exporters:
  otlp/tempo: { endpoint: "http://tempo:4317", tls: { insecure: true } }
  otlphttp: { endpoint: "https://api.example.org/x", headers: { x-api-key: abc } }
  debug:
service:
  pipelines:
    traces: { receivers: [otlp], exporters: [otlp/tempo, debug] }
"#;

#[test]
fn a_configuration_in_text_is_given_with_the_places_in_it() {
    let given = given(CONFIG);
    assert_eq!(given["found"], json!(true));
    assert_eq!(
        given["pipelines"],
        json!([{"name": "traces", "signal": "traces", "receivers": ["otlp"], "processors": [],
            "exporters": ["otlp/tempo", "debug"], "at": ["data", "relay", "service", "pipelines", "traces"]}])
    );
    let exporters = given["exporters"].as_array().unwrap();
    let names: Vec<_> = exporters.iter().map(|exporter| (&exporter["name"], &exporter["used"])).collect();
    let (yes, no) = (json!(true), json!(false));
    assert_eq!(names, [(&json!("debug"), &yes), (&json!("otlp/tempo"), &yes), (&json!("otlphttp"), &no)]);
    assert_eq!(exporters[0]["config"], json!({}));
    assert_eq!(
        given["endpoints"][0],
        json!({"exporter": "otlp/tempo", "type": "otlp", "grpc": true, "used": true, "tls": {"insecure": true}, "tlsSet": true,
            "text": "http://tempo:4317", "scheme": "http", "host": "tempo", "port": 4317, "path": "", "place": "cluster",
            "plaintext": true, "at": ["data", "relay", "exporters", "otlp/tempo", "endpoint"]})
    );
    assert_eq!((&given["endpoints"][1]["grpc"], &given["endpoints"][1]["plaintext"]), (&no, &no));
    let texts: Vec<_> = exporters[2]["strings"].as_array().unwrap().iter().map(|one| &one["text"]).collect();
    assert_eq!(texts, [&json!("https://api.example.org/x"), &json!("abc")]);
    assert_eq!(
        given["credentials"][0]["at"],
        json!(["data", "relay", "exporters", "otlphttp", "headers", "x-api-key"])
    );
    assert_eq!(
        given["scrapeJobs"],
        json!([{"receiver": "prometheus/gateways", "name": "kgateway",
            "keeps": [{"label": "kgateway", "regex": "kube-gateway", "at": ["data", "relay", "receivers",
                "prometheus/gateways", "config", "scrape_configs", 0, "relabel_configs", 0]}],
            "at": ["data", "relay", "receivers", "prometheus/gateways", "config", "scrape_configs", 0]}])
    );
}

#[test]
fn keys_with_two_colons_are_found_where_they_stand() {
    let given = given(
        "{\"exporters::otlp\": {endpoint: \"a:1\"}, receivers: {otlp: {}}, service::pipelines::logs: {receivers: [otlp], exporters: [otlp]}}",
    );
    assert_eq!(given["endpoints"][0]["at"], json!(["data", "relay", "exporters::otlp", "endpoint"]));
}

#[test]
fn a_collector_of_the_operator_is_read_as_object_and_as_text_and_its_config_map_not_again() {
    let key = ObjectKey::new("opentelemetry.io", "OpenTelemetryCollector", "telemetry", "otel");
    let config = json!({"exporters": {"otlp": {"endpoint": "a:1"}}, "receivers": {"otlp": {}},
        "service": {"pipelines": {"logs": {"receivers": ["otlp"], "exporters": ["otlp"]}}}});
    let object = of(&key, &json!({"spec": {"config": config}})).unwrap();
    assert_eq!(object["exporters"][0]["at"], json!(["spec", "config", "exporters", "otlp"]));
    assert_eq!(of(&key, &json!({"spec": {"config": config.to_string()}})), Ok(object));
    let owners = json!([{"kind": "OpenTelemetryCollector", "controller": true}]);
    let owned = json!({"metadata": {"ownerReferences": owners}, "data": {"collector.yaml": config.to_string()}});
    assert_eq!(of(&config_map(), &owned).unwrap()["found"], json!(false));
}

#[test]
fn what_is_no_configuration_gives_empty_lists() {
    for text in ["", "exporters", "exporters: [", "a: {exporters: 1}", "{\"exporters\": {\"otlp\": []}}"] {
        let given = given(text);
        assert_eq!(given["found"], json!(false), "{text}");
        assert!(LISTS.iter().all(|list| given[*list] == json!([])), "{text}");
    }
    // Only exporters: pipelines may be in another file, so they count as used.
    let given = given("exporters: { otlp: { endpoint: \"a:1\" } }");
    assert_eq!(given["exporters"][0]["used"], json!(true));
}

#[test]
fn more_than_anybody_writes_is_not_told_of() {
    let key = "x".repeat(1_000);
    let strings: String = (0..20_000).map(|n| format!("    a{n}: b\n")).collect();
    let text =
        format!("receivers: {{ otlp: {{}} }}\nexporters:\n  otlp/{key}:\n{strings}service: {{ pipelines: {{}} }}\n");
    let error = of(&config_map(), &json!({"data": {"relay": text}})).unwrap_err();
    assert_eq!(error, "the object defines more than can be told of in `collector`");
}

#[test]
fn what_is_told_is_what_is_declared() {
    let more = "processors: { batch: null }\nconnectors: { spanmetrics: [] }\nextensions: { basicauth: { client_auth: { username: a, password: b } } }\n";
    let odd = "exporters: { otlp: { endpoint: 1, tls: [], headers: [{ name: authorization, value: Basic }] }, a/b: 5, otlphttp: 'https://a:99999' }";
    let none = of(&config_map(), &json!({})).unwrap();
    assert_declared(&declared(), &[given(&format!("{CONFIG}{more}")), given(odd), none]);
}
