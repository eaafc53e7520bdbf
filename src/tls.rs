//! Certificates as this project needs them: a chain with its key, what may be believed of it, and what gives it to handshakes.
//!
//! Where they come from and when they change is not known here: files are the webhook's, the Secret is `operate`'s.

pub mod bundle;
pub mod made;
pub mod x509;

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use jiff::Timestamp;
use rustls::{
    client::verify_server_name,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime, pem, pem::PemObject as _},
    server::{ClientHello, ParsedCertificate, ResolvesServerCert},
    sign::CertifiedKey,
};

use crate::health::Condition;
use bundle::Bundle;

/// A certificate chain with its key.
#[derive(Clone, Debug)]
pub struct Pair {
    key: Arc<CertifiedKey>,
    pub not_before: Timestamp,
    pub not_after: Timestamp,
}

/// Gives every handshake the pair of the moment; connections that are open keep theirs. Without a pair there is no handshake.
#[derive(Debug, Default)]
pub struct Resolver(ArcSwapOption<Pair>);

/// How the certificate that is served stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// None while nothing is served.
    pub not_after: Option<Timestamp>,
    /// What callers are to believe, as PEM; None where that is not ours to say.
    pub bundle: Option<String>,
    /// When its CAs end.
    pub authorities: Vec<(&'static str, Timestamp)>,
    pub condition: Condition,
    /// Why a pair was refused just now: the value of a label.
    pub refused: Option<&'static str>,
}

/// Why a pair is not served.
#[derive(Debug, thiserror::Error)]
pub enum BadPair {
    #[error("the certificate is not PEM: {0}")]
    CertificatePem(pem::Error),
    #[error("there is no certificate")]
    NoCertificate,
    #[error("the private key is not PEM: {0}")]
    KeyPem(pem::Error),
    #[error("the private key cannot be used: {0}")]
    Key(rustls::Error),
    #[error("the private key is not that of the first certificate")]
    Mismatch,
    #[error("the certificate cannot be read: {0}")]
    Certificate(String),
    #[error("the certificate expired at {0}")]
    Expired(Timestamp),
    #[error("the certificate is not valid before {0}")]
    NotYetValid(Timestamp),
    #[error("the certificate is not for `{wanted}`, which callers ask for{}", for_what(.has))]
    Name { wanted: String, has: Vec<String> },
    #[error("none of the CAs that callers are told to believe has signed the certificate: {0}")]
    Authority(rustls::Error),
    #[error("the CA file holds no certificate")]
    NoAuthority,
}

/// A pair that can be served now.
pub fn load_pair(cert_pem: &[u8], key_pem: &[u8], now: Timestamp) -> Result<Pair, BadPair> {
    let chain: Vec<CertificateDer<'static>> =
        CertificateDer::pem_slice_iter(cert_pem).collect::<Result<_, _>>().map_err(BadPair::CertificatePem)?;
    let key = PrivateKeyDer::from_pem_slice(key_pem).map_err(BadPair::KeyPem)?;
    Pair::new(chain, key, now)
}

/// Whether callers find these names in a certificate. An API server asks for `<service>.<namespace>.svc`, and looks only among
/// the alternative names.
///
/// # Errors
/// The first that they do not find.
pub fn is_for(certificate: &CertificateDer<'_>, names: &[String]) -> Result<(), BadPair> {
    let parsed = ParsedCertificate::try_from(certificate).map_err(|error| BadPair::Certificate(error.to_string()))?;
    let is_found = |name: &String| {
        let name = ServerName::try_from(name.as_str());
        name.is_ok_and(|name| verify_server_name(&parsed, &name).is_ok())
    };
    match names.iter().find(|name| !is_found(name)) {
        None => Ok(()),
        Some(wanted) => {
            let has = x509::read(certificate).map(|facts| facts.names).unwrap_or_default();
            Err(BadPair::Name { wanted: wanted.clone(), has })
        }
    }
}

/// The time as rustls wants it.
pub fn unix(now: Timestamp) -> UnixTime {
    let seconds = u64::try_from(now.as_second()).unwrap_or_default();
    UnixTime::since_unix_epoch(std::time::Duration::from_secs(seconds))
}

// === impl Pair ===

impl Pair {
    fn new(chain: Vec<CertificateDer<'static>>, key: PrivateKeyDer<'static>, now: Timestamp) -> Result<Self, BadPair> {
        let leaf = chain.first().ok_or(BadPair::NoCertificate)?;
        let facts = x509::read(leaf).ok_or_else(|| BadPair::Certificate("it has no validity".to_owned()))?;
        let signer = ring::default_provider().key_provider.load_private_key(key).map_err(BadPair::Key)?;
        let key = CertifiedKey::new(chain, signer);
        match key.keys_match() {
            Ok(()) => {}
            Err(rustls::Error::InconsistentKeys(_)) => return Err(BadPair::Mismatch),
            Err(error) => return Err(BadPair::Certificate(error.to_string())),
        }
        if now < facts.not_before {
            return Err(BadPair::NotYetValid(facts.not_before));
        }
        if now > facts.not_after {
            return Err(BadPair::Expired(facts.not_after));
        }
        Ok(Self { key: Arc::new(key), not_before: facts.not_before, not_after: facts.not_after })
    }

    /// The certificate that a handshake shows.
    pub fn end_entity(&self) -> Option<CertificateDer<'static>> {
        self.key.cert.first().cloned()
    }

    /// What a handshake shows, the certificate first.
    pub fn chain(&self) -> &[CertificateDer<'static>] {
        &self.key.cert
    }

    /// Whether callers find these names in it.
    ///
    /// # Errors
    /// The first that they do not find.
    pub fn is_for(&self, names: &[String]) -> Result<(), BadPair> {
        is_for(self.key.cert.first().ok_or(BadPair::NoCertificate)?, names)
    }

    /// Whether somebody who believes these CAs believes it.
    pub fn is_signed_by(&self, bundle: &Bundle, now: Timestamp) -> Result<(), BadPair> {
        bundle.believes(&self.key.cert, now)
    }
}

// === impl Resolver ===

impl Resolver {
    pub fn new(pair: Pair) -> Self {
        Self(ArcSwapOption::from_pointee(pair))
    }

    /// Every handshake from now on gets this.
    pub fn serve(&self, pair: Pair) {
        self.0.store(Some(Arc::new(pair)));
    }

    pub fn current(&self) -> Option<Arc<Pair>> {
        self.0.load_full()
    }
}

impl ResolvesServerCert for Resolver {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.0.load().as_ref().map(|pair| Arc::clone(&pair.key))
    }
}

// === impl BadPair ===

impl BadPair {
    /// The value of a label.
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::CertificatePem(_) | Self::NoCertificate | Self::Certificate(_) => "certificate",
            Self::KeyPem(_) | Self::Key(_) => "key",
            Self::Mismatch => "mismatch",
            Self::Expired(_) => "expired",
            Self::NotYetValid(_) => "not-yet-valid",
            Self::Name { .. } => "name",
            Self::Authority(_) | Self::NoAuthority => "ca",
        }
    }
}

fn for_what(has: &[String]) -> String {
    if has.is_empty() { ", but for no name at all".to_owned() } else { format!(", but for `{}`", has.join("`, `")) }
}
