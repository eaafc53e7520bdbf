use super::*;
use crate::engine::{
    policy::{PolicySet, compile, exception},
    view::View,
};

const NOW: &str = "2026-01-10T00:00:00Z";

fn policy(name: &str, exceptions: &Value) -> Value {
    json!({
        "apiVersion": "portcullis.dev/v1alpha1", "kind": "GuardPolicy", "metadata": { "name": name },
        "spec": {
            "rule": { "backendRefs": {} }, "exceptions": exceptions,
            "matchConstraints": { "resourceRules": [{
                "apiGroups": ["gateway.kgateway.dev"], "apiVersions": ["*"], "resources": ["listenerpolicies"], "operations": ["CREATE"],
            }] },
        },
    })
}

/// The conditions of an exception with this `spec`, as `Ready=True Holds`, each with its message.
fn said(spec: &Value) -> [(String, String); 3] {
    let mut policies: Vec<_> = [
        ("none", json!({ "allowed": false })),
        ("all", json!({ "allowed": true })),
        ("some", json!({ "allowed": true, "codes": ["backend-refs/not-found"] })),
        ("elsewhere", json!({ "allowed": true, "namespaceSelector": { "matchLabels": { "a": "b" } } })),
    ]
    .iter()
    .map(|(name, exceptions)| compile::compile(&policy(name, exceptions)).unwrap())
    .collect();
    let mut in_use = policy("used", &json!({ "allowed": true }));
    in_use["spec"]["rule"] = json!({ "inUse": {} });
    in_use["spec"]["matchConstraints"]["resourceRules"][0] =
        json!({ "apiGroups": [""], "apiVersions": ["*"], "resources": ["services"], "operations": ["DELETE"] });
    policies.push(compile::compile(&in_use).unwrap());
    let mut view = View::default();
    view.insert(&ObjectKey::new("", "Namespace", "", "gw"), &json!({ "metadata": { "labels": { "a": "c" } } }));
    let mut object = json!({
        "apiVersion": "portcullis.dev/v1alpha1", "kind": "GuardException",
        "metadata": { "name": "x", "namespace": "gw", "creationTimestamp": "2026-01-01T00:00:00Z" },
        "spec": { "names": ["logs"], "reason": "moving", "expires": "2026-01-30T00:00:00Z" },
    });
    object["spec"].as_object_mut().unwrap().extend(spec.as_object().unwrap().clone());
    let standing = Standing {
        key: ObjectKey::new("portcullis.dev", "GuardException", "gw", "x"),
        generation: 1,
        problem: None,
        in_force: Some(Arc::new(exception::compile::compile(&object, "").unwrap())),
    };
    let snapshot = Snapshot { policies: PolicySet::new(policies), view };
    let status = status(&standing, &snapshot, NOW.parse().unwrap());
    status.conditions.map(|one| (format!("{}={} {}", one.type_, one.status, one.reason), one.message))
}

#[test]
fn the_status_says_how_far_an_exception_holds() {
    for (spec, condition, message) in [
        (json!({ "policies": ["all"] }), "Ready=True Holds", "it holds until 2026-01-30T00:00:00Z"),
        (json!({ "policies": ["gone"] }), "Ready=False UnknownPolicy", "no policy in force is named `gone`"),
        (json!({ "policies": ["sone"] }), "Ready=False UnknownPolicy", "named `sone`; did you mean `none`?"),
        (
            json!({ "policies": ["all"], "codes": ["backend-refs/no-prt"] }),
            "Ready=False UnknownCode",
            "no policy that it names has a code `backend-refs/no-prt`; did you mean `backend-refs/no-port`?",
        ),
        (
            json!({ "policies": ["all"], "codes": ["backend-refs/no-prt", "backend-refs/no-port"] }),
            "Ready=False HoldsInPart",
            "it holds only in part: no policy that it names has a code `backend-refs/no-prt`",
        ),
        (json!({ "policies": ["none"] }), "Ready=False NotAllowed", "the policy `none` allows no exceptions"),
        (
            json!({ "policies": ["all", "none"] }),
            "Ready=False HoldsInPart",
            "it holds only in part: the policy `none` allows no exceptions",
        ),
        (
            json!({ "policies": ["some"], "codes": ["backend-refs/no-port"] }),
            "Ready=False CodeNotAllowed",
            "no policy that it names lets `backend-refs/no-port` be excepted",
        ),
        (json!({ "policies": ["some"], "codes": ["backend-refs/not-found"] }), "Ready=True Holds", "it holds until"),
        (
            json!({ "policies": ["all"], "expires": "2026-03-01T00:00:00Z" }),
            "Ready=False TooLong",
            "it lasts 1416h, longer than the 720h that the policy `all` allows",
        ),
        (json!({ "policies": ["elsewhere"] }), "Ready=False NamespaceNotAllowed", "with the labels `a=b`"),
        (json!({ "policies": ["used"] }), "Ready=False CodeNotAllowed", "names no codes in `exceptions`"),
        (
            json!({ "policies": ["all"], "expires": "2026-01-09T00:00:00Z" }),
            "Ready=False Expired",
            "it ended at 2026-01-09T00:00:00Z",
        ),
    ] {
        let [(said, words), ..] = said(&spec);
        assert_eq!(said, condition, "{spec}: {words}");
        assert!(words.contains(message), "{spec}: {words}");
    }
}

#[test]
fn its_end_is_told_a_week_before() {
    for (expires, expected) in [
        ("2026-01-17T00:00:01Z", ["Expiring=False NotYet", "Expired=False NotYet"]),
        ("2026-01-17T00:00:00Z", ["Expiring=True WithinAWeek", "Expired=False NotYet"]),
        ("2026-01-10T00:00:01Z", ["Expiring=True WithinAWeek", "Expired=False NotYet"]),
        (NOW, ["Expiring=False Expired", "Expired=True Expired"]),
    ] {
        let [_, ending, ended] = said(&json!({ "policies": ["all"], "expires": expires }));
        assert_eq!([ending.0, ended.0], expected, "{expires}");
    }
}

#[test]
fn one_that_is_broken_says_why() {
    let standing = Standing {
        key: ObjectKey::default(),
        generation: 2,
        problem: Some("spec: an exception needs an end".to_owned()),
        in_force: None,
    };
    let [ready, ending, _] = status(&standing, &Snapshot::default(), NOW.parse().unwrap()).conditions;
    assert_eq!(ready.message, "spec: an exception needs an end; no version of it is in force");
    assert_eq!(ending.status, "Unknown");
}
