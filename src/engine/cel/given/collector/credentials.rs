//! Credentials that stand in a configuration. Passwords and tokens are not handed on with them: a policy is told what is
//! wrong with them, and has no need to read the configuration, which a message could hold.
//!
//! Exporters, receivers and extensions have fields of their own for them, such as `auth.sasl.password` of `kafka`, `api.key` of
//! `datadog`, `token` of `splunk_hec` and `client_secret` of `oauth2client`. They are told by the last part of their names, on which all
//! of the collector's components agree, so that one that nobody has heard of is seen too.

mod fields;

use serde_json::{Value, json};

use crate::engine::{
    base64,
    cel::{Type, given::place},
    kinds::collector::{ComponentId, is_expansion},
    limits,
    node::{Path, Segment},
};

/// Passwords that are written in installation guides, and users that they are written for. A user alone says nothing: whoever changes
/// the password keeps the name.
const DEFAULT_USERS: [&str; 2] = ["admin@openobserve.dev", "root@example.com"];
const DEFAULT_PASSWORDS: [&str; 5] = ["admin", "changeme", "password", "prom-operator", "Complexpass#123"];

/// What is told of one.
struct Credential {
    /// As in `headers.Authorization`.
    name: String,
    /// `basic`, `bearer`, or empty for a header or field that holds just a key.
    scheme: &'static str,
    literal: bool,
    /// What is wrong with it as written; empty where nothing is, or where it cannot be seen.
    flaw: &'static str,
    /// Of a `basic` credential that can be read.
    user: String,
    default: bool,
    path: Path,
}

/// The type of a credential.
pub(super) fn declared() -> Type {
    Type::object(
        "portcullis.Credential",
        [
            ("component", Type::String),
            ("of", Type::String),
            ("name", Type::String),
            ("scheme", Type::String),
            ("literal", Type::Bool),
            ("flaw", Type::String),
            ("user", Type::String),
            ("default", Type::Bool),
            ("at", place::declared()),
        ],
    )
}

/// The credentials of one component.
pub(super) fn of(list: &str, id: &ComponentId, config: &Value, place: &dyn Fn(&Path) -> Value) -> Vec<Value> {
    if !matches!(list, "exporters" | "receivers" | "extensions") {
        return Vec::new();
    }
    let mut found = Vec::new();
    collect(id, config, &mut Path::root(), &mut found, limits::DEPTH);
    found
        .into_iter()
        .map(|credential| {
            json!({
                "component": id.to_string(),
                "of": list,
                "name": credential.name,
                "scheme": credential.scheme,
                "literal": credential.literal,
                "flaw": credential.flaw,
                "user": credential.user,
                "default": credential.default,
                "at": place(&credential.path),
            })
        })
        .collect()
}

/// Whatever holds a credential in this part of a component.
fn collect(id: &ComponentId, value: &Value, path: &mut Path, found: &mut Vec<Credential>, depth: usize) {
    if found.len() >= limits::CEL_GIVEN_EACH || depth == 0 {
        return;
    }
    match value {
        Value::Object(entries) => {
            for (key, entry) in entries {
                if found.len() >= limits::CEL_GIVEN_EACH {
                    return;
                }
                path.push(Segment::Key(key.clone()));
                match entry {
                    _ if key == "headers" => headers(entry, path, found),
                    Value::Object(_) | Value::Array(_) => collect(id, entry, path, found, depth - 1),
                    _ => found.extend(field(id, value, key, entry, path)),
                }
                path.pop();
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                path.push(Segment::Index(index));
                match item {
                    // `endpoints: [https://user:password@…]`
                    Value::String(text) if fields::holds_password(last_key(path), text) => {
                        found.push(Credential::field(path, text));
                    }
                    _ => collect(id, item, path, found, depth - 1),
                }
                path.pop();
            }
        }
        _ => {}
    }
}

