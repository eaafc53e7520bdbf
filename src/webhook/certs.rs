//! The serving certificate: from files that somebody rotates, or made on the spot.
//!
//! Files are read again every few seconds and compared by content. A watch on a file of a mounted Secret goes deaf at the first
//! rotation: the kubelet swaps the `..data` link above it. Certificate and key are taken as a pair or not at all, and what serves
//! goes on serving until something better is there.
#![expect(clippy::disallowed_methods, reason = "edge: certificates are read from files and expire by the wall clock")]

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use arc_swap::ArcSwap;
use jiff::{Span, Timestamp, ToSpan as _, tz::TimeZone};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
};
use rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem, pem::PemObject as _},
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use tokio::{io::AsyncReadExt as _, time};

use crate::{certificate, engine::limits::PEM_BYTES};

/// Where the serving certificate comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CertSource {
    /// PEM files, as a Secret of type `kubernetes.io/tls` mounts them.
    Files { cert: PathBuf, key: PathBuf },
    /// A new CA and a certificate by it for `localhost` and these names. Its key is nowhere but in this process.
    SelfSigned { names: Vec<String> },
}

/// A certificate chain with its key.
#[derive(Clone, Debug)]
pub struct Pair {
    key: Arc<CertifiedKey>,
    pub not_before: Timestamp,
    pub not_after: Timestamp,
}

/// Gives every handshake the pair of the moment; connections that are open keep theirs.
#[derive(Debug)]
pub struct Resolver(ArcSwap<Pair>);

/// What [`CertSource::open`] gives.
#[derive(Debug)]
pub struct Opened {
    pub resolver: Arc<Resolver>,
    /// PEM of the CA where it was made here: what callers must trust.
    pub ca: Option<String>,
    files: Option<Files>,
}

/// How the certificate that is served stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    pub not_after: Timestamp,
    pub expired: bool,
    /// Why what the files hold is not served.
    pub problem: Option<String>,
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
}

