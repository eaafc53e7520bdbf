//! `portcullis webhooks`: what is printed is what would be registered.

use std::fs;

use portcullis::engine::yaml::{self, Dialect};
use serde_json::{Value, json};

use crate::binary::{project, run};

fn printed(args: &[&str]) -> Vec<Value> {
    let printed = run([&["webhooks"], args].concat()).ends_with(0);
    let value = |document: &yaml::documents::Document<'_>| {
        yaml::tree::parse(document.text).unwrap().value(Dialect::Kubernetes).unwrap()
    };
    yaml::documents::split(&printed.out).iter().map(value).collect()
}

fn entry<'a>(configuration: &'a Value, name: &str) -> &'a Value {
    let mut entries = configuration["webhooks"].as_array().unwrap().iter();
    entries.find(|entry| entry["name"] == name).unwrap_or_else(|| panic!("{name}: {configuration}"))
}

#[test]
fn both_configurations_are_printed_for_the_default_policies() {
    let [validating, mutating] = printed(&[]).try_into().unwrap();
    assert_eq!(
        (&validating["kind"], &validating["metadata"]["name"]),
        (&"ValidatingWebhookConfiguration".into(), &"portcullis".into())
    );
    let fail = entry(&validating, "fail.validate.portcullis.dev");
    assert_eq!(fail["failurePolicy"], "Ignore");
    assert_eq!(fail["clientConfig"]["service"]["namespace"], "portcullis-system");
    assert_eq!(fail["clientConfig"].get("caBundle"), None);
    entry(&validating, "ignore.validate.portcullis.dev");
    entry(&validating, "probe.portcullis.dev");
    assert_eq!(entry(&mutating, "mutate.portcullis.dev")["sideEffects"], "None");
}

#[test]
fn settings_are_printed_where_they_belong() {
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("ca.pem");
    fs::write(&ca, "-----BEGIN CERTIFICATE-----\n").unwrap();
    let policies = project("policies/backend-refs.yaml").display().to_string();
    let [validating, mutating] = printed(&[
        "--policies",
        &policies,
        "--own-namespace",
        "mine",
        "--service-account",
        "me",
        "--webhook-configuration",
        "w",
        "--webhook-url",
        "https://a.example:8443/",
        "--ca",
        &ca.display().to_string(),
        "--fail-closed",
    ])
    .try_into()
    .unwrap();
    assert_eq!(mutating["webhooks"], Value::Array(Vec::new()));
    assert_eq!(mutating["metadata"]["name"], "w");
    let fail = entry(&validating, "fail.validate.portcullis.dev");
    assert_eq!(fail["failurePolicy"], "Fail");
    assert_eq!(fail["clientConfig"]["url"], "https://a.example:8443/validate/fail");
    assert_eq!(fail["clientConfig"]["caBundle"], "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCg==");
    let ours = &fail["matchConditions"][0]["expression"];
    assert_eq!(ours, "request.userInfo.username != \"system:serviceaccount:mine:me\"");
}

#[test]
fn policies_are_read_as_kubectl_prints_those_in_a_cluster() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("guardpolicies.yaml");
    let item = |path: &str| {
        let policy = fs::read_to_string(project(path)).unwrap();
        let mut policy = yaml::tree::parse(&policy).unwrap().value(Dialect::Kubernetes).unwrap();
        let metadata = policy["metadata"].as_object_mut().unwrap();
        metadata.insert("uid".to_owned(), "0b9c6f3e-0000-4000-8000-000000000000".into());
        metadata.insert("creationTimestamp".to_owned(), "2026-01-01T00:00:00Z".into());
        metadata.insert("generation".to_owned(), 1.into());
        metadata.insert("resourceVersion".to_owned(), "12".into());
        metadata.insert(
            "managedFields".to_owned(),
            json!([{ "manager": "kubectl", "operation": "Apply", "fieldsType": "FieldsV1", "fieldsV1": { "f:spec": { ".": {} } } }]),
        );
        policy["status"] = json!({
            "observedGeneration": 1,
            "conditions": [{ "type": "Ready", "status": "True", "reason": "Compiled", "message": "" }],
        });
        policy
    };
    let list = |items: &[Value]| json!({ "apiVersion": "v1", "items": items, "kind": "List", "metadata": { "resourceVersion": "" } });
    let policy = "policies/backend-refs.yaml";
    fs::write(&file, yaml::emit(&list(&[item(policy)]))).unwrap();
    let file = file.display().to_string();
    let stored = printed(&["--policies", &file]);
    assert_eq!(stored, printed(&["--policies", &project(policy).display().to_string()]));
    entry(&stored[0], "fail.validate.portcullis.dev");

    let refused = |items: &[Value], says: &str| {
        fs::write(&file, yaml::emit(&list(items))).unwrap();
        let said = run(["webhooks", "--policies", &file]).ends_with(2);
        assert!(said.err.contains(says), "{}", said.err);
    };
    refused(&[], "there is no GuardPolicy here");
    refused(&[item(policy), item(policy)], "there are two policies named `backend-refs`");
    let mut wrong = item(policy);
    wrong["spec"]["action"] = "Refuse".into();
    refused(&[wrong], "unknown value `Refuse`");
}

#[test]
fn what_makes_no_sense_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let empty = folder.path().join("empty.yaml");
    fs::write(&empty, "").unwrap();
    let empty = empty.display().to_string();
    for (args, says) in [
        (["--ca", &empty].as_slice(), "there is no certificate in PEM here"),
        (&["--ca", "/does/not/exist"], "/does/not/exist"),
        (&["--policies", &empty], "there is no GuardPolicy here"),
        (&["--webhook-url", "http://a"], "it must begin with `https://`"),
        (&["--webhook-url", "https://a?b"], "and nothing else"),
        (&["--off", "--fail-closed"], "--fail-closed"),
    ] {
        let said = run([&["webhooks"], args].concat()).ends_with(2);
        assert!(said.err.contains(says), "{args:?}: {}", said.err);
    }
}
