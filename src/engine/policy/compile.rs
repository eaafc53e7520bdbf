//! From what is written to what judges: everything that can be wrong with a policy is said here.

pub mod cel;
mod levels;
mod patch;
mod selected;
pub(super) mod words;

use std::fmt;

use serde_json::Value;

use crate::engine::{
    cel::BadExpression,
    node::Path,
    policy::{
        Body, Policy,
        exception::permit,
        spec::{self, GuardPolicy, GuardPolicySpec},
    },
    rules,
    yaml::spans::{self, Span},
};

/// A policy is wrong: what, and where in its file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadPolicy {
    pub path: Path,
    pub message: String,
    /// Where in the expression that stands at the path.
    pub within: Option<Box<BadExpression>>,
    /// Whether the key at the path is what is wrong, and not its value.
    pub of_key: bool,
}

/// Reads and compiles a GuardPolicy.
///
/// # Errors
/// The first thing that is wrong with it, with the path at which it stands and the values that would be right.
pub fn compile(document: &Value) -> Result<Policy, BadPolicy> {
    let policy: GuardPolicy = words::read(document)?;
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
    let mut policy = Policy {
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
        levels: spec.levels.iter().map(|one| (one.code.clone(), one.level.level())).collect(),
        exceptions,
        conditions: expressions.conditions,
        params: expressions.params,
        variables: expressions.variables,
        body,
        idle: Vec::new(),
    };
    policy.idle = cel::never_true(&policy.conditions).chain(levels::unknown(&policy, &spec.levels)?).collect();
    Ok(policy)
}

// === impl BadPolicy ===

impl BadPolicy {
    pub(in crate::engine::policy) fn new(path: Path, message: impl Into<String>) -> Self {
        Self { path, message: message.into(), within: None, of_key: false }
    }

    /// Where it stands in the text of a file, where the policy stands at `within` in it.
    pub fn place(&self, text: &str, within: &Path) -> Option<Span> {
        let path = within.join(&self.path);
        let in_expression = self.within.as_ref().and_then(|bad| spans::within(text, &path, bad.at));
        in_expression.or_else(|| if self.of_key { spans::locate_key(text, &path) } else { spans::locate(text, &path) })
    }

    fn in_expression(path: Path, bad: BadExpression) -> Self {
        Self { within: Some(Box::new(bad.clone())), ..Self::new(path, bad.message) }
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
