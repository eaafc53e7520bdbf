//! From what is written to what judges: everything that can be wrong with a policy is said here.

pub mod cel;
mod selected;

use std::fmt;

use serde_json::Value;

use crate::engine::{
    cel::BadExpression,
    node::{Path, Segment},
    policy::{
        Body, Policy,
        exception::permit,
        spec::{self, GuardPolicy, GuardPolicySpec},
    },
    rules,
};

/// A policy is wrong: what, and where in its file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadPolicy {
    pub path: Path,
    pub message: String,
    /// Where in the expression that stands at the path.
    pub within: Option<Box<BadExpression>>,
}

/// Reads and compiles a GuardPolicy.
///
/// # Errors
/// The first thing that is wrong with it, with the path at which it stands and the values that would be right.
pub fn compile(document: &Value) -> Result<Policy, BadPolicy> {
    let policy: GuardPolicy = serde_path_to_error::deserialize(document)
        .map_err(|error| BadPolicy::new(path_of(error.path()), plain_words(&error.inner().to_string())))?;
    let bad = |path: &[&str], message: String| Err(BadPolicy::new(Path::of(path), message));
    if policy.api_version != spec::API_VERSION {
        return bad(&["apiVersion"], format!("`{}` is not known; it is `{}`", policy.api_version, spec::API_VERSION));
    }
    if policy.kind != spec::KIND {
        return bad(&["kind"], format!("`{}` is not a policy; it is `{}`", policy.kind, spec::KIND));
    }
    if policy.metadata.name.is_empty() {
        return bad(&["metadata", "name"], "a policy needs a name".to_owned());
    }
    let spec = policy.spec;
    let expressions = cel::expressions(&spec)?;
    let body = match one_body(&spec)? {
        Some(parameters) => {
            let Some(rule) = rules::by_name(parameters.name()) else {
                return bad(&["spec", "rule"], format!("`{}` is no rule", parameters.name()));
            };
            if !spec.variables.is_empty() {
                return bad(&["spec", "variables"], "a built-in rule reads no `variables`".to_owned());
            }
            Body::Rule { rule, parameters: parameters.clone() }
        }
        None => cel::body(&policy.metadata.name, &spec, &expressions)?,
    };
    let (matches, excludes) = selected::rules(&spec, &body)?;
    selected::selectors(&spec.match_constraints)?;
    let exceptions = permit::permit(spec.exceptions.unwrap_or_default(), &Path::of(&["spec", "exceptions"]))?;
    let levels = spec.levels.into_iter().map(|one| (one.code, one.level.level())).collect();
    Ok(Policy {
        name: policy.metadata.name,
        description: spec.description,
        matches,
        excludes,
        namespaces: spec.match_constraints.namespace_selector,
        objects: spec.match_constraints.object_selector,
        action: spec.action,
        remedy: spec.remedy,
        failure: spec.failure_policy,
        failure_before: None,
        levels,
        exceptions,
        conditions: expressions.conditions,
        params: expressions.params,
        variables: expressions.variables,
        body,
    })
}

// === impl BadPolicy ===

impl BadPolicy {
    pub(in crate::engine::policy) fn new(path: Path, message: impl Into<String>) -> Self {
        Self { path, message: message.into(), within: None }
    }

    fn in_expression(path: Path, bad: BadExpression) -> Self {
        Self { message: bad.message.clone(), within: Some(Box::new(bad)), path }
    }
}

/// The path, the message, and below it the expression with a caret: for who has no file to point into.
impl fmt::Display for BadPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.path.is_root() {
            write!(f, "{}: ", self.path)?;
        }
        match &self.within {
            Some(bad) => bad.fmt(f),
            None => f.write_str(&self.message),
        }
    }
}

/// The parameters of its rule, or nothing where it has validations or mutations; it has exactly one of the three.
fn one_body(spec: &GuardPolicySpec) -> Result<Option<&spec::RuleSpec>, BadPolicy> {
    let given = [
        ("rule", spec.rule.is_some()),
        ("validations", !spec.validations.is_empty()),
        ("mutations", !spec.mutations.is_empty()),
    ];
    let given: Vec<_> = given.into_iter().filter_map(|(field, given)| given.then_some(field)).collect();
    match given.as_slice() {
        [_] => Ok(spec.rule.as_ref()),
        [] => {
            let names: Vec<_> = rules::RULES.iter().map(|rule| format!("`{}`", rule.name)).collect();
            let names = names.join(", ");
            let message = format!("a policy needs a `rule` (one of {names}), or `validations` or `mutations` in CEL");
            Err(BadPolicy::new(Path::of(&["spec"]), message))
        }
        [first, second, ..] => {
            let message =
                format!("a policy has one body, and this one has `{first}` and `{second}`; write two policies");
            Err(BadPolicy::new(Path::of(&["spec", second]), message))
        }
    }
}

pub(super) fn path_of(path: &serde_path_to_error::Path) -> Path {
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

/// serde says `unknown variant`, which is a word for programmers.
pub(super) fn plain_words(message: &str) -> String {
    message
        .replace("invalid value: map, expected map with a single key", "a policy has exactly one rule, not several")
        .replace("unknown variant", "unknown value")
        .replace("invalid type: ", "wrong type: ")
        .replace("a sequence", "a list")
        .replace("a map", "a mapping")
        .replace("struct variant", "mapping")
}
