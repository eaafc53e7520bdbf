//! The command line: `check`, `fix`, `explain`, `test`, `serve`, `completions`.

pub mod explain;
pub mod report;
