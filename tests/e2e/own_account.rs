//! What our own service account is held to beyond its roles, by the ValidatingAdmissionPolicies of the chart. The account is
//! given every right there is: what is refused here is refused by them.

use serde_json::{Value, json};

use portcullis::engine::kinds::reference_grant::Crossing;

use crate::{
    cluster::{self, USER},
    crossing::SHARED,
    kubectl::{Kubectl, Said},
    objects,
    patience::wait_until,
    sandbox::Sandbox,
    trial::Case,
};

pub(crate) const CASES: &[Case] = &[
    Case::new("own account: it writes what it is for, and nothing else whatever it may", writes).alone(),
    Case::new("own account: it registers nobody but itself, and asks for nothing that is not its business", entries)
        .alone(),
    Case::new("own account: its grants are narrow, labelled, and only where the owner agreed", grants).alone(),
    Case::new("own account: the policies compile without a warning", compiled).alone(),
];

const POLICIES: [&str; 3] = ["portcullis-own-account", "portcullis-own-grants", "portcullis-own-grants-agreed"];

/// The account with all its policies, and with the rights of an administrator.
struct Account {
    admin: Kubectl,
    own: Kubectl,
}

impl Account {
    fn new(sandbox: &Sandbox<'_>) -> Self {
        let admin = sandbox.kubectl();
        cluster::install(&admin);
        let account = Self { own: sandbox.plane().kubectl_as(USER, None), admin };
        let binding =
            ["create", "clusterrolebinding", "all-to-portcullis", "--clusterrole=cluster-admin", "--user", USER];
        account.admin.run(&binding);
        account.admin.apply(&cluster::installed(|kind, name| {
            kind.contains("AdmissionPolicy") && name == "portcullis-own-account"
                || kind == "Secret"
                || kind.ends_with("WebhookConfiguration")
        }));
        wait_until("the policies to be in force", || {
            let said = account.own.run(&["create", "configmap", "x", "--dry-run=server", "-n", "default"]);
            if said.err.contains("portcullis never does this") { Ok(()) } else { Err(said.all()) }
        });
        account
    }

    /// Writes it as `portcullis` does.
    fn apply(&self, object: &Value) -> Said {
        self.own.run_with(&["apply", "--server-side", "--field-manager=portcullis", "-f", "-"], &object.to_string())
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        let kinds = "validatingwebhookconfigurations,mutatingwebhookconfigurations";
        self.admin.run(&["delete", "clusterrolebinding", "all-to-portcullis", "--ignore-not-found"]);
        self.admin.run(&["delete", kinds, "portcullis", "--ignore-not-found"]);
        let policies = "validatingadmissionpolicies,validatingadmissionpolicybindings";
        self.admin.run(&["delete", policies, "portcullis-own-account", "--ignore-not-found"]);
        self.admin.run(&["delete", "secret", "portcullis-tls", "-n", "portcullis-system", "--ignore-not-found"]);
    }
}

