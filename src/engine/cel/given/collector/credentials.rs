//! Credentials that stand in a configuration. Passwords and tokens are not handed on with them: a policy is told what is
//! wrong with them, and has no need to read the configuration, which a message could hold.

use serde_json::{Value, json};

use crate::engine::{
    base64,
    cel::{Type, given::place},
    kinds::collector::{ComponentId, is_expansion},
    limits,
    node::Path,
};

/// Users and passwords that are written in installation guides.
const DEFAULT_USERS: [&str; 2] = ["admin@openobserve.dev", "root@example.com"];
const DEFAULT_PASSWORDS: [&str; 5] = ["admin", "changeme", "password", "prom-operator", "Complexpass#123"];

/// Headers that carry a credential have one of these in their name, in any case.
const TELLING: [&str; 8] =
    ["authorization", "api-key", "apikey", "api_key", "token", "secret", "password", "honeycomb-team"];

/// What is told of one.
struct Credential {
    /// As in `headers.Authorization`.
    name: String,
    /// `basic`, `bearer`, or empty for a header that holds just a key.
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
    let mut found = Vec::new();
    if list == "exporters" {
        headers(config, &mut found);
    }
    if list == "extensions" {
        of_extension(id, config, &mut found);
    }
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

/// `headers` is a mapping, or since 0.136 also a list of names and values.
fn headers(config: &Value, found: &mut Vec<Credential>) {
    let path = Path::of(&["headers"]);
    match config.get("headers") {
        Some(Value::Object(headers)) => {
            for (name, value) in headers.iter().take(limits::CEL_GIVEN_EACH) {
                found.extend(header(name, value, path.key(name)));
            }
        }
        Some(Value::Array(headers)) => {
            for (index, entry) in headers.iter().enumerate().take(limits::CEL_GIVEN_EACH) {
                if let (Some(Value::String(name)), Some(value)) = (entry.get("name"), entry.get("value")) {
                    found.extend(header(name, value, path.index(index).key("value")));
                }
            }
        }
        _ => {}
    }
}

fn header(name: &str, value: &Value, path: Path) -> Option<Credential> {
    let lower = name.to_ascii_lowercase();
    let text = value.as_str().filter(|_| TELLING.iter().any(|telling| lower.contains(telling)))?;
    let name = format!("headers.{name}");
    Some(Credential::read(name, text, lower.ends_with("authorization"), path))
}

/// `basicauth` and `bearertokenauth` keep the credentials that exporters send.
fn of_extension(id: &ComponentId, config: &Value, found: &mut Vec<Credential>) {
    match id.kind.as_str() {
        "basicauth" | "basic_auth" => {
            let Some(auth) = config.get("client_auth") else { return };
            let text = |key: &str| auth.get(key).and_then(Value::as_str).unwrap_or_default();
            let (user, password) = (text("username"), text("password"));
            if password.is_empty() {
                return;
            }
            let literal = !is_expansion(password);
            found.push(Credential {
                name: "client_auth.password".to_owned(),
                scheme: "basic",
                literal,
                flaw: "",
                user: if is_expansion(user) { String::new() } else { user.to_owned() },
                default: literal && is_default(user, password),
                path: Path::of(&["client_auth", "password"]),
            });
        }
        "bearertokenauth" | "bearer_token_auth" => {
            if let Some(token) = config.get("token").and_then(Value::as_str) {
                let mut credential = Credential::read("token".to_owned(), token, false, Path::of(&["token"]));
                credential.scheme = "bearer";
                found.push(credential);
            }
        }
        _ => {}
    }
}

// === impl Credential ===

impl Credential {
    fn read(name: String, text: &str, is_authorization: bool, path: Path) -> Self {
        let literal = !is_expansion(text) && !text.trim().is_empty();
        let none = Self { name, scheme: "", literal, flaw: "", user: String::new(), default: false, path };
        let (scheme, rest) = text.trim().split_once(char::is_whitespace).unwrap_or((text.trim(), ""));
        let rest = rest.trim();
        match scheme.to_ascii_lowercase().as_str() {
            "basic" if is_expansion(rest) => Self { scheme: "basic", ..none },
            "basic" => {
                let (flaw, pair) = basic(rest);
                let (user, password) = pair.as_deref().and_then(|pair| pair.split_once(':')).unwrap_or_default();
                let default = is_default(user, password);
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

fn is_default(user: &str, password: &str) -> bool {
    DEFAULT_USERS.contains(&user) || DEFAULT_PASSWORDS.contains(&password)
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
            ("Basic dXNlcg==", ("basic", true, "no-colon", "", false)),
            ("Basic user:password", ("basic", true, "not-base64", "", false)),
            ("Basic ", ("basic", true, "no-credentials", "", false)),
            ("Basic ${env:AUTH}", ("basic", false, "", "", false)),
            ("${env:AUTH}", ("", false, "", "", false)),
            ("Bearer abc", ("bearer", true, "", "", false)),
            ("Bearer", ("bearer", true, "no-token", "", false)),
            ("Bearer ${env:TOKEN}", ("bearer", false, "", "", false)),
            ("dXNlcjpzM2NyZXQ=", ("", true, "no-scheme", "", false)),
            ("abcdef", ("", true, "", "", false)),
            ("ApiKey abcdef", ("", true, "", "", false)),
        ] {
            let (scheme, literal, flaw, user, default) = read(text);
            assert_eq!((scheme, literal, flaw, user.as_str(), default), expected, "{text}");
        }
    }
}
