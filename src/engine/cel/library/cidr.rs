//! CIDR ranges.

use crate::engine::cel::functions::Overload;

/// `10.0.0.0/8`.
#[derive(Clone, Debug, PartialEq)]
pub struct Cidr {}

pub fn functions() -> Vec<Overload> {
    Vec::new()
}
