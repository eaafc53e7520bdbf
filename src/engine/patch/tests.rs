use serde_json::json;

use super::*;
use crate::engine::{
    finding::{Change, Code, Finding, Level},
    node::Path,
    policy::{Action, Body, FailurePolicy, Permit, Policy, RemedyMode, RuleSpec},
    rules::{Judge, Rule, SeenIn, scrape_annotations},
    subject::{Attributes, ObjectKey, Operation},
    view::control_plane::ControlPlane,
};

static CODE: Code = Code { name: "test/code", level: Level::Warning, title: "", why: "", fix: "", example: "a: 1" };

const fn rule(name: &'static str, run: fn(&Judge<'_>) -> Vec<Finding>) -> Rule {
    Rule {
        name,
        prefix: "test",
        resources: &[("", "configmaps")],
        operations: &[Operation::Create],
        looks_up: &[],
        in_files: &[],
        seen_in: SeenIn::Everywhere,
        gives_edits: true,
        needle: None,
        codes: &[],
        run,
    }
}

static X_IS_ONE: Rule = rule("one", |judge| wants(judge, &["spec", "x"], json!(1)));
static X_IS_TWO: Rule = rule("two", |judge| wants(judge, &["spec", "x"], json!(2)));
static Y_IS_ONE: Rule = rule("y", |judge| wants(judge, &["spec", "y"], json!(1)));
static BELOW_TEXT: Rule = rule("text", |judge| wants(judge, &["name", "first"], json!("a")));
static NO_Z: Rule = rule("no-z", |judge| {
    let z = judge.subject.object().get("z");
    let removes = vec![Change::Remove { path: z.path().clone() }];
    z.value().map(|_| Finding::new(&CODE, Path::root(), "z").edit("removes `z`", removes)).into_iter().collect()
});
static NOTHING: Rule = rule("nothing", |_| {
    let removes = vec![Change::Remove { path: Path::of(&["gone"]) }];
    vec![Finding::new(&CODE, Path::root(), "gone").edit("removes `gone`", removes)]
});

fn wants(judge: &Judge<'_>, keys: &[&str], value: Value) -> Vec<Finding> {
    if judge.subject.object().follow(keys).value() == Some(&value) {
        return Vec::new();
    }
    let path = Path::of(keys);
    let title = format!("sets `{path}` to {value}");
    vec![Finding::new(&CODE, Path::root(), title.clone()).edit(title, vec![Change::Set { path, value }])]
}

fn settled(rules: &[(&str, &'static Rule)], object: Value) -> Settled {
    let policy = |(name, rule): &(&str, &'static Rule)| {
        Arc::new(Policy {
            name: (*name).to_owned(),
            description: String::new(),
            body: Body::Rule { rule, parameters: RuleSpec::BackendRefs(serde_json::from_value(json!({})).unwrap()) },
            idle: Vec::new(),
            conditions: Vec::new(),
            params: None,
            variables: Vec::new(),
            matches: Vec::new(),
            excludes: Vec::new(),
            namespaces: serde_json::from_value(json!({})).unwrap(),
            objects: serde_json::from_value(json!({})).unwrap(),
            action: Action::Warn,
            remedy: RemedyMode::Apply,
            failure: FailurePolicy::Ignore,
            failure_before: None,
            levels: std::collections::BTreeMap::new(),
            exceptions: Permit::default(),
        })
    };
    let key = ObjectKey::new("", "Pod", "shop", "it");
    let attributes = Attributes::of(Operation::Create, &key, "v1");
    let selection = Selection { policies: rules.iter().map(policy).collect(), exceptions: Vec::new() };
    let subject = Subject::of(attributes, object.clone(), Value::Null);
    let settled = settle(&selection, &subject, &View::closed(ControlPlane::default()), Timestamp::UNIX_EPOCH);
    let mut patched = object;
    let patch: json_patch::Patch = serde_json::from_value(json!(settled.operations)).unwrap();
    json_patch::patch(&mut patched, &patch).unwrap();
    assert_eq!(*settled.value, patched);
    settled
}

fn said(edits: &[(Applied, String)]) -> Vec<(&str, &str)> {
    edits.iter().map(|(by, why)| (by.policy.as_str(), why.as_str())).collect()
}

fn applied(settled: &Settled) -> Vec<&str> {
    settled.applied.iter().map(|by| by.policy.as_str()).collect()
}

#[test]
fn what_cannot_be_written_is_dropped_with_the_reason() {
    let pod = json!({
        "metadata": {"annotations": "foo"},
        "spec": {"containers": [{"name": "kgateway-proxy", "ports": [{"name": "http-monitoring", "containerPort": 9091}]}]},
    });
    let scrape = settled(&[("scrape", &scrape_annotations::RULE)], pod.clone());
    assert_eq!(*scrape.value, pod);
    assert_eq!(said(&scrape.dropped), [("scrape", "`metadata.annotations` is no mapping to write into")]);

    let others = settled(&[("a", &BELOW_TEXT), ("b", &Y_IS_ONE)], json!({"name": "text"}));
    assert_eq!(*others.value, json!({"name": "text", "spec": {"y": 1}}));
    assert_eq!(others.operations, [json!({"op": "add", "path": "/spec", "value": {"y": 1}})]);
    assert_eq!(
        (applied(&others), said(&others.dropped)),
        (vec!["b"], vec![("a", "`name` is no mapping to write into")])
    );
}

#[test]
fn an_edit_that_changes_nothing_is_no_quarrel() {
    let settled = settled(&[("a", &NOTHING), ("b", &NO_Z)], json!({"z": 1, "name": "a"}));
    assert_eq!(settled.operations, [json!({"op": "remove", "path": "/z"})]);
    assert_eq!((applied(&settled), said(&settled.dropped)), (vec!["b"], vec![("a", "it would change nothing")]));
}

#[test]
fn only_those_that_undo_each_other_are_dropped() {
    let all = [("a", &X_IS_ONE), ("b", &X_IS_TWO), ("c", &Y_IS_ONE), ("d", &BELOW_TEXT)];
    for x in [json!(0), json!(1), json!(2), Value::Null] {
        let settled = settled(&all, json!({"name": "text", "spec": {"x": x}}));
        assert_eq!(*settled.value, json!({"name": "text", "spec": {"x": x, "y": 1}}), "{x}");
        assert_eq!(applied(&settled), ["c"]);
        let mut dropped = said(&settled.dropped);
        dropped.sort_unstable();
        let (a, b) = ("it and an edit of policy `b` undo each other", "it and an edit of policy `a` undo each other");
        assert_eq!(dropped, [("a", a), ("b", b), ("d", "`name` is no mapping to write into")], "{x}");
    }
}
