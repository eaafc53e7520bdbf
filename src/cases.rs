//! Cases: `*.test.yaml` files that say what policies must make of objects. Ours and a user's are the same format.

mod chosen;
pub mod differences;
mod exceptions;
mod read;
pub mod run;

use std::{collections::BTreeMap, path::PathBuf, sync::OnceLock};

use schemars::{JsonSchema, generate::SchemaSettings};
use serde::Deserialize;
use serde_json::Value;

use crate::{
    engine::{finding::Level, kinds, node::Path, policy::PolicySet, subject::Operation},
    files::{self, Refusal, Source},
};
pub use read::read;

// The doc comments of what is read are what an editor shows by the schema: they are written for users.

/// What policies must make of objects.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(title = "Portcullis cases")]
pub struct CaseFile {
    /// Policies of every case. Without any: those of the file beside this one that is called the same without `.test`,
    /// else all shipped ones.
    #[serde(default)]
    pub policies: Vec<PolicyEntry>,
    /// Objects that exist beside the subject, in every case; ConfigMaps that policies take as `params`, too.
    #[serde(default)]
    pub world: Vec<Value>,
    /// Labels of namespaces that are not in the world, by namespace.
    #[serde(default)]
    pub namespace_labels: Labels,
    /// GuardExceptions that exist, in every case.
    #[serde(default)]
    pub exceptions: Vec<Value>,
    /// At least one.
    pub cases: Vec<Case>,
    /// Where it was read from.
    #[serde(skip)]
    source: Source,
    /// What `policies` came to: the same for every case.
    #[serde(skip)]
    shared: OnceLock<Result<PolicySet, Unusable>>,
}

/// Labels by namespace.
pub type Labels = BTreeMap<String, BTreeMap<String, String>>;

/// A subject as a file or request holds it, and what is expected.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Case {
    /// What the case shows.
    pub name: String,
    /// Why the case is not run.
    #[serde(default)]
    pub skip: Option<String>,
    /// In place of the file's.
    #[serde(default)]
    pub policies: Vec<PolicyEntry>,
    /// Beside the file's; an object of the same name replaces it.
    #[serde(default)]
    pub world: Vec<Value>,
    /// Beside the file's.
    #[serde(default)]
    pub namespace_labels: Labels,
    /// Beside the file's.
    #[serde(default)]
    pub exceptions: Vec<Value>,
    /// Whether what is not in the world does not exist; else it is unknown.
    #[serde(default = "yes")]
    pub closed_world: bool,
    /// As `--control-plane` takes it.
    #[serde(default)]
    pub control_plane: Vec<String>,
    /// An object, judged as `check` judges it and as a CREATE.
    #[serde(default)]
    pub subject: Option<Value>,
    /// A change, judged as a webhook judges it.
    #[serde(default)]
    pub request: Option<Request>,
    /// What time it is, as in `2026-01-01T00:00:00Z`, which it is where nothing is said.
    #[serde(default)]
    pub now: Option<String>,
    /// What must come out.
    pub expect: Expectation,
}

/// A shipped policy, policies in a file, or one written out.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum PolicyEntry {
    /// The name of a shipped policy.
    Name(String),
    File(PolicyFile),
    /// A GuardPolicy.
    Policy(Value),
}

/// Policies in a file or folder.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PolicyFile {
    /// Relative to the file of cases.
    pub file: PathBuf,
}

/// A change of an object.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Request {
    /// `CREATE`, `UPDATE` or `DELETE`.
    pub operation: Operation,
    /// Who asks.
    #[serde(default)]
    pub user: String,
    /// Groups of the user.
    #[serde(default)]
    pub groups: Vec<String>,
    /// Whether nothing is to be stored.
    #[serde(default)]
    pub dry_run: bool,
    /// As it would be stored; none on DELETE.
    #[serde(default)]
    pub object: Value,
    /// As it is stored; none on CREATE.
    #[serde(default)]
    pub old_object: Value,
}

