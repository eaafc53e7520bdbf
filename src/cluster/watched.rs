//! Which kinds are watched: those that the rules of the policies in force look up, and no others.

use std::collections::BTreeSet;

use crate::engine::{
    kinds::{self, CORE, Kind, PORTCULLIS},
    policy::PolicySet,
};

/// The kind of the policies themselves.
pub const GUARD_POLICY: (&str, &str) = (PORTCULLIS, "GuardPolicy");

/// The kind of what policies read as `params`: followed in our own namespace alone.
pub const PARAMS: (&str, &str) = (CORE, "ConfigMap");

/// The kind of the exceptions from them.
pub const GUARD_EXCEPTION: (&str, &str) = (PORTCULLIS, "GuardException");

/// What is watched whatever the policies say.
pub const ALWAYS: [(&str, &str); 2] = [GUARD_POLICY, GUARD_EXCEPTION];

/// The kinds that these policies look up. Namespaces always: policies select by their labels.
pub fn by(policies: &PolicySet) -> BTreeSet<(&'static str, &'static str)> {
    let looked_up = policies.policies().iter().flat_map(|policy| policy.looks_up());
    let mut kinds: BTreeSet<_> = looked_up.collect();
    if !policies.policies().is_empty() {
        kinds.insert((CORE, "Namespace"));
    }
    kinds
}

/// The row of a watched kind.
pub fn row((group, kind): (&str, &str)) -> Option<&'static Kind> {
    kinds::by_kind(group, kind)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{policy::shipped, rules::RULES};

    #[test]
    fn every_watched_kind_is_one_that_we_know() {
        for kind in RULES.iter().flat_map(|rule| rule.looks_up).chain(&ALWAYS) {
            assert!(row(*kind).is_some(), "{kind:?}");
        }
    }

    #[test]
    fn config_maps_and_secrets_are_never_watched_and_without_a_policy_nothing_is() {
        let watched = by(&shipped::policies());
        assert!(watched.contains(&(CORE, "Service")) && watched.contains(&("apps", "Deployment")));
        assert!(!watched.contains(&(CORE, "ConfigMap")) && !watched.contains(&(CORE, "Secret")));
        assert!(by(&PolicySet::default()).is_empty());
    }
}
