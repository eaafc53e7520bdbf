//! Webhook configurations that lead the API server to a running portcullis, for the namespaces of one test alone.

use serde_json::{Value, json};

use crate::{
    kubectl::Kubectl,
    patience::wait_until,
    portcullis::Portcullis,
    sandbox::{LABEL, Sandbox},
};

/// In force until this is dropped.
#[derive(Debug)]
pub(crate) struct Registration {
    kubectl: Kubectl,
    name: String,
}

/// How the API server is told to find portcullis.
#[derive(Clone, Debug)]
enum Route {
    Url,
    /// A Service called `portcullis` in this namespace, of port 443.
    Service(String),
}

/// One webhook: a door of portcullis and what is sent to it.
#[derive(Clone, Debug)]
pub(crate) struct Hook {
    door: &'static str,
    rules: Value,
    failure_policy: &'static str,
}

/// What a webhook of this name refuses shows that the configuration it is in has come into force.
const PROBE: &str = "probe.e2e.portcullis.dev";

// === impl Hook ===

impl Hook {
    /// Rules as in a webhook configuration. Where portcullis does not answer, the request fails: nothing passes a test
    /// because nobody looked.
    pub(crate) fn new(door: &'static str, rules: Value) -> Self {
        Self { door, rules, failure_policy: "Fail" }
    }

    /// Where portcullis does not answer, the request passes.
    pub(crate) fn failing_open(self) -> Self {
        Self { failure_policy: "Ignore", ..self }
    }

    /// What the default policies ask for.
    pub(crate) fn defaults() -> Vec<Self> {
        let telemetry = [
            rule("gateway.kgateway.dev", &["httplistenerpolicies", "listenerpolicies"], &["CREATE", "UPDATE"]),
            rule("agentgateway.dev", &["agentgatewaypolicies"], &["CREATE", "UPDATE"]),
        ];
        let collectors = [
            rule("", &["configmaps"], &["CREATE", "UPDATE"]),
            rule("opentelemetry.io", &["opentelemetrycollectors"], &["CREATE", "UPDATE"]),
        ];
        let pods = rule("", &["pods"], &["CREATE"]);
        let needed = [
            rule("", &["services", "namespaces"], &["UPDATE", "DELETE"]),
            rule("gateway.networking.k8s.io", &["referencegrants"], &["UPDATE", "DELETE"]),
            rule("gateway.networking.k8s.io", &["gateways"], &["CREATE", "UPDATE"]),
            rule("gateway.kgateway.dev", &["backends"], &["UPDATE", "DELETE"]),
            rule("agentgateway.dev", &["agentgatewaybackends"], &["UPDATE", "DELETE"]),
        ];
        let edited = [collectors.as_slice(), &telemetry, std::slice::from_ref(&pods)].concat();
        let judged = [edited.as_slice(), &needed].concat();
        vec![
            Self::new("/mutate", json!(edited)),
            Self::new("/validate/fail", json!(telemetry)),
            Self::new("/validate/ignore", json!(judged)),
        ]
    }

    fn is_mutating(&self) -> bool {
        self.door.starts_with("/mutate")
    }

    /// As in `validate-fail.portcullis.dev`.
    fn name(&self) -> String {
        format!("{}.portcullis.dev", self.door.trim_start_matches('/').replace('/', "-"))
    }

    fn manifest(&self, sandbox: &Sandbox<'_>, portcullis: &Portcullis, route: &Route) -> Value {
        let mut client = match route {
            Route::Url => json!({ "url": portcullis.url(self.door) }),
            Route::Service(namespace) => {
                json!({ "service": { "namespace": namespace, "name": "portcullis", "path": self.door } })
            }
        };
        client["caBundle"] = json!(base64(portcullis.ca().as_bytes()));
        let mut manifest = json!({
            "name": self.name(),
            "admissionReviewVersions": ["v1"],
            "clientConfig": client,
            "rules": self.rules,
            "namespaceSelector": { "matchLabels": { LABEL: sandbox.id() } },
            "failurePolicy": self.failure_policy,
            "sideEffects": "NoneOnDryRun",
            "timeoutSeconds": 10,
        });
        if self.is_mutating() {
            manifest["reinvocationPolicy"] = json!("IfNeeded");
        }
        manifest
    }
}

/// One rule of a webhook, for every version of the API and every scope.
pub(crate) fn rule(group: &str, resources: &[&str], operations: &[&str]) -> Value {
    json!({ "apiGroups": [group], "apiVersions": ["*"], "resources": resources, "operations": operations, "scope": "*" })
}

// === impl Registration ===

