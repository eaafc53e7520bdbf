//! What a scalar means: the rules of go-yaml (`resolve.go`), which reads manifests and collector configurations.

use serde_json::{Number, Value};

use crate::engine::yaml::Dialect;

/// The value of a plain scalar without a tag.
pub(super) fn resolve(text: &str, dialect: Dialect) -> Value {
    let number = || {
        let number = match text.bytes().next() {
            Some(b'.') => float(text),
            Some(b'+' | b'-' | b'0'..=b'9') => {
                let plain = text.replace('_', "");
                integer(&plain).or_else(|| float(&plain))
            }
            _ => None,
        };
        number.map(|number| if dialect == Dialect::Kubernetes { through_json(number) } else { number })
    };
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        _ if dialect == Dialect::Kubernetes && is_yes(text) => Value::Bool(true),
        _ if dialect == Dialect::Kubernetes && is_no(text) => Value::Bool(false),
        // `.inf` and `.nan` stay strings: JSON has no such numbers.
        _ => number().map_or_else(|| Value::String(text.to_owned()), Value::Number),
    }
}

/// The value of a scalar with one of YAML's own tags, as `int` for `!!int`; None where the text does not fit the tag.
pub(super) fn tagged(text: &str, tag: &str, dialect: Dialect) -> Option<Value> {
    let value = resolve(text, dialect);
    match tag {
        "int" => value.as_number().is_some_and(|number| !number.is_f64()).then_some(value),
        "float" => value.is_number().then_some(value),
        "bool" => value.is_boolean().then_some(value),
        "null" => value.is_null().then_some(value),
        _ => Some(Value::String(text.to_owned())),
    }
}

/// Whether a plain scalar of this text is a string to every reader, also to one that knows timestamps and base 60.
pub(super) fn is_string_everywhere(text: &str) -> bool {
    let year = text.bytes().take_while(u8::is_ascii_digit).count();
    let is_date = year == 4 && text.as_bytes().get(4) == Some(&b'-');
    let is_base_60 = text.contains(':') && text.bytes().all(|byte| byte.is_ascii_digit() || b":-+_".contains(&byte));
    let is_infinite = matches!(text.trim_start_matches(['+', '-']).to_ascii_lowercase().as_str(), ".inf" | ".nan");
    let reads_as_string = |dialect| resolve(text, dialect).is_string();
    reads_as_string(Dialect::Kubernetes)
        && reads_as_string(Dialect::Collector)
        && !is_date
        && !is_base_60
        && !is_infinite
        && !matches!(text, "<<" | "=")
}

fn is_yes(text: &str) -> bool {
    matches!(text, "y" | "Y" | "yes" | "Yes" | "YES" | "on" | "On" | "ON")
}

fn is_no(text: &str) -> bool {
    matches!(text, "n" | "N" | "no" | "No" | "NO" | "off" | "Off" | "OFF")
}

/// Go's `strconv.ParseInt(text, 0, 64)`, then `ParseUint`: the prefix says the base, and a leading zero means octal.
fn integer(text: &str) -> Option<Number> {
    let (negative, body) = match text.strip_prefix('-') {
        Some(body) => (true, body),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let prefixed = |prefixes: [&str; 2]| prefixes.iter().find_map(|prefix| body.strip_prefix(prefix));
    let (digits, base) = if let Some(digits) = prefixed(["0x", "0X"]) {
        (digits, 16)
    } else if let Some(digits) = prefixed(["0b", "0B"]) {
        (digits, 2)
    } else if let Some(digits) = prefixed(["0o", "0O"]) {
        (digits, 8)
    } else if body.len() > 1 && body.starts_with('0') {
        (body, 8)
    } else {
        (body, 10)
    };
    if !digits.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return None;
    }
    let value = i128::from_str_radix(digits, base).ok()?;
    let value = if negative { -value } else { value };
    i64::try_from(value).map(Number::from).or_else(|_| u64::try_from(value).map(Number::from)).ok()
}

