//! What our collector lacks, replaced by what it has: which receiver a pipeline reads from is nothing to stripping.

use portcullis::engine::{
    finding::Change,
    node::{Path, Segment},
    yaml::{Dialect, edit},
};
use serde_json::{Value, json};

use crate::configurations::{Configuration, value};

/// The configuration with an `otlp` for each such receiver or exporter and without such processors and extensions. None
/// for connectors, whose sides matter, and for `logging`, which is one of those that are taken out.
pub(crate) fn in_place_of(section: &str, kind: &str, configuration: &Configuration) -> Option<Configuration> {
    let [place] = configuration.places.as_slice() else { return None };
    let config = value(&configuration.texts_in(&configuration.object).concat())?;
    let stand_in = match section {
        "receivers" => Some(json!({"protocols": {"grpc": null}})),
        "exporters" if kind != "logging" => Some(json!({"endpoint": "stand-in:4317"})),
        "processors" | "extensions" => None,
        _ => return None,
    };
    let name = |id: &str| format!("otlp/{}", id.replace('/', "-"));
    let is_it = |id: &str| id.split('/').next().unwrap_or_default().trim() == kind;
    let mut changes = Vec::new();
    for id in config[section].as_object()?.keys().filter(|id| is_it(id)) {
        changes.push(Change::Remove { path: Path::of(&[section, id]) });
        if let Some(definition) = &stand_in {
            changes.push(Change::Set { path: Path::of(&[section, &name(id)]), value: definition.clone() });
        }
    }
    for (path, list) in lists(section, &config) {
        for (index, id) in list.iter().enumerate().filter(|(_, id)| id.as_str().is_some_and(is_it)) {
            let path = path.index(index);
            changes.push(match &stand_in {
                Some(_) => Change::Set { path, value: json!(name(id.as_str().unwrap_or_default())) },
                None => Change::Remove { path },
            });
        }
    }
    if changes.is_empty() { None } else { replaced(configuration, place, &changes) }
}

/// The lists that name what the section defines.
fn lists<'v>(section: &str, config: &'v Value) -> Vec<(Path, &'v Vec<Value>)> {
    let service = &config["service"];
    if section == "extensions" {
        let list = service["extensions"].as_array();
        return list.map(|list| (Path::of(&["service", "extensions"]), list)).into_iter().collect();
    }
    let pipelines = service["pipelines"].as_object().into_iter().flatten();
    let list = |(id, pipeline): (&String, &'v Value)| {
        let list = pipeline.get(section)?.as_array()?;
        Some((Path::of(&["service", "pipelines", id, section]), list))
    };
    pipelines.filter_map(list).collect()
}

fn replaced(configuration: &Configuration, at: &Path, changes: &[Change]) -> Option<Configuration> {
    let mut replaced = Configuration { case: None, ..configuration.clone() };
    let mut place = &mut replaced.object;
    for segment in at.segments() {
        let Segment::Key(key) = segment else { return None };
        place = place.get_mut(key)?;
    }
    match place {
        Value::String(text) => *text = edit::apply(text, changes, Dialect::Collector).ok()?,
        object => drop(edit::apply_to_value(object, changes).ok()?),
    }
    Some(replaced)
}
