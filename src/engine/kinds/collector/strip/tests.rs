use serde_json::json;

use super::*;
use crate::engine::kinds::collector::validity::{Rule, Starts, starts};

const CONTRIB: &str = "otel/opentelemetry-collector-contrib:0.128.0";
const UNKNOWN: &str = "registry.example/collector:1";

/// A configuration with receivers, the exporters `debug`, `debug/x` and `otlp`, and these pipelines.
fn config(pipelines: Value) -> Value {
    let mut config = json!({
        "receivers": {"otlp": {"protocols": {"grpc": {}}}},
        "exporters": {"debug": {"verbosity": "detailed"}, "debug/x": null, "otlp": {"endpoint": "tempo:4317"}},
        "service": {},
    });
    config["service"]["pipelines"] = pipelines;
    config
}

fn pipeline(exporters: Value) -> Value {
    json!({"receivers": ["otlp"], "exporters": exporters})
}

fn with(mut config: Value, key: &str, value: Value) -> Value {
    config[key] = value;
    config
}

fn plan_for(config: &Value, image: &str) -> Plan {
    plan(config, Image::parse(image), Options::default())
}

fn stripped(config: &Value, image: &str) -> Value {
    let plan = plan_for(config, image);
    assert_eq!(plan.obstacles, [], "{config}");
    let mut after = config.clone();
    edit::apply_to_value(&mut after, &plan.changes).unwrap();
    let again = plan_for(&after, image);
    assert_eq!(again.changes, [], "a second plan changes nothing: {after}");
    after
}

fn exporters<'v>(config: &'v Value, pipeline: &str) -> &'v Value {
    &config["service"]["pipelines"][pipeline]["exporters"]
}

fn treatment(config: &Value, image: &str, pipeline: &str) -> Treatment {
    plan_for(config, image).treatments[&PipelineId::parse(pipeline).unwrap()]
}

#[test]
fn row_01_a_real_exporter_stays_alone() {
    let config = config(json!({"traces": pipeline(json!(["debug", "otlp"]))}));
    let after = stripped(&config, UNKNOWN);
    assert_eq!(exporters(&after, "traces"), &json!(["otlp"]));
    assert_eq!(after["exporters"], config["exporters"], "definitions stay");
    assert_eq!(treatment(&config, UNKNOWN, "traces"), Treatment::Removed);
}

#[test]
fn row_02_an_emptied_pipeline_gets_nop_or_is_tamed() {
    let config = config(json!({"traces": pipeline(json!(["otlp"])), "logs": pipeline(json!(["debug"]))}));
    let after = stripped(&config, CONTRIB);
    assert_eq!(exporters(&after, "logs"), &json!(["nop"]));
    assert_eq!(after["exporters"]["nop"], json!({}));
    assert_eq!(after["exporters"]["debug"], json!({"verbosity": "detailed"}));
    let after = stripped(&config, UNKNOWN);
    assert_eq!(exporters(&after, "logs"), &json!(["debug"]));
    let tame = json!({"verbosity": "basic", "sampling_initial": 1, "sampling_thereafter": 0});
    assert_eq!(after["exporters"]["debug"], tame);
    assert_eq!(treatment(&config, UNKNOWN, "logs"), Treatment::Tamed);
    assert_eq!(treatment(&after, UNKNOWN, "logs"), Treatment::AlreadyTamed);
    assert_eq!(treatment(&after, CONTRIB, "logs"), Treatment::AlreadyTamed);
}

#[test]
fn row_03_every_pipeline_may_end_in_debug() {
    let only = || pipeline(json!(["debug"]));
    let config = config(json!({"traces": only(), "logs": only(), "metrics": only()}));
    let plan = plan_for(&config, CONTRIB);
    let defined = Change::Set { path: Path::of(&["exporters", "nop"]), value: json!({}) };
    assert_eq!(plan.changes.iter().filter(|change| **change == defined).count(), 1);
    assert_eq!(plan.changes.len(), 4);
    let after = stripped(&config, UNKNOWN);
    assert_eq!(plan_for(&config, UNKNOWN).changes.len(), 3, "one definition is tamed once");
    assert_eq!(after["service"], config["service"]);
}

