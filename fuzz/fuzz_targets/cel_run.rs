//! What compiles runs on any object, and ends: the first line is the expression, the rest the object.

#![no_main]

use libfuzzer_sys::fuzz_target;
use portcullis::engine::cel::{Answer, Given, Meter, Program, Value, given::Names, scope};

struct Object(serde_json::Value);

impl<'a> Names<'a> for &'a Object {
    fn value(&self, name: &str) -> Option<Answer<'a>> {
        Some(Ok(if name == "object" { Value::from_json(&self.0) } else { Value::Null }))
    }
}

fuzz_target!(|text: &str| {
    let (source, object) = text.split_once('\n').unwrap_or((text, "null"));
    let Ok(program) = Program::compile(source, &scope::mutation(&[], true)) else {
        return;
    };
    let object = Object(serde_json::from_str(object).unwrap_or_default());
    let names = &object;
    drop(program.run(&Given::new(&names, &[], None), &mut Meter::new()));
});
