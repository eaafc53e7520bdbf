//! Gateways and their classes: whose Gateway it is decides what a telemetry object does there.

use serde::Deserialize;
use serde_json::Value;

use crate::engine::{
    kinds::meta::{Meta, lenient},
    name::Name,
    selector::Labels,
};

/// Who programs a Gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Controller {
    Kgateway,
    Agentgateway,
    Other,
}

/// The lean form of a Gateway.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Gateway {
    pub class: Name,
    pub labels: Labels,
    pub listeners: Box<[Listener]>,
}

/// One entry of `spec.listeners`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Listener {
    #[serde(deserialize_with = "lenient")]
    pub name: Name,
    #[serde(deserialize_with = "lenient")]
    pub port: i64,
    #[serde(deserialize_with = "lenient")]
    pub protocol: Name,
}

/// The lean form of a GatewayClass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GatewayClass {
    pub controller: Controller,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Spec {
    #[serde(deserialize_with = "lenient")]
    gateway_class_name: Name,
    #[serde(deserialize_with = "lenient")]
    listeners: Vec<Listener>,
}

// === impl Gateway ===

impl Gateway {
    pub fn read(meta: &Meta<'_>, object: &Value) -> Self {
        let spec = object.get("spec").and_then(|spec| Spec::deserialize(spec).ok()).unwrap_or_default();
        Self { class: spec.gateway_class_name, labels: meta.labels(), listeners: spec.listeners.into() }
    }

    pub fn listener(&self, name: &str) -> Option<&Listener> {
        self.listeners.iter().find(|listener| listener.name == name)
    }
}

// === impl GatewayClass ===

impl GatewayClass {
    pub fn read(object: &Value) -> Self {
        let name = object.pointer("/spec/controllerName").and_then(Value::as_str).unwrap_or_default();
        Self { controller: Controller::named(name) }
    }

    /// The classes that the control planes make themselves, under their usual names.
    pub fn well_known(class: &str) -> Option<Controller> {
        match class {
            "kgateway" | "kgateway-waypoint" => Some(Controller::Kgateway),
            "agentgateway" => Some(Controller::Agentgateway),
            _ => None,
        }
    }
}

// === impl Controller ===

impl Controller {
    /// By `spec.controllerName`; `kgateway.dev/agentgateway` was kgateway 2.1's.
    fn named(name: &str) -> Self {
        match name {
            "kgateway.dev/kgateway" => Self::Kgateway,
            "agentgateway.dev/agentgateway" | "kgateway.dev/agentgateway" => Self::Agentgateway,
            _ => Self::Other,
        }
    }
}
