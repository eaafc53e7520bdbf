//! Kubernetes' named formats: `format.dns1123Label()`.

use crate::engine::cel::functions::Overload;

/// One of the formats.
#[derive(Clone, Debug, PartialEq)]
pub struct NamedFormat {}

pub fn functions() -> Vec<Overload> {
    Vec::new()
}
