//! What a policy selects, and what none may.

use crate::engine::{
    kinds::{AGENTGATEWAY, CORE, KGATEWAY, OPENTELEMETRY},
    node::Path,
    policy::{
        Body, FailurePolicy, ResourceRule,
        compile::BadPolicy,
        spec::{self, GuardPolicySpec, MatchConstraints},
    },
    subject::Operation,
};

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

/// What mutations may change: what telemetry is made of, and nothing whose owner would be surprised.
const MUTABLE: &[(&str, &str)] = &[
    (CORE, "configmaps"),
    (CORE, "pods"),
    (KGATEWAY, "httplistenerpolicies"),
    (KGATEWAY, "listenerpolicies"),
    (AGENTGATEWAY, "agentgatewaypolicies"),
    (OPENTELEMETRY, "opentelemetrycollectors"),
];

/// What it selects, and what of that it leaves out.
pub(super) fn rules(spec: &GuardPolicySpec, body: &Body) -> Result<(Vec<ResourceRule>, Vec<ResourceRule>), BadPolicy> {
    let constraints = Path::of(&["spec", "matchConstraints"]);
    let matches = resource_rules(&constraints.key("resourceRules"), &spec.match_constraints.resource_rules)?;
    let excludes =
        resource_rules(&constraints.key("excludeResourceRules"), &spec.match_constraints.exclude_resource_rules)?;
    if matches.is_empty() {
        let message = "a policy without `resourceRules` selects nothing";
        return Err(BadPolicy::new(constraints.key("resourceRules"), message));
    }
    let is_left = |group: &String, resource: &String, operation: Operation| {
        !excludes.iter().any(|exclude| exclude.matches(group, resource, operation))
    };
    let leaves_something = matches.iter().any(|rule| {
        let resources =
            rule.groups.iter().flat_map(|group| rule.resources.iter().map(move |resource| (group, resource)));
        let mut each = resources.flat_map(|(g, r)| rule.operations.iter().map(move |operation| (g, r, *operation)));
        each.any(|(group, resource, operation)| is_left(group, resource, operation))
    });
    if !leaves_something {
        let message = "it leaves out all that `resourceRules` select: the policy would judge nothing";
        return Err(BadPolicy::new(constraints.key("excludeResourceRules"), message));
    }
    selects_what_it_may(&constraints.key("resourceRules"), &matches, body, spec.failure_policy)?;
    Ok((matches, excludes))
}

/// Selectors that nothing can ever match are a mistake of whoever wrote them.
pub(super) fn selectors(constraints: &MatchConstraints) -> Result<(), BadPolicy> {
    let selectors =
        [("namespaceSelector", &constraints.namespace_selector), ("objectSelector", &constraints.object_selector)];
    for (field, selector) in selectors {
        if let Some(message) = selector.contradiction() {
            return Err(BadPolicy::new(Path::of(&["spec", "matchConstraints", field]), message));
        }
    }
    Ok(())
}

fn resource_rules(path: &Path, specs: &[spec::ResourceRuleSpec]) -> Result<Vec<ResourceRule>, BadPolicy> {
    let one = |(index, rule): (usize, &spec::ResourceRuleSpec)| {
        let at = path.index(index);
        let bad = |field: &str, message: &str| Err(BadPolicy::new(at.key(field), message.to_owned()));
        let lists = [
            ("apiGroups", rule.api_groups.is_empty()),
            ("apiVersions", rule.api_versions.is_empty()),
            ("resources", rule.resources.is_empty()),
            ("operations", rule.operations.is_empty()),
        ];
        if let Some((field, _)) = lists.into_iter().find(|(_, is_empty)| *is_empty) {
            return bad(field, "it is empty, and all four lists must match: the rule selects nothing");
        }
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
    body: &Body,
    failure: FailurePolicy,
) -> Result<(), BadPolicy> {
    let by_rule = match body {
        Body::Rule { rule, .. } => Some(*rule),
        Body::Validations(_) | Body::Mutations(_) => None,
    };
    for (index, selected) in matches.iter().enumerate() {
        let judges = |operation: &Operation| match by_rule {
            Some(rule) => rule.operations.contains(operation),
            // Nothing is left to change of what is deleted.
            None => matches!(body, Body::Validations(_)) || *operation != Operation::Delete,
        };
        if !selected.operations.iter().any(judges) {
            let (who, known) = match by_rule {
                Some(rule) => (format!("the rule `{}` judges", rule.name), rule.operations),
                None => ("mutations change".to_owned(), &[Operation::Create, Operation::Update][..]),
            };
            let known: Vec<_> = known.iter().map(|operation| operation.name()).collect();
            let message = format!("{who} only {}", known.join(", "));
            return Err(BadPolicy::new(path.index(index).key("operations"), message));
        }
        for (group, resource) in
            selected.groups.iter().flat_map(|group| selected.resources.iter().map(move |resource| (group, resource)))
        {
            let bad = |message: String| Err(BadPolicy::new(path.index(index).key("resources"), message));
            let base = resource.split('/').next().unwrap_or_default();
            let crds = group == "apiextensions.k8s.io" && by_rule.is_none_or(|rule| rule.name != "inUse");
            let forbidden = FORBIDDEN
                .iter()
                .find(|(known, resources, _)| known == group && (resources.is_empty() || resources.contains(&base)));
            if let Some((_, _, why)) = forbidden {
                return bad(format!("`{resource}` must not be selected: {why}"));
            }
            if crds {
                return bad(format!("`{resource}` may be selected by the rule `inUse` alone"));
            }
            let known = match (by_rule, body) {
                (Some(rule), _) => rule.resources,
                (None, Body::Mutations(_)) => MUTABLE,
                (None, _) => &[],
            };
            if !known.is_empty() && !known.iter().any(|(g, r)| g == group && r == resource) {
                let who = by_rule.map_or_else(
                    || "mutations do not reach".to_owned(),
                    |rule| format!("the rule `{}` does not judge", rule.name),
                );
                let known: Vec<_> =
                    known.iter().map(|(group, resource)| format!("`{resource}`{}", of(group))).collect();
                return bad(format!("{who} `{resource}`{}, but only {}", of(group), known.join(", ")));
            }
            let telemetry = ["gateway.kgateway.dev", "agentgateway.dev"].contains(&group.as_str());
            if failure == FailurePolicy::Fail && !telemetry {
                let message = format!(
                    "only telemetry kinds may have `failurePolicy: Fail`: `{resource}` must stay writable while Portcullis is down"
                );
                return Err(BadPolicy::new(Path::of(&["spec", "failurePolicy"]), message));
            }
        }
    }
    Ok(())
}

fn of(group: &str) -> String {
    if group.is_empty() { String::new() } else { format!(" of `{group}`") }
}
