//! A recorded verdict, and whether ours is the same.

use serde::Deserialize;
use serde_json::Value as Json;

use crate::{
    objects::{Ask, Objects},
    ours::Expression,
    seen::{Outcome, Seen},
};

/// An expression and what the API server said of it.
#[derive(Debug, Deserialize)]
pub(crate) struct Record {
    pub(crate) id: String,
    pub(crate) lib: String,
    pub(crate) expr: String,
    #[serde(default)]
    vars: Vec<Variable>,
    params: Option<String>,
    /// A field of this name that the object had.
    #[serde(rename = "self")]
    own: Option<Json>,
    static_type: Option<String>,
    #[serde(default)]
    compile_error: Vec<CompileError>,
    outcome: String,
    #[serde(default)]
    runs: Vec<Run>,
    volatile: Option<Json>,
}

#[derive(Debug, Deserialize)]
struct Variable {
    name: String,
    expression: String,
}

#[derive(Debug, Deserialize)]
struct CompileError {
    text: String,
}

/// What it came to on one object.
#[derive(Debug, Deserialize)]
struct Run {
    object: String,
    op: String,
    name: String,
    outcome: String,
    #[serde(rename = "type")]
    of: Option<String>,
    text: Option<String>,
    /// Null is a value here, and absent where it could not be had.
    #[serde(default, deserialize_with = "present")]
    json: Option<Json>,
    elem_types: Option<Vec<String>>,
    error: Option<String>,
}

/// How our answer stands to theirs.
#[derive(Debug)]
pub(crate) enum Judged {
    Agrees,
    /// Their own answer changes.
    Volatile,
    OnPurpose(&'static str),
    /// They refuse it when it is written, for this kind of reason, and we do not.
    LetPass {
        kind: String,
        theirs: String,
    },
    /// We refuse it when it is written, and they do not.
    Refused {
        ours: String,
    },
    /// It came to something else.
    Differs {
        object: String,
        theirs: String,
        ours: String,
    },
}

fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Json>, D::Error> {
    Json::deserialize(deserializer).map(Some)
}

/// Where we differ on purpose, by what is in the expression: `docs/cel.md` has the same, for users.
const ON_PURPOSE: &[(&str, &str)] = &[
    ("authorizer", "a webhook asks nobody while the API server waits for it"),
    ("namespaceObject.spec", "of a Namespace we hold the name, labels and annotations"),
    ("namespaceObject.status", "of a Namespace we hold the name, labels and annotations"),
    ("namespaceObject.metadata.UID", "of a Namespace we hold the name, labels and annotations"),
    ("namespaceObject.metadata.creationTimestamp", "of a Namespace we hold the name, labels and annotations"),
    ("namespaceObject.metadata.deletion", "of a Namespace we hold the name, labels and annotations"),
    ("namespaceObject.metadata.finalizers", "of a Namespace we hold the name, labels and annotations"),
    ("namespaceObject.metadata.generat", "of a Namespace we hold the name, labels and annotations"),
    ("namespaceObject.metadata.namespace", "of a Namespace we hold the name, labels and annotations"),
    ("namespaceObject.metadata.resourceVersion", "of a Namespace we hold the name, labels and annotations"),
];

// === impl Record ===

impl Record {
    pub(crate) fn judge(&self, objects: &Objects) -> Judged {
        if self.volatile.is_some() {
            return Judged::Volatile;
        }
        let variables: Vec<_> = self.vars.iter().map(|variable| (&*variable.name, &*variable.expression)).collect();
        let compiled = Expression::compile(&self.expr, &variables, self.params.is_some());
        let refused = self.outcome == "compile-error";
        let judged = match compiled {
            Err(_) if refused => Judged::Agrees,
            Ok(_) if refused => {
                let theirs = self.compile_error.first().map_or("", |error| &*error.text);
                Judged::LetPass { kind: kind_of(theirs), theirs: theirs.to_owned() }
            }
            Err(why) => Judged::Refused { ours: why.to_string() },
            Ok(expression) => self.compare(&expression, objects),
        };
        match judged {
            Judged::Agrees => Judged::Agrees,
            judged => self.on_purpose().map_or(judged, Judged::OnPurpose),
        }
    }

    fn on_purpose(&self) -> Option<&'static str> {
        let found = ON_PURPOSE.iter().find(|(text, _)| self.expr.contains(text));
        let whole =
            (self.expr == "namespaceObject").then_some("of a Namespace we hold the name, labels and annotations");
        found.map(|(_, reason)| *reason).or(whole)
    }

