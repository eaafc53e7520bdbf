//! The type checker: what is wrong for certain is refused where it is written.
//!
//! It follows cel-go's checker with the options that Kubernetes sets, and its validators and constant folding: an expression
//! compiles here if and only if it compiles there.

mod calls;
mod constants;
mod expr;
mod formats;
mod look_ups;
mod names;
mod unify;
mod words;

use crate::engine::cel::{
    ast::Expr,
    library::regex,
    program::{BadExpression, Program, Scope},
};

/// Bytes of the stack on which a tree is checked: more than its levels take without optimisation.
const STACK: usize = 16 * 1024 * 1024;

/// # Errors
/// The first thing that is wrong with it.
pub fn check(source: &str, root: Expr, scope: &Scope) -> Result<Program, BadExpression> {
    stacker::grow(STACK, || on_large_stack(source, root, scope))
}

fn on_large_stack(source: &str, mut root: Expr, scope: &Scope) -> Result<Program, BadExpression> {
    let bad = |bad: Bad| BadExpression::new(source, bad.at as usize, bad.message);
    let mut checker = expr::Checker::new(scope);
    let (result, uses) = checker.whole(&mut root).map_err(bad)?;
    constants::fold(&root).map_err(bad)?;
    let patterns = regex::written_out(&root);
    Ok(Program { source: source.into(), root, result, uses, patterns })
}

/// What is wrong, and where.
#[derive(Debug)]
struct Bad {
    at: u32,
    message: String,
}

type Checked<T> = Result<T, Bad>;

// === impl Bad ===

impl Bad {
    fn new(at: u32, message: impl Into<String>) -> Self {
        Self { at, message: message.into() }
    }
}

#[cfg(test)]
mod tests;
