//! What one request is judged by: it sees one of these, whatever changes meanwhile.

use crate::engine::{policy::PolicySet, view::View};

/// The policies in force and the facts about the cluster, both as of one moment. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    pub policies: PolicySet,
    pub view: View,
}
