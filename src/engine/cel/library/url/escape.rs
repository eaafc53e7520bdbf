//! Percent-encoding, which Go has its own rules for in each part of a URL.

use std::fmt::Write as _;

use crate::engine::cel::library::go;

/// Part of a URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Path,
    Host,
    /// Of an IPv6 address.
    Zone,
    User,
    /// A name or a value of a query, where `+` is a space.
    Query,
    Fragment,
}

/// # Errors
/// In Go's words.
pub(super) fn unescape(text: &str, place: Place) -> Result<Vec<u8>, String> {
    let in_host = matches!(place, Place::Host | Place::Zone);
    let mut plain = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        match first {
            b'%' => {
                let written = rest.split_at_checked(2).and_then(|(digits, after)| Some((hex(digits)?, after)));
                let Some((byte, after)) = written else {
                    return Err(bad_escape(&[b"%", rest.get(..2).unwrap_or(rest)].concat()));
                };
                // In a host only what is not ASCII may be written so, and in a zone what could be written plainly.
                let refused = match place {
                    Place::Host => byte < 0x80 && byte != b'%',
                    Place::Zone => byte != b'%' && byte != b' ' && must_escape(byte, Place::Host),
                    _ => false,
                };
                if refused {
                    return Err(bad_escape(&[b"%", rest.get(..2).unwrap_or(rest)].concat()));
                }
                plain.push(byte);
                rest = after;
            }
            b'+' if place == Place::Query => plain.push(b' '),
            byte if in_host && byte.is_ascii() && must_escape(*byte, place) => {
                let host_byte = go::quote(&char::from(*byte).to_string());
                return Err(format!("invalid character {host_byte} in host name"));
            }
            byte => plain.push(*byte),
        }
    }
    Ok(plain)
}

pub(super) fn escape(plain: &[u8], place: Place) -> String {
    let mut text = String::with_capacity(plain.len());
    for byte in plain {
        if must_escape(*byte, place) {
            _ = write!(text, "%{byte:02X}");
        } else {
            text.push(char::from(*byte));
        }
    }
    text
}

/// Whether a path or fragment that was written so may stay so.
pub(super) fn is_encoded(text: &str, place: Place) -> bool {
    text.bytes().all(|byte| b"!$&'()*+,;=:@[]%".contains(&byte) || !must_escape(byte, place))
}

/// Go's `shouldEscape`, in the places that are asked for here.
fn must_escape(byte: u8, place: Place) -> bool {
    if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
        return false;
    }
    let plain: &[u8] = match place {
        Place::Path => b"$&+,/:;=@",
        Place::Host | Place::Zone => b"!$&'()*+,;=:[]<>\"",
        Place::User => b"$&+,;=",
        Place::Query => b"",
        Place::Fragment => b"$&+,/:;=?@!()*",
    };
    !plain.contains(&byte)
}

fn hex(digits: &[u8]) -> Option<u8> {
    digits.iter().try_fold(0, |value, digit| {
        let digit = char::from(*digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok())?;
        Some(value << 4 | digit)
    })
}

fn bad_escape(escape: &[u8]) -> String {
    format!("invalid URL escape {}", go::quote_bytes(escape))
}
