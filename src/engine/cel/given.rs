//! What an expression is run on.

pub mod collector;
#[cfg(test)]
mod declared;
pub mod krakend;
pub mod look_ups;
mod place;

use std::{
    cell::{OnceCell, RefCell},
    fmt,
};

use crate::engine::cel::{Answer, Failure, Meter, Program, library::regex::Patterns, run};
use look_ups::Cluster;

/// The values of the names of its scope; `variables` are run by the first who asks, and once.
pub struct Given<'a> {
    /// A name of the scope. What is costly to make is made by the first who asks: by whoever answers here.
    pub names: &'a dyn Names<'a>,
    pub variables: Vec<Variable<'a>>,
    pub cluster: Option<&'a Cluster<'a>>,
    pub patterns: RefCell<Patterns>,
}

pub trait Names<'a> {
    /// None for a name that is not there; an unknown for one that could not be looked up.
    fn value(&self, name: &str) -> Option<Answer<'a>>;
}

/// A composed variable: what it is, and what it came to.
#[derive(Debug)]
pub struct Variable<'a> {
    pub name: &'a str,
    pub program: &'a Program,
    pub answer: OnceCell<Answer<'a>>,
}

// === impl Given ===

impl<'a> Given<'a> {
    pub fn new(names: &'a dyn Names<'a>, variables: &'a [(String, Program)], cluster: Option<&'a Cluster<'a>>) -> Self {
        let variable = |(name, program): &'a (String, Program)| Variable { name, program, answer: OnceCell::new() };
        Self { names, variables: variables.iter().map(variable).collect(), cluster, patterns: RefCell::default() }
    }

    /// `variables.name`: run once, at its own expense.
    pub fn variable(&self, name: &str, meter: &mut Meter) -> Answer<'a> {
        let Some(variable) = self.variables.iter().find(|variable| variable.name == name) else {
            return Err(Failure::error(format!("no such key: {name}")));
        };
        if let Some(answer) = variable.answer.get() {
            return answer.clone();
        }
        let answer = run::run_variable(name, &variable.program.root, self, meter);
        variable.answer.get_or_init(|| answer).clone()
    }
}

impl fmt::Debug for Given<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Given")
    }
}
