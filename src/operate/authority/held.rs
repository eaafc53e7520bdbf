//! What the Secret holds, and what of it is good.

use std::fmt;

use jiff::Timestamp;
use rustls::{
    crypto::ring,
    pki_types::{PrivateKeyDer, pem::PemObject as _},
    sign::CertifiedKey,
};

use crate::tls::{
    BadPair, Pair,
    bundle::{Authority, Bundle},
    load_pair,
    made::{BACKDATED, Made},
    x509::Facts,
};

/// The Secret's data as text; what is not there is empty. Its keys are never shown.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Contents {
    /// All CAs to be believed: the one that signs first.
    pub ca_crt: String,
    pub ca_key: String,
    /// The CA that signs next, while it is published beside the other.
    pub next_crt: String,
    pub next_key: String,
    pub tls_crt: String,
    pub tls_key: String,
    /// Until when CAs are believed that sign nothing any more, as RFC 3339.
    pub leaving_until: String,
}

/// What of the Secret is good.
#[derive(Clone, Debug, Default)]
pub struct Held {
    /// The Secret's data, without what cannot be used, and with what was served where that is damaged.
    pub contents: Contents,
    /// The CA that signs, if only it had its key.
    pub signing: Option<Authority>,
    /// Whether its key is there.
    pub signs: bool,
    pub coming: Option<Authority>,
    pub leaving: Vec<Authority>,
    pub leaving_until: Option<Timestamp>,
    pub leaf: Option<Leaf>,
    /// Whether what was served had to stand in for what the Secret should hold.
    pub is_mended: bool,
    /// When a CA begins to be valid that is not yet: then it is the clock that is wrong, and nothing is touched.
    pub begins: Option<Timestamp>,
    /// What is wrong, in words.
    pub problems: Vec<String>,
}

/// The certificate that is served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leaf {
    pub made: Timestamp,
    pub not_after: Timestamp,
    /// Rather than by one that is leaving, or coming.
    pub is_by_signing: bool,
}

/// When a certificate of ours was made.
pub fn made(facts: &Facts) -> Timestamp {
    facts.not_before.checked_add(BACKDATED).unwrap_or(facts.not_before)
}

// === impl Contents ===

impl Contents {
    pub const KEYS: [&str; 7] = ["ca.crt", "ca.key", "next.crt", "next.key", "tls.crt", "tls.key", "leaving.until"];

    /// From the data of a Secret.
    pub fn from_data(value: impl FnMut(&str) -> String) -> Self {
        let [ca_crt, ca_key, next_crt, next_key, tls_crt, tls_key, leaving_until] = Self::KEYS.map(value);
        Self { ca_crt, ca_key, next_crt, next_key, tls_crt, tls_key, leaving_until }
    }

    /// The data of a Secret: each key with its value, which is empty where there should be none.
    pub fn data(&self) -> [(&'static str, &str); 7] {
        let texts = [
            &self.ca_crt,
            &self.ca_key,
            &self.next_crt,
            &self.next_key,
            &self.tls_crt,
            &self.tls_key,
            &self.leaving_until,
        ];
        let mut texts = texts.into_iter();
        Self::KEYS.map(|key| (key, texts.next().map(String::as_str).unwrap_or_default()))
    }

    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// What can be served of it, to callers that ask for these names, and the CAs to be believed.
    ///
    /// # Errors
    /// Why nothing can.
    pub fn served(&self, names: &[String], now: Timestamp) -> Result<(Pair, Bundle), BadPair> {
        let pair = load_pair(self.tls_crt.as_bytes(), self.tls_key.as_bytes(), now)?;
        pair.is_for(names)?;
        let (bundle, _) = Bundle::read(&self.ca_crt);
        if bundle.is_empty() {
            return Err(BadPair::NoAuthority);
        }
        pair.is_signed_by(&bundle, now)?;
        Ok((pair, bundle))
    }

    pub(super) fn serve(&mut self, leaf: Made) {
        (self.tls_crt, self.tls_key) = (leaf.cert, leaf.key);
    }
}

impl fmt::Debug for Contents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let filled = self.data().into_iter().filter(|(_, value)| !value.is_empty()).map(|(key, _)| key);
        f.debug_list().entries(filled).finish()
    }
}

// === impl Held ===

impl Held {
    /// What is good of these contents. Where the leaf or the CAs are damaged, what was last served stands in for them: it is
    /// public or useless to whoever damaged them. A CA's key is never brought back that somebody removed.
    pub fn read(contents: &Contents, served: Option<&Contents>, names: &[String], now: Timestamp) -> Self {
        let mut held = Self { contents: contents.clone(), ..Self::default() };
        let mut believed = held.read_authorities(served, now);
        held.read_signing(&mut believed);
        held.read_coming(&mut believed, now);
        held.leaving = believed;
        held.leaving_until = contents.leaving_until.parse().ok();
        held.read_leaf(served, names, now);
        held
    }

