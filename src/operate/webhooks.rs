//! What the API server is to send us: computed from the policies, as narrow as they allow. Pure.
//!
//! One entry for each door, since an entry has one `failurePolicy`. It names exactly the groups, resources and operations that
//! its policies select, in all versions: with `matchPolicy: Equivalent` an object is judged in whatever version it is written.
//! What the policies have in common beyond that, as a namespace selector, narrows the entry further where that changes nothing.

mod conditions;
mod differences;
mod merge;
mod rules;
mod selectors;
#[cfg(test)]
mod tests;

use k8s_openapi::ByteString;
use serde_json::{Value, json};

use crate::{
    engine::{
        policy::{FailurePolicy, Policy, PolicySet},
        select::Door,
    },
    probe,
};

pub use self::{
    differences::differences,
    merge::{Merged, as_it_is, held, is_injected, merge, without_ours},
};

/// Policies with `failurePolicy: Fail`: telemetry objects.
pub const FAIL: &str = "fail.validate.portcullis.dev";
/// All other policies.
pub const IGNORE: &str = "ignore.validate.portcullis.dev";
/// Policies that edit.
pub const MUTATE: &str = "mutate.portcullis.dev";
/// By these names an entry is ours; every other is somebody else's, and stays as it is.
pub const OURS: [&str; 4] = [FAIL, IGNORE, MUTATE, probe::ENTRY];

/// Seconds that a write waits for us, at most: the timeouts of all webhooks add up, and a request has some thirty.
const TIMEOUT: u32 = 3;

/// By which CA the API server is to believe us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CaBundle {
    /// These certificates, as PEM; empty while there are none yet.
    Ours(String),
    /// Whatever is there: somebody else keeps it (cert-manager's cainjector), or a public CA has signed.
    Foreign,
}

/// How the API server finds us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    Service {
        namespace: String,
        name: String,
    },
    /// As in `https://portcullis.example:8443`; the doors are below it.
    Url(String),
}

/// What the entries depend on beside the policies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Nothing in it is ever sent: what does not start without us must not wait for us.
    pub own_namespace: String,
    pub route: Route,
    /// Our own user name, whose requests are not sent.
    pub user: String,
    pub ca: CaBundle,
    /// Whether the entry [`FAIL`] is what it is called, or fails open like all others until it is known that the API server
    /// reaches us.
    pub fails_closed: bool,
}

/// The entries of both configurations, in the order of their names; an entry that would send nothing is not among them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entries {
    pub validating: Vec<Value>,
    pub mutating: Vec<Value>,
}

/// One of the two configurations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Validating,
    Mutating,
}

// === impl Kind ===

impl Kind {
    pub const ALL: [Self; 2] = [Self::Validating, Self::Mutating];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Validating => "ValidatingWebhookConfiguration",
            Self::Mutating => "MutatingWebhookConfiguration",
        }
    }

    pub const fn resource(self) -> &'static str {
        match self {
            Self::Validating => "validatingwebhookconfigurations",
            Self::Mutating => "mutatingwebhookconfigurations",
        }
    }
}

// === impl Route ===

impl Route {
    /// The name, or the address, that a certificate must be for.
    pub fn host(&self) -> String {
        match self {
            Self::Service { namespace, name } => format!("{name}.{namespace}.svc"),
            Self::Url(url) => {
                let rest = url.split_once("://").map_or(url.as_str(), |(_, rest)| rest);
                let authority = rest.split('/').next().unwrap_or_default();
                // An IPv6 address stands in brackets, with a port or without.
                let host = match authority.strip_prefix('[') {
                    Some(address) => address.split(']').next(),
                    None => authority.split(':').next(),
                };
                host.unwrap_or_default().to_owned()
            }
        }
    }
}

// === impl Settings ===

impl Settings {
    /// The user name of a service account.
    pub fn user_of(namespace: &str, service_account: &str) -> String {
        format!("system:serviceaccount:{namespace}:{service_account}")
    }

    fn client(&self, path: &str) -> Value {
        let mut client = match &self.route {
            Route::Service { namespace, name } => {
                json!({ "service": { "namespace": namespace, "name": name, "path": path, "port": 443 } })
            }
            Route::Url(base) => json!({ "url": format!("{}{path}", base.trim_end_matches('/')) }),
        };
        if let (CaBundle::Ours(pem), Some(client)) = (&self.ca, client.as_object_mut()) {
            client.insert("caBundle".to_owned(), base64(pem));
        }
        client
    }
}

// === impl Entries ===