fn writes(sandbox: &Sandbox<'_>) {
    let account = Account::new(sandbox);
    let never = "portcullis never does this: ";
    let namespace = sandbox.namespace("its", &[]);
    let own = &account.own;
    let system = ["-n", "portcullis-system"];
    let run = |args: &[&str]| own.run(&[args, &system].concat());
    own.run(&["create", "configmap", "x", "-n", &namespace]).fails().says(never).says("CREATE of /configmaps");
    run(&["create", "secret", "generic", "x"]).fails().says(never).says("CREATE of /secrets");
    run(&["create", "token", "default"]).fails().says("CREATE of /serviceaccounts/token");
    own.run(&["create", "clusterrolebinding", "x", "--clusterrole=cluster-admin", "--user=x"]).fails().says(never);
    own.run(&["delete", "namespace", &namespace]).fails().says("DELETE of /namespaces");
    own.run(&["label", "namespace", &namespace, "portcullis.dev/shared=true"]).fails().says("UPDATE of /namespaces");

    // Its Secret.
    let data = |name: &str, namespace: &str| {
        let metadata = json!({ "name": name, "namespace": namespace });
        json!({ "apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": { "tls.crt": "x" } })
    };
    account.admin.run(&["create", "secret", "generic", "other", "-n", "portcullis-system"]);
    account.apply(&data("portcullis-tls", "portcullis-system")).succeeds();
    account.apply(&data("other", "portcullis-system")).fails().says("no Secret but `portcullis-tls`");
    account.admin.run(&["create", "secret", "generic", "portcullis-tls", "-n", &namespace]).succeeds();
    account.apply(&data("portcullis-tls", &namespace)).fails().says("in its own namespace only");
    run(&["delete", "secret", "portcullis-tls"]).fails().says("DELETE of /secrets");

    // Leases.
    let lease = |namespace: &str| {
        let metadata = json!({ "name": "portcullis-try", "namespace": namespace });
        json!({ "apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata, "spec": {} })
    };
    account.apply(&lease("portcullis-system")).succeeds();
    account.apply(&lease("kube-system")).fails().says("in its own namespace only");
    run(&["delete", "lease", "portcullis-try"]).fails().says(never);
    account.admin.run(&["delete", "lease", "portcullis-try", "-n", "portcullis-system"]).succeeds();

    // GuardPolicies.
    let mut policy = json!({
        "apiVersion": "portcullis.dev/v1alpha1", "kind": "GuardPolicy", "metadata": { "name": "portcullis-probe" },
        "spec": { "matchConstraints": { "resourceRules": [{
            "apiGroups": ["gateway.kgateway.dev"], "apiVersions": ["*"], "resources": ["listenerpolicies"],
            "operations": ["CREATE"],
        }] }, "rule": { "backendRefs": {} } },
    });
    let dry = |policy: &Value| own.run_with(&["create", "--dry-run=server", "-f", "-"], &policy.to_string());
    dry(&policy).fails().says("it tries one on dry run");
    policy["metadata"]["labels"] = json!({ "portcullis.dev/probe": "true" });
    dry(&policy).succeeds();
    own.run_with(&["create", "-f", "-"], &policy.to_string()).fails().says("it tries one on dry run");
    let status = r#"{ "status": { "observedGeneration": 1 } }"#;
    cluster::restore_policies(&account.admin);
    let patch = ["patch", "guardpolicy", "in-use", "--type=merge", "-p", status];
    own.run(&[patch.as_slice(), &["--subresource=status"]].concat()).succeeds();
    let spec = r#"{ "spec": { "action": "Audit" } }"#;
    own.run(&["patch", "guardpolicy", "in-use", "--type=merge", "-p", spec]).fails().says(never);
    own.run(&["delete", "guardpolicy", "in-use"]).fails().says(never);

    // GuardExceptions: it says how they stand, and grants none.
    let exception = json!({
        "apiVersion": "portcullis.dev/v1alpha1", "kind": "GuardException",
        "metadata": { "name": "x", "namespace": namespace },
        "spec": { "policies": ["in-use"], "names": ["x"], "reason": "x", "expires": "2100-01-01T00:00:00Z" },
    });
    account.apply(&exception).fails().says(never);
    account.admin.apply(&exception.to_string());
    let patch = ["patch", "guardexception", "x", "-n", &namespace, "--type=merge", "-p", status];
    own.run(&[patch.as_slice(), &["--subresource=status"]].concat()).succeeds();
    let spec = r#"{ "spec": { "reason": "y" } }"#;
    own.run(&["patch", "guardexception", "x", "-n", &namespace, "--type=merge", "-p", spec]).fails().says(never);
    own.run(&["delete", "guardexception", "x", "-n", &namespace]).fails().says(never);

    // What it asks about itself, and what everyone else does.
    own.run(&["auth", "can-i", "get", "pods"]).succeeds();
    account.admin.run(&["create", "configmap", "x", "-n", &namespace]).succeeds();
}

fn entry(name: &str, rule: &Value) -> Value {
    json!({
        "name": format!("{name}.portcullis.dev"),
        "admissionReviewVersions": ["v1"],
        "sideEffects": "None",
        "failurePolicy": "Ignore",
        "clientConfig": { "service": { "namespace": "portcullis-system", "name": "portcullis", "path": "/validate" } },
        "namespaceSelector": { "matchLabels": { "nobody": "has-it" } },
        "rules": [rule],
    })
}

fn configuration(kind: &str, name: &str, entry: &Value) -> Value {
    let metadata = json!({ "name": name });
    json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": kind, "metadata": metadata, "webhooks": [entry],
    })
}

