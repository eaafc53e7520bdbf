//! IP addresses.

use crate::engine::cel::functions::Overload;

/// An address, of either family.
#[derive(Clone, Debug, PartialEq)]
pub struct Ip {}

pub fn functions() -> Vec<Overload> {
    Vec::new()
}
