//! Formats of OpenAPI (`kube-openapi/pkg/validation/strfmt`).

use crate::engine::cel::library::{time, url};

pub(super) fn uri(text: &str) -> Vec<String> {
    url::check(text).err().into_iter().collect()
}

/// In either case; each dash may be missing.
pub(super) fn uuid(text: &str) -> Vec<String> {
    let mut rest = text.as_bytes();
    let groups_fit = [8, 4, 4, 4, 12].into_iter().enumerate().all(|(i, digits)| {
        if i > 0 {
            rest = rest.strip_prefix(b"-").unwrap_or(rest);
        }
        let Some((group, after)) = rest.split_at_checked(digits) else { return false };
        rest = after;
        group.iter().all(u8::is_ascii_hexdigit)
    });
    unless(groups_fit && rest.is_empty(), "does not match the UUID format")
}

/// Base64 with its padding; not nothing.
pub(super) fn byte(text: &str) -> Vec<String> {
    let digits = text.trim_end_matches('=');
    let padded = text.len() - digits.len() <= 2 && text.len().is_multiple_of(4) && !digits.is_empty();
    let of_base64 = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    unless(padded && digits.bytes().all(of_base64), "invalid base64")
}

pub(super) fn date(text: &str) -> Vec<String> {
    unless(time::is_date(text), "invalid date")
}

/// Loosely, as there: of either case, and whatever follows another `t` is not looked at.
pub(super) fn datetime(text: &str) -> Vec<String> {
    let mut parts = text.split(['t', 'T']);
    let is_date = parts.next().is_some_and(time::is_date);
    unless(is_date && parts.next().is_some_and(is_time), "invalid datetime")
}

/// `04:05:06`, any character and digits, `z` or an offset of any numbers.
fn is_time(text: &str) -> bool {
    let Some((clock, rest)) = text.split_at_checked(8) else { return false };
    let two_digits = |number: &str, most: &str| {
        number.len() == 2 && number.bytes().all(|byte| byte.is_ascii_digit()) && number <= most
    };
    let mut numbers = clock.split(':');
    let in_range =
        ["23", "59", "59"].into_iter().all(|most| numbers.next().is_some_and(|number| two_digits(number, most)));
    in_range && numbers.next().is_none() && (is_offset(rest) || after_fraction(rest).is_some_and(is_offset))
}

fn after_fraction(text: &str) -> Option<&str> {
    let mut rest = text.chars();
    rest.next().filter(|point| *point != '\n')?;
    let digits = rest.as_str();
    let after = digits.trim_start_matches(|c: char| c.is_ascii_digit());
    (after.len() < digits.len()).then_some(after)
}

fn is_offset(text: &str) -> bool {
    let digit = |byte: &u8| byte.is_ascii_digit();
    match text.as_bytes() {
        [b'z' | b'Z'] => true,
        [b'+' | b'-', a, b, b':', c, d] => [a, b, c, d].into_iter().all(digit),
        _ => false,
    }
}

fn unless(is: bool, message: &str) -> Vec<String> {
    if is { Vec::new() } else { vec![message.to_owned()] }
}
