//! A TLS call to ourselves: ready means that the whole way from a socket to an answer works with the certificate of the
//! moment, not that the parts were started.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use rustls::{
    ClientConfig, DigitallySignedStruct, Error, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time,
};
use tokio_rustls::TlsConnector;

use crate::{tls::Resolver, webhook::certs::callers::Callers};

/// How long an answer of our own may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Calls a door with an empty body and waits for the refusal that this deserves.
///
/// # Errors
/// Which step did not work, in words for `/readyz`.
pub async fn call(address: SocketAddr, resolver: &Resolver, callers: Option<&Callers>) -> Result<(), String> {
    let certificate = resolver.current().and_then(|pair| pair.end_entity()).ok_or("there is no certificate yet")?;
    let address = match address {
        // Listening everywhere includes here.
        any if any.ip().is_unspecified() && any.is_ipv4() => SocketAddr::from(([127, 0, 0, 1], any.port())),
        any if any.ip().is_unspecified() => SocketAddr::from(([0, 0, 0, 0, 0, 0, 0, 1], any.port())),
        address => address,
    };
    let work = async {
        let stream = TcpStream::connect(address).await.map_err(|error| format!("connecting: {error}"))?;
        let name = ServerName::try_from("localhost").map_err(|error| error.to_string())?;
        let connector = TlsConnector::from(Arc::new(client(certificate, callers).map_err(|error| error.to_string())?));
        let mut stream = connector.connect(name, stream).await.map_err(|error| format!("TLS: {error}"))?;
        let request = "POST /validate HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
        stream.write_all(request.as_bytes()).await.map_err(|error| format!("asking: {error}"))?;
        let mut answer = [0_u8; 12];
        stream.read_exact(&mut answer).await.map_err(|error| format!("the answer: {error}"))?;
        match &answer {
            b"HTTP/1.1 400" => Ok(()),
            other => Err(format!("the answer began with `{}`", String::from_utf8_lossy(other))),
        }
    };
    time::timeout(PATIENCE, work).await.map_err(|_| format!("no answer within {} s", PATIENCE.as_secs()))?
}

fn client(certificate: CertificateDer<'static>, callers: Option<&Callers>) -> Result<ClientConfig, Error> {
    let provider = Arc::new(ring::default_provider());
    let ours = Arc::new(Ours { certificate, provider: Arc::clone(&provider) });
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    let builder = builder.dangerous().with_custom_certificate_verifier(ours);
    match callers.map(Callers::ourselves) {
        Some((chain, key)) => builder.with_client_auth_cert(chain, key),
        None => Ok(builder.with_no_client_auth()),
    }
}

/// Trusts the one certificate that is served here, whoever signed it.
#[derive(Debug)]
struct Ours {
    certificate: CertificateDer<'static>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Ours {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if self.certificate == *end_entity {
            Ok(ServerCertVerified::assertion())
        } else {
            Err(Error::General("another certificate is served than the one that should be".to_owned()))
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
