//! Webhook configurations that lead the API server to a running portcullis, for the namespaces of one test alone.

use serde_json::{Value, json};

use crate::{
    control_plane::Endpoints,
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
    /// How often it was written: each time has a probe of its own.
    written: usize,
}

/// How the API server is told to find portcullis.
#[derive(Clone, Debug)]
enum Route {
    /// As in `https://127.0.0.1:8443`.
    Url(String),
    /// A Service called `portcullis` in this namespace, of port 443.
    Service(String),
}

/// One webhook: a door of portcullis and what is sent to it.
#[derive(Clone, Debug)]
pub(crate) struct Hook {
    door: &'static str,
    rules: Value,
    failure_policy: &'static str,
    seconds: u32,
}

/// What a webhook of this name refuses shows that the configuration it is in has come into force.
const PROBE: &str = "probe.e2e.portcullis.dev";

// === impl Hook ===

impl Hook {
    /// Rules as in a webhook configuration. Where portcullis does not answer, the request fails: nothing passes a test
    /// because nobody looked.
    pub(crate) fn new(door: &'static str, rules: Value) -> Self {
        Self { door, rules, failure_policy: "Fail", seconds: 10 }
    }

    /// How long the API server waits for an answer.
    pub(crate) fn within(self, seconds: u32) -> Self {
        Self { seconds, ..self }
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

    fn manifest(&self, sandbox: &Sandbox<'_>, ca: &str, route: &Route) -> Value {
        let mut client = match route {
            Route::Url(base) => json!({ "url": format!("{base}{}", self.door) }),
            Route::Service(namespace) => {
                json!({ "service": { "namespace": namespace, "name": "portcullis", "path": self.door } })
            }
        };
        client["caBundle"] = json!(k8s_openapi::ByteString(ca.as_bytes().to_vec()));
        let mut manifest = json!({
            "name": self.name(),
            "admissionReviewVersions": ["v1"],
            "clientConfig": client,
            "rules": self.rules,
            "namespaceSelector": { "matchLabels": { LABEL: sandbox.id() } },
            "failurePolicy": self.failure_policy,
            "sideEffects": "NoneOnDryRun",
            "timeoutSeconds": self.seconds,
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
        Self::by(&Route::Url(portcullis.url("")), sandbox, &portcullis.ca(), hooks)
    }

    /// Registers these hooks by a Service `portcullis` in this namespace, which is made; the certificate has to be for
    /// `portcullis.NAMESPACE.svc`.
    #[track_caller]
    pub(crate) fn by_service(namespace: &str, sandbox: &Sandbox<'_>, portcullis: &Portcullis, hooks: &[Hook]) -> Self {
        let endpoints = Endpoints::default();
        endpoints.set(&[portcullis.address()]);
        Self::balanced(namespace, sandbox, &endpoints, &portcullis.ca(), hooks)
    }

    /// The same for whoever is behind the Service, with certificates by this CA.
    #[track_caller]
    pub(crate) fn balanced(
        namespace: &str,
        sandbox: &Sandbox<'_>,
        endpoints: &Endpoints,
        ca: &str,
        hooks: &[Hook],
    ) -> Self {
        let kubectl = sandbox.kubectl();
        kubectl.run(&["create", "service", "clusterip", "portcullis", "--tcp=443", "-n", namespace]).succeeds();
        let service = kubectl.get_json(&["service", "portcullis", "-n", namespace]);
        let cluster_ip = service["spec"]["clusterIP"].as_str().expect("a cluster IP");
        sandbox.plane().route(cluster_ip, 443, endpoints.clone());
        Self::by(&Route::Service(namespace.to_owned()), sandbox, ca, hooks)
    }

    /// Registers what [`Self::balanced`] has, with another bundle of CAs.
    #[track_caller]
    pub(crate) fn trust(&mut self, namespace: &str, sandbox: &Sandbox<'_>, ca: &str, hooks: &[Hook]) {
        self.write(&Route::Service(namespace.to_owned()), sandbox, ca, hooks);
    }

    #[track_caller]
    fn by(route: &Route, sandbox: &Sandbox<'_>, ca: &str, hooks: &[Hook]) -> Self {
        // Made first: whatever fails below, they are deleted.
        let name = format!("portcullis-{}", sandbox.id());
        let mut registration = Self { kubectl: sandbox.kubectl(), name, written: 0 };
        registration.write(route, sandbox, ca, hooks);
        registration
    }

    #[track_caller]
    fn write(&mut self, route: &Route, sandbox: &Sandbox<'_>, ca: &str, hooks: &[Hook]) {
        self.written += 1;
        let (mutating, validating): (Vec<_>, Vec<_>) = hooks.iter().partition(|hook| hook.is_mutating());
        for (kind, hooks) in
            [("MutatingWebhookConfiguration", mutating), ("ValidatingWebhookConfiguration", validating)]
        {
            if hooks.is_empty() {
                continue;
            }
            let webhooks: Vec<_> = hooks.iter().map(|hook| hook.manifest(sandbox, ca, route)).collect();
            self.apply(kind, webhooks, sandbox);
        }
    }

    #[track_caller]
    fn apply(&self, kind: &str, mut webhooks: Vec<Value>, sandbox: &Sandbox<'_>) {
        let probed = format!("probe-{}-{}-{}", kind.to_lowercase(), sandbox.id(), self.written);
        webhooks.push(probe(&probed));
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
            "metadata": { "name": probed, "namespace": "default" },
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

/// A webhook that nobody answers, for one object that nobody makes.
fn probe(name: &str) -> Value {
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