impl Registration {
    /// Registers what the default policies ask for, and waits until it is in force.
    #[track_caller]
    pub(crate) fn of(sandbox: &Sandbox<'_>, portcullis: &Portcullis) -> Self {
        Self::with(sandbox, portcullis, &Hook::defaults())
    }

    /// Registers these hooks, and waits until they are in force.
    #[track_caller]
    pub(crate) fn with(sandbox: &Sandbox<'_>, portcullis: &Portcullis, hooks: &[Hook]) -> Self {
        Self::by(&Route::Url, sandbox, portcullis, hooks)
    }

    /// Registers these hooks by a Service `portcullis` in this namespace, which is made; the certificate has to be for
    /// `portcullis.NAMESPACE.svc`.
    #[track_caller]
    pub(crate) fn by_service(namespace: &str, sandbox: &Sandbox<'_>, portcullis: &Portcullis, hooks: &[Hook]) -> Self {
        let kubectl = sandbox.kubectl();
        kubectl.run(&["create", "service", "clusterip", "portcullis", "--tcp=443", "-n", namespace]).succeeds();
        let service = kubectl.get_json(&["service", "portcullis", "-n", namespace]);
        let cluster_ip = service["spec"]["clusterIP"].as_str().expect("a cluster IP");
        sandbox.plane().route(cluster_ip, 443, portcullis.address());
        Self::by(&Route::Service(namespace.to_owned()), sandbox, portcullis, hooks)
    }

    #[track_caller]
    fn by(route: &Route, sandbox: &Sandbox<'_>, portcullis: &Portcullis, hooks: &[Hook]) -> Self {
        let kubectl = sandbox.kubectl();
        // Made first: whatever fails below, they are deleted.
        let registration = Self { kubectl: kubectl.clone(), name: format!("portcullis-{}", sandbox.id()) };
        let (mutating, validating): (Vec<_>, Vec<_>) = hooks.iter().partition(|hook| hook.is_mutating());
        for (kind, hooks) in
            [("MutatingWebhookConfiguration", mutating), ("ValidatingWebhookConfiguration", validating)]
        {
            if hooks.is_empty() {
                continue;
            }
            let webhooks: Vec<_> = hooks.iter().map(|hook| hook.manifest(sandbox, portcullis, route)).collect();
            registration.apply(kind, webhooks, sandbox);
        }
        registration
    }

    #[track_caller]
    fn apply(&self, kind: &str, mut webhooks: Vec<Value>, sandbox: &Sandbox<'_>) {
        webhooks.push(probe(kind, sandbox));
        let configuration = json!({
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": kind,
            "metadata": { "name": self.name },
            "webhooks": webhooks,
        });
        self.kubectl.apply(&configuration.to_string());
        let probe = json!({
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": { "name": probe_name(kind, sandbox), "namespace": "default" },
        });
        let refused = format!("failed calling webhook \"{PROBE}\"");
        wait_until("the webhooks to be in force", || {
            let said = self.kubectl.run_with(&["create", "--dry-run=server", "-f", "-"], &probe.to_string());
            if said.err.contains(&refused) { Ok(()) } else { Err(said.all()) }
        });
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        let kinds = "mutatingwebhookconfigurations,validatingwebhookconfigurations";
        self.kubectl.run(&["delete", kinds, &self.name, "--ignore-not-found"]);
    }
}

fn probe_name(kind: &str, sandbox: &Sandbox<'_>) -> String {
    format!("probe-{}-{}", kind.to_lowercase(), sandbox.id())
}

/// A webhook that nobody answers, for one object that nobody makes.
fn probe(kind: &str, sandbox: &Sandbox<'_>) -> Value {
    let name = probe_name(kind, sandbox);
    json!({
        "name": PROBE,
        "admissionReviewVersions": ["v1"],
        "clientConfig": { "url": "https://127.0.0.1:1/" },
        "rules": [rule("", &["configmaps"], &["CREATE"])],
        "matchConditions": [{ "name": "probe", "expression": format!("object.metadata.name == '{name}'") }],
        "failurePolicy": "Fail",
        "sideEffects": "None",
        "timeoutSeconds": 1,
    })
}

/// What a `caBundle` is written in.
pub(crate) fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let group =
            (0..3).fold(0_usize, |group, i| group << 8 | usize::from(chunk.get(i).copied().unwrap_or_default()));
        for i in 0..4 {
            let sixth = ALPHABET[group >> (18 - 6 * i) & 63];
            text.push(if i <= chunk.len() { sixth.into() } else { '=' });
        }
    }
    text
}
