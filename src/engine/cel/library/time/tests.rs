use super::*;

#[test]
fn durations_are_read_as_go_reads_them() {
    for (text, printed) in [
        ("0", Some("0s")),
        ("-0", Some("0s")),
        ("1h30m", Some("5400s")),
        ("-1.5h", Some("-5400s")),
        ("+.5s", Some("0.5s")),
        ("1.s", Some("1s")),
        ("100us", Some("0.0001s")),
        ("3\u{b5}s", Some("0.000003s")),
        ("2540400h10m10.000000000s", Some("9145440610s")),
        ("9223372036854775807ns", Some("9223372036.854776s")),
        ("-9223372036854775808ns", Some("-9223372036.854776s")),
        ("9223372036854775808ns", None),
        ("2562048h", None),
        ("1d", None),
        ("5", None),
        ("", None),
        ("-", None),
        (".s", None),
        ("1 h", None),
        ("1S", None),
    ] {
        let duration = Duration::parse(text).map(|duration| duration.to_string());
        assert_eq!(duration.as_deref(), printed, "{text}");
    }
}

#[test]
fn a_duration_is_counted_in_whole_units() {
    let parts = |text| {
        let duration = Duration::parse(text).unwrap();
        (duration.hours(), duration.minutes(), duration.seconds(), duration.milliseconds())
    };
    assert_eq!(parts("1h45m30.999s"), (1, 105, 6330, 6_330_999));
    assert_eq!(parts("-90m"), (-1, -90, -5400, -5_400_000));
}

#[test]
fn timestamps_are_read_as_go_reads_them() {
    for (text, printed) in [
        ("2024-02-29T04:05:06Z", Some("2024-02-29T04:05:06Z")),
        ("2024-02-29T04:05:06.7890Z", Some("2024-02-29T04:05:06.789Z")),
        ("2024-02-29T04:05:06.1234567891Z", Some("2024-02-29T04:05:06.123456789Z")),
        ("2024-02-29T04:05:06-02:30", Some("2024-02-29T04:05:06-02:30")),
        ("2024-02-29T04:05:06+00:00", Some("2024-02-29T04:05:06Z")),
        ("2024-02-29T4:05:06,5Z", Some("2024-02-29T04:05:06.5Z")),
        ("9999-12-31T23:59:59.999999999Z", Some("9999-12-31T23:59:59.999999999Z")),
        ("0001-01-01T00:00:00Z", Some("0001-01-01T00:00:00Z")),
        ("2023-02-29T00:00:00Z", None),
        ("2024-02-29t00:00:00Z", None),
        ("2024-02-29T00:00:00z", None),
        ("2024-02-29T00:00:00", None),
        ("2024-02-29 00:00:00Z", None),
        ("2024-02-29T24:00:00Z", None),
        ("2024-02-29T23:59:60Z", None),
        ("2024-02-29T00:00:00.Z", None),
        ("2024-02-29T00:00:00+0200", None),
        ("2024-02-29T00:00:00ZZ", None),
        ("24-02-29T00:00:00Z", None),
        ("2024-02-29", None),
    ] {
        let timestamp = Timestamp::parse(text).map(|timestamp| timestamp.to_string());
        assert_eq!(timestamp.as_deref(), printed, "{text}");
    }
    assert_eq!(Timestamp::parse("0000-12-31T23:59:59Z").unwrap().in_range(), None);
    assert_eq!(Timestamp::parse("9999-12-31T23:59:59-00:01").unwrap().in_range(), None);
}

#[test]
fn a_moment_is_the_same_in_every_offset() {
    let [here, there] =
        ["2024-05-01T12:00:00+02:00", "2024-05-01T10:00:00Z"].map(|text| Timestamp::parse(text).unwrap());
    assert_eq!(here, there);
    assert_eq!(here.utc().to_string(), there.to_string());
    assert_eq!(here.since(there), Some(Duration::from_nanoseconds(0)));
}

#[test]
fn what_leaves_the_years_1_to_9999_is_no_timestamp() {
    let last = Timestamp::from_seconds(253_402_300_799).unwrap();
    let first = Timestamp::from_seconds(-62_135_596_800).unwrap();
    assert!(first.is_zero());
    assert_eq!(last.checked_add(Duration::from_nanoseconds(999_999_999)).map(|at| at.milliseconds()), Some(999));
    assert_eq!(last.checked_add(Duration::from_nanoseconds(1_000_000_000)), None);
    assert_eq!(first.checked_add(Duration::from_nanoseconds(-1)), None);
    assert_eq!(last.since(first), None, "beyond 292 years");
    assert_eq!(Timestamp::from_seconds(253_402_300_800), None);
}

#[test]
fn the_calendar_agrees_with_jiff() {
    for days in (-719_000..2_932_000).step_by(97) {
        let seconds = days * 86_400 + 3661;
        let expected = jiff::Timestamp::from_second(seconds).unwrap().to_zoned(jiff::tz::TimeZone::UTC);
        let civil = Civil::at(seconds);
        let date = (i64::from(expected.year()), i64::from(expected.month()), i64::from(expected.day()));
        assert_eq!((civil.year, civil.month, civil.day), date);
        assert_eq!(civil.days_before() + 1, i64::from(expected.day_of_year()));
        assert_eq!(civil.days_since_sunday(), i64::from(expected.weekday().to_sunday_zero_offset()));
        assert_eq!((civil.hour(), civil.minute(), civil.second()), (1, 1, 1));
        assert_eq!(civil::seconds(civil.year, civil.month, civil.day, 3661), seconds);
    }
}

#[test]
fn zones_are_known_by_name_or_offset() {
    let summer = 1_720_000_000;
    for (zone, offset) in [
        ("UTC", Ok(0)),
        ("", Ok(0)),
        ("Local", Ok(0)),
        ("Europe/Berlin", Ok(7200)),
        ("US/Central", Ok(-18_000)),
        ("America/St_Johns", Ok(-9000)),
        ("+02:00", Ok(7200)),
        ("02:00", Ok(7200)),
        ("-03:30", Ok(-12_600)),
        ("99:00", Ok(356_400)),
        ("europe/berlin", Err("unknown time zone europe/berlin")),
        ("Middle/Earth", Err("unknown time zone Middle/Earth")),
        ("../UTC", Err("time: invalid location name")),
        ("a:00", Err("strconv.Atoi: parsing \"a\": invalid syntax")),
        ("1:2:3", Err("strconv.Atoi: parsing \"2:3\": invalid syntax")),
    ] {
        assert_eq!(zone::offset(zone, summer), offset.map_err(str::to_owned), "{zone}");
    }
    assert_eq!(zone::offset("Europe/Berlin", 1_704_067_200), Ok(3600), "in winter");
}
