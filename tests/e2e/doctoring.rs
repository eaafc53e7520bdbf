//! `portcullis doctor` before a real API server: what it says of a broken installation, and that what it says to type
//! repairs it.

use std::{fs, process::Command};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    cluster, kubectl::Kubectl, objects, patience::wait_until, portcullis::Portcullis, processes, sandbox::Sandbox,
    trial::Case,
};

pub(crate) const CASES: &[Case] = &[
    Case::new("doctor: an installation is healed by what doctor says, and each new wound too", healed)
        .with_controllers()
        .alone(),
    Case::new("doctor: who may see nothing is told so, and not that nothing is there", a_stranger).alone(),
    Case::new("doctor: the impact of Deny is what is stored and would be refused", the_impact).alone(),
];

/// What doctor said.
#[derive(Debug)]
struct Told {
    code: Option<i32>,
    out: String,
    err: String,
}

/// An installation with names of its own.
struct World<'a> {
    sandbox: &'a Sandbox<'a>,
    kubectl: Kubectl,
    own: String,
    kubeconfig: String,
    folder: TempDir,
}

impl Told {
    #[track_caller]
    fn says(&self, words: &str) -> &Self {
        assert!(self.out.contains(words), "`{words}` is not in {self:#?}");
        self
    }

    /// The commands below the remark with these words.
    #[track_caller]
    fn repair_of(&self, words: &str) -> String {
        let mut lines = self.out.lines().skip_while(|line| !line.contains(words));
        let repair = lines.find_map(|line| line.strip_prefix("           repair "));
        repair.unwrap_or_else(|| panic!("no repair of `{words}` in {self:#?}")).trim().to_owned()
    }
}

