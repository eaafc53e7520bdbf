//! From what is written to what judges: everything that can be wrong with a policy is said here.

use serde_json::Value;

use crate::engine::{
    node::{Path, Segment},
    policy::{FailurePolicy, Policy, ResourceRule, exception::permit, spec, spec::GuardPolicy},
    rules,
    subject::Operation,
};

/// A policy is wrong: what, and where in its file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct BadPolicy {
    pub path: Path,
    pub message: String,
}

/// Kinds that no policy may select, and why.
const FORBIDDEN: &[(&str, &[&str], &str)] = &[
    ("", &["secrets"], "a webhook must not see secrets"),
    ("", &["events", "nodes", "endpoints"], "a webhook that fails there stops the cluster"),
    ("events.k8s.io", &["events"], "a webhook that fails there stops the cluster"),
    ("discovery.k8s.io", &["endpointslices"], "a webhook that fails there stops the cluster"),
    ("coordination.k8s.io", &["leases"], "a webhook that fails there stops the cluster"),
    ("rbac.authorization.k8s.io", &[], "who may do what is not telemetry"),
    ("authentication.k8s.io", &[], "reviews are answered by the API server alone"),
    ("authorization.k8s.io", &[], "reviews are answered by the API server alone"),
    ("apiregistration.k8s.io", &[], "a webhook that fails there stops the cluster"),
    ("admissionregistration.k8s.io", &[], "a webhook must not stand in the way of its own removal"),
    ("portcullis.dev", &[], "a policy must not stand in the way of its own repair"),
];

/// Reads and compiles a GuardPolicy.
///
/// # Errors
/// The first thing that is wrong with it, with the path at which it stands and the values that would be right.
pub fn compile(document: &Value) -> Result<Policy, BadPolicy> {
    let policy: GuardPolicy = serde_path_to_error::deserialize(document)
        .map_err(|error| BadPolicy { path: path_of(error.path()), message: plain_words(&error.inner().to_string()) })?;
    let bad = |path: &[&str], message: String| Err(BadPolicy { path: Path::of(path), message });
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
    for (field, given) in [
        ("matchConditions", spec.match_conditions.len()),
        ("validations", spec.validations.len()),
        ("mutations", spec.mutations.len()),
    ] {
        if given > 0 {
            return bad(
                &["spec", field],
                format!("`{field}` are CEL, which this version does not evaluate; use `rule`"),
            );
        }
    }
    let Some(parameters) = spec.rule else {
        let names: Vec<_> = rules::RULES.iter().map(|rule| format!("`{}`", rule.name)).collect();
        return bad(&["spec"], format!("a policy needs a `rule`: one of {}", names.join(", ")));
    };
    let Some(rule) = rules::by_name(parameters.name()) else {
        return bad(&["spec", "rule"], format!("`{}` is no rule", parameters.name()));
    };
    let constraints = Path::of(&["spec", "matchConstraints"]);
    let matches = resource_rules(&constraints.key("resourceRules"), &spec.match_constraints.resource_rules)?;
    let excludes =
        resource_rules(&constraints.key("excludeResourceRules"), &spec.match_constraints.exclude_resource_rules)?;
    if matches.is_empty() {
        return Err(BadPolicy {
            path: constraints.key("resourceRules"),
            message: "a policy without `resourceRules` selects nothing".to_owned(),
        });
    }
    selects_what_it_may(&constraints.key("resourceRules"), &matches, rule, spec.failure_policy)?;
    let exceptions = permit::permit(spec.exceptions.unwrap_or_default(), &Path::of(&["spec", "exceptions"]))?;
    let levels = spec.levels.into_iter().map(|one| (one.code, one.level.level())).collect();
    Ok(Policy {
        name: policy.metadata.name,
        description: spec.description,
        rule,
        parameters,
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
    })
}

fn resource_rules(path: &Path, specs: &[spec::ResourceRuleSpec]) -> Result<Vec<ResourceRule>, BadPolicy> {
    let one = |(index, rule): (usize, &spec::ResourceRuleSpec)| {
        let at = path.index(index);
        let bad = |field: &str, message: &str| Err(BadPolicy { path: at.key(field), message: message.to_owned() });
        if rule.api_groups.iter().any(|group| group.contains('*')) {
            return bad(
                "apiGroups",
                "a policy names its groups: `*` would make every write to the cluster wait for us",
            );
        }
        if rule.resources.iter().any(|resource| resource.contains('*')) {
            return bad(
                "resources",
                "a policy names its resources: `*` would make every write to the cluster wait for us",
            );
        }
        let mut operations: Vec<Operation> = rule
            .operations
            .iter()
            .flat_map(|operation| match operation {
                spec::OperationSpec::Create => vec![Operation::Create],
                spec::OperationSpec::Update => vec![Operation::Update],
                spec::OperationSpec::Delete => vec![Operation::Delete],
                spec::OperationSpec::All => vec![Operation::Create, Operation::Update, Operation::Delete],
            })
            .collect();
        operations.sort();
        operations.dedup();
        Ok(ResourceRule { groups: rule.api_groups.clone(), resources: rule.resources.clone(), operations })
    };
    specs.iter().enumerate().map(one).collect()
}

fn selects_what_it_may(
    path: &Path,
    matches: &[ResourceRule],
    rule: &rules::Rule,
    failure: FailurePolicy,
) -> Result<(), BadPolicy> {
    for (index, selected) in matches.iter().enumerate() {
        if !selected.operations.iter().any(|operation| rule.operations.contains(operation)) {
            let known: Vec<_> = rule.operations.iter().map(|operation| operation.name()).collect();
            let message = format!("the rule `{}` judges only {}", rule.name, known.join(", "));
            return Err(BadPolicy { path: path.index(index).key("operations"), message });
        }
        for (group, resource) in
            selected.groups.iter().flat_map(|group| selected.resources.iter().map(move |resource| (group, resource)))
        {
            let bad = |message: String| Err(BadPolicy { path: path.index(index).key("resources"), message });
            let base = resource.split('/').next().unwrap_or_default();
            let crds = group == "apiextensions.k8s.io" && rule.name != "inUse";
            let forbidden = FORBIDDEN
                .iter()
                .find(|(known, resources, _)| known == group && (resources.is_empty() || resources.contains(&base)));
            if let Some((_, _, why)) = forbidden {
                return bad(format!("`{resource}` must not be selected: {why}"));
            }
            if crds {
                return bad(format!("`{resource}` may be selected by the rule `inUse` alone"));
            }
            let known = rule.resources.iter().any(|(g, r)| g == group && r == resource);
            if !known {
                let known: Vec<_> =
                    rule.resources.iter().map(|(group, resource)| format!("`{resource}`{}", of(group))).collect();
                return bad(format!(
                    "the rule `{}` does not judge `{resource}`{}; it judges {}",
                    rule.name,
                    of(group),
                    known.join(", ")
                ));
            }
            let telemetry = ["gateway.kgateway.dev", "agentgateway.dev"].contains(&group.as_str());
            if failure == FailurePolicy::Fail && !telemetry {
                return Err(BadPolicy {
                    path: Path::of(&["spec", "failurePolicy"]),
                    message: format!(
                        "only telemetry kinds may have `failurePolicy: Fail`: `{resource}` must stay writable while Portcullis is down"
                    ),
                });
            }
        }
    }
    Ok(())
}

fn of(group: &str) -> String {
    if group.is_empty() { String::new() } else { format!(" of `{group}`") }
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
