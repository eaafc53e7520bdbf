//! ConfigMaps: only what another object's rule reads from them is kept.

use std::collections::BTreeMap;

use memchr::memmem;
use serde_json::Value;

use crate::engine::node::Node;

/// The key of KrakenD's telemetry in its configuration.
pub const KRAKEND_TELEMETRY: &str = "telemetry/opentelemetry";

/// The lean form of a ConfigMap: the texts that look like a KrakenD configuration, by key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConfigMap {
    pub krakend: BTreeMap<Box<str>, Box<str>>,
}

impl ConfigMap {
    pub fn read(object: &Value) -> Self {
        let object = Node::root(object);
        let (data, binary) = (object.get("data"), object.get("binaryData"));
        let texts = data.entries().filter_map(|(key, node)| Some((key, Box::from(node.as_str()?))));
        // `kubectl create configmap --from-file` puts there what is no UTF-8, and charts whatever they like.
        let decoded = binary.entries().filter_map(|(key, node)| Some((key, decoded(node.as_str()?)?)));
        let krakend = texts
            .chain(decoded)
            .filter(|(_, text): &(_, Box<str>)| memmem::find(text.as_bytes(), KRAKEND_TELEMETRY.as_bytes()).is_some())
            .map(|(key, text)| (key.into(), text))
            .collect();
        Self { krakend }
    }
}

/// The text behind base64 with padding, as the API server takes it (RFC 4648 §4); None where it is none.
fn decoded(base64: &str) -> Option<Box<str>> {
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
    Some(String::from_utf8(bytes).ok()?.into_boxed_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_read_as_in_rfc_4648() {
        for (base64, text) in [
            ("", Some("")),
            ("Zg==", Some("f")),
            ("Zm8=", Some("fo")),
            ("Zm9v", Some("foo")),
            ("Zm9v\nYmFy\n", Some("foobar")),
            ("w6kg8J+mgA==", Some("é 🦀")),
            ("/w==", None),
            ("Zm9-", None),
        ] {
            assert_eq!(decoded(base64).as_deref(), text, "{base64}");
        }
    }
}
