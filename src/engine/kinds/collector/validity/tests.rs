use serde_json::json;

use super::*;

fn config() -> Value {
    json!({
        "receivers": {"otlp": {"protocols": {"grpc": null}}},
        "processors": {"batch": null},
        "exporters": {"otlp": {"endpoint": "tempo:4317"}},
        "service": {"pipelines": {"traces": {"receivers": ["otlp"], "processors": ["batch"], "exporters": ["otlp"]}}},
    })
}

/// The configuration with the value at the RFC 6901 pointer replaced, or added.
fn with(pointer: &str, value: Value) -> Value {
    let mut config = config();
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    config.pointer_mut(parent).unwrap()[key] = value;
    config
}

#[track_caller]
fn assert_says(config: &Value, wanted: &[(Rule, &str)]) {
    let found = violations(config);
    let found = found.iter().map(|violation| (violation.rule, violation.words.as_str())).collect::<Vec<_>>();
    assert_eq!(found, wanted, "{config}");
}

#[track_caller]
fn assert_finds(config: &Value, rule: Rule, path: &str) {
    let found = violations(config);
    let found = found.iter().map(|found| (found.rule, found.path.to_string())).collect::<Vec<_>>();
    assert_eq!(found, [(rule, path.to_owned())], "{config}");
}

#[test]
fn a_good_configuration_starts() {
    assert_eq!(starts(&config()), Starts::Yes);
}

#[test]
fn an_empty_configuration() {
    let words = [
        (Rule::Empty, "empty configuration file"),
        (Rule::NoPipelines, "service::pipelines: service must have at least one pipeline"),
    ];
    assert_says(&json!({}), &words);
    assert_says(&json!(null), &words);
    assert_says(&json!({"receivers": {}, "exporters": null}), &words);
}

#[test]
fn no_receivers_hide_references_to_them() {
    assert_says(
        &with("/receivers", json!(null)),
        &[(Rule::NoReceivers, "no receiver configuration specified in config")],
    );
}

#[test]
fn no_exporters_hide_references_to_them() {
    assert_says(
        &with("/exporters", json!({})),
        &[(Rule::NoExporters, "no exporter configuration specified in config")],
    );
}

#[test]
fn no_pipelines() {
    for none in [json!(null), json!({})] {
        assert_finds(&with("/service/pipelines", none), Rule::NoPipelines, "service.pipelines");
    }
    assert_finds(&with("/service", json!(null)), Rule::NoPipelines, "service.pipelines");
}

#[test]
fn a_pipeline_without_receivers() {
    assert_says(
        &with("/service/pipelines/traces/receivers", json!([])),
        &[(Rule::PipelineWithoutReceivers, "service::pipelines::traces: must have at least one receiver")],
    );
    assert_finds(
        &with("/service/pipelines/logs", json!(null)),
        Rule::PipelineWithoutReceivers,
        "service.pipelines.logs",
    );
}

#[test]
fn a_pipeline_without_exporters() {
    for none in [json!(null), json!([])] {
        assert_says(
            &with("/service/pipelines/traces/exporters", none),
            &[(Rule::PipelineWithoutExporters, "service::pipelines::traces: must have at least one exporter")],
        );
    }
}

#[test]
fn an_undefined_reference() {
    for (list, kind) in [("receivers", "receiver"), ("processors", "processor"), ("exporters", "exporter")] {
        let words = format!("service::pipelines::traces: references {kind} \"x\" which is not configured");
        assert_says(
            &with(&format!("/service/pipelines/traces/{list}"), json!(["x"])),
            &[(Rule::Undefined, words.as_str())],
        );
    }
}

#[test]
fn a_processor_twice_but_not_an_exporter() {
    assert_says(
        &with("/service/pipelines/traces/processors", json!(["batch", " batch "])),
        &[(Rule::ProcessorTwice, "service::pipelines::traces: references processor \"batch\" multiple times")],
    );
    assert_says(&with("/service/pipelines/traces/exporters", json!(["otlp", "otlp"])), &[]);
}

#[test]
fn a_connector_with_the_name_of_an_exporter() {
    let config = with("/connectors", json!({"otlp/x": null, "otlp": null}));
    let found = violations(&config);
    assert_eq!(found.len(), 2, "it is an exporter's and a receiver's name: {found:?}");
    assert!(found.iter().all(|found| found.rule == Rule::AmbiguousConnector));
}

