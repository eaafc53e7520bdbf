//! Operators, conversions, sizes and types: what every CEL has. The declarations are cel-go's (common/stdlib/standard.go), in
//! their order; those of times are in [`super::time`], `matches` in [`super::regex`].

mod arithmetic;
mod collections;
mod conversions;
mod order;
mod text;

use crate::engine::cel::{Failure, Type, functions::Overload};

pub use arithmetic::join;
pub use collections::{entries_of, put};

/// Functions that are run when they are compiled where their argument is a constant.
pub const CONVERSIONS: [&str; 10] =
    ["bool", "bytes", "double", "duration", "dyn", "int", "string", "timestamp", "type", "uint"];

/// As the parser names them.
pub mod names {
    pub const AND: &str = "_&&_";
    pub const OR: &str = "_||_";
    pub const CONDITIONAL: &str = "_?_:_";
    pub const NOT: &str = "!_";
    pub const EQUALS: &str = "_==_";
    pub const NOT_EQUALS: &str = "_!=_";
    pub const ADD: &str = "_+_";
    pub const INDEX: &str = "_[_]";
    pub const OPTIONAL_INDEX: &str = "_[?_]";
    pub const OPTIONAL_SELECT: &str = "_?._";
    pub const NOT_STRICTLY_FALSE: &str = "@not_strictly_false";
    pub const IN: &str = "@in";
}

pub fn functions() -> Vec<Overload> {
    let mut all = logic();
    all.extend(arithmetic::functions());
    all.extend(order::functions());
    all.extend(collections::functions());
    all.extend(conversions::functions());
    all.extend(text::functions());
    all
}

/// What decides which of its arguments are run at all, or compares whatever there is: [`crate::engine::cel::run`] does it.
fn logic() -> Vec<Overload> {
    let a = || Type::Parameter("A");
    let known = |function, id, params: Vec<Type>, result| {
        Overload::global(function, id, params, result, |_| Err(Failure::no_such_overload()))
    };
    vec![
        known(names::CONDITIONAL, "conditional", vec![Type::Bool, a(), a()], a()),
        known(names::AND, "logical_and", vec![Type::Bool, Type::Bool], Type::Bool),
        known(names::OR, "logical_or", vec![Type::Bool, Type::Bool], Type::Bool),
        known(names::NOT, "logical_not", vec![Type::Bool], Type::Bool),
        known(names::NOT_STRICTLY_FALSE, "not_strictly_false", vec![Type::Bool], Type::Bool),
        known(names::EQUALS, "equals", vec![a(), a()], Type::Bool),
        known(names::NOT_EQUALS, "not_equals", vec![a(), a()], Type::Bool),
    ]
}
