//! Regular expressions, as Go's RE2 has them: each is compiled once, and limited in size.

use crate::engine::cel::functions::Overload;

/// Patterns that are known only when an expression runs, each compiled once in a request.
#[derive(Debug, Default)]
pub struct Patterns {}

pub fn functions() -> Vec<Overload> {
    Vec::new()
}
