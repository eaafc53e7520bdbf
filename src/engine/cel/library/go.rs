//! What Go's standard library says in errors that the API server hands on.

use std::{fmt::Write as _, sync::LazyLock};

use regex::Regex;

/// What Go prints as it is: letters, marks, numbers, punctuation and symbols (`strconv.IsPrint`).
static PRINTED: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"^[\pL\pM\pN\pP\pS]$").ok());

/// As `strconv.Quote` and `%q` write it.
pub fn quote(text: &str) -> String {
    quote_bytes(text.as_bytes())
}

/// The same for what may be no UTF-8.
pub fn quote_bytes(bytes: &[u8]) -> String {
    let mut quoted = String::with_capacity(bytes.len() + 2);
    quoted.push('"');
    for chunk in bytes.utf8_chunks() {
        chunk.valid().chars().for_each(|c| quote_char(c, &mut quoted));
        for byte in chunk.invalid() {
            _ = write!(quoted, "\\x{byte:02x}");
        }
    }
    quoted.push('"');
    quoted
}

fn is_printed(c: char) -> bool {
    PRINTED.as_ref().is_some_and(|printed| printed.is_match(c.encode_utf8(&mut [0; 4])))
}

/// # Errors
/// As `strconv.Atoi` words them.
pub fn atoi(text: &str) -> Result<i64, String> {
    parse(text, "Atoi")
}

/// # Errors
/// As `strconv.ParseUint` words them.
pub fn parse_uint(text: &str) -> Result<u64, String> {
    parse(text, "ParseUint")
}

fn parse<T: std::str::FromStr<Err = std::num::ParseIntError>>(text: &str, function: &str) -> Result<T, String> {
    use std::num::IntErrorKind::{NegOverflow, PosOverflow};
    text.parse().map_err(|error: std::num::ParseIntError| {
        let why = match error.kind() {
            PosOverflow | NegOverflow => "value out of range",
            _ => "invalid syntax",
        };
        format!("strconv.{function}: parsing {}: {why}", quote(text))
    })
}

fn quote_char(c: char, quoted: &mut String) {
    match c {
        '"' => quoted.push_str("\\\""),
        '\\' => quoted.push_str("\\\\"),
        '\u{7}' => quoted.push_str("\\a"),
        '\u{8}' => quoted.push_str("\\b"),
        '\u{c}' => quoted.push_str("\\f"),
        '\n' => quoted.push_str("\\n"),
        '\r' => quoted.push_str("\\r"),
        '\t' => quoted.push_str("\\t"),
        '\u{b}' => quoted.push_str("\\v"),
        ' '..='~' => quoted.push(c),
        '\0'..='\x7f' => _ = write!(quoted, "\\x{:02x}", u32::from(c)),
        c if is_printed(c) => quoted.push(c),
        '\u{80}'..='\u{ffff}' => _ = write!(quoted, "\\u{:04x}", u32::from(c)),
        c => _ = write!(quoted, "\\U{:08x}", u32::from(c)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_quoted_as_go_quotes_it() {
        assert_eq!(quote("a \"b\" \\ \n\u{1}\u{7f}\u{a0}\u{e9}"), r#""a \"b\" \\ \n\x01\x7f\u00a0é""#);
        assert_eq!(quote_bytes(b"%2\xc3"), r#""%2\xc3""#);
    }
}
