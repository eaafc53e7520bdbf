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

use std::borrow::Cow;

use serde_json::Value;

use crate::engine::{name::Name, node::Node, subject::ObjectKey};

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
    kind(PORTCULLIS, "GuardException", "guardexceptions", true),
    kind(PORTCULLIS, "GuardPolicy", "guardpolicies", false),
    kind(OPENTELEMETRY, "OpenTelemetryCollector", "opentelemetrycollectors", true),
];

pub fn by_kind(group: &str, kind: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|known| known.group == group && known.kind == kind)
}

pub fn by_resource(group: &str, resource: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|known| known.group == group && known.resource == resource)
}

/// The plural of a kind: the known one, else what kinds are mostly called, as in `ingresses` and `networkpolicies`.
pub fn plural(group: &str, kind: &str) -> Cow<'static, str> {
    if let Some(known) = by_kind(group, kind) {
        return Cow::Borrowed(known.resource);
    }
    let word = kind.to_lowercase();
    let before = |end: &str| word.strip_suffix(end).map(str::to_owned);
    Cow::Owned(match before("y").filter(|stem| !stem.ends_with(['a', 'e', 'i', 'o', 'u'])) {
        Some(stem) => stem + "ies",
        None if ["s", "x", "ch", "sh"].iter().any(|end| word.ends_with(end)) => word + "es",
        None => word + "s",
    })
}

/// `v1` is the core group's version, `apps/v1` a group and its version.
pub fn split_api_version(api_version: &str) -> (&str, &str) {
    api_version.split_once('/').unwrap_or((CORE, api_version))
}

/// What identifies an object that is not stored yet, as in a file: its namespace is the given one where it names none.
/// Its name is what it will begin with where the API server makes the rest of it.
pub fn key_of(object: &Value, default_namespace: &str) -> ObjectKey {
    let node = Node::root(object);
    let (group, _) = split_api_version(node.get("apiVersion").text());
    let (kind, metadata) = (node.get("kind").text(), node.get("metadata"));
    let known = by_kind(group, kind);
    let namespace = match (known.is_none_or(|kind| kind.namespaced), metadata.get("namespace").text()) {
        (false, _) => "",
        // Whether an unknown kind has a namespace is not known either.
        (true, "") if known.is_none() => "",
        (true, "") => default_namespace,
        (true, namespace) => namespace,
    };
    let name = generated_name(object).unwrap_or_else(|| metadata.get("name").text());
    ObjectKey::new(group, kind, namespace, name)
}

/// What the name begins with that the API server will make: `generateName` counts only without a `name`
/// (<https://kubernetes.io/docs/reference/using-api/api-concepts/#generated-values>).
pub fn generated_name(object: &Value) -> Option<&str> {
    let metadata = Node::root(object).get("metadata");
    let prefix = metadata.get("generateName").as_str().filter(|prefix| !prefix.is_empty())?;
    metadata.get("name").text().is_empty().then_some(prefix)
}

/// What tells objects apart whose names the API server will make: two of them are not one. No name looks like this, so
/// nothing can refer to it.
pub fn generated_key(key: ObjectKey, place: &str) -> ObjectKey {
    ObjectKey { name: Name::new(&format!("{}{PLACE}{place})", key.name)), ..key }
}

/// The key without what [`generated_key`] added: what may be shown as a name.
pub fn shown_key(key: &ObjectKey) -> ObjectKey {
    let name = key.name.split_once(PLACE).map_or(key.name.as_str(), |(prefix, _)| prefix);
    ObjectKey::new(&key.group, &key.kind, &key.namespace, name)
}

/// Between what a name begins with and the place of its object.
const PLACE: &str = "… (";
