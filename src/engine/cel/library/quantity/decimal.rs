//! Exact decimal numbers, no longer than [`limits::CEL_QUANTITY_DIGITS`]: digits as they are written, because nothing is done
//! with them but adding, comparing and shifting, for which powers of ten cost nothing that way.

use std::cmp::Ordering;

use crate::engine::limits;

/// `digits` times 10 to the power of `exponent`.
#[derive(Clone, Debug)]
pub(super) struct Decimal {
    negative: bool,
    /// From 0 to 9, the highest first and not 0: none for zero.
    digits: Vec<u8>,
    exponent: i32,
}

// === impl Decimal ===

impl Decimal {
    /// From ASCII digits; anything else counts as 0.
    pub(super) fn new(negative: bool, digits: impl IntoIterator<Item = u8>, exponent: i32) -> Self {
        let digits =
            digits.into_iter().map(|digit| digit.wrapping_sub(b'0')).map(|digit| if digit > 9 { 0 } else { digit });
        let digits: Vec<u8> = digits.skip_while(|digit| *digit == 0).collect();
        Self { negative: negative && !digits.is_empty(), digits, exponent }
    }

    pub(super) fn from_int(value: i64, exponent: i32) -> Self {
        Self::new(value < 0, value.unsigned_abs().to_string().into_bytes(), exponent)
    }

    pub(super) const fn exponent(&self) -> i32 {
        self.exponent
    }

    pub(super) fn sign(&self) -> Ordering {
        match (self.digits.is_empty(), self.negative) {
            (true, _) => Ordering::Equal,
            (false, true) => Ordering::Less,
            (false, false) => Ordering::Greater,
        }
    }

    #[must_use]
    pub(super) fn negated(mut self) -> Self {
        self.negative = !self.negative && !self.digits.is_empty();
        self
    }

    #[must_use]
    pub(super) fn absolute(mut self) -> Self {
        self.negative = false;
        self
    }

    /// Its digits as one number, whatever the exponent.
    pub(super) fn digits_as_double(&self) -> f64 {
        let text: String = self.digits.iter().map(|digit| char::from(b'0' + digit)).collect();
        let number = text.parse().unwrap_or(0.0);
        if self.negative { -number } else { number }
    }

    #[must_use]
    pub(super) fn times(mut self, factor: u64) -> Self {
        let mut carry = 0_u128;
        for digit in self.digits.iter_mut().rev() {
            let product = u128::from(*digit) * u128::from(factor) + carry;
            *digit = last_digit(product);
            carry = product / 10;
        }
        while carry > 0 {
            self.digits.insert(0, last_digit(carry));
            carry /= 10;
        }
        self
    }

    /// With this exponent; away from zero where digits are cut off. None where it gets too long.
    pub(super) fn rounded_up_at(mut self, exponent: i32) -> Option<Self> {
        let shift = i64::from(self.exponent) - i64::from(exponent);
        if let Ok(cut) = usize::try_from(-shift) {
            let kept = self.digits.len().saturating_sub(cut);
            let rest = self.digits.split_off(kept);
            self.exponent = exponent;
            if rest.iter().any(|digit| *digit != 0) {
                let one = Self { negative: self.negative, digits: vec![1], exponent };
                return self.add(&one);
            }
            return Some(self);
        }
        self.aligned(exponent)
    }

    /// None where it gets too long.
    pub(super) fn add(&self, other: &Self) -> Option<Self> {
        let exponent = self.exponent.min(other.exponent);
        let one = self.clone().aligned(exponent)?;
        let other = other.clone().aligned(exponent)?;
        if one.negative == other.negative {
            let digits = sum(&one.digits, &other.digits);
            return Some(Self { negative: one.negative, digits, exponent });
        }
        let (larger, smaller) =
            if cmp_digits(&one.digits, &other.digits).is_ge() { (&one, &other) } else { (&other, &one) };
        let digits = difference(&larger.digits, &smaller.digits);
        Some(Self { negative: larger.negative && !digits.is_empty(), digits, exponent })
    }

    /// The same number with a lower exponent. None where it gets too long.
    fn aligned(mut self, exponent: i32) -> Option<Self> {
        if !self.digits.is_empty() {
            let zeros = usize::try_from(i64::from(self.exponent) - i64::from(exponent)).ok()?;
            let len = self.digits.len().saturating_add(zeros);
            if len > limits::CEL_QUANTITY_DIGITS {
                return None;
            }
            self.digits.resize(len, 0);
        }
        self.exponent = exponent;
        Some(self)
    }

    /// How many digits stand before the point.
    fn magnitude(&self) -> i64 {
        i64::try_from(self.digits.len()).unwrap_or(i64::MAX).saturating_add(i64::from(self.exponent))
    }
}

impl PartialEq for Decimal {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Decimal {}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Decimal {
    fn cmp(&self, other: &Self) -> Ordering {
        let signs = self.sign().cmp(&other.sign());
        if signs.is_ne() || self.digits.is_empty() {
            return signs;
        }
        let len = self.digits.len().max(other.digits.len());
        let padded =
            |decimal: &Self| decimal.digits.iter().copied().chain(std::iter::repeat(0)).take(len).collect::<Vec<_>>();
        let order = self.magnitude().cmp(&other.magnitude()).then_with(|| padded(self).cmp(&padded(other)));
        if self.negative { order.reverse() } else { order }
    }
}

/// As Go's `math.Pow10` has it: a product of two exact powers.
pub(super) fn power_of_ten(exponent: i32) -> f64 {
    let exact = |exponent: i32| format!("1e{exponent}").parse::<f64>().unwrap_or(0.0);
    match exponent {
        0..=308 => exact(exponent / 32 * 32) * exact(exponent % 32),
        -323..0 => exact(exponent / 32 * 32) / exact(-(exponent % 32)),
        309.. => f64::INFINITY,
        _ => 0.0,
    }
}

fn last_digit(number: u128) -> u8 {
    u8::try_from(number % 10).unwrap_or(0)
}

/// Numbers of one exponent, without leading zeros.
fn cmp_digits(one: &[u8], other: &[u8]) -> Ordering {
    one.len().cmp(&other.len()).then_with(|| one.cmp(other))
}

fn sum(one: &[u8], other: &[u8]) -> Vec<u8> {
    let (longer, shorter) = if one.len() >= other.len() { (one, other) } else { (other, one) };
    let mut digits = Vec::with_capacity(longer.len() + 1);
    let mut carry = 0;
    for (digit, other) in longer.iter().rev().zip(shorter.iter().rev().chain(std::iter::repeat(&0))) {
        let sum = digit + other + carry;
        digits.push(sum % 10);
        carry = sum / 10;
    }
    if carry > 0 {
        digits.push(carry);
    }
    digits.reverse();
    digits
}

fn difference(larger: &[u8], smaller: &[u8]) -> Vec<u8> {
    let mut digits = Vec::with_capacity(larger.len());
    let mut borrowed = 0;
    for (digit, other) in larger.iter().rev().zip(smaller.iter().rev().chain(std::iter::repeat(&0))) {
        let taken = other + borrowed;
        borrowed = u8::from(*digit < taken);
        digits.push((digit + 10 * borrowed).saturating_sub(taken));
    }
    digits.reverse();
    digits.into_iter().skip_while(|digit| *digit == 0).collect()
}
