//! What the benches judge: a world of any size, and reviews of it. The same on every run, and of the sizes that objects
//! have when an API server sends them: with managedFields and what `kubectl apply` notes.
//!
//! Only objects that the reviews refer to are in a world of no size; the others are beside them, in namespaces of their own.
#![allow(dead_code, reason = "each bench is a crate of its own and takes what it needs")]

use portcullis::{
    cases::run::key_of,
    engine::{
        subject::ObjectKey,
        view::{View, control_plane::ControlPlane},
    },
};
use serde_json::{Value, json};

/// How much there is beside what the reviews refer to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size {
    pub(crate) services: usize,
    pub(crate) telemetry: usize,
}

pub(crate) const NONE: Size = Size { services: 0, telemetry: 0 };
pub(crate) const SMALL: Size = Size { services: 4_000, telemetry: 3_000 };
pub(crate) const LARGE: Size = Size { services: 16_000, telemetry: 12_000 };

/// Bytes of the reviews, as the rows are named.
pub(crate) const REVIEW: usize = 3_400;
pub(crate) const LONG_REVIEW: usize = 46_000;
pub(crate) const LARGE_REVIEW: usize = 2_900_000;

const SERVICES_PER_NAMESPACE: usize = 20;
const TELEMETRY_PER_NAMESPACE: usize = 15;
/// Every second telemetry object refers to the collector that all share.
const SHARED_COLLECTOR: Reference<'_> = Reference { name: "otel-collector", namespace: Some("telemetry") };

#[derive(Clone, Copy)]
struct Reference<'a> {
    name: &'a str,
    namespace: Option<&'a str>,
}

impl Size {
    /// Enough to see that a bench runs.
    pub(crate) fn quick(self, quick: bool) -> Self {
        let by = if quick { 20 } else { 1 };
        Self { services: self.services / by, telemetry: self.telemetry / by }
    }
}

/// The objects of the world, in the order in which a cluster would be listed.
pub(crate) fn world(size: Size) -> impl Iterator<Item = Value> {
    let services = (0..size.services).map(|i| service(&namespace_of(i / SERVICES_PER_NAMESPACE), &format!("app-{i}")));
    let telemetry = (0..size.telemetry).map(|i| {
        let namespace = namespace_of(i / TELEMETRY_PER_NAMESPACE);
        let own = Reference { name: "collector", namespace: None };
        let reference = if i % 2 == 0 { SHARED_COLLECTOR } else { own };
        stored(listener_policy(&namespace, &format!("telemetry-{i}"), reference, 1))
    });
    let namespaces =
        size.services.div_ceil(SERVICES_PER_NAMESPACE).max(size.telemetry.div_ceil(TELEMETRY_PER_NAMESPACE));
    let namespaces = (0..namespaces).map(|i| namespace(&namespace_of(i), json!({ "team": format!("{}", i % 7) })));
    base().into_iter().chain(namespaces).chain(services).chain(telemetry)
}

/// The view of a world, filled object by object as a watch fills it.
pub(crate) fn view(size: Size) -> View {
    let mut view = View::closed(ControlPlane::default());
    for object in world(size) {
        view.insert(&key_of(&object), &object);
    }
    view
}

/// A ListenerPolicy that is written anew and leads to a collector.
pub(crate) fn selected() -> Vec<u8> {
    padded(REVIEW, |object| create(LISTENER_POLICY, object), listener_policy("shop", "telemetry", SHARED_COLLECTOR, 1))
}

/// The same, but for one letter in the name of the collector.
pub(crate) fn denied() -> Vec<u8> {
    let misspelt = Reference { name: "otel-colector", ..SHARED_COLLECTOR };
    padded(REVIEW, |object| create(LISTENER_POLICY, object), listener_policy("shop", "telemetry", misspelt, 1))
}

/// The last Service of a world, which is listed after all others.
pub(crate) fn last_service(size: Size) -> ObjectKey {
    let last = size.services - 1;
    ObjectKey::new("", "Service", &namespace_of(last / SERVICES_PER_NAMESPACE), &format!("app-{last}"))
}

