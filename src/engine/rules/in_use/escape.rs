//! The way around `in-use`: an outage that somebody accepted until a time.

use jiff::Timestamp;

use crate::engine::{kinds::meta::ALLOW_DISRUPTION, rules::Judge};

/// Whether the annotation holds a time that has not passed; on UPDATE the new object may bring it.
pub(super) fn is_allowed(judge: &Judge<'_>) -> bool {
    [judge.subject.old(), judge.subject.object()]
        .iter()
        .filter_map(|object| object.follow(&["metadata", "annotations", ALLOW_DISRUPTION]).as_str())
        .filter_map(|text| text.parse::<Timestamp>().ok())
        .any(|until| until > judge.now)
}
