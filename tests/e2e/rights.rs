//! Each right that the roles give, taken away: it is said which one is missing, nothing ends, and nothing that would have
//! been refused is allowed without a word.

use std::thread;

use serde_json::{Value, json};

use crate::{
    caller::{Number, review, runtime},
    cluster,
    crossing::{grants, shared},
    kubectl::Kubectl,
    live_edits::krakend_pod,
    objects,
    patience::wait_until,
    portcullis::Portcullis,
    roll_outs::report,
    sandbox::{LABEL, Sandbox},
    trial::Case,
};

pub(crate) const CASES: &[Case] =
    &[Case::new("rights: without any one of them it says which, goes on, and allows nothing in silence", each).alone()];

/// A rule of a role, and where it counts.
#[derive(Clone, Debug)]
struct Line {
    rule: Value,
    /// For all namespaces, or for its own.
    everywhere: bool,
}

/// A portcullis that may all but one thing.
struct Without {
    line: Option<Line>,
    /// Names its user, its namespace and its collector.
    name: String,
    portcullis: Portcullis,
}

/// What a process answers to a review: whether it allows, and everything that it says.
#[derive(Clone, Debug)]
struct Answer {
    allowed: bool,
    said: String,
}

/// What all of them are asked: about what, through which door.
const QUESTIONS: [(&str, &str); 5] = [
    ("a sink that does not exist", "/validate/fail"),
    ("a Backend that does not exist", "/validate/fail"),
    ("a collector in another namespace, without a grant", "/validate/fail"),
    ("the end of a collector that is needed", "/validate/ignore"),
    ("a gateway whose configuration is in a ConfigMap", "/mutate"),
];

/// What is removed with the roles of this test.
struct Roles<'a>(&'a Kubectl, String);

impl Drop for Roles<'_> {
    fn drop(&mut self) {
        self.0.run(&["delete", "clusterroles,clusterrolebindings", "-l", &format!("{LABEL}={}", self.1)]);
    }
}

/// A policy that reads parameters, so that they are followed; it judges nothing.
struct Reading<'a>(&'a Kubectl, String);

impl<'a> Reading<'a> {
    fn of(sandbox: &Sandbox<'_>, kubectl: &'a Kubectl) -> Self {
        let name = format!("reading-{}", sandbox.id());
        let policy = json!({
            "apiVersion": "portcullis.dev/v1alpha1",
            "kind": "GuardPolicy",
            "metadata": { "name": name },
            "spec": {
                "matchConstraints": {
                    "resourceRules": [{
                        "apiGroups": ["gateway.kgateway.dev"], "apiVersions": ["*"], "resources": ["listenerpolicies"],
                        "operations": ["CREATE"],
                    }],
                    "namespaceSelector": { "matchLabels": { LABEL: "nowhere" } },
                },
                "paramRef": { "name": "limits" },
                "validations": [{ "name": "limit", "expression": "params != null" }],
            },
        });
        kubectl.apply(&policy.to_string());
        Self(kubectl, name)
    }
}

impl Drop for Reading<'_> {
    fn drop(&mut self) {
        self.0.run(&["delete", "guardpolicy", "--ignore-not-found", &self.1]);
    }
}

