//! For tests: what expressions come to, and what they cost.

use serde_json::{Value as Json, json};

use crate::engine::cel::{
    Answer, Failure, Given, Meter, Program, Scope, Type, Value, given::Names, library::json_patch,
};

/// `object`, of whatever type.
struct Object(Json);

impl<'a> Names<'a> for &'a Object {
    fn value(&self, name: &str) -> Option<Answer<'a>> {
        (name == "object").then(|| Ok(Value::from_json(&self.0)))
    }
}

/// Each expression comes to what is said: a value as CEL writes it, or `error: …`, or `refused` where it does not compile.
pub(super) fn expect(table: &[(&str, &str)]) {
    for (source, expected) in table {
        let (said, _) = tried(source);
        assert_eq!(&said, expected, "{source}");
    }
}

/// Each expression costs so much.
pub(super) fn expect_cost(table: &[(&str, u64)]) {
    for (source, expected) in table {
        let (said, cost) = tried(source);
        assert_eq!(cost, *expected, "{source}, which is {said}");
    }
}

fn tried(source: &str) -> (String, u64) {
    let scope =
        Scope { names: vec![("object", Type::Dyn)], structs: vec![json_patch::operation()], ..Scope::default() };
    let Ok(program) = Program::compile(source, &scope) else { return ("refused".to_owned(), 0) };
    let object = Object(json!({
        "ints": [3, 1, 2], "doubles": [1.5, 0.5], "mixed": [1, 2.5, "a", null, [1]], "texts": ["b", "a"], "nested": [[1, 2], [3]],
        "text": "añb😀", "hundred": "x".repeat(100), "number": 3, "bad": "(", "pattern": "[a-z]+", "null": null,
    }));
    let names = &object;
    let mut meter = Meter::new();
    let said = match program.run(&Given::new(&names, &[], None), &mut meter) {
        Ok(value) => shown(&value),
        Err(Failure::Error(why) | Failure::Unknown(why)) => format!("error: {why}"),
        Err(Failure::Spent(why)) => format!("spent: {why}"),
    };
    (said, meter.spent())
}

fn shown(value: &Value<'_>) -> String {
    match value {
        Value::String(text) => format!("{:?}", text.as_str()),
        Value::Uint(uint) => format!("{uint}u"),
        Value::Double(double) => format!("{double:?}"),
        Value::List(list) => format!("[{}]", list.iter().map(|item| shown(&item)).collect::<Vec<_>>().join(", ")),
        Value::Duration(duration) => duration.to_string(),
        other => other.to_string(),
    }
}
