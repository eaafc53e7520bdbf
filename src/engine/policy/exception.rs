//! Exceptions: scoped, expiring permissions to ignore findings ([`spec`], [`compile`]), and what of them a policy lets hold
//! ([`permit`]).

pub mod compile;
pub mod misnamed;
pub mod permit;
pub mod reach;
pub mod spec;

use jiff::{SignedDuration, Timestamp};

use crate::engine::{
    limits,
    node::Node,
    selector::{LabelSelector, Labels},
    subject::{Operation, Subject},
};
pub use permit::{Holds, Permit};

/// A GuardException that is ready to be asked. Whether it holds is for the policies to say, finding by finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exception {
    /// Of which it excepts subjects.
    pub namespace: String,
    pub name: String,
    pub policies: Vec<String>,
    /// None stands for all that a policy lets be excepted.
    pub codes: Vec<String>,
    pub subjects: Subjects,
    pub reason: String,
    /// When it was made; None where it is not stored yet, as in a file.
    pub created: Option<Timestamp>,
    pub expires: Timestamp,
}

/// Which objects of its namespace an exception is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subjects {
    Names(Vec<String>),
    Labels(LabelSelector),
}

// === impl Exception ===

impl Exception {
    /// Whether it speaks of this subject, which is in its namespace.
    pub fn is_about(&self, subject: &Subject<'_>) -> bool {
        match &self.subjects {
            Subjects::Names(names) => names.iter().any(|name| *name == *subject.key.name),
            Subjects::Labels(selector) => {
                // What it will be counts: labels that are taken away take the exception with them.
                let deletes = subject.operation() == Operation::Delete;
                selector.matches(&labels(if deletes { subject.old() } else { subject.object() }))
            }
        }
    }

    pub fn names_policy(&self, policy: &str) -> bool {
        self.policies.iter().any(|known| known == policy)
    }

    pub fn names_code(&self, code: &str) -> bool {
        self.codes.is_empty() || self.codes.iter().any(|known| known == code)
    }

    pub fn has_ended(&self, now: Timestamp) -> bool {
        now >= self.expires
    }

    /// Whether those whom it spares should hear that it is about to end.
    pub fn ends_soon(&self, now: Timestamp) -> bool {
        !self.has_ended(now) && self.expires.duration_since(now) <= SignedDuration::from_hours(limits::NOTICE_HOURS)
    }

    /// From when it was made to its end; where it is not made yet, that would be now.
    pub fn lasts(&self, now: Timestamp) -> SignedDuration {
        self.expires.duration_since(self.created.unwrap_or(now))
    }
}

fn labels(object: Node<'_>) -> Labels {
    let entries = object.follow(&["metadata", "labels"]);
    entries.entries().map(|(key, value)| (key.to_owned(), value.text().to_owned())).collect()
}
