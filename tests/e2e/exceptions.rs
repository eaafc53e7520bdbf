//! GuardExceptions in a live cluster: they hold on every replica as soon as they are applied, end by themselves, and say how
//! they stand.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::{
    caller::{Number, review, runtime},
    cluster,
    crossing::Crossing,
    kubectl::Kubectl,
    objects,
    patience::wait_until,
    portcullis::Portcullis,
    sandbox::Sandbox,
    trial::Case,
};

pub(crate) const CASES: &[Case] = &[
    Case::new("exceptions: one holds on every replica, is told before it ends, and ends by itself", ends).alone(),
    Case::new("exceptions: one that does not compile says why, and the last good one stays", does_not_compile).alone(),
    Case::new("exceptions: one counts right after it is applied, however late it is heard of", at_once).alone(),
    Case::new("exceptions: each says what keeps it from holding", idle).alone(),
    Case::new("exceptions: a wrong one is refused with what would be right", refused),
    Case::new("exceptions: kubectl explains every field", explained),
];

/// The shipped policy as one that lets exceptions hold, until this is dropped.
struct Allowing<'a>(&'a Kubectl);

impl<'a> Allowing<'a> {
    #[track_caller]
    fn exceptions(kubectl: &'a Kubectl) -> Self {
        patch(
            kubectl,
            &["guardpolicy", "backend-refs"],
            &json!({ "exceptions": { "allowed": true, "maxDuration": "2h" } }),
        );
        Self(kubectl)
    }
}

impl Drop for Allowing<'_> {
    fn drop(&mut self) {
        let none = json!({ "spec": { "exceptions": null } }).to_string();
        self.0.run(&["patch", "guardpolicy", "backend-refs", "--type=merge", "-p", &none]);
    }
}

#[track_caller]
fn patch(kubectl: &Kubectl, what: &[&str], spec: &Value) {
    let patch = json!({ "spec": spec }).to_string();
    kubectl.run(&[&["patch"], what, &["--type=merge", "-p", &patch]].concat()).succeeds();
}

fn exception(namespace: &str, name: &str, expires: Timestamp) -> Value {
    let expires = expires.round(jiff::Unit::Second).expect("a time of this century").to_string();
    json!({
        "apiVersion": "portcullis.dev/v1alpha1",
        "kind": "GuardException",
        "metadata": { "name": name, "namespace": namespace },
        "spec": { "policies": ["backend-refs"], "names": ["logs"], "reason": "the collector moves", "expires": expires },
    })
}

fn within(time: Duration) -> Timestamp {
    Timestamp::now() + jiff::SignedDuration::try_from(time).expect("a short time")
}

