//! `krakend`: every KrakenD configuration with telemetry in the subject, with the defaults that krakend-otel fills in,
//! which differ from KrakenD's documentation (`config/config.go`).

use std::borrow::Cow;

use memchr::memmem;
use serde_json::{Value, json};

use crate::engine::{
    base64,
    cel::{
        Type,
        given::place::{self, Places},
    },
    kinds::{
        config_map::{KRAKEND_OPENCENSUS, KRAKEND_TELEMETRY},
        telemetry::krakend,
    },
    node::{Node, Path},
    subject::ObjectKey,
};

/// Where KrakenD answers health checks (`router.health_path`).
const HEALTH_PATH: &str = "/__health";

/// Paths that are not traced unless the configuration has a list of its own, which replaces this one.
const SKIP_PATHS: [&str; 4] = [HEALTH_PATH, "/__debug/", "/__echo/", "/__stats/"];

/// Every object that holds a configuration has one of these in it: how the keys of its telemetry begin, or that in base64,
/// which comes out in three ways.
pub const NEEDLES: &[&str] = &["telemetry/open", "dGVsZW1ldHJ5L29wZW", "RlbGVtZXRyeS9vcGVu", "0ZWxlbWV0cnkvb3Blb"];

/// The type of `krakend`.
pub fn declared() -> Type {
    let exporters = Type::list(Type::object(
        "portcullis.KrakendExporter",
        [
            ("name", Type::String),
            ("type", Type::String),
            ("host", Type::String),
            ("listenIp", Type::String),
            ("port", Type::Int),
            ("portSet", Type::Bool),
            ("metrics", Type::Bool),
            ("traces", Type::Bool),
            // Whatever is written there, as in `layers`.
            ("config", Type::Dyn),
            ("at", place::declared()),
        ],
    ));
    let configuration = Type::object(
        "portcullis.KrakendConfiguration",
        [
            ("exporters", exporters.clone()),
            ("port", Type::Int),
            ("healthPath", Type::String),
            ("serviceName", Type::String),
            ("traceSampleRate", Type::Double),
            ("traceSampleRateAt", place::declared()),
            ("metricReportingPeriod", Type::Int),
            ("skipPaths", Type::list(Type::String)),
            ("skipPathsAt", place::declared()),
            ("layers", Type::Dyn),
            ("tracesRequests", Type::Bool),
            ("at", place::declared()),
        ],
    );
    Type::object(
        "portcullis.Krakend",
        [
            ("found", Type::Bool),
            ("configurations", Type::list(configuration)),
            ("exporters", exporters),
            ("openCensus", Type::list(Type::object("portcullis.KrakendOpenCensus", [("at", place::declared())]))),
            ("at", place::declared()),
        ],
    )
}

/// The value of `krakend` for this object.
///
/// # Errors
/// Where there is more in it than anybody writes.
pub fn of(key: &ObjectKey, object: &Value) -> Result<Value, String> {
    let places = Places::new();
    let mut configurations = Vec::new();
    let mut open_census = Vec::new();
    if key.group.is_empty() && key.kind == "ConfigMap" {
        let root = Node::root(object);
        let data = root.get("data");
        let texts =
            data.entries().filter_map(|(_, node)| Some((node.path().yaml(), true, Cow::Borrowed(node.as_str()?))));
        let binary = root.get("binaryData");
        let decoded = binary.entries().filter_map(|(_, node)| {
            let text = String::from_utf8(base64::decode_leniently(node.as_str()?)?).ok()?;
            Some((node.path().clone(), false, Cow::Owned(text)))
        });
        for (path, seen, text) in texts.chain(decoded) {
            configurations.extend(configuration(&places, &path, seen, &text));
            open_census.extend(legacy(&places, &path, seen, &text));
        }
    }
    let exporters: Vec<Value> =
        configurations.iter().filter_map(|one| one.get("exporters")?.as_array()).flatten().cloned().collect();
    let place = configurations
        .first()
        .or(open_census.first())
        .and_then(|one| one.get("at"))
        .cloned()
        .unwrap_or_else(|| json!([]));
    let given = json!({
        "found": !configurations.is_empty() || !open_census.is_empty(),
        "exporters": exporters,
        "configurations": configurations,
        "openCensus": open_census,
        "at": place,
    });
    places.or_too_much("krakend", given)
}

