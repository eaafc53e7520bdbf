//! One file per kind of object: its lean form, its keys, and how its owner reads it.

pub mod collector;
pub mod config_map;
pub mod gateway;
pub mod meta;
pub mod namespace;
pub mod reference_grant;
pub mod service;
pub mod telemetry;
pub mod workload;

/// A kind that Portcullis knows by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind {
    /// Empty for the core group.
    pub group: &'static str,
    pub kind: &'static str,
    /// The plural.
    pub resource: &'static str,
    pub namespaced: bool,
}

pub const CORE: &str = "";
pub const KGATEWAY: &str = "gateway.kgateway.dev";
pub const AGENTGATEWAY: &str = "agentgateway.dev";
pub const GATEWAY_API: &str = "gateway.networking.k8s.io";
pub const ISTIO: &str = "networking.istio.io";
/// Our own.
pub const PORTCULLIS: &str = "portcullis.dev";
pub const OPENTELEMETRY: &str = "opentelemetry.io";

const fn kind(group: &'static str, kind: &'static str, resource: &'static str, namespaced: bool) -> Kind {
    Kind { group, kind, resource, namespaced }
}

/// Adding a kind is one row here and one file.
pub const KINDS: &[Kind] = &[
    kind(CORE, "ConfigMap", "configmaps", true),
    kind(CORE, "Namespace", "namespaces", false),
    kind(CORE, "Pod", "pods", true),
    kind(CORE, "Service", "services", true),
    kind("apps", "DaemonSet", "daemonsets", true),
    kind("apps", "Deployment", "deployments", true),
    kind("apps", "ReplicaSet", "replicasets", true),
    kind("apps", "StatefulSet", "statefulsets", true),
    kind("apiextensions.k8s.io", "CustomResourceDefinition", "customresourcedefinitions", false),
    kind(GATEWAY_API, "Gateway", "gateways", true),
    kind(GATEWAY_API, "GatewayClass", "gatewayclasses", false),
    kind(GATEWAY_API, "ReferenceGrant", "referencegrants", true),
    kind(KGATEWAY, "Backend", "backends", true),
    kind(KGATEWAY, "HTTPListenerPolicy", "httplistenerpolicies", true),
    kind(KGATEWAY, "ListenerPolicy", "listenerpolicies", true),
    kind(AGENTGATEWAY, "AgentgatewayBackend", "agentgatewaybackends", true),
    kind(AGENTGATEWAY, "AgentgatewayPolicy", "agentgatewaypolicies", true),
    kind(ISTIO, "ServiceEntry", "serviceentries", true),
    kind(PORTCULLIS, "GuardPolicy", "guardpolicies", false),
    kind(OPENTELEMETRY, "OpenTelemetryCollector", "opentelemetrycollectors", true),
];

pub fn by_kind(group: &str, kind: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|known| known.group == group && known.kind == kind)
}

pub fn by_resource(group: &str, resource: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|known| known.group == group && known.resource == resource)
}

/// `v1` is the core group's version, `apps/v1` a group and its version.
pub fn split_api_version(api_version: &str) -> (&str, &str) {
    api_version.split_once('/').unwrap_or((CORE, api_version))
}
