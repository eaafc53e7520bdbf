//! Services, as far as a telemetry reference is concerned: ports, and whether a port is HTTP/2.

use serde::Deserialize;
use serde_json::Value;

use crate::engine::kinds::meta::{Meta, Sharing, lenient};

/// The lean form of a Service.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Service {
    pub ports: Box<[ServicePort]>,
    pub external_name: Option<Box<str>>,
    pub sharing: Sharing,
}

/// One entry of `spec.ports`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ServicePort {
    #[serde(deserialize_with = "lenient")]
    pub port: i64,
    #[serde(deserialize_with = "lenient")]
    pub name: Option<Box<str>>,
    #[serde(deserialize_with = "lenient")]
    pub app_protocol: Option<Box<str>>,
    /// Empty means TCP.
    #[serde(deserialize_with = "lenient")]
    pub protocol: Box<str>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Spec {
    #[serde(deserialize_with = "lenient")]
    ports: Vec<ServicePort>,
    #[serde(deserialize_with = "lenient", rename = "type")]
    type_: String,
    #[serde(deserialize_with = "lenient")]
    external_name: Box<str>,
}

// === impl Service ===

impl Service {
    pub fn read(meta: &Meta, object: &Value) -> Self {
        let spec = object.get("spec").and_then(|spec| Spec::deserialize(spec).ok()).unwrap_or_default();
        Self {
            ports: spec.ports.into(),
            external_name: (spec.type_ == "ExternalName").then_some(spec.external_name),
            sharing: Sharing::of(meta),
        }
    }

    /// kgateway matches `spec.ports[].port` alone: not the target port, the name or the protocol.
    pub fn port(&self, number: i64) -> Option<&ServicePort> {
        self.ports.iter().find(|port| port.port == number)
    }
}

// === impl ServicePort ===

impl ServicePort {
    /// kgateway speaks HTTP/2 to a port exactly when its `appProtocol`, or its name where no `appProtocol` is set, is
    /// one of these in any case (`ParseAppProtocol`, kgateway pkg/pluginsdk/ir/backend.go). On 2.0 only
    /// `kubernetes.io/h2c` counted.
    pub fn is_http2(&self, kgateway_minor: u32) -> bool {
        let said = self.app_protocol.as_deref().or(self.name.as_deref()).unwrap_or_default();
        if kgateway_minor == 0 {
            return said == "kubernetes.io/h2c";
        }
        ["http2", "grpc", "grpc-web", "kubernetes.io/h2c"].iter().any(|known| known.eq_ignore_ascii_case(said))
    }

    pub fn is_udp(&self) -> bool {
        &*self.protocol == "UDP"
    }
}

/// ``4317 (`otlp`)``, or the number alone.
impl std::fmt::Display for ServicePort {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.port)?;
        match self.name.as_deref() {
            Some(name) if !name.is_empty() => write!(f, " (`{name}`)"),
            _ => Ok(()),
        }
    }
}
