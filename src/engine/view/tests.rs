use serde_json::json;

use super::*;
use crate::engine::kinds::telemetry::Listeners;

fn policy(name: &str, targets: Value, collector: Value) -> (ObjectKey, Value) {
    let http = json!({ "backendRef": collector });
    let object = json!({
        "metadata": { "name": name, "namespace": "shop" },
        "spec": targets_with(targets, json!({ "httpSettings": {
            "accessLog": [{ "openTelemetry": { "grpcService": http } }],
            "tracing": { "provider": { "openTelemetry": { "grpcService": http } } },
        }})),
    });
    (ObjectKey::new(KGATEWAY, "ListenerPolicy", "shop", name), object)
}

fn targets_with(mut spec: Value, default: Value) -> Value {
    spec["default"] = default;
    spec
}

fn gateway(name: &str) -> Value {
    json!({ "targetRefs": [{ "group": GATEWAY_API, "kind": "Gateway", "name": name }] })
}

fn labelled() -> Value {
    json!({ "targetSelectors": [{ "group": GATEWAY_API, "kind": "Gateway", "matchLabels": { "a": "b" } }] })
}

fn view(objects: &[(ObjectKey, Value)]) -> View {
    objects.iter().fold(View::closed(ControlPlane::default()), |view, (key, object)| view.with(key, object))
}

fn names(rows: Vec<lens::Row<'_, Telemetry>>) -> Vec<String> {
    rows.into_iter().map(|(key, _)| key.name.to_string()).collect()
}

fn collector() -> Value {
    json!({ "name": "otel", "namespace": "telemetry", "port": 4317 })
}

#[test]
fn telemetry_is_found_by_its_gateway_and_by_its_backend() {
    let objects = [
        policy("b", gateway("public"), collector()),
        policy("c", gateway("internal"), json!({ "name": "own", "port": 4317 })),
        policy("a", labelled(), collector()),
        policy("d", json!({ "targetRefs": [{ "group": "", "kind": "Service", "name": "public" }] }), collector()),
    ];
    let view = view(&objects);
    let lens = Lens::new(&view);
    assert_eq!(names(lens.telemetry_targeting("shop", "public")), ["a", "b"]);
    assert_eq!(names(lens.telemetry_targeting("shop", "internal")), ["a", "c"]);
    assert_eq!(names(lens.telemetry_targeting("other", "public")), [] as [&str; 0]);
    assert_eq!(lens.seen().len(), 9);
    let otel = ObjectKey::new(CORE, "Service", "telemetry", "otel");
    assert_eq!(names(lens.referrers(&otel)), ["a", "b", "d"]);
    assert_eq!(names(lens.referrers(&ObjectKey::new(CORE, "Service", "shop", "own"))), ["c"]);
    assert_eq!(names(lens.referrers_into("telemetry")), ["a", "b", "d"]);
    assert_eq!(names(lens.referrers_into("shop")), ["c"]);
    assert_eq!(names(lens.referrers_into("tele")), [] as [&str; 0]);

    let less = view.without(&objects[0].0);
    assert_eq!(names(Lens::new(&less).telemetry_targeting("shop", "public")), ["a"]);
    assert_eq!(names(Lens::new(&less).referrers(&otel)), ["a", "d"]);
    let moved = view.with(&objects[0].0, &policy("b", gateway("internal"), json!({ "name": "own" })).1);
    assert_eq!(names(Lens::new(&moved).telemetry_targeting("shop", "internal")), ["a", "b", "c"]);
    assert_eq!(names(Lens::new(&moved).telemetry_targeting("shop", "public")), ["a"]);
    assert_eq!(names(Lens::new(&moved).referrers_into("telemetry")), ["a", "d"]);
    // The view that others hold stays as it was.
    assert_eq!(names(lens.referrers(&otel)), ["a", "b", "d"]);
}

