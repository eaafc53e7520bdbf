//! Sets: lists in which neither order nor repetition counts.

use crate::engine::cel::functions::Overload;

pub fn functions() -> Vec<Overload> {
    Vec::new()
}
