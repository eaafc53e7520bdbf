//! How the text of a file is written as bytes: UTF-8, or what Windows editors and PowerShell's `>` write.

/// Known by the mark at the beginning; without one it is UTF-8, whose own mark is part of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    Utf8,
    Utf16Le,
    Utf16Be,
}

const LITTLE_ENDIAN: [u8; 2] = [0xFF, 0xFE];
const BIG_ENDIAN: [u8; 2] = [0xFE, 0xFF];

// === impl Encoding ===

impl Encoding {
    pub fn of(bytes: &[u8]) -> Self {
        match bytes.first_chunk() {
            Some(&LITTLE_ENDIAN) => Self::Utf16Le,
            Some(&BIG_ENDIAN) => Self::Utf16Be,
            _ => Self::Utf8,
        }
    }

    /// The text without a UTF-16 mark.
    ///
    /// # Errors
    /// Why it is no text.
    pub fn decode(bytes: Vec<u8>) -> Result<String, String> {
        let unit = match Self::of(&bytes) {
            Self::Utf8 => return utf8(bytes),
            Self::Utf16Le => u16::from_le_bytes,
            Self::Utf16Be => u16::from_be_bytes,
        };
        let (pairs, rest) = bytes.as_chunks();
        let units: Vec<u16> = pairs.iter().skip(1).map(|pair| unit(*pair)).collect();
        let text = String::from_utf16(&units).ok().filter(|_| rest.is_empty());
        text.ok_or_else(|| "it is not text: UTF-16 that cannot be read".to_owned())
    }

    /// The bytes of a text, with the mark that says how they are to be read.
    pub fn encode(self, text: &str) -> Vec<u8> {
        let (mark, bytes) = match self {
            Self::Utf8 => return text.as_bytes().to_vec(),
            Self::Utf16Le => (LITTLE_ENDIAN, u16::to_le_bytes as fn(u16) -> [u8; 2]),
            Self::Utf16Be => (BIG_ENDIAN, u16::to_be_bytes as fn(u16) -> [u8; 2]),
        };
        mark.into_iter().chain(text.encode_utf16().flat_map(bytes)).collect()
    }
}

fn utf8(bytes: Vec<u8>) -> Result<String, String> {
    if memchr::memchr(0, &bytes).is_some() {
        return Err("it is not text: it holds zero bytes".to_owned());
    }
    String::from_utf8(bytes).map_err(|error| {
        let read = error.as_bytes().get(..error.utf8_error().valid_up_to()).unwrap_or_default();
        format!(
            "it is not UTF-8: line {} holds bytes that are no characters",
            memchr::memchr_iter(b'\n', read).count() + 1
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again_in_the_same_encoding() {
        for text in ["", "a: é\r\nb: 🦀\n", "\u{feff}a: b\n"] {
            for encoding in [Encoding::Utf8, Encoding::Utf16Le, Encoding::Utf16Be] {
                let bytes = encoding.encode(text);
                assert_eq!(Encoding::of(&bytes), encoding);
                assert_eq!(Encoding::decode(bytes).as_deref(), Ok(text));
            }
        }
    }

    #[test]
    fn what_is_no_text_is_refused() {
        for bytes in [&[0xFF, 0xFE, b'a'][..], &[0xFE, 0xFF, 0xD8, 0x00], b"a\0", b"a\xff"] {
            assert!(Encoding::decode(bytes.to_vec()).unwrap_err().starts_with("it is not "), "{bytes:?}");
        }
    }
}