/// A telemetry object beside this Service, which it refers to.
pub(crate) fn refers_to(namespace: &str, service: &str) -> Vec<u8> {
    let reference = Reference { name: service, namespace: None };
    create(LISTENER_POLICY, &listener_policy(namespace, "probe", reference, 1))
}

/// An object that no policy judges.
pub(crate) fn not_selected() -> Vec<u8> {
    padded(REVIEW, |object| create(DEPLOYMENT, object), deployment("shop", "app"))
}

/// A ListenerPolicy with settings of its own for a dozen ports, of which one number changes.
pub(crate) fn long_update() -> Vec<u8> {
    let object = listener_policy("shop", "telemetry", SHARED_COLLECTOR, 12);
    padded(
        LONG_REVIEW,
        |object| {
            let mut old = object.clone();
            old["spec"]["default"]["httpSettings"]["tracing"]["randomSampling"] = json!(99);
            review("UPDATE", LISTENER_POLICY, object, Some(&old))
        },
        object,
    )
}

/// A ConfigMap of dashboards in a production namespace: judged, but no collector's configuration.
pub(crate) fn large_update() -> Vec<u8> {
    padded(
        LARGE_REVIEW,
        |object| {
            let mut old = object.clone();
            old["data"]["title"] = json!("before");
            review("UPDATE", CONFIG_MAP, object, Some(&old))
        },
        dashboards("shop-production", "dashboards"),
    )
}

/// A ConfigMap as the collector's chart makes it: three pipelines that end in `debug`.
pub(crate) fn collector() -> Vec<u8> {
    create(CONFIG_MAP, &collector_config("shop-production", "collector"))
}

/// A Service, in the form in which a watch sends it.
pub(crate) fn service(namespace: &str, name: &str) -> Value {
    stored(json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata(namespace, name),
        "spec": {
            "clusterIP": "10.96.12.7",
            "clusterIPs": ["10.96.12.7"],
            "internalTrafficPolicy": "Cluster",
            "ipFamilies": ["IPv4"],
            "ipFamilyPolicy": "SingleStack",
            "ports": [
                { "name": "http", "port": 80, "protocol": "TCP", "targetPort": 8080 },
                { "name": "otlp", "port": 4317, "protocol": "TCP", "targetPort": 4317, "appProtocol": "kubernetes.io/h2c" },
            ],
            "selector": { "app.kubernetes.io/name": name },
            "sessionAffinity": "None",
            "type": "ClusterIP",
        },
        "status": { "loadBalancer": {} },
    }))
}

/// A telemetry object that refers to the shared collector, in the form in which a watch sends it.
pub(crate) fn telemetry(namespace: &str, name: &str) -> Value {
    stored(listener_policy(namespace, name, SHARED_COLLECTOR, 1))
}

/// Documents as a rendered cluster holds them: of eight, one is a telemetry object, one a collector's ConfigMap.
pub(crate) fn documents(count: usize) -> String {
    let mut text = String::new();
    for i in 0..count {
        let namespace = namespace_of(i / 40);
        let name = format!("app-{i}");
        let object = match i % 8 {
            0 => listener_policy(&namespace, &name, SHARED_COLLECTOR, 1),
            1 => collector_config(&namespace, &name),
            2 | 3 => without_noise(service(&namespace, &name)),
            _ => deployment(&namespace, &name),
        };
        text.push_str("---\n");
        text.push_str(&portcullis::engine::yaml::emit(&object));
    }
    text
}

type Resource = (&'static str, &'static str, &'static str, &'static str);

const LISTENER_POLICY: Resource = ("gateway.kgateway.dev", "v1alpha1", "ListenerPolicy", "listenerpolicies");
const DEPLOYMENT: Resource = ("apps", "v1", "Deployment", "deployments");
const CONFIG_MAP: Resource = ("", "v1", "ConfigMap", "configmaps");

fn namespace_of(i: usize) -> String {
    format!("team-{i}")
}

