//! YAML with its bytes: documents, spans, YAML held in strings, and edits that keep everything else.

pub mod documents;
pub mod edit;
pub mod scalar;
pub mod spans;
pub mod tree;

use serde_json::Value;

pub use scalar::Dialect;

/// Block-style YAML of a manifest that is printed or added to a file.
pub fn emit(value: &Value) -> String {
    serde_saphyr::to_string(value).unwrap_or_default()
}

/// Where a text that is no manifest shows itself to be a Helm template: the first `{{` that Helm would replace.
pub fn looks_like_helm_template(text: &str) -> Option<usize> {
    let marks = [
        "{{-",
        "{{ .",
        "{{.",
        "{{ include",
        "{{ template",
        "{{ if",
        "{{ range",
        "{{ with",
        "{{ define",
        "{{ end",
        "{{/*",
        "{{ $",
        "{{ tpl",
        "{{ toYaml",
    ];
    marks.iter().filter_map(|mark| text.find(mark)).min()
}
