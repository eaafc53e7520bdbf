//! What is kept of `metadata`, and the label and annotation names that are ours.

use jiff::Timestamp;
use serde::{Deserialize, Deserializer};

use crate::engine::selector::{LabelSelector, Labels};

/// On a Service, a Backend or a Namespace: `"true"` allows grants to be made for it.
pub const SHARED: &str = "portcullis.dev/shared";
/// An annotation beside [`SHARED`]: a selector of the namespaces that may refer to it.
pub const SHARED_WITH: &str = "portcullis.dev/shared-with";
/// An annotation on any subject; `Suggest` turns off every applied edit for it.
pub const REMEDY: &str = "portcullis.dev/remedy";
/// An annotation that lets a needed object go until the RFC 3339 time it holds.
pub const ALLOW_DISRUPTION: &str = "portcullis.dev/allow-disruption";
/// The label on every object that Portcullis makes.
pub const MANAGED_BY: (&str, &str) = ("app.kubernetes.io/managed-by", "portcullis");

/// The lean form of `metadata`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Meta {
    #[serde(deserialize_with = "lenient")]
    pub name: String,
    #[serde(deserialize_with = "lenient")]
    pub namespace: String,
    #[serde(deserialize_with = "strings")]
    pub labels: Labels,
    #[serde(deserialize_with = "strings")]
    pub annotations: Labels,
    #[serde(deserialize_with = "lenient")]
    pub creation_timestamp: Option<Timestamp>,
}

/// Whom an object may be referred to by, as its owner says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Sharing {
    #[default]
    NotShared,
    WithAll,
    With(LabelSelector),
}

// === impl Sharing ===

impl Sharing {
    pub fn of(meta: &Meta) -> Self {
        if meta.labels.get(SHARED).map(String::as_str) != Some("true") {
            return Self::NotShared;
        }
        match meta.annotations.get(SHARED_WITH) {
            None => Self::WithAll,
            // INVARIANT: a selector that cannot be read shares with nobody.
            Some(text) => LabelSelector::parse(text).map_or(Self::NotShared, Self::With),
        }
    }

    /// Whether a namespace with these labels may refer to it. Labels that are not known settle only what needs none.
    pub fn allows(&self, labels: Option<&Labels>) -> bool {
        match self {
            Self::NotShared => false,
            Self::WithAll => true,
            Self::With(selector) => labels.is_some_and(|labels| selector.matches(labels)),
        }
    }
}

/// The value, or the default where it is null or of another type: one odd field must not hide an object.
pub fn lenient<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Maybe<T> {
        Value(T),
        Other(serde::de::IgnoredAny),
    }
    Ok(match Maybe::deserialize(deserializer)? {
        Maybe::Value(value) => value,
        Maybe::Other(_) => T::default(),
    })
}

/// The entries that are strings: one that is not (the API server refuses it) must not hide the others.
fn strings<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Labels, D::Error> {
    let entries: serde_json::Map<String, serde_json::Value> = lenient(deserializer)?;
    let strings = entries.into_iter().filter_map(|(key, value)| match value {
        serde_json::Value::String(value) => Some((key, value)),
        _ => None,
    });
    Ok(strings.collect())
}
