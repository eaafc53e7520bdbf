//! Times and durations.

use crate::engine::cel::functions::Overload;

/// A span of time, as Go's: nanoseconds in 64 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Duration {}

pub fn functions() -> Vec<Overload> {
    Vec::new()
}
