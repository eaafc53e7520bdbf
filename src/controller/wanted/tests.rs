use serde_json::json;

use super::*;
use crate::engine::{
    kinds::{KGATEWAY, meta::MANAGED_BY},
    policy::shipped,
    view::control_plane::ControlPlane,
};

fn key_of(object: &Value) -> ObjectKey {
    let text = |field: &str| object.pointer(field).and_then(Value::as_str).unwrap_or_default();
    let (group, _) = kinds::split_api_version(text("/apiVersion"));
    ObjectKey::new(group, text("/kind"), text("/metadata/namespace"), text("/metadata/name"))
}

fn policy(kind: &str, namespace: &str, name: &str, collector: &str) -> Value {
    let (to, service) = collector.split_once('/').unwrap();
    let log =
        json!({ "grpcService": { "logName": "l", "backendRef": { "name": service, "namespace": to, "port": 4317 } } });
    let settings = json!({ "accessLog": [{ "openTelemetry": log }] });
    let settings = if kind == "ListenerPolicy" { json!({ "default": { "httpSettings": settings } }) } else { settings };
    json!({
        "apiVersion": format!("{KGATEWAY}/v1alpha1"),
        "kind": kind,
        "metadata": { "namespace": namespace, "name": name },
        "spec": settings,
    })
}

fn grant(namespace: &str, name: &str, from: (&str, &str), to: Option<&str>, ours: bool) -> Value {
    let mut target = json!({ "group": "", "kind": "Service" });
    if let Some(to) = to {
        target["name"] = to.into();
    }
    json!({
        "apiVersion": format!("{GATEWAY_API}/v1beta1"),
        "kind": "ReferenceGrant",
        "metadata": { "namespace": namespace, "name": name, "labels": { MANAGED_BY.0: if ours { MANAGED_BY.1 } else { "x" } } },
        "spec": { "from": [{ "group": KGATEWAY, "kind": from.0, "namespace": from.1 }], "to": [target] },
    })
}

fn collector(namespace: &str, name: &str, shared: bool) -> Value {
    let labels = if shared { json!({ "portcullis.dev/shared": "true" }) } else { json!({}) };
    json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": { "namespace": namespace, "name": name, "labels": labels },
        "spec": { "ports": [{ "port": 4317, "appProtocol": "grpc" }] },
    })
}

fn namespace(name: &str) -> Value {
    json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": name } })
}

fn view(objects: &[Value]) -> View {
    let mut view = View::closed(ControlPlane::default());
    for object in objects {
        view.insert(&key_of(object), object);
    }
    view
}

fn names(keys: impl IntoIterator<Item = ObjectKey>) -> Vec<String> {
    keys.into_iter().map(|key| key.to_string()).collect()
}

const LP: &str = "ListenerPolicy";
const HLP: &str = "HTTPListenerPolicy";

#[test]
fn what_no_grant_allows_is_missing() {
    let objects = [
        policy(LP, "a", "bare", "t/otel"),
        policy(LP, "a", "other", "t/other"),
        policy(LP, "b", "granted", "t/otel"),
        policy(HLP, "b", "of-another-kind", "t/otel"),
        policy(LP, "t", "at-home", "t/otel"),
        grant("t", "g", (LP, "b"), Some("otel"), false),
        grant("t", "all", (LP, "a"), Some("other"), true),
    ];
    let view = view(&objects);
    assert_eq!(names(missing(&view, None)), ["HTTPListenerPolicy b/of-another-kind", "ListenerPolicy a/bare"]);
    let one = BTreeSet::from([key_of(&objects[2])]);
    assert_eq!(names(missing(&view, Some(&one))), Vec::<String>::new());
}

