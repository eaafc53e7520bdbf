//! Tells a Helm template from the YAML that Helm makes of it.

use memchr::memmem;

use crate::engine::yaml::{documents, lines::cut, tree};

/// What only Helm puts into `{{ … }}`. Alertmanager, Grafana and Argo CD templates live in rendered YAML too, so that
/// braces alone prove nothing while the text is YAML.
const HELM_WORDS: [&str; 11] = [
    ".Values",
    ".Release.",
    ".Chart.",
    ".Capabilities.",
    ".Template.",
    ".Files.",
    "include \"",
    "include (",
    "toYaml ",
    "| nindent",
    "| indent",
];

/// The first `{{` that makes the text the source of a Helm template: one with words of Helm in it, or, where the text
/// is not YAML, just the first.
pub fn looks_like_helm_template(text: &str) -> Option<usize> {
    let first = memmem::find(text.as_bytes(), b"{{")?;
    let mut at = first;
    while let Some(found) = memmem::find(text.as_bytes().get(at..).unwrap_or_default(), b"{{") {
        let open = at + found;
        let close =
            memmem::find(text.as_bytes().get(open..).unwrap_or_default(), b"}}").map_or(text.len(), |n| open + n);
        let action = cut(text, open, close);
        if HELM_WORDS.iter().any(|word| action.contains(word)) {
            return Some(open);
        }
        at = close.max(open + 2);
    }
    let broken = documents::split(text).iter().any(|document| tree::parse(document.text).is_err());
    broken.then_some(first)
}

#[cfg(test)]
mod tests {
    use super::looks_like_helm_template;

    #[test]
    fn finds_templates_and_only_templates() {
        let cases = [
            ("a: 1\n", None),
            ("a: {{ .Values.a }}\n", Some(3)),
            ("a: \"{{ .Values.a }}\"\n", Some(4)),
            ("x: 1\n{{- if .Values.a }}\na: 1\n{{- end }}\n", Some(5)),
            ("a: {{- include \"name\" . }}\n", Some(3)),
            ("a: 1\n{{ if eq 1 2 }}\n", Some(5)),
            ("summary: '{{ $labels.instance }} is down'\n", None),
            ("a: |\n  {{ range .Alerts }}x{{ end }}\n", None),
            ("a: |\n  {{- range .Alerts }}\n  x\n  {{- end }}\n", None),
            ("a: {{ }}\n", None),
        ];
        for (text, expected) in cases {
            assert_eq!(looks_like_helm_template(text), expected, "{text:?}");
        }
    }
}