#[test]
fn an_emptied_view_keeps_nothing_of_what_was_in_it() {
    let objects = [policy("a", labelled(), collector()), policy("b", gateway("public"), collector())];
    let mut view = view(&objects);
    assert_eq!(view.len_of(KGATEWAY, "ListenerPolicy"), 2);
    for (key, _) in &objects {
        view.remove(key);
        view.remove(key);
    }
    assert_eq!(view.len_of(KGATEWAY, "ListenerPolicy"), 0);
    assert!(view.keys_in("shop").is_empty());
    assert!(Lens::new(&view).telemetry_in("shop").is_empty());
    assert!(Lens::new(&view).telemetry_targeting("shop", "public").is_empty());
    assert!(Lens::new(&view).referrers_into("telemetry").is_empty());
}

#[test]
fn the_view_keeps_a_reference_once_and_shares_it() {
    let view = view(&[policy("a", gateway("public"), collector()), policy("b", gateway("public"), collector())]);
    let lens = Lens::new(&view);
    let rows = lens.telemetry_in("shop");
    let [(_, a), (_, b)] = rows.as_slice() else { panic!("two objects") };
    assert_eq!((a.references.len(), a.settings.len()), (1, 2));
    assert!(a.settings.iter().all(|setting| setting.listeners == Listeners::Default && setting.path.is_root()));
    assert!(Arc::ptr_eq(&a.references[0].backend, &b.references[0].backend));
}

#[test]
fn an_object_with_very_many_references_is_taken_in_soon() {
    let references: Vec<_> = (0..20_000)
        .map(
            |i| json!({ "openTelemetry": { "grpcService": { "backendRef": { "name": format!("c{i}"), "port": i } } } }),
        )
        .collect();
    let mut spec = gateway("public");
    spec["default"] = json!({ "httpSettings": { "accessLog": references } });
    let object = json!({ "metadata": { "name": "a", "namespace": "shop" }, "spec": spec });
    let keys = ["a", "b"].map(|name| ObjectKey::new(KGATEWAY, "ListenerPolicy", "shop", name));
    let view = view(&keys.map(|key| (key, object.clone())));
    let lens = Lens::new(&view);
    let rows = lens.telemetry_in("shop");
    let [(_, a), (_, b)] = rows.as_slice() else { panic!("two objects") };
    assert!(a.references.iter().zip(&b.references).all(|(a, b)| Arc::ptr_eq(&a.backend, &b.backend)));
    assert_eq!(names(lens.referrers(&ObjectKey::new(CORE, "Service", "shop", "c19999"))), ["a", "b"]);
}

#[test]
fn what_goes_with_a_namespace_and_with_a_definition() {
    let service = (ObjectKey::new(CORE, "Service", "shop", "otel"), json!({}));
    let backend = (ObjectKey::new(KGATEWAY, "Backend", "shop", "static"), json!({}));
    let other = (ObjectKey::new(ISTIO, "ServiceEntry", "shop", "static"), json!({}));
    let elsewhere = (ObjectKey::new(KGATEWAY, "Backend", "other", "static"), json!({}));
    let view = view(&[other.clone(), backend.clone(), service.clone(), elsewhere.clone()]);
    assert_eq!(view.keys_in("shop"), [service.0, backend.0.clone(), other.0]);
    assert_eq!(view.keys_of(KGATEWAY, "Backend"), [elsewhere.0, backend.0]);
    assert_eq!(view.len_of(KGATEWAY, "Backend"), 2);
    assert_eq!(view.len_of("", "Secret"), 0);
}

#[test]
fn completeness_can_be_lost() {
    let mut view = View::open(ControlPlane::default()).complete([(CORE, "Service")]);
    assert_eq!(Lens::new(&view).service("shop", "otel"), Answer::Absent);
    view.mark_complete(CORE, "Service", false);
    assert_eq!(Lens::new(&view).service("shop", "otel"), Answer::Unknown);
}

#[test]
fn a_look_up_names_a_kind() {
    let view = View::closed(ControlPlane::default());
    let lens = Lens::new(&view);
    let _ = lens.service("shop", "otel");
    lens.grants("shop");
    lens.gateways(None);
    lens.referrers(&ObjectKey::new(KGATEWAY, "Backend", "shop", "otel"));
    let seen = lens.seen();
    let kinds: Vec<_> = seen.iter().map(LookUp::kind).collect();
    assert_eq!(
        kinds,
        [(CORE, "Service"), (GATEWAY_API, "ReferenceGrant"), (GATEWAY_API, "Gateway"), (KGATEWAY, "Backend")]
    );
}
