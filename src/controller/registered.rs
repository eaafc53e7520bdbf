//! Whether the API server sends us what a policy selects: read from the webhook configurations that exist. Pure.

use serde::Deserialize;
use serde_json::Value;

use crate::engine::{
    policy::{FailurePolicy, Policy},
    select,
    selector::LabelSelector,
};

/// An entry of a webhook configuration that leads to one of our doors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Registration {
    door: Door,
    rules: Vec<Rule>,
    fails_open: bool,
    namespaces: LabelSelector,
    objects: LabelSelector,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Door {
    Validate,
    ValidateFail,
    ValidateIgnore,
    Mutate,
}

/// `admissionregistration.k8s.io/v1` RuleWithOperations. Versions are left out: by `matchPolicy: Equivalent`, the default,
/// one version stands for all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Rule {
    api_groups: Vec<String>,
    resources: Vec<String>,
    operations: Vec<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Entry {
    client_config: ClientConfig,
    rules: Vec<Rule>,
    failure_policy: String,
    namespace_selector: LabelSelector,
    object_selector: LabelSelector,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ClientConfig {
    url: Option<String>,
    service: Option<Service>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Service {
    namespace: String,
    name: String,
    path: String,
}

/// The entries of a Validating- or MutatingWebhookConfiguration that lead to us: to our Service where that is known, and by
/// a path that is one of our doors.
pub(super) fn registrations(configuration: &Value, us: Option<&(String, String)>) -> Vec<Registration> {
    let entries = configuration.get("webhooks").and_then(|entries| Vec::<Entry>::deserialize(entries).ok());
    let registration = |entry: Entry| {
        let door = match (&entry.client_config.service, &entry.client_config.url) {
            (Some(service), _) => {
                let is_us = us.is_none_or(|(namespace, name)| *namespace == service.namespace && *name == service.name);
                Door::at(&service.path).filter(|_| is_us)
            }
            (None, Some(url)) => Door::at(url),
            (None, None) => None,
        };
        Some(Registration {
            door: door?,
            rules: entry.rules,
            fails_open: entry.failure_policy == "Ignore",
            namespaces: entry.namespace_selector,
            objects: entry.object_selector,
        })
    };
    entries.unwrap_or_default().into_iter().filter_map(registration).collect()
}

/// What the policy selects and no registration covers, as `UPDATE services`; None where all is covered.
pub(super) fn uncovered(policy: &Policy, registrations: &[Registration]) -> Option<String> {
    let validates: &[Door] = match policy.failure {
        FailurePolicy::Fail => &[Door::Validate, Door::ValidateFail],
        FailurePolicy::Ignore => &[Door::Validate, Door::ValidateIgnore],
    };
    let needed = [
        (select::Door::Validate(Some(policy.failure)), validates, "/validate"),
        (select::Door::Mutate, &[Door::Mutate], "/mutate"),
    ];
    for rule in &policy.matches {
        for group in &rule.groups {
            for resource in &rule.resources {
                for operation in &rule.operations {
                    let covered = |doors: &[Door]| {
                        let ours =
                            registrations.iter().filter(|one| doors.contains(&one.door) && one.sends_all(policy));
                        ours.flat_map(|registration| &registration.rules)
                            .any(|rule| rule.has(group, resource, operation.name()))
                    };
                    for (door, doors, path) in needed {
                        if policy.may_be_asked(door, group, resource, *operation) && !covered(doors) {
                            return Some(format!("{} {resource} to `{path}`", operation.name()));
                        }
                    }
                }
            }
        }
    }
    None
}

/// Whether a policy that is to fail closed fails open, by any entry that sends what it selects.
pub(super) fn fails_open(policy: &Policy, registrations: &[Registration]) -> bool {
    let doors = [Door::Validate, Door::ValidateFail];
    let mut ours = registrations.iter().filter(|one| doors.contains(&one.door) && one.sends_all(policy));
    policy.failure == FailurePolicy::Fail && ours.any(|registration| registration.fails_open)
}

impl Registration {
    /// Whether its selectors keep nothing back that the policy selects. Names of namespaces that are left out are somebody's
    /// wish, and no mistake.
    fn sends_all(&self, policy: &Policy) -> bool {
        let asks = |selector: &LabelSelector, policy: &LabelSelector| {
            let known = policy.terms();
            let by_name = |key: &str| key == "kubernetes.io/metadata.name";
            selector.terms().into_iter().all(|term| by_name(&term.key) || known.contains(&term))
        };
        asks(&self.namespaces, &policy.namespaces) && asks(&self.objects, &policy.objects)
    }
}

impl Door {
    fn at(path: &str) -> Option<Self> {
        let path = path.split('?').next().unwrap_or_default().trim_end_matches('/');
        let doors = [
            ("/validate/fail", Self::ValidateFail),
            ("/validate/ignore", Self::ValidateIgnore),
            ("/validate", Self::Validate),
            ("/mutate", Self::Mutate),
        ];
        doors.into_iter().find(|(end, _)| path.ends_with(end)).map(|(_, door)| door)
    }
}

impl Rule {
    fn has(&self, group: &str, resource: &str, operation: &str) -> bool {
        let any = |known: &[String], wanted: &str| known.iter().any(|known| known == wanted || known == "*");
        let resources = if resource.contains('/') {
            self.resources.iter().any(|known| known == resource || known == "*/*")
        } else {
            any(&self.resources, resource) || self.resources.iter().any(|known| known == "*/*")
        };
        resources && any(&self.api_groups, group) && any(&self.operations, operation)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::engine::policy::shipped;

    fn configuration(path: &str, groups: &[&str], resources: &[&str], operations: &[&str]) -> Value {
        let rule =
            json!({ "apiGroups": groups, "apiVersions": ["*"], "resources": resources, "operations": operations });
        let service = json!({ "namespace": "portcullis", "name": "portcullis", "path": path });
        json!({ "webhooks": [{ "name": "a", "clientConfig": { "service": service }, "rules": [rule] }] })
    }

    #[test]
    fn a_policy_is_registered_when_all_that_it_selects_is_sent_to_its_door() {
        let policies = shipped::policies();
        let of = |name: &str| policies.policies().iter().find(|policy| policy.name == name).unwrap();
        let us = ("portcullis".to_owned(), "portcullis".to_owned());
        let said = |name: &str, path: &str, operations: &[&str]| {
            let all = configuration(path, &["*"], &["*"], operations);
            uncovered(of(name), &registrations(&all, Some(&us)))
        };
        assert_eq!(said("backend-refs", "/validate/fail", &["*"]), None);
        assert_eq!(said("backend-refs", "/validate", &["CREATE", "UPDATE"]), None);
        assert_eq!(said("unknown-fields", "/elsewhere", &[]), None, "a webhook never sees what it is about");
        assert_eq!(
            said("backend-refs", "/validate", &["CREATE"]).unwrap(),
            "UPDATE httplistenerpolicies to `/validate`"
        );
        assert!(said("backend-refs", "/validate/ignore", &["*"]).is_some());
        assert!(said("debug-exporters", "/validate", &["*"]).unwrap().ends_with("to `/mutate`"));
        let other = ("else".to_owned(), "where".to_owned());
        let all = configuration("/validate", &["*"], &["*"], &["*"]);
        assert_eq!(registrations(&all, Some(&other)), []);
        assert_eq!(
            registrations(&json!({ "webhooks": [{ "clientConfig": { "url": "https://a/convert" } }] }), None),
            []
        );
        let mut narrow = configuration("/validate/fail", &["*"], &["*"], &["*"]);
        narrow["webhooks"][0]["failurePolicy"] = json!("Ignore");
        assert!(fails_open(of("backend-refs"), &registrations(&narrow, Some(&us))));
        assert!(!fails_open(of("debug-exporters"), &registrations(&narrow, Some(&us))));
        let by_name = json!({ "key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": ["kube-system"] });
        narrow["webhooks"][0]["namespaceSelector"] = json!({ "matchExpressions": [by_name] });
        assert_eq!(uncovered(of("backend-refs"), &registrations(&narrow, Some(&us))), None);
        narrow["webhooks"][0]["namespaceSelector"] = json!({ "matchLabels": { "team": "a" } });
        assert!(uncovered(of("backend-refs"), &registrations(&narrow, Some(&us))).is_some());
        narrow["webhooks"][0]["namespaceSelector"] = json!({ "matchExpressions": [{ "key": "environment", "operator": "In", "values": ["production", "prod"] }] });
        assert!(!registrations(&narrow, Some(&us))[0].sends_all(of("backend-refs")));
        assert!(registrations(&narrow, Some(&us))[0].sends_all(of("debug-exporters")));
        let url = json!({ "webhooks": [{ "clientConfig": { "url": "https://a:1/validate/fail?timeout=5s" } }] });
        assert_eq!(registrations(&url, Some(&us)).len(), 1);
    }
}
