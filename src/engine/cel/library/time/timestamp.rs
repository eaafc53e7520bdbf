//! Moments.

use std::{
    cmp::Ordering,
    fmt,
    hash::{Hash, Hasher},
};

use super::{
    civil::{self, Civil},
    duration::Duration,
};

const NANOSECONDS: i64 = 1_000_000_000;

/// `0001-01-01T00:00:00Z`.
const FIRST_SECOND: i64 = -62_135_596_800;
/// `9999-12-31T23:59:59Z`. jiff's own timestamps end a day earlier.
const LAST_SECOND: i64 = 253_402_300_799;

/// A moment of the years 1 to 9999, to the nanosecond. It is printed in the offset it was written in; nothing else looks at that.
#[derive(Clone, Copy, Debug)]
pub struct Timestamp {
    /// Since 1970.
    seconds: i64,
    nanoseconds: i64,
    /// East of UTC, in seconds.
    offset: i64,
}

// === impl Timestamp ===

impl Timestamp {
    /// Seconds since 1970. None outside of the years 1 to 9999.
    pub fn from_seconds(seconds: i64) -> Option<Self> {
        Self { seconds, nanoseconds: 0, offset: 0 }.in_range()
    }

    /// Seconds since 1970 and nanoseconds, of any year, as `time.Unix` of Go has it: what only a message of protobuf gives.
    pub const fn since_1970(seconds: i64, nanoseconds: i64) -> Self {
        let seconds = seconds.wrapping_add(nanoseconds.div_euclid(NANOSECONDS));
        Self { seconds, nanoseconds: nanoseconds.rem_euclid(NANOSECONDS), offset: 0 }
    }

    /// RFC 3339 as Go's `time.Parse` reads it: `T` and `Z` in capitals, no leap seconds; an hour may have one digit, and a comma
    /// may be the point. It may be out of range.
    pub fn parse(text: &str) -> Option<Self> {
        let mut reader = Reader(text.as_bytes());
        let (year, month, day) = reader.date()?;
        reader.expect(b'T')?;
        let hour = reader.number(2).or_else(|| reader.number(1)).filter(|hour| *hour < 24)?;
        reader.expect(b':')?;
        let minute = reader.number(2).filter(|minute| *minute < 60)?;
        reader.expect(b':')?;
        let second = reader.number(2).filter(|second| *second < 60)?;
        let nanoseconds = reader.fraction();
        let offset = reader.offset()?;
        let seconds = civil::seconds(year, month, day, hour * 3600 + minute * 60 + second) - offset;
        reader.0.is_empty().then_some(Self { seconds, nanoseconds, offset })
    }

    pub fn in_range(self) -> Option<Self> {
        (FIRST_SECOND..=LAST_SECOND).contains(&self.seconds).then_some(self)
    }

    /// Since 1970.
    pub const fn seconds(&self) -> i64 {
        self.seconds
    }

    /// Of its second.
    pub const fn milliseconds(&self) -> i64 {
        self.nanoseconds / 1_000_000
    }

    /// The same moment, printed in UTC.
    #[must_use]
    pub const fn utc(self) -> Self {
        Self { offset: 0, ..self }
    }

    /// Go's zero time, which is the first second of the year 1.
    pub const fn is_zero(&self) -> bool {
        self.seconds == FIRST_SECOND && self.nanoseconds == 0
    }

    /// None outside of the years 1 to 9999.
    pub fn checked_add(self, span: Duration) -> Option<Self> {
        let nanoseconds = self.nanoseconds + span.nanoseconds() % NANOSECONDS;
        let span = span.nanoseconds() / NANOSECONDS + nanoseconds.div_euclid(NANOSECONDS);
        let seconds = self.seconds.checked_add(span)?;
        Self { seconds, nanoseconds: nanoseconds.rem_euclid(NANOSECONDS), ..self }.in_range()
    }

