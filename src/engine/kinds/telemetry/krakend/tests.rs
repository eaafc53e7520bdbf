use serde_json::json;

use super::*;

#[test]
fn exporters_are_read_with_the_defaults_of_the_code() {
    let text = json!({
        "$schema": "https://www.krakend.io/schema/v{{< product minor_version >}}/krakend.json",
        "port": 8000,
        "extra_config": {"telemetry/opentelemetry": {"exporters": {
            "prometheus": [{"name": "a"}, {"name": "b", "port": 9092, "listen_ip": "::1", "disable_metrics": true}],
            "otlp": [{"name": "c", "use_http": true}, {"name": "d", "host": "otel.telemetry", "port": 14317}],
        }}},
    });
    let read = Krakend::read(&text.to_string()).unwrap().unwrap();
    let prometheus: Vec<_> = read.prometheus.iter().map(|e| (&*e.name, e.port, e.disable_metrics)).collect();
    assert_eq!(prometheus, [("a", 9090, false), ("b", 9092, true)]);
    assert_eq!(read.prometheus[1].loopback(), Some(("listen_ip", "::1")));
    let otlp: Vec<_> = read.otlp.iter().map(|e| (&*e.host, e.port, e.use_http)).collect();
    assert_eq!(otlp, [("localhost", 4317, true), ("otel.telemetry", 14317, false)]);
    assert_eq!(read.port, Some(8000));
}

#[test]
fn what_is_no_json_or_made_by_a_template_is_not_seen() {
    let telemetry = |port: &str| {
        format!(
            r#"{{"extra_config":{{"telemetry/opentelemetry":{{"exporters":{{"prometheus":[{{"port":{port}}}]}}}}}}}}"#
        )
    };
    for (text, expected) in [
        ("{}".to_owned(), Ok(false)),
        (telemetry("9091"), Ok(true)),
        (telemetry("\"{{ .port }}\""), Err(Unseen::NotJson)),
        (telemetry("{{ .port }}"), Err(Unseen::NotJson)),
        ("version: 3".to_owned(), Err(Unseen::NotJson)),
        ("[]".to_owned(), Ok(false)),
    ] {
        assert_eq!(Krakend::read(&text).map(|read| read.is_some()), expected, "{text}");
    }
}

#[test]
fn loopback_addresses() {
    for (host, expected) in [
        ("127.0.0.1", true),
        ("127.1.2.3", true),
        ("localhost", true),
        ("[::1]", true),
        ("0.0.0.0", false),
        ("::", false),
        ("10.0.0.1", false),
    ] {
        let exporter = PrometheusExporter::read(&Node::root(&json!({"host": host})));
        assert_eq!(exporter.loopback().is_some(), expected, "{host}");
    }
}

#[test]
fn krakend_is_known_by_its_command_or_its_image() {
    for (container, expected) in [
        (json!({"image": "krakend:2.13"}), true),
        (json!({"image": "docker.io/devopsfaith/krakend:2.9.4", "args": ["run", "-c", "x.json"]}), true),
        (json!({"image": "krakend/krakend-ee@sha256:00"}), true),
        (json!({"image": "registry:5000/shop/krakend-public"}), true),
        (json!({"image": "acme/edge", "command": ["/usr/bin/krakend", "run"]}), true),
        (json!({"image": "krakend", "command": ["/bin/sh", "-c", "krakend run"]}), true),
        (json!({"image": "krakend", "args": ["check", "-c", "x.json"]}), false),
        (json!({"image": "acme/krakend-operator:1"}), false),
        (json!({"image": "krakend.example.com/nginx"}), false),
        (json!({"image": "nginx"}), false),
        (json!({}), false),
    ] {
        assert_eq!(is_krakend(&Node::root(&container)), expected, "{container}");
    }
}

