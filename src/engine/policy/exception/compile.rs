//! From a GuardException as it is written to one that can be asked: everything that can be wrong with it is said here.

use jiff::Timestamp;
use serde_json::Value;

use crate::engine::{
    node::Path,
    policy::{
        compile::{BadPolicy, words},
        exception::{
            Exception, Subjects,
            spec::{self, GuardException},
        },
        spec::API_VERSION,
    },
};

/// A time that is right, for messages.
const A_TIME: &str = "2026-03-01T00:00:00Z";

/// Reads and compiles a GuardException; its namespace is this one where it names none.
///
/// # Errors
/// The first thing that is wrong with it, with the path at which it stands and what would be right.
pub fn compile(document: &Value, default_namespace: &str) -> Result<Exception, BadPolicy> {
    let bad = |path: &[&str], message: String| Err(BadPolicy::new(Path::of(path), message));
    // What must be said is asked for in words of its own.
    let is_missing = |field: &str| document.get("spec").is_some_and(|spec| spec.get(field).is_none_or(Value::is_null));
    if is_missing("expires") {
        return bad(&["spec"], format!("an exception needs an end: `expires`, a time such as `{A_TIME}`"));
    }
    if is_missing("reason") {
        return bad(&["spec"], "an exception needs a `reason`, which is recorded with what it excepts".to_owned());
    }
    if is_missing("policies") {
        return bad(&["spec"], NO_POLICIES.to_owned());
    }
    let written: GuardException = words::read(document)?;
    if written.api_version != API_VERSION {
        return bad(&["apiVersion"], format!("`{}` is not known; it is `{API_VERSION}`", written.api_version));
    }
    if written.kind != spec::KIND {
        return bad(&["kind"], format!("`{}` is not an exception; it is `{}`", written.kind, spec::KIND));
    }
    if written.metadata.name.is_empty() {
        return bad(&["metadata", "name"], "an exception needs a name".to_owned());
    }
    let spec = written.spec;
    let at = Path::of(&["spec"]);
    if spec.policies.is_empty() {
        return bad(&["spec", "policies"], NO_POLICIES.to_owned());
    }
    for (field, words) in [("policies", &spec.policies), ("codes", &spec.codes), ("names", &spec.names)] {
        if let Some(index) = words.iter().position(|word| word.trim().is_empty()) {
            let message = format!("an empty text is in `{field}`, which stands for nothing");
            return Err(BadPolicy::new(at.key(field).index(index), message));
        }
    }
    if let Some(index) = spec.names.iter().position(|name| name.contains('*')) {
        let message = "a name is written out, and `*` is none; to except several objects, use `objectSelector`";
        return Err(BadPolicy::new(at.key("names").index(index), message));
    }
    let subjects = match (spec.names.is_empty(), spec.object_selector) {
        (false, None) => Subjects::Names(spec.names),
        (true, Some(selector)) if selector.is_empty() => {
            return bad(&["spec", "objectSelector"], EVERYTHING.to_owned());
        }
        (true, Some(selector)) => match selector.contradiction() {
            Some(message) => return bad(&["spec", "objectSelector"], message),
            None => Subjects::Labels(selector),
        },
        (true, None) => return bad(&["spec"], EVERYTHING.to_owned()),
        (false, Some(_)) => {
            let message = "an exception has either `names` or an `objectSelector`, not both";
            return bad(&["spec", "objectSelector"], message.to_owned());
        }
    };
    if spec.reason.trim().is_empty() {
        return bad(
            &["spec", "reason"],
            "an exception needs a reason, which is recorded with what it excepts".to_owned(),
        );
    }
    let Some(expires) = time(&spec.expires) else {
        let message = format!("`{}` is no time with date and zone; it is one such as `{A_TIME}`", spec.expires);
        return bad(&["spec", "expires"], message);
    };
    let namespace = written.metadata.namespace;
    Ok(Exception {
        namespace: if namespace.is_empty() { default_namespace.to_owned() } else { namespace },
        name: written.metadata.name,
        policies: spec.policies,
        codes: spec.codes,
        subjects,
        reason: spec.reason.split_whitespace().collect::<Vec<_>>().join(" "),
        created: written.metadata.creation_timestamp.as_deref().and_then(time),
        expires,
    })
}

const NO_POLICIES: &str = "an exception names its `policies`: those whose findings are excepted";

const EVERYTHING: &str = "an exception needs `names` or an `objectSelector` with labels: without, it would except everything in its namespace";

/// RFC 3339 and no more of what else can be read as a time: the API server takes nothing else.
fn time(text: &str) -> Option<Timestamp> {
    let separator = text.as_bytes().get(10)?;
    let zone = text.ends_with(['Z', 'z']) || text.as_bytes().get(text.len().checked_sub(3)?) == Some(&b':');
    (separator.eq_ignore_ascii_case(&b'T') && zone).then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests;
