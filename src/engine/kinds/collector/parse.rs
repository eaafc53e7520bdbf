//! The names in a collector's configuration: components, pipelines, signals, and what is filled in at start.

use std::fmt;

/// What a pipeline carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Signal {
    Traces,
    Metrics,
    Logs,
    Profiles,
}

/// `type[/name]`, as in `otlp/tempo`; white space around both parts does not count (`component/identifiable.go`).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ComponentId {
    pub kind: String,
    /// Empty where there is none.
    pub name: String,
}

/// `signal[/name]`, as in `traces/tail`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PipelineId {
    pub signal: Signal,
    /// Empty where there is none.
    pub name: String,
}

/// Why a name is none, in the collector's words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadName {
    #[error("id must not be empty")]
    Empty,
    #[error("in {0:?} id: the part before / should not be empty")]
    NoKind(String),
    #[error("in {0:?} id: the part after / should not be empty")]
    NoName(String),
    #[error("invalid character(s) in type {0:?}")]
    Kind(String),
    #[error("invalid character(s) in name {0:?}")]
    Name(String),
    #[error("name {0:?} is longer than 1024 characters")]
    LongName(String),
    #[error("unknown pipeline signal: {0:?}")]
    Signal(String),
}

/// Whether the exporter of this name only prints: of type `debug`, or `logging`, which it was called before 0.86.0.
/// `otlp/debug` sends data, and `Debug` is no type at all.
pub fn is_debug_exporter(id: &str) -> bool {
    ComponentId::parse(id).is_ok_and(|id| id.is_debug())
}

/// Whether the text holds `${…}`, which the collector fills in at start; `$${` stands for `${` itself
/// (`confmap/expand.go`). `$NAME` without braces is no expansion since 0.104.0.
pub fn is_expansion(text: &str) -> bool {
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        if c == '$' {
            match rest.peek() {
                Some('$') => {
                    rest.next();
                }
                Some('{') => return true,
                _ => {}
            }
        }
    }
    false
}

// === impl Signal ===

impl Signal {
    pub const ALL: [Self; 4] = [Self::Traces, Self::Metrics, Self::Logs, Self::Profiles];

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|signal| signal.name() == text)
    }

    pub const fn name(self) -> &'static str {
        match self {
            Self::Traces => "traces",
            Self::Metrics => "metrics",
            Self::Logs => "logs",
            Self::Profiles => "profiles",
        }
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

// === impl ComponentId ===

impl ComponentId {
    pub fn parse(text: &str) -> Result<Self, BadName> {
        let (kind, name) = split(text)?;
        let mut letters = kind.chars();
        let starts_well = letters.next().is_some_and(|c| c.is_ascii_alphabetic());
        if !starts_well || kind.len() > 63 || !letters.all(|c| c.is_ascii_alphanumeric() || c == '_') {
            return Err(BadName::Kind(kind.to_owned()));
        }
        Ok(Self { kind: kind.to_owned(), name: name.to_owned() })
    }

    pub fn is_debug(&self) -> bool {
        matches!(self.kind.as_str(), "debug" | "logging")
    }

    /// The removed predecessor of `debug`: some of its settings have other names.
    pub fn is_logging(&self) -> bool {
        self.kind == "logging"
    }
}

impl fmt::Display for ComponentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_id(f, &self.kind, &self.name)
    }
}

// === impl PipelineId ===

impl PipelineId {
    pub fn parse(text: &str) -> Result<Self, BadName> {
        let (signal, name) = split(text)?;
        let signal = Signal::parse(signal).ok_or_else(|| BadName::Signal(signal.to_owned()))?;
        Ok(Self { signal, name: name.to_owned() })
    }
}

impl fmt::Display for PipelineId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_id(f, self.signal.name(), &self.name)
    }
}

fn write_id(f: &mut fmt::Formatter<'_>, kind: &str, name: &str) -> fmt::Result {
    f.write_str(kind)?;
    if name.is_empty() { Ok(()) } else { write!(f, "/{name}") }
}

fn split(text: &str) -> Result<(&str, &str), BadName> {
    let Some((kind, name)) = text.split_once('/') else {
        let kind = text.trim();
        return if kind.is_empty() { Err(BadName::Empty) } else { Ok((kind, "")) };
    };
    let (kind, name) = (kind.trim(), name.trim());
    if kind.is_empty() {
        return Err(BadName::NoKind(text.to_owned()));
    }
    if name.is_empty() {
        return Err(BadName::NoName(text.to_owned()));
    }
    if name.chars().count() > 1024 {
        return Err(BadName::LongName(name.to_owned()));
    }
    if !name.chars().all(may_be_in_name) {
        return Err(BadName::Name(name.to_owned()));
    }
    Ok((kind, name))
}

/// `^[^\pZ\pC\pS]+$`: no separator, control character or symbol. Symbols outside ASCII are let pass: what is let
/// pass wrongly is only not reported.
fn may_be_in_name(c: char) -> bool {
    !c.is_whitespace() && !c.is_control() && !"$+<=>^`|~".contains(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_exporters_are_told_by_their_type() {
        for id in ["debug", "debug/x", " debug ", "debug / x", "logging", "logging/2", "debug/a/b"] {
            assert!(is_debug_exporter(id), "{id}");
        }
        for id in ["otlp/debug", "Debug", "debugger", "", "/debug", "file/debug", "debug/"] {
            assert!(!is_debug_exporter(id), "{id}");
        }
    }

    #[test]
    fn names_are_trimmed_and_split_at_the_first_slash() {
        let id = ComponentId::parse(" otlp / a/b ").unwrap();
        assert_eq!((id.kind.as_str(), id.name.as_str()), ("otlp", "a/b"));
        assert_eq!(id.to_string(), "otlp/a/b");
        assert_eq!(PipelineId::parse("traces/ x").unwrap().to_string(), "traces/x");
    }

    #[test]
    fn bad_names_are_told_in_the_words_of_the_collector() {
        assert_eq!(ComponentId::parse(" "), Err(BadName::Empty));
        assert_eq!(ComponentId::parse("1x"), Err(BadName::Kind("1x".into())));
        assert_eq!(ComponentId::parse("x-y"), Err(BadName::Kind("x-y".into())));
        assert_eq!(ComponentId::parse("x/a b"), Err(BadName::Name("a b".into())));
        assert_eq!(ComponentId::parse("x/a$"), Err(BadName::Name("a$".into())));
        assert_eq!(PipelineId::parse("trace"), Err(BadName::Signal("trace".into())));
        assert_eq!(PipelineId::parse("trace").unwrap_err().to_string(), "unknown pipeline signal: \"trace\"");
        assert_eq!(
            ComponentId::parse("x/").unwrap_err().to_string(),
            "in \"x/\" id: the part after / should not be empty"
        );
    }

    #[test]
    fn expansions_are_told_from_escaped_dollars() {
        for text in ["${env:X}", "a${X}b", "$$${X}", "${env:X:-y}"] {
            assert!(is_expansion(text), "{text}");
        }
        for text in ["$X", "$${X}", "$$$${X}", "debug", "$", "{X}"] {
            assert!(!is_expansion(text), "{text}");
        }
    }
}