    /// None beyond 292 years.
    pub fn since(self, earlier: Self) -> Option<Duration> {
        let seconds = self.seconds.checked_sub(earlier.seconds)?.checked_mul(NANOSECONDS)?;
        seconds.checked_add(self.nanoseconds - earlier.nanoseconds).map(Duration::from_nanoseconds)
    }
}

/// Two that are written in different offsets are equal if they are one moment.
impl PartialEq for Timestamp {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Timestamp {}

impl PartialOrd for Timestamp {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Timestamp {
    fn cmp(&self, other: &Self) -> Ordering {
        // Go counts from the year 1, and wraps around.
        let since_first = |time: &Self| (time.seconds.wrapping_sub(FIRST_SECOND), time.nanoseconds);
        since_first(self).cmp(&since_first(other))
    }
}

impl Hash for Timestamp {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.seconds, self.nanoseconds).hash(state);
    }
}

/// RFC 3339, with as many digits of a second as are needed.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let civil = Civil::at(self.seconds.wrapping_add(self.offset));
        let (hour, minute, second) = (civil.hour(), civil.minute(), civil.second());
        let (sign, year) = (if civil.year < 0 { "-" } else { "" }, civil.year.unsigned_abs());
        write!(f, "{sign}{year:04}-{:02}-{:02}T{hour:02}:{minute:02}:{second:02}", civil.month, civil.day)?;
        if self.nanoseconds != 0 {
            write!(f, ".{}", format!("{:09}", self.nanoseconds).trim_end_matches('0'))?;
        }
        if self.offset == 0 {
            return f.write_str("Z");
        }
        let sign = if self.offset < 0 { '-' } else { '+' };
        let minutes = self.offset.abs() / 60;
        write!(f, "{sign}{:02}:{:02}", minutes / 60, minutes % 60)
    }
}

pub(super) fn is_date(text: &str) -> bool {
    let mut reader = Reader(text.as_bytes());
    reader.date().is_some() && reader.0.is_empty()
}

/// What is left to read.
struct Reader<'t>(&'t [u8]);

impl Reader<'_> {
    fn expect(&mut self, byte: u8) -> Option<()> {
        self.0 = self.0.strip_prefix(&[byte])?;
        Some(())
    }

    /// Of exactly so many digits.
    fn number(&mut self, digits: usize) -> Option<i64> {
        let (number, rest) = self.0.split_at_checked(digits)?;
        let mut value = 0;
        for byte in number {
            value = value * 10 + i64::from(char::from(*byte).to_digit(10)?);
        }
        self.0 = rest;
        Some(value)
    }

    fn date(&mut self) -> Option<(i64, i64, i64)> {
        let year = self.number(4)?;
        self.expect(b'-')?;
        let month = self.number(2).filter(|month| (1..=12).contains(month))?;
        self.expect(b'-')?;
        let day = self.number(2).filter(|day| (1..=civil::days_of_month(year, month)).contains(day))?;
        Some((year, month, day))
    }

    /// Nanoseconds; digits beyond them count for nothing.
    fn fraction(&mut self) -> i64 {
        let [b'.' | b',', digits @ ..] = self.0 else { return 0 };
        let end = digits.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(digits.len());
        if end == 0 {
            return 0;
        }
        let (digits, rest) = digits.split_at(end);
        self.0 = rest;
        digits.iter().chain(b"000000000").take(9).fold(0, |value, digit| value * 10 + i64::from(digit - b'0'))
    }

    /// `Z`, `+02:00`; up to 24 hours and 60 minutes, as Go lets it.
    fn offset(&mut self) -> Option<i64> {
        if self.expect(b'Z').is_some() {
            return Some(0);
        }
        let sign = match self.expect(b'-') {
            Some(()) => -1,
            None => self.expect(b'+').map(|()| 1)?,
        };
        let hours = self.number(2).filter(|hours| *hours <= 24)?;
        self.expect(b':')?;
        let minutes = self.number(2).filter(|minutes| *minutes <= 60)?;
        Some(sign * (hours * 60 + minutes) * 60)
    }
}
