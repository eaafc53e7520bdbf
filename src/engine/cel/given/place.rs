//! Where something stands in an object, as policies write it.

use serde_json::Value;

use crate::engine::node::{Path, Segment};

/// Keys as strings, places in lists as numbers. That a string on the way holds YAML is not said: who follows the path finds
/// out.
pub(super) fn at(path: &Path) -> Value {
    path.segments()
        .iter()
        .filter_map(|segment| match segment {
            Segment::Key(key) => Some(Value::from(key.as_str())),
            Segment::Index(index) => Some(Value::from(*index)),
            Segment::Yaml => None,
        })
        .collect()
}
