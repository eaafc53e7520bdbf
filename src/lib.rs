//! Portcullis guards the telemetry of Kubernetes gateways.
//!
//! ```text
//! bytes ─▶ webhook::wire ─▶ select ─▶ Subject::read ─▶ evaluate ─▶ decide ─▶ (cluster::ensure) ─▶ webhook::wire ─▶ bytes
//!                             ▲ PolicySet                  ▲ View │  ▲
//!                             │                            │      └─▶┘ cluster::handle: what a denial rests on, read again
//!            cluster::policies ┴────── cluster::index ─────┘ ◀── cluster::watch ◀── API server
//!                                            └─▶ cluster::changes ─▶ controller ─▶ grants, Events, status
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
pub mod health;
#[cfg(feature = "server")]
pub mod operate;
#[cfg(feature = "server")]
pub mod probe;
#[cfg(feature = "server")]
pub mod serve;
#[cfg(feature = "server")]
pub mod tls;
#[cfg(feature = "server")]
pub mod webhook;