#[test]
fn an_undefined_extension() {
    assert_finds(&with("/service/extensions", json!(["pprof"])), Rule::UndefinedExtension, "service.extensions[0]");
}

#[test]
fn a_type_that_the_image_does_not_have() {
    let config = with("/exporters/logging", json!(null));
    let rules = |image: &str| {
        violations_in(&config, Extent::Whole, Image::parse(image)).iter().map(|found| found.rule).collect::<Vec<_>>()
    };
    assert_eq!(rules("otel/opentelemetry-collector:0.111.0"), [Rule::UnknownType]);
    assert_eq!(rules("otel/opentelemetry-collector:0.110.0"), []);
    assert_eq!(rules("collector"), []);
}

fn connected(kind: &str, pipelines: Value) -> Value {
    let mut config = with("/connectors", json!({ kind: null }));
    config["service"]["pipelines"] = pipelines;
    config
}

#[test]
fn a_connector_that_nothing_reads_from() {
    assert_says(
        &connected("forward", json!({"logs/in2": {"receivers": ["otlp"], "exporters": ["forward"]}})),
        &[(
            Rule::ConnectorNotRead,
            "failed to build pipelines: connector \"forward\" used as exporter in [logs/in2] pipeline but not used in any supported receiver pipeline",
        )],
    );
}

#[test]
fn a_connector_that_nothing_writes_to() {
    assert_finds(
        &connected("forward", json!({"logs": {"receivers": ["forward"], "exporters": ["otlp"]}})),
        Rule::ConnectorNotWritten,
        "connectors.forward",
    );
}

#[test]
fn a_connector_between_signals_that_it_does_not_join() {
    let pipelines = |one: &str, other: &str| {
        json!({
            one: {"receivers": ["otlp"], "exporters": ["c"]},
            other: {"receivers": ["c"], "exporters": ["otlp"]},
        })
    };
    let judge = |kind: &str, one: &str, other: &str| {
        let text = connected(kind, pipelines(one, other)).to_string().replace("\"c\"", &format!("\"{kind}\""));
        violations(&serde_json::from_str(&text).unwrap()).len()
    };
    assert_eq!(judge("spanmetrics", "traces", "metrics"), 0);
    assert_eq!(judge("spanmetrics", "logs", "metrics"), 2);
    assert_eq!(judge("forward", "traces", "metrics"), 2);
    assert_eq!(judge("unheard_of", "logs", "metrics"), 0);
}

#[test]
fn a_cycle() {
    assert_says(
        &connected("forward", json!({"traces/a": {"receivers": ["otlp", "forward"], "exporters": ["forward"]}})),
        &[(
            Rule::Cycle,
            "failed to build pipelines: cycle detected: connector \"forward\" (traces to traces) -> connector \"forward\" (traces to traces)",
        )],
    );
    assert_says(
        &connected(
            "forward",
            json!({
                "traces/a": {"receivers": ["otlp"], "exporters": ["forward"]},
                "traces/b": {"receivers": ["forward"], "exporters": ["otlp"]},
                "logs": {"receivers": ["forward"], "exporters": ["otlp"]},
                "logs/in": {"receivers": ["otlp"], "exporters": ["forward"]},
            }),
        ),
        &[],
    );
}

#[test]
fn a_table_that_names_a_pipeline_which_does_not_read_from_it() {
    let judge = |kind: &str, settings: Value| {
        let mut config = connected(
            kind,
            json!({
                "traces/in": {"receivers": ["otlp"], "exporters": [kind]},
                "traces/a": {"receivers": [kind], "exporters": ["otlp"]},
            }),
        );
        config["connectors"][kind] = settings;
        violations(&config).into_iter().map(|found| (found.rule, found.path.to_string())).collect::<Vec<_>>()
    };
    assert_eq!(judge("routing", json!({"default_pipelines": ["traces/a"]})), []);
    assert_eq!(judge("routing", json!({"default_pipelines": ["${env:X}"]})), []);
    let missing = |path: &str| vec![(Rule::MissingPipeline, path.to_owned())];
    assert_eq!(
        judge("routing", json!({"default_pipelines": ["traces/x"]})),
        missing("connectors.routing.default_pipelines[0]")
    );
    assert_eq!(
        judge("routing", json!({"table": [{"pipelines": ["traces/a", "traces/in"]}]})),
        missing("connectors.routing.table[0].pipelines[1]")
    );
    assert_eq!(
        judge("failover", json!({"priority_levels": [["traces/a"], ["traces/x"]]})),
        missing("connectors.failover.priority_levels[1][0]")
    );
}