/// Where the older kind of telemetry is configured, if it is.
fn legacy(places: &Places, path: &Path, can_point_inside: bool, text: &str) -> Option<Value> {
    memmem::find(text.as_bytes(), KRAKEND_OPENCENSUS.as_bytes())?;
    let root: Value = serde_json::from_str(text).ok()?;
    let telemetry = Node::root(&root).get("extra_config").get(KRAKEND_OPENCENSUS);
    telemetry.is_set().then(|| {
        let inner = telemetry.path();
        json!({ "at": places.at(&if can_point_inside { path.join(inner) } else { path.clone() }) })
    })
}

/// None for what has no telemetry, and for templates: what KrakenD will read then does not stand there.
fn configuration(places: &Places, path: &Path, can_point_inside: bool, text: &str) -> Option<Value> {
    memmem::find(text.as_bytes(), KRAKEND_TELEMETRY.as_bytes())?;
    krakend::Krakend::read(text).ok()??;
    let root: Value = serde_json::from_str(text).ok()?;
    // What stands in base64 has no place of its own.
    let place = |inner: &Path| places.at(&if can_point_inside { path.join(inner) } else { path.clone() });
    let root = Node::root(&root);
    let extra = root.get("extra_config");
    let telemetry = extra.get(KRAKEND_TELEMETRY);
    let exporters = telemetry.get("exporters");
    let mut listed = Vec::new();
    for kind in ["otlp", "prometheus"] {
        let items = exporters.get(kind).items().filter(|item| item.value().is_some_and(Value::is_object));
        let items = items.take_while(|_| !places.are_spent());
        listed.extend(items.map(|exporter| of_exporter(kind, &exporter, &place)));
    }
    let router = extra.get("router");
    let health = match router.get("health_path").as_str() {
        _ if router.get("disable_health").as_bool() == Some(true) => "",
        Some(path) if !path.is_empty() => path,
        _ => HEALTH_PATH,
    };
    let skip = telemetry.get("skip_paths");
    let skipped: Vec<&str> = skip.items().map(|path| path.text()).collect();
    let rate = telemetry.get("trace_sample_rate");
    let global = telemetry.follow(&["layers", "global"]);
    Some(json!({
        "at": place(telemetry.path()),
        "port": root.get("port").as_i64().filter(|port| *port != 0).unwrap_or(krakend::DEFAULT_PORT),
        "healthPath": health,
        "serviceName": telemetry.get("service_name").text(),
        "exporters": listed,
        "traceSampleRate": rate.value().and_then(Value::as_f64).unwrap_or(1.0),
        "traceSampleRateAt": place(if rate.is_set() { rate.path() } else { telemetry.path() }),
        "metricReportingPeriod": telemetry.get("metric_reporting_period").as_i64().unwrap_or(30),
        "skipPaths": if skipped.is_empty() { SKIP_PATHS.to_vec() } else { skipped },
        "skipPathsAt": place(if skip.is_set() { skip.path() } else { telemetry.path() }),
        "layers": telemetry.get("layers").value().cloned().unwrap_or_else(|| json!({})),
        "tracesRequests": global.get("disable_traces").as_bool() != Some(true),
    }))
}

