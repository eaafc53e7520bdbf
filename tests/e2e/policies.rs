//! GuardPolicies say how they stand, and what is wrong with one is said when it is applied.

use serde_json::{Value, json};

use crate::{
    cluster,
    crossing::Crossing,
    kubectl::Kubectl,
    objects,
    patience::wait_until,
    portcullis::Portcullis,
    sandbox::{LABEL, Sandbox},
    trial::Case,
};

pub(crate) const CASES: &[Case] = &[
    Case::new("policies: each says whether it is in force, sent, and how many namespaces it matches", conditions)
        .alone(),
    Case::new("policies: one that does not compile says why, and what stays in force", does_not_compile).alone(),
    Case::new("policies: kubectl shows how they stand", columns).alone(),
    Case::new("policies: kubectl explains every field", explained),
    Case::new("policies: a wrong one is refused with what would be right", refused),
    Case::new("policies: without any, everything is allowed and the status of none is missed", none).alone(),
];

/// A policy of one test, deleted when this is dropped.
struct Policy<'a> {
    kubectl: &'a Kubectl,
    name: String,
}

impl<'a> Policy<'a> {
    /// One that wants telemetry objects to refer to collectors that exist, in the namespaces of the test.
    #[track_caller]
    fn of(sandbox: &Sandbox<'_>, kubectl: &'a Kubectl) -> Self {
        let name = format!("mine-{}", sandbox.id());
        let policy = Self { kubectl, name };
        kubectl.apply(&manifest(&policy.name, sandbox.id()).to_string());
        policy
    }

    #[track_caller]
    fn patch(&self, spec: &Value) {
        let patch = json!({ "spec": spec }).to_string();
        self.kubectl.run(&["patch", "guardpolicy", &self.name, "--type=merge", "-p", &patch]).succeeds();
    }

    fn read(&self) -> Value {
        self.kubectl.get_json(&["guardpolicy", &self.name])
    }

    /// Waits until this condition is so, of the policy as it is now; its message.
    #[track_caller]
    fn until(&self, condition: &str, status: &str) -> String {
        wait_until(&format!("{condition}={status}"), || {
            let policy = self.read();
            let generation = &policy["metadata"]["generation"];
            let conditions = policy["status"]["conditions"].as_array();
            let found = conditions.into_iter().flatten().find(|found| found["type"] == condition);
            let is_so = |found: &&Value| found["status"] == status && found["observedGeneration"] == *generation;
            let message = found.filter(is_so).and_then(|found| found["message"].as_str());
            let observed = policy["status"]["observedGeneration"] == *generation;
            message.filter(|_| observed).map(str::to_owned).ok_or_else(|| policy.to_string())
        })
    }
}

impl Drop for Policy<'_> {
    fn drop(&mut self) {
        self.kubectl.run(&["delete", "guardpolicy", &self.name, "--ignore-not-found"]);
    }
}

fn manifest(name: &str, id: &str) -> Value {
    json!({
        "apiVersion": "portcullis.dev/v1alpha1",
        "kind": "GuardPolicy",
        "metadata": { "name": name },
        "spec": {
            "description": "Telemetry goes somewhere.",
            "matchConstraints": {
                "resourceRules": [{
                    "apiGroups": ["gateway.kgateway.dev"], "apiVersions": ["*"],
                    "resources": ["listenerpolicies"], "operations": ["CREATE", "UPDATE"],
                }],
                "namespaceSelector": { "matchLabels": { LABEL: id } },
            },
            "action": "Deny",
            "failurePolicy": "Fail",
            "rule": { "backendRefs": {} },
        },
    })
}

fn conditions(sandbox: &Sandbox<'_>) {
    let crossing = Crossing::new(sandbox);
    let portcullis = crossing.leader(&[]);
    let policy = Policy::of(sandbox, &crossing.kubectl);
    assert_eq!(policy.until("Ready", "True"), "it is in force");
    let said = policy.until("Registered", "False");
    assert_eq!(said, "no webhook configuration sends CREATE listenerpolicies to `/validate`");
    assert_eq!(policy.read()["status"]["matchedNamespaces"], 2);
    let since = |policy: &Value| policy["status"]["conditions"][0]["lastTransitionTime"].clone();
    let before = policy.read();

    let _registration = crossing.register(&portcullis);
    policy.patch(&json!({ "description": "Whoever changes it has it looked at again." }));
    assert_eq!(policy.until("Registered", "True"), "the API server sends what it selects");
    let after = policy.read();
    assert_eq!(since(&after), since(&before), "it has been ready all the time");
    assert_ne!(after["metadata"]["generation"], before["metadata"]["generation"]);

    crossing.kubectl.run(&["label", "namespace", &crossing.obs, &format!("{LABEL}-")]).succeeds();
    wait_until("the namespaces to be counted again", || {
        let matched = policy.read()["status"]["matchedNamespaces"].clone();
        if matched == 1 { Ok(()) } else { Err(matched.to_string()) }
    });
    policy.patch(&json!({ "matchConstraints": { "namespaceSelector": { "matchLabels": { LABEL: "nowhere" } } } }));
    let said = policy.until("Ready", "True");
    assert_eq!(said, format!("it is in force; its `namespaceSelector` `{LABEL}=nowhere` matches no namespace"));
    // Those that are shipped say so too.
    for name in ["backend-refs", "reference-grants", "in-use", "scrape-annotations"] {
        let shipped = Policy { kubectl: &crossing.kubectl, name: name.to_owned() };
        let said = shipped.until("Ready", "True");
        std::mem::forget(shipped);
        assert!(said.starts_with("it is in force"), "{name}: {said}");
    }
}

