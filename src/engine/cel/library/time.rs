//! Times and durations, as cel-go has them on Go's `time` package.

mod civil;
mod duration;
mod timestamp;
mod zone;

pub use duration::Duration;
pub use timestamp::Timestamp;

use crate::engine::cel::{
    functions::{Answer, Call, Failure, Overload, Run},
    library::time::civil::Civil,
    types::Type,
    value::Value,
};

/// But for what compares them, which is as for numbers.
pub fn functions() -> Vec<Overload> {
    [conversions(), arithmetic(), timestamp_parts(), duration_parts()].into_iter().flatten().collect()
}

/// `2024-02-29`, of the years 0 to 9999.
pub fn is_date(text: &str) -> bool {
    timestamp::is_date(text)
}

fn conversions() -> Vec<Overload> {
    vec![
        Overload::global("duration", "duration_to_duration", [Type::Duration], Type::Duration, to_duration),
        Overload::global("duration", "int64_to_duration", [Type::Int], Type::Duration, to_duration),
        Overload::global("duration", "string_to_duration", [Type::String], Type::Duration, to_duration),
        Overload::global("timestamp", "timestamp_to_timestamp", [Type::Timestamp], Type::Timestamp, to_timestamp),
        Overload::global("timestamp", "int64_to_timestamp", [Type::Int], Type::Timestamp, to_timestamp),
        Overload::global("timestamp", "string_to_timestamp", [Type::String], Type::Timestamp, to_timestamp),
        Overload::global("int", "duration_to_int64", [Type::Duration], Type::Int, to_int),
        Overload::global("int", "timestamp_to_int64", [Type::Timestamp], Type::Int, to_int),
        Overload::global("string", "duration_to_string", [Type::Duration], Type::String, to_string),
        Overload::global("string", "timestamp_to_string", [Type::Timestamp], Type::String, to_string),
    ]
}

fn arithmetic() -> Vec<Overload> {
    let duration = || Type::Duration;
    let timestamp = || Type::Timestamp;
    vec![
        Overload::global("_+_", "add_duration_duration", [duration(), duration()], duration(), add),
        Overload::global("_+_", "add_duration_timestamp", [duration(), timestamp()], timestamp(), add),
        Overload::global("_+_", "add_timestamp_duration", [timestamp(), duration()], timestamp(), add),
        Overload::global("_-_", "subtract_duration_duration", [duration(), duration()], duration(), subtract),
        Overload::global("_-_", "subtract_timestamp_duration", [timestamp(), duration()], timestamp(), subtract),
        Overload::global("_-_", "subtract_timestamp_timestamp", [timestamp(), timestamp()], duration(), subtract),
    ]
}

/// Months, and days of a year and of a month, count from 0; only `getDate` counts from 1.
fn timestamp_parts() -> Vec<Overload> {
    let parts: [(&str, &str, &str, Run); 10] = [
        ("getFullYear", "timestamp_to_year", "timestamp_to_year_with_tz", |call| part(call, |civil, _| civil.year)),
        ("getMonth", "timestamp_to_month", "timestamp_to_month_with_tz", |call| part(call, |civil, _| civil.month - 1)),
        ("getDayOfYear", "timestamp_to_day_of_year", "timestamp_to_day_of_year_with_tz", |call| {
            part(call, |civil, _| civil.days_before())
        }),
        ("getDayOfMonth", "timestamp_to_day_of_month", "timestamp_to_day_of_month_with_tz", |call| {
            part(call, |civil, _| civil.day - 1)
        }),
        ("getDate", "timestamp_to_day_of_month_1_based", "timestamp_to_day_of_month_1_based_with_tz", |call| {
            part(call, |civil, _| civil.day)
        }),
        ("getDayOfWeek", "timestamp_to_day_of_week", "timestamp_to_day_of_week_with_tz", |call| {
            part(call, |civil, _| civil.days_since_sunday())
        }),
        ("getHours", "timestamp_to_hours", "timestamp_to_hours_with_tz", |call| part(call, |civil, _| civil.hour())),
        ("getMinutes", "timestamp_to_minutes", "timestamp_to_minutes_with_tz", |call| {
            part(call, |civil, _| civil.minute())
        }),
        // The second name is cel-go's own.
        ("getSeconds", "timestamp_to_seconds", "timestamp_to_seconds_tz", |call| part(call, |civil, _| civil.second())),
        ("getMilliseconds", "timestamp_to_milliseconds", "timestamp_to_milliseconds_with_tz", |call| {
            part(call, |_, at| at.milliseconds())
        }),
    ];
    let overloads = parts.map(|(function, in_utc, in_zone, run)| {
        [
            Overload::member(function, in_utc, [Type::Timestamp], Type::Int, run),
            Overload::member(function, in_zone, [Type::Timestamp, Type::String], Type::Int, run),
        ]
    });
    overloads.into_iter().flatten().collect()
}

