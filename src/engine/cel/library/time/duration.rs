//! Spans of time.

use std::fmt;

const SECOND: i64 = 1_000_000_000;

/// A span of time, as Go's: nanoseconds in 64 bits, about 292 years.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Duration(i64);

// === impl Duration ===

impl Duration {
    pub const fn from_nanoseconds(nanoseconds: i64) -> Self {
        Self(nanoseconds)
    }

    /// The nearest there is, as `AsDuration` of Go's protobuf has it.
    pub fn saturating(seconds: i64, nanoseconds: i64) -> Self {
        let total = seconds.checked_mul(SECOND).and_then(|whole| whole.checked_add(nanoseconds));
        Self(total.unwrap_or(if seconds < 0 { i64::MIN } else { i64::MAX }))
    }

    /// As Go's `time.ParseDuration` reads it: `1h30m`, `-1.5h`, `300ms`; no days.
    pub fn parse(text: &str) -> Option<Self> {
        let (negative, mut rest) = match text.as_bytes() {
            [sign @ (b'-' | b'+'), rest @ ..] => (*sign == b'-', rest),
            rest => (false, rest),
        };
        if rest == b"0" {
            return Some(Self(0));
        }
        if rest.is_empty() {
            return None;
        }
        let mut total = 0_u64;
        while !rest.is_empty() {
            let (nanoseconds, after) = parse_term(rest)?;
            total = total.wrapping_add(nanoseconds);
            if total > LARGEST {
                return None;
            }
            rest = after;
        }
        if negative {
            return Some(Self(0_i64.wrapping_sub_unsigned(total)));
        }
        i64::try_from(total).ok().map(Self)
    }

    pub const fn nanoseconds(&self) -> i64 {
        self.0
    }

    pub const fn milliseconds(&self) -> i64 {
        self.0 / 1_000_000
    }

    pub fn seconds(&self) -> i64 {
        whole(self.in_units_of(SECOND))
    }

    pub fn minutes(&self) -> i64 {
        whole(self.in_units_of(60 * SECOND))
    }

    pub fn hours(&self) -> i64 {
        whole(self.in_units_of(3600 * SECOND))
    }

    pub const fn is_zero(&self) -> bool {
        self.0 == 0
    }

    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }

    pub fn checked_sub(self, other: Self) -> Option<Self> {
        self.0.checked_sub(other.0).map(Self)
    }

    pub fn checked_neg(self) -> Option<Self> {
        self.0.checked_neg().map(Self)
    }

    /// Through a double, as Go has it: what is within a nanosecond of a whole unit may be rounded to it.
    #[expect(clippy::cast_precision_loss, reason = "as Go rounds it")]
    fn in_units_of(self, unit: i64) -> f64 {
        (self.0 / unit) as f64 + (self.0 % unit) as f64 / unit as f64
    }
}

/// In seconds, as protobuf writes it in JSON: `5400s`, `0.5s`.
impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}s", self.in_units_of(SECOND))
    }
}

const LARGEST: u64 = 1 << 63;

/// A number and its unit, in nanoseconds, and what follows.
fn parse_term(text: &[u8]) -> Option<(u64, &[u8])> {
    let (digits, mut rest) = split_digits(text);
    let mut value = 0_u64;
    for digit in digits {
        if value > LARGEST / 10 {
            return None;
        }
        value = value * 10 + u64::from(digit - b'0');
        if value > LARGEST {
            return None;
        }
    }
    let mut fraction: &[u8] = &[];
    if let [b'.', after @ ..] = rest {
        (fraction, rest) = split_digits(after);
    }
    if digits.is_empty() && fraction.is_empty() {
        return None;
    }
    let end = rest.iter().position(|&byte| byte == b'.' || byte.is_ascii_digit()).unwrap_or(rest.len());
    let (unit, rest) = rest.split_at(end);
    let unit = nanoseconds_of(unit)?;
    if value > LARGEST / unit {
        return None;
    }
    let nanoseconds = value * unit + fraction_of(fraction, unit);
    (nanoseconds <= LARGEST).then_some((nanoseconds, rest))
}

/// Digits beyond what 63 bits hold count for nothing.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "as Go rounds it"
)]
fn fraction_of(digits: &[u8], unit: u64) -> u64 {
    let (mut value, mut scale) = (0_u64, 1.0_f64);
    for digit in digits {
        if value > (LARGEST - 1) / 10 {
            break;
        }
        let next = value * 10 + u64::from(digit - b'0');
        if next > LARGEST {
            break;
        }
        value = next;
        scale *= 10.0;
    }
    (value as f64 * (unit as f64 / scale)) as u64
}

fn split_digits(text: &[u8]) -> (&[u8], &[u8]) {
    text.split_at(text.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len()))
}

fn nanoseconds_of(unit: &[u8]) -> Option<u64> {
    Some(match std::str::from_utf8(unit).ok()? {
        "ns" => 1,
        "us" | "\u{b5}s" | "\u{3bc}s" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        _ => return None,
    })
}

#[expect(clippy::cast_possible_truncation, reason = "a duration has at most ten thousand million seconds")]
fn whole(units: f64) -> i64 {
    units as i64
}
