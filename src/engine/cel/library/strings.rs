//! Strings, with what cel-go's extension adds.

use crate::engine::cel::functions::Overload;

pub fn functions() -> Vec<Overload> {
    Vec::new()
}
