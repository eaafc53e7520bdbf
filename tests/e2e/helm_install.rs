//! Installed, used, upgraded and uninstalled with helm. There are no nodes: the process that the Deployment describes runs
//! here, with the arguments of its container and the rights of its service account, and so does the hook's.

use std::{path::Path, process::Command, thread};

use serde_json::{Value, json};

use crate::{
    cluster::{self, USER},
    crossing::{Crossing, SHARED},
    helm::{CHART, CRDS, Helm, NAMESPACE, Said, lacking},
    kubectl::Kubectl,
    objects,
    patience::wait_until,
    portcullis::Portcullis,
    sandbox::Sandbox,
    trial::Case,
};

pub(crate) const CASES: &[Case] = &[
    Case::new("helm: an upgrade leaves what Portcullis has written, and an uninstall the kinds", kept)
        .needing(lacking)
        .alone(),
    Case::new("helm: plain manifests applied again leave what Portcullis has written", applied_again).alone(),
    Case::new(
        "helm: install, warn, enforce, upgrade, uninstall: nothing blocks, and every reference is granted",
        lifecycle,
    )
    .needing(whole)
    .with_controllers()
    .alone(),
];

const CONFIGURATIONS: [&str; 2] = ["validatingwebhookconfiguration", "mutatingwebhookconfiguration"];

/// The commands and flags by which the chart runs it have to be there.
fn whole() -> Result<(), String> {
    lacking()?;
    for (command, words) in [("serve", "--tls-secret "), ("serve", "--registration "), ("webhooks", "--off")] {
        let ran = Command::new(env!("CARGO_BIN_EXE_portcullis")).args([command, "--help"]).output();
        let help = ran.map_err(|error| error.to_string())?;
        if !String::from_utf8_lossy(&help.stdout).contains(words) {
            return Err(format!("this version has no `portcullis {command} {words}` yet"));
        }
    }
    Ok(())
}

/// A cluster without Portcullis, until this is dropped.
struct Fresh {
    kubectl: Kubectl,
}

impl Fresh {
    #[track_caller]
    fn new(sandbox: &Sandbox<'_>) -> Self {
        let fresh = Self { kubectl: sandbox.kubectl() };
        fresh.clear();
        fresh.kubectl.run(&["apply", "-f", &cluster::file("deploy/namespace.yaml").display().to_string()]).succeeds();
        fresh
    }

    fn clear(&self) {
        let everything = cluster::installed(|kind, _| kind != "Namespace");
        // First what selects requests; and policies, which go with their kind, are gone already.
        for configuration in CONFIGURATIONS {
            self.kubectl.run(&["delete", configuration, "portcullis", "--ignore-not-found"]);
        }
        self.kubectl.run_with(&["delete", "--ignore-not-found", "-f", "-"], &everything);
        // As helm keeps it.
        self.kubectl.run(&["delete", "secret", "-l", "owner=helm", "-n", NAMESPACE]);
    }

    /// The entries of both configurations.
    fn entries(&self) -> Result<Vec<Value>, String> {
        let of = |kind: &&str| Ok(self.kubectl.try_get_json(&[kind, "portcullis"])?["webhooks"].clone());
        let entries = CONFIGURATIONS.iter().map(of).collect::<Result<Vec<Value>, String>>()?;
        Ok(entries.iter().filter_map(Value::as_array).flatten().cloned().collect())
    }

    fn names(&self) -> Vec<String> {
        let entries = self.entries().unwrap_or_default();
        entries.iter().filter_map(|entry| entry["name"].as_str()).map(str::to_owned).collect()
    }

    fn tls(&self) -> Value {
        self.kubectl.get_json(&["secret", "portcullis-tls", "-n", NAMESPACE])["data"].clone()
    }

    #[track_caller]
    fn assert_filled(&self) {
        assert_eq!(self.names(), ["ignore.validate.portcullis.dev"; 2]);
        assert_eq!(self.tls(), json!({ "ca.crt": "eA==" }));
    }
}