/// What the reviews refer to.
fn base() -> Vec<Value> {
    let gateway = json!({
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "Gateway",
        "metadata": metadata("shop", "public"),
        "spec": {
            "gatewayClassName": "kgateway",
            "listeners": [{ "name": "http", "port": 8080, "protocol": "HTTP" }, { "name": "https", "port": 8443, "protocol": "HTTPS" }],
        },
    });
    let grant = json!({
        "apiVersion": "gateway.networking.k8s.io/v1beta1",
        "kind": "ReferenceGrant",
        "metadata": metadata("telemetry", "shop"),
        "spec": {
            "from": [{ "group": "gateway.kgateway.dev", "kind": "ListenerPolicy", "namespace": "shop" }],
            "to": [{ "group": "", "kind": "Service" }],
        },
    });
    vec![
        namespace("shop", json!({ "team": "shop" })),
        namespace("shop-production", json!({ "team": "shop", "environment": "production" })),
        namespace("telemetry", json!({ "team": "platform" })),
        service("telemetry", "otel-collector"),
        gateway,
        grant,
    ]
}

fn namespace(name: &str, labels: Value) -> Value {
    json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": name, "labels": labels } })
}

fn metadata(namespace: &str, name: &str) -> Value {
    json!({
        "name": name,
        "namespace": namespace,
        "labels": {
            "app.kubernetes.io/name": name,
            "app.kubernetes.io/part-of": "shop",
            "app.kubernetes.io/managed-by": "Helm",
            "helm.sh/chart": "app-1.2.3",
        },
    })
}

/// With `default` settings and those of so many ports less one.
fn listener_policy(namespace: &str, name: &str, to: Reference<'_>, settings: usize) -> Value {
    let reference = match to.namespace {
        Some(namespace) => json!({ "name": to.name, "namespace": namespace, "port": 4317 }),
        None => json!({ "name": to.name, "port": 4317 }),
    };
    let http = json!({
        "accessLog": [{
            "openTelemetry": {
                "body": "%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL% %RESPONSE_CODE%",
                "grpcService": { "backendRef": reference.clone(), "logName": "access" },
                "attributes": { "values": [
                    { "key": "duration", "value": { "stringValue": "%DURATION%" } },
                    { "key": "route", "value": { "stringValue": "%ROUTE_NAME%" } },
                ] },
            },
        }],
        "tracing": {
            "provider": { "openTelemetry": { "serviceName": "shop", "grpcService": { "backendRef": reference } } },
            "randomSampling": 5,
            "spawnUpstreamSpan": true,
        },
    });
    let per_port: Vec<_> =
        (1..settings).map(|i| json!({ "port": 9000 + i, "listener": { "httpSettings": http.clone() } })).collect();
    let mut spec = json!({
        "targetRefs": [{ "group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "public" }],
        "default": { "httpSettings": http },
    });
    if !per_port.is_empty() {
        spec["perPort"] = per_port.into();
    }
    json!({
        "apiVersion": "gateway.kgateway.dev/v1alpha1",
        "kind": "ListenerPolicy",
        "metadata": metadata(namespace, name),
        "spec": spec,
    })
}

fn deployment(namespace: &str, name: &str) -> Value {
    json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata(namespace, name),
        "spec": {
            "replicas": 2,
            "selector": { "matchLabels": { "app.kubernetes.io/name": name } },
            "template": {
                "metadata": { "labels": { "app.kubernetes.io/name": name } },
                "spec": {
                    "containers": [{
                        "name": "app",
                        "image": "registry.example.com/shop/app:1.2.3",
                        "ports": [{ "containerPort": 8080, "name": "http" }],
                        "env": [{ "name": "PORT", "value": "8080" }, { "name": "LEVEL", "value": "info" }],
                        "resources": { "requests": { "cpu": "100m", "memory": "64Mi" }, "limits": { "memory": "128Mi" } },
                        "readinessProbe": { "httpGet": { "path": "/ready", "port": "http" }, "periodSeconds": 5 },
                    }],
                },
            },
        },
    })
}

fn dashboards(namespace: &str, name: &str) -> Value {
    let panel = "{\"title\": \"requests\", \"type\": \"timeseries\", \"targets\": [{\"expr\": \"sum(rate(http_requests_total[5m]))\"}]}\n";
    json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": { "name": name, "namespace": namespace },
        "data": { "title": "now", "shop.json": panel.repeat(1_200_000 / panel.len()) },
    })
}

fn collector_config(namespace: &str, name: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": metadata(namespace, name),
        "data": { "relay": include_str!("collector.yaml") },
    })
}

