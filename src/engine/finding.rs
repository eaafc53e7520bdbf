//! What a rule says: a [`Finding`], with a [`Remedy`] where there is one.

use std::{borrow::Cow, sync::Arc};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::engine::{node::Path, policy::spec::cel::Reason, subject::ObjectKey, yaml};

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Worth knowing.
    Note,
    /// It silently does nothing, or is a risk.
    Warning,
    /// It breaks something, or must not be.
    Error,
}

/// A kind of finding: what `portcullis explain` prints. A published name is never changed.
#[derive(Debug)]
pub struct Code {
    /// `rule/short-name`.
    pub name: &'static str,
    pub level: Level,
    /// One line, lower case, no full stop.
    pub title: &'static str,
    /// What happens if nothing is done, and how that is known.
    pub why: &'static str,
    pub fix: &'static str,
    /// YAML that shows the mistake.
    pub example: &'static str,
}

/// What it rests on, beside the subject, that a rule finds something. Look-ups of a rule that made none, and those of a
/// policy's own scope, are no part of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rests {
    /// On nothing: it is so and as bad, whatever else exists.
    Object,
    /// It is so whatever else exists. How bad it is was looked up, as whether a Gateway is there to suffer from it.
    Harm,
    /// Another object may make it go away.
    #[default]
    View,
}

/// One thing that a rule says about the subject.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// A [`Code::name`], or `<policy>/<validation>` for what a policy author wrote.
    pub code: Cow<'static, str>,
    pub level: Level,
    /// What is wrong; lower case, the user's words in backticks, no full stop, one line.
    pub message: String,
    /// What else is known of it, as the ports that a Service does have.
    pub details: Option<Details>,
    /// How to mend it, in one line.
    pub help: Option<String>,
    /// What to apply: the object that [`help`](Self::help) speaks of.
    pub manifest: Option<Value>,
    /// Where in the subject.
    pub path: Path,
    pub related: Vec<Related>,
    pub remedy: Option<Remedy>,
    /// What could not be looked up and would decide whether this is so. Such a finding is at most a warning.
    pub unknown: Option<String>,
    pub rests: Rests,
    /// Which HTTP status its author wants a refusal to have.
    pub reason: Option<Reason>,
    /// Judging failed, which says nothing of the object: it is as bad whatever the object was before.
    pub failed: bool,
}

/// Facts about another object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Details {
    pub text: String,
    /// They tell of a namespace that is not the subject's and has not opted in: a webhook keeps them to itself.
    pub guarded: bool,
}

/// Another object that the finding is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Related {
    pub object: ObjectKey,
    /// Why it is named, as in `listens on 4318 only`.
    pub note: String,
}

/// What would make the finding go away.
#[derive(Clone, Debug, PartialEq)]
pub enum Remedy {
    /// A change of the subject. Atomic: all of it, or nothing.
    /// Shared: all findings about one configuration are mended by one edit.
    Edit(Arc<Edit>),
    /// Objects that must exist elsewhere, in this order.
    Ensure(Vec<Value>),
}

/// A change of the subject.
#[derive(Clone, Debug, PartialEq)]
pub struct Edit {
    /// What it does, for the warning that tells of it: ``removes the exporter `debug` from the pipeline `traces` ``.
    pub title: String,
    /// Paths refer to the subject as it was read; removals in one list do not shift each other.
    pub changes: Vec<Change>,
}

/// One step of an [`Edit`]. A path may lead into YAML held in a string.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// Replaces what stands at the path, or adds it; mappings missing on the way are made. `path`'s last segment
    /// may be an index equal to the list's length, which appends.
    Set { path: Path, value: Value },
    /// Takes away a key or a list item. Nothing happens where there is none.
    Remove { path: Path },
}

// === impl Level ===

impl Level {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

// === impl Finding ===

impl Finding {
    pub fn new(code: &'static Code, path: Path, message: impl Into<String>) -> Self {
        Self {
            code: Cow::Borrowed(code.name),
            level: code.level,
            message: message.into(),
            details: None,
            help: None,
            manifest: None,
            path,
            related: Vec::new(),
            remedy: None,
            unknown: None,
            rests: Rests::default(),
            reason: None,
            failed: false,
        }
    }

    /// What a policy's author found words for.
    pub fn new_by_author(code: String, level: Level, path: Path, message: impl Into<String>) -> Self {
        static AUTHORS: Code = Code { name: "", level: Level::Error, title: "", why: "", fix: "", example: "" };
        Self { code: Cow::Owned(code), level, ..Self::new(&AUTHORS, path, message) }
    }

    /// It is wrong in itself: no other object can mend it.
    #[must_use]
    pub fn in_itself(mut self) -> Self {
        self.rests = Rests::Object;
        self
    }

    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    #[must_use]
    pub fn manifest(mut self, manifest: Value) -> Self {
        self.manifest = Some(manifest);
        self
    }

    /// The help, and the manifest below it.
    pub fn full_help(&self) -> Option<String> {
        let help = self.help.as_ref()?;
        Some(match &self.manifest {
            Some(manifest) => format!("{help}:\n{}", yaml::emit(manifest)),
            None => help.clone(),
        })
    }

    #[must_use]
    pub fn details(mut self, text: impl Into<String>, guarded: bool) -> Self {
        self.details = Some(Details { text: text.into(), guarded });
        self
    }

    #[must_use]
    pub fn related(mut self, object: ObjectKey, note: impl Into<String>) -> Self {
        self.related.push(Related { object, note: note.into() });
        self
    }

    #[must_use]
    pub fn edit(mut self, title: impl Into<String>, changes: Vec<Change>) -> Self {
        self.remedy = Some(Remedy::Edit(Arc::new(Edit { title: title.into(), changes })));
        self
    }

    #[must_use]
    pub fn shared_edit(mut self, edit: &Arc<Edit>) -> Self {
        self.remedy = Some(Remedy::Edit(Arc::clone(edit)));
        self
    }

    #[must_use]
    pub fn ensure(mut self, objects: Vec<Value>) -> Self {
        self.remedy = Some(Remedy::Ensure(objects));
        self
    }

    /// At most this level, as where the control plane does not break but only ignores.
    #[must_use]
    pub fn at_most(mut self, level: Level) -> Self {
        self.level = self.level.min(level);
        self
    }

    /// It rests on something that could not be looked up: INVARIANT: never an error then.
    #[must_use]
    pub fn unknown(mut self, what: impl Into<String>) -> Self {
        self.unknown = Some(what.into());
        self.at_most(Level::Warning)
    }
}

// === impl Change ===

impl Change {
    pub const fn path(&self) -> &Path {
        match self {
            Self::Set { path, .. } | Self::Remove { path } => path,
        }
    }
}
