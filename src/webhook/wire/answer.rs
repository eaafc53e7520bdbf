//! What is answered to a review, within what the API server and kubectl show of it.

use std::{borrow::Cow, collections::BTreeMap, fmt::Write as _};

use serde::Serialize;

use super::{Review, cut, visible};
use crate::engine::{
    base64,
    limits::{DENIAL_BYTES, WARNING_CHARS, WARNINGS_CHARS},
};

/// What is answered to a review that was judged. Nothing of the object is repeated but what findings say of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    pub allowed: bool,
    /// Of a denial: 422 where the object is wrong, 403 where it may not be done.
    pub code: Option<u16>,
    /// Of a denial: one finding a line, the worst first.
    pub message: String,
    /// Of a denial: what `kubectl` prints of a 422 instead of the message.
    pub causes: Vec<Cause>,
    /// Shown by `kubectl` whether allowed or not.
    pub warnings: Vec<String>,
    /// A JSON Patch as text; only where allowed.
    pub patch: Option<Vec<u8>>,
    /// Names are unqualified: the API server puts the webhook's in front.
    pub audit: BTreeMap<String, String>,
    /// What is counted of it; not sent.
    pub tally: Vec<Tally>,
}

/// A finding of a policy, and what followed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Tally {
    pub policy: String,
    pub code: String,
    pub consequence: &'static str,
}

/// One reason for a denial.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    /// A finding's code.
    pub code: String,
    pub message: String,
    /// Where, as in `spec.accessLog[0]`; empty where it is the object as a whole.
    pub field: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ReviewOut<'a> {
    api_version: &'a str,
    kind: &'static str,
    response: ResponseOut<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ResponseOut<'a> {
    uid: &'a str,
    allowed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<StatusOut<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    patch_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    patch: Option<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    audit_annotations: BTreeMap<&'a str, Cow<'a, str>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
}

#[derive(Serialize)]
struct StatusOut<'a> {
    code: u16,
    #[serde(skip_serializing_if = "String::is_empty")]
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    details: Option<DetailsOut<'a>>,
}

/// `kubectl` prints a 422 as ``The <kind> "<name>" is invalid: <field>: <message>`` from these.
#[derive(Serialize)]
struct DetailsOut<'a> {
    #[serde(skip_serializing_if = "str::is_empty")]
    group: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    kind: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    name: &'a str,
    causes: Vec<CauseOut<'a>>,
}

#[derive(Serialize)]
struct CauseOut<'a> {
    reason: &'a str,
    message: String,
    field: &'a str,
}

/// The answer as bytes, in the version of the review.
pub fn write(answer: &Answer, review: &Review<'_>) -> Vec<u8> {
    let patch = answer.patch.as_deref().filter(|patch| answer.allowed && !patch.is_empty());
    let written = serde_json::to_vec(&ReviewOut {
        api_version: &review.api_version,
        kind: "AdmissionReview",
        response: ResponseOut {
            uid: &review.request.uid,
            allowed: answer.allowed,
            status: (!answer.allowed).then(|| status(answer, review)),
            patch_type: patch.map(|_| "JSONPatch"),
            patch: patch.map(base64::encode),
            audit_annotations: answer.audit.iter().map(|(key, value)| (key.as_str(), annotation(value))).collect(),
            warnings: warnings(&answer.warnings),
        },
    });
    // Strings and numbers always serialize; an empty body would be a failed call, never an allowed one.
    written.unwrap_or_default()
}

// === impl Tally ===

impl Tally {
    pub fn new(policy: &str, code: &str, consequence: &'static str) -> Self {
        Self { policy: policy.to_owned(), code: code.to_owned(), consequence }
    }
}

// === impl Answer ===

impl Answer {
    pub fn allow() -> Self {
        Self { allowed: true, ..Self::default() }
    }

    pub fn deny(code: u16, message: impl Into<String>) -> Self {
        Self { code: Some(code), message: message.into(), ..Self::default() }
    }
}

fn status<'a>(answer: &'a Answer, review: &'a Review<'_>) -> StatusOut<'a> {
    let code = answer.code.unwrap_or(403);
    let reason = match code {
        403 => Some("Forbidden"),
        409 => Some("Conflict"),
        422 => Some("Invalid"),
        _ => None,
    };
    let details = (!answer.causes.is_empty()).then(|| DetailsOut {
        group: &review.request.kind.group,
        kind: &review.request.kind.kind,
        name: &review.request.name,
        causes: causes(&answer.causes),
    });
    StatusOut { code, message: message(&answer.message), reason, details }
}

