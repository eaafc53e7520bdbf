//! Optional values.

use crate::engine::cel::functions::Overload;

pub fn functions() -> Vec<Overload> {
    Vec::new()
}
