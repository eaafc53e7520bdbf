//! The leader keeps the webhook configurations, and what is in them does what it says, before a real API server.

use std::{
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use ::portcullis::{
    engine::policy::shipped,
    operate::{
        register::SWITCH,
        webhooks::{CaBundle, Entries, Kind, Route, Settings},
    },
};
use serde_json::{Value, json};

use crate::{
    cluster,
    crossing::{Crossing, until_leads},
    kubectl::{Kubectl, Said},
    objects,
    patience::wait_until,
    portcullis::Portcullis,
    sandbox::{LABEL, Sandbox},
    trial::Case,
};

pub(crate) const CASES: &[Case] = &[
    Case::new("registering: empty configurations are filled, and fail closed once a probe came back", filled).alone(),
    Case::new("registering: what a policy selects is sent within seconds, and no more than that", policies).alone(),
    Case::new("registering: when the API server does not reach us any more, nothing fails closed", unreached).alone(),
    Case::new("registering: another leader opens what leads to one that is stopped", stopped).alone(),
    Case::new("registering: a CA bundle that others keep stays, and a wrong one is said", foreign_ca).alone(),
    Case::new("registering: a configuration that is deleted stays deleted while the leader runs", absent).alone(),
    Case::new("registering: a leader without a certificate opens what another has left closed", without_certificate)
        .alone(),
    Case::new("registering: others' entries stay, and ours go where that is asked for", switched_off).alone(),
    Case::new("registering: where others keep the configurations, what differs is said", external).alone(),
    Case::new("registering: without the right to write, that is said and nothing else suffers", forbidden).alone(),
    Case::new("registering: without the right to probe nothing fails closed, and that is said", without_probes).alone(),
    Case::new("registering: conditions send what matters and nothing else", conditions).alone(),
    Case::new("registering: one command deletes both configurations, once or twice", off),
];

const FAIL: &str = "fail.validate.portcullis.dev";
const PROBES: [&str; 2] = ["--probe-every", "1"];
const BOTH: &str = "validatingwebhookconfigurations,mutatingwebhookconfigurations";

/// Two configurations of one test, as the chart makes them; deleted when this is dropped.
pub(crate) struct Configurations<'a> {
    crossing: &'a Crossing<'a>,
    sandbox: &'a Sandbox<'a>,
    pub(crate) name: String,
}

impl<'a> Configurations<'a> {
    /// Neither is there yet; whoever asks for it may write them, and send probes.
    fn none(sandbox: &'a Sandbox<'a>, crossing: &'a Crossing<'a>) -> Self {
        crossing.kubectl.apply(&may_register());
        // Our own namespace is never sent.
        crossing.kubectl.apply(&objects::gateway(&crossing.obs));
        Self { crossing, sandbox, name: format!("portcullis-{}", sandbox.id()) }
    }

    pub(crate) fn empty(sandbox: &'a Sandbox<'a>, crossing: &'a Crossing<'a>) -> Self {
        let configurations = Self::none(sandbox, crossing);
        configurations.make();
        configurations
    }

    fn make(&self) {
        for kind in Kind::ALL {
            let manifest = json!({
                "apiVersion": "admissionregistration.k8s.io/v1", "kind": kind.name(),
                "metadata": { "name": self.name }, "webhooks": [],
            });
            self.crossing.kubectl.apply(&manifest.to_string());
        }
    }

    /// A leader that is registered by a Service of its own, which leads nowhere yet.
    fn leader(&self, args: &[&str]) -> Portcullis {
        let portcullis = self.member(args);
        until_leads(&portcullis);
        portcullis
    }

    fn member(&self, args: &[&str]) -> Portcullis {
        let name = format!("portcullis.{}.svc", self.crossing.gw);
        let ours = ["--webhook-configuration", &self.name, "--tls-name", &name];
        self.crossing.member(&[ours.as_slice(), &PROBES, args].concat())
    }

