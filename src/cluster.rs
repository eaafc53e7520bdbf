//! A live cluster, as an edge of the engine.

pub mod crds;