#[test]
fn row_04_every_reference_goes_and_no_definition() {
    let config = config(json!({
        "traces": pipeline(json!(["debug", "otlp"])),
        "logs": pipeline(json!(["otlp", "debug"])),
    }));
    let after = stripped(&config, CONTRIB);
    assert_eq!(exporters(&after, "traces"), &json!(["otlp"]));
    assert_eq!(exporters(&after, "logs"), &json!(["otlp"]));
    assert_eq!(after["exporters"], config["exporters"]);
}

#[test]
fn row_05_the_only_definition_stays() {
    let config = with(config(json!({"traces": pipeline(json!(["debug"]))})), "exporters", json!({"debug": {}}));
    let after = stripped(&config, CONTRIB);
    assert_eq!(after["exporters"], json!({"debug": {}, "nop": {}}));
}

#[test]
fn row_06_named_ones_too() {
    let config = config(json!({"traces": pipeline(json!(["debug/x", "otlp", "debug"]))}));
    assert_eq!(exporters(&stripped(&config, UNKNOWN), "traces"), &json!(["otlp"]));
}

#[test]
fn row_07_lookalikes_are_left_alone() {
    let config = json!({
        "receivers": {"otlp": {}},
        "processors": {"batch/debug": {}},
        "exporters": {"otlp/debug": {}, "file/debug": {}},
        "connectors": {"debug/x": {}, "forward/debug": {}},
        "service": {"pipelines": {
            "traces": {"receivers": ["otlp"], "processors": ["batch/debug"], "exporters": ["otlp/debug", "debug/x"]},
            "traces/2": {"receivers": ["debug/x"], "exporters": ["file/debug"]},
        }},
    });
    assert_eq!(plan_for(&config, CONTRIB), Plan::default());
}

#[test]
fn row_08_white_space_does_not_hide() {
    let config = with(
        config(
            json!({"traces": pipeline(json!([" debug ", "debug / x", "otlp"])), "logs": pipeline(json!(["debug/y"]))}),
        ),
        "exporters",
        json!({"debug": null, "debug/x": null, "debug / y": null, "otlp": {}}),
    );
    let after = stripped(&config, UNKNOWN);
    assert_eq!(exporters(&after, "traces"), &json!(["otlp"]));
    assert_eq!(after["exporters"]["debug / y"]["verbosity"], json!("basic"), "tamed where it is written");
}

#[test]
fn row_09_all_occurrences_go() {
    let config_of = |list| config(json!({"traces": pipeline(list)}));
    let config = config_of(json!(["debug", "debug", "otlp"]));
    assert_eq!(exporters(&stripped(&config, UNKNOWN), "traces"), &json!(["otlp"]));
    let config = config_of(json!(["debug", "debug", "debug/x"]));
    assert_eq!(exporters(&stripped(&config, CONTRIB), "traces"), &json!(["nop"]));
    assert_eq!(exporters(&stripped(&config, UNKNOWN), "traces"), &json!(["debug"]));
}

#[test]
fn row_10_each_list_is_its_own() {
    let both = || pipeline(json!(["debug", "otlp"]));
    let config = config(json!({"traces": both(), "logs": both(), "metrics": both()}));
    let plan = plan_for(&config, UNKNOWN);
    assert_eq!(plan.uses.len(), 3);
    assert!(plan.treatments.values().all(|treatment| *treatment == Treatment::Removed));
}

#[test]
fn row_11_verbosity_is_told_and_decides_nothing() {
    for (definition, verbosity) in [
        (json!(null), Verbosity::Basic),
        (json!({}), Verbosity::Basic),
        (json!({"verbosity": "normal"}), Verbosity::Normal),
        (json!({"verbosity": "Detailed"}), Verbosity::Detailed),
        (json!({"sampling_initial": 5, "sampling_thereafter": 200}), Verbosity::Basic),
        (json!({"verbosity": "${env:LOUD}"}), Verbosity::Unseen),
        (json!("${file:/debug.yaml}"), Verbosity::Unseen),
    ] {
        let mut config = config(json!({"traces": pipeline(json!(["otlp", "debug"]))}));
        config["exporters"]["debug"] = definition;
        assert_eq!(plan_for(&config, UNKNOWN).uses[0].verbosity, verbosity);
        assert_eq!(exporters(&stripped(&config, UNKNOWN), "traces"), &json!(["otlp"]));
    }
    let config = config(json!({"traces": pipeline(json!(["debug/x"]))}));
    let old = plan_for(&config, "otel/opentelemetry-collector:0.89.0");
    assert_eq!(old.uses[0].verbosity, Verbosity::Normal);
}

