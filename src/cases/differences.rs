//! What came out, held against what was expected.

use std::fmt;

use serde::Serialize;
use serde_json::Value;
use similar::TextDiff;

use crate::{
    cases::{Case, ExpectedFinding, run::Outcome},
    engine::{
        finding::{Finding, Remedy},
        yaml,
    },
};

/// One thing that is not as expected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(tag = "what", rename_all = "camelCase")]
pub enum Difference {
    /// A finding that was expected and is not there.
    Missing { finding: String },
    /// A finding that is there and was not expected.
    Unexpected { finding: String },
    /// A finding with the code of an expected one that is otherwise in something else.
    Finding { code: String, fields: Vec<Field> },
    /// `allowed`, `warned`, `unknowns` or `excepted`.
    #[serde(rename = "value")]
    Value(Field),
    /// `patched` or `ensures`: both as YAML.
    Objects(Field),
}

/// What was expected of something, and what it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Field {
    pub name: &'static str,
    pub expected: String,
    pub found: String,
}

/// What differs from the expectation; nothing where the case holds.
pub fn differences(case: &Case, outcome: &Outcome) -> Vec<Difference> {
    let expect = &case.expect;
    let mut differences = of_findings(expect.findings.as_deref().unwrap_or_default(), outcome);
    let mut value = |name, differs: bool, expected: String, found: String| {
        differences.extend(differs.then_some(Difference::Value(Field { name, expected, found })));
    };
    if let Some(allowed) = expect.allowed {
        value("allowed", allowed != outcome.allowed, allowed.to_string(), outcome.allowed.to_string());
    }
    for (name, expected, found) in
        [("warned", &expect.warned, &outcome.warned), ("excepted", &expect.excepted, &outcome.excepted)]
    {
        if let Some(expected) = expected {
            let mut expected = expected.clone();
            expected.sort();
            value(name, expected != *found, listed(&expected), listed(found));
        }
    }
    if let Some(unknowns) = &expect.unknowns {
        value("unknowns", !each_has_one(unknowns, &outcome.unknowns), listed(unknowns), listed(&outcome.unknowns));
    }
    let mut objects = |name, differs: bool, expected: String, found: String| {
        differences.extend(differs.then_some(Difference::Objects(Field { name, expected, found })));
    };
    if let Some(patched) = &expect.patched {
        objects("patched", *patched != outcome.patched, yaml::emit(patched), yaml::emit(&outcome.patched));
    }
    if let Some(ensures) = &expect.ensures {
        objects("ensures", *ensures != outcome.ensures, emit_all(ensures), emit_all(&outcome.ensures));
    }
    differences
}

/// Those that say the most choose first: none takes what only another one fits.
fn of_findings(expected: &[ExpectedFinding], outcome: &Outcome) -> Vec<Difference> {
    let mut found: Vec<&Finding> = outcome.verdict.judged.iter().map(|judged| &judged.finding).collect();
    let mut open: Vec<&ExpectedFinding> = expected.iter().collect();
    open.sort_by_key(|expected| std::cmp::Reverse(expected.said()));
    open.retain(|expected| match found.iter().position(|finding| is_as(expected, finding)) {
        Some(position) => {
            found.remove(position);
            false
        }
        None => true,
    });
    // In the order in which they are written.
    open.sort_by_key(|open| expected.iter().position(|expected| std::ptr::eq(expected, *open)));
    let mut differences = Vec::new();
    for expected in open {
        let alike = found.iter().enumerate().filter(|(_, finding)| finding.code == expected.code);
        let nearest = alike.min_by_key(|(_, finding)| fields(expected, finding).len()).map(|(position, _)| position);
        differences.push(match nearest.map(|position| found.remove(position)) {
            Some(finding) => Difference::Finding { code: expected.code.clone(), fields: fields(expected, finding) },
            None => Difference::Missing { finding: expected.to_string() },
        });
    }
    differences.extend(found.into_iter().map(|finding| Difference::Unexpected { finding: shown(finding) }));
    differences
}

