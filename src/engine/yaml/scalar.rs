//! What a plain scalar means: two readers of the same bytes disagree, and both matter here.

use serde_json::{Number, Value};

/// Who reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// kubectl (sigs.k8s.io/yaml, go-yaml v2): `yes`, `no`, `on` and `off` are booleans.
    Kubernetes,
    /// The collector (go-yaml v3): they are strings.
    Collector,
}

/// The value of a plain scalar (go-yaml `resolve.go`, v2 and v3).
pub fn resolve(text: &str, dialect: Dialect) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "true" | "True" | "TRUE" => return Value::Bool(true),
        "false" | "False" | "FALSE" => return Value::Bool(false),
        "yes" | "Yes" | "YES" | "on" | "On" | "ON" if dialect == Dialect::Kubernetes => return Value::Bool(true),
        "no" | "No" | "NO" | "off" | "Off" | "OFF" if dialect == Dialect::Kubernetes => return Value::Bool(false),
        _ => {}
    }
    if !text.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c)) {
        return Value::String(text.to_owned());
    }
    number(&text.replace('_', "")).unwrap_or_else(|| Value::String(text.to_owned()))
}

fn number(text: &str) -> Option<Value> {
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, text.get(1..)?),
        b'+' => (false, text.get(1..)?),
        _ => (false, text),
    };
    let radix =
        |prefix: &str, radix| digits.strip_prefix(prefix).and_then(|digits| u64::from_str_radix(digits, radix).ok());
    let octal =
        digits.strip_prefix('0').filter(|rest| !rest.is_empty() && rest.bytes().all(|b| (b'0'..=b'7').contains(&b)));
    let whole = if digits.bytes().all(|byte| byte.is_ascii_digit()) && octal.is_none() && digits.parse::<u64>().is_ok()
    {
        digits.parse::<u64>().ok()
    } else {
        radix("0x", 16)
            .or_else(|| radix("0b", 2))
            .or_else(|| radix("0o", 8))
            .or_else(|| octal.and_then(|octal| u64::from_str_radix(octal, 8).ok()))
    };
    if let Some(whole) = whole {
        return Some(match (negative, i64::try_from(whole)) {
            (true, Ok(whole)) => Value::from(-whole),
            (true, Err(_)) if whole == i64::MIN.unsigned_abs() => Value::from(i64::MIN),
            (true, Err(_)) => return None,
            (false, _) => Value::from(whole),
        });
    }
    let float = digits.bytes().all(|byte| byte.is_ascii_digit() || b".eE+-".contains(&byte));
    let has_digit = digits.bytes().any(|byte| byte.is_ascii_digit());
    if !float || !has_digit || digits.starts_with(['+', '-']) {
        return None;
    }
    Number::from_f64(text.parse().ok()?).map(Value::Number)
}

/// Whether a string must be quoted so that neither reader takes it for something else.
pub fn needs_quotes(text: &str) -> bool {
    let special = |c: char| "!&*?|>%@`\"'#,[]{}:-".contains(c);
    let is_string = |dialect| matches!(resolve(text, dialect), Value::String(_));
    !is_string(Dialect::Kubernetes)
        || !is_string(Dialect::Collector)
        || text.starts_with(special)
        || text.starts_with(char::is_whitespace)
        || text.ends_with(char::is_whitespace)
        || text.ends_with(':')
        || text.contains(": ")
        || text.contains(" #")
        || text.chars().any(|c| c.is_control() || ",[]{}".contains(c))
        || ["y", "Y", "n", "N", "<<", "="].contains(&text)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_plain_scalar_means_what_its_reader_takes_it_for() {
        for (text, kubernetes, collector) in [
            ("yes", json!(true), json!("yes")),
            ("off", json!(false), json!("off")),
            ("y", json!("y"), json!("y")),
            ("True", json!(true), json!(true)),
            ("~", json!(null), json!(null)),
            ("0644", json!(420), json!(420)),
            ("0o17", json!(15), json!(15)),
            ("0x1F", json!(31), json!(31)),
            ("1_000", json!(1000), json!(1000)),
            ("-7", json!(-7), json!(-7)),
            ("1.5", json!(1.5), json!(1.5)),
            ("1e3", json!(1000.0), json!(1000.0)),
            ("089", json!(89), json!(89)),
            ("1.2.3", json!("1.2.3"), json!("1.2.3")),
            ("2024-04-01", json!("2024-04-01"), json!("2024-04-01")),
            ("10.0.0.1:4317", json!("10.0.0.1:4317"), json!("10.0.0.1:4317")),
            ("-", json!("-"), json!("-")),
            (".", json!("."), json!(".")),
            ("debug", json!("debug"), json!("debug")),
        ] {
            assert_eq!(resolve(text, Dialect::Kubernetes), kubernetes, "{text}");
            assert_eq!(resolve(text, Dialect::Collector), collector, "{text}");
        }
    }
}
