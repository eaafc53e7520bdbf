//! AdmissionReview as bytes: reads the envelope, writes the answer. Pure, and knows no HTTP.
//!
//! The objects in a review stay text (`RawValue`) until a policy asks for them: that is ten times as fast as parsing them.
//! They are skipped without recursion, so that nesting costs nothing here and ends at the reader's limit where it is read.

mod answer;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::engine::subject::{Asked, Attributes, Operation};

pub use answer::{Answer, Cause, Tally, write};

/// A request to judge something, borrowed from its bytes.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Review<'a> {
    /// `admission.k8s.io/v1` or `/v1beta1`; the answer has the same.
    #[serde(borrow)]
    pub api_version: Cow<'a, str>,
    #[serde(borrow)]
    pub kind: Cow<'a, str>,
    #[serde(borrow)]
    pub request: Request<'a>,
}

/// `request` of a review, as far as anything here reads it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Request<'a> {
    #[serde(borrow)]
    pub uid: Cow<'a, str>,
    #[serde(borrow)]
    pub kind: GroupVersionKind<'a>,
    #[serde(borrow)]
    pub resource: GroupVersionResource<'a>,
    #[serde(borrow, default)]
    pub sub_resource: Cow<'a, str>,
    /// What the user sent, where `matchPolicy: Equivalent` converted it into [`Self::kind`].
    #[serde(borrow, default)]
    pub request_kind: Option<GroupVersionKind<'a>>,
    #[serde(borrow, default)]
    pub request_resource: Option<GroupVersionResource<'a>>,
    #[serde(borrow, default)]
    pub name: Cow<'a, str>,
    #[serde(borrow, default)]
    pub namespace: Cow<'a, str>,
    pub operation: Operation,
    #[serde(borrow, default)]
    pub user_info: UserInfo<'a>,
    /// None on DELETE.
    #[serde(borrow, default)]
    pub object: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub old_object: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub options: Option<&'a RawValue>,
    #[serde(default)]
    pub dry_run: Option<bool>,
}

#[derive(Debug, Deserialize)]
pub struct GroupVersionKind<'a> {
    #[serde(borrow, default)]
    pub group: Cow<'a, str>,
    #[serde(borrow, default)]
    pub version: Cow<'a, str>,
    #[serde(borrow, default)]
    pub kind: Cow<'a, str>,
}

#[derive(Debug, Deserialize)]
pub struct GroupVersionResource<'a> {
    #[serde(borrow, default)]
    pub group: Cow<'a, str>,
    #[serde(borrow, default)]
    pub version: Cow<'a, str>,
    #[serde(borrow, default)]
    pub resource: Cow<'a, str>,
}

#[derive(Debug, Default, Deserialize)]
pub struct UserInfo<'a> {
    #[serde(borrow, default)]
    pub username: Cow<'a, str>,
    #[serde(borrow, default)]
    pub uid: Cow<'a, str>,
    #[serde(borrow, default)]
    pub groups: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub extra: Option<&'a RawValue>,
}

/// What is not judged, and why: input that cannot be read (400, 413, 415), or a failure of ours (5xx). The API server takes
/// either as a failed call and asks the webhook's `failurePolicy`; an AdmissionReview is written only for what was judged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Refused {
    pub status: u16,
    pub message: String,
    /// The review's, where it could be read.
    pub uid: Option<String>,
}

const VERSIONS: [&str; 2] = ["admission.k8s.io/v1", "admission.k8s.io/v1beta1"];

/// Characters of the caller's input that a refusal repeats.
const ECHOED_CHARS: usize = 256;

/// Reads a review. A key that stands twice in the envelope is refused, as two readers could see two different requests.
pub fn read(body: &[u8]) -> Result<Review<'_>, Refused> {
    let review: Review<'_> = match serde_json::from_slice(body) {
        Ok(review) => review,
        Err(error) => return Err(unreadable(body, &error)),
    };
    let refused = |message: String| Refused { uid: Some(review.request.uid.to_string()), ..Refused::new(400, message) };
    if let Some(message) = foreign(&review.api_version, &review.kind) {
        return Err(refused(message));
    }
    if review.request.uid.is_empty() {
        return Err(Refused::new(400, "`request.uid` of the review is empty"));
    }
    Ok(review)
}

