//! What is kept of `metadata`, and the label and annotation names that are ours.

use jiff::Timestamp;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::engine::{
    node::Node,
    selector::{LabelSelector, Labels},
};

/// On a Service, a Backend or a Namespace: `"true"` allows grants to be made for it.
pub const SHARED: &str = "portcullis.dev/shared";
/// An annotation beside [`SHARED`]: a selector of the namespaces that may refer to it.
pub const SHARED_WITH: &str = "portcullis.dev/shared-with";
/// An annotation on any subject; `Suggest` turns off every applied edit for it.
pub const REMEDY: &str = "portcullis.dev/remedy";
/// An annotation that lets a needed object go until the RFC 3339 time it holds.
pub const ALLOW_DISRUPTION: &str = "portcullis.dev/allow-disruption";
/// An annotation on a grant that Portcullis made and is about to remove; since when, in RFC 3339.
pub const LEAVING: &str = "portcullis.dev/leaving";
/// The label on every object that Portcullis makes.
pub const MANAGED_BY: (&str, &str) = ("app.kubernetes.io/managed-by", "portcullis");

/// What is read of `metadata`. A value of another type is no value: one odd field must not hide an object.
#[derive(Clone, Copy, Debug)]
pub struct Meta<'a>(Option<&'a Value>);

/// Whom an object may be referred to by, as its owner says. What an object says of itself decides: its Namespace is asked
/// only where the object has no such label.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Sharing {
    /// It has no label [`SHARED`].
    #[default]
    NotSaid,
    NotShared,
    WithAll,
    With(Box<LabelSelector>),
}

// === impl Meta ===

impl<'a> Meta<'a> {
    pub fn of(object: &'a Value) -> Self {
        Self(object.get("metadata"))
    }

    pub fn name(self) -> &'a str {
        self.get("name").and_then(Value::as_str).unwrap_or_default()
    }

    pub fn label(self, key: &str) -> Option<&'a str> {
        self.get("labels")?.get(key)?.as_str()
    }

    pub fn annotation(self, key: &str) -> Option<&'a str> {
        self.get("annotations")?.get(key)?.as_str()
    }

    /// The labels that are strings: one that is not (the API server refuses it) must not hide the others.
    pub fn labels(self) -> Labels {
        let labels = self.get("labels").and_then(Value::as_object).into_iter().flatten();
        labels.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect()
    }

    pub fn created(self) -> Option<Timestamp> {
        self.get("creationTimestamp")?.as_str()?.parse().ok()
    }

    fn get(self, field: &str) -> Option<&'a Value> {
        self.0?.get(field)
    }
}

// === impl Sharing ===

impl Sharing {
    pub fn of(meta: &Meta<'_>) -> Self {
        match meta.label(SHARED) {
            None => return Self::NotSaid,
            Some("true") => {}
            Some(_) => return Self::NotShared,
        }
        match meta.annotation(SHARED_WITH) {
            None => Self::WithAll,
            // INVARIANT: a selector that cannot be read shares with nobody.
            Some(text) => LabelSelector::parse(text).map_or(Self::NotShared, |selector| Self::With(selector.into())),
        }
    }

    /// Whether a namespace with these labels may refer to it. Labels that are not known settle only what needs none.
    pub fn allows(&self, labels: Option<&Labels>) -> bool {
        match self {
            Self::NotSaid | Self::NotShared => false,
            Self::WithAll => true,
            Self::With(selector) => labels.is_some_and(|labels| selector.matches(labels)),
        }
    }
}

/// The kind of the owner that is its controller.
pub fn controlling_owner(object: &Value) -> Option<&str> {
    let owners = Node::root(object).follow(&["metadata", "ownerReferences"]);
    owners.items().find(|owner| owner.get("controller").as_bool() == Some(true)).map(|owner| owner.get("kind").text())
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
