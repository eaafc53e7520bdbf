//! Policies of Kubernetes' documentation: `tests/cases/documentation` expects of them what the API server itself answers, when
//! ValidatingAdmissionPolicies are made of them.

use std::{collections::BTreeMap, fs, process::Command};

use portcullis::engine::yaml::{self, Dialect};
use serde_json::{Value, json};

use super::theirs::Api;
use crate::{
    caller, cluster,
    patience::wait_until,
    sandbox::{LABEL, Sandbox},
};

const CASES: &str = "tests/cases/documentation";
const FILE: &str = "validating-admission-policies.test.yaml";

/// Where parameters are.
const OURS: &str = "portcullis-system";

pub(super) fn policies(sandbox: &Sandbox<'_>) {
    let said = Command::new(env!("CARGO_BIN_EXE_portcullis"))
        .arg("test")
        .arg(cluster::file(CASES))
        .output()
        .expect("portcullis runs");
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stdout));

    let text = fs::read_to_string(cluster::file(CASES).join(FILE)).expect("the cases");
    let file = yaml::tree::parse(&text).expect("YAML").value(Dialect::Kubernetes).expect("a value");
    let mut by_policy: BTreeMap<&str, Vec<&Value>> = BTreeMap::new();
    for case in file["cases"].as_array().expect("cases") {
        by_policy.entry(name_of(&case["policies"][0])).or_default().push(case);
    }
    assert!(by_policy.len() >= 8, "{}", by_policy.len());
    let kubectl = sandbox.kubectl();
    let home = sandbox.namespace("params", &[]);
    for params in file["world"].as_array().expect("the world") {
        assert_eq!(params["metadata"]["namespace"], OURS);
        kubectl.apply(&within(params, &home).to_string());
    }
    let labels = file["namespaceLabels"]["shop"].as_object().expect("labels");
    let labels: Vec<_> = labels.iter().map(|(key, value)| (key.as_str(), value.as_str().expect("a text"))).collect();
    let (mut made, mut namespaces) = (Vec::new(), BTreeMap::new());
    for (name, cases) in &by_policy {
        let namespace = sandbox.namespace(name, &labels);
        made.extend(theirs(sandbox, &cases[0]["policies"][0], &namespace, &home));
        namespaces.insert(*name, namespace);
    }
    kubectl.apply(&json!({ "apiVersion": "v1", "kind": "List", "items": made }).to_string());

    let runtime = caller::runtime();
    let api = runtime.block_on(Api::new(sandbox, &home));
    for (name, cases) in &mut by_policy {
        // Once it has refused something it is in force.
        cases.sort_by_key(|case| case["expect"]["allowed"] == true);
        let namespace = &namespaces[name];
        for case in cases.iter() {
            let old = &case["request"]["oldObject"];
            if old.is_object() {
                kubectl.apply(&within(old, namespace).to_string());
            }
            let object = if case["subject"].is_object() { &case["subject"] } else { &case["request"]["object"] };
            let object = within(object, namespace);
            let ask = || match runtime.block_on(api.write_dry(&object, old.is_object())) {
                Ok(_) => String::new(),
                Err(status) => status["message"].as_str().unwrap_or_default().to_owned(),
            };
            let title = format!("{name}: {}", case["name"]);
            if case["expect"]["allowed"] == true {
                assert_eq!(ask(), "", "{title}");
                continue;
            }
            let expected = case["expect"]["findings"][0]["says"].as_str().expect("words");
            wait_until(&title, || {
                let said = ask();
                if said.contains(expected) { Ok(()) } else { Err(format!("`{expected}` is not in: {said}")) }
            });
        }
    }
}

fn name_of(object: &Value) -> &str {
    object["metadata"]["name"].as_str().expect("a name")
}

fn within(object: &Value, namespace: &str) -> Value {
    let mut object = object.clone();
    object["metadata"]["namespace"] = json!(namespace);
    object
}

/// A ValidatingAdmissionPolicy that says what a GuardPolicy says, and its binding to a namespace.
fn theirs(sandbox: &Sandbox<'_>, policy: &Value, namespace: &str, home: &str) -> [Value; 2] {
    let spec = &policy["spec"];
    let metadata = json!({ "name": sandbox.name_of(name_of(policy)), "labels": { LABEL: sandbox.id() } });
    let mut validations = spec["validations"].clone();
    for validation in validations.as_array_mut().expect("validations") {
        validation.as_object_mut().expect("a validation").remove("name");
    }
    let mut theirs = json!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicy",
        "metadata": metadata,
        "spec": {
            "failurePolicy": "Fail",
            "matchConstraints": spec["matchConstraints"],
            "matchConditions": spec["matchConditions"],
            "variables": spec["variables"],
            "validations": validations,
        },
    });
    let mut binding = json!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": metadata,
        "spec": {
            "policyName": metadata["name"],
            "validationActions": ["Deny"],
            "matchResources": { "namespaceSelector": { "matchLabels": { "kubernetes.io/metadata.name": namespace } } },
        },
    });
    if let Some(params) = spec["paramRef"]["name"].as_str() {
        theirs["spec"]["paramKind"] = json!({ "apiVersion": "v1", "kind": "ConfigMap" });
        binding["spec"]["paramRef"] = json!({ "name": params, "namespace": home, "parameterNotFoundAction": "Deny" });
    }
    [theirs, binding]
}
