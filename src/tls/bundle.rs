//! CAs that somebody is told to believe, as a `caBundle` holds them.

use jiff::Timestamp;
use rustls::{
    RootCertStore,
    client::verify_server_cert_signed_by_trust_anchor,
    crypto::ring,
    pki_types::{CertificateDer, pem::PemObject as _},
    server::ParsedCertificate,
};

use super::{BadPair, unix, x509};

/// CAs in the order in which they were written.
#[derive(Clone, Debug, Default)]
pub struct Bundle(Vec<Authority>);

/// One CA.
#[derive(Clone, Debug)]
pub struct Authority {
    pub der: CertificateDer<'static>,
    /// Its certificate as one block of PEM.
    pub pem: String,
    pub facts: x509::Facts,
}

const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
const END: &str = "-----END CERTIFICATE-----";

// === impl Bundle ===

impl Bundle {
    /// What is a certificate in this text, and how many blocks are none that can be read.
    pub fn read(text: &str) -> (Self, usize) {
        let blocks: Vec<_> = blocks(text).collect();
        let authorities: Vec<_> = blocks.iter().filter_map(|block| Authority::read(block)).collect();
        let unread = blocks.len() - authorities.len();
        (Self(authorities), unread)
    }

    pub fn of(authorities: impl IntoIterator<Item = Authority>) -> Self {
        Self(authorities.into_iter().collect())
    }

    pub fn authorities(&self) -> &[Authority] {
        &self.0
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// As PEM, each certificate once and nothing else.
    pub fn pem(&self) -> String {
        let mut seen: Vec<&CertificateDer<'_>> = Vec::new();
        let mut text = String::new();
        for authority in &self.0 {
            if !seen.contains(&&authority.der) {
                seen.push(&authority.der);
                text.push_str(&authority.pem);
            }
        }
        text
    }

    pub fn holds(&self, der: &CertificateDer<'_>) -> bool {
        self.0.iter().any(|authority| authority.der == *der)
    }

    /// Whether a chain leads to one of the CAs. They must be valid themselves: that is how Go reads it, though webpki does not.
    ///
    /// # Errors
    /// Why it does not.
    pub fn believes(&self, chain: &[CertificateDer<'_>], now: Timestamp) -> Result<(), BadPair> {
        let (first, between) = chain.split_first().ok_or(BadPair::NoCertificate)?;
        let leaf = ParsedCertificate::try_from(first).map_err(|error| BadPair::Certificate(error.to_string()))?;
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(
            self.0.iter().filter(|authority| authority.facts.is_valid(now)).map(|authority| authority.der.clone()),
        );
        let algorithms = ring::default_provider().signature_verification_algorithms;
        verify_server_cert_signed_by_trust_anchor(&leaf, &roots, between, unix(now), algorithms.all)
            .map_err(BadPair::Authority)
    }

    /// When the CAs end: the `signing` one, and the first of the `other` ones.
    pub fn ends(&self, chain: &[CertificateDer<'_>], now: Timestamp) -> Vec<(&'static str, Timestamp)> {
        let signing = self.signer(chain, now);
        let others = self.0.iter().filter(|authority| signing.is_none_or(|signing| signing.der != authority.der));
        let others = others.map(|authority| authority.facts.not_after).min();
        let signing = signing.map(|signing| ("signing", signing.facts.not_after));
        signing.into_iter().chain(others.map(|end| ("other", end))).collect()
    }

    /// The CA that has signed this chain.
    pub fn signer(&self, chain: &[CertificateDer<'_>], now: Timestamp) -> Option<&Authority> {
        self.0.iter().find(|authority| Self(vec![Authority::clone(authority)]).believes(chain, now).is_ok())
    }
}

// === impl Authority ===

impl Authority {
    /// The first certificate of a text.
    pub fn read(text: &str) -> Option<Self> {
        let block = blocks(text).next()?;
        let der = CertificateDer::from_pem_slice(block.as_bytes()).ok()?;
        // What webpki cannot read nobody believes.
        RootCertStore::empty().add(der.clone()).ok()?;
        let facts = x509::read(&der)?;
        Some(Self { der, pem: format!("{}\n", block.trim_end()), facts })
    }
}

/// Each block from its first line to its last.
fn blocks(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let (_, begun) = rest.split_at_checked(rest.find(BEGIN)?)?;
        let (block, after) = begun.split_at_checked(begun.find(END)? + END.len())?;
        rest = after;
        Some(block)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tls::made;

    #[test]
    fn reads_what_is_a_certificate_and_counts_what_is_none() {
        let now: Timestamp = "2026-05-01T00:00:00Z".parse().unwrap();
        let (one, two) = (made::ca("one", now, made::days(1)).unwrap(), made::ca("two", now, made::days(1)).unwrap());
        let text = format!("# mine\r\n{}\n{}{BEGIN}\n?\n{END}\n{}", one.cert, two.cert, one.cert);
        let (bundle, unread) = Bundle::read(&text);
        assert_eq!((bundle.authorities().len(), unread), (3, 1));
        assert_eq!(bundle.pem().matches(BEGIN).count(), 2, "each once");
        assert!(bundle.holds(&Authority::read(&two.cert).unwrap().der));
        assert!(Bundle::read(BEGIN).0.is_empty() && Bundle::read("").0.is_empty());
        let leaf = made::leaf(&two, &["a.test".to_owned()], now, made::days(1)).unwrap();
        let chain = [Authority::read(&leaf.cert).unwrap().der];
        assert_eq!(bundle.signer(&chain, now).unwrap().facts.common_name.as_deref(), Some("two"));
        let later = now + jiff::SignedDuration::from_hours(25);
        assert!(bundle.signer(&chain, later).is_none());
    }
}
