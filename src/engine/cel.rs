//! CEL as the API server has it in its admission policies (Kubernetes 1.36, cel-go 0.26), and `cluster` beside it.
//!
//! The parser is the `cel` crate's; nothing outside this module knows that crate. Types are checked and costs counted here:
//! policies are refused where they are written, and a hostile expression costs at most what it is given.
//!
//! ```text
//! source ─▶ parse ─▶ macros ─▶ check ─▶ Program ─▶ run (Given, Meter) ─▶ Value | Failure
//! ```

pub mod ast;
pub mod check;
pub mod functions;
pub mod given;
pub mod library;
pub mod macros;
pub mod meter;
pub mod parse;
pub mod program;
pub mod run;
pub mod scope;
pub mod types;
pub mod value;

pub use functions::{Answer, Failure};
pub use given::Given;
pub use meter::Meter;
pub use program::{BadExpression, Program, Scope};
pub use types::Type;
pub use value::Value;

#[cfg(test)]
mod tests;