fn duration_parts() -> Vec<Overload> {
    let parts: [(&str, &str, Run); 4] = [
        ("getHours", "duration_to_hours", |call| whole(call, Duration::hours)),
        ("getMinutes", "duration_to_minutes", |call| whole(call, Duration::minutes)),
        ("getSeconds", "duration_to_seconds", |call| whole(call, Duration::seconds)),
        ("getMilliseconds", "duration_to_milliseconds", |call| whole(call, Duration::milliseconds)),
    ];
    parts.map(|(function, id, run)| Overload::member(function, id, [Type::Duration], Type::Int, run)).into()
}

fn to_duration<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    match call.args {
        [Value::Duration(duration)] => Ok(Value::Duration(*duration)),
        [Value::String(text)] => {
            call.meter.work(text.as_str().len() / 16)?;
            Duration::parse(text.as_str()).map(Value::Duration).ok_or_else(|| no_conversion("string", "Duration"))
        }
        // It is declared, and cel-go makes none of an int.
        [Value::Int(_)] => Err(no_conversion("int", "Duration")),
        _ => Err(Failure::no_such_overload()),
    }
}

fn to_timestamp<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    match call.args {
        [Value::Timestamp(timestamp)] => Ok(Value::Timestamp(*timestamp)),
        [Value::Int(seconds)] => Timestamp::from_seconds(*seconds).map(Value::Timestamp).ok_or_else(timestamp_overflow),
        [Value::String(text)] => {
            let timestamp = Timestamp::parse(text.as_str()).ok_or_else(|| no_conversion("string", "Timestamp"))?;
            timestamp.in_range().map(Value::Timestamp).ok_or_else(timestamp_overflow)
        }
        _ => Err(Failure::no_such_overload()),
    }
}

/// A timestamp is seconds since 1970, a duration its nanoseconds.
fn to_int<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    match call.args {
        [Value::Duration(duration)] => Ok(Value::Int(duration.nanoseconds())),
        [Value::Timestamp(timestamp)] => Ok(Value::Int(timestamp.seconds())),
        _ => Err(Failure::no_such_overload()),
    }
}

fn to_string<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    match call.args {
        [Value::Duration(duration)] => Ok(Value::text(duration.to_string())),
        [Value::Timestamp(timestamp)] => Ok(Value::text(timestamp.to_string())),
        _ => Err(Failure::no_such_overload()),
    }
}

fn add<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    match call.args {
        [Value::Duration(one), Value::Duration(other)] => {
            one.checked_add(*other).map(Value::Duration).ok_or_else(integer_overflow)
        }
        [Value::Timestamp(at), Value::Duration(span)] | [Value::Duration(span), Value::Timestamp(at)] => {
            at.checked_add(*span).map(Value::Timestamp).ok_or_else(timestamp_overflow)
        }
        _ => Err(Failure::no_such_overload()),
    }
}

fn subtract<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    match call.args {
        [Value::Duration(one), Value::Duration(other)] => {
            one.checked_sub(*other).map(Value::Duration).ok_or_else(integer_overflow)
        }
        [Value::Timestamp(at), Value::Duration(span)] => {
            let back = span.checked_neg().ok_or_else(integer_overflow)?;
            at.checked_add(back).map(Value::Timestamp).ok_or_else(timestamp_overflow)
        }
        [Value::Timestamp(one), Value::Timestamp(other)] => {
            one.since(*other).map(Value::Duration).ok_or_else(integer_overflow)
        }
        _ => Err(Failure::no_such_overload()),
    }
}

/// In UTC unless a zone is given, whatever the zone it was written in.
fn part<'a>(call: &mut Call<'_, 'a>, of: fn(&Civil, &Timestamp) -> i64) -> Answer<'a> {
    let (at, zone) = match call.args {
        [Value::Timestamp(at)] => (at, "UTC"),
        [Value::Timestamp(at), Value::String(zone)] => (at, zone.as_str()),
        _ => return Err(Failure::no_such_overload()),
    };
    let offset = zone::offset(zone, at.seconds()).map_err(Failure::error)?;
    Ok(Value::Int(of(&Civil::at(at.seconds().wrapping_add(offset)), at)))
}

fn whole<'a>(call: &mut Call<'_, 'a>, of: fn(&Duration) -> i64) -> Answer<'a> {
    match call.args {
        [Value::Duration(duration)] => Ok(Value::Int(of(duration))),
        _ => Err(Failure::no_such_overload()),
    }
}

fn no_conversion(from: &str, to: &str) -> Failure {
    Failure::error(format!("type conversion error from '{from}' to 'google.protobuf.{to}'"))
}

fn integer_overflow() -> Failure {
    Failure::error("integer overflow")
}

fn timestamp_overflow() -> Failure {
    Failure::error("timestamp overflow")
}

#[cfg(test)]
mod tests;
