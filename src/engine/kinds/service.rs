//! Services, as far as a telemetry reference is concerned: ports, and whether a port is HTTP/2.

use serde_json::Value;

use crate::engine::{
    kinds::meta::{Meta, Sharing},
    name::Name,
};

/// The lean form of a Service.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Service {
    pub ports: Box<[ServicePort]>,
    /// `type: ExternalName`.
    pub is_external: bool,
    pub sharing: Sharing,
}

/// One entry of `spec.ports`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServicePort {
    pub port: i32,
    pub is_udp: bool,
    /// Empty where there is none; so is `app_protocol`.
    pub name: Name,
    pub app_protocol: Name,
}

// === impl Service ===

impl Service {
    pub fn read(meta: &Meta<'_>, object: &Value) -> Self {
        let spec = |field| object.get("spec").and_then(|spec| spec.get(field));
        let ports = spec("ports").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        Self {
            ports: ports.iter().map(ServicePort::read).collect(),
            is_external: spec("type").and_then(Value::as_str) == Some("ExternalName"),
            sharing: Sharing::of(meta),
        }
    }

    /// kgateway matches `spec.ports[].port` alone: not the target port, the name or the protocol.
    pub fn port(&self, number: i64) -> Option<&ServicePort> {
        self.ports.iter().find(|port| i64::from(port.port) == number)
    }
}

// === impl ServicePort ===

impl ServicePort {
    fn read(port: &Value) -> Self {
        let text = |field| port.get(field).and_then(Value::as_str).unwrap_or_default();
        let number = port.get("port").and_then(Value::as_i64);
        Self {
            port: number.and_then(|number| number.try_into().ok()).unwrap_or_default(),
            is_udp: text("protocol") == "UDP",
            name: Name::word(text("name")),
            app_protocol: Name::word(text("appProtocol")),
        }
    }

    /// kgateway speaks HTTP/2 to a port exactly when its `appProtocol`, or its name where no `appProtocol` is set, is
    /// one of these in any case (`ParseAppProtocol`, kgateway pkg/pluginsdk/ir/backend.go). On 2.0 only
    /// `kubernetes.io/h2c` counted.
    pub fn is_http2(&self, kgateway_minor: u32) -> bool {
        let said = if self.app_protocol.is_empty() { &*self.name } else { &*self.app_protocol };
        if kgateway_minor == 0 {
            return said == "kubernetes.io/h2c";
        }
        ["http2", "grpc", "grpc-web", "kubernetes.io/h2c"].iter().any(|known| known.eq_ignore_ascii_case(said))
    }
}

/// ``4317 (`otlp`)``, or the number alone.
impl std::fmt::Display for ServicePort {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.port)?;
        if self.name.is_empty() { Ok(()) } else { write!(f, " (`{}`)", self.name) }
    }
}
