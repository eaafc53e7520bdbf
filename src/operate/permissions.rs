//! What the service account must be allowed, and why: what the roles of the chart hold, and what `doctor` asks about.

use crate::{
    cluster::watched,
    engine::{kinds, policy::PolicySet},
};

/// One thing that must be allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Permission {
    pub scope: Scope,
    /// Empty for the core group.
    pub group: &'static str,
    /// With its subresource, as in `guardpolicies/status`.
    pub resource: &'static str,
    /// The only object that it is needed for; None where it is all of them.
    pub named: Option<Named>,
    pub verbs: &'static [&'static str],
    /// What does not work without it.
    pub without: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    Cluster,
    /// The namespace that Portcullis runs in.
    OwnNamespace,
}

/// Objects whose names are known beforehand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Named {
    /// [`crate::cluster::lease::NAME`]
    Lease,
    /// `--webhook-configuration`
    WebhookConfiguration,
    /// `--tls-secret`
    TlsSecret,
}

const READ: &[&str] = &["get", "list", "watch"];

const NOBODY_LEADS: &str = "nobody leads: grants are made only on request, nothing is removed, no status is written";

const FIXED: &[Permission] = &[
    on(Scope::Cluster, "portcullis.dev", "guardpolicies", READ, "no policy is in force"),
    on(Scope::Cluster, "portcullis.dev", "guardpolicies/status", &["patch"], "policies do not say how they stand"),
    on(Scope::Cluster, "portcullis.dev", "guardexceptions", READ, "no exception is in force"),
    on(Scope::Cluster, "portcullis.dev", "guardexceptions/status", &["patch"], "exceptions do not say how they stand"),
    // Only on dry run: no GuardPolicy is ever made.
    on(
        Scope::Cluster,
        "portcullis.dev",
        "guardpolicies",
        &["create"],
        "it cannot be tried whether the API server reaches us: entries stay at `failurePolicy: Ignore`",
    ),
    on(Scope::Cluster, "", "configmaps", &["get"], "gateways of KrakenD get no scrape annotations"),
    on(Scope::OwnNamespace, "", "configmaps", &["list", "watch"], "policies do not find their parameters"),
    on(
        Scope::Cluster,
        "gateway.networking.k8s.io",
        "referencegrants",
        &["create", "patch", "delete"],
        "no grant is made or removed",
    ),
    on(Scope::Cluster, "events.k8s.io", "events", &["create"], "nothing is told of stored objects"),
    on(
        Scope::Cluster,
        "admissionregistration.k8s.io",
        "validatingwebhookconfigurations",
        &["list", "watch"],
        "it is not known what the API server sends",
    ),
    on(
        Scope::Cluster,
        "admissionregistration.k8s.io",
        "mutatingwebhookconfigurations",
        &["list", "watch"],
        "it is not known what the API server sends",
    ),
    Permission {
        named: Some(Named::WebhookConfiguration),
        ..on(
            Scope::Cluster,
            "admissionregistration.k8s.io",
            "validatingwebhookconfigurations",
            &["patch"],
            "what the policies select is not registered",
        )
    },
    Permission {
        named: Some(Named::WebhookConfiguration),
        ..on(
            Scope::Cluster,
            "admissionregistration.k8s.io",
            "mutatingwebhookconfigurations",
            &["patch"],
            "what the policies select is not registered",
        )
    },
    on(Scope::OwnNamespace, "coordination.k8s.io", "leases", &["create"], NOBODY_LEADS),
    Permission {
        named: Some(Named::Lease),
        ..on(Scope::OwnNamespace, "coordination.k8s.io", "leases", &["get", "update"], NOBODY_LEADS)
    },
    Permission {
        named: Some(Named::TlsSecret),
        ..on(
            Scope::OwnNamespace,
            "",
            "secrets",
            &["get", "list", "watch", "patch"],
            "there is no certificate of our own making",
        )
    },
];

/// Everything that these policies and the parts of the process need.
pub fn needed(policies: &PolicySet) -> Vec<Permission> {
    let followed = |kind: &(&str, &str)| *kind != watched::PARAMS;
    let watched = watched::by(policies).into_iter().filter(followed).filter_map(watched::row);
    let reads = watched.map(|kind: &kinds::Kind| {
        on(Scope::Cluster, kind.group, kind.resource, READ, "what rests on it is unknown: findings are warnings")
    });
    let mut all: Vec<_> = reads.chain(FIXED.iter().copied()).collect();
    all.sort_unstable();
    all
}

const fn on(
    scope: Scope,
    group: &'static str,
    resource: &'static str,
    verbs: &'static [&'static str],
    without: &'static str,
) -> Permission {
    Permission { scope, group, resource, named: None, verbs, without }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::policy::shipped;

    #[test]
    fn nothing_is_needed_that_would_let_us_read_all_secrets_or_write_what_is_not_ours() {
        for permission in needed(&shipped::policies()) {
            assert!(permission.resource != "secrets" || permission.named.is_some(), "{permission:?}");
            assert!(!permission.verbs.contains(&"*") && !permission.resource.contains('*'), "{permission:?}");
            let makes = permission.verbs.iter().any(|verb| !READ.contains(verb));
            assert!(!makes || !["services", "namespaces", "pods"].contains(&permission.resource), "{permission:?}");
        }
    }
}
