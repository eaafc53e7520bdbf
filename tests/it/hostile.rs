//! Objects that no API server would send, through every door: nothing panics, and every patch that is answered applies.

use portcullis::{
    engine::{
        kinds,
        policy::shipped,
        snapshot::Snapshot,
        subject::ObjectKey,
        view::{View, control_plane::ControlPlane},
        yaml::{self, Dialect},
    },
    webhook::{Door, admit, wire},
};
use proptest::{prelude::*, sample::Index};
use serde_json::{Value, json};

const OBJECTS: &str = r#"
- apiVersion: gateway.kgateway.dev/v1alpha1
  kind: ListenerPolicy
  metadata: { name: a, namespace: live, labels: { x: y }, annotations: { portcullis.dev/remedy: Apply } }
  spec:
    targetRefs: [{ group: gateway.networking.k8s.io, kind: Gateway, name: gw, sectionName: http }]
    targetSelectors: [{ group: gateway.networking.k8s.io, kind: Gateway, matchLabels: { a: b } }]
    default: { httpSettings: { accessLog: [{ openTelemetry: { grpcService: { logName: x, backendRef: { name: s, port: 4317 } } } }] } }
    perPort: [{ port: 80, listener: { httpSettings: { tracing: { provider: { openTelemetry: { grpcService: { backendRef: { name: s, namespace: other, port: 1 } } } } } } } }]
- apiVersion: v1
  kind: ConfigMap
  metadata: { name: c, namespace: live, ownerReferences: [{ kind: X, controller: false }] }
  data: { relay: "receivers: {otlp: {}}\nexporters: {debug: {}, otlp: {}}\nservice: {pipelines: {traces: {receivers: [otlp], exporters: [debug, otlp]}}}\n" }
- apiVersion: opentelemetry.io/v1beta1
  kind: OpenTelemetryCollector
  metadata: { name: o, namespace: live }
  spec: { image: "otel/opentelemetry-collector-contrib:0.128.0", config: { receivers: { otlp: {} }, exporters: { debug: {} }, service: { pipelines: { traces: { receivers: [otlp], exporters: [debug] } } } } }
- apiVersion: v1
  kind: Pod
  metadata: { generateName: gw-, namespace: live, annotations: { prometheus.io/scrape: "true" } }
  spec: { containers: [{ name: kgateway-proxy, image: envoy, args: [--config=/x], ports: [{ name: http-monitoring, containerPort: 9091 }] }], volumes: [{ name: v, configMap: { name: c } }] }
- apiVersion: v1
  kind: Service
  metadata: { name: s, namespace: live, labels: { portcullis.dev/shared: "true" }, annotations: { portcullis.dev/shared-with: "a in (b)" } }
  spec: { type: ClusterIP, ports: [{ name: grpc, port: 4317, appProtocol: grpc, protocol: TCP }] }
- apiVersion: gateway.networking.k8s.io/v1beta1
  kind: ReferenceGrant
  metadata: { name: g, namespace: live }
  spec: { from: [{ group: gateway.kgateway.dev, kind: ListenerPolicy, namespace: live }], to: [{ group: "", kind: Service, name: s }] }
"#;

fn objects() -> Vec<Value> {
    let value = yaml::tree::parse(OBJECTS).unwrap().value(Dialect::Kubernetes).unwrap();
    value.as_array().unwrap().clone()
}

fn odd() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        Just(json!([])),
        Just(json!({})),
        Just(json!([null, 1, "x", {}])),
        Just(json!({"": {"backendRef": null}})),
        Just(json!(-1)),
        Just(json!(1e300)),
        Just(json!(true)),
        any::<i64>().prop_map(Value::from),
        "\\PC{0,12}".prop_map(Value::from),
        Just(json!("${env:X}")),
        Just(json!("service: {pipelines: {traces: {exporters: [debug]}}}")),
        Just(json!("service:\n  pipelines: [\n")),
    ]
}

/// Every place of a value, as a pointer.
fn places(value: &Value, at: &str, found: &mut Vec<String>) {
    found.push(at.to_owned());
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                places(value, &format!("{at}/{}", key.replace('~', "~0").replace('/', "~1")), found);
            }
        }
        Value::Array(items) => {
            for (index, value) in items.iter().enumerate() {
                places(value, &format!("{at}/{index}"), found);
            }
        }
        _ => {}
    }
}

fn spoilt(object: &Value, spoils: &[(Index, Value)]) -> Value {
    let mut object = object.clone();
    for (place, value) in spoils {
        let mut found = Vec::new();
        places(&object, "", &mut found);
        if let Some(place) = object.pointer_mut(place.get::<String>(&found).as_str()) {
            *place = value.clone();
        }
    }
    object
}

fn key_of(object: &Value) -> ObjectKey {
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let (group, _) = kinds::split_api_version(text("/apiVersion"));
    ObjectKey::new(group, text("/kind"), text("/metadata/namespace"), text("/metadata/name"))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn nothing_panics(which in any::<Index>(), new in prop::collection::vec((any::<Index>(), odd()), 0..4), old in prop::collection::vec((any::<Index>(), odd()), 0..4)) {
        let objects = objects();
        let mut view = View::closed(ControlPlane::default());
        for object in objects.iter().chain(&objects.iter().map(|object| spoilt(object, &old)).collect::<Vec<_>>()) {
            view.insert(&key_of(object), object);
        }
        let namespace = json!({ "metadata": { "name": "live", "labels": { "environment": "prod" } } });
        view.insert(&ObjectKey::new("", "Namespace", "", "live"), &namespace);
        let snapshot = Snapshot { policies: shipped::policies(), view };
        let original = which.get(&objects);
        let (object, before) = (spoilt(original, &new), spoilt(original, &old));
        let key = key_of(original);
        let (group, version) = kinds::split_api_version(original["apiVersion"].as_str().unwrap());
        let resource = kinds::by_kind(group, &key.kind).unwrap().resource;
        for operation in ["CREATE", "UPDATE", "DELETE"] {
            let review = json!({
                "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
                "request": {
                    "uid": "u", "operation": operation, "name": key.name, "namespace": key.namespace,
                    "kind": { "group": group, "version": version, "kind": key.kind },
                    "resource": { "group": group, "version": version, "resource": resource },
                    "object": if operation == "DELETE" { Value::Null } else { object.clone() },
                    "oldObject": if operation == "CREATE" { Value::Null } else { before.clone() },
                },
            });
            let bytes = serde_json::to_vec(&review).unwrap();
            let review = wire::read(&bytes).unwrap();
            for door in Door::ALL {
                let Ok(answer) = admit::answer(&snapshot, None, door, &review, jiff::Timestamp::UNIX_EPOCH) else { continue };
                wire::write(&answer, &review);
                if let Some(patch) = &answer.patch {
                    let patch: json_patch::Patch = serde_json::from_slice(patch).unwrap();
                    let mut patched = object.clone();
                    json_patch::patch(&mut patched, &patch).expect("a patch applies to the object it was made for");
                    prop_assert_ne!(&patched, &object);
                }
            }
        }
    }
}
