//! What a policy judges by: a rule that is built in, or expressions of its author.

use crate::engine::{
    cel::{
        Program,
        given::{collector, krakend, look_ups},
    },
    finding::{Code, Level},
    kinds::CORE,
    policy::{
        Policy, RuleSpec,
        spec::cel::{ParameterNotFound, Reason},
    },
    rules::{Rule, SeenIn},
};

/// What a policy judges by.
#[derive(Clone, Debug)]
pub enum Body {
    Rule { rule: &'static Rule, parameters: RuleSpec },
    Validations(Vec<Validation>),
    Mutations(Vec<Mutation>),
}

/// What must be true.
#[derive(Clone, Debug, PartialEq)]
pub struct Validation {
    pub said: Said,
    pub expression: Program,
    pub message: Option<Program>,
    pub path: Option<Program>,
    pub reason: Reason,
}

/// A change, as a list of `JSONPatch`.
#[derive(Clone, Debug, PartialEq)]
pub struct Mutation {
    pub said: Said,
    pub patch: Program,
}

/// What is said by a validation or a mutation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// `<policy>/<name>`.
    pub code: String,
    pub level: Level,
    /// What it is about, in a line: the message, else the expression.
    pub title: String,
    /// Empty where there is none; so are the others.
    pub message: String,
    pub help: String,
    pub why: String,
    pub example: String,
}

/// The ConfigMap that a policy reads as `params`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Params {
    pub name: String,
    pub not_found: ParameterNotFound,
}

/// A page about a code, whoever wrote it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page<'a> {
    /// `policy/short-name`.
    pub code: &'a str,
    pub level: Level,
    /// One line. The others are empty where their author wrote none.
    pub title: &'a str,
    pub why: &'a str,
    pub fix: &'a str,
    /// YAML that shows the mistake.
    pub example: &'a str,
}

// === impl Policy ===

impl Policy {
    pub const fn rule(&self) -> Option<&'static Rule> {
        match &self.body {
            Body::Rule { rule, .. } => Some(rule),
            Body::Validations(_) | Body::Mutations(_) => None,
        }
    }

    pub fn is_by_rule(&self, name: &str) -> bool {
        self.rule().is_some_and(|rule| rule.name == name)
    }

    /// Where it has something to say. Expressions see a state as well as a change.
    pub fn seen_in(&self) -> SeenIn {
        self.rule().map_or(SeenIn::Everywhere, |rule| rule.seen_in)
    }

    pub fn gives_edits(&self) -> bool {
        match &self.body {
            Body::Rule { rule, .. } => rule.gives_edits,
            Body::Validations(_) => false,
            Body::Mutations(_) => true,
        }
    }

    /// Bytes of which an object holds some, or the policy finds nothing in it; none where that cannot be said.
    pub fn needles(&self) -> &'static [&'static str] {
        let of_condition = |program: &Program| match program.source.trim() {
            "collector.found" => collector::NEEDLES,
            "krakend.found" => krakend::NEEDLES,
            _ => &[],
        };
        let by_condition =
            self.conditions.iter().map(|(_, program)| of_condition(program)).find(|some| !some.is_empty());
        let by_rule = self.rule().and_then(|rule| rule.needle.as_ref()).map(std::slice::from_ref);
        by_condition.or(by_rule).unwrap_or_default()
    }

    /// What it judges in files beside what it selects, as `(group, resource)`.
    pub fn in_files(&self) -> &'static [(&'static str, &'static str)] {
        self.rule().map_or(&[], |rule| rule.in_files)
    }

    /// The kinds of other objects that it asks the view about, as `(group, kind)`.
    pub fn looks_up(&self) -> Vec<(&'static str, &'static str)> {
        let by_rule = self.rule().map_or(&[][..], |rule| rule.looks_up);
        let names = self.programs().flat_map(|program| &program.uses);
        let params = self.params.iter().map(|_| (CORE, "ConfigMap"));
        by_rule.iter().copied().chain(params).chain(names.flat_map(|name| look_ups::kinds(name)).copied()).collect()
    }

    /// Whether one of its expressions names this.
    pub fn names(&self, name: &str) -> bool {
        self.programs().any(|program| program.uses.contains(name))
    }

    fn programs(&self) -> impl Iterator<Item = &Program> {
        let (validations, mutations) = match &self.body {
            Body::Rule { .. } => (&[][..], &[][..]),
            Body::Validations(validations) => (&validations[..], &[][..]),
            Body::Mutations(mutations) => (&[][..], &mutations[..]),
        };
        let validations = validations
            .iter()
            .flat_map(|one| [Some(&one.expression), one.message.as_ref(), one.path.as_ref()])
            .flatten();
        let named = self.conditions.iter().chain(&self.variables).map(|(_, program)| program);
        named.chain(validations).chain(mutations.iter().map(|mutation| &mutation.patch))
    }

    /// What it can say, in the order in which it is written.
    pub fn pages(&self) -> Vec<Page<'_>> {
        match &self.body {
            Body::Rule { rule, .. } => rule.codes.iter().map(|code| Page::from(*code)).collect(),
            Body::Validations(all) => all.iter().map(|one| one.said.page()).collect(),
            Body::Mutations(all) => all.iter().map(|one| one.said.page()).collect(),
        }
    }
}

// === impl Said ===

impl Said {
    fn page(&self) -> Page<'_> {
        let Self { code, level, title, help, why, example, .. } = self;
        Page { code, level: *level, title, why, fix: help, example }
    }
}

// === impl Page ===

impl From<&'static Code> for Page<'static> {
    fn from(code: &'static Code) -> Self {
        let Code { name, level, title, why, fix, example } = *code;
        Self { code: name, level, title, why, fix, example }
    }
}