impl Entries {
    pub fn of(policies: &PolicySet, settings: &Settings) -> Self {
        let entry = |name, path, door| {
            let policies: Vec<_> =
                policies.policies().iter().map(|policy| &**policy).filter(|policy| takes_part(policy, door)).collect();
            entry(name, path, &policies, door, settings)
        };
        let fail = entry(FAIL, "/validate/fail", Door::Validate(Some(FailurePolicy::Fail)));
        let ignore = entry(IGNORE, "/validate/ignore", Door::Validate(Some(FailurePolicy::Ignore)));
        let mutate = entry(MUTATE, "/mutate", Door::Mutate);
        let validating = [fail, ignore, Some(probe_entry(settings))].into_iter().flatten().collect();
        Self { validating, mutating: mutate.into_iter().collect() }
    }

    pub fn of_kind(&self, kind: Kind) -> &[Value] {
        match kind {
            Kind::Validating => &self.validating,
            Kind::Mutating => &self.mutating,
        }
    }

    /// Whether an entry of this name is among them.
    pub fn wants(&self, name: &str) -> bool {
        self.validating.iter().chain(&self.mutating).any(|entry| name_of(entry) == name)
    }

    /// A configuration of this name that holds them, as `kubectl apply` takes it.
    pub fn manifest(&self, kind: Kind, name: &str) -> Value {
        json!({
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": kind.name(),
            "metadata": { "name": name, "labels": { "app.kubernetes.io/name": "portcullis" } },
            "webhooks": self.of_kind(kind),
        })
    }
}

fn takes_part(policy: &Policy, door: Door) -> bool {
    match door {
        Door::Validate(Some(failure)) => policy.failure == failure,
        _ => true,
    }
}

/// None where these policies select nothing at this door.
fn entry(name: &str, path: &str, policies: &[&Policy], door: Door, settings: &Settings) -> Option<Value> {
    let (asked, selected): (Vec<_>, Vec<_>) = policies
        .iter()
        .map(|policy| (*policy, rules::selected(policy, door)))
        .filter(|(_, selected)| !selected.is_empty())
        .unzip();
    let selected = rules::all(selected);
    if selected.is_empty() {
        return None;
    }
    // Only a policy for telemetry kinds may say `Fail` (`engine::policy::compile`), and edits are not worth an outage.
    let closed = name == FAIL && settings.fails_closed;
    let mut entry = json!({
        "name": name,
        "clientConfig": settings.client(path),
        "failurePolicy": if closed { "Fail" } else { "Ignore" },
        // Grants are made before the answer, except on dry run.
        "sideEffects": if door == Door::Mutate { "None" } else { "NoneOnDryRun" },
        "timeoutSeconds": TIMEOUT,
        "matchPolicy": "Equivalent",
        "admissionReviewVersions": ["v1"],
        "namespaceSelector": selectors::namespaces(&settings.own_namespace, &asked, &selected),
        "objectSelector": selectors::objects(&asked),
        "matchConditions": conditions::of(&settings.user, &selected),
        "rules": rules::written(&selected),
    });
    if door == Door::Mutate {
        // What another webhook adds, as a sidecar, is looked at too.
        set(&mut entry, "reinvocationPolicy", "IfNeeded".into());
    }
    Some(entry)
}

/// It holds up nothing but what is labelled as a probe, so that it can fail closed from its first moment. Our own user is not
/// exempt: the probe is ours.
fn probe_entry(settings: &Settings) -> Value {
    json!({
        "name": probe::ENTRY,
        "clientConfig": settings.client(probe::PATH),
        "failurePolicy": "Fail",
        "sideEffects": "None",
        "timeoutSeconds": TIMEOUT,
        "matchPolicy": "Equivalent",
        "admissionReviewVersions": ["v1"],
        "namespaceSelector": {},
        "objectSelector": { "matchLabels": { probe::LABEL: "true" } },
        "rules": [{
            "apiGroups": ["portcullis.dev"],
            "apiVersions": ["*"],
            "operations": ["CREATE"],
            "resources": ["guardpolicies"],
            "scope": "Cluster",
        }],
    })
}

fn base64(text: &str) -> Value {
    serde_json::to_value(ByteString(text.as_bytes().to_vec())).unwrap_or_default()
}

fn set(entry: &mut Value, field: &str, value: Value) {
    if let Some(fields) = entry.as_object_mut() {
        fields.insert(field.to_owned(), value);
    }
}

fn name_of(entry: &Value) -> &str {
    entry.get("name").and_then(Value::as_str).unwrap_or_default()
}
