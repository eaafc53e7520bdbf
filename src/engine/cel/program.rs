//! An expression that is right, as far as can be known before it runs.

use std::{collections::BTreeSet, fmt, sync::Arc};

use crate::engine::cel::{Answer, Given, Meter, Type, ast::Expr, check, library::regex::Pattern, parse, run};

/// What an expression may name.
#[derive(Clone, Debug, Default)]
pub struct Scope {
    pub names: Vec<(&'static str, Type)>,
    /// Names that are something in Kubernetes and not here, each with why.
    pub refused: Vec<(&'static str, &'static str)>,
    /// Structs that may be made, by their types.
    pub structs: Vec<Type>,
}

/// Compiled: it runs as often as wanted.
#[derive(Clone, Debug, PartialEq)]
pub struct Program {
    pub source: Arc<str>,
    pub root: Expr,
    pub result: Type,
    /// Names of its scope that it uses, and `cluster.service` for a function of `cluster`.
    pub uses: BTreeSet<Arc<str>>,
    /// The patterns that are written out in it.
    pub patterns: Vec<Pattern>,
}

/// Why an expression is refused, and where in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadExpression {
    pub source: Arc<str>,
    /// Byte in the source.
    pub at: usize,
    pub message: String,
}

// === impl Scope ===

impl Scope {
    /// Whether a struct of this type may be made.
    pub fn makes(&self, name: &str) -> bool {
        self.structs.iter().any(|of| matches!(of, Type::Object(object) if *object.name == *name))
    }
}

// === impl Program ===

impl Program {
    /// Parses, expands and checks it.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn compile(source: &str, scope: &Scope) -> Result<Self, BadExpression> {
        check::check(source, parse::parse(source)?, scope)
    }

    pub fn run<'a>(&'a self, given: &Given<'a>, meter: &mut Meter) -> Answer<'a> {
        given.patterns.borrow_mut().know(&self.patterns);
        run::run(&self.root, given, meter)
    }
}

// === impl BadExpression ===

impl BadExpression {
    pub fn new(source: &str, at: usize, message: impl Into<String>) -> Self {
        Self { source: source.into(), at, message: message.into() }
    }
}

/// The message, and below it the line with a caret under the place.
impl fmt::Display for BadExpression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let before = self.source.get(..self.at).unwrap_or(&self.source);
        let start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let line = self.source.get(start..).and_then(|rest| rest.lines().next()).unwrap_or_default();
        let column = before.get(start..).map_or(0, |before| before.chars().count());
        write!(f, "{}\n  {line}\n  {:column$}^", self.message, "")
    }
}
