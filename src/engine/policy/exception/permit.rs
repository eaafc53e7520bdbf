//! What a policy lets be excepted: this is the only place that says whether an exception holds.

use jiff::{SignedDuration, Timestamp};

use crate::engine::{
    kinds::namespace::Namespace,
    node::Path,
    policy::{
        compile::BadPolicy,
        exception::{Exception, spec::PermitSpec},
    },
    rules::in_use,
    selector::LabelSelector,
    view::Answer,
};

/// The compiled `exceptions` of a policy. The default lets nothing be excepted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Permit {
    pub allowed: bool,
    pub longest: SignedDuration,
    pub namespaces: LabelSelector,
    /// None stands for every code but those of `in-use`.
    pub codes: Vec<String>,
}

/// Whether an exception holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Holds {
    Yes,
    /// Something that could not be looked up decides it: what.
    Unknown(String),
    /// Why not.
    No(String),
}

/// Reads what a policy says of exceptions.
///
/// # Errors
/// What is wrong with it, below `at`.
pub fn permit(spec: PermitSpec, at: &Path) -> Result<Permit, BadPolicy> {
    let longest = duration(&spec.max_duration).ok_or_else(|| {
        let form = "it is hours, minutes and seconds, as in `720h` for 30 days or `1h30m`";
        BadPolicy::new(at.key("maxDuration"), format!("`{}` is no duration: {form}", spec.max_duration))
    })?;
    if let Some(message) = spec.namespace_selector.contradiction() {
        return Err(BadPolicy::new(at.key("namespaceSelector"), message));
    }
    Ok(Permit { allowed: spec.allowed, longest, namespaces: spec.namespace_selector, codes: spec.codes })
}

// === impl Permit ===

impl Permit {
    /// Whether this exception holds against a code of the policy: all but where it stands.
    pub fn lets(&self, policy: &str, code: &str, exception: &Exception, now: Timestamp) -> Holds {
        if exception.has_ended(now) {
            return Holds::No(format!("it ended at {}", exception.expires));
        }
        if !self.allowed {
            return Holds::No(format!("the policy `{policy}` allows no exceptions"));
        }
        if !self.lets_code(code) {
            return Holds::No(format!("the policy `{policy}` does not let `{code}` be excepted"));
        }
        self.lets_last(policy, exception, now)
    }

    /// Whether it holds in a namespace with these labels.
    pub fn lets_in(&self, policy: &str, name: &str, namespace: Answer<&Namespace>) -> Holds {
        match namespace {
            Answer::Found(found) if self.namespaces.matches(&found.labels) => Holds::Yes,
            Answer::Found(_) => Holds::No(format!(
                "the policy `{policy}` allows exceptions only in namespaces with the labels `{}`",
                self.namespaces
            )),
            // INVARIANT: not knowing the labels is not the same as that they do not match.
            Answer::Absent | Answer::Unknown => Holds::Unknown(format!(
                "whether namespace `{name}` has the labels `{}`, with which an exception would hold",
                self.namespaces
            )),
        }
    }

    pub fn lets_code(&self, code: &str) -> bool {
        let everything = self.codes.is_empty() && !code.starts_with(&format!("{}/", in_use::RULE.prefix));
        everything || self.codes.iter().any(|known| known == code)
    }

    /// Whether it is not longer than it may be.
    pub fn lets_last(&self, policy: &str, exception: &Exception, now: Timestamp) -> Holds {
        let lasts = exception.lasts(now);
        if lasts <= self.longest {
            return Holds::Yes;
        }
        Holds::No(format!(
            "it lasts {}, longer than the {} that the policy `{policy}` allows",
            in_hours(lasts),
            in_hours(self.longest)
        ))
    }
}

/// Go's `time.ParseDuration` as far as Kubernetes' own objects use it: `720h`, `1h30m`, `1.5h`.
fn duration(text: &str) -> Option<SignedDuration> {
    let mut left = text;
    let mut total = 0.0;
    while !left.is_empty() {
        let digits = left.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, rest) = left.split_at_checked(digits)?;
        let letters = rest.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(rest.len());
        let (unit, rest) = rest.split_at_checked(letters)?;
        let seconds = match unit {
            "h" => 3_600.0,
            "m" => 60.0,
            "s" => 1.0,
            _ => return None,
        };
        total += number.parse::<f64>().ok()? * seconds;
        left = rest;
    }
    SignedDuration::try_from_secs_f64(total).ok().filter(SignedDuration::is_positive)
}

fn in_hours(duration: SignedDuration) -> String {
    let (hours, minutes) = (duration.as_hours(), duration.as_mins() % 60);
    if minutes == 0 { format!("{hours}h") } else { format!("{hours}h{minutes}m") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_those_of_kubernetes() {
        let hours = |text: &str| duration(text).map(|duration| duration.as_secs());
        assert_eq!(hours("720h"), Some(720 * 3_600));
        assert_eq!(hours("1h30m"), Some(5_400));
        assert_eq!(hours("1.5h"), Some(5_400));
        assert_eq!(hours("90s"), Some(90));
        for wrong in ["", "30d", "720", "h", "-1h", "0h", "1h 30m", "1..5h", "1e300h", "99999999999999999999h"] {
            assert_eq!(hours(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn what_keeps_others_from_harm_is_excepted_only_where_it_is_named() {
        let permit = Permit { allowed: true, ..Permit::default() };
        assert!(permit.lets_code("backend-refs/not-found") && !permit.lets_code("in-use/service"));
        let permit = Permit { codes: vec!["in-use/service".to_owned()], ..permit };
        assert!(permit.lets_code("in-use/service") && !permit.lets_code("backend-refs/not-found"));
    }
}
