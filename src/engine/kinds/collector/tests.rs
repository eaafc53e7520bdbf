use serde_json::json;

use super::*;

#[test]
fn configurations_are_told_by_shape() {
    let pipelines = json!({"traces": {"receivers": ["otlp"], "exporters": ["debug"]}});
    for (config, wanted) in [
        (json!({"receivers": {}, "exporters": {}, "service": {"pipelines": pipelines}}), Some(Extent::Whole)),
        (json!({"receivers": {}, "exporters": {}, "service": {"pipelines": null}}), Some(Extent::Whole)),
        (json!({"receivers": {}, "exporters": {}, "service": "${file:/x.yaml}"}), Some(Extent::Whole)),
        (json!({"receivers": {}, "exporters": {}, "service": {"pipelines": {"trace": {}}}}), Some(Extent::Whole)),
        (json!({"service": {"pipelines": pipelines}}), Some(Extent::Part)),
        (json!({"service": {"telemetry": {"logs": {}}}}), Some(Extent::Part)),
        (json!({"exporters": {"debug": null}}), Some(Extent::Part)),
        (json!({"service::pipelines::logs::exporters": ["debug"]}), Some(Extent::Part)),
        (
            json!({"receivers": {}, "exporters": {}, "service::pipelines::logs::exporters": ["debug"]}),
            Some(Extent::Whole),
        ),
        // Tempo, and charts with a `service` of their own
        (json!({"distributor": {"receivers": {"otlp": {}}}, "server": {}}), None),
        (json!({"receivers": {"otlp": {"protocols": {"grpc": null}}}}), None),
        (json!({"service": {"type": "ClusterIP"}, "exporters": {"debug": {}}}), None),
        (json!({"service": {"type": "ClusterIP", "port": 80}}), None),
        (json!({"service": {"pipelines": {"build": {}}}}), None),
        (json!({"exporters": ["debug"]}), None),
        (json!({"image": "x", "exporters": {"debug": {}}}), None),
        (json!({}), None),
        (json!(null), None),
        (json!("text"), None),
    ] {
        assert_eq!(extent(&config), wanted, "{config}");
        assert_eq!(looks_like_config(&config), wanted.is_some());
    }
}
