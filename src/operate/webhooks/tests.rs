use serde_json::{Value, json};

use super::*;
use crate::engine::{
    kinds::KINDS,
    policy::{compile, shipped},
    subject::{Attributes, Operation},
};

fn settings() -> Settings {
    Settings {
        own_namespace: "portcullis-system".to_owned(),
        route: Route::Service { namespace: "portcullis-system".to_owned(), name: "portcullis".to_owned() },
        user: Settings::user_of("portcullis-system", "portcullis"),
        ca: CaBundle::Ours("PEM".to_owned()),
        fails_closed: true,
    }
}

fn policy(name: &str, spec: Value) -> Policy {
    let document = json!({ "apiVersion": "portcullis.dev/v1alpha1", "kind": "GuardPolicy", "metadata": { "name": name }, "spec": spec });
    compile::compile(&document).unwrap()
}

fn entry_of<'a>(entries: &'a [Value], name: &str) -> &'a Value {
    entries.iter().find(|entry| name_of(entry) == name).unwrap()
}

fn named(entry: &Value) -> Vec<String> {
    let mut named = Vec::new();
    for rule in entry["rules"].as_array().unwrap() {
        for resource in rule["resources"].as_array().unwrap() {
            for operation in rule["operations"].as_array().unwrap() {
                let group = rule["apiGroups"][0].as_str().unwrap();
                named.push(format!("{} {group}/{}", operation.as_str().unwrap(), resource.as_str().unwrap()));
            }
        }
    }
    named.sort();
    named
}

#[test]
fn what_is_registered_is_what_the_policies_are_asked_about() {
    let policies = shipped::policies();
    let entries = Entries::of(&policies, &settings());
    for (list, name, door) in [
        (&entries.validating, FAIL, Door::Validate(Some(FailurePolicy::Fail))),
        (&entries.validating, IGNORE, Door::Validate(Some(FailurePolicy::Ignore))),
        (&entries.mutating, MUTATE, Door::Mutate),
    ] {
        let mut asked = Vec::new();
        for kind in KINDS {
            for operation in [Operation::Create, Operation::Update, Operation::Delete] {
                let attributes = Attributes {
                    operation,
                    group: kind.group,
                    version: "v1",
                    kind: kind.kind,
                    resource: kind.resource,
                    subresource: "",
                    namespace: "",
                    name: "",
                    user: "",
                    dry_run: false,
                };
                if !policies.select(door, &attributes).is_empty() {
                    asked.push(format!("{} {}/{}", operation.name(), kind.group, kind.resource));
                }
            }
        }
        asked.sort();
        assert_eq!(named(entry_of(list, name)), asked, "{name}");
    }
}

#[test]
fn entries_are_as_narrow_and_as_harmless_as_they_can_be() {
    let entries = Entries::of(&shipped::policies(), &settings());
    let never = json!({ "matchExpressions": [{
        "key": "kubernetes.io/metadata.name", "operator": "NotIn",
        "values": ["kube-node-lease", "kube-system", "portcullis-system"],
    }] });
    for entry in entries.validating.iter().chain(&entries.mutating) {
        assert_eq!(entry["timeoutSeconds"], 3);
        assert_eq!(entry["matchPolicy"], "Equivalent");
        for rule in entry["rules"].as_array().unwrap() {
            assert_eq!(rule["apiVersions"], json!(["*"]));
            assert_ne!(rule["scope"], "*", "{rule}");
        }
        let name = name_of(entry);
        if name == probe::ENTRY {
            assert_eq!(entry["objectSelector"], json!({ "matchLabels": { "portcullis.dev/probe": "true" } }));
            assert_eq!((entry.get("matchConditions"), &entry["failurePolicy"]), (None, &json!("Fail")));
            continue;
        }
        assert_eq!((&entry["namespaceSelector"], &entry["objectSelector"]), (&never, &json!({})));
        let conditions = entry["matchConditions"].as_array().unwrap();
        assert!(conditions[0]["expression"].as_str().unwrap().ends_with("portcullis-system:portcullis\""));
        assert!(conditions.len() <= 64);
        assert_eq!(entry["failurePolicy"], if name == FAIL { "Fail" } else { "Ignore" }, "{name}");
        assert_eq!(entry["sideEffects"], if name == MUTATE { "None" } else { "NoneOnDryRun" });
        assert_eq!(entry["clientConfig"]["caBundle"], "UEVN");
    }
    assert_eq!(entries.mutating[0]["reinvocationPolicy"], "IfNeeded");
    let open = Entries::of(&shipped::policies(), &Settings { fails_closed: false, ..settings() });
    assert_eq!(entry_of(&open.validating, FAIL)["failurePolicy"], "Ignore");
}