impl Drop for Fresh {
    fn drop(&mut self) {
        self.clear();
        cluster::install(&self.kubectl);
    }
}

/// Writes as the leader does: by a patch of what is there.
#[track_caller]
fn fill(kubectl: &Kubectl) {
    let entry = json!({
        "name": "ignore.validate.portcullis.dev", "admissionReviewVersions": ["v1"], "sideEffects": "None",
        "failurePolicy": "Ignore", "namespaceSelector": { "matchLabels": { "nobody": "has-it" } },
        "clientConfig": { "service": { "namespace": NAMESPACE, "name": "portcullis", "path": "/validate/ignore" } },
    });
    let patch = |what: &[&str], content: &Value| {
        let content = content.to_string();
        let how = ["--type=merge", "--field-manager=portcullis", "-p", content.as_str()];
        kubectl.run(&[&["patch"], what, how.as_slice()].concat()).succeeds();
    };
    for configuration in CONFIGURATIONS {
        patch(&[configuration, "portcullis"], &json!({ "webhooks": [entry] }));
    }
    patch(&["secret", "portcullis-tls", "-n", NAMESPACE], &json!({ "stringData": { "ca.crt": "x" } }));
}

#[track_caller]
fn install_kinds(helm: &Helm, kubectl: &Kubectl) {
    helm.run(&["install", "portcullis-crds", CRDS]).succeeds();
    kubectl.run(&["wait", "--for=condition=Established", "crd/guardpolicies.portcullis.dev"]).succeeds();
    wait_until("GuardPolicies to be served", || {
        let said = kubectl.run(&["get", "guardpolicies"]);
        if said.ok { Ok(()) } else { Err(said.all()) }
    });
}

fn kept(sandbox: &Sandbox<'_>) {
    let (helm, fresh) = (Helm::new(sandbox), Fresh::new(sandbox));
    let kubectl = &fresh.kubectl;
    install_kinds(&helm, kubectl);
    let said = helm.run(&["install", "portcullis", CHART]).succeeds();
    let said =
        said.says("warns only").says("kubectl delete validatingwebhookconfiguration,mutatingwebhookconfiguration");
    said.says("kubectl get referencegrants -A -l app.kubernetes.io/managed-by=portcullis");
    assert_eq!((fresh.names(), fresh.tls()), (vec![], Value::Null));
    fill(kubectl);
    helm.run(&["upgrade", "portcullis-crds", CRDS]).succeeds();
    helm.run(&["upgrade", "portcullis", CHART, "--set", "enforce=true,replicas=3"]).succeeds().says("enforces");
    fresh.assert_filled();
    let deployment = kubectl.get_json(&["deployment", "portcullis", "-n", NAMESPACE]);
    assert_eq!(deployment["spec"]["replicas"], 3);
    assert_eq!(kubectl.get_json(&["guardpolicy", "in-use"])["spec"]["action"], "Deny");
    helm.run(&["rollback", "portcullis", "1"]).succeeds();
    fresh.assert_filled();
    assert_eq!(kubectl.get_json(&["guardpolicy", "in-use"])["spec"]["action"], "Warn");

    // The emergency command holds until the next upgrade, which makes them again.
    for configuration in CONFIGURATIONS {
        kubectl.delete(&[configuration, "portcullis"]);
    }
    helm.run(&["upgrade", "portcullis", CHART]).succeeds();
    assert_eq!(fresh.entries(), Ok(vec![]));

    helm.run(&["uninstall", "portcullis", "--no-hooks"]).succeeds();
    assert!(fresh.entries().is_err());
    assert!(!kubectl.exists(&["secret", "portcullis-tls", "-n", NAMESPACE]));
    assert!(!kubectl.exists(&["clusterrole", "portcullis"]));
    let own_policy = |name: &str| kubectl.exists(&["validatingadmissionpolicy", name]);
    assert!(!own_policy("portcullis-own-account") && !own_policy("portcullis-own-grants"));
    helm.run(&["uninstall", "portcullis-crds"]).succeeds().says("kept due to the resource policy");
    assert!(kubectl.exists(&["crd", "guardpolicies.portcullis.dev"]));
}

