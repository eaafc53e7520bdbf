//! Which fields and headers hold a credential, and whether it stands there itself.

use std::borrow::Cow;

use crate::engine::kinds::collector::is_expansion;

/// Headers that carry a credential have one of these in their name, in any case.
const HEADERS: [&str; 12] = [
    "authorization",
    "api-key",
    "apikey",
    "api_key",
    "token",
    "secret",
    "password",
    "honeycomb-team",
    "insert-key",
    "license-key",
    "instana-key",
    "dsn",
];

/// Fields that hold nothing but a credential.
const NAMES: [&str; 19] = [
    "token",
    "secret",
    "passphrase",
    "credentials",
    "private_key",
    "access_key",
    "secret_key",
    "secret_access_key",
    "shared_key",
    "account_key",
    "application_key",
    "agent_key",
    "ingest_key",
    "license_key",
    "instrumentation_key",
    "connection_string",
    "key_pem",
    "sharedaccesskey",
    "accountkey",
];

/// How others that do end, as in `access_token` and `client_secret`.
const ENDS: [&str; 5] = ["password", "_token", "_secret", "api_key", "apikey"];

/// Fields that say where something is, in which a user and a password may stand too, end like this.
const ADDRESSES: [&str; 8] = ["endpoint", "endpoints", "dsn", "datasource", "url", "uri", "connection", "servers"];

pub(super) fn is_secret_header(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    HEADERS.iter().any(|telling| name.contains(telling))
}

pub(super) fn is_secret(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    NAMES.contains(&key.as_str()) || ENDS.iter().any(|end| key.ends_with(end))
}

/// Whether the credential itself stands there: not what names a variable, and no `<placeholder>` for one.
pub(super) fn is_literal(text: &str) -> bool {
    let text = text.trim();
    if is_expansion(text) {
        return has_default(text);
    }
    let is_placeholder = text.contains('<') && text.ends_with('>');
    // Collectors before 0.104 read `$NAME` as `${env:NAME}`.
    let is_variable = text
        .strip_prefix('$')
        .is_some_and(|name| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'));
    !text.is_empty() && !is_placeholder && !is_variable
}

/// Whether the text of this field, which says where something is, holds a password for it too: `tcp://user:password@host`,
/// `tcp://host?password=…`, or `host=… password=…` as databases have it.
pub(super) fn holds_password(key: Option<&str>, text: &str) -> bool {
    let key = key.unwrap_or_default().to_ascii_lowercase();
    if !ADDRESSES.iter().any(|end| key.ends_with(end)) {
        return false;
    }
    let text = without_expansions(text);
    let authority = text.split_once("://").map(|(_, rest)| rest.split(['/', '?', '#']).next().unwrap_or_default());
    let user = authority.and_then(|authority| authority.rsplit_once('@')).map(|(user, _)| user);
    let in_user = user.is_some_and(|user| match user.split_once(':') {
        Some((_, password)) => is_literal(password),
        // `https://key@host/project`
        None => key.ends_with("dsn") && is_literal(user),
    });
    let settings = text.split(['?', '&', ';', ' ']).filter_map(|setting| setting.split_once('='));
    in_user || settings.into_iter().any(|(name, value)| is_secret(name) && is_literal(value))
}

/// Whether a list of `user:password`, as in htpasswd, has passwords that are not hashed.
pub(super) fn lists_passwords(text: &str) -> bool {
    without_expansions(text).lines().filter_map(|line| line.trim().split_once(':')).any(|(_, password)| {
        let is_hash = password.starts_with(['$', '{']);
        !is_hash && is_literal(password)
    })
}

/// Whether `${env:NAME:-default}` has a default that is no variable.
fn has_default(text: &str) -> bool {
    text.split("${").skip(1).any(|rest| {
        let inside = rest.split_once('}').map_or(rest, |(inside, _)| inside);
        inside.split_once(":-").is_some_and(|(_, default)| !default.is_empty())
    })
}

fn without_expansions(text: &str) -> Cow<'_, str> {
    let mut kept = String::new();
    let mut rest = text;
    while let Some((before, expansion)) = rest.split_once("${") {
        kept.push_str(before);
        rest = expansion.split_once('}').map_or("", |(_, rest)| rest);
    }
    if kept.is_empty() && rest.len() == text.len() {
        return Cow::Borrowed(text);
    }
    kept.push_str(rest);
    Cow::Owned(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_credentials_are_told_by_their_names() {
        for key in
            ["password", "auth_password", "access_token", "client_secret", "api_key", "apikey", "secret_access_key"]
        {
            assert!(is_secret(key), "{key}");
        }
        for key in ["password_file", "token_url", "bearer_token_file", "key_file", "partition_key", "tokens_per_second"]
        {
            assert!(!is_secret(key), "{key}");
        }
    }

    #[test]
    fn what_a_variable_fills_in_is_not_literal() {
        for text in ["${env:TOKEN}", "$TOKEN", "${env:TOKEN:-}", "<YOUR TOKEN>", "Basic <credentials>", " "] {
            assert!(!is_literal(text), "{text}");
        }
        for text in ["abc", "$$abc", "${env:TOKEN:-abc}", "a$b"] {
            assert!(is_literal(text), "{text}");
        }
    }

    #[test]
    fn addresses_may_hold_passwords() {
        for (key, text, expected) in [
            ("endpoint", "https://team:hunter2@host/x", true),
            ("endpoint", "https://${env:USER}:hunter2@host/x", true),
            ("endpoint", "https://${env:USER}:${env:PASSWORD}@host/x", false),
            ("endpoint", "https://team@host/x", false),
            ("endpoint", "https://host/@team:x", false),
            ("endpoint", "tcp://host:9000?username=otel&password=hunter2", true),
            ("endpoint", "tcp://host:9000?username=otel&password=${env:PASSWORD}", false),
            ("dsn", "https://0123@sentry.example.org/1", true),
            ("datasource", "host=db user=otel password=hunter2 sslmode=disable", true),
            ("connection", "Endpoint=sb://ns.example.org/;SharedAccessKeyName=x;SharedAccessKey=abc=", true),
            ("regex", "password=(?P<password>.*)", false),
        ] {
            assert_eq!(holds_password(Some(key), text), expected, "{key}: {text}");
        }
    }

    #[test]
    fn lists_of_users_may_hold_hashes() {
        assert!(lists_passwords("team:hunter2"));
        assert!(!lists_passwords("team:$$2y$$05$$abc\n${env:USERS}"));
        assert!(!lists_passwords("team:${env:PASSWORD}"));
    }
}
