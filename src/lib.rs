//! Portcullis guards the telemetry of Kubernetes gateways.
pub mod engine;
