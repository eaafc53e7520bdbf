//! What holds of every configuration.

use proptest::{
    collection::vec,
    prelude::*,
    sample::{select, subsequence},
};
use serde_json::{Value, json};

use super::{Defined, Options, Plan, plan};
use crate::engine::{
    kinds::collector::{
        Image,
        validity::{Starts, starts},
    },
    yaml::{self, Dialect, edit},
};

const PIPELINES: [&str; 6] = ["traces", "traces/2", "metrics", "logs", " logs / 2", "profiles"];
/// What is defined, and what may not be.
const TAME: [&str; 8] = ["debug", "debug", " debug ", "debug/x", "logging", "otlp/debug", "otlp", "otlp"];
const WILD: [&str; 7] = ["debug", "debug/x", "nop", "${env:X}", "missing", "forward", ""];

fn definition() -> impl Strategy<Value = Value> {
    prop_oneof![
        4 => Just(Value::Null),
        4 => Just(json!({})),
        4 => Just(json!({"verbosity": "detailed"})),
        4 => Just(json!({"verbosity": "basic", "sampling_initial": 1, "sampling_thereafter": 0})),
        1 => Just(json!("${file:/x}")),
    ]
}

fn logging() -> impl Strategy<Value = Value> {
    prop_oneof![3 => definition(), 1 => Just(json!({"loglevel": "debug"}))]
}

fn list() -> impl Strategy<Value = Value> {
    prop_oneof![
        40 => vec(select(TAME.to_vec()), 1..4).prop_map(|items| json!(items)),
        2 => vec(select(WILD.to_vec()), 0..4).prop_map(|items| json!(items)),
        1 => Just(Value::Null),
        1 => Just(json!("${env:LIST}")),
        1 => Just(json!("debug")),
    ]
}

fn pipelines() -> impl Strategy<Value = Value> {
    let pipeline = (list(), 0..60_u8).prop_map(|(exporters, odd)| match odd {
        0 => Value::Null,
        1 => json!({"receivers": ["otlp"]}),
        2 => json!("${env:PIPELINE}"),
        _ => json!({"receivers": ["otlp"], "exporters": exporters}),
    });
    let pipelines = (subsequence(PIPELINES.to_vec(), 1..5), vec(pipeline, 5));
    (pipelines, any::<bool>(), any::<bool>()).prop_map(|((ids, pipelines), forwards, counts)| {
        let mut pipelines: Value = ids.into_iter().map(str::to_owned).zip(pipelines).collect();
        for (joined, connector, writer, reader) in
            [(forwards, "forward", "traces", "traces/2"), (counts, "spanmetrics", "traces", "metrics")]
        {
            let has_both = [(writer, "exporters"), (reader, "receivers")]
                .iter()
                .all(|(pipeline, list)| pipelines[*pipeline][*list].is_array());
            if joined && has_both {
                pipelines[writer]["exporters"].as_array_mut().unwrap().push(json!(connector));
                pipelines[reader]["receivers"] = json!([connector]);
            }
        }
        pipelines
    })
}

fn config() -> impl Strategy<Value = Value> {
    let definitions = (definition(), definition(), logging(), 0..12_u8);
    let exporters = definitions.prop_map(|(debug, named, logging, odd)| {
        let mut exporters = json!({
            "debug": debug, "debug / x": named, "logging": logging, "otlp": {}, "otlp/debug": {},
        });
        match odd {
            0 => json!("${file:/exporters.yaml}"),
            1 => {
                exporters["nop"] = json!(null);
                exporters
            }
            2 => json!({"otlp": {}, "debug": null}),
            _ => exporters,
        }
    });
    (pipelines(), exporters, 0..10_u8).prop_map(|(pipelines, exporters, part)| {
        let service = json!({"pipelines": pipelines});
        match part {
            0 => json!({"service": service}),
            1 => json!({"service": service, "exporters": exporters}),
            _ => json!({
                "receivers": {"otlp": {}},
                "exporters": exporters,
                "connectors": {"forward": null, "spanmetrics": null},
                "service": service,
            }),
        }
    })
}

fn image() -> impl Strategy<Value = Image> {
    prop_oneof![
        Just(Image::UNKNOWN),
        Just(Image::parse("otel/opentelemetry-collector-contrib:0.100.0")),
        Just(Image::parse("otel/opentelemetry-collector-k8s:0.145.0")),
    ]
}

fn apply_plan(config: &Value, plan: &Plan) -> Value {
    let mut after = config.clone();
    edit::apply_to_value(&mut after, &plan.changes).unwrap();
    after
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 1000, ..ProptestConfig::default() })]

    #[test]
    fn stripping_is_safe(config in config(), image in image()) {
        let before = starts(&config);
        let first = plan(&config, image, Options::default());
        let after = apply_plan(&config, &first);
        let second = plan(&after, image, Options::default());

        // The same through text, in block and in flow style.
        for text in [yaml::emit(&config), config.to_string()] {
            let edited = edit::apply(&text, &first.changes, Dialect::Collector).unwrap();
            let read = yaml::tree::parse(&edited).unwrap().value(Dialect::Collector).unwrap();
            prop_assert_eq!(&read, &after, "{} became {}", text, edited);
        }
        prop_assert_eq!(&second.changes, &[], "a second plan changes nothing: {} became {}", config, after);
        match before {
            Starts::Yes => prop_assert_eq!(starts(&after), Starts::Yes, "{} became {}", config, after),
            Starts::No(_) => prop_assert_eq!(&first.changes, &[], "{}", config),
            Starts::CannotSee(_) => prop_assert!(!matches!(starts(&after), Starts::No(_)), "{} became {}", config, after),
        }
        if first.obstacles.is_empty() {
            prop_assert!(second.uses.iter().all(|found| found.tamed), "{} became {}", config, after);
        }
        for found in first.uses.iter().filter(|found| found.defined == Defined::Here) {
            prop_assert!(found.path.find(&config).is_some());
        }
        if let (Some(old), Some(new)) = (config["exporters"].as_object(), after["exporters"].as_object()) {
            prop_assert!(old.keys().all(|key| new.contains_key(key)), "definitions remain");
        }
    }
}

/// The property above says much only where many configurations start.
#[test]
fn many_of_the_configurations_start() {
    use proptest::{strategy::ValueTree, test_runner::TestRunner};

    let mut runner = TestRunner::deterministic();
    let mut started = 0;
    for _ in 0..400 {
        let config = config().new_tree(&mut runner).unwrap().current();
        started += u32::from(starts(&config) == Starts::Yes);
    }
    assert!(started > 100, "{started} of 400");
}
