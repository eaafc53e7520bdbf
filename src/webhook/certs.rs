//! The serving certificate from files that somebody rotates, or made on the spot.
//!
//! Files are read again every few seconds and compared by content. A watch on a file of a mounted Secret goes deaf at the first
//! rotation: the kubelet swaps the `..data` link above it. Certificate, key and CA are taken together or not at all, and what
//! serves goes on serving until something better is there.
#![expect(clippy::disallowed_methods, reason = "edge: certificates are read from files and expire by the wall clock")]

pub mod callers;

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use jiff::Timestamp;
use rustls::{ServerConfig, crypto::ring, server::NoServerSessionStorage};
use tokio::{io::AsyncReadExt as _, time};

use crate::{
    engine::limits::PEM_BYTES,
    health::Condition,
    tls::{
        BadPair, Pair, Resolver, Standing,
        bundle::Bundle,
        load_pair,
        made::{self, MakeError},
    },
};
use callers::Callers;

/// Where the serving certificate comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CertSource {
    /// PEM files, as a Secret of type `kubernetes.io/tls` mounts them.
    Files(Files),
    /// A new CA and a certificate by it for `localhost` and these names. Its key is nowhere but in this process.
    SelfSigned { names: Vec<String> },
}

/// Which files, and what must be true of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Files {
    pub cert: PathBuf,
    pub key: PathBuf,
    /// What callers are told to believe; None where somebody else tells them.
    pub ca: Option<PathBuf>,
    /// What callers ask for: a certificate without these names is one that every call fails with.
    pub names: Vec<String>,
}

/// What [`CertSource::open`] gives.
#[derive(Debug)]
pub struct Opened {
    pub resolver: Arc<Resolver>,
    /// PEM of the CAs that callers must believe, where they are known here.
    pub ca: Option<String>,
    followed: Option<Followed>,
}

