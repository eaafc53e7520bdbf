use super::*;

#[test]
fn versions_are_in_order() {
    let ordered = [
        "0.9.12",
        "1.0.0-0",
        "1.0.0-2",
        "1.0.0-11",
        "1.0.0-alpha",
        "1.0.0-alpha.1",
        "1.0.0-alpha.beta",
        "1.0.0-rc-1",
        "1.0.0",
        "1.0.1-rc",
        "1.2.0",
        "1.10.0",
        "18446744073709551615.0.0",
    ];
    let versions = ordered.map(|text| Semver::parse(text).unwrap());
    assert!(versions.is_sorted_by(|one, next| one < next));
    assert_eq!(Semver::parse("1.0.0+a"), Semver::parse("1.0.0+b.7"));
}

#[test]
fn what_is_no_version_is_refused_in_kubernetes_words() {
    for (text, why) in [
        ("", "Version string empty"),
        ("1.2", "No Major.Minor.Patch elements found"),
        ("v1.2.3", "Invalid character(s) found in major number \"v1\""),
        ("1.x.3", "Invalid character(s) found in minor number \"x\""),
        ("1.2.3.4", "Invalid character(s) found in patch number \"3.4\""),
        ("01.2.3", "Major number must not contain leading zeroes \"01\""),
        ("1..3", "strconv.ParseUint: parsing \"\": invalid syntax"),
        ("1.2.99999999999999999999", "strconv.ParseUint: parsing \"99999999999999999999\": value out of range"),
        ("1.2.3-", "Prerelease is empty"),
        ("1.2.3-a..b", "Prerelease is empty"),
        ("1.2.3-07", "Numeric PreRelease version must not contain leading zeroes \"07\""),
        ("1.2.3-a_b", "Invalid character(s) found in prerelease \"a_b\""),
        ("1.2.3+", "Build meta data is empty"),
        ("1.2.3+a+b", "Invalid character(s) found in build meta data \"a+b\""),
    ] {
        assert_eq!(Semver::parse(text), Err(why.to_owned()), "{text}");
    }
}

#[test]
fn a_loose_version_is_completed() {
    for (text, strict) in [
        ("v1.2.3", "1.2.3"),
        ("1", "1.0.0"),
        ("v01.020", "1.20.0"),
        ("1.2.03-rc.1", "1.2.3-rc.1"),
        ("1.2.00-rc", "1.2.0-rc"),
        ("000.0.0", "0.0.0"),
    ] {
        assert_eq!(Semver::parse_loosely(text), Semver::parse(strict), "{text}");
    }
    for text in ["", "vv1", "V1", "1.2-rc", "1.2.3.4", " 1.2.3"] {
        assert!(Semver::parse_loosely(text).is_err(), "{text}");
    }
}
