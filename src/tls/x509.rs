//! What an X.509 certificate says of itself: until when it is valid, whose it is, and for which names.
//!
//! rustls checks the certificates of others and says nothing of its own. These are a few fields at fixed places, for which a
//! parser of all of X.509 is more than the rest of this needs together; whether to believe any of it is for rustls to say.

use std::net::IpAddr;

use jiff::Timestamp;

/// What is written in a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    pub not_before: Timestamp,
    pub not_after: Timestamp,
    /// As in `O=Example, CN=kube-apiserver`.
    pub subject: String,
    pub issuer: String,
    /// The common name of the subject, where it has exactly one.
    pub common_name: Option<String>,
    /// The same where the subject is nothing but that, written as we write it.
    pub plain_name: Option<String>,
    /// Its alternative names: DNS names and addresses.
    pub names: Vec<String>,
}

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const INTEGER: u8 = 0x02;
const BOOLEAN: u8 = 0x01;
const OCTETS: u8 = 0x04;
const OID: u8 = 0x06;
const UTF8: u8 = 0x0c;
const VERSION: u8 = 0xa0;
const EXTENSIONS: u8 = 0xa3;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
/// `[2] IA5String` and `[7] OCTET STRING` of a GeneralName.
const DNS_NAME: u8 = 0x82;
const ADDRESS: u8 = 0x87;

const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];
const ALTERNATIVE_NAMES: &[u8] = &[0x55, 0x1d, 0x11];

/// RFC 5280, 4.1: `Certificate { TBSCertificate { [0] version?, serial, signature, issuer, Validity { from, to }, subject,
/// key, …, [3] extensions? } … }`.
pub fn read(certificate: &[u8]) -> Option<Facts> {
    let (certificate, _) = expect(SEQUENCE, certificate)?;
    let (body, _) = expect(SEQUENCE, certificate)?;
    let after_version = expect(VERSION, body).map_or(body, |(_, rest)| rest);
    let (_, after_serial) = expect(INTEGER, after_version)?;
    let (_, after_signature) = expect(SEQUENCE, after_serial)?;
    let (issuer, after_issuer) = expect(SEQUENCE, after_signature)?;
    let (validity, after_validity) = expect(SEQUENCE, after_issuer)?;
    let (tag, from, to) = element(validity)?;
    let not_before = time(tag, from)?;
    let (tag, to, _) = element(to)?;
    let not_after = time(tag, to)?;
    let (subject, after_subject) = expect(SEQUENCE, after_validity)?;
    let (_, after_key) = expect(SEQUENCE, after_subject)?;
    let extensions = elements(after_key).find(|(tag, _)| *tag == EXTENSIONS).map(|(_, content)| content);

    let attributes: Vec<_> = attributes(subject).collect();
    let mut common = attributes.iter().filter(|attribute| attribute.oid == COMMON_NAME);
    let common_name = common.next().filter(|_| common.next().is_none()).and_then(Attribute::text);
    let is_plain = matches!(attributes.as_slice(), [only] if only.oid == COMMON_NAME && only.tag == UTF8);
    Some(Facts {
        not_before,
        not_after,
        subject: distinguished(subject),
        issuer: distinguished(issuer),
        plain_name: common_name.clone().filter(|_| is_plain),
        common_name,
        names: extensions.map(alternative_names).unwrap_or_default(),
    })
}

/// One part of a distinguished name.
struct Attribute<'a> {
    oid: &'a [u8],
    tag: u8,
    value: &'a [u8],
}

// === impl Facts ===

impl Facts {
    pub fn is_valid(&self, now: Timestamp) -> bool {
        self.not_before <= now && now <= self.not_after
    }
}

// === impl Attribute ===

