//! Reads a file of cases: what is wrong with it is said with its place and with what would be right.

use std::{ops::Range, sync::OnceLock};

use crate::{
    cases::{Case, CaseFile, Expectation, Request, Unusable},
    engine::{
        node::{Path, Segment},
        rules::suggest,
        subject::Operation,
        yaml::{self, Dialect, spans::Places},
    },
    files::{Refusal, Source},
};

/// Reads a file of cases.
///
/// # Errors
/// Where it is no YAML, has a key that is not known, or a case that says nothing that could fail.
pub fn read(source: &Source) -> Result<CaseFile, Unusable> {
    let unusable = |at: Range<usize>, message: String, help: Option<String>| {
        let refusal = Refusal { file: source.name.clone(), span: Some((0, at)), message, help };
        Unusable { sources: vec![source.clone()], refusals: vec![refusal] }
    };
    if let Some(second) = yaml::documents::split(&source.text).get(1) {
        let message = "a file of cases is one document, and a second one begins here".to_owned();
        let help = "put it into a file of its own, or its cases into the list of the first".to_owned();
        return Err(unusable(second.offset..second.offset, message, Some(help)));
    }
    let value = yaml::tree::parse(&source.text).and_then(|tree| tree.value(Dialect::Kubernetes));
    let value = value.map_err(|error| unusable(error.offset..error.offset, error.message, None))?;
    let file: CaseFile = serde_path_to_error::deserialize(&value).map_err(|error| {
        let (at, said) = (path_of(error.path()), error.inner().to_string());
        unusable(place(source, &at), plain_words(&said), meant(&said))
    })?;
    let file = CaseFile { source: source.clone(), shared: OnceLock::new(), ..file };
    nonsense(&file).or(file)
}

/// The bytes that a place in a file of cases has.
pub(super) fn place(source: &Source, at: &Path) -> Range<usize> {
    yaml::spans::locate(&source.text, at).map_or(0..0, |span| span.start..span.end)
}

/// What can be read and cannot be meant.
fn nonsense(file: &CaseFile) -> Unusable {
    let mut nonsense = Unusable::of(file);
    let cases = Path::of(&["cases"]);
    if file.cases.is_empty() {
        nonsense.push(&cases, "there is no case in this file".to_owned(), None);
    }
    for (index, case) in file.cases.iter().enumerate() {
        let at = cases.index(index);
        if case.expect.is_empty() {
            let help = "say what must be found, and `findings: []` where nothing must be".to_owned();
            nonsense.push(&at.key("expect"), "nothing is expected: such a case cannot fail".to_owned(), Some(help));
        }
        if let Some((at, message)) = subject(case, &at) {
            nonsense.push(&at, message, None);
        }
    }
    nonsense
}

/// What is wrong with what a case judges.
fn subject(case: &Case, at: &Path) -> Option<(Path, String)> {
    let request = match (&case.subject, &case.request) {
        (Some(subject), None) if subject.is_object() => return None,
        (Some(_), None) => {
            return Some((at.key("subject"), "a subject is an object with `kind` and `apiVersion`".to_owned()));
        }
        (None, Some(request)) => request,
        _ => return Some((at.clone(), "a case has either a `subject` or a `request`".to_owned())),
    };
    let (has, had) = (request.object.is_object(), request.old_object.is_object());
    let needed = match request.operation {
        Operation::Create if !has || had => "a CREATE has an `object` and no `oldObject`",
        Operation::Update if !has || !had => "an UPDATE has an `object` and an `oldObject`",
        Operation::Delete if has || !had => "a DELETE has an `oldObject` and no `object`",
        Operation::Connect => "a case is about a CREATE, an UPDATE or a DELETE",
        _ => return None,
    };
    Some((at.key("request"), needed.to_owned()))
}

fn path_of(path: &serde_path_to_error::Path) -> Path {
    let mut at = Path::root();
    for segment in path {
        match segment {
            serde_path_to_error::Segment::Map { key } => at.push(Segment::Key(key.clone())),
            serde_path_to_error::Segment::Seq { index } => at.push(Segment::Index(*index)),
            _ => {}
        }
    }
    at
}

/// serde's words are those of a programmer.
fn plain_words(said: &str) -> String {
    said.replace("unknown variant", "unknown value")
        .replace("invalid type: ", "wrong type: ")
        .replace("a sequence", "a list")
        .replace("a map", "a mapping")
}

/// The name that was meant, of those that serde lists behind the wrong one.
fn meant(said: &str) -> Option<String> {
    let rest = said.strip_prefix("unknown field ").or_else(|| said.strip_prefix("unknown variant "))?;
    let mut words = rest.split('`').skip(1).step_by(2);
    let wrong = words.next()?;
    suggest::closest(wrong, words).map(|meant| format!("did you mean `{meant}`?"))
}

// === impl Unusable ===

impl Unusable {
    /// Adds what is wrong at a place of the file of cases.
    pub(super) fn push(&mut self, at: &Path, message: String, help: Option<String>) {
        let Some(source) = self.sources.first() else { return };
        let span = Places::of(&source.text).map(|mut places| places.locate(at)).unwrap_or_default();
        let span = Some((0, span.start..span.end));
        self.refusals.push(Refusal { file: source.name.clone(), span, message, help });
    }
}

// === impl CaseFile ===

impl CaseFile {
    /// The first line of each case, from 1.
    pub fn lines(&self) -> Vec<usize> {
        let (text, cases) = (&self.source.text, Path::of(&["cases"]));
        let mut places = Places::of(text);
        let mut line = |index| {
            let at = places.as_mut().map(|places| places.locate(&cases.index(index))).unwrap_or_default();
            yaml::spans::line_column(text, at.start).0
        };
        (0..self.cases.len()).map(&mut line).collect()
    }
}

// === impl Expectation ===

impl Expectation {
    /// Whether nothing is said that could turn out to be otherwise.
    fn is_empty(&self) -> bool {
        let Self { findings, allowed, warned, patched, ensures, unknowns, excepted } = self;
        let said = [allowed.is_some(), warned.is_some(), patched.is_some(), ensures.is_some()];
        findings.is_none() && unknowns.is_none() && excepted.is_none() && !said.contains(&true)
    }
}

// === impl Request ===

impl Request {
    /// The object that it is about: what it was, where it goes away.
    pub fn named(&self) -> &serde_json::Value {
        if self.object.is_null() { &self.old_object } else { &self.object }
    }
}
