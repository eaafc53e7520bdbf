//! One file per kind of object: its lean form, its keys, and how its owner reads it.

pub mod collector;