fn ask(kubeconfig: &str, args: &[&str]) -> Told {
    let mut command: Command = processes::command(env!("CARGO_BIN_EXE_portcullis").as_ref());
    command.args(["doctor", "--kubeconfig", kubeconfig]).args(args);
    for name in
        std::env::vars_os().map(|(name, _)| name).filter(|name| name.to_string_lossy().starts_with("PORTCULLIS_"))
    {
        command.env_remove(name);
    }
    let output = command.output().expect("doctor runs");
    Told {
        code: output.status.code(),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

impl<'a> World<'a> {
    fn new(sandbox: &'a Sandbox<'a>) -> Self {
        let own = sandbox.namespace("own", &[("environment", "production")]);
        let kubeconfig = sandbox.plane().kubeconfig("admin", Some("system:masters")).display().to_string();
        let folder = tempfile::tempdir().expect("a temporary folder");
        Self { sandbox, kubectl: sandbox.kubectl(), own, kubeconfig, folder }
    }

    fn doctor(&self) -> Told {
        let name = self.configuration();
        ask(&self.kubeconfig, &["--own-namespace", &self.own, "--webhook-configuration", &name])
    }

    fn configuration(&self) -> String {
        format!("doctor-{}", self.sandbox.id())
    }

    /// Types what doctor says.
    #[track_caller]
    fn repair(&self, words: &str) {
        let told = self.doctor();
        assert_eq!(told.code, Some(1), "{told:#?}");
        let folder = self.folder.path().display();
        self.kubectl.shell(&format!("cd '{folder}' && {}", told.repair_of(words))).succeeds();
    }

    #[track_caller]
    fn until_well(&self) {
        wait_until("doctor to be content", || {
            self.make_pods_ready();
            let told = self.doctor();
            if told.code == Some(0) && told.out.ends_with("\nall is well\n") {
                Ok(())
            } else {
                Err(format!("{told:#?}"))
            }
        });
    }

    /// What a kubelet does.
    fn make_pods_ready(&self) {
        let pods = self.kubectl.get_json(&["pods", "-n", &self.own]);
        for pod in pods["items"].as_array().into_iter().flatten() {
            let name = pod["metadata"]["name"].as_str().unwrap_or_default();
            let condition = json!({ "type": "Ready", "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z" });
            let status = json!({ "status": { "phase": "Running", "conditions": [condition] } }).to_string();
            self.kubectl.run(&[
                "patch",
                "pod",
                name,
                "-n",
                &self.own,
                "--subresource=status",
                "--type=merge",
                "-p",
                &status,
            ]);
        }
    }

    fn make_certificates(&self) {
        let key = KeyPair::generate().unwrap();
        let mut ca = CertificateParams::new(Vec::new()).unwrap();
        ca.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        fs::write(self.folder.path().join("ca.crt"), ca.self_signed(&key).unwrap().pem()).unwrap();
        let leaf_key = KeyPair::generate().unwrap();
        let mut leaf = CertificateParams::new(vec![format!("portcullis.{}.svc", self.own)]).unwrap();
        (leaf.not_before, leaf.not_after) = (rcgen::date_time_ymd(2026, 1, 1), rcgen::date_time_ymd(2036, 1, 1));
        let leaf = leaf.signed_by(&leaf_key, &Issuer::new(ca, key)).unwrap().pem();
        fs::write(self.folder.path().join("tls.crt"), &leaf).unwrap();
        fs::write(self.folder.path().join("tls.key"), leaf_key.serialize_pem()).unwrap();
        let secret = json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "portcullis-tls", "namespace": self.own },
            "stringData": { "tls.crt": leaf },
        });
        self.kubectl.apply(&secret.to_string());
    }

    fn make_workload(&self) {
        let run = |args: &[&str]| self.kubectl.run(&[args, &["-n", &self.own]].concat()).succeeds();
        run(&["create", "serviceaccount", "portcullis"]);
        run(&["create", "service", "clusterip", "portcullis", "--tcp=443"]);
        let labels = json!({ "app": "portcullis" });
        let image = concat!("portcullis:", env!("CARGO_PKG_VERSION"));
        let container = json!({ "name": "portcullis", "image": image, "args": ["serve", "--registration=external"] });
        let deployment = json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": { "name": "portcullis", "namespace": self.own },
            "spec": { "replicas": 2, "selector": { "matchLabels": labels }, "template": {
                "metadata": { "labels": labels },
                "spec": { "serviceAccountName": "portcullis", "containers": [container] },
            } },
        });
        self.kubectl.apply(&deployment.to_string());
    }

    /// As the leader of this installation, with a certificate for its Service, to which its cluster IP leads.
    fn serve(&self) -> Portcullis {
        let user = format!("system:serviceaccount:{}:portcullis", self.own);
        let kubeconfig = self.sandbox.plane().kubeconfig(&user, None).display().to_string();
        let file = |name: &str| self.folder.path().join(name).display().to_string();
        let (cert, key) = (file("tls.crt"), file("tls.key"));
        let portcullis = Portcullis::serve(&[
            "--kubeconfig",
            &kubeconfig,
            "--own-namespace",
            &self.own,
            "--identity",
            "portcullis-1",
            "--tls-cert",
            &cert,
            "--tls-key",
            &key,
            "--registration",
            "external",
            "--webhook-configuration",
            &self.configuration(),
        ]);
        let service = self.kubectl.get_json(&["service", "portcullis", "-n", &self.own]);
        let cluster_ip = service["spec"]["clusterIP"].as_str().expect("a cluster IP");
        self.sandbox.plane().route(cluster_ip, 443, portcullis.address());
        portcullis
    }

    /// As those do who keep it in Git.
    fn register(&self) {
        let mut command: Command = processes::command(env!("CARGO_BIN_EXE_portcullis").as_ref());
        command.args(["webhooks", "--fail-closed", "--own-namespace", &self.own, "--webhook-configuration"]);
        command.arg(self.configuration()).arg("--ca").arg(self.folder.path().join("ca.crt"));
        let printed = command.output().expect("the configurations are printed");
        assert!(printed.status.success(), "{printed:?}");
        self.kubectl.apply(&String::from_utf8(printed.stdout).unwrap());
    }

    /// Breaks something, sees that doctor says so, types what it says, and sees that it is content.
    #[track_caller]
    fn heals(&self, broken: &[&str], words: &str) {
        self.kubectl.run(broken).succeeds();
        self.repair(words);
        self.until_well();
    }

    fn patch(&self, kind: &str, patch: &Value) {
        let (name, patch) = (self.configuration(), patch.to_string());
        self.kubectl.run(&["patch", kind, &name, "--type=json", "-p", &patch]).succeeds();
    }
}

impl Drop for World<'_> {
    fn drop(&mut self) {
        let ours = self.configuration();
        let kubectl = &self.kubectl;
        kubectl.run(&[
            "delete",
            "validatingwebhookconfigurations,mutatingwebhookconfigurations",
            &ours,
            "theirs",
            "--ignore-not-found",
        ]);
        let made = kubectl.run(&["get", "clusterroles,clusterrolebindings", "-o", "name"]);
        let made: Vec<_> = made.out.lines().filter(|name| name.contains("/portcullis-repair-")).collect();
        if !made.is_empty() {
            kubectl.run(&[&["delete"], &made[..]].concat());
        }
    }
}