impl Attribute<'_> {
    fn text(&self) -> Option<String> {
        String::from_utf8(self.value.to_vec()).ok()
    }

    fn label(&self) -> String {
        match self.oid {
            COMMON_NAME => "CN".to_owned(),
            [0x55, 0x04, 0x06] => "C".to_owned(),
            [0x55, 0x04, 0x07] => "L".to_owned(),
            [0x55, 0x04, 0x08] => "ST".to_owned(),
            [0x55, 0x04, 0x0a] => "O".to_owned(),
            [0x55, 0x04, 0x0b] => "OU".to_owned(),
            other => other.iter().map(|byte| format!("{byte:02x}")).collect(),
        }
    }
}

/// `Name { RDN SET { Attribute { oid, value } … } … }`.
fn attributes(name: &[u8]) -> impl Iterator<Item = Attribute<'_>> {
    let sets = elements(name).filter(|(tag, _)| *tag == SET);
    sets.flat_map(|(_, set)| elements(set)).filter_map(|(_, attribute)| {
        let (oid, rest) = expect(OID, attribute)?;
        let (tag, value, _) = element(rest)?;
        Some(Attribute { oid, tag, value })
    })
}

fn distinguished(name: &[u8]) -> String {
    let parts = attributes(name).map(|part| format!("{}={}", part.label(), String::from_utf8_lossy(part.value)));
    parts.collect::<Vec<_>>().join(", ")
}

/// `Extensions { Extension { oid, critical?, OCTET STRING } … }`.
fn alternative_names(extensions: &[u8]) -> Vec<String> {
    let Some((extensions, _)) = expect(SEQUENCE, extensions) else { return Vec::new() };
    let found = elements(extensions).find_map(|(_, extension)| {
        let (oid, rest) = expect(OID, extension)?;
        let rest = expect(BOOLEAN, rest).map_or(rest, |(_, rest)| rest);
        let (value, _) = expect(OCTETS, rest).filter(|_| oid == ALTERNATIVE_NAMES)?;
        expect(SEQUENCE, value).map(|(names, _)| names)
    });
    elements(found.unwrap_or_default())
        .filter_map(|(tag, name)| match tag {
            DNS_NAME => String::from_utf8(name.to_vec()).ok(),
            ADDRESS => match (<[u8; 4]>::try_from(name), <[u8; 16]>::try_from(name)) {
                (Ok(four), _) => Some(IpAddr::from(four).to_string()),
                (_, Ok(sixteen)) => Some(IpAddr::from(sixteen).to_string()),
                _ => None,
            },
            _ => None,
        })
        .collect()
}

fn elements(mut der: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    std::iter::from_fn(move || {
        let (tag, content, rest) = element(der)?;
        der = rest;
        Some((tag, content))
    })
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
            assert!(read(der).is_none());
        }
    }

    #[test]
    fn reads_whose_it_is_and_for_which_names() {
        let names = ["a.test", "*.b.test", "127.0.0.1", "::1"].map(str::to_owned);
        let mut params = rcgen::CertificateParams::new(names.clone()).unwrap();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(rcgen::DnType::OrganizationName, "Müller & Co");
        params.distinguished_name.push(rcgen::DnType::CommonName, "kube-apiserver");
        let key = rcgen::KeyPair::generate().unwrap();
        let facts = read(params.self_signed(&key).unwrap().der()).unwrap();
        assert_eq!(facts.subject, "O=Müller & Co, CN=kube-apiserver");
        assert_eq!(facts.issuer, facts.subject);
        assert_eq!(facts.common_name.as_deref(), Some("kube-apiserver"));
        assert_eq!((facts.plain_name, facts.names), (None, names.to_vec()));

        let now = "2026-05-01T00:00:00Z".parse().unwrap();
        let ca = crate::tls::made::ca("mine", now, crate::tls::made::days(1)).unwrap().authority().unwrap();
        assert_eq!(ca.facts.plain_name.as_deref(), Some("mine"));
        assert_eq!(ca.facts.not_before, "2026-04-30T23:00:00Z".parse().unwrap());
        assert_eq!(ca.facts.not_after, "2026-05-02T00:00:00Z".parse().unwrap());
        assert!(ca.facts.names.is_empty());
    }
}
