//! The objects that most tests apply, as YAML documents, and folders of them.

use std::fs;

use tempfile::TempDir;

/// The path of a `backendRef` in an HTTPListenerPolicy of [`http_policy`].
pub(crate) const HTTP_LOGS: &str = "spec.accessLog[0].openTelemetry.grpcService.backendRef";

/// The path of a `backendRef` in a ListenerPolicy of [`listener_policy`].
pub(crate) const LISTENER_LOGS: &str = "spec.default.httpSettings.accessLog[0].openTelemetry.grpcService.backendRef";

/// A Service with one port that kgateway takes for HTTP/2.
pub(crate) fn service(namespace: &str, name: &str, port: u16) -> String {
    service_with(namespace, name, &format!("{{ ports: [{{ name: grpc, port: {port} }}] }}"))
}

pub(crate) fn service_with(namespace: &str, name: &str, spec: &str) -> String {
    format!("---\napiVersion: v1\nkind: Service\nmetadata: {{ name: {name}, namespace: {namespace} }}\nspec: {spec}\n")
}

/// kgateway's Gateway `http`.
pub(crate) fn gateway(namespace: &str) -> String {
    gateway_of(namespace, "http", "kgateway")
}

pub(crate) fn gateway_of(namespace: &str, name: &str, class: &str) -> String {
    format!(
        "---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {{ name: {name}, namespace: {namespace} }}
spec: {{ gatewayClassName: {class}, listeners: [{{ name: http, port: 8080, protocol: HTTP }}] }}
"
    )
}

/// An HTTPListenerPolicy on the Gateway `http` that logs to this `backendRef`.
pub(crate) fn http_policy(namespace: &str, name: &str, backend: &str) -> String {
    http_policy_with(namespace, name, &format!("accessLog: [{}]", sink(backend)))
}

pub(crate) fn http_policy_with(namespace: &str, name: &str, settings: &str) -> String {
    telemetry("HTTPListenerPolicy", namespace, name, &format!("{TO_HTTP}, {settings}"))
}

/// A ListenerPolicy on the Gateway `http` that logs to this `backendRef`.
pub(crate) fn listener_policy(namespace: &str, name: &str, backend: &str) -> String {
    listener_policy_with(namespace, name, &format!("accessLog: [{}]", sink(backend)))
}

pub(crate) fn listener_policy_with(namespace: &str, name: &str, settings: &str) -> String {
    let spec = format!("{TO_HTTP}, default: {{ httpSettings: {{ {settings} }} }}");
    telemetry("ListenerPolicy", namespace, name, &spec)
}

/// One entry of an access log.
pub(crate) fn sink(backend: &str) -> String {
    format!("{{ openTelemetry: {{ grpcService: {{ logName: a, backendRef: {{ {backend} }} }} }} }}")
}

/// A telemetry object of kgateway's with this flow mapping for a spec.
pub(crate) fn telemetry(kind: &str, namespace: &str, name: &str, spec: &str) -> String {
    format!(
        "---
apiVersion: gateway.kgateway.dev/v1alpha1
kind: {kind}
metadata: {{ name: {name}, namespace: {namespace} }}
spec: {{ {spec} }}
"
    )
}

pub(crate) const TO_HTTP: &str = "targetRefs: [{ group: gateway.networking.k8s.io, kind: Gateway, name: http }]";

pub(crate) fn backend(namespace: &str, name: &str) -> String {
    format!(
        "---
apiVersion: gateway.kgateway.dev/v1alpha1
kind: Backend
metadata: {{ name: {name}, namespace: {namespace} }}
spec: {{ type: Static, static: {{ hosts: [{{ host: otel.example.com, port: 4317 }}], appProtocol: grpc }} }}
"
    )
}

/// A grant for telemetry objects of this kind in one namespace to refer to a Service in another one.
pub(crate) fn grant(namespace: &str, name: &str, (kind, from): (&str, &str), service: &str) -> String {
    format!(
        "---
apiVersion: gateway.networking.k8s.io/v1beta1
kind: ReferenceGrant
metadata: {{ name: {name}, namespace: {namespace} }}
spec:
  from: [{{ group: gateway.kgateway.dev, kind: {kind}, namespace: {from} }}]
  to: [{{ group: '', kind: Service, name: {service} }}]
"
    )
}

/// A folder with these files, for `kubectl apply -f`.
pub(crate) fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (name, text) in files {
        fs::write(folder.path().join(name), text).expect("a manifest is written");
    }
    folder
}
