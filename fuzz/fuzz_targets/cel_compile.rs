//! Any text is an expression, or refused at a place in it.

#![no_main]

use libfuzzer_sys::fuzz_target;
use portcullis::engine::cel::{Program, scope};

fuzz_target!(|source: &str| {
    if let Err(bad) = Program::compile(source, &scope::mutation(&[], true)) {
        assert!(source.get(..bad.at).is_some(), "{bad:?} is outside of the source");
        assert!(!bad.to_string().is_empty());
    }
});
