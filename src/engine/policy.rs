//! Policies: what a GuardPolicy says ([`spec`]), made ready to judge by ([`compile`]).

pub mod body;
pub mod codes;
pub mod compile;
pub mod exception;
pub mod shipped;
pub mod spec;

use std::{collections::BTreeMap, sync::Arc};

use crate::engine::{cel::Program, finding::Level, selector::LabelSelector, subject::Operation};
pub use body::{Body, Page, Params};
use compile::BadPolicy;
pub use exception::{Exception, Permit};
pub use spec::{Action, FailurePolicy, RemedyMode, RuleSpec};

/// A policy that is ready to judge. Nothing after [`compile`] sees a spec.
#[derive(Clone, Debug)]
pub struct Policy {
    pub name: String,
    pub description: String,
    pub matches: Vec<ResourceRule>,
    pub excludes: Vec<ResourceRule>,
    pub namespaces: LabelSelector,
    pub objects: LabelSelector,
    pub action: Action,
    pub remedy: RemedyMode,
    pub failure: FailurePolicy,
    /// What `failure` was until a moment ago: the API server may still send what the policy selects to that door.
    pub failure_before: Option<FailurePolicy>,
    /// By code; None turns it off.
    pub levels: BTreeMap<String, Option<Level>>,
    /// Which exceptions hold against its findings.
    pub exceptions: Permit,
    /// `matchConditions` by name: all of them are true of what it judges.
    pub conditions: Vec<(String, Program)>,
    pub params: Option<Params>,
    /// By name; each sees those before it.
    pub variables: Vec<(String, Program)>,
    pub body: Body,
    /// What it says that does nothing: no reason to judge without it, and nothing that its author would see by himself.
    pub idle: Vec<BadPolicy>,
}

/// Compiled `resourceRules`: groups and resources are never wildcards, `*` among operations is spelled out. Versions are left
/// out: what is written in one version is there in all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResourceRule {
    pub groups: Vec<String>,
    pub resources: Vec<String>,
    pub operations: Vec<Operation>,
}

/// Policies in the order of their names, indexed by what they select.
#[derive(Clone, Debug, Default)]
pub struct PolicySet {
    policies: Vec<Arc<Policy>>,
    /// `group` → `resource` → positions in `policies`.
    index: BTreeMap<String, BTreeMap<String, Vec<usize>>>,
    /// By namespace, each in the order of their names.
    exceptions: BTreeMap<String, Vec<Arc<Exception>>>,
}

// === impl PolicySet ===

impl PolicySet {
    pub fn new(policies: impl IntoIterator<Item = Policy>) -> Self {
        let mut policies: Vec<_> = policies.into_iter().map(Arc::new).collect();
        policies.sort_by(|a, b| a.name.cmp(&b.name));
        let mut set = Self::default();
        for (position, policy) in policies.iter().enumerate() {
            let selected = policy.matches.iter().flat_map(|rule| {
                rule.groups
                    .iter()
                    .flat_map(|group| rule.resources.iter().map(|resource| (group.clone(), resource.clone())))
            });
            let in_files =
                policy.in_files().iter().map(|(group, resource)| ((*group).to_owned(), (*resource).to_owned()));
            for (group, resource) in selected.chain(in_files) {
                let positions = set.index.entry(group).or_default().entry(resource).or_default();
                if positions.last() != Some(&position) {
                    positions.push(position);
                }
            }
        }
        set.policies = policies;
        set
    }

    /// The same policies with these exceptions in place of those that they had.
    #[must_use]
    pub fn with_exceptions(mut self, exceptions: impl IntoIterator<Item = Arc<Exception>>) -> Self {
        self.exceptions.clear();
        for exception in exceptions {
            self.exceptions.entry(exception.namespace.clone()).or_default().push(exception);
        }
        for exceptions in self.exceptions.values_mut() {
            exceptions.sort_by(|a, b| a.name.cmp(&b.name));
        }
        self
    }

    pub fn exceptions(&self) -> impl Iterator<Item = &Arc<Exception>> {
        self.exceptions.values().flatten()
    }

    /// The exceptions of a namespace, in the order of their names.
    pub fn exceptions_in(&self, namespace: &str) -> &[Arc<Exception>] {
        self.exceptions.get(namespace).map(Vec::as_slice).unwrap_or_default()
    }

    pub fn policies(&self) -> &[Arc<Policy>] {
        &self.policies
    }

    /// The policies whose resource rules name this resource, in the order of their names.
    pub fn naming(&self, group: &str, resource: &str) -> impl Iterator<Item = &Arc<Policy>> {
        let positions = self.index.get(group).and_then(|resources| resources.get(resource));
        positions.into_iter().flatten().filter_map(|position| self.policies.get(*position))
    }
}

// === impl ResourceRule ===

impl ResourceRule {
    pub fn matches(&self, group: &str, resource: &str, operation: Operation) -> bool {
        self.groups.iter().any(|known| known == group)
            && self.resources.iter().any(|known| known == resource)
            && self.operations.contains(&operation)
    }
}
