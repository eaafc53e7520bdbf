//! Portcullis guards the telemetry of Kubernetes gateways.
#[cfg(feature = "server")]
pub mod admin;
pub mod engine;
#[cfg(feature = "server")]
pub mod webhook;
