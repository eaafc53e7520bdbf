//! Tests of the whole: sockets, files, processes.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test's panic is its report, and a test is an edge"
)]

mod bad_cel;
mod bad_input;
mod bad_policies;
mod binary;
mod cli;
#[cfg(feature = "server")]
mod deploy;
#[cfg(feature = "server")]
mod docs;
#[cfg(feature = "server")]
mod doctor;
mod exceptions;
mod fix;
#[cfg(feature = "server")]
mod hostile;
mod readme;
#[cfg(feature = "server")]
mod serve;
mod testing;
#[cfg(feature = "server")]
mod testing_page;
#[cfg(feature = "server")]
mod tls;
mod walls;
#[cfg(feature = "server")]
mod webhooks;
