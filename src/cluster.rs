//! The edge to the cluster: what is watched of it, what is read again before a denial, and what is made in it.

pub mod api;
pub mod changes;
pub mod crds;
pub mod ensure;
pub mod exceptions;
pub mod handle;
pub mod index;
pub mod lease;
pub mod metrics;
pub mod policies;
pub mod watch;
pub mod watched;
