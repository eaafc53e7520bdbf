//! Edits that keep every other byte.

use serde_json::Value;

use crate::engine::{finding::Change, yaml::Dialect};

/// Why an edit is not made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct CannotEdit {
    pub reason: String,
}

/// Placeholder.
pub fn apply(_text: &str, _changes: &[Change], _dialect: Dialect) -> Result<String, CannotEdit> {
    Err(CannotEdit { reason: "not yet".to_owned() })
}

/// Placeholder.
pub fn apply_to_value(_value: &mut Value, _changes: &[Change], _dialect: Dialect) -> Result<(), CannotEdit> {
    Err(CannotEdit { reason: "not yet".to_owned() })
}
