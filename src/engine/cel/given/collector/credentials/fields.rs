//! Which fields and headers hold a credential, and whether it stands there itself.

use crate::engine::kinds::collector::is_expansion;

/// Headers that carry a credential end like this, in any case and with `_` for `-`. What only speaks of one goes on behind it, as
/// `x-token-type` does.
const HEADER_ENDS: [&str; 8] =
    ["authorization", "token", "secret", "password", "-key", "apikey", "-dsn", "honeycomb-team"];

/// Ends of names that would be taken for a credential, and say where to go on, or what belongs together.
const NO_CREDENTIALS: [&str; 4] = ["continuation-token", "idempotency-key", "partition-key", "routing-key"];

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

/// Letters and digits that are part of a credential where a variable holds the rest; fewer are what joins variables.
const TELLING_PART: usize = 4;

/// What `without_expansions` leaves of each.
const EXPANSION: &str = "${}";

pub(super) fn is_secret_header(name: &str) -> bool {
    let name = name.to_ascii_lowercase().replace('_', "-");
    HEADER_ENDS.iter().any(|end| name.ends_with(end)) && !is_no_credential(&name)
}

pub(super) fn is_secret(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    let has_telling_name = NAMES.contains(&key.as_str()) || ENDS.iter().any(|end| key.ends_with(end));
    has_telling_name && !is_no_credential(&key.replace('_', "-"))
}

/// Whether the credential itself, or a good part of it, stands there, behind the word for a scheme such as `Bearer`: not what names a
/// variable, and no `<placeholder>` for one.
///
/// `${env:NAME}` and `${NAME}` are filled in wherever they stand. `$NAME` was until 0.104, and is sent as it is since; where there is
/// nothing else it is meant for a variable, and no credential of anybody's either way. Within a text it belongs to the text, as in `a$b`.
pub(super) fn is_literal(text: &str) -> bool {
    let text = text.trim();
    let is_placeholder = text.contains('<') && text.ends_with('>');
    if text.is_empty() || is_placeholder {
        return false;
    }
    if is_expansion(text) {
        let written = without_expansions(text);
        let written = behind_scheme(&written).replace(EXPANSION, "");
        let letters = written.chars().filter(|c| c.is_alphanumeric()).count();
        return has_default(text) || letters >= TELLING_PART;
    }
    let is_variable = behind_scheme(text)
        .strip_prefix('$')
        .is_some_and(|name| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'));
    !is_variable
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
        let is_hash = password.starts_with(['$', '{']) && !password.starts_with(EXPANSION);
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

/// The text with `${}` for each expansion, so that the punctuation in them is not taken for its own.
fn without_expansions(text: &str) -> String {
    let mut kept = String::new();
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        kept.push(c);
        match rest.peek() {
            // `$$` stands for `$`.
            Some('$') if c == '$' => kept.extend(rest.next()),
            Some('{') if c == '$' => {
                kept.push_str("{}");
                let mut depth = 0_usize;
                for inside in rest.by_ref() {
                    match inside {
                        '{' => depth += 1,
                        '}' => depth -= 1,
                        _ => {}
                    }
                    if depth == 0 {
                        break;
                    }
                }
            }
            _ => {}
        }
    }
    kept
}

/// What stands behind `Basic`, `Bearer`, `ApiKey` or the like; all of a text that has no such word.
fn behind_scheme(text: &str) -> &str {
    match text.split_once(char::is_whitespace) {
        Some((scheme, rest)) if scheme.chars().all(|c| c.is_ascii_alphabetic() || c == '-') => rest.trim_start(),
        _ => text,
    }
}

fn is_no_credential(name: &str) -> bool {
    NO_CREDENTIALS.iter().any(|end| name.ends_with(end))
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
        assert!(!is_secret("continuation_token"));
    }

    #[test]
    fn headers_of_credentials_are_told_by_how_they_end() {
        for name in [
            "Authorization",
            "Proxy-Authorization",
            "X-API-Key",
            "apikey",
            "api_key",
            "x-license-key",
            "x-instana-key",
            "X-SF-Token",
            "x-client-secret",
            "x-password",
            "uptrace-dsn",
            "x-honeycomb-team",
        ] {
            assert!(is_secret_header(name), "{name}");
        }
        for name in [
            "X-Token-Type",
            "x-token-limit",
            "x-secret-name",
            "x-authorization-mode",
            "x-honeycomb-dataset",
            "monkey",
            "Idempotency-Key",
            "continuation-token",
            "stream-name",
        ] {
            assert!(!is_secret_header(name), "{name}");
        }
    }

    #[test]
    fn what_a_variable_fills_in_is_not_literal() {
        for text in [
            "${env:TOKEN}",
            "$TOKEN",
            "Bearer $TOKEN",
            "Bearer ${env:TOKEN}",
            "bearer  ${TOKEN}",
            "ApiKey ${env:KEY}",
            "${env:TOKEN:-}",
            "${env:TOKEN:-${env:OTHER}}",
            "${env:USER}:${env:PASSWORD}",
            "v1-${env:TOKEN}",
            "<YOUR TOKEN>",
            "Basic <credentials>",
            " ",
        ] {
            assert!(!is_literal(text), "{text}");
        }
        for text in [
            "abc",
            "$$abc",
            "$${env:TOKEN}",
            "${env:TOKEN:-abc}",
            "Bearer ${env:TOKEN:-abc}",
            "a$b",
            "hunter2$SUFFIX",
            "hunter2${env:SUFFIX}",
            "${env:PREFIX}hunter2",
            "Bearer hunter2${env:SUFFIX}",
            "Bearer abc",
        ] {
            assert!(is_literal(text), "{text}");
        }
    }

    #[test]
    fn addresses_may_hold_passwords() {
        for (key, text, expected) in [
            ("endpoint", "https://team:hunter2@host/x", true),
            ("endpoint", "https://${env:USER}:hunter2@host/x", true),
            ("endpoint", "https://${env:USER}:${env:PASSWORD}@host/x", false),
            ("endpoint", "https://team:hunter2${env:SUFFIX}@host/x", true),
            ("endpoint", "https://team:v1-${env:PASSWORD}@host/x", false),
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
        assert!(lists_passwords("team:${env:PREFIX}hunter2"));
        assert!(!lists_passwords("team:$$2y$$05$$abc\n${env:USERS}"));
        assert!(!lists_passwords("team:${env:PASSWORD}"));
    }
}
