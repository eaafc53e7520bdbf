//! What CEL is given beside the request: `collector`, `krakend` and what `cluster` looks up, as plain JSON. Nothing here
//! knows CEL, and nothing is read before an expression asks for it.

pub mod collector;
pub mod krakend;
pub mod look_ups;

use serde_json::Value;

use crate::engine::node::{Path, Segment};

/// A path as policies write it: keys as strings, places in lists as numbers. That a string on the way holds YAML is not
/// said; who resolves the path finds out.
pub fn at(path: &Path) -> Value {
    path.segments()
        .iter()
        .filter_map(|segment| match segment {
            Segment::Key(key) => Some(Value::from(key.as_str())),
            Segment::Index(index) => Some(Value::from(*index)),
            Segment::Yaml => None,
        })
        .collect()
}