/// As many lines as fit; then how many are left out.
fn message(findings: &str) -> String {
    let mut lines = findings.lines().map(visible).filter(|line| !line.is_empty());
    let mut out = lines.next().map(|first| within(&first)).unwrap_or_default();
    let mut left_out = 0;
    for line in lines {
        if left_out == 0 && out.len() + 1 + line.len() <= DENIAL_BYTES {
            out.push('\n');
            out.push_str(&line);
        } else {
            left_out += 1;
        }
    }
    if left_out > 0 {
        let _ = write!(out, "\n… and {left_out} more");
    }
    out
}

fn causes(all: &[Cause]) -> Vec<CauseOut<'_>> {
    let mut room = DENIAL_BYTES;
    let mut out: Vec<CauseOut<'_>> = Vec::new();
    for cause in all {
        let message = within(&visible(&cause.message));
        let size = cause.field.len() + message.len();
        if size > room && !out.is_empty() {
            break;
        }
        room = room.saturating_sub(size);
        // kubectl prints the field and a colon whether or not there is one.
        let field = if cause.field.is_empty() { "object" } else { cause.field.as_str() };
        out.push(CauseOut { reason: &cause.code, message, field });
    }
    let left_out = all.len() - out.len();
    if let Some(last) = out.last_mut().filter(|_| left_out > 0) {
        let _ = write!(last.message, " … and {left_out} more");
    }
    out
}

/// Each within its bound, and all together: the API server cuts every one of them once they are too many.
fn warnings(all: &[String]) -> Vec<String> {
    /// Room for the line that says how many are left out.
    const LAST: usize = 32;
    let all: Vec<String> =
        all.iter().map(|warning| cut(&visible(warning), WARNING_CHARS)).filter(|warning| !warning.is_empty()).collect();
    let chars = |warning: &String| warning.chars().count();
    if all.iter().map(chars).sum::<usize>() <= WARNINGS_CHARS {
        return all;
    }
    let mut room = WARNINGS_CHARS - LAST;
    let kept = all.iter().take_while(|warning| {
        let fits = chars(warning) <= room;
        room = room.saturating_sub(chars(warning));
        fits
    });
    let mut out: Vec<String> = kept.cloned().collect();
    out.push(format!("… and {} more warnings", all.len() - out.len()));
    out
}

fn annotation(value: &str) -> Cow<'_, str> {
    if value.len() <= DENIAL_BYTES { Cow::Borrowed(value) } else { Cow::Owned(within(value)) }
}

fn within(text: &str) -> String {
    if text.len() <= DENIAL_BYTES {
        return text.to_owned();
    }
    let end = text.floor_char_boundary(DENIAL_BYTES - '…'.len_utf8());
    format!("{}…", text.get(..end).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_cut_at_a_finding_and_say_how_many_are_left() {
        let findings = "something is wrong with `spec`\n".repeat(300);
        let out = message(&findings);
        let (kept, last) = out.rsplit_once('\n').unwrap();
        assert!(kept.len() <= DENIAL_BYTES);
        let left: usize = last.strip_prefix("… and ").unwrap().strip_suffix(" more").unwrap().parse().unwrap();
        assert_eq!(kept.lines().count() + left, 300);
        let one = message(&"ä".repeat(DENIAL_BYTES));
        assert!(one.len() <= DENIAL_BYTES && one.ends_with('…'), "{}", one.len());
    }

    #[test]
    fn warnings_keep_to_both_bounds() {
        let out = warnings(&vec!["ü".repeat(300); 40]);
        assert!(out.iter().all(|warning| warning.chars().count() <= WARNING_CHARS));
        assert!(out.iter().map(|warning| warning.chars().count()).sum::<usize>() <= WARNINGS_CHARS);
        assert_eq!(out.last().unwrap(), "… and 25 more warnings");
        assert_eq!(warnings(&["a\nb\u{7}\u{202e}c".into(), "\r\n".into()]), ["a b  c"]);
    }

    #[test]
    fn causes_are_bounded_too() {
        let cause =
            |i| Cause { code: "rule/code".into(), message: format!("{i} {}", "x".repeat(500)), field: String::new() };
        let all: Vec<Cause> = (0..20).map(cause).collect();
        let out = causes(&all);
        assert_eq!(out.len(), 8);
        assert!(out.last().unwrap().message.ends_with("… and 12 more"));
        assert_eq!(out.first().unwrap().field, "object");
    }
}
