//! `deploy/` holds what this version needs: its own kinds, the policies it ships, and a registration for exactly those.

use std::{collections::BTreeSet, fs};

use portcullis::{
    cluster::crds,
    engine::{
        policy::{
            FailurePolicy,
            shipped::{self, SHIPPED},
        },
        select::Door,
        subject::{Attributes, Operation},
        yaml::{self, Dialect},
    },
};
use serde_json::Value;

use crate::binary::{project, run};

const CRDS: &str = "deploy/crds/guardpolicies.yaml";
const INSTALL: &str = "deploy/install.yaml";
const ABOUT: &str = "\
# Everything that Portcullis needs in a cluster; deploy/README.md says how to apply it.
# Made from deploy/parts, the CustomResourceDefinition and policies/ by `UPDATE_FILES=1 cargo test --test it deploy`.
";

/// What is committed is what is made.
fn assert_file(path: &str, expected: &str) {
    let file = project(path);
    if std::env::var_os("UPDATE_FILES").is_some() {
        fs::write(&file, expected).unwrap();
    }
    let actual = fs::read_to_string(&file).unwrap_or_default();
    assert!(actual == expected, "{path} is not up to date: run the tests once with UPDATE_FILES=1");
}

fn part(name: &str) -> String {
    fs::read_to_string(project(&format!("deploy/parts/{name}.yaml"))).unwrap()
}

/// The policies and the webhooks last: they concern what is applied after them.
fn install() -> String {
    let mut parts = vec![part("namespace"), crds::yaml(), part("rbac"), part("priority"), part("server")];
    parts.extend(SHIPPED.iter().map(|(_, text)| (*text).to_owned()));
    parts.push(part("webhooks"));
    let parts: Vec<_> = parts.iter().map(|part| part.trim_start_matches("---\n")).collect();
    format!("{ABOUT}---\n{}", parts.join("---\n"))
}

fn documents(text: &str) -> Vec<Value> {
    let value = |document: &yaml::documents::Document<'_>| {
        yaml::tree::parse(document.text).unwrap().value(Dialect::Kubernetes).unwrap()
    };
    yaml::documents::split(text).iter().map(value).collect()
}

/// (group, resource, operation)
type Selected = BTreeSet<(String, String, String)>;

fn texts(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|one| one.as_str().unwrap()).collect()
}

/// What these `rules` or `resourceRules` name.
fn named(rules: &Value) -> Selected {
    let mut selected = Selected::new();
    for rule in rules.as_array().unwrap() {
        for group in texts(&rule["apiGroups"]) {
            for resource in texts(&rule["resources"]) {
                let operations = texts(&rule["operations"]).into_iter().map(str::to_owned);
                selected.extend(operations.map(|operation| (group.to_owned(), resource.to_owned(), operation)));
            }
        }
    }
    selected
}

/// What the shipped policies ask about at this door.
fn asked(door: Door) -> Selected {
    let policies = shipped::policies();
    let everything = SHIPPED.iter().flat_map(|(_, text)| documents(text));
    let everything = everything.flat_map(|policy| named(&policy["spec"]["matchConstraints"]["resourceRules"]));
    let at_door = |(group, resource, operation): &(String, String, String)| {
        let operation = [Operation::Create, Operation::Update, Operation::Delete]
            .into_iter()
            .find(|known| known.name() == operation)
            .unwrap();
        let attributes = Attributes {
            operation,
            group,
            version: "v1",
            kind: "",
            resource,
            subresource: "",
            namespace: "",
            name: "",
            user: "",
            dry_run: false,
        };
        !policies.select(door, &attributes).is_empty()
    };
    everything.filter(at_door).collect()
}

fn webhooks() -> Vec<Value> {
    let configurations = documents(&part("webhooks"));
    configurations.iter().flat_map(|one| one["webhooks"].as_array().unwrap().clone()).collect()
}

#[test]
fn the_crds_are_those_that_portcullis_prints() {
    assert_file(CRDS, &crds::yaml());
    let printed = run(["crds"]).ends_with(0);
    assert_eq!(printed.out, crds::yaml());
}

#[test]
fn the_install_is_made_of_its_parts() {
    assert_file(INSTALL, &install());
}

