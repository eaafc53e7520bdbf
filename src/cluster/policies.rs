//! The GuardPolicies of the cluster: which are in force, and what is wrong with the others.
//!
//! A policy whose `failurePolicy` changes has another door from then on, and the API server hears of that later: the leader
//! writes it, and API servers take it over. Until then it is asked at both.
#![expect(clippy::disallowed_methods, reason = "edge: since when a policy has another door")]

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::engine::policy::{FailurePolicy, Policy, PolicySet, compile};

/// For how long a policy is asked at the door that it had before: longer than a leader is waited for, with what it writes.
const BOTH_DOORS: Duration = Duration::from_mins(1);

/// The GuardPolicies that exist. Of each, the last version that compiled is in force.
#[derive(Clone, Debug, Default)]
pub struct Policies {
    by_name: BTreeMap<String, Known>,
}

/// How one GuardPolicy stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    pub name: String,
    /// `metadata.generation` of what was read last.
    pub generation: i64,
    /// Why its last version does not compile.
    pub problem: Option<String>,
    /// Whether some version of it is in force.
    pub in_force: bool,
}

#[derive(Clone, Debug)]
struct Known {
    /// `metadata.uid` and `metadata.generation`, which a change of the status leaves as it is.
    version: (String, i64),
    problem: Option<String>,
    in_force: Option<Policy>,
    /// Since when it has another `failurePolicy`, and which it had.
    moved: Option<(Instant, FailurePolicy)>,
}

/// `metadata.uid` and `metadata.generation`, which a change of the status leaves as they are.
pub(super) fn version(object: &Value) -> (String, i64) {
    let uid = object.pointer("/metadata/uid").and_then(Value::as_str).unwrap_or_default();
    let generation = object.pointer("/metadata/generation").and_then(Value::as_i64).unwrap_or_default();
    (uid.to_owned(), generation)
}

// === impl Policies ===

impl Policies {
    /// Takes note of a GuardPolicy, and says whether anything but its status is new. One that does not compile leaves what
    /// was in force under its name.
    pub fn insert(&mut self, name: &str, object: &Value) -> bool {
        let version = version(object);
        if version.1 > 0 && self.by_name.get(name).is_some_and(|known| known.version == version) {
            return false;
        }
        let (last, moved) = self.by_name.remove(name).map_or((None, None), |known| (known.in_force, known.moved));
        let known = match compile::compile(object) {
            Ok(policy) => {
                let before = last.as_ref().map(|last| last.failure).filter(|before| *before != policy.failure);
                let moved = before.map(|before| (Instant::now(), before)).or(moved);
                Known { version, problem: None, in_force: Some(policy), moved }
            }
            Err(bad) => Known { version, problem: Some(bad.to_string()), in_force: last, moved },
        };
        self.by_name.insert(name.to_owned(), known);
        true
    }

    pub fn remove(&mut self, name: &str) {
        self.by_name.remove(name);
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.by_name.keys().map(String::as_str)
    }

    pub fn in_force(&self) -> PolicySet {
        let policy = |known: &Known| {
            let failure_before = known.moved.map(|(_, before)| before);
            Some(Policy { failure_before, ..known.in_force.clone()? })
        };
        PolicySet::new(self.by_name.values().filter_map(policy))
    }

    /// Whether a policy that moved has been asked at both doors for long enough: it is so no longer.
    pub fn settle(&mut self) -> bool {
        let mut settled = false;
        for known in self.by_name.values_mut() {
            settled |= known.moved.take_if(|(since, _)| since.elapsed() >= BOTH_DOORS).is_some();
        }
        settled
    }

    pub fn standings(&self) -> Vec<Standing> {
        let standing = |(name, known): (&String, &Known)| Standing {
            name: name.clone(),
            generation: known.version.1,
            problem: known.problem.clone(),
            in_force: known.in_force.is_some(),
        };
        self.by_name.iter().map(standing).collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::engine::{
        kinds::KGATEWAY,
        select::Door,
        subject::{Attributes, ObjectKey, Operation},
    };

    fn policy(generation: i64, failure: &str) -> Value {
        let rule = json!({
            "apiGroups": [KGATEWAY], "apiVersions": ["*"], "resources": ["listenerpolicies"], "operations": ["CREATE"],
        });
        json!({
            "apiVersion": "portcullis.dev/v1alpha1", "kind": "GuardPolicy",
            "metadata": { "name": "p", "uid": "u", "generation": generation },
            "spec": {
                "matchConstraints": { "resourceRules": [rule] }, "failurePolicy": failure, "rule": { "backendRefs": {} },
            },
        })
    }

    #[test]
    fn a_policy_that_gets_another_door_is_asked_at_both_until_the_api_server_knows() {
        let asked = |policies: &Policies| {
            let key = ObjectKey::new(KGATEWAY, "ListenerPolicy", "a", "b");
            let attributes = Attributes::of(Operation::Create, &key, "v1alpha1");
            let at = |mode| !policies.in_force().select(Door::Validate(Some(mode)), &attributes).is_empty();
            [FailurePolicy::Fail, FailurePolicy::Ignore].map(at)
        };
        let mut policies = Policies::default();
        policies.insert("p", &policy(1, "Ignore"));
        assert_eq!(asked(&policies), [false, true]);
        policies.insert("p", &policy(2, "Fail"));
        assert_eq!(asked(&policies), [true, true]);
        assert!(!policies.settle());
        for known in policies.by_name.values_mut() {
            known.moved = known.moved.map(|(_, before)| (Instant::now().checked_sub(BOTH_DOORS).unwrap(), before));
        }
        assert!(policies.settle());
        assert_eq!(asked(&policies), [true, false]);
    }
}