#[derive(Debug, thiserror::Error)]
pub enum CertError {
    #[error("cannot read `{path}`: {source}")]
    Read { path: PathBuf, source: io::Error },
    #[error("cannot serve `{}` with `{}`: {source}", cert.display(), key.display())]
    Pair { cert: PathBuf, key: PathBuf, source: BadPair },
    #[error("cannot make a certificate: {0}")]
    Make(#[from] rcgen::Error),
    #[error("cannot serve the certificate made: {0}")]
    Made(#[from] BadPair),
}

#[derive(Debug)]
struct Files {
    cert: PathBuf,
    key: PathBuf,
    last: Contents,
    /// Whether that is what is served.
    taken: bool,
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Contents {
    cert: Vec<u8>,
    key: Vec<u8>,
}

/// How often files are read again: far less than any rotation leaves an old certificate valid.
pub const POLL: Duration = Duration::from_secs(5);

/// A pair that can be served now.
pub fn load_pair(cert_pem: &[u8], key_pem: &[u8], now: Timestamp) -> Result<Pair, BadPair> {
    let chain: Vec<CertificateDer<'static>> =
        CertificateDer::pem_slice_iter(cert_pem).collect::<Result<_, _>>().map_err(BadPair::CertificatePem)?;
    let key = PrivateKeyDer::from_pem_slice(key_pem).map_err(BadPair::KeyPem)?;
    pair(chain, key, now)
}

/// A CA and a certificate by it for `localhost`, 127.0.0.1, ::1 and these names; with the CA as PEM.
pub fn self_signed(names: &[String], now: Timestamp) -> Result<(Pair, String), CertError> {
    let ca_key = KeyPair::generate()?;
    let mut ca = lasting(Vec::new(), now)?;
    ca.distinguished_name.push(DnType::CommonName, "portcullis CA");
    ca.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    ca.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let ca_pem = ca.self_signed(&ca_key)?.pem();

    let local = ["localhost", "127.0.0.1", "::1"].map(str::to_owned);
    let names: Vec<String> = local.into_iter().chain(names.iter().cloned()).collect();
    let leaf_key = KeyPair::generate()?;
    let mut leaf = lasting(names, now)?;
    leaf.distinguished_name.push(DnType::CommonName, "portcullis");
    leaf.use_authority_key_identifier_extension = true;
    leaf.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let leaf = leaf.signed_by(&leaf_key, &Issuer::new(ca, ca_key))?;
    let key =
        PrivateKeyDer::try_from(leaf_key.serialize_der()).map_err(|error| BadPair::Certificate(error.to_owned()))?;
    Ok((pair(vec![leaf.into()], key, now)?, ca_pem))
}

/// TLS 1.2 and 1.3; HTTP/2 for whoever asks, HTTP/1.1 for API servers, which offer nothing else to a webhook Service.
pub fn server_config(resolver: Arc<Resolver>) -> Result<Arc<ServerConfig>, rustls::Error> {
    let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let builder = builder.with_safe_default_protocol_versions()?;
    let mut config = builder.with_no_client_auth().with_cert_resolver(resolver);
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

// === impl CertSource ===

impl CertSource {
    /// The pair to begin with; without one nothing can be served.
    pub async fn open(&self) -> Result<Opened, CertError> {
        match self {
            Self::Files { cert, key } => {
                let last = Contents::read(cert, key).await?;
                let pair = last.pair(cert, key)?;
                let files = Files { cert: cert.clone(), key: key.clone(), last, taken: true };
                Ok(Opened { resolver: Arc::new(Resolver::new(pair)), ca: None, files: Some(files) })
            }
            Self::SelfSigned { names } => {
                let (pair, ca) = self_signed(names, Timestamp::now())?;
                Ok(Opened { resolver: Arc::new(Resolver::new(pair)), ca: Some(ca), files: None })
            }
        }
    }
}

// === impl Opened ===

impl Opened {
    /// Follows the files for ever, and tells after every look how things stand.
    pub async fn follow(self, every: Duration, tell: impl Fn(Standing)) {
        let Self { resolver, mut files, .. } = self;
        let mut problem = None;
        loop {
            time::sleep(every).await;
            if let Some(files) = &mut files {
                match files.look(&resolver).await {
                    Ok(()) => problem = None,
                    Err(found) => problem = found.or(problem),
                }
            }
            let not_after = resolver.current().not_after;
            tell(Standing { not_after, expired: not_after < Timestamp::now(), problem: problem.clone() });
        }
    }
}

// === impl Files ===

impl Files {
    /// Takes over what has changed. An error is said once for each content; `Err(None)` is the same error as before.
    async fn look(&mut self, resolver: &Resolver) -> Result<(), Option<String>> {
        let failed = |error: CertError| {
            let problem = error.to_string();
            tracing::warn!(problem, "the certificate served before stays");
            Some(problem)
        };
        let read = Contents::read(&self.cert, &self.key).await;
        let contents = match read {
            Ok(contents) if contents == self.last => return if self.taken { Ok(()) } else { Err(None) },
            Ok(contents) => contents,
            // Gone is a content too: said once.
            Err(_) if self.last == Contents::default() => return Err(None),
            Err(error) => {
                (self.last, self.taken) = (Contents::default(), false);
                return Err(failed(error));
            }
        };
        let pair = contents.pair(&self.cert, &self.key);
        (self.last, self.taken) = (contents, pair.is_ok());
        let pair = pair.map_err(failed)?;
        tracing::info!(not_after = %pair.not_after, "serving a new certificate");
        resolver.serve(pair);
        Ok(())
    }
}

// === impl Contents ===

impl Contents {
    async fn read(cert: &Path, key: &Path) -> Result<Self, CertError> {
        let read =
            async |path: &Path| read(path).await.map_err(|source| CertError::Read { path: path.to_owned(), source });
        Ok(Self { cert: read(cert).await?, key: read(key).await? })
    }

    fn pair(&self, cert: &Path, key: &Path) -> Result<Pair, CertError> {
        load_pair(&self.cert, &self.key, Timestamp::now()).map_err(|source| CertError::Pair {
            cert: cert.to_owned(),
            key: key.to_owned(),
            source,
        })
    }
}

// === impl Pair ===

impl Pair {
    /// The certificate that a handshake shows.
    pub fn end_entity(&self) -> Option<CertificateDer<'static>> {
        self.key.cert.first().cloned()
    }
}

// === impl Resolver ===

impl Resolver {
    pub fn new(pair: Pair) -> Self {
        Self(ArcSwap::from_pointee(pair))
    }

    /// Every handshake from now on gets this.
    pub fn serve(&self, pair: Pair) {
        self.0.store(Arc::new(pair));
    }

    pub fn current(&self) -> Arc<Pair> {
        self.0.load_full()
    }
}

impl ResolvesServerCert for Resolver {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0.load().key))
    }
}

fn pair(chain: Vec<CertificateDer<'static>>, key: PrivateKeyDer<'static>, now: Timestamp) -> Result<Pair, BadPair> {
    let leaf = chain.first().ok_or(BadPair::NoCertificate)?;
    let validity = certificate::validity(leaf).ok_or_else(|| BadPair::Certificate("it has no validity".to_owned()))?;
    let signer = ring::default_provider().key_provider.load_private_key(key).map_err(BadPair::Key)?;
    let key = CertifiedKey::new(chain, signer);
    match key.keys_match() {
        Ok(()) => {}
        Err(rustls::Error::InconsistentKeys(_)) => return Err(BadPair::Mismatch),
        Err(error) => return Err(BadPair::Certificate(error.to_string())),
    }
    if now < validity.not_before {
        return Err(BadPair::NotYetValid(validity.not_before));
    }
    if now > validity.not_after {
        return Err(BadPair::Expired(validity.not_after));
    }
    Ok(Pair { key: Arc::new(key), not_before: validity.not_before, not_after: validity.not_after })
}

/// For ten years: nothing renews it, and it ends with the process. From yesterday on, as clocks differ.
fn lasting(names: Vec<String>, now: Timestamp) -> Result<CertificateParams, rcgen::Error> {
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name = rcgen::DistinguishedName::new();
    let day = |span: Span| {
        let date = now.to_zoned(TimeZone::UTC).date().saturating_add(span);
        let part = |part: i8| u8::try_from(part).unwrap_or(1);
        rcgen::date_time_ymd(i32::from(date.year()), part(date.month()), part(date.day()))
    };
    params.not_before = day((-1).day());
    params.not_after = day(10.years());
    Ok(params)
}

async fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    tokio::fs::File::open(path).await?.take(PEM_BYTES).read_to_end(&mut content).await?;
    Ok(content)
}

#[cfg(test)]
mod tests;
