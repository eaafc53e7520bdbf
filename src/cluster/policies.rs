//! The GuardPolicies of the cluster: which are in force, and what is wrong with the others.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::engine::policy::{Policy, PolicySet, compile};

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
}

// === impl Policies ===

impl Policies {
    /// Takes note of a GuardPolicy, and says whether anything but its status is new. One that does not compile leaves what
    /// was in force under its name.
    pub fn insert(&mut self, name: &str, object: &Value) -> bool {
        let text = |pointer| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        let generation = object.pointer("/metadata/generation").and_then(Value::as_i64).unwrap_or_default();
        let version = (text("/metadata/uid"), generation);
        if generation > 0 && self.by_name.get(name).is_some_and(|known| known.version == version) {
            return false;
        }
        let last = self.by_name.remove(name).and_then(|known| known.in_force);
        let known = match compile::compile(object) {
            Ok(policy) => Known { version, problem: None, in_force: Some(policy) },
            Err(bad) => {
                let problem = if bad.path.is_root() { bad.message } else { format!("{}: {}", bad.path, bad.message) };
                Known { version, problem: Some(problem), in_force: last }
            }
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
        PolicySet::new(self.by_name.values().filter_map(|known| known.in_force.clone()))
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