    /// Makes the Service lead to a process.
    fn lead_to(&self, address: SocketAddr) {
        let service = ["service", "portcullis", "-n", &self.crossing.gw];
        if !self.crossing.kubectl.exists(&service) {
            let args = ["create", "service", "clusterip", "portcullis", "--tcp=443", "-n", &self.crossing.gw];
            self.crossing.kubectl.run(&args).succeeds();
        }
        let service = self.crossing.kubectl.get_json(&service);
        self.sandbox.plane().route(service["spec"]["clusterIP"].as_str().unwrap(), 443, address);
    }

    fn read(&self, kind: Kind) -> Value {
        self.crossing.kubectl.get_json(&[kind.resource(), &self.name])
    }

    fn entry(&self, kind: Kind, name: &str) -> Value {
        let configuration = self.read(kind);
        let entries = configuration["webhooks"].as_array().cloned().unwrap_or_default();
        entries.into_iter().find(|entry| entry["name"] == name).unwrap_or_default()
    }

    fn until(&self, what: &str, name: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        let kind = if name.starts_with("mutate") { Kind::Mutating } else { Kind::Validating };
        wait_until(what, || {
            let entry = self.entry(kind, name);
            if is_so(&entry) { Ok(entry) } else { Err(entry.to_string()) }
        })
    }

    pub(crate) fn until_fails(&self, policy: &str) -> Value {
        self.until(&format!("`{FAIL}` to be `{policy}`"), FAIL, |entry| entry["failurePolicy"] == policy)
    }

    fn patch(&self, kind: Kind, patch: &Value) {
        let args = ["patch", kind.resource(), &self.name, "--type=merge", "-p", &patch.to_string()];
        self.crossing.kubectl.run(&args).succeeds();
    }

    fn names(&self, kind: Kind) -> Vec<String> {
        let configuration = self.read(kind);
        let entries = configuration["webhooks"].as_array().cloned().unwrap_or_default();
        entries.iter().map(|entry| entry["name"].as_str().unwrap().to_owned()).collect()
    }

    fn broken(&self) -> Said {
        let policy = objects::listener_policy(&self.crossing.obs, "broken", "name: gone, port: 4317");
        self.crossing.kubectl.run_with(&["create", "--dry-run=server", "-f", "-"], &policy)
    }

    fn until_refused(&self) {
        wait_until("a broken one to be refused", || {
            let said = self.broken();
            if said.err.contains("gone") { Ok(()) } else { Err(said.all()) }
        });
    }

    fn until_let_through(&self) {
        wait_until("a broken one to be let through", || {
            let said = self.broken();
            if said.ok { Ok(()) } else { Err(said.all()) }
        });
    }
}

impl Drop for Configurations<'_> {
    fn drop(&mut self) {
        self.crossing.kubectl.run(&["delete", BOTH, &self.name, "--ignore-not-found"]);
        let role = ["delete", "clusterrolebinding,clusterrole", "e2e-portcullis-registers", "--ignore-not-found"];
        self.crossing.kubectl.run(&role);
        if std::thread::panicking() {
            cluster::restore_policies(&self.crossing.kubectl);
        }
    }
}

fn may_register() -> String {
    let metadata = json!({ "name": "e2e-portcullis-registers" });
    let group = "rbac.authorization.k8s.io";
    let role = json!({
        "apiVersion": format!("{group}/v1"), "kind": "ClusterRole", "metadata": metadata,
        "rules": [
            {
                "apiGroups": ["admissionregistration.k8s.io"],
                "resources": ["validatingwebhookconfigurations", "mutatingwebhookconfigurations"],
                "verbs": ["list", "watch", "patch"],
            },
            { "apiGroups": ["portcullis.dev"], "resources": ["guardpolicies"], "verbs": ["create"] },
        ],
    });
    let binding = json!({
        "apiVersion": format!("{group}/v1"), "kind": "ClusterRoleBinding", "metadata": metadata,
        "roleRef": { "apiGroup": group, "kind": "ClusterRole", "name": "e2e-portcullis-registers" },
        "subjects": [{ "apiGroup": group, "kind": "User", "name": cluster::USER }],
    });
    format!("{role}\n---\n{binding}\n")
}