#[derive(Debug, thiserror::Error)]
pub enum CertError {
    #[error("cannot read `{path}`: {source}")]
    Read { path: PathBuf, source: io::Error },
    #[error("cannot serve `{}` with `{}`: {source}", cert.display(), key.display())]
    Pair { cert: PathBuf, key: PathBuf, source: BadPair },
    #[error("cannot make a certificate: {0}")]
    Make(#[from] MakeError),
    #[error("cannot serve the certificate made: {0}")]
    Made(#[from] BadPair),
    #[error("`{}` holds no CA certificate that can be read", .0.display())]
    NoAuthority(PathBuf),
    #[error("cannot ask callers for certificates: {0}")]
    Callers(String),
}

#[derive(Debug)]
struct Followed {
    files: Files,
    last: Contents,
    /// Whether that is what is served.
    taken: bool,
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Contents {
    cert: Vec<u8>,
    key: Vec<u8>,
    ca: Option<Vec<u8>>,
}

/// How often files are read again: far less than any rotation leaves an old certificate valid.
pub const POLL: Duration = Duration::from_secs(5);

/// Nothing renews what was made at start, and it ends with the process.
const TEN_YEARS: Duration = made::days(3650);

/// A CA and a certificate by it for `localhost`, 127.0.0.1, ::1 and these names; with the CA as PEM.
pub fn self_signed(names: &[String], now: Timestamp) -> Result<(Pair, String), CertError> {
    let ca = made::ca("portcullis CA", now, TEN_YEARS)?;
    let local = ["localhost", "127.0.0.1", "::1"].map(str::to_owned);
    let names: Vec<String> = local.into_iter().chain(names.iter().cloned()).collect();
    let leaf = made::leaf(&ca, &names, now, TEN_YEARS)?;
    Ok((load_pair(leaf.cert.as_bytes(), leaf.key.as_bytes(), now)?, ca.cert))
}

/// TLS 1.2 and 1.3; HTTP/2 for whoever asks, HTTP/1.1 for API servers, which offer nothing else to a webhook Service.
pub fn server_config(resolver: Arc<Resolver>) -> Result<Arc<ServerConfig>, rustls::Error> {
    server_config_for(resolver, None)
}

/// The same for these callers alone.
pub fn server_config_for(
    resolver: Arc<Resolver>,
    callers: Option<Arc<Callers>>,
) -> Result<Arc<ServerConfig>, rustls::Error> {
    let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let builder = builder.with_safe_default_protocol_versions()?;
    let knows_callers = callers.is_some();
    let mut config = match callers {
        Some(callers) => builder.with_client_cert_verifier(callers).with_cert_resolver(resolver),
        None => builder.with_no_client_auth().with_cert_resolver(resolver),
    };
    if knows_callers {
        // A resumed session brings no certificate: who is no longer believed would come in by an old one.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
    }
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

// === impl CertSource ===

impl CertSource {
    /// The pair to begin with; without one nothing can be served.
    pub async fn open(&self) -> Result<Opened, CertError> {
        match self {
            Self::Files(files) => {
                let last = Contents::read(files).await?;
                let (pair, bundle) = last.pair(files)?;
                let followed = Followed { files: files.clone(), last, taken: true };
                Ok(Opened {
                    resolver: Arc::new(Resolver::new(pair)),
                    ca: bundle.map(|bundle| bundle.pem()),
                    followed: Some(followed),
                })
            }
            Self::SelfSigned { names } => {
                let (pair, ca) = self_signed(names, Timestamp::now())?;
                Ok(Opened { resolver: Arc::new(Resolver::new(pair)), ca: Some(ca), followed: None })
            }
        }
    }
}

// === impl Opened ===

impl Opened {
    /// Follows the files for ever, and tells after every look how things stand.
    pub async fn follow(self, every: Duration, tell: impl Fn(Standing)) {
        let Self { resolver, mut ca, mut followed } = self;
        let mut problem = None;
        loop {
            let mut refused = None;
            if let Some(followed) = &mut followed {
                match followed.look(&resolver).await {
                    Ok(None) => problem = None,
                    Ok(Some(taken)) => (problem, ca) = (None, taken.bundle),
                    Err(Refused::Again) => {}
                    Err(Refused::Because(error)) => {
                        let words = error.to_string();
                        tracing::warn!(problem = words, "the certificate served before stays");
                        refused = Some(error.reason());
                        problem = Some(words);
                    }
                }
            }
            tell(standing(&resolver, ca.as_deref(), problem.clone(), refused));
            time::sleep(every).await;
        }
    }
}

/// What the files hold is served from now on.
#[derive(Debug)]
struct Taken {
    bundle: Option<String>,
}

/// Why what the files hold is not served.
#[derive(Debug)]
enum Refused {
    Because(CertError),
    /// As was said before.
    Again,
}

// === impl Followed ===

impl Followed {
    /// Takes over what has changed, with the CAs that go with it. An error is said once for each content.
    async fn look(&mut self, resolver: &Resolver) -> Result<Option<Taken>, Refused> {
        let contents = match Contents::read(&self.files).await {
            Ok(contents) if contents == self.last => return if self.taken { Ok(None) } else { Err(Refused::Again) },
            Ok(contents) => contents,
            // Gone is a content too: said once.
            Err(_) if self.last == Contents::default() => return Err(Refused::Again),
            Err(error) => {
                (self.last, self.taken) = (Contents::default(), false);
                return Err(Refused::Because(error));
            }
        };
        let pair = contents.pair(&self.files);
        (self.last, self.taken) = (contents, pair.is_ok());
        let (pair, bundle) = pair.map_err(Refused::Because)?;
        tracing::info!(not_after = %pair.not_after, "serving a new certificate");
        resolver.serve(pair);
        Ok(Some(Taken { bundle: bundle.map(|bundle| bundle.pem()) }))
    }
}

// === impl Contents ===

impl Contents {
    async fn read(files: &Files) -> Result<Self, CertError> {
        let ca = match &files.ca {
            Some(ca) => Some(read(ca).await?),
            None => None,
        };
        Ok(Self { cert: read(&files.cert).await?, key: read(&files.key).await?, ca })
    }

    fn pair(&self, files: &Files) -> Result<(Pair, Option<Bundle>), CertError> {
        self.good(files, Timestamp::now()).map_err(|source| CertError::Pair {
            cert: files.cert.clone(),
            key: files.key.clone(),
            source,
        })
    }

    fn good(&self, files: &Files, now: Timestamp) -> Result<(Pair, Option<Bundle>), BadPair> {
        let pair = load_pair(&self.cert, &self.key, now)?;
        pair.is_for(&files.names)?;
        let Some(ca) = &self.ca else { return Ok((pair, None)) };
        let (bundle, _) = Bundle::read(&String::from_utf8_lossy(ca));
        if bundle.is_empty() {
            return Err(BadPair::NoAuthority);
        }
        pair.is_signed_by(&bundle, now)?;
        Ok((pair, Some(bundle)))
    }
}

// === impl CertError ===

impl CertError {
    /// The value of a label.
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Pair { source, .. } | Self::Made(source) => source.reason(),
            Self::Read { .. } => "file",
            Self::Make(_) => "made",
            Self::NoAuthority(_) | Self::Callers(_) => "ca",
        }
    }
}

fn standing(
    resolver: &Resolver,
    bundle: Option<&str>,
    problem: Option<String>,
    refused: Option<&'static str>,
) -> Standing {
    let now = Timestamp::now();
    let current = resolver.current();
    let condition = match (current.as_ref().map(|pair| pair.not_after), problem) {
        (None, problem) => Condition::Waiting(problem.unwrap_or_else(|| "there is no certificate".to_owned())),
        (Some(end), _) if end < now => Condition::Waiting("the serving certificate has expired".to_owned()),
        (Some(_), Some(problem)) => Condition::Degraded(problem),
        (Some(_), None) => Condition::Ready,
    };
    let parsed = bundle.map(|bundle| Bundle::read(bundle).0).unwrap_or_default();
    Standing {
        not_after: current.as_ref().map(|pair| pair.not_after),
        authorities: current.map(|pair| parsed.ends(pair.chain(), now)).unwrap_or_default(),
        bundle: bundle.map(str::to_owned),
        condition,
        refused,
    }
}

async fn read(path: &Path) -> Result<Vec<u8>, CertError> {
    let read = async {
        let mut content = Vec::new();
        tokio::fs::File::open(path).await?.take(PEM_BYTES).read_to_end(&mut content).await?;
        Ok(content)
    };
    read.await.map_err(|source| CertError::Read { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests;
