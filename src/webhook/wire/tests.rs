use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::*;

fn request(change: impl FnOnce(&mut Value)) -> Vec<u8> {
    let mut review = json!({
        "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
        "request": {
            "uid": "705ab4f5-6393-11e8-b7cc-42010a800002",
            "kind": {"group": "gateway.kgateway.dev", "version": "v1alpha1", "kind": "HTTPListenerPolicy"},
            "resource": {"group": "gateway.kgateway.dev", "version": "v1alpha1", "resource": "httplistenerpolicies"},
            "name": "logs", "namespace": "shop", "operation": "CREATE",
            "userInfo": {"username": "jane", "groups": ["devs"], "extra": {"a/b": ["c"]}},
            "object": {"metadata": {"name": "logs"}, "spec": {}}, "oldObject": null, "dryRun": true,
            "options": {"kind": "CreateOptions", "apiVersion": "meta.k8s.io/v1"}
        }
    });
    change(&mut review);
    serde_json::to_vec(&review).unwrap()
}

#[test]
fn reads_what_the_engine_selects_by() {
    let body = request(|_| ());
    let review = read(&body).unwrap();
    let attributes = review.attributes();
    assert_eq!(
        (attributes.group, attributes.version, attributes.kind),
        ("gateway.kgateway.dev", "v1alpha1", "HTTPListenerPolicy")
    );
    assert_eq!((attributes.resource, attributes.subresource), ("httplistenerpolicies", ""));
    assert_eq!((attributes.namespace, attributes.name, attributes.user), ("shop", "logs", "jane"));
    assert!(attributes.dry_run && review.request.old_object.is_none());
    assert!(review.request.object.unwrap().get().starts_with('{'));
    assert!(matches!(review.request.uid, Cow::Borrowed(_)));
}

#[test]
fn reads_names_with_escapes_and_requests_without_a_name() {
    let body = request(|review| {
        review["request"]["name"] = json!("");
        review["request"]["userInfo"]["username"] = json!("a\"b\u{1}");
    });
    let review = read(&body).unwrap();
    assert_eq!((review.attributes().name, review.attributes().user), ("", "a\"b\u{1}"));
}

#[test]
fn a_delete_has_no_object_and_a_namespace_no_namespace() {
    let body = request(|review| {
        review["request"]["operation"] = json!("DELETE");
        review["request"]["object"] = json!(null);
        review["request"]["oldObject"] = json!({"metadata": {"name": "shop"}});
        review["request"]["kind"] = json!({"group": "", "version": "v1", "kind": "Namespace"});
        review["request"]["resource"] = json!({"version": "v1", "resource": "namespaces"});
        review["request"]["name"] = json!("shop");
    });
    let review = read(&body).unwrap();
    assert_eq!(review.attributes().operation, Operation::Delete);
    assert_eq!((review.attributes().namespace, review.attributes().name), ("", "shop"));
    assert!(review.request.object.is_none() && review.request.old_object.is_some());
}

#[test]
fn refuses_what_is_not_a_review_and_names_the_uid_it_can_read() {
    let uid = Some("705ab4f5-6393-11e8-b7cc-42010a800002");
    let cases = [
        (
            request(|review| review["apiVersion"] = json!("admission.k8s.io/v2")),
            uid,
            "`admission.k8s.io/v2` is not a version",
        ),
        (request(|review| review["kind"] = json!("Pod")), uid, "the body is a `Pod`"),
        (request(|review| review["request"]["operation"] = json!("PATCH")), uid, "unknown variant `PATCH`"),
        (request(|review| review["request"]["kind"] = json!([1])), uid, "the body is not an AdmissionReview"),
        (
            request(|review| drop(review["request"].as_object_mut().unwrap().remove("resource"))),
            uid,
            "missing field `resource`",
        ),
        (request(|review| review["request"]["uid"] = json!("")), None, "`request.uid` of the review is empty"),
        (request(|review| review["request"] = json!(null)), None, "the body is not an AdmissionReview"),
        (b"{\"apiVersion\": ".to_vec(), None, "the body is not an AdmissionReview: EOF"),
        (b"".to_vec(), None, "the body is not an AdmissionReview: EOF"),
        (b"[]".to_vec(), None, "the body is not an AdmissionReview"),
        ([request(|_| ()), b"{}".to_vec()].concat(), None, "trailing characters"),
        (b"{\"apiVersion\": \"\xff\"}".to_vec(), None, "the body is not an AdmissionReview"),
    ];
    for (body, uid, message) in cases {
        let refused = read(&body).unwrap_err();
        assert_eq!((refused.status, refused.uid.as_deref()), (400, uid), "{refused}");
        assert!(refused.message.contains(message), "{refused}");
        assert_eq!(refused.body().contains("705ab4f5"), uid.is_some());
    }
}