    /// The CAs that are valid.
    fn read_authorities(&mut self, served: Option<&Contents>, now: Timestamp) -> Vec<Authority> {
        let valid = |text: &str| {
            let (bundle, unread) = Bundle::read(text);
            let valid = bundle.authorities().iter().filter(|ca| ca.facts.is_valid(now)).cloned();
            (valid.collect::<Vec<_>>(), unread, bundle.authorities().len())
        };
        let (mut believed, unread, read) = valid(&self.contents.ca_crt);
        let (all, _) = Bundle::read(&self.contents.ca_crt);
        self.begins = all.authorities().iter().map(|ca| ca.facts.not_before).filter(|begins| *begins > now).max();
        if let Some(begins) = self.begins {
            self.problems.push(format!("by the clock of this machine a CA begins to be valid only at {begins}"));
        }
        if unread > 0 || read == 0 && !self.contents.ca_crt.is_empty() {
            self.problems.push("`ca.crt` holds what is no certificate".to_owned());
            self.is_mended = true;
        }
        if believed.is_empty() {
            if read > 0 {
                self.problems.push("every CA in `ca.crt` has expired".to_owned());
            }
            let served = served.map(|served| valid(&served.ca_crt).0).unwrap_or_default();
            self.is_mended |= !served.is_empty();
            believed = served;
        }
        believed.dedup_by(|one, other| one.der == other.der);
        self.contents.ca_crt = Bundle::of(believed.iter().cloned()).pem();
        believed
    }

    /// The first CA, or the one whose key there is.
    fn read_signing(&mut self, believed: &mut Vec<Authority>) {
        let with_key = believed.iter().position(|ca| can_sign(ca, &self.contents.ca_key));
        self.signs = with_key.is_some();
        let has_any = !believed.is_empty();
        if !self.signs && has_any {
            self.problems.push("`ca.key` is not the key of a CA in `ca.crt`".to_owned());
            self.contents.ca_key.clear();
        }
        let at = with_key.unwrap_or_default();
        self.signing = (at < believed.len()).then(|| believed.remove(at));
    }

    fn read_coming(&mut self, believed: &mut Vec<Authority>, now: Timestamp) {
        if self.contents.next_crt.is_empty() && self.contents.next_key.is_empty() {
            return;
        }
        let coming = Authority::read(&self.contents.next_crt);
        let coming = coming.filter(|ca| ca.facts.is_valid(now) && can_sign(ca, &self.contents.next_key));
        let at = coming.and_then(|coming| believed.iter().position(|ca| ca.der == coming.der));
        if let Some(at) = at {
            self.coming = Some(believed.remove(at));
            return;
        }
        self.problems.push("`next.crt` and `next.key` are no CA of `ca.crt` with its key".to_owned());
        self.is_mended = true;
        (self.contents.next_crt, self.contents.next_key) = (String::new(), String::new());
    }

    fn read_leaf(&mut self, served: Option<&Contents>, names: &[String], now: Timestamp) {
        let was_empty = self.contents.tls_crt.is_empty() && self.contents.tls_key.is_empty();
        let pair = match self.contents.served(names, now) {
            Ok((pair, _)) => Some(pair),
            Err(error) => {
                if !was_empty {
                    self.problems.push(format!("`tls.crt` and `tls.key` cannot be served: {error}"));
                }
                (self.contents.tls_crt, self.contents.tls_key) = (String::new(), String::new());
                // Where the CA can sign, a new one is better than the old.
                served.filter(|_| !self.signs).and_then(|served| self.bring_back(served, names, now))
            }
        };
        self.leaf = pair.map(|pair| Leaf {
            made: pair.not_before.checked_add(BACKDATED).unwrap_or(pair.not_before),
            not_after: pair.not_after,
            is_by_signing: self
                .signing
                .as_ref()
                .is_some_and(|ca| pair.is_signed_by(&Bundle::of([ca.clone()]), now).is_ok()),
        });
    }

    fn bring_back(&mut self, served: &Contents, names: &[String], now: Timestamp) -> Option<Pair> {
        let before = self.contents.clone();
        (self.contents.tls_crt, self.contents.tls_key) = (served.tls_crt.clone(), served.tls_key.clone());
        if let Ok((pair, _)) = self.contents.served(names, now) {
            self.is_mended = true;
            return Some(pair);
        }
        self.contents = before;
        None
    }
}

/// Whether this is the CA's key, and it can sign with it in a name that we can write.
fn can_sign(ca: &Authority, key: &str) -> bool {
    let Ok(key) = PrivateKeyDer::from_pem_slice(key.as_bytes()) else { return false };
    let Ok(signer) = ring::default_provider().key_provider.load_private_key(key) else { return false };
    ca.facts.plain_name.is_some() && CertifiedKey::new(vec![ca.der.clone()], signer).keys_match().is_ok()
}
