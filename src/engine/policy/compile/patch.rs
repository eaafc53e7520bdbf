//! Patches that are written out and can never be made: whoever wrote them is told at once, and not by the first object.

use crate::engine::{
    cel::{
        BadExpression, Program,
        ast::{Expr, Field, Kind, Literal},
    },
    patch::difference::KEPT,
    rules::suggest,
};

/// Operations of RFC 6902.
const OPERATIONS: [&str; 6] = ["add", "remove", "replace", "move", "copy", "test"];

/// The first of its `JSONPatch{…}` that fails whatever it is judged with. What is computed is not looked at.
pub(super) fn mistake(patch: &Program) -> Option<BadExpression> {
    let (mut left, mut mistakes) = (vec![&patch.root], Vec::new());
    while let Some(expr) = left.pop() {
        left.extend(expr.parts());
        if let Kind::Struct { fields, .. } = &expr.kind {
            mistakes.extend(of_operation(expr, fields));
        }
    }
    let (at, message) = mistakes.into_iter().min_by_key(|(at, _)| *at)?;
    let at = usize::try_from(at).unwrap_or_default();
    Some(BadExpression::new(&patch.source, at, message))
}

/// What is wrong with one operation, and where.
fn of_operation(made: &Expr, fields: &[Field]) -> Option<(u32, String)> {
    let field = |name: &str| fields.iter().find(|field| &*field.name == name);
    let text = |name: &str| field(name).and_then(|field| Some((field.value.at, literal(&field.value)?)));
    let missing =
        |name: &str, why: &str| field(name).is_none().then(|| (made.at, format!("`{name}` is missing: {why}")));
    if let Some(missing) = missing("op", "a `JSONPatch` says what it does, as `op: 'add'`") {
        return Some(missing);
    }
    if let Some(missing) = missing("path", "a `JSONPatch` says where, as `path: '/spec/x'`") {
        return Some(missing);
    }
    if let Some((at, operation)) = text("op").filter(|(_, operation)| !OPERATIONS.contains(operation)) {
        let meant = match suggest::closest(operation, OPERATIONS) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("there are {}", suggest::listed(OPERATIONS.map(|known| format!("`{known}`")))),
        };
        return Some((at, format!("there is no operation `{operation}`; {meant}")));
    }
    let pointers = ["path", "from"].into_iter().filter_map(text);
    if let Some(wrong) = pointers.into_iter().find_map(|(at, pointer)| Some((at, of_pointer(pointer)?))) {
        return Some(wrong);
    }
    match text("op")?.1 {
        operation @ ("move" | "copy") => {
            let why = format!("`{operation}` takes what is at `from`, as `from: '/spec/x'`");
            missing("from", &why).or_else(|| (operation == "move").then(|| kept(text("from"))).flatten())
        }
        operation @ ("add" | "replace" | "test") => {
            missing("value", &format!("`{operation}` needs what to {operation}"))
        }
        "remove" => kept(text("path")),
        _ => None,
    }
}

/// What is wrong with a JSON pointer (RFC 6901); an empty one is the whole object.
fn of_pointer(pointer: &str) -> Option<String> {
    if !pointer.is_empty() && !pointer.starts_with('/') {
        return Some(format!("`{pointer}` is no path: it begins with `/`, as in `/spec/x`"));
    }
    let escapes = pointer.split('~').skip(1);
    let is_wrong = escapes.into_iter().any(|after| !after.starts_with(['0', '1']));
    is_wrong.then(|| {
        format!("`{pointer}` is no path: in a key `~` is written `~0` and `/` is written `~1`, as `jsonpatch.escapeKey` does")
    })
}

/// What every object must keep cannot be taken away.
fn kept(from: Option<(u32, &str)>) -> Option<(u32, String)> {
    let (at, pointer) = from.filter(|(_, pointer)| KEPT.contains(pointer))?;
    Some((at, format!("`{pointer}` is what no mutation may change")))
}

fn literal(expr: &Expr) -> Option<&str> {
    match &expr.kind {
        Kind::Literal(Literal::String(text)) => Some(text),
        _ => None,
    }
}
