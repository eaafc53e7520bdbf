//! Which policies a request concerns: the index alone decides, no object is read.

use std::sync::Arc;

use crate::engine::{
    policy::{Exception, FailurePolicy, Policy, PolicySet, RemedyMode, ResourceRule},
    rules::SeenIn,
    subject::{Attributes, Operation, Reads},
};

/// Where a subject comes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    /// `/validate`, or `/validate/fail` and `/validate/ignore` with the failure mode of their policies.
    Validate(Option<FailurePolicy>),
    Mutate,
    /// `check` and `fix`.
    Files,
}

/// The policies that judge one subject.
#[derive(Clone, Debug)]
pub struct Selection {
    pub policies: Vec<Arc<Policy>>,
    /// Those of the subject's namespace that name one of these policies; none for what is in no namespace.
    pub exceptions: Vec<Arc<Exception>>,
}

impl PolicySet {
    /// The policies that this door asks about a request with these attributes.
    pub fn select(&self, door: Door, attributes: &Attributes<'_>) -> Selection {
        let policies = self
            .naming(attributes.group, attributes.resource)
            .filter(|policy| policy.is_asked(door, attributes))
            .cloned()
            .collect();
        let selection = Selection { policies, exceptions: Vec::new() };
        match attributes.excepting_namespace().map(|namespace| self.exceptions_in(namespace)) {
            None | Some([]) => selection,
            Some(exceptions) => selection.with_exceptions(exceptions),
        }
    }
}

impl Policy {
    /// Whether what was there before takes part in what the policy says: who is not given it would say less.
    fn needs_old(&self) -> bool {
        self.seen_in() == SeenIn::Requests || !self.objects.is_empty()
    }

    /// Whether some request for this resource is one that this door asks it about.
    pub fn may_be_asked(&self, door: Door, group: &str, resource: &str, operation: Operation) -> bool {
        let excludes = |rule: &ResourceRule| rule.matches(group, resource, operation);
        self.is_at(door, operation) && !self.excludes.iter().any(excludes)
    }

    fn is_at(&self, door: Door, operation: Operation) -> bool {
        match door {
            Door::Validate(mode) => {
                let is_mine = |mode| mode == self.failure || Some(mode) == self.failure_before;
                self.seen_in() != SeenIn::Files && mode.is_none_or(is_mine)
            }
            Door::Mutate => {
                self.seen_in() != SeenIn::Files
                    && self.gives_edits()
                    && self.remedy == RemedyMode::Apply
                    && operation != Operation::Delete
            }
            Door::Files => self.seen_in() != SeenIn::Requests,
        }
    }

    fn is_asked(&self, door: Door, attributes: &Attributes<'_>) -> bool {
        let Attributes { group, resource, operation, .. } = *attributes;
        let matches = |resource: &str| self.matches.iter().any(|rule| rule.matches(group, resource, operation));
        let excluded = self.excludes.iter().any(|rule| rule.matches(group, resource, operation));
        let in_files = door == Door::Files && self.in_files().contains(&(group, resource));
        let selected = if attributes.subresource.is_empty() {
            matches(resource) || in_files
        } else {
            matches(&format!("{resource}/{}", attributes.subresource))
        };
        self.is_at(door, operation) && selected && !excluded
    }
}

impl Selection {
    pub fn is_empty(&self) -> bool {
        self.policies.is_empty()
    }

    /// With those of these exceptions that name one of its policies; each replaces one of the same name.
    #[must_use]
    pub fn with_exceptions(mut self, exceptions: &[Arc<Exception>]) -> Self {
        for exception in exceptions {
            self.exceptions.retain(|known| known.name != exception.name);
            if self.policies.iter().any(|policy| exception.names_policy(&policy.name)) {
                self.exceptions.push(Arc::clone(exception));
            }
        }
        self.exceptions.sort_by(|a, b| a.name.cmp(&b.name));
        self
    }

    /// What of the request must be read before it is judged.
    pub fn reads(&self, operation: Operation) -> Reads {
        Reads {
            object: operation != Operation::Delete && !self.is_empty(),
            // The ratchet asks for it too, but only where something was found.
            old_object: operation != Operation::Create && self.policies.iter().any(|policy| policy.needs_old()),
        }
    }

    /// Drops the policies that can find nothing in an object that holds none of their needles.
    #[must_use]
    pub fn that_may_find(mut self, contains: impl Fn(&str) -> bool) -> Self {
        self.policies.retain(|policy| {
            let needles = policy.needles();
            needles.is_empty() || needles.iter().any(|needle| contains(needle))
        });
        self
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::engine::policy::{compile, shipped};

    fn reads(policies: &PolicySet, operation: Operation, group: &str, resource: &str) -> (bool, bool) {
        let (version, kind, name, user) = ("v1", "", "a", "");
        let attributes = Attributes {
            operation,
            group,
            version,
            kind,
            resource,
            subresource: "",
            namespace: "b",
            name,
            user,
            dry_run: false,
        };
        let Reads { object, old_object } = policies.select(Door::Validate(None), &attributes).reads(operation);
        (object, old_object)
    }

    #[test]
    fn a_config_map_without_any_configuration_is_parsed_for_no_policy() {
        let key = crate::engine::subject::ObjectKey::new("", "ConfigMap", "a", "b");
        let attributes = Attributes::of(Operation::Create, &key, "v1");
        let selected = || shipped::policies().select(Door::Validate(None), &attributes);
        let names = |needle: &'static str| -> Vec<String> {
            let selection = selected().that_may_find(|wanted| needle.contains(wanted));
            selection.policies.iter().map(|policy| policy.name.clone()).collect()
        };
        assert!(selected().policies.len() > 5 && names("").is_empty());
        assert_eq!(names("telemetry/opentelemetry"), ["krakend-sampling", "krakend-telemetry"]);
        assert!(names("exporters").iter().all(|name| name.starts_with("collector-") || name == "scrape-jobs"));
    }

    #[test]
    fn the_old_object_is_read_ahead_only_for_who_needs_it_to_say_anything() {
        let (shipped, kgateway) = (shipped::policies(), "gateway.kgateway.dev");
        assert_eq!(reads(&shipped, Operation::Update, kgateway, "listenerpolicies"), (true, false));
        assert_eq!(reads(&shipped, Operation::Update, "", "configmaps"), (true, false));
        assert_eq!(reads(&shipped, Operation::Update, "", "services"), (true, true));
        assert_eq!(reads(&shipped, Operation::Delete, "", "services"), (false, true));
        assert_eq!(reads(&shipped, Operation::Create, kgateway, "listenerpolicies"), (true, false));
        assert_eq!(reads(&shipped, Operation::Update, "", "secrets"), (false, false));
        let by_label = json!({
            "apiVersion": "portcullis.dev/v1alpha1", "kind": "GuardPolicy", "metadata": {"name": "a"},
            "spec": {"rule": {"backendRefs": {}}, "matchConstraints": {
                "objectSelector": {"matchLabels": {"a": "b"}},
                "resourceRules": [{"apiGroups": [kgateway], "apiVersions": ["*"], "resources": ["listenerpolicies"], "operations": ["*"]}],
            }},
        });
        let by_label = PolicySet::new([compile::compile(&by_label).unwrap()]);
        assert_eq!(reads(&by_label, Operation::Update, kgateway, "listenerpolicies"), (true, true));
    }
}
