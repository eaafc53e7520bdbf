//! Fields of telemetry objects that do not exist. A webhook never sees them: the API server drops them before admission,
//! or refuses the object where the client asks for strict validation. So they are found in files, or never.

mod codes;
mod dialect;
mod misfit;
mod schema;

use crate::engine::{
    finding::{Code, Finding},
    kinds::{AGENTGATEWAY, KGATEWAY, telemetry::TelemetryKind},
    node::{Node, Path},
    rules::{Judge, Rule, SeenIn, suggest},
    subject::Operation,
};
use codes::{CODES, UNKNOWN};
pub use misfit::misfits;
use schema::{Fields, Place, Shape};

pub static RULE: Rule = Rule {
    name: "unknownFields",
    prefix: "unknown-fields",
    resources: &[
        (KGATEWAY, "httplistenerpolicies"),
        (KGATEWAY, "listenerpolicies"),
        (AGENTGATEWAY, "agentgatewaypolicies"),
    ],
    operations: &[Operation::Create, Operation::Update],
    looks_up: &[],
    in_files: &[],
    seen_in: SeenIn::Files,
    gives_edits: true,
    needle: None,
    codes: CODES,
    run,
};

/// More fields than this are not listed for the user to choose from.
const LISTED_FIELDS: usize = 10;

/// A field that does not exist.
struct Stray<'a> {
    key: &'a str,
    node: Node<'a>,
    /// What it stands in, and the fields that may stand there.
    parent: Node<'a>,
    fields: &'static Fields,
}

fn run(judge: &Judge<'_>) -> Vec<Finding> {
    let key = &judge.subject.key;
    let Some(kind) = TelemetryKind::of(&key.group, &key.kind) else { return Vec::new() };
    let mut strays = Vec::new();
    walk(&judge.subject.object(), schema::fields(kind), &mut strays);
    strays.iter().filter_map(|stray| dialect::judge(judge, stray).or_else(|| unknown(kind, stray))).collect()
}

/// What does not exist below a mapping with these fields. The API server drops it whole, so it is not looked into.
fn walk<'a>(node: &Node<'a>, fields: &'static Fields, strays: &mut Vec<Stray<'a>>) {
    for (key, child) in node.entries() {
        match fields.shape(key) {
            None => strays.push(Stray { key, node: child, parent: node.clone(), fields }),
            Some(Shape::Any) => {}
            Some(Shape::Fields(inner)) => walk(&child, inner, strays),
            Some(Shape::List(inner)) => child.items().for_each(|item| walk(&item, inner, strays)),
        }
    }
}

fn unknown(kind: TelemetryKind, stray: &Stray<'_>) -> Option<Finding> {
    let key = stray.key;
    let elsewhere = match stray.fields.place {
        Place::Listener if schema::is_http_setting(key) => Some("httpSettings"),
        Place::Agentgateway if matches!(key, "accessLog" | "tracing") => Some("frontend"),
        _ => None,
    };
    if matches!((stray.fields.place, key), (Place::HttpTarget | Place::Target, "namespace")) {
        let message = "a target has no `namespace`: it is always in the object's own";
        return Some(
            stray.finding(&UNKNOWN, message).help("remove it, and put the object into the namespace of its target"),
        );
    }
    let meant = suggest::closest(key, stray.fields.keys());
    if stray.fields.place == Place::Frontend && meant.is_none() {
        return None;
    }
    let parent = stray.parent.path();
    let place = if parent.is_root() { kind.name().to_owned() } else { format!("`{parent}`") };
    let message = format!("{place} has no field `{key}`: the API server drops it silently, or refuses the object");
    let finding = stray.finding(&UNKNOWN, message);
    let mut known: Vec<_> = stray.fields.keys().collect();
    known.sort_unstable();
    Some(match (elsewhere, meant) {
        (Some("frontend"), _) => finding.help(format!("write it under `spec.frontend`, as `spec.frontend.{key}`")),
        (Some(_), _) => finding.help(format!(
            "write it under `httpSettings`: `spec.default.httpSettings.{key}`, or the same under `perPort[].listener`"
        )),
        (None, Some(meant)) => finding.help(format!("did you mean `{meant}`?")),
        (None, None) if known.len() <= LISTED_FIELDS => {
            let known = suggest::listed(known.into_iter().map(|key| format!("`{key}`")));
            finding.help(format!("the fields that it can have are {known}"))
        }
        (None, None) => finding.help("correct the name, or remove the field"),
    })
}

// === impl Stray ===

impl Stray<'_> {
    fn finding(&self, code: &'static Code, message: impl Into<String>) -> Finding {
        Finding::new(code, self.node.path().clone(), message)
    }

    /// Where a field beside it stands.
    fn beside(&self, key: &str) -> Path {
        self.parent.path().key(key)
    }
}

#[cfg(test)]
mod tests;