#[test]
fn row_12_a_definition_alone_is_harmless() {
    assert_eq!(plan_for(&config(json!({"traces": pipeline(json!(["otlp"]))})), CONTRIB), Plan::default());
}

#[test]
fn row_13_an_undefined_reference_is_told_and_not_repaired() {
    let config = with(config(json!({"traces": pipeline(json!(["debug", "otlp"]))})), "exporters", json!({"otlp": {}}));
    let plan = plan_for(&config, CONTRIB);
    assert_eq!(plan.uses[0].defined, Defined::Nowhere);
    assert_eq!(plan.changes, []);
    let [Obstacle::Invalid(violations)] = plan.obstacles.as_slice() else { panic!("{:?}", plan.obstacles) };
    assert_eq!(violations[0].rule, Rule::Undefined);
    assert_eq!(
        plan.obstacles[0].to_string(),
        "the collector does not start with this configuration: \
         `service::pipelines::traces: references exporter \"debug\" which is not configured`"
    );
}

fn spanmetrics(traces: Value, metrics: Value) -> Value {
    with(
        config(json!({
            "traces": pipeline(traces),
            "metrics": {"receivers": ["spanmetrics"], "exporters": metrics},
        })),
        "connectors",
        json!({"spanmetrics": null}),
    )
}

#[test]
fn row_14_a_connector_keeps_a_pipeline_going() {
    let config = spanmetrics(json!(["spanmetrics", "debug"]), json!(["otlp"]));
    assert_eq!(exporters(&stripped(&config, UNKNOWN), "traces"), &json!(["spanmetrics"]));
}

#[test]
fn row_15_what_a_connector_feeds_stays() {
    let config = spanmetrics(json!(["spanmetrics"]), json!(["debug"]));
    assert_eq!(exporters(&stripped(&config, CONTRIB), "metrics"), &json!(["nop"]));
    assert_eq!(exporters(&stripped(&config, UNKNOWN), "metrics"), &json!(["debug"]));
}

#[test]
fn row_16_a_forwarded_copy_stays() {
    let config = with(
        config(json!({
            "logs": pipeline(json!(["otlp", "forward"])),
            "logs/dbg": {"receivers": ["forward"], "exporters": ["debug"]},
        })),
        "connectors",
        json!({"forward": null}),
    );
    assert_eq!(exporters(&stripped(&config, CONTRIB), "logs/dbg"), &json!(["nop"]));
}

#[test]
fn row_17_what_a_routing_table_names_stays() {
    let config = with(
        config(json!({
            "traces/in": pipeline(json!(["routing"])),
            "traces/a": {"receivers": ["routing"], "exporters": ["otlp"]},
            "traces/dbg": {"receivers": ["routing"], "exporters": ["debug"]},
        })),
        "connectors",
        json!({"routing": {"default_pipelines": ["traces/a"], "table": [{"pipelines": ["traces/dbg"]}]}}),
    );
    assert_eq!(exporters(&stripped(&config, CONTRIB), "traces/dbg"), &json!(["nop"]));
}

#[test]
fn row_18_logging_is_stripped_like_debug() {
    let logging = |definition: Value| {
        with(config(json!({"traces": pipeline(json!(["logging"]))})), "exporters", json!({"logging": definition}))
    };
    let contrib = "otel/opentelemetry-collector-contrib:0.100.0";
    assert_eq!(exporters(&stripped(&logging(json!(null)), contrib), "traces"), &json!(["nop"]));
    let tamed = stripped(&logging(json!(null)), UNKNOWN);
    assert_eq!(tamed["exporters"]["logging"]["verbosity"], json!("basic"));
    assert_eq!(plan_for(&logging(json!(null)), UNKNOWN).uses[0].verbosity, Verbosity::Normal);
    // `verbosity` beside `loglevel` is refused
    let tamed = stripped(&logging(json!({"loglevel": "debug"})), UNKNOWN);
    let wanted = json!({"loglevel": "warn", "sampling_initial": 1, "sampling_thereafter": 0});
    assert_eq!(tamed["exporters"]["logging"], wanted);
    let refused = plan_for(&logging(json!(null)), "otel/opentelemetry-collector:0.111.0");
    assert_eq!(refused.changes, []);
    let [Obstacle::Invalid(violations)] = refused.obstacles.as_slice() else { panic!() };
    assert_eq!(violations[0].rule, Rule::UnknownType);
}