fn applied_again(sandbox: &Sandbox<'_>) {
    let fresh = Fresh::new(sandbox);
    let kubectl = &fresh.kubectl;
    let file = |path: &str| cluster::file(path).display().to_string();
    let apply = |paths: &[&str]| {
        let files: Vec<_> = paths.iter().flat_map(|path| ["-f".to_owned(), file(path)]).collect();
        let files: Vec<_> = files.iter().map(String::as_str).collect();
        kubectl.run(&[&["apply", "--server-side"], files.as_slice()].concat())
    };
    apply(&["deploy/namespace.yaml", "deploy/crds/guardpolicies.yaml"]).succeeds();
    wait_until("GuardPolicies to be served", || {
        let said = apply(&["deploy/install.yaml"]);
        if said.ok { Ok(()) } else { Err(said.all()) }
    });
    fill(kubectl);
    apply(&["deploy/install.yaml"]).succeeds();
    fresh.assert_filled();
    // And as those do who know no server-side apply.
    kubectl.run(&["apply", "-f", &file("deploy/install.yaml")]).succeeds();
    kubectl.run(&["apply", "-f", &file("deploy/install.yaml")]).succeeds();
    fresh.assert_filled();
}

/// The process that the Deployment describes, where the API server finds its Service.
#[track_caller]
fn run_deployment(sandbox: &Sandbox<'_>, kubectl: &Kubectl) -> Portcullis {
    let deployment = kubectl.get_json(&["deployment", "portcullis", "-n", NAMESPACE]);
    let arguments = arguments(&deployment["spec"]["template"]);
    // Where it listens, and for how long, is the test's to say.
    let ours = ["serve", "--listen=", "--admin=", "--drain="];
    let arguments = arguments.iter().filter(|argument| !ours.iter().any(|our| argument.starts_with(our)));
    let kubeconfig = format!("--kubeconfig={}", sandbox.plane().kubeconfig(USER, None).display());
    let arguments: Vec<_> = arguments.map(String::as_str).chain([kubeconfig.as_str()]).collect();
    let portcullis = Portcullis::serve(&arguments);
    let service = kubectl.get_json(&["service", "portcullis", "-n", NAMESPACE]);
    let cluster_ip = service["spec"]["clusterIP"].as_str().expect("a cluster IP");
    sandbox.plane().route(cluster_ip, 443, portcullis.address());
    portcullis
}

fn arguments(template: &Value) -> Vec<String> {
    let arguments = template["spec"]["containers"][0]["args"].as_array().expect("its arguments");
    arguments.iter().filter_map(Value::as_str).map(str::to_owned).collect()
}

