//! From source to an expression: the `cel` crate's parser, on a stack that cannot overflow, within limits.

use crate::engine::cel::{ast::Expr, program::BadExpression};

/// # Errors
/// What is no expression, or too large a one.
pub fn parse(source: &str) -> Result<Expr, BadExpression> {
    Err(BadExpression::new(source, 0, "nothing is parsed yet"))
}