#[test]
fn row_19_nop_learned_profiles_late() {
    let config = config(json!({"profiles": pipeline(json!(["debug"]))}));
    assert_eq!(treatment(&config, CONTRIB, "profiles"), Treatment::Tamed);
    assert_eq!(treatment(&config, "otel/opentelemetry-collector:0.143.0", "profiles"), Treatment::Replaced);
}

#[test]
fn row_25_a_scalar_is_detected_and_left() {
    for scalar in ["debug", "otlp, debug"] {
        let config = config(json!({"traces": pipeline(json!(scalar))}));
        let plan = plan_for(&config, CONTRIB);
        assert_eq!(plan.uses.len(), 1);
        assert_eq!(plan.changes, []);
        assert!(matches!(plan.obstacles.first(), Some(Obstacle::ScalarList { .. })));
    }
}

#[test]
fn row_26_what_is_filled_in_at_start_is_unseen() {
    let config_of = |list| config(json!({"traces": pipeline(list)}));
    let path = Path::of(&["service", "pipelines", "traces", "exporters"]);
    let hidden = plan_for(&config_of(json!("${env:EXPORTERS}")), CONTRIB);
    assert_eq!(hidden.unseen, [Unseen { path: path.clone(), text: "${env:EXPORTERS}".into() }]);
    assert_eq!((hidden.uses.len(), hidden.changes.len()), (0, 0));
    let beside = config_of(json!(["debug", "${env:EXPORTER}"]));
    assert_eq!(plan_for(&beside, CONTRIB).unseen[0].path, path.index(1));
    assert_eq!(exporters(&stripped(&beside, CONTRIB), "traces"), &json!(["${env:EXPORTER}"]));
}

#[test]
fn row_27_references_to_a_hidden_section_can_still_go() {
    let hidden = |list| with(config(json!({"traces": pipeline(list)})), "exporters", json!("${file:/exporters.yaml}"));
    let config = hidden(json!(["debug", "otlp"]));
    assert_eq!(exporters(&stripped(&config, CONTRIB), "traces"), &json!(["otlp"]));
    assert_eq!(plan_for(&config, CONTRIB).unseen[0].path, Path::of(&["exporters"]));
    let plan = plan_for(&hidden(json!(["debug"])), CONTRIB);
    assert_eq!(plan.changes, [], "nothing can be added to what is not seen");
    assert!(matches!(plan.obstacles.as_slice(), [Obstacle::Hidden { .. }]));
}

#[test]
fn row_28_flattened_keys_are_detected_and_left() {
    let mut config = config(json!({"traces": pipeline(json!(["otlp"]))}));
    config["service::pipelines::logs::exporters"] = json!(["debug"]);
    config["service::pipelines::logs::receivers"] = json!(["otlp"]);
    let plan = plan_for(&config, CONTRIB);
    assert_eq!(plan.uses[0].path, Path::of(&["service::pipelines::logs::exporters"]).index(0));
    assert_eq!(plan.changes, []);
    assert!(matches!(plan.obstacles.as_slice(), [Obstacle::FlattenedKeys { .. }]));
}

#[test]
fn row_30_references_go_from_the_file_that_has_them() {
    assert_eq!(plan_for(&json!({"exporters": {"debug": {}}}), CONTRIB), Plan::default());
    let config = json!({"service": {"pipelines": {"traces": pipeline(json!(["debug", "otlp"]))}}});
    assert_eq!(plan_for(&config, CONTRIB).uses[0].defined, Defined::Elsewhere);
    assert_eq!(exporters(&stripped(&config, UNKNOWN), "traces"), &json!(["otlp"]));
}