    fn compare(&self, expression: &Expression, objects: &Objects) -> Judged {
        let ours = expression.program.result.to_string();
        // A validation may be a `BoolValue`.
        let is_bool = |of: &str| matches!(of, "bool" | "wrapper(bool)");
        if let Some(theirs) = self.static_type.as_ref().filter(|theirs| is_bool(theirs) != is_bool(&ours)) {
            return Judged::Differs { object: "what it is declared to give".to_owned(), theirs: theirs.clone(), ours };
        }
        for run in &self.runs {
            let request = objects.request(&Ask {
                object: &run.object,
                operation: &run.op,
                name: &run.name,
                params: self.params.as_deref(),
                own: self.own.as_ref(),
            });
            let ours = expression.run(&request, Outcome::of);
            if !run.is(&ours) {
                return Judged::Differs { object: run.object.clone(), theirs: run.told(), ours: ours.to_string() };
            }
        }
        Judged::Agrees
    }
}

// === impl Run ===

impl Run {
    fn is(&self, ours: &Outcome) -> bool {
        match (self.outcome.as_str(), ours) {
            // What took the API server a minute is an error of its own.
            ("error" | "request-timeout", Outcome::Error(_)) => true,
            ("true" | "false", Outcome::Value(seen)) => {
                seen.of == "bool" && seen.json == Some(Json::Bool(self.outcome == "true"))
            }
            ("value", Outcome::Value(seen)) => self.is_value(seen),
            _ => false,
        }
    }

    fn is_value(&self, ours: &Seen) -> bool {
        let of = self.of.as_ref().is_none_or(|theirs| *theirs == ours.of);
        let json = self.json.as_ref().is_none_or(|theirs| ours.json.as_ref().is_some_and(|ours| same(theirs, ours)));
        let text = self.text.as_ref().filter(|theirs| !theirs.is_empty());
        let text = text.is_none_or(|theirs| ours.text.as_ref() == Some(theirs));
        let elements = self.elem_types.as_ref().is_none_or(|theirs| {
            let Some(ours) = &ours.elements else { return false };
            let sorted = |types: &[String]| {
                let mut types = types.to_vec();
                types.sort();
                types
            };
            sorted(theirs) == sorted(ours)
        });
        of && json && text && elements
    }

    fn told(&self) -> String {
        match self.outcome.as_str() {
            "error" => format!("an error: {}", self.error.as_deref().unwrap_or_default()),
            "value" => {
                let of = self.of.as_deref().unwrap_or("a value");
                let value = self.json.as_ref().map(Json::to_string).or_else(|| self.text.clone()).unwrap_or_default();
                let elements = self.elem_types.as_ref().map(|types| format!(" of {}", types.join(", ")));
                format!("{of} {value}{} (as text: {:?})", elements.unwrap_or_default(), self.text)
            }
            outcome => outcome.to_owned(),
        }
    }
}

/// Equal as far as the record can tell: it holds large integers as strings, and no difference between 1 and 1.0.
fn same(theirs: &Json, ours: &Json) -> bool {
    match (theirs, ours) {
        (Json::Number(theirs), Json::Number(ours)) => theirs == ours || theirs.as_f64() == ours.as_f64(),
        (Json::String(theirs), Json::Number(ours)) => *theirs == ours.to_string(),
        (Json::Array(theirs), Json::Array(ours)) => {
            theirs.len() == ours.len() && theirs.iter().zip(ours).all(|(theirs, ours)| same(theirs, ours))
        }
        (Json::Object(theirs), Json::Object(ours)) => {
            let is_there = |(key, theirs): (&String, &Json)| ours.get(key).is_some_and(|ours| same(theirs, ours));
            theirs.len() == ours.len() && theirs.iter().all(is_there)
        }
        (theirs, ours) => theirs == ours,
    }
}

/// The first words of a refusal, without what it names.
fn kind_of(refusal: &str) -> String {
    let first = refusal.lines().next().unwrap_or_default();
    let said = first.strip_prefix("compilation failed: ").unwrap_or(first);
    let said = said.strip_prefix("ERROR: <input>:").map_or(said, |rest| rest.splitn(3, ':').last().unwrap_or(rest));
    let mut kind = String::new();
    let mut named = false;
    for letter in said.trim().chars() {
        match letter {
            '\'' => {
                named = !named;
                kind.push_str(if named { "'…'" } else { "" });
            }
            _ if named => {}
            letter => kind.push(letter),
        }
    }
    kind.split([':', '(']).next().unwrap_or_default().trim().to_owned()
}
