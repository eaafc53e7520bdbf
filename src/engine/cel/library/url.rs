//! URLs, as Go's `net/url` reads them.

use crate::engine::cel::functions::Overload;

/// A URL.
#[derive(Clone, Debug, PartialEq)]
pub struct Url {}

pub fn functions() -> Vec<Overload> {
    Vec::new()
}