fn does_not_compile(sandbox: &Sandbox<'_>) {
    let crossing = Crossing::new(sandbox);
    let (kubectl, gw) = (&crossing.kubectl, crossing.gw.as_str());
    let portcullis = crossing.leader(&[]);
    let policy = Policy::of(sandbox, kubectl);
    policy.until("Ready", "True");
    let schema = Schema::open(kubectl);
    let bad = json!({ "action": "Block" });
    wait_until("the schema to take anything", || {
        let patch = json!({ "spec": bad }).to_string();
        let said = kubectl.run(&["patch", "guardpolicy", &policy.name, "--type=merge", "-p", &patch]);
        if said.ok { Ok(()) } else { Err(said.all()) }
    });
    let said = policy.until("Ready", "False");
    assert!(said.starts_with("spec.action: unknown variant `Block`") || said.contains("`Block`"), "{said}");
    assert!(said.ends_with("; the last version that was right stays in force"), "{said}");
    portcullis.wait_until_it_says(&format!("these GuardPolicies do not compile: {}", policy.name));
    let _registration = crossing.register(&portcullis);
    kubectl.try_apply(&objects::listener_policy(gw, "logs", "name: gone, port: 4317")).fails().says("does not exist");

    // Whoever begins now has never known a right version.
    drop(portcullis);
    kubectl.delete(&["lease", "portcullis", "-n", gw]);
    let young = crossing.leader(&[]);
    wait_until("the new leader to say so", || {
        let said = policy.until("Ready", "False");
        if said.ends_with("; no version of it is in force") { Ok(()) } else { Err(said) }
    });
    policy.until("Registered", "Unknown");
    assert_eq!(policy.read()["status"]["matchedNamespaces"], Value::Null);
    policy.patch(&json!({ "action": "Warn" }));
    drop(schema);
    assert_eq!(policy.until("Ready", "True"), "it is in force");
    drop(young);
}

/// The definition of GuardPolicy without a schema, until this is dropped.
struct Schema<'a>(&'a Kubectl);

impl<'a> Schema<'a> {
    #[track_caller]
    fn open(kubectl: &'a Kubectl) -> Self {
        let anything = json!({ "type": "object", "x-kubernetes-preserve-unknown-fields": true });
        let path = "/spec/versions/0/schema/openAPIV3Schema";
        let patch = json!([{ "op": "replace", "path": path, "value": anything }]).to_string();
        kubectl.run(&["patch", "crd", "guardpolicies.portcullis.dev", "--type=json", "-p", &patch]).succeeds();
        Self(kubectl)
    }
}

impl Drop for Schema<'_> {
    fn drop(&mut self) {
        self.0.run(&["replace", "-f", &cluster::file("deploy/crds/guardpolicies.yaml").display().to_string()]);
    }
}

fn columns(sandbox: &Sandbox<'_>) {
    let crossing = Crossing::new(sandbox);
    let portcullis = crossing.leader(&[]);
    let _registration = crossing.register(&portcullis);
    let policy = Policy::of(sandbox, &crossing.kubectl);
    policy.until("Ready", "True");
    let lines = |args: &[&str]| -> Vec<Vec<String>> {
        let said = crossing.kubectl.run(args).succeeds();
        said.out.lines().map(|line| line.split_whitespace().map(str::to_owned).collect()).collect()
    };
    let shown = lines(&["get", "guardpolicies"]);
    assert_eq!(shown[0], ["NAME", "ACTION", "REMEDY", "FAILURE", "READY", "REGISTERED", "NAMESPACES", "AGE"]);
    let row = shown.iter().find(|row| row[0] == policy.name).expect("a row for it");
    assert_eq!(row[1..7], ["Deny", "Suggest", "Fail", "True", "True", "2"]);
    assert!(shown.iter().any(|row| row[0] == "backend-refs"), "{shown:?}");
    let wide = lines(&["get", "gp", &policy.name, "-o", "wide"]);
    assert_eq!(wide[0].last().map(String::as_str), Some("MESSAGE"));
    assert_eq!(wide[1][8..].join(" "), "it is in force");
    let said = crossing.kubectl.run(&["get", "portcullis"]).succeeds();
    said.says("backend-refs");
}

