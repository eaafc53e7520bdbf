//! How deep values are nested. What one expression makes is as deep as the expression; variables could pile it up.

use crate::engine::cel::{
    Failure, Meter, Value,
    value::{List, Map},
};

/// Whether a value is nested deeper than so many levels. JSON counts one: it was read, and is not deeper than its parser allows.
pub(super) fn exceeds(value: &Value<'_>, levels: usize, meter: &mut Meter) -> Result<bool, Failure> {
    match value {
        Value::List(List::Shared(_)) | Value::Map(Map::Shared(_)) | Value::Optional(Some(_)) | Value::Struct(_) => {}
        _ => return Ok(false),
    }
    let Some(levels) = levels.checked_sub(1) else { return Ok(true) };
    meter.work(1)?;
    match value {
        Value::List(List::Shared(items)) => any(items.iter(), levels, meter),
        Value::Map(Map::Shared(entries)) => any(entries.values(), levels, meter),
        Value::Struct(made) => any(made.fields.values(), levels, meter),
        Value::Optional(Some(inner)) => exceeds(inner, levels, meter),
        _ => Ok(false),
    }
}

fn any<'v, 'a: 'v>(
    mut values: impl Iterator<Item = &'v Value<'a>>,
    levels: usize,
    meter: &mut Meter,
) -> Result<bool, Failure> {
    values.try_fold(false, |found, value| Ok(found || exceeds(value, levels, meter)?))
}
