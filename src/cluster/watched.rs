//! Which kinds are watched: those that the rules of the policies in force look up, and no others.
//!
//! ConfigMaps and Secrets are never watched: they are the largest part of many clusters, and the one ConfigMap that a rule
//! wants is read when it is wanted.

use std::collections::BTreeSet;

use crate::engine::{
    kinds::{self, AGENTGATEWAY, CORE, GATEWAY_API, ISTIO, KGATEWAY, Kind, PORTCULLIS},
    policy::PolicySet,
};

/// The kind of the policies themselves.
pub const GUARD_POLICY: (&str, &str) = (PORTCULLIS, "GuardPolicy");

const TELEMETRY: [(&str, &str); 3] =
    [(KGATEWAY, "HTTPListenerPolicy"), (KGATEWAY, "ListenerPolicy"), (AGENTGATEWAY, "AgentgatewayPolicy")];

/// What a reference is resolved by, and where the telemetry object attaches.
const RESOLUTION: [(&str, &str); 7] = [
    (CORE, "Service"),
    (GATEWAY_API, "Gateway"),
    (GATEWAY_API, "GatewayClass"),
    (GATEWAY_API, "ReferenceGrant"),
    (KGATEWAY, "Backend"),
    (AGENTGATEWAY, "AgentgatewayBackend"),
    (ISTIO, "ServiceEntry"),
];

/// Which image a collector runs, and with which configuration.
const WORKLOADS: [(&str, &str); 3] = [("apps", "DaemonSet"), ("apps", "Deployment"), ("apps", "StatefulSet")];

/// The kinds that these policies look up. Namespaces always: policies select by their labels.
pub fn by(policies: &PolicySet) -> BTreeSet<(&'static str, &'static str)> {
    let mut kinds = BTreeSet::new();
    for policy in policies.policies() {
        kinds.insert((CORE, "Namespace"));
        match policy.rule.name {
            "backendRefs" | "referenceGrants" | "listenerPolicies" | "inUse" => {
                kinds.extend(TELEMETRY);
                kinds.extend(RESOLUTION);
            }
            "debugExporters" => kinds.extend(WORKLOADS),
            _ => {}
        }
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
    use crate::engine::policy::shipped;

    #[test]
    fn every_watched_kind_is_one_that_we_know() {
        for kind in TELEMETRY.into_iter().chain(RESOLUTION).chain(WORKLOADS).chain([GUARD_POLICY]) {
            assert!(row(kind).is_some(), "{kind:?}");
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