fn filled(sandbox: &Sandbox<'_>) {
    let crossing = Crossing::new(sandbox);
    let configurations = Configurations::empty(sandbox, &crossing);
    let portcullis = configurations.leader(&[]);
    let fail = configurations.until_fails("Ignore");
    assert_eq!(fail["timeoutSeconds"], 3);
    let order = |kind| configurations.names(kind);
    assert_eq!(order(Kind::Validating), [FAIL, "ignore.validate.portcullis.dev", "probe.portcullis.dev"]);
    configurations
        .until("the other configuration", "mutate.portcullis.dev", |entry| entry["failurePolicy"] == "Ignore");
    assert_eq!(order(Kind::Mutating), ["mutate.portcullis.dev"]);
    // There is no Service yet.
    portcullis.wait_until_it_says("registration: degraded: the API server does not reach us");
    assert_eq!(configurations.entry(Kind::Validating, FAIL)["failurePolicy"], "Ignore");

    configurations.lead_to(portcullis.address());
    configurations.until_fails("Fail");
    configurations.until_refused();
    portcullis.wait_until_it_says("registration: ready");
    wait_until("the policies to say so", || {
        let policy = crossing.kubectl.try_get_json(&["guardpolicy", "backend-refs"])?;
        let conditions = policy["status"]["conditions"].as_array().cloned().unwrap_or_default();
        let is_so = conditions.iter().any(|one| one["type"] == "Registered" && one["reason"] == "Covered");
        if is_so { Ok(()) } else { Err(policy.to_string()) }
    });
    let metrics = portcullis.get("/metrics").unwrap();
    let line = format!(r#"portcullis_registration_entries{{entry="{FAIL}",failure_policy="Fail"}} 1"#);
    assert!(metrics.contains(&line), "{metrics}");

    // Nothing is written that is as it should be.
    let version = |kind| configurations.read(kind)["metadata"]["resourceVersion"].clone();
    let before = Kind::ALL.map(version);
    std::thread::sleep(Duration::from_secs(4));
    assert_eq!(Kind::ALL.map(version), before);
}

fn policies(sandbox: &Sandbox<'_>) {
    let crossing = Crossing::new(sandbox);
    let configurations = Configurations::empty(sandbox, &crossing);
    let portcullis = configurations.leader(&[]);
    configurations.lead_to(portcullis.address());
    configurations.until_fails("Fail");
    let sends = |entry: &Value, resource: &str| entry["rules"].to_string().contains(&format!("\"{resource}\""));
    crossing.kubectl.delete(&["guardpolicy", "debug-exporters"]);
    let begun = Instant::now();
    configurations.until("ConfigMaps to be left out", "mutate.portcullis.dev", |entry| !sends(entry, "configmaps"));
    let took = begun.elapsed();
    crossing.kubectl.delete(&["guardpolicy", "scrape-annotations"]);
    wait_until("the last entry that edits to go", || {
        let names = configurations.names(Kind::Mutating);
        if names.is_empty() { Ok(()) } else { Err(format!("{names:?}")) }
    });
    // Rules alone change nothing about whether we are reached.
    let patch = json!({ "spec": { "matchConstraints": { "resourceRules": [{
        "apiGroups": ["gateway.kgateway.dev"], "apiVersions": ["*"],
        "resources": ["httplistenerpolicies"], "operations": ["CREATE"],
    }] } } });
    for name in ["backend-refs", "reference-grants", "listener-policies"] {
        let args = ["patch", "guardpolicy", name, "--type=merge", "-p", &patch.to_string()];
        crossing.kubectl.run(&args).succeeds();
    }
    let fail = configurations.until("fewer rules", FAIL, |entry| !sends(entry, "agentgatewaypolicies"));
    assert_eq!(fail["failurePolicy"], "Fail");
    for said in cluster::restore_policies(&crossing.kubectl) {
        said.succeeds();
    }
    configurations.until("ConfigMaps to be sent again", "mutate.portcullis.dev", |entry| sends(entry, "configmaps"));
    let log = portcullis.log();
    assert!(!log.contains("fails open until"), "{log}");
    assert!(took < Duration::from_secs(5), "it took {took:?}");
}

fn unreached(sandbox: &Sandbox<'_>) {
    let crossing = Crossing::new(sandbox);
    let configurations = Configurations::empty(sandbox, &crossing);
    let portcullis = configurations.leader(&[]);
    let network = Network::to(portcullis.address());
    configurations.lead_to(network.address);
    configurations.until_fails("Fail");
    configurations.until_refused();
    network.cut(true);
    let begun = Instant::now();
    configurations.until_fails("Ignore");
    let took = begun.elapsed();
    assert!(took >= Duration::from_secs(2), "probes fail now and then: {took:?}");
    portcullis.wait_until_it_says("the API server does not reach us");
    configurations.until_let_through();
    network.cut(false);
    configurations.until_fails("Fail");
    configurations.until_refused();
}

/// What lies between the API server and a process, and may be cut.
struct Network {
    address: SocketAddr,
    cut: Arc<AtomicBool>,
    open: Arc<Mutex<Vec<TcpStream>>>,
}

impl Network {
    fn to(process: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (cut, open) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Vec::new())));
        let network = Self { address, cut: Arc::clone(&cut), open: Arc::clone(&open) };
        std::thread::spawn(move || {
            for near in listener.incoming().filter_map(Result::ok) {
                let Some(far) = TcpStream::connect(process).ok().filter(|_| !cut.load(Ordering::Relaxed)) else {
                    continue;
                };
                for (from, to) in [(&near, &far), (&far, &near)] {
                    let (mut from, mut to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
                    open.lock().unwrap().push(from.try_clone().unwrap());
                    std::thread::spawn(move || {
                        let _ = std::io::copy(&mut from, &mut to);
                        let _ = to.shutdown(Shutdown::Both);
                    });
                }
            }
        });
        network
    }

    fn cut(&self, cut: bool) {
        self.cut.store(cut, Ordering::Relaxed);
        for connection in self.open.lock().unwrap().drain(..) {
            let _ = connection.shutdown(Shutdown::Both);
        }
    }
}

