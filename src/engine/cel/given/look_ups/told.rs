//! What is told of other objects, and the type of each of it: whatever is told is declared beside where it is made.

use serde_json::{Value, json};

use crate::engine::{
    cel::{Type, given::place},
    kinds::{
        gateway::{Controller, Gateway, Listener},
        namespace::Namespace,
        reference_grant::{From, ReferenceGrant, To},
        service::{Service, ServicePort},
        telemetry::{Reference, Telemetry},
    },
    resolve::Backend,
    subject::ObjectKey,
};

/// The type of a Service.
pub fn service_type() -> Type {
    let port = Type::object(
        "portcullis.ServicePort",
        [("name", Type::String), ("port", Type::Int), ("protocol", Type::String), ("appProtocol", Type::String)],
    );
    let own = [("ports", Type::list(port)), ("externalName", Type::Bool)];
    Type::object("portcullis.Service", named().into_iter().chain(own))
}

pub(super) fn service(namespace: &str, name: &str, service: &Service) -> Value {
    let port = |port: &ServicePort| {
        json!({
            "name": *port.name,
            "port": port.port,
            "protocol": if port.is_udp { "UDP" } else { "TCP" },
            "appProtocol": *port.app_protocol,
        })
    };
    json!({
        "namespace": namespace,
        "name": name,
        "ports": service.ports.iter().map(port).collect::<Vec<_>>(),
        "externalName": service.is_external,
    })
}

/// The type of a Gateway.
pub fn gateway_type() -> Type {
    let listener =
        Type::object("portcullis.Listener", [("name", Type::String), ("port", Type::Int), ("protocol", Type::String)]);
    let own = [
        ("class", Type::String),
        ("controller", Type::String),
        ("labels", labels()),
        ("listeners", Type::list(listener)),
    ];
    Type::object("portcullis.Gateway", named().into_iter().chain(own))
}

/// Nobody's class, or none that exists, is another's.
pub(super) fn gateway(key: &ObjectKey, gateway: &Gateway, controller: Option<Controller>) -> Value {
    let controller = match controller {
        Some(Controller::Kgateway) => "kgateway",
        Some(Controller::Agentgateway) => "agentgateway",
        Some(Controller::Other) | None => "other",
    };
    let listener = |one: &Listener| json!({ "name": *one.name, "port": one.port, "protocol": *one.protocol });
    json!({
        "namespace": *key.namespace,
        "name": *key.name,
        "class": *gateway.class,
        "controller": controller,
        "labels": gateway.labels,
        "listeners": gateway.listeners.iter().map(listener).collect::<Vec<_>>(),
    })
}

/// The type of a Namespace.
pub fn namespace_type() -> Type {
    let fields = [("name", Type::String), ("labels", labels()), ("terminating", Type::Bool)];
    Type::object("portcullis.Namespace", fields)
}

pub(super) fn namespace(name: &str, namespace: &Namespace) -> Value {
    json!({ "name": name, "labels": namespace.labels, "terminating": namespace.terminating })
}

/// The type of a ReferenceGrant.
pub fn grant_type() -> Type {
    let text = || Type::String;
    let from = Type::object("portcullis.GrantFrom", [("group", text()), ("kind", text()), ("namespace", text())]);
    let to = Type::object("portcullis.GrantTo", [("group", text()), ("kind", text()), ("name", text())]);
    let own = [("from", Type::list(from)), ("to", Type::list(to))];
    Type::object("portcullis.Grant", named().into_iter().chain(own))
}

pub(super) fn grant(key: &ObjectKey, grant: &ReferenceGrant) -> Value {
    let from = |from: &From| json!({ "group": *from.group, "kind": *from.kind, "namespace": *from.namespace });
    let to = |to: &To| json!({ "group": *to.group, "kind": *to.kind, "name": to.name.as_deref().unwrap_or_default() });
    json!({
        "namespace": *key.namespace,
        "name": *key.name,
        "from": grant.from.iter().map(from).collect::<Vec<_>>(),
        "to": grant.to.iter().map(to).collect::<Vec<_>>(),
    })
}

/// The type of a telemetry reference. `port` may be missing.
pub fn reference_type() -> Type {
    let own = [
        ("port", Type::Int),
        ("signal", Type::String),
        ("grpc", Type::Bool),
        ("granted", Type::Bool),
        ("verdict", Type::String),
        ("at", place::declared()),
    ];
    Type::object("portcullis.Reference", of_kind().into_iter().chain(named()).chain(own))
}

pub(super) fn reference(reference: &Reference, namespace: &str, granted: bool, verdict: &str) -> Value {
    let backend = &*reference.backend;
    let mut told = json!({
        "group": *backend.group,
        "kind": *backend.kind,
        "namespace": namespace,
        "name": *backend.name,
        "signal": reference.signal.name(),
        "grpc": reference.grpc,
        "granted": granted,
        "verdict": if granted { verdict } else { "not-allowed" },
        "at": place::at(&reference.path),
    });
    if let (Some(port), Some(told)) = (backend.port, told.as_object_mut()) {
        told.insert("port".to_owned(), port.into());
    }
    told
}

/// One word for what a reference leads to; None where that is not known.
pub(super) fn verdict(backend: &Backend<'_>) -> Option<&'static str> {
    Some(match backend {
        Backend::Port(..) | Backend::Object => "ok",
        Backend::UnknownKind => "unknown-kind",
        Backend::PortOnBackend => "port-on-backend",
        Backend::NoPort => "no-port",
        Backend::Absent => "not-found",
        Backend::NoSuchPort(_) => "no-such-port",
        Backend::NotDiscovered => "not-discovered",
        Backend::Unknown => return None,
    })
}

/// The type of a telemetry object that refers to another.
pub fn referrer_type() -> Type {
    let own = [("signals", Type::list(Type::String))];
    Type::object("portcullis.Referrer", of_kind().into_iter().chain(named()).chain(own))
}

pub(super) fn referrer(key: &ObjectKey, telemetry: &Telemetry) -> Value {
    let mut signals: Vec<&str> = telemetry.settings.iter().map(|setting| setting.signal.name()).collect();
    signals.dedup();
    json!({
        "group": *key.group,
        "kind": *key.kind,
        "namespace": *key.namespace,
        "name": *key.name,
        "signals": signals,
    })
}

fn of_kind() -> [(&'static str, Type); 2] {
    [("group", Type::String), ("kind", Type::String)]
}

fn named() -> [(&'static str, Type); 2] {
    [("namespace", Type::String), ("name", Type::String)]
}

fn labels() -> Type {
    Type::map(Type::String, Type::String)
}
