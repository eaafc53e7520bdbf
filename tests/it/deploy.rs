//! `deploy/` holds what this version needs: its own kinds, the policies it ships, a service account that may do what the code
//! does, and a process that is started with arguments it has. What helm makes of the charts is tried in `tests/e2e`.

mod values;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

use portcullis::{
    cluster::{crds, lease},
    engine::{
        kinds,
        policy::shipped::{self, SHIPPED},
        yaml::{self, Dialect},
    },
    operate::permissions::{Named, Scope, needed},
};
use serde_json::Value;

use crate::binary::{project, run};

const CHART: &str = "deploy/charts/portcullis";
/// Where each kind of ours is defined: on its own, and in the chart.
const CRDS: &str = "deploy/crds";
const CRDS_CHART: &str = "deploy/charts/portcullis-crds/templates";
const INSTALL: &str = "deploy/install.yaml";

/// What is committed is what is made.
fn assert_file(path: &str, expected: &str) {
    let file = project(path);
    if std::env::var_os("UPDATE_FILES").is_some() {
        fs::write(&file, expected).unwrap();
    }
    let actual = fs::read_to_string(&file).unwrap_or_default();
    assert!(actual == expected, "{path} is not up to date: run the tests once with UPDATE_FILES=1");
}

fn read(path: &str) -> String {
    fs::read_to_string(project(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn documents(text: &str) -> Vec<Value> {
    let value = |document: &yaml::documents::Document<'_>| {
        yaml::tree::parse(document.text).unwrap().value(Dialect::Kubernetes).unwrap()
    };
    yaml::documents::split(text).iter().map(value).collect()
}

fn install() -> Vec<Value> {
    documents(&read(INSTALL))
}

fn of_kind<'a>(documents: &'a [Value], kind: &str) -> Vec<&'a Value> {
    documents.iter().filter(|one| one["kind"] == kind).collect()
}

#[track_caller]
fn only<'a>(documents: &'a [Value], kind: &str) -> &'a Value {
    let [one] = of_kind(documents, kind)[..] else { panic!("one {kind}") };
    one
}

fn texts(list: &Value) -> Vec<&str> {
    list.as_array().into_iter().flatten().map(|one| one.as_str().unwrap()).collect()
}

/// `guardpolicies.yaml`, of its definition.
fn file_of(crd: &Value) -> String {
    format!("{}.yaml", crd["spec"]["names"]["plural"].as_str().unwrap())
}

fn yaml_of(crd: &Value) -> String {
    format!("---\n{}", yaml::emit(crd))
}

#[test]
fn the_crds_are_those_that_portcullis_prints() {
    let files = crds::all();
    for crd in &files {
        assert_file(&format!("{CRDS}/{}", file_of(crd)), &yaml_of(crd));
    }
    assert_eq!(fs::read_dir(project(CRDS)).unwrap().count(), files.len());
    let printed = run(["crds"]).ends_with(0);
    assert_eq!(printed.out, crds::yaml());
}

/// Beside the annotation by which helm keeps it, and with it every policy.
#[test]
fn the_chart_of_the_crds_holds_them() {
    let kept = "metadata:\n  annotations:\n    helm.sh/resource-policy: keep\n  name: ";
    for crd in crds::all() {
        let text = yaml_of(&crd);
        assert_eq!(text.matches("\nmetadata:\n  name: ").count(), 1);
        assert!(!text.contains("{{"), "a template would be evaluated");
        assert_file(&format!("{CRDS_CHART}/{}", file_of(&crd)), &text.replace("metadata:\n  name: ", kept));
    }
}

#[test]
fn the_chart_holds_the_shipped_policies() {
    for (file, text) in SHIPPED {
        assert_file(&format!("{CHART}/files/policies/{file}"), text);
    }
    let there = fs::read_dir(project(&format!("{CHART}/files/policies"))).unwrap();
    assert_eq!(there.count(), SHIPPED.len());
}

/// A chart of another version than its image would register what that one does not answer.
#[test]
fn the_charts_have_the_version_of_the_binary() {
    for chart in [CHART, "deploy/charts/portcullis-crds"] {
        let about = &documents(&read(&format!("{chart}/Chart.yaml")))[0];
        assert_eq!(about["version"], env!("CARGO_PKG_VERSION"), "{chart}");
        assert_eq!(about["appVersion"], env!("CARGO_PKG_VERSION"), "{chart}");
    }
}

#[test]
fn the_alerts_and_the_dashboard_can_be_read() {
    let alerts = &documents(&read(&format!("{CHART}/files/alerts.yaml")))[0];
    assert!(alerts["groups"].as_array().is_some_and(|groups| !groups.is_empty()));
    let dashboard: Value = serde_json::from_str(&read(&format!("{CHART}/files/dashboard.json"))).unwrap();
    assert!(dashboard["title"].is_string());
}