fn is_as(expected: &ExpectedFinding, finding: &Finding) -> bool {
    finding.code == expected.code && fields(expected, finding).is_empty()
}

/// In what a finding is not as expected, its code apart.
fn fields(expected: &ExpectedFinding, finding: &Finding) -> Vec<Field> {
    let mut fields = Vec::new();
    let mut field = |name, expected: &dyn fmt::Display, found: String| {
        fields.push(Field { name, expected: expected.to_string(), found });
    };
    if let Some(level) = expected.level.filter(|level| *level != finding.level) {
        field("level", &level.name(), finding.level.name().to_owned());
    }
    let path = finding.path.to_string();
    if let Some(wanted) = expected.path.as_ref().filter(|wanted| **wanted != path) {
        field("path", wanted, path);
    }
    let help = finding.full_help().unwrap_or_default();
    let details = finding.details.as_ref().map_or("", |details| &details.text);
    let texts = [finding.message.as_str(), details, help.as_str()];
    if let Some(says) = expected.says.as_ref().filter(|says| !texts.iter().any(|text| text.contains(says.as_str()))) {
        field("says", says, texts.iter().filter(|text| !text.is_empty()).copied().collect::<Vec<_>>().join("; "));
    }
    if let Some(words) = expected.help.as_ref().filter(|words| !help.contains(words.as_str())) {
        field("help", words, help.clone());
    }
    let fixable = matches!(finding.remedy, Some(Remedy::Edit(_)));
    if let Some(wanted) = expected.fixable.filter(|wanted| *wanted != fixable) {
        field("fixable", &wanted, fixable.to_string());
    }
    fields
}

/// Whether each of these words is in one of the texts, and each text has some.
fn each_has_one(words: &[String], texts: &[String]) -> bool {
    let has = |text: &String, words: &String| text.contains(words.as_str());
    words.iter().all(|words| texts.iter().any(|text| has(text, words)))
        && texts.iter().all(|text| words.iter().any(|words| has(text, words)))
}

fn shown(finding: &Finding) -> String {
    format!("{} {} at `{}`: {}", finding.level.name(), finding.code, finding.path, finding.message)
}

fn listed(words: &[String]) -> String {
    if words.is_empty() { "none".to_owned() } else { words.join(", ") }
}

fn emit_all(objects: &[Value]) -> String {
    objects.iter().map(yaml::emit).collect::<Vec<_>>().join("---\n")
}

// === impl ExpectedFinding ===

impl ExpectedFinding {
    /// How much is said of it.
    fn said(&self) -> usize {
        let Self { code: _, level, path, says, help, fixable } = self;
        let said = [level.is_some(), path.is_some(), says.is_some(), help.is_some(), fixable.is_some()];
        said.iter().filter(|said| **said).count()
    }
}

impl fmt::Display for ExpectedFinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(level) = self.level {
            write!(f, "{} ", level.name())?;
        }
        f.write_str(&self.code)?;
        if let Some(path) = &self.path {
            write!(f, " at `{path}`")?;
        }
        if let Some(says) = &self.says {
            write!(f, " saying `{says}`")?;
        }
        if let Some(help) = &self.help {
            write!(f, " with the help `{help}`")?;
        }
        match self.fixable {
            Some(true) => f.write_str(", fixable"),
            Some(false) => f.write_str(", not fixable"),
            None => Ok(()),
        }
    }
}

// === impl Difference ===

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { finding } => write!(f, "missing: {finding}"),
            Self::Unexpected { finding } => write!(f, "unexpected: {finding}"),
            Self::Finding { code, fields } => {
                write!(f, "differs: {code}")?;
                fields.iter().try_for_each(|field| write!(f, "\n  {field}"))
            }
            Self::Value(field) => write!(f, "{field}"),
            Self::Objects(Field { name, expected, found }) => {
                let diff = TextDiff::from_lines(expected, found);
                write!(f, "{name}:\n{}", diff.unified_diff().header("expected", "found"))
            }
        }
    }
}

// === impl Field ===

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: expected {}, found {}", self.name, self.expected, self.found)
    }
}