fn each(sandbox: &Sandbox<'_>) {
    let kubectl = sandbox.kubectl();
    let intact = cluster::serve(sandbox);
    drop(intact);
    let lines = lines(&kubectl);
    assert!(lines.len() > 8, "{lines:?}");
    let (gw, obs) = (sandbox.namespace("gw", &[]), sandbox.namespace("obs", &[]));
    let _roles = Roles(&kubectl, sandbox.id().to_owned());
    let _reading = Reading::of(sandbox, &kubectl);
    let all: Vec<Option<Line>> = std::iter::once(None).chain(lines.iter().cloned().map(Some)).collect();
    let mut manifests = vec![objects::gateway(&gw), objects::service(&gw, "needed", 4317)];
    manifests.push(objects::listener_policy(&gw, "keeper", "name: needed, port: 4317"));
    manifests.push(objects::listener_policy(&gw, "broken", "name: gone, port: 4317"));
    for (number, without) in all.iter().enumerate() {
        let own = sandbox.namespace(&format!("own-{number}"), &[]);
        manifests.push(shared(&obs, &own));
        manifests.push(roles(sandbox.id(), &own, &lines, without.as_ref()));
    }
    kubectl.apply(&manifests.concat());

    let running: Vec<Without> = thread::scope(|scope| {
        let started: Vec<_> = all
            .iter()
            .enumerate()
            .map(|(number, line)| {
                let name = sandbox.name_of(&format!("own-{number}"));
                scope.spawn(move || {
                    let kubeconfig = sandbox.plane().kubeconfig(&name, None).display().to_string();
                    let args = ["--kubeconfig", &kubeconfig, "--own-namespace", &name, "--identity", &name];
                    let portcullis = Portcullis::start(&[&args, ["--grace", "3600"].as_slice()].concat());
                    Without { line: line.clone(), name, portcullis }
                })
            })
            .collect();
        started.into_iter().map(|one| one.join().expect("it starts")).collect()
    });

    // Whether it may lead or not, and whatever it cannot watch.
    for one in &running {
        one.wait_until_settled();
    }
    let expected = running[0].ask(&gw, &obs);
    let said: Vec<_> = expected.iter().map(|answer| answer.allowed).collect();
    assert_eq!(said, [false, false, true, false, true], "{expected:?}");
    let mut silent = Vec::new();
    for one in &running[1..] {
        let line = one.line.as_ref().expect("what it may not");
        let what = line.rule.to_string();
        // One that is not ready is asked nothing.
        let answers = if one.portcullis.is_ready() { one.ask(&gw, &obs) } else { Vec::new() };
        for ((question, _), (answer, intact)) in QUESTIONS.iter().zip(answers.iter().zip(&expected)) {
            let is_the_same = answer.allowed == intact.allowed;
            let says_why = answer.said.contains(r#""warnings":[""#);
            if answer.allowed && !is_the_same && !says_why && !one.says_that_nothing_is_enforced() {
                silent.push(format!("without {what}: {question}: {}", answer.said));
            }
        }
        if let Some(Answer { said, .. }) = answers.get(2).filter(|answer| answer.allowed) {
            // Allowed because it made the grant, or because it says that it does not know.
            let granted =
                grants(&kubectl, &obs).iter().any(|grant| grant["spec"]["to"][0]["name"] == one.name.as_str());
            let knows = !said.contains("not known") && !one.says_that_nothing_is_enforced();
            if knows && !granted {
                silent.push(format!("without {what}: allowed and not granted: {said}"));
            }
        }
        let group = line.rule["apiGroups"][0].as_str().unwrap_or_default();
        if !group.is_empty() && !kubectl.run(&["get", "--raw", &format!("/apis/{group}")]).ok {
            report(&format!("without {what}"), &"nothing, as there are no such kinds here");
            continue;
        }
        if let Some(tried) = tried_elsewhere(&line.rule) {
            report(&format!("without {what}"), &format!("not used by these processes: see `{tried}`"));
            continue;
        }
        let told = wait_until(&format!("it to say that it lacks {what}"), || {
            one.says_what_is_missing()
                .ok_or_else(|| one.portcullis.log().lines().rev().take(12).collect::<Vec<_>>().join("\n"))
        });
        report(&format!("without {what}"), &told.chars().take(300).collect::<String>());
        one.wait_until_settled();
    }
    assert!(silent.is_empty(), "{silent:#?}");
}

/// The test that goes without a right which these processes have no use for: their configurations do not exist, and their
/// certificates are made at start.
fn tried_elsewhere(rule: &Value) -> Option<&'static str> {
    let (resources, verbs) = (rule["resources"].to_string(), rule["verbs"].to_string());
    if resources.contains("webhookconfigurations") && verbs.contains("patch") {
        return Some("registering: without the right to write");
    }
    if resources.contains("\"guardpolicies\"") && verbs.contains("create") {
        return Some("registering: without the right to probe");
    }
    resources.contains("secrets").then_some("certificates: without the right to read the Secret")
}

/// What the service account is allowed, rule by rule.
fn lines(kubectl: &Kubectl) -> Vec<Line> {
    let (_, _, namespace, account) = {
        let mut parts = cluster::USER.split(':');
        (parts.next(), parts.next(), parts.next().expect("a namespace"), parts.next().expect("a name"))
    };
    let bindings = kubectl.get_json(&["clusterrolebindings,rolebindings", "-A"]);
    let mut lines = Vec::new();
    for binding in bindings["items"].as_array().expect("bindings") {
        let subjects = binding["subjects"].as_array().cloned().unwrap_or_default();
        let is_ours = |subject: &Value| {
            subject["kind"] == "ServiceAccount" && subject["name"] == account && subject["namespace"] == namespace
        };
        if !subjects.iter().any(is_ours) {
            continue;
        }
        let name = binding["roleRef"]["name"].as_str().expect("a role");
        let everywhere = binding["kind"] == "ClusterRoleBinding";
        let role = if binding["roleRef"]["kind"] == "Role" {
            kubectl.get_json(&["role", name, "-n", binding["metadata"]["namespace"].as_str().expect("a namespace")])
        } else {
            kubectl.get_json(&["clusterrole", name])
        };
        let rules = role["rules"].as_array().cloned().unwrap_or_default();
        lines.extend(rules.into_iter().map(|rule| Line { rule, everywhere }));
    }
    lines
}