#[test]
fn refuses_a_key_that_stands_twice() {
    for (from, to) in [
        (r#""namespace":"shop""#, r#""namespace":"shop","namespace":"kube-system""#),
        (r#""operation":"CREATE""#, r#""operation":"CREATE","operation":"DELETE""#),
        (r#""username":"jane""#, r#""username":"jane","username":"system:admin""#),
    ] {
        let body = String::from_utf8(request(|_| ())).unwrap().replacen(from, to, 1);
        let refused = read(body.as_bytes()).unwrap_err();
        assert!(refused.message.contains("duplicate field"), "{refused}");
    }
}

#[test]
fn nesting_is_skipped_and_refused_where_it_is_read() {
    use crate::engine::subject::{Reads, Subject};
    let (open, close) = (r#"{"a":["#.repeat(100_000), "]}".repeat(100_000));
    let text = String::from_utf8(request(|review| review["request"]["object"] = json!("HERE"))).unwrap();
    let body = text.replacen("\"HERE\"", &format!("{open}{close}"), 1);
    let review = read(body.as_bytes()).unwrap();
    let want = Reads { object: true, old_object: false };
    let error = Subject::read(review.attributes(), review.request.object, None, want).unwrap_err();
    assert!(error.to_string().contains("recursion limit exceeded"), "{error}");

    let unknown = body.replacen("\"name\"", &format!("\"later\":{open}{close},\"name\""), 1);
    assert!(read(unknown.as_bytes()).is_ok());
    let in_the_envelope = text.replacen("\"HERE\"", "1", 1).replacen("\"jane\"", &"[".repeat(100_000), 1);
    assert_eq!(read(in_the_envelope.as_bytes()).unwrap_err().status, 400);
    assert_eq!(read("[".repeat(1_000_000).as_bytes()).unwrap_err().status, 400);
}

#[test]
fn answers_in_the_version_of_the_review_and_leaves_out_what_is_empty() {
    for version in ["admission.k8s.io/v1", "admission.k8s.io/v1beta1"] {
        let body = request(|review| review["apiVersion"] = json!(version));
        let out: Value = serde_json::from_slice(&write(&Answer::allow(), &read(&body).unwrap())).unwrap();
        let response = json!({"uid": "705ab4f5-6393-11e8-b7cc-42010a800002", "allowed": true});
        assert_eq!(out, json!({"apiVersion": version, "kind": "AdmissionReview", "response": response}));
    }
}

#[test]
fn a_denial_says_what_kubectl_prints() {
    let body = request(|_| ());
    let cause = Cause {
        code: "backend-refs/not-found".into(),
        message: "no Service `a`\u{1b}[31m".into(),
        field: "spec.x".into(),
    };
    let answer = Answer {
        causes: vec![cause],
        patch: Some(b"[]".to_vec()),
        audit: BTreeMap::from([("verdict".into(), "denied".into())]),
        ..Answer::deny(422, "first\nsecond\ttab")
    };
    let out: Value = serde_json::from_slice(&write(&answer, &read(&body).unwrap())).unwrap();
    let cause = json!({"reason": "backend-refs/not-found", "message": "no Service `a` [31m", "field": "spec.x"});
    let details =
        json!({"group": "gateway.kgateway.dev", "kind": "HTTPListenerPolicy", "name": "logs", "causes": [cause]});
    assert_eq!(
        out["response"],
        json!({
            "uid": "705ab4f5-6393-11e8-b7cc-42010a800002", "allowed": false,
            "status": {"code": 422, "reason": "Invalid", "message": "first\nsecond tab", "details": details},
            "auditAnnotations": {"verdict": "denied"},
        })
    );
    let out: Value = serde_json::from_slice(&write(&Answer::deny(403, "in use"), &read(&body).unwrap())).unwrap();
    assert_eq!(out["response"]["status"], json!({"code": 403, "reason": "Forbidden", "message": "in use"}));
}

#[test]
fn a_patch_is_base64_text_with_its_type() {
    let body = request(|_| ());
    let answer = Answer { patch: Some(br#"[{"op":"remove","path":"/a"}]"#.to_vec()), ..Answer::allow() };
    let out: Value = serde_json::from_slice(&write(&answer, &read(&body).unwrap())).unwrap();
    assert_eq!(out["response"]["patchType"], "JSONPatch");
    assert_eq!(out["response"]["patch"], "W3sib3AiOiJyZW1vdmUiLCJwYXRoIjoiL2EifV0=");
}

#[test]
fn a_refusal_repeats_little_and_a_failure_nothing() {
    let refused = Refused { uid: Some("u\n".repeat(500)), ..Refused::new(400, "x\u{7}".repeat(5_000)) };
    assert!(refused.body().chars().count() < 400 && !refused.body().chars().any(char::is_control));
    assert_eq!(Refused::new(503, "why").body(), "");
}
