//! For tests: what is told is what is declared, field by field.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::engine::cel::Type;

/// Everything that is told is declared, as the type that it has; and everything that is declared is told in one of the values.
pub(super) fn assert_declared(of: &Type, values: &[Value]) {
    let (mut declared, mut told) = (BTreeSet::new(), BTreeSet::new());
    declare(of, &mut declared);
    for value in values {
        assert!(of.admits(value), "not all of it is declared as it is: {value}");
        tell(of, value, &mut told);
    }
    let never: Vec<_> = declared.difference(&told).collect();
    assert!(never.is_empty(), "declared, and never told: {never:?}");
}

fn declare(of: &Type, into: &mut BTreeSet<String>) {
    match of {
        Type::List(of) => declare(of, into),
        Type::Object(of) => {
            for (name, field) in &of.fields {
                into.insert(format!("{}.{name}", of.name));
                declare(field, into);
            }
        }
        _ => {}
    }
}

fn tell(of: &Type, value: &Value, into: &mut BTreeSet<String>) {
    match (of, value) {
        (Type::List(of), Value::Array(items)) => items.iter().for_each(|item| tell(of, item, into)),
        (Type::Object(of), Value::Object(entries)) => {
            for (name, value) in entries {
                into.insert(format!("{}.{name}", of.name));
                tell(of.field(name).unwrap(), value, into);
            }
        }
        _ => {}
    }
}