/// go-yaml's `yamlStyleFloat`: `^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$`.
fn float(text: &str) -> Option<Number> {
    let body = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (mantissa, exponent) = body.split_once(['e', 'E']).map_or((body, None), |(mantissa, e)| (mantissa, Some(e)));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let mantissa_fits = match mantissa.split_once('.') {
        Some(("", fraction)) => digits(fraction),
        Some((whole, fraction)) => digits(whole) && (fraction.is_empty() || digits(fraction)),
        None => digits(mantissa),
    };
    let exponent_fits = exponent.is_none_or(|exponent| digits(exponent.strip_prefix(['+', '-']).unwrap_or(exponent)));
    if !mantissa_fits || !exponent_fits {
        return None;
    }
    text.parse().ok().and_then(Number::from_f64)
}

/// Go writes the float 1 as `1`, which is an integer to whoever reads that JSON.
fn through_json(number: Number) -> Number {
    let integral = number.as_f64().filter(|float| number.is_f64() && float.fract() == 0.0);
    integral.and_then(|float| integer(&format!("{float:.0}"))).unwrap_or(number)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{is_string_everywhere, resolve, tagged};
    use crate::engine::yaml::Dialect::{Collector, Kubernetes};

    #[test]
    fn reads_plain_scalars_as_both_versions_of_go_yaml_do() {
        let cases = [
            ("", Value::Null, Value::Null),
            ("~", Value::Null, Value::Null),
            ("NULL", Value::Null, Value::Null),
            ("nULL", json!("nULL"), json!("nULL")),
            ("True", json!(true), json!(true)),
            ("yes", json!(true), json!("yes")),
            ("off", json!(false), json!("off")),
            ("y", json!(true), json!("y")),
            ("N", json!(false), json!("N")),
            ("yEs", json!("yEs"), json!("yEs")),
            ("0", json!(0), json!(0)),
            ("-7", json!(-7), json!(-7)),
            ("+7", json!(7), json!(7)),
            ("0644", json!(420), json!(420)),
            ("0o17", json!(15), json!(15)),
            ("0x1F", json!(31), json!(31)),
            ("-0x1f", json!(-31), json!(-31)),
            ("0b101", json!(5), json!(5)),
            ("1_000", json!(1000), json!(1000)),
            ("_1", json!("_1"), json!("_1")),
            ("089", json!(89), json!(89.0)),
            ("1.5", json!(1.5), json!(1.5)),
            ("1.0", json!(1), json!(1.0)),
            (".5", json!(0.5), json!(0.5)),
            ("1.", json!(1), json!(1.0)),
            ("1e3", json!(1000), json!(1000.0)),
            ("1e", json!("1e"), json!("1e")),
            ("0x", json!("0x"), json!("0x")),
            ("--1", json!("--1"), json!("--1")),
            ("-", json!("-"), json!("-")),
            ("1e999", json!("1e999"), json!("1e999")),
            ("18446744073709551615", json!(u64::MAX), json!(u64::MAX)),
            ("18446744073709551616", json!(18_446_744_073_709_551_616.0), json!(18_446_744_073_709_551_616.0)),
            (".inf", json!(".inf"), json!(".inf")),
            (".nan", json!(".nan"), json!(".nan")),
            ("2024-04-01", json!("2024-04-01"), json!("2024-04-01")),
            ("1:30", json!("1:30"), json!("1:30")),
            ("0.0.0.0:4317", json!("0.0.0.0:4317"), json!("0.0.0.0:4317")),
        ];
        for (text, kubernetes, collector) in cases {
            assert_eq!(resolve(text, Kubernetes), kubernetes, "{text}");
            assert_eq!(resolve(text, Collector), collector, "{text}");
        }
    }

    #[test]
    fn a_tag_decides() {
        assert_eq!(tagged("12", "str", Kubernetes), Some(json!("12")));
        assert_eq!(tagged("12", "int", Kubernetes), Some(json!(12)));
        assert_eq!(tagged("x", "int", Kubernetes), None);
        assert_eq!(tagged("aGk=", "binary", Kubernetes), Some(json!("aGk=")));
    }

    #[test]
    fn knows_what_needs_no_quotes() {
        for text in ["debug", "v1.2.3", "1.2.3", "0.0.0.0:4317", "otlp/2"] {
            assert!(is_string_everywhere(text), "{text}");
        }
        for text in ["", "true", "y", "9091", "1e3", "2024-04-01", "1:30", ".inf", "<<", "~", "0x1"] {
            assert!(!is_string_everywhere(text), "{text}");
        }
    }
}