#[test]
fn conditions_are_only_for_what_is_sent() {
    let entries = Entries::of(&shipped::policies(), &settings());
    let names = |entry: &Value| -> Vec<String> {
        entry["matchConditions"].as_array().unwrap().iter().map(|one| name_of(one).to_owned()).collect()
    };
    assert_eq!(names(entry_of(&entries.validating, FAIL)), ["not-by-portcullis", "others-as-far-as-judged"]);
    assert_eq!(
        names(entry_of(&entries.validating, IGNORE)),
        [
            "not-by-portcullis",
            "configmaps-as-far-as-judged",
            "namespaces-as-far-as-judged",
            "services-as-far-as-judged",
            "others-as-far-as-judged"
        ]
    );
    let odd = Settings { user: "a\"b\\c".to_owned(), ..settings() };
    let entries = Entries::of(&shipped::policies(), &odd);
    let first = &entry_of(&entries.validating, FAIL)["matchConditions"][0]["expression"];
    assert_eq!(first, r#"request.userInfo.username != "a\"b\\c""#);
}

#[test]
fn policies_narrow_their_entries_as_far_as_they_agree() {
    let of = |constraints: Value, rule: Value, name: &str| {
        policy(name, json!({ "matchConstraints": constraints, "rule": rule, "remedy": "Apply" }))
    };
    let config_maps = |selectors: Value| {
        let mut constraints = json!({ "resourceRules": [
            { "apiGroups": [""], "apiVersions": ["v1"], "resources": ["configmaps"], "operations": ["CREATE", "UPDATE"] },
        ] });
        constraints.as_object_mut().unwrap().extend(selectors.as_object().unwrap().clone());
        constraints
    };
    let production = json!({ "namespaceSelector": { "matchLabels": { "environment": "production" } } });
    let debug = json!({ "debugExporters": {} });
    let one = of(config_maps(production.clone()), debug.clone(), "one");
    let both = PolicySet::new([one.clone(), of(config_maps(production.clone()), debug.clone(), "two")]);
    let entries = Entries::of(&both, &settings());
    let term = json!({ "key": "environment", "operator": "In", "values": ["production"] });
    assert_eq!(entries.mutating[0]["namespaceSelector"]["matchExpressions"][1], term);
    let others = PolicySet::new([one.clone(), of(config_maps(json!({})), debug.clone(), "two")]);
    let entries = Entries::of(&others, &settings());
    assert_eq!(entries.mutating[0]["namespaceSelector"]["matchExpressions"].as_array().unwrap().len(), 1);
    // What a Namespace is asked about itself is asked by the policy.
    let mut in_use = production;
    in_use["resourceRules"] = json!([
        { "apiGroups": [""], "apiVersions": ["*"], "resources": ["namespaces"], "operations": ["UPDATE", "DELETE"] },
    ]);
    let in_use = of(in_use, json!({ "inUse": {} }), "in-use");
    let entries = Entries::of(&PolicySet::new([in_use]), &settings());
    let ignore = entry_of(&entries.validating, IGNORE);
    assert_eq!(ignore["namespaceSelector"]["matchExpressions"].as_array().unwrap().len(), 1);
    assert!(entries.mutating.is_empty());
    let mut excluding = config_maps(json!({ "objectSelector": { "matchLabels": { "app": "otel" } } }));
    excluding["excludeResourceRules"] = json!([
        { "apiGroups": [""], "apiVersions": ["*"], "resources": ["configmaps"], "operations": ["UPDATE"] },
    ]);
    let entries = Entries::of(&PolicySet::new([of(excluding, debug, "e")]), &settings());
    assert_eq!(named(&entries.mutating[0]), ["CREATE /configmaps"]);
    assert_eq!(
        entries.mutating[0]["objectSelector"],
        json!({ "matchExpressions": [{ "key": "app", "operator": "In", "values": ["otel"] }] })
    );
}

#[test]
fn without_policies_only_the_probe_is_sent() {
    let entries = Entries::of(&PolicySet::default(), &settings());
    assert_eq!(entries.validating.iter().map(name_of).collect::<Vec<_>>(), [probe::ENTRY]);
    assert!(entries.mutating.is_empty());
    let url = Settings { route: Route::Url("https://a:1/b/".to_owned()), ca: CaBundle::Foreign, ..settings() };
    let entries = Entries::of(&PolicySet::default(), &url);
    assert_eq!(entries.validating[0]["clientConfig"], json!({ "url": "https://a:1/b/probe" }));
}

fn configuration(entries: Vec<Value>) -> Value {
    json!({ "metadata": { "name": "portcullis" }, "webhooks": entries })
}

#[test]
fn what_others_keep_in_a_configuration_stays() {
    let wanted = Entries::of(&shipped::policies(), &settings()).validating;
    let theirs = json!({ "name": "a.example.org", "clientConfig": { "caBundle": "eA==" }, "newer": [1] });
    let merged = merge(&configuration(vec![theirs.clone()]), &wanted, false);
    assert_eq!(merged.0[0], theirs);
    assert_eq!(merged.0.len(), wanted.len() + 1);
    let mut stored = merged.0.clone();
    stored[1]["newer"] = json!("field");
    let stored = configuration(stored);
    assert!(merge(&stored, &wanted, false).is_in(&stored), "nothing is written twice");
    assert!(!merge(&stored, &wanted[1..], false).is_in(&stored));
    assert_eq!(without_ours(&stored).0, [theirs]);
}

#[test]
fn a_foreign_ca_bundle_stays_and_is_never_made() {
    let wanted = Entries::of(&shipped::policies(), &settings()).validating;
    let fresh = merge(&configuration(Vec::new()), &wanted, true);
    assert!(fresh.0.iter().all(|entry| entry["clientConfig"].get("caBundle").is_none()));
    let mut injected = configuration(fresh.0.clone());
    injected["webhooks"][0]["clientConfig"]["caBundle"] = json!("eA==");
    assert!(merge(&injected, &wanted, true).is_in(&injected));
    assert!(!merge(&injected, &wanted, false).is_in(&injected));
    assert!(!is_injected(&injected));
    injected["metadata"]["annotations"] = json!({ "cert-manager.io/inject-ca-from": "a/b" });
    assert!(is_injected(&injected));
}

#[test]
fn the_way_is_another_one_when_anything_on_it_is() {
    let of = |settings: &Settings, policies: &PolicySet| {
        merge(&configuration(Vec::new()), &Entries::of(policies, settings).validating, false)
    };
    let shipped = shipped::policies();
    let way = of(&settings(), &shipped).way().unwrap();
    assert_eq!(of(&Settings { fails_closed: false, ..settings() }, &shipped).way().as_ref(), Some(&way));
    let other_ca = Settings { ca: CaBundle::Ours("OTHER".to_owned()), ..settings() };
    let other_route = Settings { route: Route::Url("https://a".to_owned()), ..settings() };
    for other in [of(&other_ca, &shipped), of(&other_route, &shipped), of(&settings(), &PolicySet::default())] {
        assert_ne!(other.way().unwrap(), way, "also where the entry that fails closed is new");
    }
    let mut asking = of(&settings(), &shipped);
    asking.ask_by(&way);
    assert_eq!(asking.way(), Some(way), "what asks is no part of the way");
    let mut mixed = of(&settings(), &shipped);
    mixed.entry_mut(FAIL).unwrap()["clientConfig"]["caBundle"] = json!("eA==");
    assert_eq!(mixed.way(), None, "a probe shows nothing of an entry with another CA");
    assert_eq!(Merged::default().way(), None);
}

#[test]
fn the_bundle_that_all_entries_hold_is_known() {
    let entries = Entries::of(&shipped::policies(), &settings());
    let (validating, mutating) = (configuration(entries.validating), configuration(entries.mutating));
    assert_eq!(held([&validating, &mutating], None).as_deref(), Some("PEM"));
    let mut other = mutating.clone();
    other["webhooks"][0]["clientConfig"]["caBundle"] = json!("eA==");
    assert_eq!(held([&validating, &other], None), None);
    other["webhooks"][0]["clientConfig"] = json!({});
    assert_eq!(held([&validating, &other], None), None);
    let theirs = configuration(vec![json!({ "name": "a.example.org", "clientConfig": {} })]);
    assert_eq!(held([&validating, &theirs], None).as_deref(), Some("PEM"));
    assert_eq!(held([&theirs], Some("alone")).as_deref(), Some("alone"));
}

#[test]
fn what_differs_is_said_in_words() {
    let entries = Entries::of(&shipped::policies(), &settings());
    let said = |actual: &Value| differences(Kind::Validating, actual, &entries.validating);
    assert_eq!(said(&Value::Null), ["there is no ValidatingWebhookConfiguration"]);
    let stored = configuration(entries.validating.clone());
    assert_eq!(said(&stored), Vec::<String>::new());
    let mut changed = stored.clone();
    let webhooks = changed["webhooks"].as_array_mut().unwrap();
    webhooks.retain(|entry| name_of(entry) != probe::ENTRY);
    let fail = &mut webhooks[0];
    fail["failurePolicy"] = json!("Ignore");
    fail["timeoutSeconds"] = json!(10);
    fail["rules"][0]["operations"] = json!(["CREATE", "DELETE"]);
    fail["clientConfig"]["caBundle"] = json!("eA==");
    fail["clientConfig"]["service"]["name"] = json!("other");
    fail["matchConditions"][0]["expression"] = json!("true");
    let mut more = fail["matchConditions"][1].clone();
    more["name"] = json!("theirs");
    fail["matchConditions"][1] = more;
    assert_eq!(
        said(&changed),
        [
            "`fail.validate.portcullis.dev` leads to `{\"service\":{\"name\":\"other\",\"namespace\":\"portcullis-system\",\"path\":\"/validate/fail\",\"port\":443}}`, not to `{\"service\":{\"name\":\"portcullis\",\"namespace\":\"portcullis-system\",\"path\":\"/validate/fail\",\"port\":443}}`",
            "`fail.validate.portcullis.dev`: `caBundle` is another one; ours begins with `UEVN`",
            "`fail.validate.portcullis.dev`: the condition `not-by-portcullis` is another one",
            "`fail.validate.portcullis.dev`: the condition `others-as-far-as-judged` is missing",
            "`fail.validate.portcullis.dev`: the condition `theirs` is not ours",
            "`fail.validate.portcullis.dev` does not send UPDATE agentgatewaypolicies.agentgateway.dev",
            "`fail.validate.portcullis.dev` sends DELETE agentgatewaypolicies.agentgateway.dev, which no policy selects",
            "`fail.validate.portcullis.dev`: `timeoutSeconds` is `10`, not `3`",
            "`probe.portcullis.dev` is missing",
        ]
    );
    let none = differences(Kind::Mutating, &configuration(entries.mutating.clone()), &[]);
    assert_eq!(none, ["`mutate.portcullis.dev` is there, and no policy needs it"]);
}

#[test]
fn a_certificate_must_be_for_what_is_called() {
    let service = Route::Service { namespace: "portcullis-system".to_owned(), name: "portcullis".to_owned() };
    assert_eq!(service.host(), "portcullis.portcullis-system.svc");
    for (url, host) in [
        ("https://portcullis.example:8443/below", "portcullis.example"),
        ("https://127.0.0.1:8443", "127.0.0.1"),
        ("https://[::1]:8443", "::1"),
        ("https://portcullis.example", "portcullis.example"),
    ] {
        assert_eq!(Route::Url(url.to_owned()).host(), host);
    }
}
