//! Names of objects, labels and their values (`apimachinery/pkg/util/validation`).

const LABEL: &str = "[a-z0-9]([-a-z0-9]*[a-z0-9])?";
const SUBDOMAIN: &str = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*";
const LABEL_1035: &str = "[a-z]([-a-z0-9]*[a-z0-9])?";
const KEY: &str = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]";

pub(super) fn dns1123_label(text: &str) -> Vec<String> {
    let mut messages = longer_than(text, 63, "characters");
    if !is_label(text) {
        messages.push(if is_subdomain(text) {
            "must not contain dots".to_owned()
        } else {
            let what = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', \
                        and must start and end with an alphanumeric character";
            unlike(what, &["my-name", "123-abc"], LABEL)
        });
    }
    messages
}

pub(super) fn dns1123_subdomain(text: &str) -> Vec<String> {
    subdomain(text, "characters")
}

pub(super) fn dns1035_label(text: &str) -> Vec<String> {
    let mut messages = longer_than(text, 63, "characters");
    if !(is_label(text) && text.starts_with(|c: char| c.is_ascii_lowercase())) {
        let what = "a DNS-1035 label must consist of lower case alphanumeric characters or '-', \
                    start with an alphabetic character, and end with an alphanumeric character";
        messages.push(unlike(what, &["my-name", "abc-123"], LABEL_1035));
    }
    messages
}

pub(super) fn qualified_name(text: &str) -> Vec<String> {
    let what = "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character";
    let unlike_key = || unlike(what, &["MyName", "my.name", "123-abc"], KEY);
    let (prefix, name) = match text.split_once('/') {
        Some((_, name)) if name.contains('/') => {
            let and = "with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')";
            return vec![format!("a valid label key {} {and}", unlike_key())];
        }
        Some((prefix, name)) => (Some(prefix), name),
        None => (None, text),
    };
    let mut messages = Vec::new();
    match prefix {
        Some("") => messages.push("prefix part must be non-empty".to_owned()),
        Some(prefix) => messages.extend(subdomain(prefix, "bytes").into_iter().map(|why| format!("prefix part {why}"))),
        None => {}
    }
    if name.is_empty() {
        messages.push("name part must be non-empty".to_owned());
    }
    messages.extend(longer_than(name, 63, "bytes").into_iter().map(|why| format!("name part {why}")));
    if !is_key(name) {
        messages.push(format!("name part {}", unlike_key()));
    }
    messages
}

pub(super) fn label_value(text: &str) -> Vec<String> {
    let mut messages = longer_than(text, 63, "bytes");
    if !(text.is_empty() || is_key(text)) {
        let what = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', \
                    and must start and end with an alphanumeric character";
        messages.push(unlike(what, &["MyValue", "my_value", "12345"], &format!("({KEY})?")));
    }
    messages
}

/// What counts is bytes in both cases.
fn subdomain(text: &str, unit: &str) -> Vec<String> {
    let mut messages = longer_than(text, 253, unit);
    if !is_subdomain(text) {
        let what = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', \
                    and must start and end with an alphanumeric character";
        messages.push(unlike(what, &["example.com"], SUBDOMAIN));
    }
    messages
}

fn is_label(text: &str) -> bool {
    let of_label = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    is_between(text, of_label, |byte| of_label(byte) || byte == b'-')
}

fn is_subdomain(text: &str) -> bool {
    text.split('.').all(is_label)
}

fn is_key(text: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    is_between(text, |byte| byte.is_ascii_alphanumeric(), inner)
}

/// Not empty, and of the first and the last byte more is wanted.
fn is_between(text: &str, end: impl Fn(u8) -> bool, inner: impl Fn(u8) -> bool) -> bool {
    let ends = text.bytes().next().zip(text.bytes().next_back());
    ends.is_some_and(|(first, last)| end(first) && end(last)) && text.bytes().all(inner)
}

fn longer_than(text: &str, most: usize, unit: &str) -> Vec<String> {
    if text.len() > most { vec![format!("must be no more than {most} {unit}")] } else { Vec::new() }
}

/// Word for word, with its spaces.
fn unlike(what: &str, examples: &[&str], pattern: &str) -> String {
    let examples: Vec<String> = examples.iter().map(|example| format!("'{example}', ")).collect();
    format!("{what} (e.g. {}regex used for validation is '{pattern}')", examples.join(" or "))
}
