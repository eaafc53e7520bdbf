//! Time zones: IANA's names from a database inside the binary, or an offset.

use std::sync::LazyLock;

use jiff::tz::TimeZoneDatabase;

use crate::engine::cel::library::go;

/// No file is read.
static ZONES: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

/// Seconds that a wall clock of this zone is ahead of UTC at that second since 1970; or why there is no such zone, as Go says it.
///
/// `Local` is UTC: what it is elsewhere depends on the machine.
pub(super) fn offset(zone: &str, at: i64) -> Result<i64, String> {
    if let Some((hours, minutes)) = zone.split_once(':') {
        return fixed(zone, hours, minutes);
    }
    if matches!(zone, "" | "UTC" | "Local") {
        return Ok(0);
    }
    if zone.contains("..") || zone.starts_with(['/', '\\']) {
        return Err("time: invalid location name".to_owned());
    }
    let unknown = || format!("unknown time zone {zone}");
    let found = ZONES.get(zone).map_err(|_| unknown())?;
    // The database does not look at capitals; Go does.
    if found.iana_name() != Some(zone) {
        return Err(unknown());
    }
    let (first, last) = (jiff::Timestamp::MIN.as_second(), jiff::Timestamp::MAX.as_second());
    let at = jiff::Timestamp::from_second(at.clamp(first, last)).map_err(|_| unknown())?;
    Ok(i64::from(found.to_offset(at).seconds()))
}

/// `+02:00`, `-3:30`, `14:00`: whatever two numbers there are, Go's 64 bits wrapping around.
fn fixed(zone: &str, hours: &str, minutes: &str) -> Result<i64, String> {
    const MINUTE: i64 = 60_000_000_000;
    let (hours, minutes) = (go::atoi(hours)?, go::atoi(minutes)?);
    let whole = hours.wrapping_mul(60);
    let offset = if zone.starts_with('-') { whole.wrapping_sub(minutes) } else { whole.wrapping_add(minutes) };
    Ok(offset.wrapping_mul(MINUTE) / 1_000_000_000)
}