fn of_exporter(kind: &str, exporter: &Node<'_>, place: &dyn Fn(&Path) -> Value) -> Value {
    let is = |key: &str| exporter.get(key).as_bool() == Some(true);
    let port = exporter.get("port").as_i64().filter(|port| *port != 0);
    let default = if kind == "otlp" { krakend::DEFAULT_OTLP_PORT } else { krakend::DEFAULT_PROMETHEUS_PORT };
    json!({
        "name": exporter.get("name").text(),
        "type": kind,
        "host": exporter.get("host").text(),
        "listenIp": exporter.get("listen_ip").text(),
        "port": port.unwrap_or(default),
        "portSet": port.is_some(),
        "metrics": !is("disable_metrics"),
        "traces": kind == "otlp" && !is("disable_traces"),
        "config": exporter.value().cloned().unwrap_or_else(|| json!({})),
        "at": place(exporter.path()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::cel::given::declared::assert_declared;

    #[test]
    fn a_configuration_is_given_with_its_defaults_and_places() {
        let text = r#"{"extra_config": {"telemetry/opentelemetry": {
            "exporters": {"otlp": [{"name": "a", "host": "tempo", "use_http": true}], "prometheus": [{"name": "p", "listen_ip": "::1"}]},
            "skip_paths": ["/foo"]}}}"#;
        let object = json!({"data": {"krakend.json": text, "other": "x"}});
        let given = of(&ObjectKey::new("", "ConfigMap", "a", "b"), &object).unwrap();
        assert_eq!(given.pointer("/found"), Some(&json!(true)));
        let telemetry = ["data", "krakend.json", "extra_config", "telemetry/opentelemetry"];
        assert_eq!(given.pointer("/at"), Some(&json!(telemetry)));
        let exporters = given.pointer("/exporters").and_then(Value::as_array).unwrap();
        assert_eq!(
            exporters[0],
            json!({"name": "a", "type": "otlp", "host": "tempo", "listenIp": "", "port": 4317, "portSet": false, "metrics": true, "traces": true,
                "config": {"name": "a", "host": "tempo", "use_http": true},
                "at": ["data", "krakend.json", "extra_config", "telemetry/opentelemetry", "exporters", "otlp", 0]})
        );
        assert_eq!(exporters[1]["port"], json!(9090));
        let one = given.pointer("/configurations/0").unwrap();
        assert_eq!((&one["traceSampleRate"], &one["healthPath"]), (&json!(1.0), &json!("/__health")));
        assert_eq!(one["skipPaths"], json!(["/foo"]));
        assert_eq!(one["traceSampleRateAt"], json!(telemetry));
    }

    #[test]
    fn what_is_told_is_what_is_declared() {
        let key = ObjectKey::new("", "ConfigMap", "a", "b");
        let told = |config: Value| of(&key, &json!({"data": {"a": config.to_string()}})).unwrap();
        let telemetry = |value: Value| told(json!({"extra_config": {"telemetry/opentelemetry": value}}));
        assert_declared(
            &declared(),
            &[
                telemetry(
                    json!({"exporters": {"otlp": [{"name": "a", "host": null, "listen_ip": 1}, 1, null]}, "trace_sample_rate": 1, "skip_paths": [1, "/a"]}),
                ),
                telemetry(
                    json!({"layers": [], "service_name": 1, "trace_sample_rate": "all", "metric_reporting_period": 1.5}),
                ),
                telemetry(json!({"trace_sample_rate": u64::MAX})),
                told(json!({"extra_config": {"telemetry/opencensus": {}}})),
                told(json!({})),
            ],
        );
    }

    #[test]
    fn the_needles_are_the_key_in_all_ways_in_which_it_can_be_encoded() {
        for (needle, before) in NEEDLES.iter().skip(1).zip(0..) {
            let shifted = "A".repeat([0, 2, 3][before]) + needle;
            let bytes = base64::decode_leniently(&shifted).unwrap();
            assert!(String::from_utf8_lossy(&bytes).contains("elemetry/ope"), "{needle}");
        }
    }

    #[test]
    fn what_is_no_configuration_gives_empty_lists() {
        let key = ObjectKey::new("", "ConfigMap", "a", "b");
        for object in [json!({}), json!({"data": {"a": "telemetry/opentelemetry"}}), json!({"binaryData": {"a": "!"}})]
        {
            let nothing = json!({"found": false, "exporters": [], "configurations": [], "openCensus": [], "at": []});
            assert_eq!(of(&key, &object), Ok(nothing));
        }
    }
}
