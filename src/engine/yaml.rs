//! YAML with its bytes: documents, spans, YAML held in strings, and edits that keep everything else.