/// (namespaced, group, resource, name or none) and what may be done
type Rights = BTreeMap<(bool, String, String, String), BTreeSet<String>>;

/// What the roles that are bound to our service account say.
fn granted(documents: &[Value]) -> Rights {
    let mut rights = Rights::new();
    for binding in documents.iter().filter(|one| one["kind"].as_str().unwrap().ends_with("RoleBinding")) {
        assert_eq!(binding["subjects"].as_array().unwrap().len(), 1);
        assert_eq!(binding["subjects"][0]["name"], "portcullis");
        let is_bound = |one: &&Value| {
            one["kind"] == binding["roleRef"]["kind"] && one["metadata"]["name"] == binding["roleRef"]["name"]
        };
        let role = documents.iter().find(is_bound).unwrap();
        for rule in role["rules"].as_array().unwrap() {
            let names = texts(&rule["resourceNames"]);
            for group in texts(&rule["apiGroups"]) {
                for resource in texts(&rule["resources"]) {
                    for name in if names.is_empty() { vec![""] } else { names.clone() } {
                        let namespaced = binding["kind"] == "RoleBinding";
                        let key = (namespaced, group.to_owned(), resource.to_owned(), name.to_owned());
                        rights.entry(key).or_default().extend(texts(&rule["verbs"]).into_iter().map(str::to_owned));
                    }
                }
            }
        }
    }
    rights
}

/// A right too few is a part that does not work, a right too many what nobody needs but a thief.
#[test]
fn the_roles_allow_what_the_code_asks_for_and_nothing_else() {
    let mut asked = Rights::new();
    for permission in needed(&shipped::policies()) {
        let name = match permission.named {
            None => "",
            Some(Named::Lease) => lease::NAME,
            Some(Named::WebhookConfiguration) => "portcullis",
            Some(Named::TlsSecret) => "portcullis-tls",
        };
        let namespaced = permission.scope == Scope::OwnNamespace;
        let key = (namespaced, permission.group.to_owned(), permission.resource.to_owned(), name.to_owned());
        asked.entry(key).or_default().extend(permission.verbs.iter().map(|verb| (*verb).to_owned()));
    }
    assert_eq!(granted(&install()), asked);
}

#[test]
fn no_role_names_a_wildcard_or_a_secret_that_is_not_ours() {
    for ((_, group, resource, name), verbs) in granted(&install()) {
        let words = [&group, &resource, &name].into_iter().chain(&verbs);
        assert!(words.into_iter().all(|word| !word.contains('*')), "{group} {resource} {verbs:?}");
        assert!(resource != "secrets" || name == "portcullis-tls", "{verbs:?}");
    }
}

/// The policies that hold the account know every kind that a grant may be for.
#[test]
fn the_account_may_grant_for_every_telemetry_kind() {
    let documents = install();
    let policies = of_kind(&documents, "ValidatingAdmissionPolicy");
    assert_eq!(policies.len(), of_kind(&documents, "ValidatingAdmissionPolicyBinding").len());
    let is_it = |policy: &&&Value| policy["metadata"]["name"] == "portcullis-own-grants";
    let text = policies.iter().find(is_it).unwrap().to_string();
    let telemetry = ["HTTPListenerPolicy", "ListenerPolicy", "AgentgatewayPolicy"];
    let targets = ["Service", "Backend", "AgentgatewayBackend", "ServiceEntry"];
    for kind in telemetry.into_iter().chain(targets) {
        let known = kinds::KINDS.iter().find(|known| known.kind == kind).unwrap();
        assert!(text.contains(&format!("\\\"{}/{kind}\\\"", known.group)), "{kind}: {text}");
    }
    for policy in policies {
        assert_eq!(policy["spec"]["failurePolicy"], "Fail");
        let user = "request.userInfo.username == \"system:serviceaccount:portcullis-system:portcullis\"";
        assert_eq!(policy["spec"]["matchConditions"][0]["expression"], user);
    }
}

/// Reads that a write waits for go before the writes of others.
#[test]
fn what_we_ask_has_a_high_priority() {
    let documents = install();
    let schema = &only(&documents, "FlowSchema")["spec"];
    assert_eq!(schema["priorityLevelConfiguration"]["name"], "workload-high");
    let account = &only(&documents, "ServiceAccount")["metadata"];
    let subject = &schema["rules"][0]["subjects"][0];
    assert_eq!(subject["kind"], "ServiceAccount");
    assert_eq!(subject["serviceAccount"]["name"], account["name"]);
    assert_eq!(subject["serviceAccount"]["namespace"], account["namespace"]);
    let deployment = only(&documents, "Deployment");
    assert_eq!(deployment["spec"]["template"]["spec"]["serviceAccountName"], account["name"]);
}

