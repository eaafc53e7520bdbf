//! Which policies a request concerns: the index alone decides, no object is read.

use std::sync::Arc;

use crate::engine::{
    policy::{FailurePolicy, Policy, PolicySet, RemedyMode},
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
}

impl PolicySet {
    /// The policies that this door asks about a request with these attributes.
    pub fn select(&self, door: Door, attributes: &Attributes<'_>) -> Selection {
        let policies = self
            .naming(attributes.group, attributes.resource)
            .filter(|policy| policy.is_asked(door, attributes))
            .cloned()
            .collect();
        Selection { policies }
    }
}

impl Policy {
    fn is_asked(&self, door: Door, attributes: &Attributes<'_>) -> bool {
        let Attributes { group, version, resource, operation, .. } = *attributes;
        let at_this_door = match door {
            Door::Validate(mode) => self.rule.seen_in != SeenIn::Files && mode.is_none_or(|mode| mode == self.failure),
            Door::Mutate => {
                self.rule.seen_in != SeenIn::Files
                    && self.rule.gives_edits
                    && self.remedy == RemedyMode::Apply
                    && operation != Operation::Delete
            }
            Door::Files => self.rule.seen_in != SeenIn::Requests,
        };
        let matches =
            |resource: &str| self.matches.iter().any(|rule| rule.matches(group, version, resource, operation));
        let excluded = self.excludes.iter().any(|rule| rule.matches(group, version, resource, operation));
        let in_files = door == Door::Files && self.rule.in_files.contains(&(group, resource));
        let selected = if attributes.subresource.is_empty() {
            matches(resource) || in_files
        } else {
            matches(&format!("{resource}/{}", attributes.subresource))
        };
        at_this_door && selected && !excluded
    }
}

impl Selection {
    pub fn is_empty(&self) -> bool {
        self.policies.is_empty()
    }

    /// What of the request must be parsed.
    pub fn reads(&self, operation: Operation) -> Reads {
        Reads {
            object: operation != Operation::Delete && !self.is_empty(),
            // The ratchet compares with what is stored.
            old_object: operation != Operation::Create && !self.is_empty(),
        }
    }

    /// Drops the policies whose rule can find nothing in an object that does not hold its needle.
    #[must_use]
    pub fn that_may_find(mut self, contains: impl Fn(&str) -> bool) -> Self {
        self.policies.retain(|policy| policy.rule.needle.is_none_or(&contains));
        self
    }
}
