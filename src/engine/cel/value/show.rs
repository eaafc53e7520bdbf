//! Values in messages.

use std::fmt;

use crate::engine::{
    cel::{Value, value::number},
    limits,
};

/// As an error message of cel-go shows it: a string as it is. What is large is not shown whole.
impl fmt::Display for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(value) => write!(f, "{value}"),
            Self::Int(value) => write!(f, "{value}"),
            Self::Uint(value) => write!(f, "{value}"),
            Self::Double(value) => f.write_str(&number::shortest(*value)),
            Self::String(text) | Self::Type(text) => show_text(text.as_str(), f),
            Self::Timestamp(time) => write!(f, "{time}"),
            other => write!(f, "a value of type {}", other.type_name().as_str()),
        }
    }
}

/// As much of it as anyone reads: a message may be made as often as something fails.
pub(super) fn show_text(text: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let end = text.floor_char_boundary(limits::CEL_SHOWN);
    f.write_str(text.get(..end).unwrap_or_default())?;
    if end < text.len() { f.write_str("…") } else { Ok(()) }
}
