//! Base64 with padding (RFC 4648 §4), as the API server and HTTP's Basic authentication take it.

/// The bytes behind it, also where padding or the last bits are missing; None for what is no base64 at all.
pub fn decode_leniently(base64: &str) -> Option<Vec<u8>> {
    let (mut bytes, mut bits, mut count) = (Vec::with_capacity(base64.len() / 4 * 3), 0_u32, 0);
    let base64 = base64.trim_end_matches(['=', '\r', '\n']);
    for digit in base64.bytes().filter(|digit| !matches!(digit, b'\r' | b'\n')) {
        let value = match digit {
            b'A'..=b'Z' => digit - b'A',
            b'a'..=b'z' => digit - b'a' + 26,
            b'0'..=b'9' => digit - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push(u8::try_from(bits >> count & 0xFF).ok()?);
        }
    }
    Some(bytes)
}

/// Whether it is base64 in full groups of four, padding included.
pub fn is_strict(base64: &str) -> bool {
    let digits = base64.strip_suffix("==").or_else(|| base64.strip_suffix('=')).unwrap_or(base64);
    base64.len().is_multiple_of(4) && digits.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'+' || c == b'/')
}

/// Padded, as Go writes and reads `[]byte`.
pub fn encode(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let group = [0, 1, 2].map(|at| u32::from(chunk.get(at).copied().unwrap_or_default()));
        let bits = group.iter().fold(0, |bits, byte| bits << 8 | byte);
        for (at, shift) in [18, 12, 6, 0].into_iter().enumerate() {
            let digit = DIGITS.get((bits >> shift & 63) as usize).copied().unwrap_or(b'=');
            out.push(char::from(if at <= chunk.len() { digit } else { b'=' }));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_written_as_in_rfc_4648() {
        let cases = [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ];
        for (plain, encoded) in cases {
            assert_eq!(encode(plain.as_bytes()), encoded, "{plain}");
        }
        assert_eq!(encode(&[0xff, 0xef, 0xbe]), "/+++");
    }

    #[test]
    fn base64_is_read_as_in_rfc_4648() {
        for (base64, text) in [
            ("", Some("")),
            ("Zg==", Some("f")),
            ("Zm8=", Some("fo")),
            ("Zm9v", Some("foo")),
            ("Zm9v\nYmFy\n", Some("foobar")),
            ("w6kg8J+mgA==", Some("é 🦀")),
            ("Zm9-", None),
        ] {
            assert_eq!(decode_leniently(base64).as_deref(), text.map(str::as_bytes), "{base64}");
        }
        assert!(is_strict("Zg==") && is_strict("Zm9v") && is_strict(""));
        assert!(!is_strict("Zg=") && !is_strict("Zg") && !is_strict("Z:==") && !is_strict("Zm9v="));
    }
}