fn healed(sandbox: &Sandbox<'_>) {
    cluster::ensure_installed(&sandbox.kubectl());
    let world = World::new(sandbox);
    let told = world.doctor();
    assert_eq!(told.code, Some(1), "{told:#?}");
    told.says(&format!("no Deployment in `{}` runs Portcullis", world.own)).says("\n1 problem\n");
    world.make_certificates();
    world.make_workload();
    // Its account has no rights at all yet: each of them is given by what doctor says.
    let told = world.doctor();
    told.says("nobody has ever led")
        .says("it may not `get`, `list`, `watch` `services`")
        .says("no grant is made or removed")
        .says("`failurePolicy: Ignore`");
    let repairs: Vec<_> = told.out.lines().filter_map(|line| line.strip_prefix("           repair ")).collect();
    for grant in repairs.into_iter().map(str::trim).filter(|repair| repair.contains("--serviceaccount=")) {
        world.kubectl.shell(grant).succeeds();
    }
    let _portcullis = world.serve();
    world.repair("no PodDisruptionBudget keeps a replica");
    world.register();
    world.until_well();

    let own = world.own.clone();
    world.heals(&["scale", "deployment", "portcullis", "-n", &own, "--replicas=0"], "no replica is wanted");
    world.heals(&["delete", "poddisruptionbudget", "portcullis", "-n", &own], "no PodDisruptionBudget");
    let role = "portcullis-repair-get-list-watch-services";
    world.heals(&["delete", "clusterrole,clusterrolebinding", role], "it may not `get`, `list`, `watch` `services`");
    let (validating, mutating) = ("validatingwebhookconfiguration", "mutatingwebhookconfiguration");
    let set = |kind: &str, at: usize, field: &str, value: Value| {
        world.patch(kind, &json!([{ "op": "add", "path": format!("/webhooks/{at}/{field}"), "value": value }]));
    };
    for (kind, at, field, value, words) in [
        (mutating, 0, "failurePolicy", json!("Fail"), "`mutate.portcullis.dev` fails closed"),
        (validating, 0, "failurePolicy", json!("Ignore"), "`fail.validate.portcullis.dev` fails open"),
        (validating, 1, "failurePolicy", json!("Fail"), "`ignore.validate.portcullis.dev` fails closed"),
        (validating, 1, "timeoutSeconds", json!(30), "waits 30 seconds for an answer"),
    ] {
        set(kind, at, field, value);
        world.repair(words);
        world.until_well();
    }
    // What holds us up is mended first, and what else differs is printed anew by whoever keeps it.
    set(validating, 0, "namespaceSelector/matchExpressions", json!([]));
    world.repair("is also asked about our own namespace");
    world.doctor().says("`fail.validate.portcullis.dev`: `namespaceSelector` is");
    world.register();
    world.until_well();
    let description = json!([{
        "op": "replace", "path": "/spec/versions/0/schema/openAPIV3Schema/description", "value": "something else",
    }]);
    let patch = description.to_string();
    world.heals(
        &["patch", "crd", "guardpolicies.portcullis.dev", "--type=json", "-p", &patch],
        "GuardPolicy is not defined as in version",
    );

    // A configuration that is gone is printed and applied again.
    world.kubectl.delete(&["mutatingwebhookconfiguration", &world.configuration()]);
    world.repair("it does not exist");
    world.until_well();

    // Somebody else's webhook, which nobody answers.
    let theirs = json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration",
        "metadata": { "name": "theirs" },
        "webhooks": [{
            "name": "their.webhook.io", "admissionReviewVersions": ["v1"], "sideEffects": "None", "timeoutSeconds": 1,
            "clientConfig": { "url": "https://127.0.0.1:1/" }, "failurePolicy": "Fail",
            "rules": [
                { "apiGroups": [""], "apiVersions": ["*"], "resources": ["pods"], "operations": ["CREATE"] },
                { "apiGroups": ["gateway.networking.k8s.io"], "apiVersions": ["*"], "resources": ["referencegrants"], "operations": ["CREATE"] },
            ],
        }],
    });
    world.kubectl.apply(&theirs.to_string());
    world.repair("is asked about every CREATE of our pods");
    world.repair("is asked about every CREATE of referencegrants");
    world.until_well();
    world.kubectl.delete(&["validatingwebhookconfiguration", "theirs"]);

    // An older control plane, set in its own way.
    let gateways = sandbox.namespace("gateways", &[]);
    let labels = json!({ "kgateway": "kgateway" });
    let env = json!([{ "name": "KGW_ENABLE_ISTIO_INTEGRATION", "value": "true" }]);
    let kgateway = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": "kgateway", "namespace": gateways },
        "spec": { "replicas": 0, "selector": { "matchLabels": labels }, "template": {
            "metadata": { "labels": labels },
            "spec": { "containers": [{ "name": "controller", "image": "kgateway:v2.2.1", "env": env }] },
        } },
    });
    world.kubectl.apply(&kgateway.to_string());
    world.repair("`kgateway=2.2,istio=on` runs, and `--control-plane` says otherwise");
    world.until_well();

    let json = ask(
        &world.kubeconfig,
        &["--own-namespace", &own, "--webhook-configuration", &world.configuration(), "--format", "json"],
    );
    let json: Value = serde_json::from_str(&json.out).expect("JSON");
    assert_eq!((&json["version"], &json["summary"]["problem"]), (&json!(1), &json!(0)));
    assert!(json["checks"].as_array().unwrap().len() >= 11);
}

