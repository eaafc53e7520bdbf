//! Finding every `backendRef`, wherever it stands.

use serde_json::Value;

use crate::engine::node::{Node, Path, Segment};

/// A step on the way to a `backendRef`.
enum Step<'a> {
    Key(&'a str),
    Index(usize),
}

/// Every `backendRef` mapping below `node`, with its path. Most of an object is no reference, so no path is made on the way.
pub(super) fn references_below<'a>(node: &Node<'a>) -> Vec<(Path, &'a Value)> {
    let mut found = Vec::new();
    if let Some(value) = node.value() {
        walk(value, &mut Vec::new(), &mut |way, value| {
            let mut path = node.path().clone();
            for step in way {
                path.push(step.segment());
            }
            found.push((path, value));
        });
    }
    found
}

/// Whether it holds a `backendRef`.
pub(super) fn refers(value: &Value) -> bool {
    let mut found = false;
    walk(value, &mut Vec::new(), &mut |_, _| found = true);
    found
}

// === impl Step ===

impl Step<'_> {
    fn segment(&self) -> Segment {
        match self {
            Self::Key(key) => Segment::Key((*key).to_owned()),
            Self::Index(index) => Segment::Index(*index),
        }
    }
}

fn walk<'a>(value: &'a Value, way: &mut Vec<Step<'a>>, found: &mut impl FnMut(&[Step<'a>], &'a Value)) {
    match value {
        Value::Object(entries) => {
            for (key, value) in entries {
                way.push(Step::Key(key));
                if key == "backendRef" {
                    found(way, value);
                } else {
                    walk(value, way, found);
                }
                way.pop();
            }
        }
        Value::Array(items) => {
            for (index, value) in items.iter().enumerate() {
                way.push(Step::Index(index));
                walk(value, way, found);
                way.pop();
            }
        }
        _ => {}
    }
}
