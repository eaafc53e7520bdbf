//! Kinds that several rules look up.

use crate::engine::kinds::{AGENTGATEWAY, CORE, GATEWAY_API, ISTIO, KGATEWAY};

/// What a reference is resolved by, where its telemetry object attaches, and what else attaches there.
pub const RESOLUTION: &[(&str, &str)] = &[
    (CORE, "Service"),
    (GATEWAY_API, "Gateway"),
    (GATEWAY_API, "GatewayClass"),
    (GATEWAY_API, "ReferenceGrant"),
    (KGATEWAY, "Backend"),
    (AGENTGATEWAY, "AgentgatewayBackend"),
    (ISTIO, "ServiceEntry"),
    (KGATEWAY, "HTTPListenerPolicy"),
    (KGATEWAY, "ListenerPolicy"),
    (AGENTGATEWAY, "AgentgatewayPolicy"),
];

/// Which image a collector runs, and with which configuration.
pub const WORKLOADS: &[(&str, &str)] = &[("apps", "DaemonSet"), ("apps", "Deployment"), ("apps", "StatefulSet")];