fn a_stranger(sandbox: &Sandbox<'_>) {
    cluster::ensure_installed(&sandbox.kubectl());
    let kubeconfig = sandbox.plane().kubeconfig("nobody-in-particular", None).display().to_string();
    let told = ask(&kubeconfig, &[]);
    assert_eq!(told.code, Some(3), "{told:#?}");
    told.says("unknown").says("is forbidden").says("nothing is known to be wrong");
    assert!(!told.out.contains("  problem "), "{told:#?}");
    let told = ask(&kubeconfig, &["--impact"]);
    assert_eq!(told.code, Some(3), "{told:#?}");
    assert!(told.err.contains("the GuardPolicies cannot be read: "), "{told:#?}");
}

fn the_impact(sandbox: &Sandbox<'_>) {
    cluster::ensure_installed(&sandbox.kubectl());
    let kubectl = sandbox.kubectl();
    let (gw, obs) = (sandbox.namespace("gw", &[]), sandbox.namespace("obs", &[]));
    kubectl.apply(&objects::gateway(&gw));
    kubectl.apply(&objects::listener_policy(&gw, "broken", "name: gone, port: 4317"));
    kubectl.apply(&objects::service(&obs, "otel", 4317));
    kubectl.apply(&objects::listener_policy(&gw, "ungranted", &format!("name: otel, namespace: {obs}, port: 4317")));
    let kubeconfig = sandbox.plane().kubeconfig("admin", Some("system:masters")).display().to_string();
    let policies = cluster::file("policies").display().to_string();
    for (args, by) in [
        (&["--impact"][..], "the GuardPolicies in the cluster"),
        (&["--impact", "--policies", &policies], "the given files"),
    ] {
        let told = ask(&kubeconfig, args);
        assert_eq!(told.code, Some(1), "{told:#?}");
        told.says(&format!("judged by {by}: ")).says("backend-refs/not-found");
        told.says(&format!("ListenerPolicy {gw}/broken: ")).says(&format!("ListenerPolicy {gw}/ungranted: "));
    }
    // Who agrees has the grant made, and nothing is refused.
    kubectl.run(&["label", "service", "otel", "-n", &obs, "portcullis.dev/shared=true"]).succeeds();
    let told = ask(&kubeconfig, &["--impact", "--format", "json"]);
    let impact: Value = serde_json::from_str(&told.out).unwrap_or_else(|error| panic!("{error} in {told:#?}"));
    assert_eq!(impact["partial"], json!([]), "{impact:#}");
    let of = |policy: &str| {
        let policies = impact["policies"].as_array().unwrap();
        policies.iter().find(|one| one["policy"] == policy).cloned().unwrap_or_default()
    };
    let told = told.out;
    assert!(!told.contains(&format!("ListenerPolicy {gw}/ungranted")), "{told}");
    assert!(told.contains(&format!("ListenerPolicy {gw}/broken")), "{told}");
    assert!(of("reference-grants")["mended"].as_u64().unwrap() >= 1, "{impact:#}");
}
