//! What is wrong with a YAML text, in a user's words.

use granit_parser::{ErrorKind, ScanError};

use crate::engine::{limits, yaml::spans::line_column};

/// A text is not YAML that can be read, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {message}")]
pub struct YamlError {
    /// Lower case, no full stop.
    pub message: String,
    /// Bytes before it in the document.
    pub offset: usize,
    /// From 1, within the document.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
}

// === impl YamlError ===

impl YamlError {
    pub(super) fn at(text: &str, offset: usize, message: impl Into<String>) -> Self {
        let (line, column) = line_column(text, offset);
        Self { message: message.into(), offset, line, column }
    }

    pub(super) fn scan(text: &str, error: &ScanError) -> Self {
        let offset = error.marker().byte_offset().unwrap_or(text.len()).min(text.len());
        Self::at(text, offset, words(error.kind()))
    }
}

pub(super) fn too_deep() -> String {
    format!("nested more than {} levels deep", limits::DEPTH)
}

/// The parser's words are those of the YAML specification; these are what somebody did.
fn words(kind: &ErrorKind) -> String {
    let words = match kind {
        ErrorKind::TabNotAllowed | ErrorKind::TabInBlockIndentation | ErrorKind::TabInIndentation => {
            return "tab used as indentation, where YAML takes spaces alone".to_owned();
        }
        ErrorKind::TabAtBlockScalarStart => return "tab used as indentation of a block of text".to_owned(),
        ErrorKind::RecursionLimitExceeded => return too_deep(),
        ErrorKind::UnknownAnchor => "alias of an anchor that is not defined before it",
        ErrorKind::UnclosedFlowCollection { open } => return format!("this is not YAML: `{open}` is never closed"),
        ErrorKind::MismatchedFlowCollectionEnd { open, close } => {
            return format!("this is not YAML: `{close}` stands where `{open}` must be closed");
        }
        ErrorKind::MisplacedFlowCollectionEnd => "closing bracket without an opening one",
        ErrorKind::UnclosedQuotedScalar => "quoted string is never closed",
        ErrorKind::InvalidQuotedScalarIndent => "quoted string is never closed, or not indented where it goes on",
        ErrorKind::UnexpectedEofFlowSequence | ErrorKind::ExpectedFlowSequenceSeparator => {
            "expected `,` or `]` in this list"
        }
        ErrorKind::UnexpectedEofFlowMapping | ErrorKind::ExpectedFlowMappingSeparator => {
            "expected `,` or `}` in this mapping"
        }
        ErrorKind::ExpectedBlockMappingKey => "expected a key of the mapping here: is it indented like its siblings?",
        ErrorKind::ExpectedBlockSequenceEntry => "expected `- ` here: is it indented like the other items?",
        ErrorKind::InvalidIndentation | ErrorKind::InvalidBlockScalarIndent | ErrorKind::InvalidFlowScalarIndent => {
            "wrong indentation"
        }
        ErrorKind::SimpleKeyExpected => "expected `:` after this key",
        ErrorKind::MappingValueNotAllowed => {
            "`:` is not allowed here: is it indented right, or does a string need quotes?"
        }
        ErrorKind::BlockSequenceEntryNotAllowed => "`- ` is not allowed here: a list begins on a line of its own",
        ErrorKind::UnknownQuotedScalarEscape => "unknown escape in a double-quoted string",
        ErrorKind::MissingAnchorOrAliasName => "`&` and `*` need a name: does a string need quotes?",
        ErrorKind::UnexpectedCharacter { character } => {
            return format!(
                "this is not YAML: `{}` cannot begin a value: does a string need quotes?",
                character.escape_debug()
            );
        }
        other => return format!("this is not YAML: {}", other.to_string().replace('\n', " ")),
    };
    format!("this is not YAML: {words}")
}