fn stopped(sandbox: &Sandbox<'_>) {
    let crossing = Crossing::new(sandbox);
    let configurations = Configurations::empty(sandbox, &crossing);
    let first = configurations.leader(&["--identity", "first", "--lease", "3"]);
    configurations.lead_to(first.address());
    configurations.until_fails("Fail");
    let second = configurations.member(&["--identity", "second", "--lease", "3"]);
    first.sleep();
    until_leads(&second);
    configurations.until_fails("Ignore");
    // It is asked in vain, and let through.
    configurations.until_let_through();
    configurations.lead_to(second.address());
    first.wake();
    configurations.until_fails("Fail");
}

fn foreign_ca(sandbox: &Sandbox<'_>) {
    let crossing = Crossing::new(sandbox);
    let configurations = Configurations::empty(sandbox, &crossing);
    let annotations = json!({ "metadata": { "annotations": { "cert-manager.io/inject-ca-from": "a/b" } } });
    for kind in Kind::ALL {
        configurations.patch(kind, &annotations);
    }
    let portcullis = configurations.leader(&[]);
    configurations.lead_to(portcullis.address());
    let fail = configurations.until_fails("Ignore");
    assert_eq!(fail["clientConfig"].get("caBundle"), None);
    let inject = |pem: &str| {
        let bundle = serde_json::to_value(k8s_openapi::ByteString(pem.as_bytes().to_vec())).unwrap();
        wait_until("the CA to be injected", || {
            let mut configuration = configurations.read(Kind::Validating);
            for entry in configuration["webhooks"].as_array_mut().unwrap() {
                entry["clientConfig"]["caBundle"] = bundle.clone();
            }
            let said = crossing.kubectl.run_with(&["replace", "-f", "-"], &configuration.to_string());
            if said.ok { Ok(()) } else { Err(said.all()) }
        });
        bundle
    };
    inject(&std::fs::read_to_string(sandbox.plane().folder().join("ca.crt")).unwrap());
    portcullis.wait_until_it_says("x509");
    assert_eq!(configurations.entry(Kind::Validating, FAIL)["failurePolicy"], "Ignore");
    let right = inject(&portcullis.ca());
    let fail = configurations.until_fails("Fail");
    assert_eq!(fail["clientConfig"]["caBundle"], right);
}

