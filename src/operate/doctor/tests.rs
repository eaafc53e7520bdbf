//! A sound installation as data, of which one thing after the other is broken.

use jiff::Timestamp;
use k8s_openapi::ByteString;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use serde_json::{Value, json};

use super::{
    Diagnosis, Setup, Standing,
    facts::{Facts, Right, Served},
    judge,
};
use crate::{
    cluster::crds,
    engine::{
        kinds::KINDS,
        policy::shipped,
        yaml::{self, Dialect},
    },
    operate::{
        permissions,
        probe::Reached,
        webhooks::{CaBundle, Entries, Kind, Route, Settings},
    },
};

const OWN: &str = "portcullis-system";

fn setup() -> Setup {
    Setup {
        own_namespace: OWN.to_owned(),
        service: "portcullis".to_owned(),
        webhook_configuration: "portcullis".to_owned(),
        tls_secret: "portcullis-tls".to_owned(),
        service_account: "portcullis".to_owned(),
        control_plane: Vec::new(),
    }
}

fn now() -> Timestamp {
    "2026-06-01T00:00:00Z".parse().unwrap()
}

/// Certificates in base64: what the Secret holds, and the CA.
struct Certificates {
    leaf: Value,
    ca: Value,
    pem: String,
}

fn certificates(name: &str, from: i32, until: i32) -> Certificates {
    let base64 = |pem: String| serde_json::to_value(ByteString(pem.into_bytes())).unwrap();
    let key = KeyPair::generate().unwrap();
    let mut ca = CertificateParams::new(Vec::new()).unwrap();
    ca.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    ca.not_before = rcgen::date_time_ymd(2020, 1, 1);
    ca.not_after = rcgen::date_time_ymd(2040, 1, 1);
    let ca_pem = ca.self_signed(&key).unwrap().pem();
    let mut leaf = CertificateParams::new(vec![name.to_owned()]).unwrap();
    leaf.not_before = rcgen::date_time_ymd(from, 1, 1);
    leaf.not_after = rcgen::date_time_ymd(until, 1, 1);
    let leaf = leaf.signed_by(&KeyPair::generate().unwrap(), &Issuer::new(ca, key)).unwrap().pem();
    Certificates { leaf: base64(leaf), ca: base64(ca_pem.clone()), pem: ca_pem }
}

/// What the leader registers.
fn registered(kind: Kind, ca: &str) -> Value {
    let settings = Settings {
        own_namespace: OWN.to_owned(),
        route: Route::Service { namespace: OWN.to_owned(), name: "portcullis".to_owned() },
        user: Settings::user_of(OWN, "portcullis"),
        ca: CaBundle::Ours(ca.to_owned()),
        fails_closed: true,
    };
    configuration("portcullis", json!(Entries::of(&shipped::policies(), &settings).of_kind(kind)))
}

fn configuration(name: &str, webhooks: Value) -> Value {
    json!({ "metadata": { "name": name }, "webhooks": webhooks })
}

fn policy(text: &str) -> Value {
    let mut policy = yaml::tree::parse(text).unwrap().value(Dialect::Kubernetes).unwrap();
    policy["metadata"]["generation"] = json!(2);
    let conditions = json!([{ "type": "Ready", "status": "True" }, { "type": "Registered", "status": "True" }]);
    policy["status"] = json!({ "observedGeneration": 2, "conditions": conditions });
    policy
}

fn deployment() -> Value {
    let labels = json!({ "app": "portcullis" });
    json!({
        "metadata": { "name": "portcullis", "namespace": OWN },
        "spec": {
            "replicas": 2, "selector": { "matchLabels": labels },
            "template": { "metadata": { "labels": labels }, "spec": {
                "serviceAccountName": "portcullis",
                "containers": [{
                    "name": "portcullis", "args": ["serve", "--tls-secret=portcullis-tls"],
                    "image": concat!("registry:5000/portcullis:v", env!("CARGO_PKG_VERSION"), "@sha256:1"),
                }],
            } },
        },
        "status": { "readyReplicas": 2 },
    })
}

fn control_plane(name: &str, image: &str, env: Value) -> Value {
    json!({
        "metadata": { "name": name, "namespace": "gateways" },
        "spec": { "template": {
            "metadata": { "labels": { name: name } },
            "spec": { "containers": [{ "name": "controller", "image": image, "env": env }] },
        } },
    })
}

