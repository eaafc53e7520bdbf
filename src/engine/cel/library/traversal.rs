//! What reading a value costs, in Kubernetes' numbers (`pkg/cel/library/cost.go`).

use crate::engine::cel::value::Value;

/// A tenth of a unit for each character, rounded up as the API server's doubles round it; `times` for what reads more than once.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "counted in doubles there too"
)]
pub(super) fn traversal(size: u64, times: f64) -> u64 {
    (size as f64 * times * 0.1).ceil() as u64
}

/// What matching costs: text by pattern, whose expressions are guessed to have four characters each.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "counted in doubles there too"
)]
pub(super) fn matching(text: u64, pattern: u64) -> u64 {
    let text = ((1.0 + text as f64) * 0.1).ceil() as u64;
    text.saturating_mul((pattern as f64 * 0.25).ceil() as u64)
}

/// The first argument is read once.
pub(super) fn of_first<'a>(args: &[Value<'a>], _result: &Value<'a>) -> u64 {
    traversal(args.first().map_or(1, size), 1.0)
}

/// Characters of a string, bytes of an address; 1 for what has no size.
pub(super) fn size(value: &Value<'_>) -> u64 {
    match value {
        Value::String(text) => text.as_str().chars().count() as u64,
        Value::Ip(ip) => ip.size(),
        Value::Cidr(cidr) => cidr.size(),
        _ => 1,
    }
}
