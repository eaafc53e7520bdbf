//! What calls cost, in Kubernetes' numbers (cel-go interpreter/runtimecost.go, apiserver pkg/cel/library/cost.go), for those
//! who declare functions.

use crate::engine::cel::value::{List, Map, Value};

/// What reading a character costs.
const TRAVERSAL: f64 = 0.1;

/// What a character of a pattern costs, for each part of the text that it is tried on.
const PATTERN: f64 = 0.25;

/// Characters of a string, bytes of bytes or of an address, elements of a list, entries of a map; 1 for all else.
pub fn size(value: &Value<'_>) -> u64 {
    let size = match value {
        Value::String(text) => text.as_str().chars().count(),
        Value::Bytes(bytes) => bytes.as_slice().len(),
        Value::List(list) => list.len(),
        Value::Map(map) => map.len(),
        Value::Optional(Some(value)) => return size(value),
        Value::Ip(ip) => return ip.size(),
        Value::Cidr(cidr) => return cidr.size(),
        _ => 1,
    };
    size as u64
}

/// Of an argument; 1 where there is none.
pub fn size_of(args: &[Value<'_>], index: usize) -> u64 {
    args.get(index).map_or(1, size)
}

/// What going through so many characters costs.
pub fn traversal(size: u64) -> u64 {
    scaled(size, TRAVERSAL)
}

/// What it costs to go through them and to make as many.
pub fn rewriting(size: u64) -> u64 {
    scaled(size, 2.0 * TRAVERSAL)
}

/// What it costs to search a text of this size with a pattern of that size.
pub fn search(text: u64, pattern: u64) -> u64 {
    // The text counts one more, so that an empty one is not free.
    scaled(text.saturating_add(1), TRAVERSAL).saturating_mul(scaled(pattern, PATTERN))
}

/// What going through a value and all that is in it costs.
pub fn walk(value: &Value<'_>) -> u64 {
    match value {
        Value::String(text) => floor(float(text.as_str().len() as u64) * TRAVERSAL),
        Value::Bytes(bytes) => floor(float(bytes.as_slice().len() as u64) * TRAVERSAL),
        Value::List(List::Range(below)) => u64::try_from(*below).unwrap_or_default(),
        Value::List(list) => list.iter().map(|item| walk(&item)).fold(0, u64::saturating_add),
        Value::Map(map) => walk_map(map),
        _ => 1,
    }
}

fn walk_map(map: &Map<'_>) -> u64 {
    map.iter().map(|(key, value)| walk(&key.to_value()).saturating_add(walk(&value))).fold(0, u64::saturating_add)
}

fn scaled(size: u64, factor: f64) -> u64 {
    floor((float(size) * factor).ceil())
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "sizes are small, and never below zero")]
fn floor(cost: f64) -> u64 {
    cost as u64
}

#[expect(clippy::cast_precision_loss, reason = "sizes are small")]
const fn float(size: u64) -> f64 {
    size as f64
}