/// As it is stored: with uid, times and who manages which field.
pub(crate) fn stored(mut object: Value) -> Value {
    let applied = object.to_string();
    let fields = fields_of(&object["spec"]);
    object["metadata"]["uid"] = json!("9b1d7f0a-5f0c-4b59-9a53-0d7c31c2a8f4");
    object["metadata"]["resourceVersion"] = json!("812345");
    object["metadata"]["creationTimestamp"] = json!("2026-01-01T00:00:00Z");
    object["metadata"]["annotations"] = json!({ "kubectl.kubernetes.io/last-applied-configuration": applied });
    object["metadata"]["managedFields"] = json!([{
        "apiVersion": object["apiVersion"].clone(),
        "fieldsType": "FieldsV1",
        "fieldsV1": { "f:metadata": { "f:labels": fields_of(&object["metadata"]["labels"]) }, "f:spec": fields },
        "manager": "kubectl-client-side-apply",
        "operation": "Update",
        "time": "2026-01-01T00:00:00Z",
    }]);
    object
}

fn without_noise(mut object: Value) -> Value {
    if let Some(metadata) = object["metadata"].as_object_mut() {
        for noise in ["managedFields", "annotations", "uid", "resourceVersion", "creationTimestamp"] {
            metadata.remove(noise);
        }
    }
    object
}

/// FieldsV1 of a value.
fn fields_of(value: &Value) -> Value {
    match value {
        Value::Object(entries) => entries
            .iter()
            .map(|(key, value)| (format!("f:{key}"), fields_of(value)))
            .collect::<serde_json::Map<_, _>>()
            .into(),
        _ => json!({}),
    }
}

fn create(resource: Resource, object: &Value) -> Vec<u8> {
    review("CREATE", resource, object, None)
}

fn review(operation: &str, (group, version, kind, resource): Resource, object: &Value, old: Option<&Value>) -> Vec<u8> {
    let kind = json!({ "group": group, "version": version, "kind": kind });
    let resource = json!({ "group": group, "version": version, "resource": resource });
    let body = json!({
        "kind": "AdmissionReview",
        "apiVersion": "admission.k8s.io/v1",
        "request": {
            "uid": "705ab4f5-6393-11e8-b7cc-42010a800002",
            "kind": kind,
            "resource": resource,
            "requestKind": kind,
            "requestResource": resource,
            "name": object["metadata"]["name"],
            "namespace": object["metadata"]["namespace"],
            "operation": operation,
            "userInfo": { "username": "system:serviceaccount:ci:deployer", "groups": ["system:serviceaccounts", "system:authenticated"] },
            "object": object,
            "oldObject": old,
            "dryRun": false,
            "options": { "kind": "CreateOptions", "apiVersion": "meta.k8s.io/v1", "fieldManager": "kubectl-client-side-apply" },
        },
    });
    body.to_string().into_bytes()
}

/// The review of this object with managedFields and as much in an annotation as makes it so large.
fn padded(bytes: usize, review: impl Fn(&Value) -> Vec<u8>, mut object: Value) -> Vec<u8> {
    let spec = fields_of(&object["spec"]);
    let key = "kubectl.kubernetes.io/last-applied-configuration";
    object["metadata"]["annotations"] = json!({ key: "" });
    object["metadata"]["managedFields"] = json!([{
        "apiVersion": object["apiVersion"].clone(),
        "fieldsType": "FieldsV1",
        "fieldsV1": { "f:spec": spec },
        "manager": "kubectl-client-side-apply",
        "operation": "Update",
        "time": "2026-01-01T00:00:00Z",
    }]);
    let bare = review(&object);
    // An UPDATE holds the annotation twice.
    let times = bare.windows(key.len()).filter(|window| *window == key.as_bytes()).count();
    let missing = bytes
        .checked_sub(bare.len())
        .unwrap_or_else(|| panic!("{} bytes without an annotation, of {bytes}", bare.len()));
    let applied = object.to_string().replace('"', "'");
    let text: String = applied.chars().cycle().take(missing / times).collect();
    object["metadata"]["annotations"][key] = text.into();
    review(&object)
}
