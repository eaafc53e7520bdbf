//! Configurations of the components that our collector has, put together at random, and always the same ones.

use portcullis::engine::{node::Path, yaml};
use proptest::{
    collection::vec,
    prelude::*,
    sample::{select, subsequence},
    strategy::ValueTree as _,
    test_runner::TestRunner,
};
use serde_json::{Value, json};

use crate::configurations::Configuration;

const COUNT: usize = 400;

const PIPELINES: [&str; 8] = ["profiles", "traces", "traces/2", "metrics", "metrics/2", "logs", " logs / 2", "logs/3"];
/// Most that is there to be taken out; an exporter may stand in a list twice.
const EXPORTERS: [&str; 9] =
    ["debug", "debug", "debug", " debug ", "debug/x", "debug / x", "otlp", "otlp/debug", "otlp_http"];
/// Some of them are not defined, or not always.
const ODD: [&str; 5] = ["nop", "missing", "${env:NOBODY_SET_THIS:-otlp}", "${env:NOBODY_SET_THIS:-debug}", "otlp"];

pub(crate) fn configurations() -> Vec<Configuration> {
    let mut runner = TestRunner::deterministic();
    let strategy = configuration();
    (0..COUNT)
        .map(|number| {
            let value = strategy.new_tree(&mut runner).unwrap().current();
            let (object, places) = carrier(value, number);
            Configuration { name: format!("generated {number}"), object, places, case: None }
        })
        .collect()
}

/// In each of the ways in which configurations come: text in block style, text in flow style, an object, several files.
fn carrier(config: Value, number: usize) -> (Value, Vec<Path>) {
    match number % 5 {
        0 => config_map(&[config.to_string()]),
        1 => {
            let object = json!({
                "apiVersion": "opentelemetry.io/v1beta1", "kind": "OpenTelemetryCollector",
                "metadata": {"name": "collector"}, "spec": {"config": config},
            });
            (object, vec![Path::of(&["spec", "config"])])
        }
        2 => config_map(&in_two(config)),
        _ => config_map(&[yaml::emit(&config)]),
    }
}

fn config_map(texts: &[String]) -> (Value, Vec<Path>) {
    let key = |index: usize| format!("relay-{index}");
    let data: Value = texts.iter().enumerate().map(|(index, text)| (key(index), json!(text))).collect();
    let object = json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "collector"}, "data": data,
    });
    (object, (0..texts.len()).map(|index| Path::of(&["data", &key(index)])).collect())
}

/// Pipelines that write to `otlp`, and a second file that says where they really write to.
fn in_two(mut config: Value) -> [String; 2] {
    let mut pipelines = json!({});
    for (id, pipeline) in config["service"]["pipelines"].as_object_mut().unwrap() {
        let exporters = std::mem::replace(&mut pipeline["exporters"], json!(["otlp"]));
        pipelines[id] = json!({ "exporters": exporters });
    }
    [yaml::emit(&config), yaml::emit(&json!({"service": {"pipelines": pipelines}}))]
}

fn configuration() -> impl Strategy<Value = Value> {
    let pipelines = (subsequence(PIPELINES.to_vec(), 1..6), vec(pipeline(), 6), vec(0..8_u8, 3));
    (pipelines, exporters()).prop_map(|((ids, pipelines, joined), exporters)| {
        let mut pipelines: Value = ids.into_iter().map(str::to_owned).zip(pipelines).collect();
        if let Some(profiles) = pipelines.get_mut("profiles").and_then(Value::as_object_mut) {
            // The batch processor does not know them.
            profiles.remove("processors");
        }
        for (how, (writer, reader)) in
            joined.into_iter().zip([("traces", "traces/2"), ("metrics", "metrics/2"), ("logs", " logs / 2")])
        {
            join(&mut pipelines, how, writer, reader);
        }
        json!({
            "receivers": {
                "otlp": {"protocols": {"grpc": {"endpoint": "${env:MY_POD_IP}:4317"}, "http": null}},
                "otlp/2": {"protocols": {"http": {"endpoint": "127.0.0.1:14318"}}},
            },
            "processors": {"batch": null, "memory_limiter": {"check_interval": "1s", "limit_mib": 100}},
            "exporters": exporters,
            "connectors": {"forward": null, "forward/debug": {}},
            "service": {"pipelines": pipelines},
        })
    })
}

fn pipeline() -> impl Strategy<Value = Value> {
    let exporters = prop_oneof![
        30 => vec(select(EXPORTERS.to_vec()), 1..4),
        3 => vec(select([EXPORTERS.as_slice(), &ODD].concat()), 1..4),
        1 => Just(Vec::new()),
    ];
    let receivers = prop_oneof![3 => Just(vec!["otlp"]), 1 => Just(vec!["otlp/2", "otlp"])];
    let processors = subsequence(vec!["memory_limiter", "batch"], 0..3);
    (receivers, processors, exporters).prop_map(|(receivers, processors, exporters)| {
        let mut pipeline = json!({"receivers": receivers, "exporters": exporters});
        if !processors.is_empty() {
            pipeline["processors"] = json!(processors);
        }
        pipeline
    })
}

fn exporters() -> impl Strategy<Value = Value> {
    (debug(), debug(), any::<bool>(), 0..5_u8).prop_map(|(debug, named, https, odd)| {
        let mut exporters = json!({
            "debug": debug,
            "debug/x": named,
            "otlp": {"endpoint": "tempo:4317", "tls": {"insecure": true}},
            "otlp/debug": {"endpoint": "tempo:4317"},
            "otlp_http": {"endpoint": if https { "https://loki:3100/otlp" } else { "http://loki:3100/otlp" }},
        });
        if odd == 0 {
            exporters["nop"] = Value::Null;
        }
        exporters
    })
}

fn debug() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        Just(json!({})),
        Just(json!({"verbosity": "detailed"})),
        Just(json!({"verbosity": "normal", "sampling_initial": 5, "sampling_thereafter": 200})),
        Just(json!({"verbosity": "basic", "use_internal_logger": false})),
        Just(json!({"verbosity": "basic", "sampling_initial": 1, "sampling_thereafter": 0})),
    ]
}

/// Leads what one pipeline writes into another, beside what they have or in its place.
fn join(pipelines: &mut Value, how: u8, writer: &str, reader: &str) {
    if pipelines.get(writer).is_none() || pipelines.get(reader).is_none() {
        return;
    }
    let connector = if how.is_multiple_of(2) { "forward" } else { "forward/debug" };
    match how {
        0 | 1 => pipelines[writer]["exporters"].as_array_mut().unwrap().push(json!(connector)),
        2 | 3 => pipelines[writer]["exporters"] = json!([connector]),
        4 | 5 => pipelines[writer]["exporters"] = json!(["debug", connector]),
        _ => return,
    }
    pipelines[reader]["receivers"] = json!([connector]);
}
