//! Making certificates: ECDSA P-256, which every API server believes, and which costs a handshake the least.

use std::{fmt, time::Duration};

use jiff::Timestamp;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};

use super::bundle::Authority;

/// A certificate with its key, both as PEM. The key is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Made {
    pub cert: String,
    pub key: String,
}

#[derive(Debug, thiserror::Error)]
pub enum MakeError {
    #[error("{0}")]
    Rcgen(#[from] rcgen::Error),
    #[error("the certificate of the CA cannot be read")]
    Authority,
}

/// How long before it is made a certificate begins to be valid: clocks differ. When one was made is told by this.
pub const BACKDATED: Duration = Duration::from_hours(1);

/// The last second that X.509 can write: 9999-12-31T23:59:59Z.
const LAST: u64 = 253_402_300_799;

pub const fn days(days: u64) -> Duration {
    Duration::from_secs(days * 24 * 60 * 60)
}

/// A CA that signs leaves and no other CA.
pub fn ca(name: &str, now: Timestamp, lasts: Duration) -> Result<Made, MakeError> {
    let key = KeyPair::generate()?;
    let mut params = params(&[], name, now, until(now, lasts))?;
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    Ok(Made { cert: params.self_signed(&key)?.pem(), key: key.serialize_pem() })
}

/// A certificate by this CA for a server of these names; it ends no later than its CA.
pub fn leaf(ca: &Made, names: &[String], now: Timestamp, lasts: Duration) -> Result<Made, MakeError> {
    signed(ca, "portcullis", names, ExtendedKeyUsagePurpose::ServerAuth, (now, lasts))
}

/// A certificate by this CA for a caller of this name.
pub fn client(ca: &Made, name: &str, now: Timestamp, lasts: Duration) -> Result<Made, MakeError> {
    signed(ca, name, &[], ExtendedKeyUsagePurpose::ClientAuth, (now, lasts))
}

// === impl Made ===

impl Made {
    pub fn authority(&self) -> Option<Authority> {
        Authority::read(&self.cert)
    }
}

impl fmt::Debug for Made {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Made").field("cert", &self.cert).finish_non_exhaustive()
    }
}

fn signed(
    ca: &Made,
    name: &str,
    names: &[String],
    purpose: ExtendedKeyUsagePurpose,
    (now, lasts): (Timestamp, Duration),
) -> Result<Made, MakeError> {
    let facts = ca.authority().ok_or(MakeError::Authority)?.facts;
    let mut params = params(names, name, now, until(now, lasts).min(facts.not_after))?;
    params.use_authority_key_identifier_extension = true;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![purpose];
    let mut issuer = CertificateParams::default();
    issuer.distinguished_name = common_name(&facts.plain_name.ok_or(MakeError::Authority)?);
    issuer.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let key = KeyPair::generate()?;
    let cert = params.signed_by(&key, &Issuer::new(issuer, KeyPair::from_pem(&ca.key)?))?;
    Ok(Made { cert: cert.pem(), key: key.serialize_pem() })
}

fn params(names: &[String], name: &str, from: Timestamp, to: Timestamp) -> Result<CertificateParams, rcgen::Error> {
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name = common_name(name);
    // Dates that rcgen makes are of days alone; seconds are added to the first of them all.
    let beginning = rcgen::date_time_ymd(1970, 1, 1);
    params.not_before = beginning + since_1970(from).saturating_sub(BACKDATED);
    params.not_after = beginning + since_1970(to);
    Ok(params)
}

fn until(now: Timestamp, lasts: Duration) -> Timestamp {
    now.checked_add(lasts).unwrap_or(Timestamp::MAX)
}

fn common_name(name: &str) -> DistinguishedName {
    let mut distinguished = DistinguishedName::new();
    distinguished.push(DnType::CommonName, name);
    distinguished
}

fn since_1970(at: Timestamp) -> Duration {
    Duration::from_secs(u64::try_from(at.as_second()).unwrap_or_default().min(LAST))
}
