//! Cases: `*.test.yaml` files that say what policies must make of objects. Ours and a user's are the same format.

pub mod run;

use std::{collections::BTreeMap, sync::Arc};

use serde::Deserialize;
use serde_json::Value;

use crate::{
    engine::{
        finding::Level,
        kinds,
        node::{Path, Segment},
        policy::{Exception, Policy, PolicySet, compile, exception, shipped},
        subject::Operation,
        yaml::{self, Dialect},
    },
    files::Source,
};

/// A file of cases.
#[derive(Clone, Debug, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CaseFile {
    /// Policies of every case: names of shipped ones, or GuardPolicies. Without any, all shipped ones.
    #[serde(default)]
    pub policies: Vec<PolicyOrName>,
    /// Objects that exist beside the subject, in every case.
    #[serde(default)]
    pub world: Vec<Value>,
    /// GuardExceptions that exist in every case.
    #[serde(default)]
    pub exceptions: Vec<Value>,
    pub cases: Vec<Case>,
}

/// One case: a subject as a file or request holds it, and what is expected.
#[derive(Clone, Debug, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Case {
    pub name: String,
    /// In place of the file's.
    #[serde(default)]
    pub policies: Vec<PolicyOrName>,
    /// Beside the file's; an object of the same name replaces it.
    #[serde(default)]
    pub world: Vec<Value>,
    /// GuardExceptions beside the file's.
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
    /// RFC 3339.
    #[serde(default)]
    pub now: Option<String>,
    pub expect: Expectation,
}

/// A policy written out, or the name of a shipped one.
#[derive(Clone, Debug, Deserialize, schemars::JsonSchema)]
#[serde(untagged)]
pub enum PolicyOrName {
    Name(String),
    Policy(Value),
}

/// A change of an object.
#[derive(Clone, Debug, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Request {
    pub operation: Operation,
    #[serde(default)]
    pub user: String,
    #[serde(default)]
    pub dry_run: bool,
    #[serde(default)]
    pub object: Value,
    #[serde(default)]
    pub old_object: Value,
}

/// What must come out. What is not given is not compared, but `findings` are always all of them.
#[derive(Clone, Debug, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Expectation {
    #[serde(default)]
    pub findings: Vec<ExpectedFinding>,
    /// Whether a webhook lets it pass; for a subject, as a CREATE.
    #[serde(default)]
    pub allowed: Option<bool>,
    /// Codes of the findings that a webhook warns of.
    #[serde(default)]
    pub warned: Option<Vec<String>>,
    /// Codes of the findings that an exception spares for some policy.
    #[serde(default)]
    pub excepted: Option<Vec<String>>,
    /// The object after `/mutate`.
    #[serde(default)]
    pub patched: Option<Value>,
    /// Objects that would be made.
    #[serde(default)]
    pub ensures: Option<Vec<Value>>,
}

/// A finding, by its code and whatever else matters.
#[derive(Clone, Debug, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ExpectedFinding {
    pub code: String,
    #[serde(default)]
    pub level: Option<Level>,
    #[serde(default)]
    pub path: Option<String>,
    /// Words that the message, its details or its help must hold.
    #[serde(default)]
    pub says: Option<String>,
    #[serde(default)]
    pub fixable: Option<bool>,
}

/// A case file cannot be used.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub struct BadCases {
    pub message: String,
    /// Byte in the file.
    pub offset: usize,
}

/// A case makes no sense.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
#[error("{message}")]
pub struct BadCase {
    /// Where in the file.
    pub at: Path,
    pub message: String,
}

/// Reads a file of cases.
///
/// # Errors
/// Where it is no YAML, or has a key that is not known.
pub fn read(source: &Source) -> Result<CaseFile, BadCases> {
    let tree = yaml::tree::parse(&source.text)
        .map_err(|error| BadCases { message: error.message.clone(), offset: error.offset })?;
    let value = tree
        .value(Dialect::Kubernetes)
        .map_err(|error| BadCases { message: error.message.clone(), offset: error.offset })?;
    serde_path_to_error::deserialize(&value).map_err(|error| {
        let mut path = Path::root();
        for segment in error.path() {
            match segment {
                serde_path_to_error::Segment::Map { key } => path.push(Segment::Key(key.clone())),
                serde_path_to_error::Segment::Seq { index } => path.push(Segment::Index(*index)),
                _ => {}
            }
        }
        BadCases { message: format!("`{path}`: {}", error.inner()), offset: offset(source, &path) }
    })
}

/// The byte at which a place in a file of cases begins.
pub fn offset(source: &Source, at: &Path) -> usize {
    yaml::spans::locate(&source.text, at).map_or(0, |span| span.start)
}

impl CaseFile {
    /// The policies of a case.
    ///
    /// # Errors
    /// A name that no shipped policy has, or a policy that does not compile.
    pub fn policies(&self, case: &Case) -> Result<PolicySet, BadCase> {
        let (wanted, at) = match &case.policies {
            own if !own.is_empty() => (own, self.place_of(case).key("policies")),
            _ => (&self.policies, Path::of(&["policies"])),
        };
        if wanted.is_empty() {
            return Ok(shipped::policies());
        }
        let shipped = shipped::policies();
        let one = |(index, policy): (usize, &PolicyOrName)| -> Result<Policy, BadCase> {
            let at = at.index(index);
            match policy {
                PolicyOrName::Policy(value) => compile::compile(value).map_err(|error| BadCase {
                    at: at.join(&error.path),
                    message: format!("policy: {}", error.message),
                }),
                PolicyOrName::Name(name) => {
                    let known = shipped.policies().iter().find(|known| known.name == *name);
                    known
                        .map(|policy| (**policy).clone())
                        .ok_or_else(|| BadCase { at, message: format!("no shipped policy is named `{name}`") })
                }
            }
        };
        Ok(PolicySet::new(wanted.iter().enumerate().map(one).collect::<Result<Vec<_>, _>>()?))
    }

    /// The exceptions of a case.
    ///
    /// # Errors
    /// One that does not compile.
    pub fn exceptions(&self, case: &Case) -> Result<Vec<Arc<Exception>>, BadCase> {
        let of_file = self.exceptions.iter().enumerate().map(|(i, one)| (Path::of(&["exceptions"]).index(i), one));
        let at = self.place_of(case).key("exceptions");
        let own = case.exceptions.iter().enumerate().map(|(i, one)| (at.index(i), one));
        let one = |(at, value): (Path, &Value)| {
            let read = exception::compile::compile(value, "default");
            read.map(Arc::new)
                .map_err(|error| BadCase { at: at.join(&error.path), message: format!("exception: {}", error.message) })
        };
        of_file.chain(own).map(one).collect()
    }

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
}

// === impl BadCase ===

impl From<BadCase> for String {
    fn from(bad: BadCase) -> Self {
        format!("`{}`: {}", bad.at, bad.message)
    }
}

const fn yes() -> bool {
    true
}