/// `headers` is a mapping, or since 0.136 also a list of names and values; `headers_setter` has a list of keys and values.
fn headers(headers: &Value, path: &Path, found: &mut Vec<Credential>) {
    match headers {
        Value::Object(headers) => {
            for (name, value) in headers.iter().take(limits::CEL_GIVEN_EACH) {
                found.extend(header(path, name, value, path.key(name)));
            }
        }
        Value::Array(headers) => {
            for (index, entry) in headers.iter().enumerate().take(limits::CEL_GIVEN_EACH) {
                let name = entry.get("name").or_else(|| entry.get("key")).and_then(Value::as_str);
                if let (Some(name), Some(value)) = (name, entry.get("value")) {
                    found.extend(header(path, name, value, path.index(index).key("value")));
                }
            }
        }
        _ => {}
    }
}

fn header(headers: &Path, name: &str, value: &Value, path: Path) -> Option<Credential> {
    let text = value.as_str().filter(|_| fields::is_secret_header(name))?;
    let is_authorization = name.to_ascii_lowercase().ends_with("authorization");
    Some(Credential::read(format!("{headers}.{name}"), text, is_authorization, path))
}

/// A field of a component, beside its siblings.
fn field(id: &ComponentId, siblings: &Value, key: &str, value: &Value, path: &Path) -> Option<Credential> {
    let number;
    let text = match value {
        Value::String(text) => text.as_str(),
        // A password of digits alone.
        Value::Number(digits) if fields::is_secret(key) => {
            number = digits.to_string();
            &number
        }
        _ => return None,
    };
    let kind = id.kind.as_str();
    let is_api_key = key == "key" && path.segments().iter().rev().nth(1) == Some(&Segment::Key("api".to_owned()));
    let is_list_of_users = key == "inline" && matches!(kind, "basicauth" | "basic_auth");
    if is_list_of_users {
        return fields::lists_passwords(text).then(|| Credential::field(path, text));
    }
    if !fields::is_secret(key) && !is_api_key {
        return fields::holds_password(Some(key), text).then(|| Credential::field(path, text));
    }
    if text.is_empty() {
        return None;
    }
    if matches!(kind, "bearertokenauth" | "bearer_token_auth") {
        let read = Credential::read(path.to_string(), text, false, path.clone());
        return Some(Credential { scheme: "bearer", ..read });
    }
    let mut credential = Credential::field(path, text);
    credential.literal = fields::is_literal(text);
    if key.to_ascii_lowercase().ends_with("password") {
        let user = ["username", "user"].iter().find_map(|key| siblings.get(*key)?.as_str()).unwrap_or_default();
        credential.default = credential.literal && is_default(text);
        credential.user = if is_expansion(user) { String::new() } else { user.to_owned() };
        credential.scheme = if matches!(kind, "basicauth" | "basic_auth") { "basic" } else { "" };
    }
    Some(credential)
}

/// The name that what is in a list has.
fn last_key(path: &Path) -> Option<&str> {
    path.segments()
        .iter()
        .rev()
        .find_map(|segment| if let Segment::Key(key) = segment { Some(key.as_str()) } else { None })
}

// === impl Credential ===

impl Credential {
    /// One that a field of its own holds.
    fn field(path: &Path, text: &str) -> Self {
        let literal = !text.is_empty();
        Self {
            name: path.to_string(),
            scheme: "",
            literal,
            flaw: "",
            user: String::new(),
            default: false,
            path: path.clone(),
        }
    }

    fn read(name: String, text: &str, is_authorization: bool, path: Path) -> Self {
        let literal = fields::is_literal(text);
        let none = Self { name, scheme: "", literal, flaw: "", user: String::new(), default: false, path };
        let (scheme, rest) = text.trim().split_once(char::is_whitespace).unwrap_or((text.trim(), ""));
        let rest = rest.trim();
        match scheme.to_ascii_lowercase().as_str() {
            "basic" if !rest.is_empty() && (is_expansion(rest) || !literal) => Self { scheme: "basic", ..none },
            "basic" => {
                let (flaw, pair) = basic(rest);
                let (user, password) = pair.as_deref().and_then(|pair| pair.split_once(':')).unwrap_or_default();
                let default = is_default(password) || (flaw == "not-base64" && is_cut_default(user, password));
                Self { scheme: "basic", flaw, user: user.to_owned(), default, ..none }
            }
            "bearer" => {
                let flaw = if rest.is_empty() {
                    "no-token"
                } else if rest.contains(char::is_whitespace) && !is_expansion(rest) {
                    "spaces"
                } else {
                    ""
                };
                Self { scheme: "bearer", flaw, ..none }
            }
            // Half a header: what `Basic` should stand before.
            _ if is_authorization && literal && rest.is_empty() && basic(scheme).0.is_empty() => {
                Self { flaw: "no-scheme", ..none }
            }
            _ => none,
        }
    }
}