fn explained(sandbox: &Sandbox<'_>) {
    drop(cluster::serve(sandbox));
    let explain = |field: &str| {
        wait_until(&format!("`{field}` to be explained"), || {
            let said = sandbox.kubectl().run(&["explain", field]);
            if said.ok { Ok(said) } else { Err(said.all()) }
        })
    };
    explain("guardpolicy").says("says which objects Portcullis judges").never_says("<no description>");
    explain("guardpolicy.spec.action").says("Audit\n").says("What follows from errors.");
    explain("guardpolicy.spec.rule.referenceGrants").says("portcullis.dev/shared");
    explain("guardpolicy.status.conditions").says("Ready").says("Registered");
    let said = sandbox.kubectl().run(&["explain", "guardpolicy.spec", "--recursive"]).succeeds();
    said.says("namespaceSelector").says("debugExporters");
}

fn refused(sandbox: &Sandbox<'_>) {
    drop(cluster::serve(sandbox));
    let kubectl = sandbox.kubectl();
    let good = manifest(&format!("bad-{}", sandbox.id()), sandbox.id());
    kubectl.run_with(&["apply", "--dry-run=server", "-f", "-"], &good.to_string()).succeeds();
    let rule = "/spec/matchConstraints/resourceRules/0";
    let cases: &[(&str, Value, &[&str])] = &[
        ("/spec/action", json!("Block"), &["spec.action", "\"Audit\", \"Warn\", \"Deny\""]),
        ("/spec/failurePolicy", json!("Open"), &["spec.failurePolicy"]),
        (&format!("{rule}/apiGroups"), json!(["*"]), &["a policy names its groups"]),
        (&format!("{rule}/resources"), json!(["*"]), &["a policy names its resources"]),
        (&format!("{rule}/resources"), json!(["httproutes"]), &["the rule `backendRefs` judges only CREATE, UPDATE"]),
        (&format!("{rule}/operations"), json!(["PATCH"]), &["operations[0]", "\"UPDATE\""]),
        ("/spec/rule", json!({}), &["a policy has exactly one rule: one of `backendRefs`"]),
        ("/spec/rule", json!({ "backendRefs": {}, "inUse": {} }), &["a policy has exactly one rule"]),
        ("/spec/validations", json!([{ "expression": "true" }]), &["spec.validations[0].name", "Required value"]),
        (
            "/spec/validations",
            json!([{ "name": "a", "expression": "true" }]),
            &["exactly one of `rule`, `validations` and `mutations`"],
        ),
        (
            "/spec/matchConditions",
            json!([{ "expression": "true" }]),
            &["spec.matchConditions[0].name", "Required value"],
        ),
        ("/spec/levels", json!([{ "code": "a/b", "level": "fatal" }]), &["spec.levels[0].level"]),
        ("/spec/acton", json!("Deny"), &["unknown field \"spec.acton\""]),
    ];
    for (at, value, words) in cases {
        let mut bad = good.clone();
        let (parent, field) = at.rsplit_once('/').expect("a pointer");
        bad.pointer_mut(parent).expect("its parent")[field] = value.clone();
        let mut said = kubectl.try_apply(&bad.to_string()).fails();
        for words in *words {
            said = said.says(words);
        }
    }
    // Everything but telemetry stays writable while nobody judges.
    let mut bad = good;
    bad["spec"]["matchConstraints"]["resourceRules"][0] = json!({
        "apiGroups": [""], "apiVersions": ["*"], "resources": ["services"], "operations": ["DELETE"],
    });
    bad["spec"]["rule"] = json!({ "inUse": {} });
    kubectl.try_apply(&bad.to_string()).fails().says("only telemetry kinds may have `failurePolicy: Fail`");
}

fn none(sandbox: &Sandbox<'_>) {
    let crossing = Crossing::new(sandbox);
    let kubectl = &crossing.kubectl;
    let portcullis: Portcullis = crossing.leader(&[]);
    let _registration = crossing.register(&portcullis);
    let _policies = Policies(kubectl);
    kubectl.delete(&["guardpolicies", "--all"]);
    portcullis.wait_until_it_says("no GuardPolicy is in force: everything is allowed");
    let said = kubectl.apply(&crossing.policy("logs"));
    assert_eq!(said.warnings(), [] as [&str; 0], "{}", said.all());
    assert_eq!(crossing.grants(), [] as [Value; 0]);
    // From the first policy on there is something to say again.
    let policy = Policy::of(sandbox, kubectl);
    policy.until("Registered", "True");
    let said = kubectl.try_apply(&crossing.policy("more")).fails();
    said.says(&format!("`{}/otel`", crossing.obs));
}

/// Puts the default policies back.
struct Policies<'a>(&'a Kubectl);

impl Drop for Policies<'_> {
    fn drop(&mut self) {
        cluster::restore_policies(self.0);
    }
}
