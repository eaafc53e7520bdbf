//! The calendar: days and clock of a moment, for any year. jiff's ends with the year 9999, which an offset may leave.

const SECONDS_OF_DAY: i64 = 86_400;

/// Go counts the days of a calendar from the first of March of the year -292277022400, and wraps around before it.
const DAYS_TO_1970: i64 = 292_277_022_400 / 400 * 146_097 + 306 + 719_162;

/// A moment as a calendar and a clock on the wall show it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Civil {
    pub(super) year: i64,
    /// From 1.
    pub(super) month: i64,
    /// From 1.
    pub(super) day: i64,
    second_of_day: i64,
    days_since_1970: i64,
}

// === impl Civil ===

impl Civil {
    /// `seconds` since 1970, the offset of the wall already added.
    pub(super) fn at(seconds: i64) -> Self {
        let seconds = seconds.wrapping_add(DAYS_TO_1970 * SECONDS_OF_DAY).cast_unsigned();
        let in_day = SECONDS_OF_DAY.cast_unsigned();
        let days_since_1970 = (seconds / in_day).cast_signed() - DAYS_TO_1970;
        let (year, month, day) = date(days_since_1970);
        Self { year, month, day, second_of_day: (seconds % in_day).cast_signed(), days_since_1970 }
    }

    /// Days of the year that are over.
    pub(super) fn days_before(&self) -> i64 {
        self.days_since_1970 - days_since_1970(self.year, 1, 1)
    }

    pub(super) fn days_since_sunday(&self) -> i64 {
        // 1970 began on a Thursday.
        (self.days_since_1970 + 4).rem_euclid(7)
    }

    pub(super) fn hour(&self) -> i64 {
        self.second_of_day / 3600
    }

    pub(super) fn minute(&self) -> i64 {
        self.second_of_day / 60 % 60
    }

    pub(super) fn second(&self) -> i64 {
        self.second_of_day % 60
    }
}

/// Seconds since 1970, in UTC.
pub(super) fn seconds(year: i64, month: i64, day: i64, second_of_day: i64) -> i64 {
    days_since_1970(year, month, day) * SECONDS_OF_DAY + second_of_day
}

pub(super) fn days_of_month(year: i64, month: i64) -> i64 {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Years are counted from March: then the day that leap years add is the last of a year.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

fn date(days_since_1970: i64) -> (i64, i64, i64) {
    let days = days_since_1970 + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    (year, month, day)
}