// === impl Review ===

impl Review<'_> {
    /// What the engine selects policies by.
    pub fn attributes(&self) -> Attributes<'_> {
        let request = &self.request;
        // The API server gives a Namespace its own name as its namespace; the object is cluster-scoped all the same.
        let is_namespace = request.resource.group.is_empty() && request.resource.resource == "namespaces";
        Attributes {
            operation: request.operation,
            group: &request.kind.group,
            version: &request.kind.version,
            kind: &request.kind.kind,
            resource: &request.resource.resource,
            subresource: &request.sub_resource,
            namespace: if is_namespace { "" } else { &request.namespace },
            name: &request.name,
            user: &request.user_info.username,
            dry_run: request.dry_run.unwrap_or_default(),
        }
    }

    /// What only expressions read of it.
    pub fn asked(&self) -> Asked<'_> {
        let Request { user_info, options, request_kind, request_resource, .. } = &self.request;
        Asked {
            uid: &user_info.uid,
            groups: user_info.groups,
            extra: user_info.extra,
            options: *options,
            kind: request_kind.as_ref().map(|of| [&*of.group, &*of.version, &*of.kind]),
            resource: request_resource.as_ref().map(|of| [&*of.group, &*of.version, &*of.resource]),
        }
    }
}

// === impl Refused ===

impl Refused {
    pub fn new(status: u16, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), uid: None }
    }

    /// What the caller is told: the API server shows plain text of a failed call to the user. Nothing where it is we who failed.
    pub fn body(&self) -> String {
        if self.status >= 500 {
            return String::new();
        }
        let message = cut(&visible(&self.message), ECHOED_CHARS);
        match &self.uid {
            Some(uid) => format!("{message} (review `{}`)", cut(&visible(uid), 64)),
            None => message,
        }
    }
}

/// The first `chars` characters, the last of them `…` where something is left out.
fn cut(text: &str, chars: usize) -> String {
    if text.chars().nth(chars).is_none() {
        return text.to_owned();
    }
    text.chars().take(chars.saturating_sub(1)).chain(['…']).collect()
}

/// In one line and as it seems: the API server drops a warning with a control character, and marks that turn the direction
/// of writing can make a terminal show another text.
fn visible(text: &str) -> String {
    let hides = |c: char| {
        c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars().map(|c| if hides(c) { ' ' } else { c }).collect::<String>().trim().to_owned()
}

fn foreign(api_version: &str, kind: &str) -> Option<String> {
    if kind != "AdmissionReview" {
        return Some(format!("the body is a `{}`, not an AdmissionReview", cut(kind, 64)));
    }
    let known = VERSIONS.contains(&api_version);
    (!known).then(|| {
        format!("`{}` is not a version of AdmissionReview: `{}` are", cut(api_version, 64), VERSIONS.join("`, `"))
    })
}

/// What can be said of a body that is no review: its version and uid still, if it is JSON.
fn unreadable(body: &[u8], error: &serde_json::Error) -> Refused {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Outline {
        api_version: Option<String>,
        kind: Option<String>,
        request: Option<Identity>,
    }
    #[derive(Deserialize)]
    struct Identity {
        uid: Option<String>,
    }
    let outline: Option<Outline> = serde_json::from_slice(body).ok();
    let message = outline
        .as_ref()
        .and_then(|outline| foreign(outline.api_version.as_ref()?, outline.kind.as_ref()?))
        .unwrap_or_else(|| format!("the body is not an AdmissionReview: {error}"));
    let uid = outline.and_then(|outline| outline.request).and_then(|request| request.uid);
    Refused { uid, ..Refused::new(400, message) }
}
