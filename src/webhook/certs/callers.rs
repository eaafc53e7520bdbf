//! Who may call: whoever shows a certificate by a CA that is named, of a name that is named.
//!
//! An API server shows none unless its `AdmissionConfiguration` says so. We show ourselves one that exists only in this process:
//! the call by which we find out whether we answer goes the same way as every other.

use std::{path::PathBuf, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use jiff::Timestamp;
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, RootCertStore, SignatureScheme,
    client::danger::HandshakeSignatureValid,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, UnixTime, pem::PemObject as _},
    server::{
        WebPkiClientVerifier,
        danger::{ClientCertVerified, ClientCertVerifier},
    },
};
use tokio::time;

use super::{CertError, read};
use crate::tls::{bundle::Bundle, made, x509};

/// Who may call.
#[derive(Debug)]
pub struct Callers {
    file: PathBuf,
    /// Any name, where there is none.
    names: Vec<String>,
    believed: ArcSwap<Believed>,
    ourselves: Ourselves,
}

#[derive(Debug)]
struct Believed {
    content: Vec<u8>,
    verifier: Arc<dyn ClientCertVerifier>,
}

/// What we show ourselves.
#[derive(Debug)]
struct Ourselves {
    certificate: CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
}

/// Longer than any process runs.
const LASTS: Duration = made::days(3650);

// === impl Callers ===

impl Callers {
    /// Those with a certificate by a CA in this file, and one of these names where there are any.
    pub async fn open(file: PathBuf, names: Vec<String>, now: Timestamp) -> Result<Arc<Self>, CertError> {
        let content = read(&file).await?;
        let believed = Believed::new(&file, content)?;
        let ourselves = Ourselves::new(now)?;
        Ok(Arc::new(Self { file, names, believed: ArcSwap::from_pointee(believed), ourselves }))
    }

    /// What we show when we call ourselves.
    pub fn ourselves(&self) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
        (vec![self.ourselves.certificate.clone()], self.ourselves.key.clone_key())
    }

    /// Follows the file for ever, and tells what is wrong with it: whoever was believed before is believed on.
    pub async fn follow(self: Arc<Self>, every: Duration, tell: impl Fn(Option<String>)) {
        let mut refused = None;
        loop {
            time::sleep(every).await;
            match self.look(&mut refused).await {
                Ok(()) => tell(None),
                Err(error) => tell(Some(error.to_string())),
            }
        }
    }

    async fn look(&self, refused: &mut Option<Vec<u8>>) -> Result<(), CertError> {
        let content = read(&self.file).await?;
        if content == self.believed.load().content {
            return Ok(());
        }
        let is_new = refused.as_ref() != Some(&content);
        match Believed::new(&self.file, content.clone()) {
            Ok(believed) => {
                tracing::info!("callers are told by other CAs from now on");
                self.believed.store(Arc::new(believed));
                Ok(())
            }
            Err(error) => {
                if is_new {
                    tracing::warn!(%error, "callers are told by the same CAs as before");
                }
                *refused = Some(content);
                Err(error)
            }
        }
    }

    fn is_named(&self, certificate: &CertificateDer<'_>) -> Result<(), Error> {
        if self.names.is_empty() {
            return Ok(());
        }
        let facts = x509::read(certificate).ok_or(Error::InvalidCertificate(CertificateError::BadEncoding))?;
        let mut has = facts.common_name.iter().chain(&facts.names);
        if has.any(|name| self.names.contains(name)) {
            return Ok(());
        }
        tracing::warn!(
            caller = facts.subject,
            "a caller was turned away: its certificate has none of the names of `--tls-client-name`"
        );
        Err(Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure))
    }

    fn verifier(&self) -> Arc<dyn ClientCertVerifier> {
        Arc::clone(&self.believed.load().verifier)
    }
}

impl ClientCertVerifier for Callers {
    /// None: who is asked for a certificate by certain CAs shows none where its own is by others, and fails with less to say.
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        // That it has the key too is shown by the handshake's signature.
        if *end_entity == self.ourselves.certificate {
            return Ok(ClientCertVerified::assertion());
        }
        let verified = self.verifier().verify_client_cert(end_entity, intermediates, now)?;
        self.is_named(end_entity)?;
        Ok(verified)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verifier().verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verifier().verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.verifier().supported_verify_schemes()
    }
}

// === impl Believed ===

impl Believed {
    fn new(file: &std::path::Path, content: Vec<u8>) -> Result<Self, CertError> {
        let (bundle, _) = Bundle::read(&String::from_utf8_lossy(&content));
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(bundle.authorities().iter().map(|authority| authority.der.clone()));
        if roots.is_empty() {
            return Err(CertError::NoAuthority(file.to_owned()));
        }
        let provider = Arc::new(ring::default_provider());
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
        let verifier = verifier.map_err(|error| CertError::Callers(error.to_string()))?;
        Ok(Self { content, verifier })
    }
}

// === impl Ourselves ===

impl Ourselves {
    fn new(now: Timestamp) -> Result<Self, CertError> {
        let unread = |error| CertError::Callers(format!("our own: {error}"));
        let ca = made::ca("portcullis itself", now, LASTS)?;
        let made = made::client(&ca, "portcullis itself", now, LASTS)?;
        let certificate = CertificateDer::from_pem_slice(made.cert.as_bytes()).map_err(unread)?;
        let key = PrivateKeyDer::from_pem_slice(made.key.as_bytes()).map_err(unread)?;
        Ok(Self { certificate, key })
    }
}