/// All roles of a user and a namespace of this name, but for one line.
fn roles(id: &str, name: &str, lines: &[Line], without: Option<&Line>) -> String {
    let group = "rbac.authorization.k8s.io";
    let is_left_out = |line: &Line| without.is_some_and(|without| without.rule == line.rule);
    let mut documents = Vec::new();
    for everywhere in [true, false] {
        let kept: Vec<_> = lines.iter().filter(|line| line.everywhere == everywhere && !is_left_out(line)).collect();
        let rules: Vec<_> = kept.iter().map(|line| line.rule.clone()).collect();
        let mut metadata = json!({ "name": name, "labels": { LABEL: id } });
        if !everywhere {
            metadata["namespace"] = json!(name);
        }
        let kind = if everywhere { "ClusterRole" } else { "Role" };
        documents
            .push(json!({ "apiVersion": format!("{group}/v1"), "kind": kind, "metadata": metadata, "rules": rules }));
        documents.push(json!({
            "apiVersion": format!("{group}/v1"),
            "kind": format!("{kind}Binding"),
            "metadata": metadata,
            "roleRef": { "apiGroup": group, "kind": kind, "name": name },
            "subjects": [{ "apiGroup": group, "kind": "User", "name": name }],
        }));
    }
    documents.iter().map(|document| format!("---\n{document}\n")).collect()
}

// === impl Without ===

impl Without {
    /// The answers to [`QUESTIONS`].
    #[track_caller]
    fn ask(&self, gw: &str, obs: &str) -> Vec<Answer> {
        let policy = |reference: Value| {
            let sink = json!({ "openTelemetry": { "grpcService": { "logName": "a", "backendRef": reference } } });
            json!({
                "apiVersion": "gateway.kgateway.dev/v1alpha1",
                "kind": "ListenerPolicy",
                "metadata": { "name": "asked", "namespace": gw },
                "spec": {
                    "targetRefs": [{ "group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "http" }],
                    "default": { "httpSettings": { "accessLog": [sink] } },
                },
            })
        };
        let backend = json!({ "group": "gateway.kgateway.dev", "kind": "Backend", "name": "gone" });
        let crossing = json!({ "name": self.name, "namespace": obs, "port": 4317 });
        let needed = json!({
            "apiVersion": "v1", "kind": "Service", "metadata": { "name": "needed", "namespace": gw },
            "spec": { "ports": [{ "name": "grpc", "port": 4317 }] },
        });
        let mut end: Value = serde_json::from_slice(&review(&needed, 0)).expect("a review");
        end["request"]["operation"] = json!("DELETE");
        end["request"]["oldObject"] = end["request"]["object"].take();
        let reviews = [
            review(&policy(json!({ "name": "gone", "port": 4317 })), 0),
            review(&policy(backend), 0),
            review(&policy(crossing), 0),
            end.to_string().into_bytes(),
            review(&serde_json::from_str(&krakend_pod(gw)).expect("a Pod"), 0),
        ];
        let number = Number::of(&self.portcullis);
        runtime().block_on(async {
            let mut caller = number.call().await.expect("a connection");
            let mut answers = Vec::new();
            for (review, (question, door)) in reviews.iter().zip(QUESTIONS) {
                let (status, said) = caller.post(door, review).await.expect("an answer");
                let said = String::from_utf8_lossy(&said).into_owned();
                assert_eq!(status, 200, "{question}: {said}");
                let answer: Value = serde_json::from_str(&said).expect("an answer");
                answers.push(Answer { allowed: answer["response"]["allowed"] == true, said });
            }
            answers
        })
    }

    /// Ready, or not so because of what it may not.
    #[track_caller]
    fn wait_until_settled(&self) {
        wait_until("portcullis to be ready, or to say why it is not", || {
            let answer = self.portcullis.get("/readyz")?;
            if answer.starts_with("HTTP/1.1 200")
                || answer.contains("not ready: ") && answer.contains("cannot watch resource")
            {
                Ok(())
            } else {
                Err(answer)
            }
        });
    }

    fn says_that_nothing_is_enforced(&self) -> bool {
        self.portcullis.get("/readyz").is_ok_and(|answer| answer.contains("everything is allowed"))
    }

    /// The line of the log or of `/readyz` that names what it may not.
    fn says_what_is_missing(&self) -> Option<String> {
        let rule = &self.line.as_ref()?.rule;
        let resources: Vec<&str> = rule["resources"].as_array()?.iter().filter_map(Value::as_str).collect();
        let verbs: Vec<&str> = rule["verbs"].as_array()?.iter().filter_map(Value::as_str).collect();
        let all = format!("{}\n{}", self.portcullis.get("/readyz").ok()?, self.portcullis.log()).replace('\\', "");
        let names = |line: &&str| {
            resources.iter().any(|resource| {
                verbs.iter().any(|verb| line.contains(&format!("cannot {verb} resource \"{resource}\"")))
            })
        };
        all.lines().find(names).map(str::to_owned)
    }
}
