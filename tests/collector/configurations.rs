//! Configurations of collectors, out of our cases and examples.

use std::path::PathBuf;

use portcullis::{
    cases::{self, CaseFile},
    engine::{
        kinds::collector::looks_like_config,
        node::Path,
        yaml::{self, Dialect},
    },
    files::{Source, manifests, paths},
};
use serde_json::Value;

/// A configuration, and the object that carries it.
#[derive(Clone, Debug)]
pub(crate) struct Configuration {
    /// Where it comes from.
    pub(crate) name: String,
    pub(crate) object: Value,
    /// Where in the object: text, or the configuration itself. Of several the collector is given each, in this order.
    pub(crate) places: Vec<Path>,
    /// The case whose subject it is: judged in its own world, too.
    pub(crate) case: Option<(CaseFile, usize)>,
}

/// Of every subject and of every world.
pub(crate) fn of_cases() -> Vec<Configuration> {
    let mut found = Vec::new();
    for source in sources(&["tests/cases", "policies"]).iter().filter(|source| source.name.ends_with(".test.yaml")) {
        let file = cases::read(source).unwrap();
        for object in &file.world {
            found.extend(in_object(&source.name, object));
        }
        for (index, case) in file.cases.iter().enumerate() {
            let name = format!("{}: {}", source.name, case.name);
            for object in &case.world {
                found.extend(in_object(&name, object));
            }
            for object in case.subject.iter().chain(case.request.iter().map(|request| &request.object)) {
                let own = in_object(&name, object);
                let case = Some((file.clone(), index));
                found.extend(own.into_iter().map(|own| Configuration { case: case.clone(), ..own }));
            }
        }
    }
    found
}

pub(crate) fn of_examples() -> Vec<Configuration> {
    let sources = sources(&["examples"]);
    let objects = manifests::read(&sources, "default", |_| {}).objects;
    objects.iter().flat_map(|manifest| in_object(&sources[manifest.source].name, &manifest.object)).collect()
}

// === impl Configuration ===

impl Configuration {
    /// As a collector reads it: the text of each place.
    pub(crate) fn texts_in(&self, object: &Value) -> Vec<String> {
        let text = |path: &Path| match path.find(object) {
            Some(Value::String(text)) => text.clone(),
            Some(value) => value.to_string(),
            None => panic!("{}: there is nothing at `{path}` any more", self.name),
        };
        self.places.iter().map(text).collect()
    }
}

/// As a collector reads it; none where it is no YAML.
pub(crate) fn value(text: &str) -> Option<Value> {
    yaml::tree::parse(text).ok()?.value(Dialect::Collector).ok()
}

fn sources(folders: &[&str]) -> Vec<Source> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let folders: Vec<PathBuf> = folders.iter().map(|folder| root.join(folder)).collect();
    let (mut sources, refusals) = paths::read(&folders);
    assert!(refusals.is_empty(), "{refusals:?}");
    for source in &mut sources {
        source.name = source.name.trim_start_matches(&format!("{}/", root.display())).to_owned();
    }
    sources
}

fn in_object(name: &str, object: &Value) -> Vec<Configuration> {
    let places: Vec<Path> = match object["kind"].as_str() {
        Some("ConfigMap") => {
            object["data"].as_object().into_iter().flatten().map(|(key, _)| Path::of(&["data", key])).collect()
        }
        Some("OpenTelemetryCollector") => vec![Path::of(&["spec", "config"])],
        _ => Vec::new(),
    };
    let holds_one = |path: &Path| match path.find(object) {
        Some(Value::String(text)) => value(text).is_some_and(|value| looks_like_config(&value)),
        Some(value) => looks_like_config(value),
        None => false,
    };
    let one = |path: Path| Configuration {
        name: format!("{name}: `{path}`"),
        object: object.clone(),
        places: vec![path],
        case: None,
    };
    places.into_iter().filter(holds_one).map(one).collect()
}
