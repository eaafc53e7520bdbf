//! Semantic versions.

use crate::engine::cel::functions::Overload;

/// `1.2.3-beta`.
#[derive(Clone, Debug, PartialEq)]
pub struct Semver {}

pub fn functions() -> Vec<Overload> {
    Vec::new()
}
