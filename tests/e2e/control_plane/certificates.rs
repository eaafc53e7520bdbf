//! Who is who in this control plane: a CA, the API server's certificate, a key for service accounts, and a certificate for
//! whoever asks.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicUsize, Ordering},
};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
};

/// Signs for everyone in this control plane. Its files are beside the others'.
#[derive(Debug)]
pub(super) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    folder: PathBuf,
    made: AtomicUsize,
}

/// Where a certificate and its key are.
#[derive(Debug)]
pub(super) struct Pair {
    pub(super) certificate: PathBuf,
    pub(super) key: PathBuf,
    /// Tells it from the others.
    pub(super) number: usize,
}

// === impl Authority ===

impl Authority {
    /// Writes `ca.crt`, `server.{crt,key}` and `sa.{key,pub}` into the folder.
    pub(super) fn new(folder: &Path) -> Result<Self, String> {
        let key = KeyPair::generate().map_err(failed)?;
        let mut ca = CertificateParams::new(Vec::new()).map_err(failed)?;
        ca.distinguished_name.push(DnType::CommonName, "e2e CA");
        ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        ca.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign, KeyUsagePurpose::DigitalSignature];
        write(folder, "ca.crt", &ca.self_signed(&key).map_err(failed)?.pem())?;
        let authority = Self { issuer: Issuer::new(ca, key), folder: folder.to_owned(), made: AtomicUsize::new(0) };

        let names = ["localhost", "127.0.0.1", "kubernetes.default.svc"].map(str::to_owned);
        let mut server = CertificateParams::new(names).map_err(failed)?;
        server.distinguished_name.push(DnType::CommonName, "kube-apiserver");
        server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        authority.sign("server", server)?;

        let service_accounts = KeyPair::generate().map_err(failed)?;
        write(folder, "sa.key", &service_accounts.serialize_pem())?;
        write(folder, "sa.pub", &service_accounts.public_key_pem())?;
        Ok(authority)
    }

    /// A certificate for a user, in this group.
    pub(super) fn client(&self, user: &str, group: Option<&str>) -> Pair {
        let number = self.made.fetch_add(1, Ordering::Relaxed);
        let mut client = CertificateParams::new(Vec::new()).expect("no names");
        client.distinguished_name.push(DnType::CommonName, user);
        if let Some(group) = group {
            client.distinguished_name.push(DnType::OrganizationName, group);
        }
        client.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let name = format!("client-{number}");
        let (certificate, key) = self.sign(&name, client).unwrap_or_else(|why| panic!("{why}"));
        Pair { certificate, key, number }
    }

    pub(super) fn certificate_file(&self) -> PathBuf {
        self.folder.join("ca.crt")
    }

    /// The files of a certificate and of its key.
    fn sign(&self, name: &str, params: CertificateParams) -> Result<(PathBuf, PathBuf), String> {
        let key = KeyPair::generate().map_err(failed)?;
        let certificate = params.signed_by(&key, &self.issuer).map_err(failed)?;
        let certificate = write(&self.folder, &format!("{name}.crt"), &certificate.pem())?;
        Ok((certificate, write(&self.folder, &format!("{name}.key"), &key.serialize_pem())?))
    }
}

fn failed(error: rcgen::Error) -> String {
    format!("a certificate cannot be made: {error}")
}

fn write(folder: &Path, name: &str, text: &str) -> Result<PathBuf, String> {
    let path = folder.join(name);
    fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(path)
}
