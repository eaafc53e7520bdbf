//! What serde says of what is written, in words of who wrote it: `unknown variant` is a word for programmers.

use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::engine::{
    node::{Path, Segment},
    policy::{compile::BadPolicy, spec::GuardPolicySpec},
    rules::suggest,
};

/// Fields of ValidatingAdmissionPolicy and MutatingAdmissionPolicy that a GuardPolicy has not, and what it has instead.
const INSTEAD: &[(&str, &str)] = &[
    ("auditAnnotations", "every finding is recorded, without being asked for"),
    ("matchPolicy", "an object is judged in whatever version it is written, as with `matchPolicy: Equivalent`"),
    ("matchResources", "what is judged stands under `matchConstraints`"),
    ("paramKind", "parameters are always a ConfigMap, which `paramRef` names"),
    ("reinvocationPolicy", "mutations are run until nothing changes any more"),
    ("validationActions", "what follows from errors is `action`: `Deny`, `Warn` or `Audit`"),
];

/// Fields of `matchConstraints`, which are looked for in `spec`.
const CONSTRAINTS: [&str; 4] = ["resourceRules", "excludeResourceRules", "namespaceSelector", "objectSelector"];

/// Reads a document as it is written.
///
/// # Errors
/// The first thing that is not what it must be, with what would be.
pub(in crate::engine::policy) fn read<T: DeserializeOwned>(document: &Value) -> Result<T, BadPolicy> {
    serde_path_to_error::deserialize(document).map_err(|error| bad(path_of(error.path()), &error.inner().to_string()))
}

fn bad(path: Path, said: &str) -> BadPolicy {
    if said.starts_with("unknown field ") {
        let message = unknown_field(&path, said);
        return BadPolicy { of_key: true, ..BadPolicy::new(path, message) };
    }
    if said.starts_with("unknown variant ") {
        let of_key = is_rule(&path);
        let message = unknown_value(&path, said);
        let name = quoted(said).next().unwrap_or_default();
        let path = if of_key && path.segments().len() == 2 { path.key(name) } else { path };
        return BadPolicy { of_key, ..BadPolicy::new(path, message) };
    }
    let message = wrong_type(&path, said);
    BadPolicy::new(path, message)
}

fn unknown_field(path: &Path, said: &str) -> String {
    let (field, known) = (last_key(path), expected(said));
    let unknown = format!("unknown field `{field}`");
    if let Some(meant) = nearest(field, &known) {
        return format!("{unknown}; did you mean `{meant}`?");
    }
    let depth = path.segments().len();
    let is_spec = depth == 2 && path.segments().first() == Some(&Segment::Key("spec".to_owned()));
    if depth == 1 && is_in_spec(field) {
        return format!("{unknown}; it stands under `spec`");
    }
    if is_spec && known.contains(&"matchConstraints") {
        if CONSTRAINTS.contains(&field) {
            return format!("{unknown}; it stands under `spec.matchConstraints`");
        }
        if let Some((_, instead)) = INSTEAD.iter().find(|(name, _)| *name == field) {
            return format!("{unknown}; {instead}");
        }
    }
    plain(said)
}

fn unknown_value(path: &Path, said: &str) -> String {
    let (value, known) = (quoted(said).next().unwrap_or_default(), expected(said));
    if value == "off" && is_of_body(path) {
        return format!("unknown value `off`: {OFF_IN_LEVELS}");
    }
    let message = if is_rule(path) {
        format!(
            "there is no rule `{value}`; there are {}",
            suggest::listed(known.iter().map(|name| format!("`{name}`")))
        )
    } else {
        plain(said)
    };
    match nearest(value, &known) {
        Some(meant) => format!("{message}; did you mean `{meant}`?"),
        None => message,
    }
}

const OFF_IN_LEVELS: &str = "it is `error`, `warning` or `note`; to turn a code off, name it in `levels` of the policy, with `level: \"off\"`, quoted";