fn healthy() -> Facts {
    let made = certificates("portcullis.portcullis-system.svc", 2026, 2027);
    let pod = |name: &str| {
        json!({
            "metadata": { "name": name, "labels": { "app": "portcullis" } },
            "status": { "phase": "Running", "conditions": [{ "type": "Ready", "status": "True" }] },
        })
    };
    let mut served = Served::default();
    for kind in KINDS {
        let version = if kind.kind == "ReferenceGrant" { "v1beta1" } else { "v1" };
        served.add(kind.group, kind.resource, version);
    }
    let permissions = permissions::needed(&shipped::policies());
    let rights = permissions
        .into_iter()
        .flat_map(|permission| permission.verbs.iter().map(move |verb| Right { permission, verb, allowed: Ok(true) }));
    let labelled = |name: &str, labels: Value| json!({ "metadata": { "name": name, "labels": labels } });
    Facts {
        namespaces: Ok(vec![labelled(OWN, json!({})), labelled("prod", json!({ "environment": "production" }))]),
        deployments: Ok(vec![deployment()]),
        pods: Ok(vec![pod("portcullis-1"), pod("portcullis-2")]),
        budgets: Ok(vec![json!({
            "metadata": { "name": "portcullis" }, "spec": { "selector": { "matchLabels": { "app": "portcullis" } } },
        })]),
        service: Ok(Some(json!({ "spec": { "selector": { "app": "portcullis" }, "ports": [{ "port": 443 }] } }))),
        lease: Ok(Some(json!({ "spec": {
            "holderIdentity": "portcullis-1", "leaseDurationSeconds": 15, "renewTime": "2026-05-31T23:59:57.000000Z",
        } }))),
        secret: Ok(Some(json!({ "data": { "tls.crt": made.leaf } }))),
        validating: Ok(vec![registered(Kind::Validating, &made.pem)]),
        mutating: Ok(vec![registered(Kind::Mutating, &made.pem)]),
        policies: Ok(Some(shipped::SHIPPED.iter().map(|(_, text)| policy(text)).collect())),
        definition: Ok(Some(crds::guard_policy())),
        exceptions: Ok(Some(crds::guard_exception())),
        grants: Ok(None),
        served: Ok(served),
        reached: Reached::Yes,
        rights: rights.collect(),
        control_planes: Ok(Vec::new()),
        ..Facts::unasked(now())
    }
}

/// What is not well, as `check: what | where | why | repair`.
fn complaints(diagnosis: &Diagnosis) -> Vec<String> {
    let of = |check: &super::Check| {
        let remarks = check.remarks.iter().filter(|remark| remark.standing != Standing::Ok);
        let repair = |remark: &super::Remark| remark.repair.clone().unwrap_or_default();
        remarks
            .map(|one| format!("{}: {} | {} | {} | {}", check.check, one.what, one.place, one.why, repair(one)))
            .collect::<Vec<_>>()
    };
    diagnosis.checks.iter().flat_map(of).collect()
}

#[track_caller]
fn said(break_it: impl FnOnce(&mut Facts)) -> Vec<String> {
    let mut facts = healthy();
    break_it(&mut facts);
    complaints(&judge(&setup(), &facts))
}

#[track_caller]
fn one(break_it: impl FnOnce(&mut Facts), parts: &[&str]) {
    let said = said(break_it);
    assert_eq!(said.len(), 1, "{said:#?}");
    for part in parts {
        assert!(said[0].contains(part), "`{part}` is not in {}", said[0]);
    }
}

fn first(values: &mut super::facts::Known<Vec<Value>>) -> &mut Value {
    values.as_mut().unwrap().first_mut().unwrap()
}

fn by_others(facts: &mut Facts) {
    let container = &mut first(&mut facts.deployments)["spec"]["template"]["spec"]["containers"][0];
    container["env"] = json!([{ "name": "PORTCULLIS_REGISTRATION", "value": "external" }]);
}

#[test]
fn a_sound_installation_is_well() {
    let diagnosis = judge(&setup(), &healthy());
    assert_eq!(complaints(&diagnosis), Vec::<String>::new());
    assert!(diagnosis.checks.iter().all(|check| !check.remarks.is_empty()));
    assert!(diagnosis.count(Standing::Ok) > 15);
}

#[test]
fn what_could_not_be_asked_is_unknown_and_nothing_else() {
    let diagnosis = judge(&setup(), &Facts::unasked(now()));
    let problems: Vec<_> = diagnosis
        .checks
        .iter()
        .flat_map(|check| &check.remarks)
        .filter(|one| one.standing == Standing::Problem)
        .collect();
    assert!(problems.is_empty(), "{problems:#?}");
    assert!(diagnosis.count(Standing::Unknown) > 8);
}