fn without_probes(sandbox: &Sandbox<'_>) {
    let crossing = Crossing::new(sandbox);
    let configurations = Configurations::empty(sandbox, &crossing);
    let portcullis = configurations.leader(&[]);
    configurations.lead_to(portcullis.address());
    configurations.until_fails("Fail");
    for name in ["portcullis", "e2e-portcullis-registers"] {
        let mut role = crossing.kubectl.get_json(&["clusterrole", name]);
        let is_of_probes = |rule: &Value| {
            rule["resources"].to_string().contains("\"guardpolicies\"") && rule["verbs"].to_string().contains("create")
        };
        role["rules"].as_array_mut().unwrap().retain(|rule| !is_of_probes(rule));
        role["metadata"] = json!({ "name": name, "labels": role["metadata"]["labels"] });
        crossing.kubectl.run_with(&["replace", "-f", "-"], &role.to_string()).succeeds();
    }
    portcullis.wait_until_it_says("it is not known whether the API server reaches us");
    configurations.until_fails("Ignore");
    cluster::install(&crossing.kubectl);
    crossing.kubectl.apply(&may_register());
    configurations.until_fails("Fail");
}

fn absent(sandbox: &Sandbox<'_>) {
    let crossing = Crossing::new(sandbox);
    let configurations = Configurations::none(sandbox, &crossing);
    let portcullis = configurations.leader(&[]);
    let name = &configurations.name;
    portcullis.wait_until_it_says(&format!("there is no ValidatingWebhookConfiguration `{name}`"));
    configurations.make();
    configurations.lead_to(portcullis.address());
    configurations.until_fails("Fail");
    crossing.kubectl.delete(&[BOTH, name]);
    portcullis.wait_until_it_says(&format!("there is no MutatingWebhookConfiguration `{name}`"));
    configurations.until_let_through();
    std::thread::sleep(Duration::from_secs(3));
    for kind in Kind::ALL {
        assert!(!crossing.kubectl.exists(&[kind.resource(), name]), "{}", portcullis.log());
    }
    // Made again, it is new: what was shown before shows nothing of it.
    configurations.make();
    configurations.until_fails("Fail");
    let probes = portcullis.log().matches("from now on `fail.validate.portcullis.dev` fails closed").count();
    assert_eq!(probes, 2, "{}", portcullis.log());
}

/// Who closed it is gone, and whoever leads now cannot serve: nobody may have to wait for that.
fn without_certificate(sandbox: &Sandbox<'_>) {
    let crossing = Crossing::new(sandbox);
    let configurations = Configurations::empty(sandbox, &crossing);
    let first = configurations.leader(&["--identity", "first", "--lease", "3"]);
    configurations.lead_to(first.address());
    configurations.until_fails("Fail");
    first.kill();
    let ours = ["--own-namespace", &crossing.gw, "--webhook-configuration", &configurations.name];
    let secret = ["--tls-secret", "not-there", "--identity", "second", "--lease", "3"];
    let second = cluster::start_with(sandbox, &[&ours[..], &secret, &PROBES].concat());
    configurations.until_fails("Ignore");
    configurations.until_let_through();
    // Nor does it keep us from obeying.
    configurations.patch(Kind::Validating, &json!({ "metadata": { "annotations": { SWITCH: "off" } } }));
    wait_until("our entries to go", || {
        let names = configurations.names(Kind::Validating);
        if names.is_empty() { Ok(()) } else { Err(format!("{names:?}\n{}", second.log())) }
    });
    assert!(!second.is_ready());
}