/// Every object is named once, in an order in which each finds what it needs.
#[test]
fn the_install_is_in_order() {
    let documents = install();
    let kinds: Vec<_> = documents.iter().map(|one| one["kind"].as_str().unwrap()).collect();
    let names: BTreeSet<_> =
        documents.iter().map(|one| (one["kind"].to_string(), one["metadata"]["name"].to_string())).collect();
    assert_eq!(names.len(), kinds.len());
    assert_eq!(kinds[..2], ["Namespace", "CustomResourceDefinition"]);
    let last = |kind: &str| kinds.iter().rposition(|one| *one == kind).unwrap();
    let first = |kind: &str| kinds.iter().position(|one| *one == kind).unwrap();
    assert!(last("ServiceAccount") < first("Deployment") && last("Secret") < first("Deployment"));
    assert!(last("Deployment") < first("GuardPolicy"));
    for configuration in ["ValidatingWebhookConfiguration", "MutatingWebhookConfiguration"] {
        assert!(last("GuardPolicy") < first(configuration));
    }
    assert_eq!(of_kind(&documents, "GuardPolicy").len(), SHIPPED.len());
    assert!(documents.iter().all(|one| one["metadata"]["annotations"]["helm.sh/hook"].is_null()), "hooks are helm's");
}

/// What Portcullis fills is made empty, so that applying it again takes nothing away.
#[test]
fn what_portcullis_fills_is_made_empty() {
    let documents = install();
    for kind in ["ValidatingWebhookConfiguration", "MutatingWebhookConfiguration"] {
        let configuration = only(&documents, kind);
        assert_eq!(configuration["metadata"]["name"], "portcullis");
        assert_eq!(configuration["webhooks"], serde_json::json!([]));
    }
    let secret = only(&documents, "Secret");
    assert_eq!(secret["type"], "Opaque");
    assert!(secret["data"].is_null() && secret["stringData"].is_null());
}

/// Nothing is refused, edited or made until somebody says so.
#[test]
fn a_first_install_only_warns() {
    for policy in of_kind(&install(), "GuardPolicy") {
        let spec = &policy["spec"];
        assert_eq!(
            (&spec["action"], &spec["remedy"], &spec["failurePolicy"]),
            (&"Warn".into(), &"Suggest".into(), &"Ignore".into())
        );
    }
}

/// What the strictest of Kubernetes' own standards asks for, and a filesystem that nobody writes to.
#[test]
fn the_pods_are_restricted() {
    let documents = install();
    let namespace = &only(&documents, "Namespace")["metadata"]["labels"];
    assert_eq!(namespace["pod-security.kubernetes.io/enforce"], "restricted");
    let spec = &only(&documents, "Deployment")["spec"];
    let pod = &spec["template"]["spec"];
    assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
    assert_eq!(pod["securityContext"]["seccompProfile"]["type"], "RuntimeDefault");
    let container = &pod["containers"][0]["securityContext"];
    assert_eq!(container["allowPrivilegeEscalation"], false);
    assert_eq!(container["readOnlyRootFilesystem"], true);
    assert_eq!(container["capabilities"]["drop"], serde_json::json!(["ALL"]));
    assert_eq!(spec["strategy"]["rollingUpdate"]["maxUnavailable"], 0);
    assert_eq!(spec["replicas"], 2);
    assert_eq!(only(&documents, "PodDisruptionBudget")["spec"]["maxUnavailable"], 1);
}

/// The arguments of the Deployment are arguments of this version.
#[test]
fn the_container_is_started_with_arguments_that_exist() {
    let documents = install();
    let deployment = only(&documents, "Deployment");
    let arguments = texts(&deployment["spec"]["template"]["spec"]["containers"][0]["args"]);
    assert_eq!(arguments[0], "serve");
    let template = read(&format!("{CHART}/templates/deployment.yaml"));
    let words = template.split(|c: char| !c.is_ascii_alphanumeric() && c != '-').filter(|word| word.starts_with("--"));
    let possible: BTreeSet<_> = words.filter(|word| word.len() > 3 && *word != "---").collect();
    let help = run(["serve", "--help"]).out;
    for flag in arguments.iter().filter_map(|argument| argument.split('=').next()).filter(|flag| flag.starts_with("--"))
    {
        assert!(possible.contains(flag), "{flag}: {possible:?}");
    }
    for flag in possible {
        assert!(help.contains(&format!("{flag} ")), "{flag}:\n{help}");
    }
}
