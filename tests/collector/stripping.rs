//! Strips a configuration as a webhook and `fix` do it, and reads what is left with eyes of its own.

use portcullis::{
    cases::{CaseFile, run},
    engine::node::Segment,
};
use serde_json::{Value, json};

use crate::configurations::{Configuration, value};

/// What became of a configuration.
#[derive(Clone, Debug)]
pub(crate) struct Stripped {
    pub(crate) texts: Vec<String>,
    /// Whether the user hears of something that was left.
    pub(crate) told: bool,
    /// A case's own world may leave a printing exporter in peace.
    pub(crate) in_production: bool,
}

/// A collector that is known to have `nop`, and one of which nothing is known.
const IMAGES: [&str; 2] = ["otel/opentelemetry-collector-contrib:0.150.0", "registry.example/our/collector:7"];

/// In production, by either image; and where it is a case's subject, in that case's world.
pub(crate) fn all(configuration: &Configuration) -> Vec<Stripped> {
    let in_production = IMAGES.map(|image| {
        let file = in_production(configuration, image);
        Stripped { in_production: true, ..stripped(configuration, &file, 0) }
    });
    let own = configuration.case.iter().map(|(file, case)| stripped(configuration, file, *case));
    in_production.into_iter().chain(own).collect()
}

/// The exporters that print every batch in some pipeline.
pub(crate) fn loud(texts: &[String]) -> Vec<String> {
    let mut config = Value::Null;
    texts.iter().filter_map(|text| value(text)).for_each(|part| merge(&mut config, part));
    let mut loud = Vec::new();
    for (pipeline, parts) in config["service"]["pipelines"].as_object().into_iter().flatten() {
        for id in parts["exporters"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            let mut defined = config["exporters"].as_object().into_iter().flatten();
            let definition = defined.find(|(key, _)| words(key) == words(id)).map(|(_, definition)| definition);
            if words(id)[0] == "debug" && !definition.is_some_and(is_quiet) {
                loud.push(format!("{pipeline}: {id}"));
            }
        }
    }
    loud
}

/// As a collector merges its files.
fn merge(into: &mut Value, part: Value) {
    match (into, part) {
        (Value::Object(into), Value::Object(part)) => {
            part.into_iter().for_each(|(key, value)| merge(into.entry(key).or_insert(Value::Null), value));
        }
        (into, part) => *into = part,
    }
}

fn words(id: &str) -> Vec<&str> {
    id.split('/').map(str::trim).collect()
}

fn is_quiet(definition: &Value) -> bool {
    definition["verbosity"] == "basic" && definition["sampling_initial"] == 1 && definition["sampling_thereafter"] == 0
}

fn stripped(configuration: &Configuration, file: &CaseFile, case: usize) -> Stripped {
    let prepared = run::prepare(file, &file.cases[case]).unwrap();
    let outcome = run::judge(&prepared);
    Stripped {
        texts: configuration.texts_in(&outcome.patched),
        told: !outcome.allowed || !outcome.warned.is_empty(),
        in_production: false,
    }
}

/// The object in a namespace of production, with what says which collector reads it.
fn in_production(configuration: &Configuration, image: &str) -> CaseFile {
    let mut object = configuration.object.clone();
    let name = object["metadata"]["name"].as_str().unwrap_or("collector").to_owned();
    // Without owners: what an operator writes is judged where the operator reads it.
    object["metadata"] = json!({"name": name, "namespace": "production"});
    let mut world = vec![json!({
        "apiVersion": "v1", "kind": "Namespace",
        "metadata": {"name": "production", "labels": {"environment": "production"}},
    })];
    if object["kind"] == "ConfigMap" {
        world.push(reader(configuration, &name, image));
    } else {
        object["spec"]["image"] = json!(image);
    }
    let case = json!({"name": "in production", "subject": object, "expect": {}});
    serde_json::from_value(json!({"policies": ["debug-exporters"], "world": world, "cases": [case]})).unwrap()
}

fn reader(configuration: &Configuration, config_map: &str, image: &str) -> Value {
    let keys = configuration.places.iter().filter_map(|path| path.split_last()).map(|(_, last)| match last {
        Segment::Key(key) => format!("--config=/conf/{key}"),
        other => panic!("{other:?} names nothing in a ConfigMap"),
    });
    let args: Vec<String> = keys.collect();
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "collector", "namespace": "production"},
        "spec": {"template": {"spec": {
            "containers": [{
                "name": "collector", "image": image, "args": args,
                "volumeMounts": [{"name": "config", "mountPath": "/conf"}],
            }],
            "volumes": [{"name": "config", "configMap": {"name": config_map}}],
        }}},
    })
}
