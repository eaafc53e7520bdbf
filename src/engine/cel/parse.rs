//! From source to an expression: the `cel` crate's parser, on a stack that cannot overflow, within limits.

use crate::engine::{
    cel::{ast::Expr, parse::lower::Lower, program::BadExpression},
    limits,
};

mod lower;
mod words;

/// Bytes of the stack on which source is parsed and its first tree is walked and dropped. The parser keeps frames for each term
/// of a flat chain: [`limits::CEL_SOURCE`] of `1+1+…` takes less than a quarter of this. What is not used is not taken.
const STACK: usize = 64 * 1024 * 1024;

/// # Errors
/// What is no expression, or too large a one.
pub fn parse(source: &str) -> Result<Expr, BadExpression> {
    if source.len() > limits::CEL_SOURCE {
        let message = format!("the expression has {} bytes; at most {} are read", source.len(), limits::CEL_SOURCE);
        return Err(BadExpression::new(source, 0, message));
    }
    stacker::grow(STACK, || on_large_stack(source))
}

fn on_large_stack(source: &str) -> Result<Expr, BadExpression> {
    // It counts one level less than cel-go does.
    let depth = u16::try_from(limits::CEL_DEPTH - 1).unwrap_or(u16::MAX);
    // Without its macros: which there are, and what they expand to, is said by `macros`.
    let parser = cel_interpreter::Env::default().parser().enable_optional_syntax(true).max_recursion_depth(depth);
    match parser.parse_with_source_info(source) {
        Ok((root, places)) => Lower::new(source, &places).root(root),
        Err(errors) => Err(words::first(source, &errors)),
    }
}

#[cfg(test)]
mod tests;