/// What is wrong with the base64 behind `Basic`, and the user and password in it.
fn basic(encoded: &str) -> (&'static str, Option<String>) {
    let text = base64::decode_leniently(encoded).and_then(|bytes| String::from_utf8(bytes).ok());
    let flaw = match &text {
        _ if encoded.is_empty() => "no-credentials",
        _ if !base64::is_strict(encoded) => "not-base64",
        Some(text) if text.contains(':') => "",
        _ => "no-colon",
    };
    (flaw, text)
}

fn is_default(password: &str) -> bool {
    DEFAULT_PASSWORDS.contains(&password)
}

/// Whether the last character of a guide's credential, user and password, was lost with the end of its base64.
fn is_cut_default(user: &str, password: &str) -> bool {
    DEFAULT_USERS.contains(&user)
        && DEFAULT_PASSWORDS.iter().any(|whole| {
            let mut shorter = whole.chars();
            shorter.next_back().is_some() && shorter.as_str() == password
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (&'static str, bool, &'static str, String, bool) {
        let Credential { scheme, literal, flaw, user, default, .. } =
            Credential::read("headers.Authorization".to_owned(), text, true, Path::root());
        (scheme, literal, flaw, user, default)
    }

    #[test]
    fn credentials_are_told_apart_and_not_handed_on() {
        for (text, expected) in [
            ("Basic dXNlcjpzM2NyZXQ=", ("basic", true, "", "user", false)),
            ("basic YWRtaW5Ab3Blbm9ic2VydmUuZGV2OmFkbWlu", ("basic", true, "", "admin@openobserve.dev", true)),
            // One character short, as in a guide.
            ("Basic YWRtaW5Ab3Blbm9ic2VydmUuZGV2OmFkbWl", ("basic", true, "not-base64", "admin@openobserve.dev", true)),
            // A known user with passwords of its own.
            (
                "Basic YWRtaW5Ab3Blbm9ic2VydmUuZGV2OlhrOS0yakpmMHEhc3Ryb25n",
                ("basic", true, "", "admin@openobserve.dev", false),
            ),
            ("Basic YWRtaW5Ab3Blbm9ic2VydmUuZGV2OlhrOS0yakpm", ("basic", true, "", "admin@openobserve.dev", false)),
            // `user:changeme`
            ("Basic dXNlcjpjaGFuZ2VtZQ==", ("basic", true, "", "user", true)),
            ("Basic dXNlcg==", ("basic", true, "no-colon", "", false)),
            ("Basic user:password", ("basic", true, "not-base64", "", false)),
            ("Basic ", ("basic", true, "no-credentials", "", false)),
            ("Basic ${env:AUTH}", ("basic", false, "", "", false)),
            ("${env:AUTH}", ("", false, "", "", false)),
            ("Bearer abc", ("bearer", true, "", "", false)),
            ("Bearer", ("bearer", true, "no-token", "", false)),
            ("Bearer ${env:TOKEN}", ("bearer", false, "", "", false)),
            ("Bearer $TOKEN", ("bearer", false, "", "", false)),
            ("Basic $AUTH", ("basic", false, "", "", false)),
            ("Bearer hunter2${env:SUFFIX}", ("bearer", true, "", "", false)),
            ("dXNlcjpzM2NyZXQ=", ("", true, "no-scheme", "", false)),
            ("abcdef", ("", true, "", "", false)),
            ("ApiKey abcdef", ("", true, "", "", false)),
        ] {
            let (scheme, literal, flaw, user, default) = read(text);
            assert_eq!((scheme, literal, flaw, user.as_str(), default), expected, "{text}");
        }
    }
}