#[test]
fn row_31_an_override_is_never_emptied() {
    let config = json!({"service": {"pipelines": {"traces": {"exporters": ["debug"]}}}});
    let after = stripped(&config, CONTRIB);
    assert_eq!(
        after,
        json!({
            "exporters": {"nop": {}},
            "service": {"pipelines": {"traces": {"exporters": ["nop"]}}},
        })
    );
    let plan = plan_for(&config, UNKNOWN);
    assert_eq!(plan.changes, []);
    assert!(matches!(plan.obstacles.as_slice(), [Obstacle::DefinedElsewhere { .. }]));
    // a null takes away what other files define: it must not become a mapping
    let config = with(config, "exporters", json!(null));
    assert_eq!(plan_for(&config, CONTRIB).changes, []);
}

#[test]
fn row_36_a_null_pipeline_is_left() {
    let config = config(json!({"traces": null, "logs": pipeline(json!(["debug", "otlp"]))}));
    let plan = plan_for(&config, CONTRIB);
    assert_eq!(plan.changes, []);
    let [Obstacle::Invalid(violations)] = plan.obstacles.as_slice() else { panic!() };
    let rules = violations.iter().map(|violation| violation.rule).collect::<Vec<_>>();
    assert_eq!(rules, [Rule::PipelineWithoutReceivers]);
}

#[test]
fn row_37_a_second_plan_changes_nothing() {
    // Every other test asserts it too, through `stripped`.
    let config = config(json!({
        "traces": pipeline(json!(["debug"])),
        "logs": pipeline(json!(["debug", "debug/x"])),
        "metrics": pipeline(json!(["debug/x", "otlp"])),
    }));
    for image in [CONTRIB, UNKNOWN] {
        assert_eq!(starts(&stripped(&config, image)), Starts::Yes);
    }
}

#[test]
fn row_38_the_keys_that_the_operator_requires_stay() {
    let config = config(json!({"traces": pipeline(json!(["debug"]))}));
    for image in [CONTRIB, UNKNOWN] {
        let after = stripped(&config, image);
        assert!(after["exporters"].is_object());
        assert_eq!(exporters(&after, "traces").as_array().unwrap().len(), 1);
    }
}

#[test]
fn a_nop_of_the_users_own_is_used_again() {
    let mut config = config(json!({"traces": pipeline(json!(["debug"])), "logs": pipeline(json!(["debug"]))}));
    config["exporters"]["nop/drop"] = json!(null);
    let after = stripped(&config, UNKNOWN);
    assert_eq!(exporters(&after, "traces"), &json!(["nop/drop"]));
    assert!(after["exporters"].get("nop").is_none());
}

#[test]
fn a_connector_named_nop_is_not_joined_by_an_exporter() {
    let config = with(
        config(json!({
            "traces": pipeline(json!(["nop"])),
            "traces/2": {"receivers": ["nop"], "exporters": ["debug"]},
        })),
        "connectors",
        json!({"nop": null}),
    );
    assert_eq!(treatment(&config, CONTRIB, "traces/2"), Treatment::Tamed);
}

#[test]
fn a_definition_behind_an_expansion_is_not_tamed() {
    let mut config =
        config(json!({"traces": pipeline(json!(["debug"])), "logs": pipeline(json!(["debug", "debug/x"]))}));
    config["exporters"]["debug"] = json!("${file:/debug.yaml}");
    let plan = plan_for(&config, UNKNOWN);
    assert!(matches!(plan.obstacles.as_slice(), [Obstacle::Hidden { .. }]));
    assert_eq!(plan.treatments[&PipelineId::parse("traces").unwrap()], Treatment::Untouched);
    let mut after = config.clone();
    edit::apply_to_value(&mut after, &plan.changes).unwrap();
    assert_eq!(exporters(&after, "logs"), &json!(["debug/x"]), "the one that can be tamed is kept");
}

#[test]
fn the_extent_can_be_told() {
    let config = config(json!({"traces": pipeline(json!(["debug", "otlp/elsewhere"]))}));
    assert_eq!(plan_for(&config, CONTRIB).changes, []);
    let plan = plan(&config, Image::parse(CONTRIB), Options { extent: Some(Extent::Part) });
    assert_eq!(plan.changes.len(), 1);
}