/// A rule too few is a policy that is not asked, a rule too many a write that waits for nothing.
#[test]
fn what_is_registered_is_what_the_shipped_policies_select() {
    let doors = [
        ("/validate/fail", "Fail", Door::Validate(Some(FailurePolicy::Fail))),
        ("/validate/ignore", "Ignore", Door::Validate(Some(FailurePolicy::Ignore))),
        ("/mutate", "Ignore", Door::Mutate),
    ];
    let webhooks = webhooks();
    assert_eq!(webhooks.len(), doors.len());
    for (path, failure, door) in doors {
        let at = |webhook: &&Value| webhook["clientConfig"]["service"]["path"] == path;
        let webhook = webhooks.iter().find(at).unwrap_or_else(|| panic!("{path} is not registered"));
        assert_eq!(webhook["failurePolicy"], failure, "{path}");
        assert_eq!(named(&webhook["rules"]), asked(door), "{path}");
        for rule in webhook["rules"].as_array().unwrap() {
            assert_eq!(texts(&rule["apiVersions"]), ["*"], "{path}: an object is judged in every version");
            let known = texts(&rule["resources"])
                .into_iter()
                .filter_map(|resource| portcullis::engine::kinds::by_resource(texts(&rule["apiGroups"])[0], resource));
            let scopes: BTreeSet<_> =
                known.map(|kind| if kind.namespaced { "Namespaced" } else { "Cluster" }).collect();
            assert_eq!(scopes, BTreeSet::from([rule["scope"].as_str().unwrap()]), "{path}: {rule}");
        }
    }
}

#[test]
fn every_webhook_stays_out_of_the_way_of_the_cluster_and_of_ourselves() {
    for webhook in webhooks() {
        let name = webhook["name"].as_str().unwrap();
        let [namespaces] = webhook["namespaceSelector"]["matchExpressions"].as_array().unwrap().as_slice() else {
            panic!("{name}: one expression");
        };
        assert_eq!(namespaces["operator"], "NotIn", "{name}");
        assert_eq!(texts(&namespaces["values"]), ["portcullis-system", "kube-system", "kube-node-lease"], "{name}");
        let condition = webhook["matchConditions"][0]["expression"].as_str().unwrap();
        assert!(condition.ends_with("!= \"system:serviceaccount:portcullis-system:portcullis\""), "{name}");
        assert!(webhook["timeoutSeconds"].as_u64().unwrap() <= 3, "{name}: the timeouts of all webhooks add up");
    }
}

#[test]
fn no_role_names_a_wildcard_or_a_secret() {
    let documents = documents(&install());
    let roles: Vec<_> = documents.iter().filter(|one| one["kind"].as_str().unwrap().ends_with("Role")).collect();
    assert!(!roles.is_empty());
    for rule in roles.iter().flat_map(|role| role["rules"].as_array().unwrap()) {
        for list in ["apiGroups", "resources", "verbs"] {
            assert!(texts(&rule[list]).iter().all(|word| !word.contains('*') && *word != "secrets"), "{rule}");
        }
    }
}

/// Reads that a write waits for go before the writes of others.
#[test]
fn what_we_ask_has_a_high_priority() {
    let documents = documents(&install());
    let schema = &documents.iter().find(|one| one["kind"] == "FlowSchema").unwrap()["spec"];
    assert_eq!(schema["priorityLevelConfiguration"]["name"], "workload-high");
    let account = &documents.iter().find(|one| one["kind"] == "ServiceAccount").unwrap()["metadata"];
    let subject = &schema["rules"][0]["subjects"][0];
    assert_eq!(subject["kind"], "ServiceAccount");
    assert_eq!(subject["serviceAccount"]["name"], account["name"]);
    assert_eq!(subject["serviceAccount"]["namespace"], account["namespace"]);
    let deployment = &documents.iter().find(|one| one["kind"] == "Deployment").unwrap();
    assert_eq!(deployment["spec"]["template"]["spec"]["serviceAccountName"], account["name"]);
}

/// Every object is named once, in an order in which each finds what it needs.
#[test]
fn the_install_is_in_order() {
    let documents = documents(&install());
    let kinds: Vec<_> = documents.iter().map(|one| one["kind"].as_str().unwrap()).collect();
    let names: BTreeSet<_> =
        documents.iter().map(|one| (one["kind"].to_string(), one["metadata"]["name"].to_string())).collect();
    assert_eq!(names.len(), kinds.len());
    assert_eq!(kinds[..2], ["Namespace", "CustomResourceDefinition"]);
    assert_eq!(kinds[kinds.len() - 2..], ["ValidatingWebhookConfiguration", "MutatingWebhookConfiguration"]);
    let policies = kinds.iter().filter(|kind| **kind == "GuardPolicy").count();
    assert_eq!(policies, SHIPPED.len());
    assert!(kinds[kinds.len() - 2 - policies..kinds.len() - 2].iter().all(|kind| *kind == "GuardPolicy"));
}

/// The arguments of the Deployment are arguments of this version.
#[test]
fn the_container_is_started_with_arguments_that_exist() {
    let documents = documents(&install());
    let deployment = documents.iter().find(|one| one["kind"] == "Deployment").unwrap();
    let arguments = texts(&deployment["spec"]["template"]["spec"]["containers"][0]["args"]);
    let help = run(["serve", "--help"]).out;
    assert_eq!(arguments[0], "serve");
    for flag in arguments.iter().filter(|argument| argument.starts_with("--")) {
        assert!(help.contains(&format!("{flag} ")), "{flag}:\n{help}");
    }
}