#[test]
fn the_configuration_is_found_where_it_is_mounted() {
    let config = json!([{"name": "v", "configMap": {"name": "cm"}}]);
    let picked = json!([{"name": "v", "configMap": {"name": "cm", "items": [{"key": "k", "path": "a/krakend.json"}]}}]);
    let projected = json!([{"name": "v", "projected": {"sources": [
        {"secret": {"name": "s"}}, {"configMap": {"name": "cm"}},
    ]}}]);
    let two =
        json!([{"name": "v", "projected": {"sources": [{"configMap": {"name": "a"}}, {"configMap": {"name": "b"}}]}}]);
    let secret = json!([{"name": "v", "secret": {"secretName": "s"}}]);
    let mount = |path: &str| json!([{"name": "v", "mountPath": path}]);
    let sub = |path: &str, sub: &str| json!([{"name": "v", "mountPath": path, "subPath": sub}]);
    let found = |key: &str| Ok(("cm".to_owned(), key.to_owned()));
    for (args, mounts, volumes, expected) in [
        (json!([]), mount("/etc/krakend"), &config, found("krakend.json")),
        (json!(["run", "-c", "/etc/krakend/krakend.json"]), mount("/etc/krakend/"), &config, found("krakend.json")),
        (json!(["run", "--config=/cfg/k.json"]), mount("/cfg"), &config, found("k.json")),
        (json!(["run", "-c", "k.json"]), mount("/etc/krakend"), &config, found("k.json")),
        (json!([]), sub("/etc/krakend/krakend.json", "prod.json"), &config, found("prod.json")),
        (json!(["run", "-c", "/cfg/krakend.json"]), sub("/cfg", "a"), &picked, found("k")),
        (json!(["run", "-c", "/cfg/a/krakend.json"]), mount("/cfg"), &picked, found("k")),
        (json!(["run", "-c", "/cfg/krakend.json"]), mount("/cfg"), &projected, found("krakend.json")),
        (json!(["run", "-c", "/cfg/krakend.json"]), mount("/cfg"), &two, Err(Unseen::Volume)),
        (json!(["run", "-c", "/cfg/krakend.json"]), mount("/cfg"), &picked, Err(Unseen::Volume)),
        (json!(["run", "-c", "/cfg/krakend.json"]), mount("/cfg"), &secret, Err(Unseen::Volume)),
        (json!(["run", "-c", "/cfgs/krakend.json"]), mount("/cfg"), &config, Err(Unseen::Image)),
        (json!(["run", "-c", "$(FILE)"]), mount("/cfg"), &config, Err(Unseen::Command)),
        (json!(["run", "-c", "/cfg/../krakend.json"]), mount("/cfg"), &config, Err(Unseen::Command)),
    ] {
        let container = json!({"image": "krakend", "args": args, "volumeMounts": mounts});
        let spec = json!({"volumes": volumes});
        let (container, spec) = (Node::root(&container), Node::root(&spec));
        let read = config_file(&container, &spec).map(|file| (file.config_map.to_owned(), file.key));
        assert_eq!(read, expected, "{args} {mounts} {volumes}");
    }
}

#[test]
fn the_innermost_mount_holds_the_configuration() {
    let container = json!({"image": "krakend", "volumeMounts": [
        {"name": "inner", "mountPath": "/etc/krakend"}, {"name": "outer", "mountPath": "/etc"},
    ]});
    let spec = json!({"volumes": [
        {"name": "outer", "emptyDir": {}}, {"name": "inner", "configMap": {"name": "cm"}},
    ]});
    assert_eq!(config_file(&Node::root(&container), &Node::root(&spec)).unwrap().config_map, "cm");
}

#[test]
fn the_main_port_is_the_flag_the_variable_or_the_configuration() {
    let config = Krakend { port: Some(8000), ..Krakend::default() };
    for (container, expected) in [
        (json!({}), 8000),
        (json!({"env": [{"name": "KRAKEND_PORT", "value": "8001"}]}), 8001),
        (json!({"args": ["run", "-p", "8002"], "env": [{"name": "KRAKEND_PORT", "value": "8001"}]}), 8002),
        (json!({"args": ["run", "--port=8003"]}), 8003),
        (json!({"args": ["run", "-p8004"]}), 8004),
    ] {
        assert_eq!(config.main_port(&Node::root(&container)), expected, "{container}");
    }
    assert_eq!(Krakend::default().main_port(&Node::root(&json!({}))), 8080);
}