fn switched_off(sandbox: &Sandbox<'_>) {
    let crossing = Crossing::new(sandbox);
    let configurations = Configurations::empty(sandbox, &crossing);
    let theirs = json!([{
        "name": "theirs.example.org", "clientConfig": { "url": "https://127.0.0.1:1/" }, "sideEffects": "None",
        "failurePolicy": "Ignore", "admissionReviewVersions": ["v1"], "timeoutSeconds": 1,
        "rules": [{ "apiGroups": ["example.org"], "apiVersions": ["*"], "resources": ["things"], "operations": ["CREATE"] }],
    }]);
    configurations.patch(Kind::Validating, &json!({ "webhooks": theirs }));
    let before = configurations.entry(Kind::Validating, "theirs.example.org");
    let portcullis = configurations.leader(&[]);
    configurations.lead_to(portcullis.address());
    configurations.until_fails("Fail");
    assert_eq!(configurations.entry(Kind::Validating, "theirs.example.org"), before);
    let switch = |value: Value| {
        let patch = json!({ "metadata": { "annotations": { "portcullis.dev/registration": value } } });
        for kind in Kind::ALL {
            configurations.patch(kind, &patch);
        }
    };
    switch("off".into());
    portcullis.wait_until_it_says("has the annotation `portcullis.dev/registration: off`");
    wait_until("our entries to go", || {
        let names = Kind::ALL.map(|kind| configurations.names(kind));
        if names[0] == ["theirs.example.org"] && names[1].is_empty() { Ok(()) } else { Err(format!("{names:?}")) }
    });
    configurations.until_let_through();
    switch(Value::Null);
    configurations.until_fails("Fail");
    assert_eq!(configurations.entry(Kind::Validating, "theirs.example.org"), before);
}

fn external(sandbox: &Sandbox<'_>) {
    let crossing = Crossing::new(sandbox);
    let configurations = Configurations::empty(sandbox, &crossing);
    let portcullis = configurations.leader(&["--registration", "external"]);
    portcullis.wait_until_it_says(
        "registration: degraded: ValidatingWebhookConfiguration: `fail.validate.portcullis.dev` is missing",
    );
    let ca = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(ca.path(), portcullis.ca()).unwrap();
    let name = &configurations.name;
    let (gw, ca) = (&crossing.gw, ca.path().display().to_string());
    let args = ["webhooks", "--own-namespace", gw, "--webhook-configuration", name, "--ca", &ca, "--fail-closed"];
    // Our user is named by our namespace.
    let printed = run(&args).succeeds().out;
    configurations.lead_to(portcullis.address());
    crossing.kubectl.apply(&printed);
    portcullis.wait_until_it_says("registration: ready");
    configurations.patch(Kind::Mutating, &json!({ "webhooks": [] }));
    portcullis.wait_until_it_says("MutatingWebhookConfiguration: `mutate.portcullis.dev` is missing");
    configurations.until_refused();
}

fn forbidden(sandbox: &Sandbox<'_>) {
    let crossing = Crossing::new(sandbox);
    let configurations = Configurations::empty(sandbox, &crossing);
    crossing
        .kubectl
        .run(&[
            "patch",
            "clusterrole",
            "e2e-portcullis-registers",
            "--type=json",
            "-p",
            r#"[{ "op": "replace", "path": "/rules/0/verbs", "value": ["list", "watch"] }]"#,
        ])
        .succeeds();
    let can = ["auth", "can-i", "patch", "validatingwebhookconfigurations", "--as", cluster::USER];
    wait_until("the right to be gone", || {
        let said = crossing.kubectl.run(&can);
        if said.ok { Err(said.all()) } else { Ok(()) }
    });
    let portcullis = configurations.leader(&[]);
    portcullis.wait_until_it_says("cannot be written: not allowed");
    assert_eq!(configurations.names(Kind::Validating), Vec::<String>::new());
    crossing.kubectl.apply(&may_register());
    configurations.lead_to(portcullis.address());
    configurations.until_fails("Fail");
    portcullis.wait_until_it_says("registration: ready");
}

