//! Reads a file of cases: what is wrong with it is said with its place and with what would be right.

use std::{ops::Range, sync::OnceLock};

use serde_json::Value;

use crate::{
    cases::{Case, CaseFile, Expectation, Request, Unusable},
    engine::{
        node::{Path, Segment},
        policy::compile::BadPolicy,
        rules::suggest,
        subject::Operation,
        view::control_plane::ControlPlane,
        yaml::{self, Dialect, spans::Places},
    },
    files::{Refusal, Source},
};

/// A place in the file of cases, what is wrong there, and what would be right.
type Wrong = (Path, String, Option<String>);

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
    let cases = Path::of(&["cases"]);
    let mut wrong = not_objects(&file.world, &Path::of(&["world"]));
    if file.cases.is_empty() {
        wrong.push((cases.clone(), "there is no case in this file".to_owned(), None));
    }
    for (index, case) in file.cases.iter().enumerate() {
        let at = cases.index(index);
        wrong.extend(not_objects(&case.world, &at.key("world")));
        wrong.extend(settings(case, &at));
        wrong.extend(subject(case, &at).map(|(at, message)| (at, message, None)));
        if case.expect.is_empty() {
            let help = "say what must be found, and `findings: []` where nothing must be".to_owned();
            let message = "nothing is expected: such a case cannot fail".to_owned();
            wrong.push((at.key("expect"), message, Some(help)));
        }
    }
    Unusable::of(file).with(wrong)
}

/// What is no object, and so would not be there without anybody noticing.
fn not_objects(world: &[Value], at: &Path) -> Vec<Wrong> {
    let wrong = world.iter().enumerate().filter(|(_, object)| !is_object(object));
    wrong
        .map(|(index, _)| (at.index(index), "an object of the world has `apiVersion` and `kind`".to_owned(), None))
        .collect()
}

/// What is wrong with when and for which control plane a case is judged.
fn settings(case: &Case, at: &Path) -> Vec<Wrong> {
    let mut wrong = Vec::new();
    if let Some(Err(error)) = case.now.as_ref().map(|now| now.parse::<jiff::Timestamp>()) {
        let help = "a time is written as `2026-01-01T00:00:00Z`".to_owned();
        wrong.push((at.key("now"), format!("now: {error}"), Some(help)));
    }
    let mut control_plane = ControlPlane::default();
    for (index, text) in case.control_plane.iter().enumerate() {
        if let Err(error) = control_plane.apply(text) {
            wrong.push((at.key("controlPlane").index(index), format!("controlPlane: {error}"), None));
        }
    }
    wrong
}

/// What is wrong with what a case judges.
fn subject(case: &Case, at: &Path) -> Option<(Path, String)> {
    let request = match (&case.subject, &case.request) {
        (Some(subject), None) if is_object(subject) => return None,
        (Some(_), None) => return Some((at.key("subject"), "a subject has `apiVersion` and `kind`".to_owned())),
        (None, Some(request)) => request,
        _ => return Some((at.clone(), "a case has either a `subject` or a `request`".to_owned())),
    };
    let (has, had) = (!request.object.is_null(), !request.old_object.is_null());
    let needed = match request.operation {
        Operation::Create if !has || had => "a CREATE has an `object` and no `oldObject`",
        Operation::Update if !has || !had => "an UPDATE has an `object` and an `oldObject`",
        Operation::Delete if has || !had => "a DELETE has an `oldObject` and no `object`",
        Operation::Connect => "a case is about a CREATE, an UPDATE or a DELETE",
        _ if !is_object(request.named()) => "what a request is about has `apiVersion` and `kind`",
        _ => return None,
    };
    Some((at.key("request"), needed.to_owned()))
}

fn is_object(value: &Value) -> bool {
    ["apiVersion", "kind"].iter().all(|field| value.get(field).is_some_and(Value::is_string))
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
        *self = std::mem::take(self).with(vec![(at.clone(), message, help)]);
    }

    /// Adds what is wrong with a policy or exception that is written out at a place of the file of cases.
    pub(super) fn push_bad(&mut self, at: &Path, bad: BadPolicy) {
        let Some(source) = self.sources.first() else { return };
        let span = bad.place(&source.text, at).unwrap_or_default();
        let span = Some((0, span.start..span.end));
        self.refusals.push(Refusal { file: source.name.clone(), span, message: bad.message, help: None });
    }

    /// The same, of as many places as there are, for which the file is looked through once.
    fn with(mut self, wrong: Vec<Wrong>) -> Self {
        let Some(source) = self.sources.first().filter(|_| !wrong.is_empty()) else { return self };
        let mut places = Places::of(&source.text);
        let refusals = wrong.into_iter().map(|(at, message, help)| {
            let span = places.as_mut().map(|places| places.locate(&at)).unwrap_or_default();
            Refusal { file: source.name.clone(), span: Some((0, span.start..span.end)), message, help }
        });
        self.refusals.extend(refusals);
        self
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
    pub fn named(&self) -> &Value {
        if self.object.is_null() { &self.old_object } else { &self.object }
    }
}