fn entries(sandbox: &Sandbox<'_>) {
    const VALIDATING: &str = "ValidatingWebhookConfiguration";
    const MUTATING: &str = "MutatingWebhookConfiguration";
    let account = Account::new(sandbox);
    let rule = |group: &str, resource: &str| json!({ "apiGroups": [group], "apiVersions": ["*"], "resources": [resource], "operations": ["CREATE"] });
    let telemetry = entry("fail.validate", &rule("gateway.kgateway.dev", "listenerpolicies"));
    let with = |field: &str, value: Value| {
        let mut entry = telemetry.clone();
        entry[field] = value;
        entry
    };
    let write = |kind: &str, entry: &Value| account.apply(&configuration(kind, "portcullis", entry));
    write(VALIDATING, &telemetry).succeeds();
    write(MUTATING, &telemetry).succeeds();
    write(VALIDATING, &with("failurePolicy", json!("Fail"))).succeeds();
    write(MUTATING, &with("failurePolicy", json!("Fail"))).fails().says("never fails closed");
    let url = json!({ "url": "https://example.com/validate" });
    write(VALIDATING, &with("clientConfig", url)).fails().says("nothing sent to anyone but itself");
    let other = json!({ "service": { "namespace": "default", "name": "portcullis" } });
    write(VALIDATING, &with("clientConfig", other)).fails().says("nothing sent to anyone but itself");
    let secret = ["secrets", "secrets/*", "*", "*/*", "serviceaccounts/token"];
    for resource in secret {
        let entry = with("rules", json!([rule("", resource)]));
        write(VALIDATING, &entry).fails().says("no Secrets and no service accounts");
    }
    let groups = [
        "*",
        "rbac.authorization.k8s.io",
        "admissionregistration.k8s.io",
        "authentication.k8s.io",
        "authorization.k8s.io",
        "certificates.k8s.io",
    ];
    for group in groups {
        let entry = with("rules", json!([rule("apps", "deployments"), rule(group, "things")]));
        write(VALIDATING, &entry).fails().says("no wildcard of API groups");
    }
    write(VALIDATING, &with("rules", json!([rule("", "services"), rule("apps", "deployments")]))).succeeds();
    let cluster_stops = [
        ("", "services"),
        ("apps", "deployments"),
        ("coordination.k8s.io", "leases"),
        ("apiextensions.k8s.io", "customresourcedefinitions"),
    ];
    for (group, resource) in cluster_stops {
        let telemetry_too = rule("gateway.kgateway.dev", "listenerpolicies");
        let mut closed = with("rules", json!([telemetry_too, rule(group, resource)]));
        closed["failurePolicy"] = json!("Fail");
        write(VALIDATING, &closed).fails().says("never fails closed");
    }
    // What others have put beside ours stays.
    let mut theirs = entry("of-others", &rule("", "secrets"));
    theirs["clientConfig"] = json!({ "url": "https://example.com" });
    let mut both = configuration(VALIDATING, "portcullis", &theirs);
    account.admin.run_with(&["apply", "--server-side", "--force-conflicts", "-f", "-"], &both.to_string()).succeeds();
    write(VALIDATING, &telemetry).succeeds();
    theirs["clientConfig"] = json!({ "url": "https://example.org" });
    both["webhooks"] = json!([theirs, telemetry]);
    account.apply(&both).fails();
    // Nobody's but its own, and none where there is none.
    account.apply(&configuration(VALIDATING, "other", &telemetry)).fails().says("portcullis never does this: CREATE");
    account.admin.apply(&configuration(VALIDATING, "of-others", &telemetry).to_string());
    let patch = ["patch", "validatingwebhookconfiguration", "of-others", "--type=merge", "-p", r#"{ "webhooks": [] }"#];
    let said = account.own.run(&patch);
    account.admin.delete(&["validatingwebhookconfiguration", "of-others"]);
    said.fails().says("no webhook configuration but its own");
    account
        .own
        .run(&["delete", "validatingwebhookconfiguration", "portcullis"])
        .fails()
        .says("never does this: DELETE");
    account.admin.delete(&["validatingwebhookconfiguration", "portcullis"]);
    write(VALIDATING, &telemetry).fails().says("never does this: CREATE");
}

fn grant(from: &str, to: &str, name: &str) -> Value {
    let crossing = Crossing {
        from_group: "gateway.kgateway.dev",
        from_kind: "ListenerPolicy",
        from_namespace: from,
        to_group: "",
        to_kind: "Service",
        to_namespace: to,
        to_name: name,
    };
    crossing.grant()
}

fn grants(sandbox: &Sandbox<'_>) {
    let account = Account::new(sandbox);
    let (gw, obs) = (sandbox.namespace("gw", &[]), sandbox.namespace("obs", &[]));
    let shared = sandbox.namespace("shared", &[SHARED]);
    for namespace in [&obs, &shared] {
        account.admin.apply(&[objects::service(namespace, "otel", 4317), objects::service(namespace, "b", 1)].concat());
    }
    let label = |namespace: &str, label: &str| {
        account.admin.run(&["label", "service", "otel", "-n", namespace, "--overwrite", label]).succeeds();
    };
    let nobody = "nobody agreed that Service `otel`";
    let until = |what: &str, namespace: &str, is_allowed: bool| {
        let wanted = grant(&gw, namespace, "otel");
        wait_until(what, || {
            let said = account.own.run_with(&["create", "--dry-run=server", "-f", "-"], &wanted.to_string());
            if said.ok == is_allowed && (is_allowed || said.err.contains(nobody)) { Ok(()) } else { Err(said.all()) }
        });
    };

    // The owner's word.
    until("no grant where nobody agreed", &obs, false);
    until("a grant where the Namespace agreed", &shared, true);
    label(&shared, "portcullis.dev/shared=false");
    until("no grant where the Service says otherwise", &shared, false);
    label(&obs, "portcullis.dev/shared=true");
    until("a grant where the Service agreed", &obs, true);
    let agreed = grant(&gw, &obs, "otel");
    account.apply(&agreed).succeeds();
    account.apply(&grant(&gw, &obs, "b")).fails().says("nobody agreed that Service `b`");

    // What is narrow.
    let refused = |field: &str, value: Value, why: &str| {
        let mut wide = agreed.clone();
        *wide.pointer_mut(field).expect("a field of a grant") = value;
        account.apply(&wide).fails().says(why);
    };
    let from = agreed["spec"]["from"][0].clone();
    let to = agreed["spec"]["to"][0].clone();
    refused("/spec/from", json!([from, { "group": "g", "kind": "K", "namespace": "n" }]), "only telemetry objects");
    refused("/spec/from/0/kind", json!("HTTPRoute"), "only telemetry objects");
    refused("/spec/to", json!([{ "group": "", "kind": "Service" }]), "only one object");
    // The same twice: of two policies that refuse, either may be told.
    refused("/spec/to", json!([to, to]), "only one object");
    refused("/spec/to/0/kind", json!("Secret"), "only one object");
    refused("/metadata/labels", json!({}), "only grants with the label");
    refused("/spec/to/0/name", json!("b"), "nobody agreed that Service `b`");

    // What is whose.
    let mut theirs = grant(&gw, &obs, "b");
    theirs["metadata"]["labels"] = json!({ "team": "b" });
    let name = theirs["metadata"]["name"].as_str().expect("a name").to_owned();
    account.admin.apply(&theirs.to_string());
    account.own.run(&["delete", "referencegrant", &name, "-n", &obs]).fails().says("only grants with the label");
    let mine = ["app.kubernetes.io/managed-by=portcullis", "-n", obs.as_str()];
    let seized = account.own.run(&[&["label", "referencegrant", &name], mine.as_slice()].concat());
    seized.fails().says("only grants with the label");

    // Whoever takes his word back has no new ones; the one that is there is marked, and goes.
    label(&obs, "portcullis.dev/shared-");
    until("no grant where nobody agrees any more", &obs, false);
    let mut leaving = agreed.clone();
    leaving["metadata"]["annotations"] = json!({ "portcullis.dev/leaving": "2026-01-01T00:00:00Z" });
    account.apply(&leaving).succeeds();
    account.apply(&agreed).succeeds();
    let name = agreed["metadata"]["name"].as_str().expect("a name");
    account.own.delete(&["referencegrant", name, "-n", &obs]);
}

fn compiled(sandbox: &Sandbox<'_>) {
    let account = Account::new(sandbox);
    for policy in POLICIES {
        let status = account.admin.get_json(&["validatingadmissionpolicy", policy])["status"].clone();
        let warnings = &status["typeChecking"]["expressionWarnings"];
        assert!(warnings.is_null() || *warnings == json!([]), "{policy}: {status:#}");
    }
}