fn off(sandbox: &Sandbox<'_>) {
    let kubectl = sandbox.kubectl();
    let name = format!("portcullis-{}", sandbox.id());
    for kind in Kind::ALL {
        kubectl.apply(&Entries::default().manifest(kind, &name).to_string());
    }
    let kubeconfig = sandbox.plane().kubeconfig("admin", Some("system:masters")).display().to_string();
    let args = ["webhooks", "--off", "--webhook-configuration", &name, "--kubeconfig", &kubeconfig];
    run(&args).succeeds().says(&format!("deleted the ValidatingWebhookConfiguration `{name}`"));
    for kind in Kind::ALL {
        assert!(!kubectl.exists(&[kind.resource(), &name]));
    }
    run(&args).succeeds().says(&format!("there is no MutatingWebhookConfiguration `{name}`: nothing to delete"));
    let nobody = sandbox.plane().kubeconfig("nobody", None).display().to_string();
    let args = ["webhooks", "--off", "--webhook-configuration", &name, "--kubeconfig", &nobody];
    run(&args).fails().says(&format!("the ValidatingWebhookConfiguration `{name}` cannot be deleted"));
}

/// Every request that is sent fails here, as nobody answers; whatever else is let through.
fn conditions(sandbox: &Sandbox<'_>) {
    let crossing = Crossing::new(sandbox);
    let (kubectl, ns) = (&crossing.kubectl, crossing.gw.as_str());
    let ours = sandbox.plane().kubectl_as(cluster::USER, Some("system:masters"));
    kubectl.apply(&objects::service(ns, "otel", 4317));
    kubectl.apply(&objects::listener_policy(ns, "logs", "name: otel, port: 4317"));
    let config_map = |name: &str, data: Value| {
        let metadata = json!({ "name": name, "namespace": ns });
        json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data }).to_string()
    };
    let many: serde_json::Map<_, _> = (0..10_000).map(|i| (format!("key-{i}"), json!("y".repeat(80)))).collect();
    for (name, data) in [
        ("empty", Value::Null),
        ("small", json!({ "a": "b", "-._strange.KEY": "'\"\\`" })),
        ("large", json!({ "a": "x".repeat(1_000_000) })),
        ("many", many.into()),
    ] {
        kubectl.run_with(&["create", "-f", "-"], &config_map(name, data)).succeeds();
    }
    let doomed = sandbox.namespace("doomed", &[]);
    let refused = Refused::register(sandbox, kubectl, ns);
    let sent = |args: &[&str]| assert!(refused.by(kubectl, args), "it was not sent: {args:?}");
    let not_sent = |args: &[&str]| drop(kubectl.run(&[args, &["-n", ns]].concat()).succeeds());

    let merge = |what: &'static str, patch: &'static str| ["patch", what, "--type=merge", "-p", patch];
    not_sent(&["annotate", "service", "otel", "controller.example.org/seen=1"]);
    not_sent(&merge("service/otel", r#"{"spec":{"sessionAffinity":"ClientIP"}}"#));
    not_sent(&merge("service/otel", r#"{"metadata":{"finalizers":["example.org/a"]}}"#));
    sent(&merge("service/otel", r#"{"spec":{"ports":[{"port":4318,"name":"http"}]}}"#));
    sent(&merge("service/otel", r#"{"spec":{"selector":{"app":"a"}}}"#));
    sent(&["annotate", "service", "otel", "portcullis.dev/allow-disruption=2030-01-01T00:00:00Z"]);
    sent(&["annotate", "service", "otel", "portcullis.dev/shared-with=a=b"]);
    sent(&["label", "service", "otel", "portcullis.dev/shared=true"]);
    sent(&["delete", "service", "otel"]);
    ours.run(&["label", "service", "otel", "a=b", "-n", ns]).succeeds();
    not_sent(&merge("service/otel", r#"{"metadata":{"finalizers":null}}"#));

    for name in ["empty", "small", "large", "many"] {
        not_sent(&["annotate", "configmap", name, "control-plane.alpha.kubernetes.io/leader=1"]);
        sent(&["label", "configmap", name, "a=b"]);
        sent(&["patch", "configmap", name, "--type=merge", "-p", r#"{"data":{"a":"c"}}"#]);
        sent(&["patch", "configmap", name, "--type=merge", "-p", r#"{"binaryData":{"b":"AAAA"}}"#]);
        sent(&["annotate", "configmap", name, "portcullis.dev/remedy=Suggest"]);
        not_sent(&["patch", "configmap", name, "--type=merge", "-p", r#"{"metadata":{"ownerReferences":null}}"#]);
        not_sent(&["delete", "configmap", name]);
    }
    assert!(is_refused(kubectl, &["create", "-f", "-"], &config_map("new", json!({ "a": "b" }))));
    assert!(is_refused(kubectl, &["create", "-f", "-"], &config_map("new", Value::Null)));

    not_sent(&["annotate", "namespace", ns, "a=b"]);
    sent(&["label", "namespace", ns, "a=b"]);
    sent(&["annotate", "namespace", ns, "portcullis.dev/shared-with=a=b"]);
    sent(&["delete", "namespace", &doomed]);

    not_sent(&merge("listenerpolicy/logs", r#"{"metadata":{"finalizers":["example.org/a"]}}"#));
    sent(&merge(
        "listenerpolicy/logs",
        r#"{"spec":{"targetRefs":[{"group":"gateway.networking.k8s.io","kind":"Gateway","name":"other"}]}}"#,
    ));
    sent(&["label", "listenerpolicy", "logs", "a=b"]);
    sent(&["annotate", "listenerpolicy", "logs", "portcullis.dev/remedy=Suggest"]);
    not_sent(&["delete", "listenerpolicy", "logs", "--wait=false"]);
    // It is terminating: what still has to be taken off reaches nobody.
    not_sent(&merge("listenerpolicy/logs", r#"{"metadata":{"finalizers":null}}"#));
    sent(&["annotate", "gateway", "http", "a=b"]);
}

/// The entries of the default policies, leading nowhere and failing closed, for the namespaces of one test.
struct Refused<'a> {
    kubectl: &'a Kubectl,
    name: String,
    namespace: String,
}

impl<'a> Refused<'a> {
    fn register(sandbox: &Sandbox<'_>, kubectl: &'a Kubectl, namespace: &str) -> Self {
        let name = format!("portcullis-{}", sandbox.id());
        let registered = Self { kubectl, name, namespace: namespace.to_owned() };
        let entries = Entries::of(
            &shipped::policies(),
            &Settings {
                own_namespace: "portcullis-system".to_owned(),
                route: Route::Url("https://127.0.0.1:1".to_owned()),
                user: cluster::USER.to_owned(),
                ca: CaBundle::Foreign,
                fails_closed: true,
            },
        );
        for kind in Kind::ALL {
            let mut manifest = entries.manifest(kind, &registered.name);
            for entry in manifest["webhooks"].as_array_mut().unwrap() {
                entry["failurePolicy"] = json!("Fail");
                entry["timeoutSeconds"] = json!(1);
                let ours = json!({ "key": LABEL, "operator": "In", "values": [sandbox.id()] });
                if let Some(expressions) = entry["namespaceSelector"].get_mut("matchExpressions") {
                    expressions.as_array_mut().unwrap().push(ours);
                }
            }
            kubectl.apply(&manifest.to_string());
        }
        for what in ["service/otel", "configmap/small", "listenerpolicy/logs"] {
            let args = ["label", what, "e2e.portcullis.dev/wait=1"];
            wait_until("the entries to be in force", || {
                if registered.by(kubectl, &args) { Ok(()) } else { Err(format!("{what} can be written")) }
            });
        }
        registered
    }

    /// Whether this is sent to us.
    fn by(&self, kubectl: &Kubectl, args: &[&str]) -> bool {
        is_refused(kubectl, &[args, &["-n", &self.namespace]].concat(), "")
    }
}

impl Drop for Refused<'_> {
    fn drop(&mut self) {
        self.kubectl.run(&["delete", BOTH, &self.name, "--ignore-not-found"]);
    }
}

/// Whether this is sent to whoever does not answer.
fn is_refused(kubectl: &Kubectl, args: &[&str], input: &str) -> bool {
    let said = kubectl.run_with(&[args, &["--dry-run=server"]].concat(), input);
    assert!(said.ok || said.err.contains("failed calling webhook"), "{}", said.all());
    !said.ok
}

/// Runs portcullis to its end.
fn run(args: &[&str]) -> Said {
    Kubectl::new(std::path::Path::new(env!("CARGO_BIN_EXE_portcullis")), std::path::Path::new("/nonexistent")).run(args)
}
