//! What calls cost, in Kubernetes' numbers (cel-go interpreter/runtimecost.go, apiserver pkg/cel/library/cost.go), for those
//! who declare functions.

use crate::engine::{
    cel::{
        functions::Failure,
        meter::Meter,
        value::{List, Map, Text, Value},
    },
    limits,
};

/// What reading a character costs.
const TRAVERSAL: f64 = 0.1;

/// What a character of a pattern costs, for each part of the text that it is tried on.
const PATTERN: f64 = 0.25;

/// Values that cost nothing, of which so many are paid for at once, as much as if each cost 1.
const FREE_AT_ONCE: usize = 16;

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

/// The smaller of two sizes, in the time that the smaller one takes.
pub fn smaller(one: &Value<'_>, other: &Value<'_>) -> u64 {
    let (Value::String(one), Value::String(other)) = (one, other) else {
        return match (one, other) {
            (Value::Optional(Some(one)), other) | (other, Value::Optional(Some(one))) => smaller(one, other),
            (Value::String(text), other) | (other, Value::String(text)) => up_to(text, size(other)),
            (one, other) => size(one).min(size(other)),
        };
    };
    let (short, long) = if one.as_str().len() <= other.as_str().len() { (one, other) } else { (other, one) };
    up_to(long, short.as_str().chars().count() as u64)
}

/// The characters of a text, of which no more are counted than so many.
fn up_to(text: &Text<'_>, most: u64) -> u64 {
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    text.as_str().chars().take(most).count() as u64
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
///
/// # Errors
/// Where it is more than is left: values share their parts, so that a small one may be without end to go through.
pub fn walk(value: &Value<'_>, meter: &mut Meter) -> Result<u64, Failure> {
    let mut walk = Walk { meter, cost: 0, free: 0 };
    walk.value(value)?;
    Ok(walk.cost)
}

struct Walk<'m> {
    meter: &'m mut Meter,
    cost: u64,
    /// Values that cost nothing.
    free: usize,
}

// === impl Walk ===

impl Walk<'_> {
    fn value(&mut self, value: &Value<'_>) -> Result<(), Failure> {
        let cost = match value {
            Value::String(text) => floor(float(text.as_str().len() as u64) * TRAVERSAL),
            Value::Bytes(bytes) => floor(float(bytes.as_slice().len() as u64) * TRAVERSAL),
            Value::List(List::Range(below)) => u64::try_from(*below).unwrap_or_default(),
            Value::List(list) => return self.list(list),
            Value::Map(map) => return self.map(map),
            _ => 1,
        };
        if cost == 0 {
            return self.for_free();
        }
        self.cost = self.cost.saturating_add(cost);
        if self.cost > limits::CEL_EXPRESSION { self.meter.afford(self.cost) } else { Ok(()) }
    }

    #[inline(never)]
    fn list(&mut self, list: &List<'_>) -> Result<(), Failure> {
        self.for_free()?;
        list.iter().try_for_each(|item| self.value(&item))
    }

    #[inline(never)]
    fn map(&mut self, map: &Map<'_>) -> Result<(), Failure> {
        self.for_free()?;
        map.iter().try_for_each(|(key, value)| {
            self.value(&key.to_value())?;
            self.value(&value)
        })
    }

    /// What is empty costs nothing, and takes its time all the same.
    fn for_free(&mut self) -> Result<(), Failure> {
        self.free += 1;
        if self.free.is_multiple_of(FREE_AT_ONCE) { self.meter.work(FREE_AT_ONCE.saturating_mul(4)) } else { Ok(()) }
    }
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
