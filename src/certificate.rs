//! What can be told of a certificate: from when until when it is valid, whether it is for a name, and whether a CA stands for it.
//!
//! rustls checks the certificates of others and says nothing of its own; when one is valid is two dates at a fixed place, for
//! which a parser of all of X.509 is more than the rest of this module needs together.

use std::time::Duration;

use jiff::Timestamp;
use rustls::{
    RootCertStore,
    client::{verify_server_cert_signed_by_trust_anchor, verify_server_name},
    crypto::ring,
    pki_types::{CertificateDer, ServerName, UnixTime},
    server::ParsedCertificate,
};

/// From when until when a certificate is valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    pub not_before: Timestamp,
    pub not_after: Timestamp,
}

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
const VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// RFC 5280, 4.1: `Certificate { TBSCertificate { [0] version?, serial, signature, issuer, Validity { from, to }, … } … }`.
pub fn validity(certificate: &[u8]) -> Option<Validity> {
    let (certificate, _) = expect(SEQUENCE, certificate)?;
    let (body, _) = expect(SEQUENCE, certificate)?;
    let after_version = expect(VERSION, body).map_or(body, |(_, rest)| rest);
    let (_, after_serial) = expect(INTEGER, after_version)?;
    let (_, after_signature) = expect(SEQUENCE, after_serial)?;
    let (_, after_issuer) = expect(SEQUENCE, after_signature)?;
    let (validity, _) = expect(SEQUENCE, after_issuer)?;
    let (tag, from, rest) = element(validity)?;
    let not_before = time(tag, from)?;
    let (tag, to, _) = element(rest)?;
    Some(Validity { not_before, not_after: time(tag, to)? })
}

/// Whether a certificate is for this DNS name.
pub fn is_for(certificate: &CertificateDer<'_>, name: &str) -> bool {
    let parsed = ParsedCertificate::try_from(certificate);
    let name = ServerName::try_from(name.to_owned());
    matches!((parsed, name), (Ok(parsed), Ok(name)) if verify_server_name(&parsed, &name).is_ok())
}

/// Whether one of these CAs stands for a chain now, as a TLS client asks before it speaks to a server.
///
/// # Errors
/// Why none does.
pub fn is_believed(
    chain: &[CertificateDer<'_>],
    cas: &[CertificateDer<'static>],
    now: Timestamp,
) -> Result<(), String> {
    let [leaf, intermediates @ ..] = chain else { return Err("there is no certificate".to_owned()) };
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(cas.iter().cloned());
    let parsed = ParsedCertificate::try_from(leaf).map_err(|error| error.to_string())?;
    let now = UnixTime::since_unix_epoch(Duration::from_secs(u64::try_from(now.as_second()).unwrap_or_default()));
    let algorithms = ring::default_provider().signature_verification_algorithms.all;
    verify_server_cert_signed_by_trust_anchor(&parsed, &roots, intermediates, now, algorithms)
        .map_err(|error| error.to_string())
}

fn expect(expected: u8, der: &[u8]) -> Option<(&[u8], &[u8])> {
    element(der).and_then(|(tag, content, rest)| (tag == expected).then_some((content, rest)))
}

/// Tag, content, and what comes after.
fn element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, der) = der.split_first()?;
    let (&length, der) = der.split_first()?;
    let (length, der) = if length < 0x80 {
        (usize::from(length), der)
    } else {
        let (digits, der) = der.split_at_checked(usize::from(length & 0x7f)).filter(|(digits, _)| digits.len() <= 4)?;
        (digits.iter().fold(0, |length, digit| length << 8 | usize::from(*digit)), der)
    };
    let (content, rest) = der.split_at_checked(length)?;
    Some((tag, content, rest))
}

/// `YYMMDDHHMMSSZ` until 2049, `YYYYMMDDHHMMSSZ` from then on; 99991231235959Z says that it never ends.
fn time(tag: u8, text: &[u8]) -> Option<Timestamp> {
    let text = std::str::from_utf8(text).ok()?.strip_suffix('Z')?;
    let (year, rest) = match tag {
        UTC_TIME => {
            let (year, rest) = text.split_at_checked(2)?;
            (if year < "50" { format!("20{year}") } else { format!("19{year}") }, rest)
        }
        GENERALIZED_TIME => text.split_at_checked(4).map(|(year, rest)| (year.to_owned(), rest))?,
        _ => return None,
    };
    if rest.len() != 10 || !rest.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let part = |at: usize| rest.get(at..at + 2);
    let text = format!("{year}-{}-{}T{}:{}:{}Z", part(0)?, part(2)?, part(4)?, part(6)?, part(8)?);
    text.parse().ok().or_else(|| (year == "9999").then_some(Timestamp::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_both_kinds_of_time() {
        let at = |tag, text: &str| time(tag, text.as_bytes()).map(|time| time.to_string());
        assert_eq!(at(UTC_TIME, "260131235958Z").as_deref(), Some("2026-01-31T23:59:58Z"));
        assert_eq!(at(UTC_TIME, "500101000000Z").as_deref(), Some("1950-01-01T00:00:00Z"));
        assert_eq!(at(GENERALIZED_TIME, "20500101000000Z").as_deref(), Some("2050-01-01T00:00:00Z"));
        assert_eq!(time(GENERALIZED_TIME, b"99991231235959Z"), Some(Timestamp::MAX));
        for (tag, text) in [
            (UTC_TIME, "260131235958"),
            (UTC_TIME, "261331235958Z"),
            (UTC_TIME, "2601312359+1Z"),
            (INTEGER, "260131235958Z"),
        ] {
            assert_eq!(at(tag, text), None, "{text}");
        }
    }

    #[test]
    fn reads_no_nonsense() {
        for der in [&b""[..], b"\x30", b"\x30\x80", b"\x30\x89\xff", b"\x30\x84\xff\xff\xff\xff", b"\x30\x02\x30\x00"] {
            assert!(validity(der).is_none());
        }
    }
}