#[test]
fn nothing_is_missing_in_a_namespace_that_is_being_deleted() {
    let mut going = namespace("t");
    going["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
    let objects = [policy(LP, "a", "bare", "t/otel"), policy(LP, "a", "stays", "u/otel"), going, namespace("u")];
    assert_eq!(names(missing(&view(&objects), None)), ["ListenerPolicy a/stays"]);
}

#[test]
fn nothing_is_missing_where_grants_are_not_known() {
    let mut view = View::open(ControlPlane::default());
    let object = policy(LP, "a", "bare", "t/otel");
    view.insert(&key_of(&object), &object);
    assert_eq!(missing(&view, None), []);
    assert_eq!(names(missing(&view.complete([(GATEWAY_API, "ReferenceGrant")]), None)), ["ListenerPolicy a/bare"]);
}

#[test]
fn a_change_concerns_what_refers_to_it() {
    let objects = [
        policy(LP, "a", "one", "t/otel"),
        policy(LP, "b", "two", "t/other"),
        policy(LP, "t", "at-home", "t/other"),
        policy(LP, "c", "three", "u/otel"),
    ];
    let view = view(&objects);
    let of = |changed: Value| names(concerned(&view, &BTreeSet::from([key_of(&changed)])));
    assert_eq!(of(collector("t", "otel", true)), ["ListenerPolicy a/one"]);
    assert_eq!(of(grant("t", "g", (LP, "x"), None, true)), ["ListenerPolicy a/one", "ListenerPolicy b/two"]);
    assert_eq!(of(namespace("c")), ["ListenerPolicy c/three"]);
    assert_eq!(of(namespace("t")), ["ListenerPolicy a/one", "ListenerPolicy b/two", "ListenerPolicy t/at-home"]);
    assert_eq!(of(objects[0].clone()), ["ListenerPolicy a/one"]);
    assert_eq!(of(policy(LP, "a", "deleted", "t/otel")), Vec::<String>::new());
}

#[test]
fn a_gateway_concerns_what_targets_it() {
    let aimed = |name: &str, gateway: &str| {
        let mut object = policy(LP, "a", name, "t/otel");
        object["spec"]["targetRefs"] = json!([{ "group": GATEWAY_API, "kind": "Gateway", "name": gateway }]);
        object
    };
    let view = view(&[aimed("one", "edge"), aimed("two", "other"), policy(LP, "b", "three", "t/otel")]);
    let of = |namespace: &str| {
        names(concerned(&view, &BTreeSet::from([ObjectKey::new(GATEWAY_API, "Gateway", namespace, "edge")])))
    };
    assert_eq!(of("a"), ["ListenerPolicy a/one"]);
    assert_eq!(of("b"), Vec::<String>::new());
}

#[test]
fn ours_is_wanted_as_long_as_somebody_would_miss_it() {
    let needed = grant("t", "needed", (LP, "a"), Some("otel"), true);
    let migrating = grant("t", "migrating", (HLP, "a"), Some("otel"), true);
    let covered = grant("t", "covered", (LP, "b"), Some("otel"), true);
    let stale = grant("u", "stale", (LP, "a"), Some("otel"), true);
    let objects = [
        policy(LP, "a", "new", "t/otel"),
        policy(HLP, "a", "old", "t/otel"),
        policy(LP, "b", "one", "t/otel"),
        grant("t", "broad", (LP, "b"), None, false),
        grant("u", "of-another", (LP, "x"), Some("otel"), false),
        needed,
        migrating.clone(),
        covered.clone(),
        stale,
    ];
    let view = view(&objects);
    assert_eq!(names(unneeded(&view, None)), ["ReferenceGrant t/covered", "ReferenceGrant u/stale"]);
    assert_eq!(unneeded(&view, Some("t")), [key_of(&covered)]);
    assert_eq!(unneeded(&view.without(&key_of(&objects[1])), Some("t")), [key_of(&covered), key_of(&migrating)]);
}

#[test]
fn nothing_is_unneeded_where_telemetry_objects_are_not_known() {
    let stale = grant("u", "stale", (LP, "a"), Some("otel"), true);
    let mut view = View::open(ControlPlane::default()).complete([(GATEWAY_API, "ReferenceGrant")]);
    view.insert(&key_of(&stale), &stale);
    assert_eq!(unneeded(&view, None), []);
    let kinds = TelemetryKind::ALL.map(|kind| (kind.group(), kind.name()));
    assert_eq!(unneeded(&view.complete(kinds), None), [key_of(&stale)]);
}

#[test]
fn a_grant_is_made_where_the_owner_agrees_whatever_else_is_wrong() {
    let now = Timestamp::from_second(0).unwrap();
    let mut object = policy(LP, "a", "one", "t/otel");
    object["spec"]["targetRefs"] = json!([{ "group": GATEWAY_API, "kind": "Gateway", "name": "edge" }]);
    let gateway = json!({
        "apiVersion": format!("{GATEWAY_API}/v1"),
        "kind": "Gateway",
        "metadata": { "namespace": "a", "name": "edge" },
        "spec": { "gatewayClassName": "kgateway" },
    });
    let world = |shared: bool, port: i64| {
        let mut service = collector("t", "otel", shared);
        service["spec"]["ports"][0]["port"] = port.into();
        view(&[object.clone(), gateway.clone(), service, namespace("a"), namespace("t")])
    };
    let made = |view: &View| to_make(&shipped::policies(), view, &key_of(&object), &object, now);
    let wrong = |view: &View| {
        let found = errors(&shipped::policies(), view, &key_of(&object), &object, now);
        found.into_iter().map(|finding| finding.code.into_owned()).collect::<Vec<_>>()
    };
    let shared = world(true, 4317);
    let grants = made(&shared);
    assert_eq!(grants.len(), 1);
    assert!(ReferenceGrant::of(&grants[0]).ours);
    assert_eq!(wrong(&shared), ["reference-grants/missing"]);
    assert_eq!(made(&world(false, 4317)), Vec::<Value>::new());
    assert_eq!(made(&world(true, 1)).len(), 1);
    assert_eq!(made(&shared.without(&key_of(&gateway))), grants, "before there is a Gateway");
    assert!(broken(&shared, None).contains(&key_of(&object)));
    let mended = shared.with(&key_of(&grants[0]), &grants[0]);
    assert_eq!((made(&mended), wrong(&mended)), (Vec::new(), Vec::new()));
    assert_eq!(broken(&mended, None), []);
}

#[test]
fn what_is_about_to_be_removed_counts_for_nobody_who_comes_and_is_there_for_what_is() {
    let object = policy(LP, "a", "one", "t/otel");
    let mut going = grant("t", "going", (LP, "a"), Some("otel"), true);
    going["metadata"]["annotations"] = json!({ "portcullis.dev/leaving": "2026-01-01T00:00:00Z" });
    let now = Timestamp::from_second(0).unwrap();
    let view = view(&[object.clone(), going.clone(), collector("t", "otel", true), namespace("a"), namespace("t")]);
    assert_eq!(names(missing(&view, None)), ["ListenerPolicy a/one"]);
    assert_eq!(to_make(&shipped::policies(), &view, &key_of(&object), &object, now).len(), 1);
    assert_eq!((broken(&view, None), unneeded(&view, None)), (Vec::new(), Vec::new()));
    assert_eq!(errors(&shipped::policies(), &view, &key_of(&object), &object, now), []);
    assert_eq!(leaving(&view), [key_of(&going)]);
    assert_eq!(unneeded(&view.without(&key_of(&object)), None), [key_of(&going)]);
}
