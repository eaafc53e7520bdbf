//! Names of objects and words of APIs: kept once, however many keys and look-ups name the same thing.

use std::{borrow::Borrow, cmp::Ordering, fmt, hash, ops::Deref, sync::Arc};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::engine::kinds::KINDS;

/// A text that is cheap to copy: known words are never allocated, others are counted references.
#[derive(Clone)]
pub struct Name(Text);

#[derive(Clone)]
enum Text {
    /// A thin reference keeps a name at two words.
    Known(&'static &'static str),
    Other(Arc<str>),
}

/// What stands in thousands of objects beside the groups and kinds of [`KINDS`]: common names of ports and listeners, and
/// protocols.
static WORDS: &[&str] = &[
    "http",
    "https",
    "grpc",
    "otlp",
    "otlp-grpc",
    "otlp-http",
    "metrics",
    "kubernetes.io/h2c",
    "HTTP",
    "HTTPS",
    "kgateway",
];

// === impl Name ===

impl Name {
    /// The name of one object among many.
    pub fn new(text: &str) -> Self {
        Self(if text.is_empty() { Text::Known(&"") } else { Text::Other(text.into()) })
    }

    /// What is most likely the same in many objects.
    pub fn word(text: &str) -> Self {
        let kinds = KINDS.iter().flat_map(|kind| [&kind.kind, &kind.group]);
        match kinds.chain(WORDS).find(|known| **known == text) {
            Some(known) => Self::known(known),
            None => Self::new(text),
        }
    }

    pub const fn known(text: &'static &'static str) -> Self {
        Self(Text::Known(text))
    }

    /// Whether it is the same text in the same place, which most names that are compared are.
    fn is_same(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Text::Known(a), Text::Known(b)) => std::ptr::eq(**a, **b),
            (Text::Other(a), Text::Other(b)) => Arc::ptr_eq(a, b),
            _ => false,
        }
    }

    pub fn as_str(&self) -> &str {
        match &self.0 {
            Text::Known(text) => text,
            Text::Other(text) => text,
        }
    }
}

impl Default for Name {
    fn default() -> Self {
        Self::known(&"")
    }
}

impl Deref for Name {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl AsRef<str> for Name {
    fn as_ref(&self) -> &str {
        self
    }
}

impl Borrow<str> for Name {
    fn borrow(&self) -> &str {
        self
    }
}

impl From<&str> for Name {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl PartialEq for Name {
    fn eq(&self, other: &Self) -> bool {
        self.is_same(other) || self.as_str() == other.as_str()
    }
}

impl Eq for Name {}

impl PartialEq<str> for Name {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<&str> for Name {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}

impl PartialEq<Name> for str {
    fn eq(&self, other: &Name) -> bool {
        self == other.as_str()
    }
}

impl PartialEq<Name> for &str {
    fn eq(&self, other: &Name) -> bool {
        *self == other.as_str()
    }
}

impl PartialOrd for Name {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Name {
    fn cmp(&self, other: &Self) -> Ordering {
        if self.is_same(other) { Ordering::Equal } else { self.as_str().cmp(other.as_str()) }
    }
}

/// INVARIANT: as `str` does, so that a table of names can be asked with a text.
impl hash::Hash for Name {
    fn hash<H: hash::Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self.as_str(), f)
    }
}

impl Serialize for Name {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self)
    }
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self::word(&String::deserialize(deserializer)?))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeSet, HashSet};

    use super::*;

    #[test]
    fn a_known_word_is_the_same_as_the_text() {
        let (known, other) = (Name::word("Service"), Name::new("Service"));
        assert!(matches!((&known.0, &other.0), (Text::Known(_), Text::Other(_))));
        assert_eq!(known, other);
        assert_eq!(known, "Service");
        assert_eq!(HashSet::from([known.clone(), other.clone()]).len(), 1);
        assert_eq!(BTreeSet::from([known.clone(), other]).len(), 1);
        assert!(HashSet::from([known]).contains("Service"));
    }

    #[test]
    fn two_words_are_enough() {
        assert_eq!(size_of::<Name>(), 2 * size_of::<usize>());
        assert_eq!(size_of::<Option<Name>>(), 3 * size_of::<usize>());
    }
}