fn lifecycle(sandbox: &Sandbox<'_>) {
    let (helm, fresh) = (Helm::new(sandbox), Fresh::new(sandbox));
    let kubectl = &fresh.kubectl;
    let crossing = Crossing::with(sandbox, &[]);
    kubectl.apply(&objects::service(&crossing.obs, "otel", 4317));
    install_kinds(&helm, kubectl);
    helm.run(&["install", "portcullis", CHART]).succeeds();
    let portcullis = run_deployment(sandbox, kubectl);

    // A first install only warns.
    let broken = objects::listener_policy(&crossing.gw, "broken", "name: nowhere, port: 4317");
    let dry = |manifest: &str| kubectl.run_with(&["apply", "--dry-run=server", "-f", "-"], manifest);
    wait_until("it to warn", || {
        let said = dry(&broken);
        assert!(said.ok, "{}", said.all());
        if said.err.contains("backend-refs/not-found") { Ok(()) } else { Err(said.all()) }
    });
    kubectl.apply(&broken);
    let closed = |entry: &&Value| entry["failurePolicy"] == "Fail" && entry["name"] == "fail.validate.portcullis.dev";
    assert!(!fresh.entries().is_ok_and(|entries| entries.iter().any(|entry| closed(&entry))));
    kubectl.delete(&["listenerpolicy", "broken", "-n", &crossing.gw]);

    // One value enforces.
    helm.run(&["upgrade", "portcullis", CHART, "--set", "enforce=true"]).succeeds();
    wait_until("it to refuse", || {
        let said = kubectl.try_apply(&broken);
        kubectl.run(&["delete", "listenerpolicy", "broken", "-n", &crossing.gw, "--ignore-not-found"]);
        if said.ok { Err(said.all()) } else { Ok(()) }
    });
    wait_until("telemetry to fail closed", || {
        let entries = fresh.entries()?;
        if entries.iter().any(|entry| closed(&entry)) { Ok(()) } else { Err(format!("{entries:#?}")) }
    });
    let across = crossing.policy("across");
    kubectl.try_apply(&across).fails();
    crossing.label(&["service", "otel"], &format!("{}={}", SHARED.0, SHARED.1));
    wait_until("the grant to be made", || {
        let said = kubectl.try_apply(&across);
        if said.ok { Ok(()) } else { Err(said.all()) }
    });
    let grant = crossing.grant();

    // An upgrade takes nothing away, and neither does the next process.
    let (entries, tls) = (fresh.names(), fresh.tls());
    helm.run(&["upgrade", "portcullis", CHART, "--set", "enforce=true,replicas=3"]).succeeds();
    let next = run_deployment(sandbox, kubectl);
    assert!(portcullis.terminate().success());
    kubectl.try_apply(&broken).fails();
    assert_eq!((fresh.names(), fresh.tls()), (entries, tls));

    uninstall(&helm, sandbox, kubectl).succeeds();
    // Nobody answers any more, and nobody is asked.
    assert!(next.terminate().success());
    assert!(fresh.entries().is_err());
    kubectl.apply(&broken);
    assert!(crossing.is_there(&grant));
    assert_eq!(crossing.grants().len(), 1);
    for kind in ["job", "serviceaccount", "clusterrole", "clusterrolebinding"] {
        assert!(!kubectl.exists(&[kind, "portcullis-uninstall", "-n", NAMESPACE]), "{kind}");
    }
}

/// `helm uninstall`, with the hook's Pod played here.
fn uninstall(helm: &Helm, sandbox: &Sandbox<'_>, kubectl: &Kubectl) -> Said {
    thread::scope(|scope| {
        let uninstalling = scope.spawn(|| helm.run(&["uninstall", "portcullis", "--timeout", "60s"]));
        let pod = wait_until("the hook's Pod", || {
            let selector = "-lapp.kubernetes.io/name=portcullis-uninstall";
            let pods = kubectl.try_get_json(&["pods", selector, "-n", NAMESPACE])?;
            let pod = pods["items"][0].clone();
            if pod.is_null() { Err("there is none".to_owned()) } else { Ok(pod) }
        });
        let account = pod["spec"]["serviceAccountName"].as_str().expect("a service account");
        let user = format!("system:serviceaccount:{NAMESPACE}:{account}");
        let mut command = Command::new(Path::new(env!("CARGO_BIN_EXE_portcullis")));
        command.args(arguments(&pod));
        let ran = command.env("KUBECONFIG", sandbox.plane().kubeconfig(&user, None)).output().expect("it starts");
        assert!(
            ran.status.success(),
            "{}{}",
            String::from_utf8_lossy(&ran.stdout),
            String::from_utf8_lossy(&ran.stderr)
        );
        let name = pod["metadata"]["name"].as_str().expect("a name");
        let done = r#"{ "status": { "phase": "Succeeded" } }"#;
        let patch = ["patch", "pod", name, "--subresource=status", "--type=merge", "-p", done, "-n", NAMESPACE];
        kubectl.run(&patch).succeeds();
        uninstalling.join().expect("helm ends")
    })
}
