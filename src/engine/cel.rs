//! CEL.

pub mod given;
