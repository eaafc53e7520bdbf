//! Kubernetes quantities.

use crate::engine::cel::functions::Overload;

/// `1.5Gi`.
#[derive(Clone, Debug, PartialEq)]
pub struct Quantity {}

pub fn functions() -> Vec<Overload> {
    Vec::new()
}