#[test]
fn an_installation_that_is_not_there_is_one_problem_in_each_place() {
    one(
        |facts| first(&mut facts.deployments)["status"]["readyReplicas"] = json!(1),
        &[
            "installation: 1 of 2 replicas are ready",
            "kubectl describe pods --namespace portcullis-system --selector app=portcullis",
        ],
    );
    one(
        |facts| first(&mut facts.deployments)["spec"]["replicas"] = json!(0),
        &[
            "no replica is wanted",
            "nobody answers",
            "kubectl scale deployment portcullis --namespace portcullis-system --replicas=2",
        ],
    );
    one(
        |facts| facts.budgets = Ok(Vec::new()),
        &["no PodDisruptionBudget", "kubectl create poddisruptionbudget portcullis "],
    );
    one(
        |facts| {
            first(&mut facts.pods)["status"]["conditions"] =
                json!([{ "type": "Ready", "status": "False", "reason": "ContainersNotReady", "message": "not yet" }]);
        },
        &[
            "it is not ready: ContainersNotReady not yet",
            "Pod portcullis-system/portcullis-1",
            "kubectl logs --namespace portcullis-system portcullis-1",
        ],
    );
    one(
        |facts| {
            first(&mut facts.deployments)["spec"]["template"]["spec"]["containers"][0]["image"] =
                json!("portcullis:v0.0.9");
        },
        &["it runs version `v0.0.9`", "helm upgrade"],
    );
    let nowhere = said(|facts| facts.namespaces.as_mut().unwrap().retain(|one| one["metadata"]["name"] != OWN));
    assert!(nowhere[0].starts_with("installation: there is no namespace `portcullis-system`"), "{nowhere:#?}");
    let none = said(|facts| facts.deployments = Ok(Vec::new()));
    assert!(none[0].starts_with("installation: no Deployment in `portcullis-system` runs Portcullis"), "{none:#?}");
}

#[test]
fn who_leads_has_said_so_lately() {
    let lease = |facts: &mut Facts, field: &str, value: &str| {
        facts.lease.as_mut().unwrap().as_mut().unwrap()["spec"][field] = json!(value);
    };
    one(
        |facts| lease(facts, "renewTime", "2026-05-31T23:50:00.000000Z"),
        &[
            "lease: `portcullis-1` led, and has not said so for 600 seconds",
            "Lease portcullis-system/portcullis",
            "grants are made only on request",
        ],
    );
    one(
        |facts| lease(facts, "holderIdentity", ""),
        &["nobody leads", "kubectl logs --namespace portcullis-system deployment/portcullis"],
    );
    one(|facts| facts.lease = Ok(None), &["nobody has ever led"]);
    one(
        |facts| facts.lease = Err("leases is forbidden".to_owned()),
        &["who leads is not known", "leases is forbidden"],
    );
}

#[test]
fn definitions_are_those_of_this_version() {
    let apply = "portcullis crds | kubectl apply --server-side --force-conflicts -f -";
    let of = |facts: &mut Facts, pointer: &str, value: Value| {
        *facts.definition.as_mut().unwrap().as_mut().unwrap().pointer_mut(pointer).unwrap() = value;
    };
    one(
        |facts| of(facts, "/spec/versions/0/schema/openAPIV3Schema/required", json!([])),
        &["is not defined as in version", apply],
    );
    one(
        |facts| {
            let status = json!({ "conditions": [{ "type": "Established", "status": "False", "message": "not yet" }] });
            facts.definition.as_mut().unwrap().as_mut().unwrap()["status"] = status;
        },
        &["guardpolicies are not served: not yet", apply],
    );
    one(|facts| facts.definition = Ok(None), &["GuardPolicy is not defined", "everything is allowed", apply]);
    one(|facts| facts.exceptions = Ok(None), &["GuardException is not defined", "nobody can be excepted", apply]);
    // What the API server adds is no difference.
    let defaulted = said(|facts| of(facts, "/spec/versions/0/served", json!(true)));
    assert!(defaulted.is_empty());
}

#[test]
fn kgateway_reads_grants_in_one_version() {
    let of = |facts: &mut Facts, versions: &[&str]| {
        let key = ("gateway.networking.k8s.io".to_owned(), "referencegrants".to_owned());
        facts.served.as_mut().unwrap().0.insert(key, versions.iter().map(|version| (*version).to_owned()).collect());
    };
    one(
        |facts| of(facts, &["v1"]),
        &["ReferenceGrant is served as v1 only", "kgateway reads it as v1beta1", "standard-install.yaml"],
    );
    one(
        |facts| {
            of(facts, &["v1"]);
            facts.grants = Ok(Some(json!({ "spec": { "versions": [{ "name": "v1" }, { "name": "v1beta1" }] } })));
        },
        &[
            r#"kubectl patch customresourcedefinition referencegrants.gateway.networking.k8s.io --type=json -p='[{"op":"replace","path":"/spec/versions/1/served","value":true}]'"#,
        ],
    );
    assert!(said(|facts| of(facts, &["v1", "v1beta1"])).is_empty());
}

