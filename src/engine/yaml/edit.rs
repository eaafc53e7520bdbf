//! Edits one document by splices, so that every byte that need not change stays: comments, order, quotes, line ends.
//!
//! INVARIANT: the result is parsed again and means exactly the value that the changes make of the old one; an edit of
//! which this cannot be had is refused.

mod block;
mod flow;
mod plan;
mod scalar;
mod splice;
mod walk;

use serde_json::Value;

use self::{
    plan::{Done, Plan},
    splice::Splice,
    walk::{Strategy, Walk},
};
use crate::engine::{
    finding::Change,
    limits,
    yaml::{
        Dialect,
        tree::{self, Kind},
    },
};

/// The text cannot be changed this way without a risk of changing something else.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct CannotEdit {
    /// Lower case, no full stop.
    pub reason: String,
}

/// A text that has been changed, and what was put where in the old one.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Edited {
    text: String,
    splices: Vec<Splice>,
}

/// Applies the changes to one document; all paths refer to the text as it is given. YAML held in a string is read as
/// the collector reads it, whatever the dialect of the document around it.
pub fn apply(text: &str, changes: &[Change], dialect: Dialect) -> Result<String, CannotEdit> {
    let plan = Plan::of(changes)?;
    apply_plan(text, &plan, dialect, limits::EMBEDDED_DEPTH).map(|edited| edited.text)
}

/// What the changes make of a value: the meaning that [`apply`] keeps to. The operations (RFC 6902) that were done are
/// given back, none where nothing changes; on an error the value is changed in part.
pub fn apply_to_value<'c>(
    value: &mut Value,
    changes: impl IntoIterator<Item = &'c Change>,
) -> Result<Vec<Value>, CannotEdit> {
    let mut done = Done::default();
    Plan::of(changes)?.apply(value, limits::EMBEDDED_DEPTH, &mut done)?;
    Ok(done.operations)
}

/// `embedded` is how many levels of YAML in strings may still be entered.
fn apply_plan(text: &str, plan: &Plan, dialect: Dialect, embedded: usize) -> Result<Edited, CannotEdit> {
    let unread = |error| CannotEdit::because(format!("not YAML that can be read: {error}"));
    let tree = tree::parse(text).map_err(unread)?;
    let before = tree.value(dialect).map_err(unread)?;
    let mut wanted = before.clone();
    plan.apply(&mut wanted, embedded, &mut Done::default())?;
    if same(&before, &wanted) {
        return Ok(Edited { text: text.to_owned(), splices: Vec::new() });
    }
    let mut first_refusal = None;
    let mut tried: Vec<Vec<Splice>> = Vec::new();
    for strategy in Strategy::ALL {
        let splices = match Walk::splices(&tree, plan, &before, strategy, embedded) {
            Ok(splices) if tried.contains(&splices) => continue,
            Ok(splices) => splices,
            Err(refusal) => {
                first_refusal = first_refusal.or(Some(refusal));
                continue;
            }
        };
        let edited = splice::apply(text, &splices);
        let after = tree::parse(&edited).and_then(|tree| tree.value(dialect));
        if after.is_ok_and(|after| same(&after, &wanted)) {
            return Ok(Edited { text: edited, splices });
        }
        tried.push(splices);
    }
    Err(first_refusal.unwrap_or_else(|| {
        CannotEdit::because(if tree.ids().any(|id| matches!(tree.node(id).kind, Kind::Alias(_))) {
            "another place shares this part by an alias and would change with it"
        } else {
            "the text is written in a way in which this change would change more"
        })
    }))
}

/// Equality in which 1 and 1.0 are one number.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a == b || (a.as_f64() == b.as_f64() && (a.is_f64() || b.is_f64())),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| same(a, b)))
        }
        _ => a == b,
    }
}

// === impl CannotEdit ===

impl CannotEdit {
    fn because(reason: impl Into<String>) -> Self {
        Self { reason: reason.into() }
    }

    fn overlap(path: &str) -> Self {
        Self::because(format!("two changes at `{path}` contradict each other"))
    }
}

#[cfg(test)]
mod tests;
