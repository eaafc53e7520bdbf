//! Telemetry objects in one namespace whose collector is in another: what a grant is needed for.

use serde_json::{Value, json};

use crate::{
    cluster,
    kubectl::{Kubectl, Said},
    objects,
    patience::wait_until,
    portcullis::Portcullis,
    registration::Registration,
    sandbox::Sandbox,
};

/// By this label the owner of a collector lets grants be made.
pub(crate) const SHARED: (&str, &str) = ("portcullis.dev/shared", "true");

/// A namespace with kgateway's Gateway, and one for collectors.
pub(crate) struct Crossing<'a> {
    pub(crate) gw: String,
    pub(crate) obs: String,
    pub(crate) kubectl: Kubectl,
    pub(crate) sandbox: &'a Sandbox<'a>,
}

// === impl Crossing ===

impl<'a> Crossing<'a> {
    pub(crate) fn new(sandbox: &'a Sandbox<'a>) -> Self {
        Self::with(sandbox, &[])
    }

    /// With these labels on the namespace for collectors.
    pub(crate) fn with(sandbox: &'a Sandbox<'a>, labels: &[(&str, &str)]) -> Self {
        let (gw, obs) = (sandbox.namespace("gw", &[]), sandbox.namespace("obs", labels));
        let kubectl = sandbox.kubectl();
        kubectl.apply(&objects::gateway(&gw));
        Self { gw, obs, kubectl, sandbox }
    }

    /// A Service for which grants may be made.
    pub(crate) fn share(&self, name: &str) {
        self.kubectl.apply(&shared(&self.obs, name));
    }

    pub(crate) fn reference(&self, name: &str) -> String {
        format!("name: {name}, namespace: {}, port: 4317", self.obs)
    }

    /// A ListenerPolicy that logs to `otel`.
    pub(crate) fn policy(&self, name: &str) -> String {
        objects::listener_policy(&self.gw, name, &self.reference("otel"))
    }

    /// An HTTPListenerPolicy that logs to `otel`.
    pub(crate) fn old_policy(&self, name: &str) -> String {
        objects::http_policy(&self.gw, name, &self.reference("otel"))
    }

    /// The grants where the collectors are.
    pub(crate) fn grants(&self) -> Vec<Value> {
        grants(&self.kubectl, &self.obs)
    }

    /// The only grant there.
    #[track_caller]
    pub(crate) fn grant(&self) -> Value {
        let mut grants = self.grants();
        assert_eq!(grants.len(), 1, "{grants:?}");
        grants.remove(0)
    }

    #[track_caller]
    pub(crate) fn until_granted(&self) -> Value {
        wait_until("the grant to be made", || self.grants().pop().ok_or_else(|| "there is none".to_owned()))
    }

    /// Waits until this grant is gone.
    #[track_caller]
    pub(crate) fn until_gone(&self, grant: &Value) {
        wait_until("the grant to be removed", || {
            let is_there = self.grants().iter().any(|there| uid(there) == uid(grant));
            if is_there { Err(format!("`{}` is still there", name(grant))) } else { Ok(()) }
        });
    }

    pub(crate) fn is_there(&self, grant: &Value) -> bool {
        self.grants().iter().any(|there| uid(there) == uid(grant))
    }

    pub(crate) fn label(&self, what: &[&str], label: &str) -> Said {
        self.kubectl.run(&[&["label", "--overwrite"], what, &["-n", &self.obs, label]].concat()).succeeds()
    }

    /// A portcullis that leads, by a Lease of this test.
    #[track_caller]
    pub(crate) fn leader(&self, args: &[&str]) -> Portcullis {
        let portcullis = self.member(args);
        until_leads(&portcullis);
        portcullis
    }

    /// One that leads when no other of this test does.
    #[track_caller]
    pub(crate) fn member(&self, args: &[&str]) -> Portcullis {
        let portcullis = cluster::serve_with(self.sandbox, &[&["--own-namespace", &self.gw], args].concat());
        // Until it may write a Lease here it tries again.
        self.kubectl.apply(&may_lead(&self.gw));
        portcullis
    }

    #[track_caller]
    pub(crate) fn register(&self, portcullis: &Portcullis) -> Registration {
        Registration::of(self.sandbox, portcullis)
    }
}

pub(crate) fn shared(namespace: &str, name: &str) -> String {
    let (label, value) = SHARED;
    let labels = format!("{{ name: {name}, labels: {{ {label}: '{value}' }}, namespace");
    objects::service(namespace, name, 4317).replace(&format!("{{ name: {name}, namespace"), &labels)
}

pub(crate) fn grants(kubectl: &Kubectl, namespace: &str) -> Vec<Value> {
    let listed = kubectl.get_json(&["referencegrants", "-n", namespace, "--show-managed-fields"]);
    listed["items"].as_array().cloned().unwrap_or_default()
}

pub(crate) fn name(object: &Value) -> &str {
    object["metadata"]["name"].as_str().unwrap_or_default()
}

pub(crate) fn uid(object: &Value) -> &str {
    object["metadata"]["uid"].as_str().unwrap_or_default()
}

/// How many grants of which this process says so: `made`, `restored`, `removed`, …
pub(crate) fn counted(portcullis: &Portcullis, event: &str) -> u64 {
    metric(portcullis, &format!("portcullis_grants_total{{event=\"{event}\"}}")).unwrap_or_default()
}

pub(crate) fn leads(portcullis: &Portcullis) -> bool {
    metric(portcullis, "portcullis_leader") == Some(1)
}

#[track_caller]
pub(crate) fn until_leads(portcullis: &Portcullis) {
    wait_until("it to lead", || if leads(portcullis) { Ok(()) } else { Err(portcullis.log()) });
}

pub(crate) fn metric(portcullis: &Portcullis, name: &str) -> Option<u64> {
    let metrics = portcullis.get("/metrics").ok()?;
    metrics.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok())
}

pub(crate) fn may_lead(namespace: &str) -> String {
    let metadata = json!({ "name": "portcullis-leader", "namespace": namespace });
    let group = "rbac.authorization.k8s.io";
    let role = json!({
        "apiVersion": format!("{group}/v1"),
        "kind": "Role",
        "metadata": metadata,
        "rules": [{
            "apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["get", "create", "update", "patch"],
        }],
    });
    let binding = json!({
        "apiVersion": format!("{group}/v1"),
        "kind": "RoleBinding",
        "metadata": metadata,
        "roleRef": { "apiGroup": group, "kind": "Role", "name": "portcullis-leader" },
        "subjects": [{ "apiGroup": group, "kind": "User", "name": cluster::USER }],
    });
    format!("{role}\n---\n{binding}\n")
}
