//! The GuardExceptions of the cluster: of each, the last version that compiled is in force, until it ends.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::Value;

use crate::{
    cluster::policies::version,
    engine::{
        policy::{Exception, exception::compile},
        subject::ObjectKey,
    },
};

/// The GuardExceptions that exist.
#[derive(Clone, Debug, Default)]
pub struct Exceptions {
    by_key: BTreeMap<ObjectKey, Known>,
}

/// How one GuardException stands, whatever the policies say of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    pub key: ObjectKey,
    /// `metadata.generation` of what was read last.
    pub generation: i64,
    /// Why its last version does not compile.
    pub problem: Option<String>,
    pub in_force: Option<Arc<Exception>>,
}

#[derive(Clone, Debug)]
struct Known {
    version: (String, i64),
    problem: Option<String>,
    in_force: Option<Arc<Exception>>,
}

// === impl Exceptions ===

impl Exceptions {
    /// Takes note of a GuardException, and says whether anything but its status is new. One that does not compile leaves what
    /// was in force under its name, if that is the same object still: a new one was not granted by who granted the last one.
    pub fn insert(&mut self, key: &ObjectKey, object: &Value) -> bool {
        let version = version(object);
        if version.1 > 0 && self.by_key.get(key).is_some_and(|known| known.version == version) {
            return false;
        }
        let last = self.by_key.remove(key).filter(|last| last.version.0 == version.0);
        let known = match compile::compile(object, &key.namespace) {
            Ok(exception) => Known { version, problem: None, in_force: Some(Arc::new(exception)) },
            Err(bad) => {
                Known { version, problem: Some(bad.to_string()), in_force: last.and_then(|last| last.in_force) }
            }
        };
        self.by_key.insert(key.clone(), known);
        true
    }

    pub fn remove(&mut self, key: &ObjectKey) {
        self.by_key.remove(key);
    }

    pub fn keys(&self) -> impl Iterator<Item = &ObjectKey> {
        self.by_key.keys()
    }

    pub fn in_force(&self) -> impl Iterator<Item = Arc<Exception>> {
        self.by_key.values().filter_map(|known| known.in_force.clone())
    }

    pub fn standings(&self) -> Vec<Standing> {
        let standing = |(key, known): (&ObjectKey, &Known)| Standing {
            key: key.clone(),
            generation: known.version.1,
            problem: known.problem.clone(),
            in_force: known.in_force.clone(),
        };
        self.by_key.iter().map(standing).collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn one_that_is_broken_leaves_the_last_good_one_of_the_same_object() {
        let key = ObjectKey::new("portcullis.dev", "GuardException", "gw", "a");
        let object = |uid: &str, generation: i64, reason: &str| {
            json!({
                "apiVersion": "portcullis.dev/v1alpha1", "kind": "GuardException",
                "metadata": { "name": "a", "namespace": "gw", "uid": uid, "generation": generation },
                "spec": { "policies": ["p"], "names": ["x"], "reason": reason, "expires": "2026-01-01T00:00:00Z" },
            })
        };
        let mut exceptions = Exceptions::default();
        assert!(exceptions.insert(&key, &object("u", 1, "moving")));
        assert!(!exceptions.insert(&key, &object("u", 1, "moving")), "its status alone changed");
        assert!(exceptions.insert(&key, &object("u", 2, " ")));
        let reasons = |exceptions: &Exceptions| exceptions.in_force().map(|one| one.reason.clone()).collect::<Vec<_>>();
        assert_eq!(reasons(&exceptions), ["moving"]);
        assert!(exceptions.standings()[0].problem.as_ref().unwrap().starts_with("spec.reason: an exception needs"));
        assert!(exceptions.insert(&key, &object("another", 1, " ")));
        assert!(reasons(&exceptions).is_empty());
    }
}
