//! YAML with its bytes: documents, spans, YAML held in strings, and edits that keep everything else.

use serde_json::Value;

/// Placeholder until the emitter is in.
pub fn emit(value: &Value) -> String {
    serde_saphyr::to_string(value).unwrap_or_default()
}
