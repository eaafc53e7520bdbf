//! What mutations are written with: `JSONPatch{…}` and `jsonpatch.escapeKey` (apiserver `pkg/cel/mutation/jsonpatch.go` and
//! `pkg/cel/library/jsonpatch.go`).

use crate::engine::cel::{
    Failure, Type, Value,
    functions::{Answer, Call, Overload},
    run::cost,
};

pub const OPERATION: &str = "JSONPatch";

const ESCAPE_KEY: &str = "jsonpatch.escapeKey";

/// Whether this function is there for mutations only.
pub fn is_for_mutations(function: &str) -> bool {
    function == ESCAPE_KEY
}

/// `JSONPatch{op: "add", path: "/spec/replicas", value: 3}`. Only mutations may make one.
pub fn operation() -> Type {
    let fields = [("op", Type::String), ("from", Type::String), ("path", Type::String), ("value", Type::Dyn)];
    Type::object(OPERATION, fields)
}

pub fn functions() -> Vec<Overload> {
    vec![
        Overload::global(ESCAPE_KEY, "string_jsonpatch_escapeKey_string", [Type::String], Type::String, escape_key)
            .costing(|args, _| cost::traversal(cost::size_of(args, 0))),
    ]
}

/// A key as a part of a JSON pointer (RFC 6901).
fn escape_key<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    let [Value::String(key)] = call.args else { return Err(Failure::no_such_overload()) };
    Ok(Value::text(key.as_str().replace('~', "~0").replace('/', "~1")))
}

#[cfg(test)]
mod tests {
    use crate::engine::cel::library::tried::{expect, expect_cost};

    #[test]
    fn a_key_is_escaped() {
        expect(&[
            (r#"jsonpatch.escapeKey("a/b~c~1")"#, r#""a~1b~0c~01""#),
            ("jsonpatch.escapeKey(object.number)", "error: no such overload: jsonpatch.escapeKey(int)"),
        ]);
        expect_cost(&[("jsonpatch.escapeKey(object.hundred)", 2 + 10)]);
    }
}
