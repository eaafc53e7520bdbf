//! Whether the service account may do what it has to.

use std::collections::BTreeMap;

use crate::operate::{
    doctor::{
        Remark, Setup, deployed,
        facts::{Facts, named_as, qualified},
        some_of,
    },
    permissions::{Named, Permission, Scope},
};

pub(super) fn judge(setup: &Setup, facts: &Facts) -> Vec<Remark> {
    let account = format!("ServiceAccount {}/{}", setup.own_namespace, setup.service_account);
    let mut lacking: BTreeMap<Permission, Vec<&'static str>> = BTreeMap::new();
    let mut unknown: Option<&String> = None;
    let mut allowed = 0;
    for right in facts.rights.iter().filter(|right| is_used(setup, facts, &right.permission)) {
        match &right.allowed {
            Ok(true) => allowed += 1,
            // Who cannot list what is not served lacks nothing yet, and no role could name it.
            Ok(false) if is_served(facts, &right.permission) => {
                lacking.entry(right.permission).or_default().push(right.verb);
            }
            Ok(false) => {}
            Err(why) => unknown = unknown.or(Some(why)),
        }
    }
    let mut remarks: Vec<_> = lacking
        .iter()
        .map(|(permission, verbs)| {
            let what = resource(permission);
            Remark::problem(format!("it may not {} `{what}`", some_of(verbs)))
                .at(account.clone())
                .because(permission.without)
                .repair(grant(setup, permission, verbs))
        })
        .collect();
    if let Some(why) = unknown {
        remarks.push(Remark::unknown("what the service account may do is not known", why).at(account));
    } else if lacking.is_empty() && !facts.rights.is_empty() {
        remarks.push(Remark::ok(format!("it has all {allowed} rights that the policies need")).at(account));
    }
    remarks
}

/// What is left to others needs no right: where they keep the registration, or the certificates.
fn is_used(setup: &Setup, facts: &Facts, permission: &Permission) -> bool {
    match permission.named {
        Some(Named::WebhookConfiguration) => {
            !deployed::ours(setup, facts).is_some_and(deployed::Deployed::is_registered_by_others)
        }
        Some(Named::TlsSecret) => deployed::makes_certificates(setup, facts),
        _ => true,
    }
}

fn is_served(facts: &Facts, permission: &Permission) -> bool {
    let Ok(served) = &facts.served else { return true };
    // Only these come and go.
    let may_be_missing = crate::engine::kinds::KINDS.iter().any(|kind| kind.group == permission.group);
    !may_be_missing || permission.group.is_empty() || !served.versions(permission.group, permission.resource).is_empty()
}

/// As in `referencegrants.gateway.networking.k8s.io`, with its subresource.
fn resource(permission: &Permission) -> String {
    let (resource, subresource) = permission.resource.split_once('/').unwrap_or((permission.resource, ""));
    let mut text = qualified(permission.group, resource);
    if !subresource.is_empty() {
        text.push_str(&format!("/{subresource}"));
    }
    text
}

/// A role of its own, so that what a chart manages stays as it is.
fn grant(setup: &Setup, permission: &Permission, verbs: &[&str]) -> String {
    let Setup { own_namespace, service_account, .. } = setup;
    let (kind, namespace) = match permission.scope {
        Scope::Cluster => ("clusterrole", String::new()),
        Scope::OwnNamespace => ("role", format!(" --namespace {own_namespace}")),
    };
    let role = format!("portcullis-repair-{}-{}", verbs.join("-"), permission.resource.replace('/', "-"));
    let only =
        permission.named.map_or_else(String::new, |named| format!(" --resource-name={}", named_as(setup, named)));
    format!(
        "kubectl create {kind} {role}{namespace} --verb={} --resource={}{only} && kubectl create {kind}binding {role}{namespace} --{kind}={role} --serviceaccount={own_namespace}:{service_account}",
        verbs.join(","),
        resource(permission),
    )
}