#[test]
fn a_right_that_is_missing_says_what_does_not_work_without_it() {
    let without = |facts: &mut Facts, resource: &str, verbs: &[&str]| {
        for right in &mut facts.rights {
            if right.permission.resource == resource && verbs.contains(&right.verb) {
                right.allowed = Ok(false);
            }
        }
    };
    one(
        |facts| without(facts, "leases", &["get", "update"]),
        &[
            "rights: it may not `get`, `update` `leases.coordination.k8s.io`",
            "nobody leads",
            "kubectl create role portcullis-repair-get-update-leases --namespace portcullis-system --verb=get,update --resource=leases.coordination.k8s.io --resource-name=portcullis && kubectl create rolebinding portcullis-repair-get-update-leases --namespace portcullis-system --role=portcullis-repair-get-update-leases --serviceaccount=portcullis-system:portcullis",
        ],
    );
    one(
        |facts| without(facts, "secrets", &["patch"]),
        &["--verb=patch --resource=secrets --resource-name=portcullis-tls"],
    );
    one(
        |facts| without(facts, "guardpolicies/status", &["patch"]),
        &["--resource=guardpolicies.portcullis.dev/status"],
    );
    let gone = said(|facts| {
        without(facts, "serviceentries", &["list"]);
        facts.served.as_mut().unwrap().0.retain(|(_, resource), _| resource != "serviceentries");
    });
    assert!(gone.is_empty(), "what is not served needs no right: {gone:#?}");
    one(
        |facts| facts.rights[0].allowed = Err("forbidden".to_owned()),
        &["what the service account may do is not known"],
    );
}

#[test]
fn certificates_are_for_the_service_believed_and_not_about_to_end() {
    let serve =
        |facts: &mut Facts, made: &Certificates| facts.secret = Ok(Some(json!({ "data": { "tls.crt": made.leaf } })));
    let believe = |facts: &mut Facts, made: &Certificates| {
        for configurations in [&mut facts.validating, &mut facts.mutating] {
            for entry in first(configurations)["webhooks"].as_array_mut().unwrap() {
                entry["clientConfig"]["caBundle"] = made.ca.clone();
            }
        }
    };
    let name = "portcullis.portcullis-system.svc";
    let both = |made: Certificates| {
        move |facts: &mut Facts| {
            serve(facts, &made);
            believe(facts, &made);
        }
    };
    let expired = said(both(certificates(name, 2024, 2025)));
    assert!(expired[0].contains("the certificate expired at 2025-01-01T00:00:00Z"), "{expired:#?}");
    assert!(expired[0].contains("kubectl rollout restart --namespace portcullis-system deployment/portcullis"));
    // Of 30 years, less than one is left.
    one(
        both(certificates(name, 1996, 2027)),
        &["the certificate is valid for 214 days more", "nobody does, or nobody could"],
    );
    one(
        both(certificates("other.svc", 2026, 2027)),
        &[
            "it is not for `portcullis.portcullis-system.svc` | Secret portcullis-system/portcullis-tls",
            "who leads makes what is in this Secret | kubectl rollout restart",
        ],
    );
    let args = |facts: &mut Facts, args: Value| {
        first(&mut facts.deployments)["spec"]["template"]["spec"]["containers"][0]["args"] = args;
    };
    // For the host of the URL, unless a name was told.
    let by_url = |names: &'static [&str], made: Certificates| {
        said(|facts| {
            both(made)(facts);
            let url = ["serve", "--tls-secret=portcullis-tls", "--webhook-url=https://guard.example:8443"];
            args(facts, json!([&url, names].concat()));
        })
    };
    let is_not_for =
        |said: &[String], name: &str| said.iter().any(|one| one.contains(&format!("it is not for `{name}`")));
    let said_of = by_url(&[], certificates("guard.example", 2026, 2027));
    assert!(!said_of.iter().any(|one| one.contains("it is not for")), "{said_of:#?}");
    assert!(is_not_for(&by_url(&[], certificates(name, 2026, 2027)), "guard.example"));
    let said_of = by_url(&["--tls-name=a.example,b.example"], certificates("a.example", 2026, 2027));
    assert!(is_not_for(&said_of, "b.example") && !is_not_for(&said_of, "a.example"), "{said_of:#?}");
    // What others keep is shown, and never deleted.
    one(
        |facts| {
            both(certificates("other.svc", 2026, 2027))(facts);
            args(facts, json!(["serve", "--tls-cert=/tls/tls.crt"]));
        },
        &[
            "somebody else than Portcullis fills this Secret",
            "portcullis certs show --own-namespace portcullis-system --tls-secret portcullis-tls --webhook-configuration portcullis --name 'portcullis.portcullis-system.svc'",
        ],
    );
    one(
        |facts| {
            both(certificates("other.svc", 2026, 2027))(facts);
            args(facts, json!(["serve", "--tls-cert=/tls/tls.crt"]));
            let annotations = json!({ "cert-manager.io/certificate-name": "portcullis" });
            facts.secret.as_mut().unwrap().as_mut().unwrap()["metadata"] = json!({ "annotations": annotations });
        },
        &["for the Certificate `portcullis`", "kubectl describe certificate portcullis --namespace portcullis-system"],
    );
    let strangers = said(|facts| serve(facts, &certificates(name, 2026, 2027)));
    assert_eq!(strangers.len(), 4, "{strangers:#?}");
    assert!(
        strangers[0].contains("by the `caBundle` of `fail.validate.portcullis.dev` the certificate is not believed: ")
    );
    one(
        |facts| first(&mut facts.mutating)["webhooks"][0]["clientConfig"]["caBundle"] = json!(""),
        &["`mutate.portcullis.dev` has no `caBundle`", "MutatingWebhookConfiguration portcullis"],
    );
    one(
        |facts| {
            let mutating = first(&mut facts.mutating);
            mutating["webhooks"][0]["clientConfig"]["caBundle"] = Value::Null;
            mutating["metadata"]["annotations"] = json!({ "cert-manager.io/inject-ca-from": "certs/portcullis" });
        },
        &["kubectl describe certificate portcullis --namespace certs"],
    );
    one(
        |facts| facts.secret = Ok(None),
        &["it does not exist", "kubectl create secret generic portcullis-tls --namespace portcullis-system"],
    );
    one(|facts| facts.secret = Ok(Some(json!({}))), &["there is no certificate in it"]);
    // Not to be seen, but tried.
    assert!(said(|facts| facts.secret = Err("secrets is forbidden".to_owned())).is_empty());
    let unseen = said(|facts| {
        facts.secret = Err("secrets is forbidden".to_owned());
        facts.reached = Reached::Unknown("guardpolicies is forbidden".to_owned());
    });
    assert_eq!(unseen.len(), 2, "{unseen:#?}");
}

