use super::*;
use crate::engine::limits;

fn parse(text: &str) -> Quantity {
    Quantity::parse(text).unwrap_or_else(|why| panic!("{text}: {why}"))
}

#[test]
fn amounts_are_equal_whatever_their_suffix() {
    for (one, other) in [
        ("1", "1000m"),
        ("1.5Gi", "1536Mi"),
        ("0.5", "500m"),
        ("1e3", "1k"),
        ("1E3", "1k"),
        ("1E", "1000P"),
        ("2e-3", "2m"),
        ("+1.0", "01"),
        ("1.", "1"),
        (".5", "500m"),
        (".", "0"),
        ("-", "0"),
        ("-0", "0"),
        ("0.1n", "1n"),
        ("-0.1n", "-1n"),
        ("100Ei", "9223372036854775807"),
        ("-100Ei", "-9223372036854775807"),
        ("123456789012345678901234567890", "123456789012345678901234567.89k"),
        ("0e1000000000", "0"),
    ] {
        assert_eq!(parse(one), parse(other), "{one} {other}");
    }
}

#[test]
fn amounts_are_in_order() {
    let ordered = [
        "-1e1000000",
        "-99999999999999999999",
        "-1Ki",
        "-1k",
        "-1n",
        "0",
        "1n",
        "1m",
        "999m",
        "1",
        "1.000000001",
        "1k",
        "1Ki",
        "1G",
        "1Gi",
        "9223372036854775807",
        "9223372036854775808",
        "1e100",
        "1e1000000",
    ];
    assert!(ordered.map(parse).is_sorted_by(|one, next| one < next));
}

#[test]
fn what_is_no_quantity_is_refused() {
    for (text, why) in [
        ("", BadQuantity::Form),
        ("1 Gi", BadQuantity::Form),
        ("1Gi ", BadQuantity::Form),
        ("1.2.3", BadQuantity::Form),
        ("--1", BadQuantity::Suffix),
        ("abc", BadQuantity::Form),
        ("1K", BadQuantity::Suffix),
        ("1ki", BadQuantity::Suffix),
        ("1mi", BadQuantity::Suffix),
        ("1e", BadQuantity::Suffix),
        ("1e+", BadQuantity::Suffix),
        ("e", BadQuantity::Suffix),
        ("1e99999999999999999999", BadQuantity::Suffix),
        (".e-20", BadQuantity::Number),
    ] {
        assert_eq!(Quantity::parse(text).err(), Some(why), "{text}");
    }
    let long = "9".repeat(limits::CEL_QUANTITY_DIGITS + 1);
    assert_eq!(Quantity::parse(&long).err(), Some(BadQuantity::TooLong));
    assert_eq!(Quantity::parse("1234567890123456789e1000000000").err(), Some(BadQuantity::TooLong));
}

#[test]
fn an_integer_is_what_kubernetes_keeps_as_one() {
    for (text, integer) in [
        ("1", Some(1)),
        ("-5k", Some(-5000)),
        ("1Ki", Some(1024)),
        ("4Ti", Some(4_398_046_511_104)),
        ("1e3", Some(1000)),
        ("999999999999999999", Some(999_999_999_999_999_999)),
        ("9E", Some(9_000_000_000_000_000_000)),
        ("0", Some(0)),
        ("0e1000000000", Some(0)),
        ("10E", None),
        ("1000000000000000000", None),
        ("1000m", None),
        ("1.0", None),
        ("1.5Ki", None),
        ("1Ei", None),
    ] {
        assert_eq!(parse(text).to_integer(), integer, "{text}");
    }
}

#[test]
fn sums_are_exact() {
    for (one, other, sum) in [
        ("50k", "20", "50020"),
        ("1", "1m", "1001m"),
        ("1", "-1", "0"),
        ("9223372036854775807", "1", "9223372036854775808"),
        ("999999999999999999", "9E", "9999999999999999999"),
        ("-9E", "-9E", "-18E"),
        ("1n", "123456789012345678901", "123456789012345678901.000000001"),
        ("5", "-12345678901234567890", "-12345678901234567885"),
        ("0", "1e1000000", "1e1000000"),
    ] {
        let (one, other, sum) = (parse(one), parse(other), parse(sum));
        assert_eq!(one.checked_add(&other), Some(sum.clone()));
        assert_eq!(other.checked_add(&one), Some(sum.clone()));
        assert_eq!(sum.checked_sub(&other), Some(one));
    }
    assert_eq!(parse("1").checked_add(&parse("1e1000000")), None, "a million digits");
}

#[test]
fn a_sum_is_compared_from_the_left_only() {
    let (two, sum) = (parse("2"), parse("1").checked_add(&Quantity::from(1)).unwrap());
    assert!(sum == two && sum.is_comparable_with(&two));
    assert!(!two.is_comparable_with(&sum));
}

#[test]
fn doubles_carry_the_error_of_their_power_of_ten() {
    for (text, double) in [
        ("1.5", 1.5),
        ("1n", 1e-9),
        ("100m", 0.1),
        ("-2Ki", -2048.0),
        ("1e400", f64::INFINITY),
        ("12345678901234567890", 12_345_678_901_234_569_216.0),
    ] {
        assert_eq!(parse(text).to_double().to_bits(), f64::to_bits(double), "{text}");
    }
    assert_eq!(decimal::power_of_ten(-323).to_bits(), 1e-323_f64.to_bits());
}
