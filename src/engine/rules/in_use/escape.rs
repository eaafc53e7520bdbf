//! The way around `in-use`: an outage that somebody accepted until a time.

use jiff::Timestamp;

use crate::engine::{kinds::meta::ALLOW_DISRUPTION, node::Node, rules::Judge, subject::Operation};

/// What the annotation on the subject says.
pub(super) enum Escape<'a> {
    NotAsked,
    Accepted,
    /// The time it holds has passed.
    Ended(&'a str),
    /// It holds no time.
    Unreadable(&'a str),
}

// === impl Escape ===

impl<'a> Escape<'a> {
    /// On UPDATE either object may bring it; on DELETE there is only the old one.
    pub(super) fn of(judge: &'a Judge<'_>) -> Self {
        let annotation = |object: Node<'a>| object.follow(&["metadata", "annotations", ALLOW_DISRUPTION]).as_str();
        let old = annotation(judge.subject.old());
        let new = annotation(judge.subject.object()).filter(|_| judge.subject.operation() == Operation::Update);
        let mut said = Self::NotAsked;
        for text in [old, new].into_iter().flatten() {
            said = match text.parse::<Timestamp>() {
                Ok(until) if until > judge.now => return Self::Accepted,
                Ok(_) => Self::Ended(text),
                Err(_) => Self::Unreadable(text),
            };
        }
        said
    }

    /// Why it does not count, as the end of a message.
    pub(super) fn complaint(&self) -> String {
        match self {
            Self::NotAsked | Self::Accepted => String::new(),
            Self::Ended(text) => format!("; its annotation `{ALLOW_DISRUPTION}: {}` has ended", excerpt(text)),
            Self::Unreadable(text) => {
                format!(
                    "; its annotation `{ALLOW_DISRUPTION}: {}` is no RFC 3339 time and does not count",
                    excerpt(text)
                )
            }
        }
    }
}

/// Enough of what a user wrote to recognise it, on one line.
fn excerpt(text: &str) -> String {
    text.chars().filter(|character| !character.is_control()).take(40).collect()
}
