//! What is computed when an expression is written, as cel-go plans it: an error there is an error of the policy, and not of the
//! first request that gets so far. `int("x")` is one; `1/0` is not, and fails when it runs.

use crate::engine::cel::{
    Answer, Given, Meter, Value,
    ast::{Call, Expr, Kind},
    check::{Bad, Checked, words},
    functions,
    given::Names,
    library::{regex, standard::CONVERSIONS},
    run,
    value::Key,
};

/// Nothing that is constant has a name.
struct NoNames;

impl<'a> Names<'a> for NoNames {
    fn value(&self, _: &str) -> Option<Answer<'a>> {
        None
    }
}

/// Whether it is a constant to cel-go.
///
/// # Errors
/// A conversion or a pattern of constants that fails.
pub(super) fn fold(expr: &Expr) -> Checked<bool> {
    match &expr.kind {
        Kind::Literal(_) | Kind::Type(_) => Ok(true),
        Kind::Name(_) => Ok(false),
        Kind::List(_) => fold_parts(expr),
        Kind::Map(entries) => {
            let constant = fold_parts(expr)?;
            if constant {
                entries.iter().try_for_each(|entry| check_key(&entry.key))?;
            }
            Ok(constant)
        }
        Kind::Select { .. } | Kind::Struct { .. } | Kind::Fold(_) => fold_parts(expr).map(|_| false),
        Kind::Call(call) => fold_call(expr, call),
    }
}

/// Each of them is looked at, also behind one that is not constant.
fn fold_parts(expr: &Expr) -> Checked<bool> {
    expr.parts().map(fold).try_fold(true, |all, one| Ok(one? && all))
}

fn fold_call(expr: &Expr, call: &Call) -> Checked<bool> {
    let args: Vec<&Expr> = call.target.iter().chain(&call.args).collect();
    let constant = args.iter().map(|arg| fold(arg)).collect::<Checked<Vec<bool>>>()?;
    match (&*call.function, args.as_slice(), constant.as_slice()) {
        (function, [arg], [true]) if CONVERSIONS.contains(&function) => {
            evaluated(expr).map_err(|why| Bad::new(arg.at, format!("{}: {why}", words::shown(function))))?;
            Ok(true)
        }
        // cel-go answers this without looking at what is in nothing.
        ("@in", [_, list], [_, true]) if matches!(&list.kind, Kind::List(elements) if elements.is_empty()) => Ok(true),
        ("matches" | "find" | "findAll", [_, pattern, ..], [_, true, ..]) => {
            check_pattern(call, pattern).map(|()| false)
        }
        ("_[_]" | "_[?_]", [_, index], [_, true]) => check_index(index).map(|()| false),
        _ => Ok(false),
    }
}

fn check_pattern(call: &Call, pattern: &Expr) -> Checked<()> {
    let given = Given::new(&NoNames, &[], None);
    let Ok(Value::String(text)) = run::run(pattern, &given, &mut Meter::new()) else {
        return Ok(());
    };
    match regex::prepare(text.as_str()) {
        Ok(_) => Ok(()),
        Err(why) => Err(Bad::new(pattern.at, format!("{}: {why}", words::shown(&call.function)))),
    }
}

/// A key that cannot be looked up ends the request in which the API server gets a policy with it.
fn check_key(key: &Expr) -> Checked<()> {
    let given = Given::new(&NoNames, &[], None);
    let value = run::run(key, &given, &mut Meter::new());
    value.and_then(|value| Key::check(&value)).map_err(|why| Bad::new(key.at, why.to_string()))
}

fn check_index(index: &Expr) -> Checked<()> {
    let given = Given::new(&NoNames, &[], None);
    match run::run(index, &given, &mut Meter::new()) {
        Ok(Value::Bool(_) | Value::Int(_) | Value::Uint(_) | Value::Double(_) | Value::String(_)) => Ok(()),
        _ => Err(Bad::new(index.at, "an index is a number, a string or a bool")),
    }
}

fn evaluated(expr: &Expr) -> Result<(), functions::Failure> {
    run::run(expr, &Given::new(&NoNames, &[], None), &mut Meter::new()).map(drop)
}