/// What each replica answers to a telemetry object whose collector does not exist.
fn answers(replicas: &[&Portcullis], namespace: &str) -> Vec<Value> {
    let sink = json!({ "openTelemetry": { "grpcService": { "logName": "a", "backendRef": { "name": "gone", "port": 4317 } } } });
    let object = json!({
        "apiVersion": "gateway.kgateway.dev/v1alpha1", "kind": "ListenerPolicy",
        "metadata": { "name": "logs", "namespace": namespace },
        "spec": {
            "targetRefs": [{ "group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "http" }],
            "default": { "httpSettings": { "accessLog": [sink] } },
        },
    });
    let ask = |replica: &&Portcullis| {
        let number = Number::of(replica);
        let answer =
            runtime().block_on(async { number.call().await?.post("/validate/fail", &review(&object, 0)).await });
        let (status, body) = answer.expect("an answer");
        assert_eq!(status, 200);
        serde_json::from_slice::<Value>(&body).expect("JSON")["response"].clone()
    };
    replicas.iter().map(ask).collect()
}

#[track_caller]
fn until_all(replicas: &[&Portcullis], namespace: &str, allowed: bool) -> Vec<Value> {
    wait_until(&format!("all to say allowed: {allowed}"), || {
        let answers = answers(replicas, namespace);
        if answers.iter().all(|answer| answer["allowed"] == allowed) {
            Ok(answers)
        } else {
            Err(json!(answers).to_string())
        }
    })
}

/// Waits until this condition is so, of the exception as it is now; its message.
#[track_caller]
fn until(kubectl: &Kubectl, namespace: &str, name: &str, condition: &str, status: &str) -> String {
    wait_until(&format!("{condition}={status}"), || {
        let exception = kubectl.get_json(&["guardexception", name, "-n", namespace]);
        let generation = &exception["metadata"]["generation"];
        let conditions = exception["status"]["conditions"].as_array();
        let found = conditions.into_iter().flatten().find(|found| found["type"] == condition);
        let is_so = |found: &&Value| found["status"] == status && found["observedGeneration"] == *generation;
        let message = found.filter(is_so).and_then(|found| found["message"].as_str());
        message.map(str::to_owned).ok_or_else(|| exception.to_string())
    })
}

fn ends(sandbox: &Sandbox<'_>) {
    let crossing = Crossing::new(sandbox);
    let (kubectl, gw) = (&crossing.kubectl, crossing.gw.as_str());
    let leader = crossing.leader(&[]);
    let other = crossing.member(&[]);
    let replicas = [&leader, &other];
    let _allowing = Allowing::exceptions(kubectl);
    let _registration = crossing.register(&leader);
    until_all(&replicas, gw, false);
    let broken = objects::listener_policy(gw, "logs", "name: gone, port: 4317");
    kubectl.try_apply(&broken).fails().says("does not exist").never_says("the exception");

    kubectl.apply(&exception(gw, "moving", within(Duration::from_hours(1))).to_string());
    for answer in until_all(&replicas, gw, true) {
        let audit = &answer["auditAnnotations"];
        let said = audit["excepted"].as_str().expect("what is excepted");
        assert!(said.starts_with(&format!("backend-refs/not-found by {gw}/moving until ")), "{said}");
        assert!(said.ends_with(": the collector moves"), "{said}");
        assert_eq!(audit["recorded"], "backend-refs/not-found");
    }
    let said = kubectl.apply(&broken);
    let warnings = said.warnings().join("\n");
    assert!(warnings.contains("[backend-refs/not-found] excepted by `moving`, which ends at "), "{warnings}");
    assert!(until(kubectl, gw, "moving", "Ready", "True").starts_with("it holds until "));
    assert!(until(kubectl, gw, "moving", "Expiring", "True").contains("within a week"));
    wait_until("it to be counted", || {
        let expiring = leader.metric("portcullis_exceptions{state=\"expiring\"}");
        let excepted = "portcullis_findings_total{policy=\"backend-refs\",code=\"backend-refs/not-found\",consequence=\"excepted\"}";
        let counted = leader.metric(excepted).is_some_and(|count| count >= 2.0);
        if expiring == Some(1.0) && counted { Ok(()) } else { Err(leader.get("/metrics").unwrap_or_default()) }
    });

    // Nobody does anything from here on.
    let soon = exception(gw, "moving", within(Duration::from_secs(3)));
    patch(kubectl, &["guardexception", "moving", "-n", gw], &json!({ "expires": soon["spec"]["expires"] }));
    for answer in until_all(&replicas, gw, false) {
        let said = answer["status"]["message"].as_str().unwrap_or_default();
        assert!(said.contains("the exception `moving` does not hold for it: it ended at "), "{answer}");
    }
    assert!(until(kubectl, gw, "moving", "Expired", "True").starts_with("it ended at "));
    kubectl.delete(&["listenerpolicy", "logs", "-n", gw]);
    kubectl.try_apply(&broken).fails().says("the exception `moving` does not hold for it: it ended at ");

    // What is granted anew holds anew, and is taken back.
    kubectl.delete(&["guardexception", "moving", "-n", gw]);
    kubectl.apply(&exception(gw, "moving", within(Duration::from_hours(1))).to_string());
    until_all(&replicas, gw, true);
    kubectl.delete(&["guardexception", "moving", "-n", gw]);
    for answer in until_all(&replicas, gw, false) {
        assert!(!answer.to_string().contains("the exception"), "{answer}");
    }
}

fn does_not_compile(sandbox: &Sandbox<'_>) {
    let crossing = Crossing::new(sandbox);
    let (kubectl, gw) = (&crossing.kubectl, crossing.gw.as_str());
    let leader = crossing.leader(&[]);
    let _allowing = Allowing::exceptions(kubectl);
    kubectl.apply(&exception(gw, "moving", within(Duration::from_hours(1))).to_string());
    until_all(&[&leader], gw, true);
    until(kubectl, gw, "moving", "Ready", "True");

    // The API server cannot say of a selector that it never matches.
    let never = json!({ "names": null, "objectSelector": {
        "matchLabels": { "a": "b" }, "matchExpressions": [{ "key": "a", "operator": "In", "values": ["c"] }],
    } });
    patch(kubectl, &["guardexception", "moving", "-n", gw], &never);
    let said = until(kubectl, gw, "moving", "Ready", "False");
    assert_eq!(
        said,
        "spec.objectSelector: it can match nothing: `a` cannot be `b` and `c`; the last version that was right stays in force"
    );
    leader.wait_until_it_says(&format!("these GuardExceptions do not compile: {gw}/moving"));
    until_all(&[&leader], gw, true);

    patch(kubectl, &["guardexception", "moving", "-n", gw], &json!({ "names": ["traces"], "objectSelector": null }));
    until(kubectl, gw, "moving", "Ready", "True");
    until_all(&[&leader], gw, false);
}

fn at_once(sandbox: &Sandbox<'_>) {
    let crossing = Crossing::new(sandbox);
    let (kubectl, gw) = (&crossing.kubectl, crossing.gw.as_str());
    let leader = crossing.leader(&[]);
    let _allowing = Allowing::exceptions(kubectl);
    let _registration = crossing.register(&leader);
    wait_until("the policy to allow exceptions", || {
        kubectl.apply(&exception(gw, "moving", within(Duration::from_hours(1))).to_string());
        let said = &answers(&[&leader], gw)[0];
        if said["allowed"] == true { Ok(()) } else { Err(said.to_string()) }
    });
    let broken = objects::listener_policy(gw, "logs", "name: gone, port: 4317");
    for _ in 0..5 {
        kubectl.delete(&["guardexception,listenerpolicy", "--all", "-n", gw]);
        until_all(&[&leader], gw, false);
        // As `kubectl apply -f folder/` does: one right after the other.
        let both = format!("---\n{}\n{broken}", exception(gw, "moving", within(Duration::from_hours(1))));
        kubectl.apply(&both);
    }
}

fn idle(sandbox: &Sandbox<'_>) {
    let crossing = Crossing::new(sandbox);
    let (kubectl, gw) = (&crossing.kubectl, crossing.gw.as_str());
    let leader = crossing.leader(&[]);
    let mut one = exception(gw, "moving", within(Duration::from_hours(3)));
    kubectl.apply(&one.to_string());
    let said = until(kubectl, gw, "moving", "Ready", "False");
    assert_eq!(said, "the policy `backend-refs` allows no exceptions");
    for answer in until_all(&[&leader], gw, false) {
        let said = "the exception `moving` does not hold for it: the policy `backend-refs` allows no exceptions";
        assert!(answer.to_string().contains(said), "{answer}");
    }
    let _allowing = Allowing::exceptions(kubectl);
    wait_until("it to be too long", || {
        let said = until(kubectl, gw, "moving", "Ready", "False");
        if said.starts_with("it lasts ") { Ok(()) } else { Err(said) }
    });
    until_all(&[&leader], gw, false);
    one["spec"]["policies"] = json!(["backend-refs", "gone"]);
    one["spec"]["expires"] = exception(gw, "moving", within(Duration::from_hours(1)))["spec"]["expires"].clone();
    kubectl.apply(&one.to_string());
    wait_until("it to hold in part", || {
        let said = until(kubectl, gw, "moving", "Ready", "False");
        if said == "it holds only in part: no policy in force is named `gone`" { Ok(()) } else { Err(said) }
    });
    until_all(&[&leader], gw, true);
    let shown = kubectl.run(&["get", "gx", "-n", gw]).succeeds();
    let head: Vec<_> = shown.out.lines().next().unwrap_or_default().split_whitespace().collect();
    assert_eq!(head, ["NAME", "POLICIES", "EXPIRES", "READY", "EXPIRING", "AGE"]);
}

fn refused(sandbox: &Sandbox<'_>) {
    drop(cluster::serve(sandbox));
    let (kubectl, namespace) = (sandbox.kubectl(), sandbox.namespace("bad", &[]));
    let good = exception(&namespace, "bad", within(Duration::from_hours(1)));
    kubectl.run_with(&["apply", "--dry-run=server", "-f", "-"], &good.to_string()).succeeds();
    let selector = json!({ "matchLabels": { "a": "b" } });
    let cases: &[(Value, &[&str])] = &[
        (json!({ "expires": null }), &["spec.expires: Required value"]),
        (json!({ "expires": "never" }), &["spec.expires", "date-time"]),
        (json!({ "expires": "2026-02-01" }), &["spec.expires", "date-time"]),
        (json!({ "reason": null }), &["spec.reason: Required value"]),
        (json!({ "reason": "  " }), &["spec.reason", "an exception needs a reason"]),
        (json!({ "policies": [] }), &["spec.policies"]),
        (json!({ "names": null }), &["without, it would except everything in its namespace"]),
        (json!({ "names": [] }), &["without, it would except everything in its namespace"]),
        (json!({ "names": null, "objectSelector": {} }), &["without, it would except everything in its namespace"]),
        (json!({ "names": ["web-*"] }), &["spec.names[0]", "use `objectSelector`"]),
        (json!({ "objectSelector": selector }), &["either `names` or an `objectSelector`, not both"]),
        (json!({ "until": "2027" }), &["unknown field \"spec.until\""]),
    ];
    for (change, words) in cases {
        let mut bad = good.clone();
        for (field, value) in change.as_object().expect("fields") {
            match value {
                Value::Null => drop(bad["spec"].as_object_mut().expect("a spec").remove(field)),
                value => bad["spec"][field] = value.clone(),
            }
        }
        let mut said = kubectl.try_apply(&bad.to_string()).fails();
        for words in *words {
            said = said.says(words);
        }
    }
    let policy = json!({ "spec": { "exceptions": { "allowed": true, "maxDuration": "30d" } } }).to_string();
    let patch = ["patch", "guardpolicy", "backend-refs", "--type=merge", "--dry-run=server", "-p", &policy];
    kubectl.run(&patch).fails().says("hours, minutes and seconds, as in `720h`");
}

fn explained(sandbox: &Sandbox<'_>) {
    drop(cluster::serve(sandbox));
    let explain = |field: &str| {
        wait_until(&format!("`{field}` to be explained"), || {
            let said = sandbox.kubectl().run(&["explain", field]);
            if said.ok { Ok(said) } else { Err(said.all()) }
        })
    };
    explain("guardexception").says("says which findings").never_says("<no description>");
    explain("guardexception.spec.expires").says("ends by itself");
    explain("guardexception.status.conditions").says("Expiring");
    explain("guardpolicy.spec.exceptions.maxDuration").says("720h");
}