/// What must come out. What is not given is not compared, apart from `findings`: what is found and not expected is a
/// difference, also where nothing is expected.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Expectation {
    /// All of them, in any order.
    #[serde(default)]
    pub findings: Option<Vec<ExpectedFinding>>,
    /// Whether a webhook lets it pass; for a subject, as a CREATE.
    #[serde(default)]
    pub allowed: Option<bool>,
    /// Codes of the findings that a webhook warns of: all of them, in any order.
    #[serde(default)]
    pub warned: Option<Vec<String>>,
    /// The object after `/mutate`.
    #[serde(default)]
    pub patched: Option<Value>,
    /// Objects that would be made.
    #[serde(default)]
    pub ensures: Option<Vec<Value>>,
    /// What could not be looked up although a finding rests on it: words of each such thing, in any order. `[]` says that
    /// all could be looked up.
    #[serde(default)]
    pub unknowns: Option<Vec<String>>,
    /// Codes of the findings that an exception spares for some policy: all of them, in any order.
    #[serde(default)]
    pub excepted: Option<Vec<String>>,
}

/// A finding, by its code and whatever else matters.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ExpectedFinding {
    /// As in `backend-refs/not-found`; of a policy in CEL, `<policy>/<validation>`.
    pub code: String,
    /// `error`, `warning` or `note`.
    #[serde(default)]
    pub level: Option<Level>,
    /// Where in the object, as in `spec.default.httpSettings.accessLog[0]`.
    #[serde(default)]
    pub path: Option<String>,
    /// Words that the message, its details or its help must hold.
    #[serde(default)]
    pub says: Option<String>,
    /// Words that the help must hold.
    #[serde(default)]
    pub help: Option<String>,
    /// Whether the policy knows an edit that mends it.
    #[serde(default)]
    pub fixable: Option<bool>,
}

/// Cases that cannot be run, and why.
#[derive(Clone, Debug, Default)]
pub struct Unusable {
    /// What the refusals point into; the file of cases is the first.
    pub sources: Vec<Source>,
    pub refusals: Vec<Refusal>,
}

/// The JSON schema of a file of cases, as in `docs/cases.schema.json`.
pub fn schema() -> Value {
    SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<CaseFile>().to_value()
}

// === impl CaseFile ===

impl CaseFile {
    /// Where one of its cases stands in the file.
    pub fn place_of(&self, case: &Case) -> Path {
        let position = self.cases.iter().position(|known| std::ptr::eq(known, case));
        let cases = Path::of(&["cases"]);
        position.map_or(cases.clone(), |position| cases.index(position))
    }

    /// The objects that exist, by what identifies them: a case's replace the file's.
    pub fn world<'a>(&'a self, case: &'a Case) -> Vec<&'a Value> {
        let mut objects: BTreeMap<String, &Value> = BTreeMap::new();
        for (index, object) in self.world.iter().chain(&case.world).enumerate() {
            let mut identity = ["/apiVersion", "/kind", "/metadata/namespace", "/metadata/name"]
                .map(|pointer| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default())
                .join("|");
            if kinds::generated_name(object).is_some() {
                identity.push_str(&index.to_string());
            }
            objects.insert(identity, object);
        }
        objects.into_values().collect()
    }

    /// The labels of namespaces that are not in the world: a case's beside the file's.
    pub fn namespace_labels(&self, case: &Case) -> Labels {
        let mut all = self.namespace_labels.clone();
        for (namespace, labels) in &case.namespace_labels {
            all.entry(namespace.clone()).or_default().extend(labels.clone());
        }
        all
    }
}

// === impl Unusable ===

impl Unusable {
    /// Nothing so far that is wrong with a file.
    fn of(file: &CaseFile) -> Self {
        Self { sources: vec![file.source.clone()], refusals: Vec::new() }
    }

    /// This, if nothing is wrong.
    fn or<T>(self, right: T) -> Result<T, Self> {
        if self.refusals.is_empty() { Ok(right) } else { Err(self) }
    }
}

impl std::fmt::Display for Unusable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let lines = self.refusals.iter().map(|refusal| files::refusal_line(refusal, &self.sources));
        f.write_str(&lines.collect::<Vec<_>>().join("\n"))
    }
}

impl std::error::Error for Unusable {}

impl From<Unusable> for String {
    fn from(unusable: Unusable) -> Self {
        unusable.to_string()
    }
}

const fn yes() -> bool {
    true
}
