//! How loud a `debug` or `logging` exporter is, and how to make it print at most one short line a second.

use serde_json::{Value, json};

use crate::engine::{
    finding::Change,
    kinds::collector::{image::Image, is_expansion, parse::ComponentId, pipelines::Definition},
};

/// How much an exporter prints of each batch, from one line to every attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verbosity {
    /// The definition is in another file, behind `${…}`, or nowhere.
    Unseen,
    Basic,
    Normal,
    Detailed,
}

/// Quiet: after the first line of a second, no other is printed (`zapcore.NewSamplerWithOptions`).
const SAMPLING: [(&str, u64); 2] = [("sampling_initial", 1), ("sampling_thereafter", 0)];

pub(super) fn verbosity(id: &ComponentId, definition: &Definition<'_>, image: Image) -> Verbosity {
    let settings = definition.value;
    if settings.is_string() {
        return Verbosity::Unseen;
    }
    let (key, text) = level(id, settings);
    if is_expansion(text) {
        return Verbosity::Unseen;
    }
    match (key, text.to_ascii_lowercase().as_str()) {
        (_, "detailed") | ("loglevel", "debug") => Verbosity::Detailed,
        (_, "normal") | ("loglevel", "info") => Verbosity::Normal,
        (_, "basic") | ("loglevel", _) => Verbosity::Basic,
        _ if id.is_logging() || image.debug_defaults_to_normal() => Verbosity::Normal,
        _ => Verbosity::Basic,
    }
}

pub(super) fn is_tamed(id: &ComponentId, definition: &Definition<'_>) -> bool {
    let (key, text) = level(id, definition.value);
    let is_quiet = text.eq_ignore_ascii_case(quiet(key)) || (key == "loglevel" && text.eq_ignore_ascii_case("error"));
    is_quiet
        && SAMPLING
            .iter()
            .all(|(key, most)| definition.value.get(key).and_then(Value::as_u64).is_some_and(|number| number <= *most))
}

/// What tames it; none where its definition cannot be read, or its version has no such settings.
pub(super) fn changes(id: &ComponentId, definition: &Definition<'_>, image: Image) -> Option<Vec<Change>> {
    let path = &definition.path;
    let (key, text) = level(id, definition.value);
    if key == "verbosity" && id.is_logging() && image.lacks_verbosity() {
        return None;
    }
    match definition.value {
        Value::Null => {
            let [(initial, one), (thereafter, none)] = SAMPLING;
            let value = json!({ key: quiet(key), initial: one, thereafter: none });
            Some(vec![Change::Set { path: path.clone(), value }])
        }
        Value::Object(settings) => {
            let level = (!text.eq_ignore_ascii_case(quiet(key))).then(|| (key, json!(quiet(key))));
            let sampling = SAMPLING.into_iter().filter(|(key, number)| settings.get(*key) != Some(&json!(number)));
            let wanted = level.into_iter().chain(sampling.map(|(key, number)| (key, json!(number))));
            Some(wanted.map(|(key, value)| Change::Set { path: path.key(key), value }).collect())
        }
        _ => None,
    }
}

/// The setting for the level and what it says. `logging` refuses `verbosity` beside its older `loglevel`.
fn level<'a>(id: &ComponentId, settings: &'a Value) -> (&'static str, &'a str) {
    let key = if id.is_logging() && settings.get("loglevel").is_some() { "loglevel" } else { "verbosity" };
    (key, settings.get(key).and_then(Value::as_str).unwrap_or_default())
}

/// `loglevel` above `info` means `verbosity: basic`.
fn quiet(key: &str) -> &'static str {
    if key == "loglevel" { "warn" } else { "basic" }
}
