//! Portcullis guards the telemetry of Kubernetes gateways.
//!
//! ```text
//! bytes ─▶ webhook::wire ─▶ select ─▶ Subject::read ─▶ evaluate ─▶ decide ─▶ webhook::wire ─▶ bytes
//!                             ▲ PolicySet                  ▲ View
//! paths ─▶ files ─▶ subjects + View + policies ─▶ evaluate ─▶ decide ─▶ cli::report | cli::fix
//! ```
//!
//! [`engine`] is pure: functions of data. Everything else is an edge of it.

#[cfg(feature = "server")]
pub mod admin;
#[cfg(feature = "cli")]
pub mod cases;
#[cfg(feature = "cli")]
pub mod cli;
#[cfg(feature = "server")]
pub mod cluster;
#[cfg(feature = "server")]
pub mod controller;
pub mod engine;
#[cfg(feature = "cli")]
pub mod files;
#[cfg(feature = "server")]
pub mod serve;
#[cfg(feature = "server")]
pub mod webhook;
