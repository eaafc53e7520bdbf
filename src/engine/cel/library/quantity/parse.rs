//! Quantities as Kubernetes' `resource.ParseQuantity` reads them: which it keeps in 64 bits, and which not, is part of the answer.

use std::fmt;

use super::{Amount, decimal::Decimal};
use crate::engine::limits;

/// Why a text is no quantity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadQuantity {
    Form,
    Number,
    Suffix,
    /// It is one, of more than [`limits::CEL_QUANTITY_DIGITS`].
    TooLong,
}

/// What a suffix multiplies by.
#[derive(Clone, Copy, Debug)]
enum Factor {
    /// A power of ten.
    Ten(i32),
    /// A power of two.
    Two(u32),
}

/// Digits of an amount that is kept in 64 bits.
const SMALL_DIGITS: usize = 18;

/// Nothing is finer than a nano.
const NANO: i32 = -9;

pub(super) fn amount(text: &str) -> Result<Amount, BadQuantity> {
    if text.is_empty() {
        return Err(BadQuantity::Form);
    }
    let (negative, number) = match text.strip_prefix('-') {
        Some(number) => (true, number),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let significant = number.trim_start_matches('0');
    if significant.is_empty() {
        return Ok(Amount::Small { value: 0, scale: 0 });
    }
    let (whole, rest) = split_digits(significant);
    let (fraction, suffix) = match rest.strip_prefix('.') {
        Some(rest) => split_digits(rest),
        None => ("", rest),
    };
    let factor = factor(suffix)?;
    if let Some(small) = small(negative, whole, fraction, factor) {
        return Ok(small);
    }
    // `.e-20` has none.
    if !number.starts_with('0') && whole.is_empty() && fraction.is_empty() {
        return Err(BadQuantity::Number);
    }
    large(negative, whole, fraction, factor).map(Amount::Large).ok_or(BadQuantity::TooLong)
}

// === impl BadQuantity ===

impl fmt::Display for BadQuantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Form => "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
            Self::Number => "unable to parse numeric part of quantity",
            Self::Suffix => "unable to parse quantity's suffix",
            Self::TooLong => "quantity has too many digits",
        })
    }
}

/// None where Kubernetes does not keep it in 64 bits.
fn small(negative: bool, whole: &str, fraction: &str, factor: Factor) -> Option<Amount> {
    // Kubernetes counts a missing number as one digit.
    let whole_digits = whole.len().max(1);
    let (most_digits, exponent, multiplier) = match factor {
        Factor::Ten(exponent) => (SMALL_DIGITS, exponent, 1),
        // About what the factor leaves of 15 digits.
        Factor::Two(power) if fraction.is_empty() => {
            (14_usize.checked_sub(power as usize * 3 / 10)?, 0, 1_i64 << power)
        }
        Factor::Two(_) => return None,
    };
    if whole_digits.saturating_add(fraction.len()) > most_digits {
        return None;
    }
    let scale = exponent.wrapping_sub(i32::try_from(fraction.len()).ok()?);
    if scale < NANO {
        return None;
    }
    let digits = whole.bytes().chain(fraction.bytes());
    let value = digits.fold(0, |value: i64, digit| value * 10 + i64::from(digit - b'0')).checked_mul(multiplier)?;
    Some(Amount::Small { value: if negative { -value } else { value }, scale })
}

/// Rounded away from zero to nanos; what has a binary suffix is at most 2^63-1.
fn large(negative: bool, whole: &str, fraction: &str, factor: Factor) -> Option<Decimal> {
    let digits = whole.len().saturating_add(fraction.len());
    if digits > limits::CEL_QUANTITY_DIGITS {
        return None;
    }
    let places = i32::try_from(fraction.len()).ok()?;
    let decimal = |exponent| Decimal::new(negative, whole.bytes().chain(fraction.bytes()), exponent);
    let (exact, binary) = match factor {
        Factor::Ten(exponent) => (decimal(places.wrapping_sub(exponent).wrapping_neg()), false),
        Factor::Two(power) => (decimal(-places).times(1 << power), true),
    };
    if exact.sign().is_eq() {
        return Some(exact);
    }
    let rounded = exact.rounded_up_at(NANO)?;
    let most = Decimal::from_int(i64::MAX, 0);
    if binary && rounded.clone().absolute() > most {
        return Some(if negative { most.negated() } else { most });
    }
    Some(rounded)
}

fn factor(suffix: &str) -> Result<Factor, BadQuantity> {
    let letters = suffix.trim_start_matches(|c: char| "eEinumkKMGTP".contains(c));
    let signed = letters.strip_prefix(['-', '+']).unwrap_or(letters);
    if !signed.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(BadQuantity::Form);
    }
    Ok(match suffix {
        "n" => Factor::Ten(-9),
        "u" => Factor::Ten(-6),
        "m" => Factor::Ten(-3),
        "" => Factor::Ten(0),
        "k" => Factor::Ten(3),
        "M" => Factor::Ten(6),
        "G" => Factor::Ten(9),
        "T" => Factor::Ten(12),
        "P" => Factor::Ten(15),
        "E" => Factor::Ten(18),
        "Ki" => Factor::Two(10),
        "Mi" => Factor::Two(20),
        "Gi" => Factor::Two(30),
        "Ti" => Factor::Two(40),
        "Pi" => Factor::Two(50),
        "Ei" => Factor::Two(60),
        _ => {
            let exponent = suffix.strip_prefix(['e', 'E']).and_then(|exponent| exponent.parse::<i64>().ok());
            Factor::Ten(low_bits(exponent.ok_or(BadQuantity::Suffix)?))
        }
    })
}

/// As Go narrows a number.
#[expect(clippy::cast_possible_truncation, reason = "Kubernetes cuts an exponent to 32 bits")]
const fn low_bits(exponent: i64) -> i32 {
    exponent as i32
}

fn split_digits(text: &str) -> (&str, &str) {
    text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()))
}