#[test]
fn each_way_in_which_an_entry_is_wrong_is_told() {
    let validating = |at: usize, pointer: &'static str, value: Value| {
        move |facts: &mut Facts| *first(&mut facts.validating)["webhooks"][at].pointer_mut(pointer).unwrap() = value
    };
    one(
        validating(0, "/clientConfig/service/namespace", json!("else")),
        &["`fail.validate.portcullis.dev` leads to Service `else/portcullis`, not to `portcullis-system/portcullis`"],
    );
    one(validating(0, "/clientConfig/service/path", json!("/convert")), &["leads to no door of Portcullis"]);
    one(
        validating(0, "/clientConfig/service/port", json!(8443)),
        &["leads to port 8443, which the Service does not have"],
    );
    one(
        validating(0, "/failurePolicy", json!("Ignore")),
        &["`fail.validate.portcullis.dev` fails open", "who leads should have", "kubectl rollout restart"],
    );
    one(
        |facts| {
            validating(0, "/failurePolicy", json!("Ignore"))(facts);
            by_others(facts);
        },
        &[
            "`fail.validate.portcullis.dev` fails open",
            r#"{"op":"add","path":"/webhooks/0/failurePolicy","value":"Fail"}"#,
        ],
    );
    for kept_by_others in [false, true] {
        let mut facts = healthy();
        validating(0, "/failurePolicy", json!("Ignore"))(&mut facts);
        facts.reached = Reached::No("no endpoints available".to_owned());
        if kept_by_others {
            by_others(&mut facts);
        }
        let diagnosis = judge(&setup(), &facts);
        assert_eq!(diagnosis.count(Standing::Problem), 1, "{diagnosis:#?}");
        let remarks = diagnosis.checks.iter().flat_map(|check| &check.remarks);
        let open = remarks.clone().find(|one| one.what == "`fail.validate.portcullis.dev` fails open").unwrap();
        assert_eq!((open.standing, &open.repair), (Standing::Note, &None));
        assert!(open.why.ends_with("see `reachability`"), "{open:#?}");
    }
    one(
        validating(1, "/failurePolicy", json!("Fail")),
        &[
            "`ignore.validate.portcullis.dev` fails closed",
            r#"{"op":"add","path":"/webhooks/1/failurePolicy","value":"Ignore"}"#,
        ],
    );
    one(validating(1, "/timeoutSeconds", json!(30)), &["waits 30 seconds", r#""value":3}"#]);
    one(
        validating(1, "/namespaceSelector", json!({})),
        &[
            "is also asked about our own namespace",
            r#""value":{"matchExpressions":[{"key":"kubernetes.io/metadata.name","operator":"NotIn","values":["portcullis-system"]}]}"#,
        ],
    );
    one(
        |facts| first(&mut facts.mutating)["webhooks"][0]["failurePolicy"] = json!("Fail"),
        &["`mutate.portcullis.dev` fails closed", "kubectl patch mutatingwebhookconfiguration portcullis --type=json"],
    );
    let missing = said(|facts| {
        let rules = &mut first(&mut facts.validating)["webhooks"][0]["rules"];
        for rule in rules.as_array_mut().unwrap() {
            rule["operations"] = json!(["CREATE"]);
        }
    });
    assert_eq!(missing.len(), 1, "{missing:#?}");
    assert!(
        missing[0]
            .starts_with("registration: `fail.validate.portcullis.dev` does not send UPDATE agentgatewaypolicies")
    );
    one(
        |facts| drop(first(&mut facts.validating)["webhooks"][1]["matchConditions"].as_array_mut().unwrap().remove(0)),
        &["`ignore.validate.portcullis.dev`: the condition `not-by-portcullis` is missing"],
    );
}

#[test]
fn configurations_that_are_absent_or_empty_are_told_with_how_to_make_them() {
    let absent = said(|facts| facts.mutating = Ok(Vec::new()));
    assert!(absent[0].contains("it does not exist | MutatingWebhookConfiguration portcullis"), "{absent:#?}");
    assert!(absent[0].contains(r#"echo '{"apiVersion":"admissionregistration.k8s.io/v1","kind":"MutatingWebhookConfiguration","metadata":{"name":"portcullis"}}' | kubectl apply -f -"#));
    let empty = said(|facts| first(&mut facts.mutating)["webhooks"] = json!([]));
    assert!(empty[0].contains("it is empty") && empty[0].contains("kubectl rollout restart"), "{empty:#?}");
}

#[test]
fn what_others_keep_is_printed_again_as_it_is_set() {
    let repair = |change: &dyn Fn(&mut Facts)| {
        let said = said(|facts| {
            first(&mut facts.mutating)["webhooks"] = json!([]);
            by_others(facts);
            change(facts);
        });
        let empty = said.iter().find(|one| one.contains("it is empty")).unwrap_or_else(|| panic!("{said:#?}"));
        empty.splitn(4, " | ").last().unwrap().to_owned()
    };
    let policies = "kubectl get guardpolicies -o yaml > guardpolicies.yaml && ";
    let ca = r#"kubectl get validatingwebhookconfiguration portcullis -o jsonpath='{.webhooks[?(@.name=="fail.validate.portcullis.dev")].clientConfig.caBundle}' | base64 -d > ca.pem && "#;
    let own = "--own-namespace portcullis-system --service portcullis --service-account portcullis --webhook-configuration portcullis";
    let apply = "| kubectl apply --server-side -f -";
    assert_eq!(
        repair(&|_| {}),
        format!(
            "{policies}{ca}portcullis webhooks --policies guardpolicies.yaml {own} --ca ca.pem --fail-closed {apply}"
        )
    );
    let injected = |facts: &mut Facts| {
        let validating = first(&mut facts.validating);
        validating["metadata"]["annotations"] = json!({ "cert-manager.io/inject-ca-from": "certs/portcullis" });
        validating["webhooks"][0]["failurePolicy"] = json!("Ignore");
        let container = &mut first(&mut facts.deployments)["spec"]["template"]["spec"]["containers"][0];
        container["args"] = json!(["serve", "--webhook-url", "https://guard.example"]);
    };
    assert_eq!(
        repair(&injected),
        format!(
            "{policies}portcullis webhooks --policies guardpolicies.yaml {own} --webhook-url 'https://guard.example' {apply}"
        )
    );
    let none = repair(&|facts| facts.policies = Ok(Some(Vec::new())));
    assert!(none.contains(&format!("portcullis webhooks {own}")) && !none.contains("guardpolicies"), "{none}");
    let hidden = repair(&|facts| facts.policies = Err("forbidden".to_owned()));
    assert!(hidden.starts_with(policies), "{hidden}");
}

#[test]
fn what_the_api_server_says_of_us_leads_to_what_to_look_at() {
    let no = |said: &str| {
        let said = said.to_owned();
        move |facts: &mut Facts| facts.reached = Reached::No(said)
    };
    one(no("tls: failed to verify certificate: x509: unknown authority"), &["x509", "kubectl rollout restart"]);
    one(no("no endpoints available for service \"portcullis\""), &["kubectl rollout status"]);
    one(no("context deadline exceeded"), &["kubectl get networkpolicies,services,endpointslices"]);
    one(
        |facts| facts.reached = Reached::NotAsked,
        &["`probe.portcullis.dev` is not in force", "kubectl rollout restart"],
    );
}

#[test]
fn control_planes_are_what_portcullis_was_told() {
    let kgateway = |image: &str, env: Value| control_plane("kgateway", image, env);
    let image = "cr.kgateway.dev/kgateway-dev/kgateway:v2.4.1";
    assert!(said(|facts| facts.control_planes = Ok(vec![kgateway(image, json!([]))])).is_empty());
    one(
        |facts| facts.control_planes = Ok(vec![kgateway("registry:5000/kgateway:v2.2.0", json!([]))]),
        &[
            "`kgateway=2.2` runs, and `--control-plane` says otherwise",
            "Deployment gateways/kgateway",
            "kubectl set env --namespace portcullis-system deployment/portcullis 'PORTCULLIS_CONTROL_PLANE=kgateway=2.2'",
        ],
    );
    let env = json!([
        { "name": "KGW_REFERENCE_GRANT_MODE", "value": "OFF" }, { "name": "KGW_ENABLE_ISTIO_INTEGRATION", "value": "true" },
        { "name": "KGW_GLOBAL_POLICY_NAMESPACE", "value": "platform" },
        { "name": "KGW_DISCOVERY_NAMESPACE_SELECTORS", "value": r#"[{"matchLabels":{"team":"a"}}]"# },
    ]);
    let whole = "kgateway=2.4,grants=off,istio=on,global-policy-namespace=platform,discovery=team=a";
    one(|facts| facts.control_planes = Ok(vec![kgateway(image, env.clone())]), &[whole]);
    let told = said(|facts| {
        facts.control_planes = Ok(vec![kgateway(image, env.clone())]);
        first(&mut facts.deployments)["spec"]["template"]["spec"]["containers"][0]["args"] =
            json!(["serve", "--control-plane", whole]);
    });
    assert!(told.is_empty(), "{told:#?}");
    one(
        |facts| {
            facts.control_planes = Ok(vec![control_plane("agentgateway", "agentgateway/controller:1.2.0", json!([]))]);
            first(&mut facts.deployments)["spec"]["template"]["spec"]["containers"][0]["args"] =
                json!(["serve", "--control-plane", "agentgateway=1.4", "--drain=5"]);
        },
        &[
            r#"kubectl patch deployment portcullis --namespace portcullis-system --type=json -p='[{"op":"replace","path":"/spec/template/spec/containers/0/args","value":["serve","--drain=5","--control-plane=agentgateway=1.2"]}]'"#,
        ],
    );
    one(
        |facts| facts.control_planes = Ok(vec![kgateway("kgateway:latest", json!([]))]),
        &["how is not known", "`kgateway:latest` is no version"],
    );
    one(
        |facts| facts.control_planes = Ok(vec![kgateway("kgateway:v2.9.0", json!([]))]),
        &["`kgateway=2.9` runs, which this version does not know"],
    );
    let hidden = json!([{ "name": "KGW_REFERENCE_GRANT_MODE", "valueFrom": {} }]);
    one(
        |facts| facts.control_planes = Ok(vec![kgateway(image, hidden)]),
        &["`KGW_REFERENCE_GRANT_MODE` is taken from another object"],
    );
}

#[test]
fn policies_say_what_keeps_them_from_doing_anything() {
    let at = |facts: &mut Facts, name: &str, change: &dyn Fn(&mut Value)| {
        let policies = facts.policies.as_mut().unwrap().as_mut().unwrap();
        change(policies.iter_mut().find(|policy| policy["metadata"]["name"] == name).unwrap());
    };
    one(
        |facts| facts.namespaces.as_mut().unwrap().truncate(1),
        &[
            "policies: its `namespaceSelector` `environment",
            "matches no namespace",
            "GuardPolicy debug-exporters",
            "kubectl label namespace NAME environment=",
        ],
    );
    one(
        |facts| at(facts, "backend-refs", &|policy| policy["status"]["observedGeneration"] = json!(1)),
        &["nobody has taken note of its last change", "GuardPolicy backend-refs"],
    );
    one(
        |facts| {
            at(facts, "backend-refs", &|policy| {
                policy["status"]["conditions"][1] =
                    json!({ "type": "Registered", "status": "False", "message": "no entry" });
            });
        },
        &["it is not Registered: no entry", "not asked about all that it selects"],
    );
    one(
        |facts| {
            for policy in facts.policies.as_mut().unwrap().as_mut().unwrap() {
                policy["status"] = json!({});
            }
        },
        &[
            "nobody has taken note of it | GuardPolicy backend-refs, collector-credentials, collector-encryption and 13 more",
        ],
    );
    let wrong = said(|facts| at(facts, "backend-refs", &|policy| policy["spec"]["action"] = json!("Refuse")));
    assert!(wrong[0].contains("policies: it does not compile: spec.action: "), "{wrong:#?}");
    assert!(wrong[0].contains("kubectl edit guardpolicy backend-refs"), "{wrong:#?}");
    let unserved = said(|facts| {
        facts
            .served
            .as_mut()
            .unwrap()
            .0
            .retain(|(group, _), _| group != "gateway.kgateway.dev" && group != "agentgateway.dev");
    });
    assert!(unserved.iter().any(|said| said.contains("nothing that it selects is served, as `")), "{unserved:#?}");
    let none = said(|facts| facts.policies = Ok(Some(Vec::new())));
    assert!(
        none.iter().any(|said| said.contains("there is no GuardPolicy | ") && said.contains("everything is allowed"))
    );
}

#[test]
fn a_kind_that_cannot_be_listed_is_told() {
    one(
        |facts| {
            let why = "conversion webhook failed".to_owned();
            facts.unlisted.insert("gateways.gateway.networking.k8s.io".to_owned(), why);
        },
        &[
            "view: `gateways.gateway.networking.k8s.io` cannot be listed: conversion webhook failed",
            "kubectl get gateways.gateway.networking.k8s.io",
        ],
    );
}

#[test]
fn webhooks_of_others_that_could_lock_us_out_are_told() {
    let theirs = |group: &str, resource: &str, more: Value| {
        let mut entry = json!({
            "name": "their.webhook.io", "failurePolicy": "Fail",
            "rules": [{ "apiGroups": [group], "apiVersions": ["*"], "resources": [resource], "operations": ["*"] }],
        });
        for (key, value) in more.as_object().unwrap() {
            entry[key] = value.clone();
        }
        move |facts: &mut Facts| facts.validating.as_mut().unwrap().push(configuration("theirs", json!([entry])))
    };
    one(
        theirs("", "pods", json!({})),
        &[
            "other webhooks: `their.webhook.io` fails closed, and is asked about every CREATE of our pods",
            "no replica of Portcullis can start",
            "kubectl patch validatingwebhookconfiguration theirs --type=json",
            r#""operator":"NotIn","values":["portcullis-system"]"#,
        ],
    );
    assert!(said(theirs("", "pods", json!({ "failurePolicy": "Ignore" }))).is_empty());
    assert!(
        said(theirs("", "pods", json!({ "namespaceSelector": { "matchLabels": { "istio-injection": "enabled" } } })))
            .is_empty()
    );
    assert!(said(theirs("", "pods", json!({ "objectSelector": { "matchLabels": { "app": "other" } } }))).is_empty());
    one(
        theirs("portcullis.dev", "*", json!({})),
        &["every UPDATE of guardpolicies", r#"request.resource.group != \"portcullis.dev\""#],
    );
    let user = r#"request.userInfo.username != "system:serviceaccount:portcullis-system:portcullis""#;
    one(
        theirs("gateway.networking.k8s.io", "referencegrants", json!({})),
        &["CREATE of referencegrants", "no grant can be made", "request.userInfo.username != "],
    );
    let excused = json!({ "matchConditions": [{ "name": "a", "expression": user }] });
    assert!(said(theirs("gateway.networking.k8s.io", "referencegrants", excused)).is_empty());
    let perhaps = json!({ "matchConditions": [{ "name": "a", "expression": "true" }] });
    let perhaps = judge(&setup(), &{
        let mut facts = healthy();
        theirs("", "pods", perhaps)(&mut facts);
        facts
    });
    assert_eq!((perhaps.count(Standing::Problem), perhaps.count(Standing::Unknown)), (0, 1));
}

#[test]
fn what_is_left_out_on_purpose_is_no_problem() {
    // The default policies of a chart that only warns edit nothing.
    let warning = |facts: &mut Facts| {
        for policy in facts.policies.as_mut().unwrap().as_mut().unwrap() {
            policy["spec"]["remedy"] = json!("Suggest");
        }
        first(&mut facts.mutating)["webhooks"] = json!([]);
    };
    assert_eq!(said(warning), Vec::<String>::new());
    one(
        |facts| first(&mut facts.mutating)["webhooks"] = json!([]),
        &["registration: it is empty", "MutatingWebhookConfiguration portcullis"],
    );
    let off = |facts: &mut Facts| {
        for configurations in [&mut facts.validating, &mut facts.mutating] {
            let configuration = first(configurations);
            configuration["metadata"]["annotations"] = json!({ "portcullis.dev/registration": "off" });
            configuration["webhooks"] = json!([]);
        }
        facts.reached = Reached::NotAsked;
    };
    let mut facts = healthy();
    off(&mut facts);
    let diagnosis = judge(&setup(), &facts);
    assert_eq!(diagnosis.count(Standing::Problem), 0, "{:#?}", complaints(&diagnosis));
    let notes = complaints(&diagnosis);
    assert!(notes.iter().any(|note| note.contains("switched off by the annotation `portcullis.dev/registration`")));
    assert!(notes.iter().any(|note| note.contains("portcullis.dev/registration-")), "how to come back: {notes:#?}");
}

#[test]
fn what_others_keep_needs_no_right_of_ours() {
    let lacks = |resource: &str, args: &[&str]| {
        said(|facts| {
            facts.deployments.as_mut().unwrap()[0]["spec"]["template"]["spec"]["containers"][0]["args"] = json!(args);
            for right in facts.rights.iter_mut().filter(|right| right.permission.named.is_some()) {
                right.allowed = Ok(right.permission.resource != resource);
            }
        })
        .into_iter()
        .filter(|said| said.starts_with("rights: "))
        .count()
    };
    let managed = ["serve", "--tls-secret=portcullis-tls"];
    assert_eq!(lacks("validatingwebhookconfigurations", &managed), 1);
    assert_eq!(lacks("validatingwebhookconfigurations", &["serve", "--registration=external"]), 0);
    assert_eq!(lacks("secrets", &managed), 1);
    assert_eq!(lacks("secrets", &["serve", "--tls-cert=tls.crt"]), 0);
}