fn wrong_type(path: &Path, said: &str) -> String {
    let is_level = last_key(path) == "level";
    if is_level && said.contains("boolean `false`") {
        let quote = "write `\"off\"`, quoted: YAML reads it as a boolean";
        return if is_of_body(path) {
            format!("{OFF_IN_LEVELS}: YAML reads it as a boolean")
        } else {
            quote.to_owned()
        };
    }
    if is_rule(path) && (said.starts_with("invalid type: unit variant") || said.starts_with("invalid type: null")) {
        return "a rule is written with its parameters, of which there may be none: `rule: { backendRefs: {} }`"
            .to_owned();
    }
    if said.starts_with("invalid type: null") {
        return "it has no value; write one, or leave the field out".to_owned();
    }
    let message = plain(said);
    if *path == Path::of(&["spec", "levels"]) {
        return format!("{message}; each is written `- {{ code: CODE, level: LEVEL }}`");
    }
    let wants_text = said.ends_with("expected a string") || said.ends_with("expected string or map");
    match said {
        _ if !wants_text => message,
        _ if said.contains(": boolean") => {
            format!("{message}: put it in quotes, as YAML reads words such as `on`, `off`, `yes` and `no` as booleans")
        }
        _ if said.contains(": integer") || said.contains(": floating point") => format!("{message}: put it in quotes"),
        _ => message,
    }
}

fn plain(said: &str) -> String {
    let message = said
        .replace("invalid value: map, expected map with a single key", "a policy has exactly one rule, not several")
        .replace("unknown variant", "unknown value")
        .replace("invalid type: ", "wrong type: ")
        .replace("string or map", "a text")
        .replace("a sequence", "a list")
        .replace("sequence", "list")
        .replace("a map", "a mapping")
        .replace("type: map,", "type: mapping,")
        .replace("struct variant", "mapping");
    match message.split_once("expected struct ") {
        Some((before, _)) if before.starts_with("invalid length") => "wrong type: list, expected a mapping".to_owned(),
        Some((before, _)) => format!("{before}expected a mapping"),
        None => message,
    }
}

/// The closest of the names that there are, if it is close enough to be a slip.
fn nearest<'a>(wrong: &str, known: &[&'a str]) -> Option<&'a str> {
    let same_letters = known.iter().find(|name| name.eq_ignore_ascii_case(wrong));
    same_letters.copied().or_else(|| suggest::closest(wrong, known.iter().copied()))
}

/// The names behind `expected`.
fn expected(said: &str) -> Vec<&str> {
    said.rsplit_once("expected ").map(|(_, names)| quoted(names).collect()).unwrap_or_default()
}

fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

fn last_key(path: &Path) -> &str {
    match path.segments().last() {
        Some(Segment::Key(key)) => key,
        _ => "",
    }
}

/// Whether it is the name of a rule, or what that stands in.
fn is_rule(path: &Path) -> bool {
    path.segments().get(1) == Some(&Segment::Key("rule".to_owned())) && path.segments().len() <= 3
}

fn is_of_body(path: &Path) -> bool {
    matches!(path.segments().get(1), Some(Segment::Key(list)) if list == "validations" || list == "mutations")
}

/// A field that is known is complained of for what it holds, or for what is missing beside it.
fn is_in_spec(field: &str) -> bool {
    let tried = serde_json::from_value::<GuardPolicySpec>(json!({ field: null }));
    tried.err().is_some_and(|error| !error.to_string().starts_with("unknown field"))
}

fn path_of(path: &serde_path_to_error::Path) -> Path {
    use serde_path_to_error::Segment as At;
    let mut out = Path::root();
    for segment in path {
        match segment {
            At::Map { key } => out.push(Segment::Key(key.clone())),
            At::Seq { index } => out.push(Segment::Index(*index)),
            At::Enum { variant } => out.push(Segment::Key(variant.clone())),
            At::Unknown => {}
        }
    }
    out
}