#[test]
fn unknown_keys() {
    assert_finds(&with("/x-anchors", json!({})), Rule::UnknownKey, "x-anchors");
    assert_finds(&with("/service/pipeline", json!({})), Rule::UnknownKey, "service.pipeline");
    let enabled = with("/service/pipelines/traces/enabled", json!(true));
    assert_finds(&enabled, Rule::UnknownKey, "service.pipelines.traces.enabled");
}

#[test]
fn bad_names() {
    assert_finds(&with("/exporters/9", json!(null)), Rule::BadName, "exporters.9");
    assert_finds(&with("/service/pipelines/trace", json!(null)), Rule::BadName, "service.pipelines.trace");
    let empty = with("/service/pipelines/traces/exporters", json!(["otlp", ""]));
    assert_finds(&empty, Rule::BadName, "service.pipelines.traces.exporters[1]");
}

#[test]
fn names_that_are_the_same_after_trimming() {
    assert_finds(&with("/exporters/otlp ", json!(null)), Rule::DuplicateName, "exporters.\"otlp \"");
}

#[test]
fn wrong_types() {
    assert_finds(&with("/exporters", json!(["otlp"])), Rule::WrongType, "exporters");
    assert_finds(&with("/exporters/otlp", json!("tempo:4317")), Rule::WrongType, "exporters.otlp");
    let scalar = with("/service/pipelines/traces/exporters", json!("otlp"));
    assert_finds(&scalar, Rule::WrongType, "service.pipelines.traces.exporters");
    let number = with("/service/pipelines/traces/exporters", json!([1]));
    assert_finds(&number, Rule::WrongType, "service.pipelines.traces.exporters[0]");
}

#[test]
fn a_verbosity_that_there_is_not() {
    assert_finds(
        &with("/exporters/debug", json!({"verbosity": "loud"})),
        Rule::BadVerbosity,
        "exporters.debug.verbosity",
    );
    assert_says(&with("/exporters/debug", json!({"verbosity": "Detailed"})), &[]);
}

#[test]
fn what_is_filled_in_at_start_is_no_violation() {
    for pointer in [
        "/receivers",
        "/exporters",
        "/exporters/otlp",
        "/connectors",
        "/service",
        "/service/pipelines",
        "/service/pipelines/traces",
        "/service/pipelines/traces/exporters",
        "/service/extensions",
    ] {
        let config = with(pointer, json!("${file:/x.yaml}"));
        assert_says(&config, &[]);
        assert!(matches!(starts(&config), Starts::CannotSee(_)), "{pointer}");
    }
    let item = with("/service/pipelines/traces/exporters", json!(["${env:X}"]));
    assert_says(&item, &[]);
}

#[test]
fn an_unseen_list_may_use_a_connector() {
    let pipelines = json!({
        "logs": {"receivers": ["otlp"], "exporters": ["forward"]},
        "logs/2": {"receivers": "${env:RECEIVERS}", "exporters": ["otlp"]},
    });
    assert_says(&connected("forward", pipelines), &[]);
}

#[test]
fn a_part_is_not_blamed_for_what_may_be_elsewhere() {
    let part = json!({"service": {"extensions": ["pprof"], "pipelines": {"traces": {"exporters": ["debug"]}}}});
    assert!(matches!(starts(&part), Starts::CannotSee(_)));
    let bad = json!({"service": {"pipelines": {"traces": {"exporter": ["debug"]}}}});
    assert!(matches!(starts(&bad), Starts::No(_)));
}

#[test]
fn keys_with_colons_are_read() {
    let flat = json!({
        "receivers": {"otlp": null},
        "exporters": {"otlp": null},
        "service::pipelines::logs::receivers": ["otlp"],
        "service::pipelines::logs::exporters": ["otlp", "nosuch"],
    });
    assert_finds(&flat, Rule::Undefined, "\"service::pipelines::logs::exporters\"[1]");
    let mut mixed = config();
    mixed["service::telemetry::logs::level"] = json!("info");
    assert!(matches!(starts(&mixed), Starts::CannotSee(_)));
}
