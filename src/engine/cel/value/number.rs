//! Numbers of three types that are one line of numbers: order between them, conversions that lose nothing, and how Go reads and
//! prints them.

use std::cmp::Ordering;

/// 2^63 and 2^64: the first that an int and a uint cannot hold.
const BEYOND_INT: f64 = 9_223_372_036_854_775_808.0;
const BEYOND_UINT: f64 = 18_446_744_073_709_551_616.0;

/// From this power of ten on Go prints an exponent (`%g`), and below that one.
const LARGE: i32 = 6;
const SMALL: i32 = -4;

pub fn compare_int_uint(int: i64, uint: u64) -> Ordering {
    u64::try_from(int).map_or(Ordering::Less, |int| int.cmp(&uint))
}

/// As cel-go compares: an int as the nearest double. NaN is ordered with nothing.
#[expect(clippy::cast_precision_loss, reason = "as the nearest double")]
pub fn compare_double_int(double: f64, int: i64) -> Option<Ordering> {
    if double < -BEYOND_INT {
        return Some(Ordering::Less);
    }
    if double > BEYOND_INT {
        return Some(Ordering::Greater);
    }
    double.partial_cmp(&(int as f64))
}

#[expect(clippy::cast_precision_loss, reason = "as the nearest double")]
pub fn compare_double_uint(double: f64, uint: u64) -> Option<Ordering> {
    if double < 0.0 {
        return Some(Ordering::Less);
    }
    if double > BEYOND_UINT {
        return Some(Ordering::Greater);
    }
    double.partial_cmp(&(uint as f64))
}

/// Without what is behind the point. cel-go refuses both ends of the range too.
#[expect(clippy::cast_possible_truncation, reason = "it is in range")]
pub fn int_of_double(value: f64) -> Option<i64> {
    (value > -BEYOND_INT && value < BEYOND_INT).then_some(value as i64)
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is in range")]
pub fn uint_of_double(value: f64) -> Option<u64> {
    (0.0..BEYOND_UINT).contains(&value).then_some(value as u64)
}

/// Only a whole number.
#[expect(clippy::cast_precision_loss, clippy::float_cmp, reason = "it asks whether something is lost")]
pub fn exact_int(value: f64) -> Option<i64> {
    int_of_double(value).filter(|int| *int as f64 == value)
}

#[expect(clippy::cast_precision_loss, clippy::float_cmp, reason = "it asks whether something is lost")]
pub fn exact_uint(value: f64) -> Option<u64> {
    uint_of_double(value).filter(|uint| *uint as f64 == value)
}

/// As Go's `strconv.ParseFloat`: what is too large is refused, underscores stand between digits, and there are hexadecimal ones.
pub fn parse_double(text: &str) -> Option<f64> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let signed = |value: f64| if negative { -value } else { value };
    if digits.eq_ignore_ascii_case("inf") || digits.eq_ignore_ascii_case("infinity") {
        return Some(signed(f64::INFINITY));
    }
    if digits.eq_ignore_ascii_case("nan") {
        return (digits.len() == text.len()).then_some(f64::NAN);
    }
    if digits.starts_with("0x") || digits.starts_with("0X") {
        return parse_hexadecimal(digits.get(2..)?).map(signed);
    }
    let plain = without_underscores(digits)?;
    let number = plain.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'e' | b'E' | b'+' | b'-'));
    let value: f64 = plain.parse().ok().filter(|_| number && !plain.starts_with(['+', '-']))?;
    value.is_finite().then(|| signed(value))
}

/// As Go's `%g`: the fewest digits that are read back as this value.
pub fn shortest(value: f64) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    let scientific = format!("{value:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or_default();
    if value == 0.0 || (SMALL..LARGE).contains(&exponent) {
        return format!("{value}");
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.abs())
}

fn without_underscores(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let between_digits = |at: usize| {
        let digit = |at: Option<usize>| at.and_then(|at| bytes.get(at)).is_some_and(u8::is_ascii_hexdigit);
        digit(at.checked_sub(1)) && digit(Some(at + 1))
    };
    let all_between = bytes.iter().enumerate().all(|(at, byte)| *byte != b'_' || between_digits(at));
    all_between.then(|| text.replace('_', ""))
}

/// `1.8p-2`, of what follows `0x`: the exponent, a power of two, must be there.
#[expect(clippy::cast_precision_loss, reason = "it is rounded to the nearest double")]
fn parse_hexadecimal(text: &str) -> Option<f64> {
    let text = without_underscores(text.strip_prefix('_').unwrap_or(text))?.to_ascii_lowercase();
    let (digits, exponent) = text.split_once('p')?;
    let mut exponent: i32 = exponent.parse().ok()?;
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let mut mantissa: u64 = 0;
    let mut lost = false;
    for (at, digit) in whole.chars().chain(fraction.chars()).enumerate() {
        let digit = u64::from(digit.to_digit(16)?);
        let behind_point = at >= whole.len();
        if mantissa >> 60 == 0 {
            mantissa = mantissa << 4 | digit;
            exponent = exponent.saturating_sub(if behind_point { 4 } else { 0 });
        } else {
            lost |= digit != 0;
            exponent = exponent.saturating_add(if behind_point { 0 } else { 4 });
        }
    }
    // The last bit stands for all that were lost, so that it is rounded the right way.
    let value = scale((mantissa | u64::from(lost)) as f64, exponent);
    value.is_finite().then_some(value)
}

/// In steps, none of which overflows before the result does.
fn scale(mut value: f64, mut exponent: i32) -> f64 {
    while exponent > 0 && value.is_finite() && value != 0.0 {
        let step = exponent.min(1000);
        value *= 2_f64.powi(step);
        exponent -= step;
    }
    while exponent < 0 && value != 0.0 {
        let step = exponent.max(-1000);
        value *= 2_f64.powi(step);
        exponent -= step;
    }
    value
}
