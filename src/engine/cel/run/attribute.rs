//! Names, and what is selected from them: `object.spec.replicas`, `m[?k]`, `has(a.b)`.
//!
//! cel-go makes one step of a name with all that is selected from it (interpreter/attributes.go): the step costs 1, and each
//! selection 1. Where such a step is a branch of `?:` or an index, it is not the step of its own that costs 1.

use crate::engine::cel::{
    Answer, Failure, Value,
    ast::{Call, Expr, Kind},
    library::standard::names,
    run::Runner,
    value::{List, Text},
};

/// The name of the map of composed variables.
const VARIABLES: &str = "variables";

/// What a selection came to so far.
enum Found<'a> {
    Plain(Value<'a>),
    /// It is there, and all that is selected from it is optional.
    Optional(Value<'a>),
    Nothing,
}

/// How it is selected.
#[derive(Clone, Copy)]
struct How {
    optional: bool,
    /// Only whether it is there.
    test: bool,
}

const PLAIN: How = How { optional: false, test: false };
const OPTIONAL: How = How { optional: true, test: false };
const TEST: How = How { optional: false, test: true };

// === impl Runner ===

impl<'a> Runner<'_, 'a> {
    /// A name, a selection, an index or a conditional.
    #[inline(never)]
    pub(super) fn attribute(&mut self, expr: &'a Expr) -> Answer<'a> {
        if let Kind::Select { test: true, .. } = &expr.kind {
            return self.resolve(expr).map(Found::into_presence);
        }
        let found = self.resolve(expr);
        let cost = u64::from(!is_rooted_in_conditional(expr));
        self.charged(cost, found).map(Found::finish)
    }

    /// Where it is a branch or an index.
    fn part(&mut self, expr: &'a Expr) -> Answer<'a> {
        if is_attribute(expr) { self.resolve(expr).map(Found::finish) } else { self.eval(expr) }
    }

    fn resolve(&mut self, expr: &'a Expr) -> Result<Found<'a>, Failure> {
        self.meter.enter()?;
        let found = match &expr.kind {
            Kind::Name(name) => self.name(name).map(Found::root),
            Kind::Select { operand, field, test } => self.resolve_select(operand, field, *test),
            Kind::Call(call) => self.resolve_call(expr, call),
            _ => self.eval(expr).map(Found::root),
        };
        self.meter.leave();
        found
    }

    fn resolve_operand(&mut self, operand: &'a Expr) -> Result<Found<'a>, Failure> {
        if is_attribute(operand) { self.resolve(operand) } else { self.eval(operand).map(Found::root) }
    }

    #[inline(never)]
    fn resolve_select(&mut self, operand: &'a Expr, field: &'a str, test: bool) -> Result<Found<'a>, Failure> {
        if let Kind::Name(name) = &operand.kind
            && &**name == VARIABLES
            && !self.is_in_frame(name)
        {
            let answer = self.given.variable(field, self.meter);
            let there = |value| Found::Plain(if test { Value::Bool(true) } else { value });
            return self.charged(1, answer).map(there);
        }
        let found = self.resolve_operand(operand)?;
        self.select(found, Value::String(Text::Borrowed(field)), if test { TEST } else { PLAIN })
    }

    fn resolve_call(&mut self, expr: &'a Expr, call: &'a Call) -> Result<Found<'a>, Failure> {
        match (&*call.function, call.args.as_slice()) {
            (names::CONDITIONAL, [condition, yes, no]) => self.resolve_conditional(condition, yes, no),
            (names::INDEX, [operand, index]) => self.resolve_index(operand, index, PLAIN),
            (names::OPTIONAL_INDEX | names::OPTIONAL_SELECT, [operand, index]) => {
                self.resolve_index(operand, index, OPTIONAL)
            }
            _ => self.eval(expr).map(Found::root),
        }
    }

    #[inline(never)]
    fn resolve_conditional(&mut self, condition: &'a Expr, yes: &'a Expr, no: &'a Expr) -> Result<Found<'a>, Failure> {
        match self.eval(condition)? {
            Value::Bool(true) => self.resolve_operand(yes),
            Value::Bool(false) => self.resolve_operand(no),
            _ => Err(Failure::no_such_overload()),
        }
    }

    #[inline(never)]
    fn resolve_index(&mut self, operand: &'a Expr, index: &'a Expr, how: How) -> Result<Found<'a>, Failure> {
        let found = self.resolve_operand(operand)?;
        if let Found::Nothing = found {
            return Ok(found);
        }
        let optional = how.optional || matches!(found, Found::Optional(_));
        match self.part(index) {
            Ok(key) => self.select(found, key, how),
            Err(failure) if optional => Err(failure),
            failed => self.charged(1, failed).map(Found::Plain),
        }
    }

    #[inline(never)]
    fn select(&mut self, found: Found<'a>, key: Value<'a>, how: How) -> Result<Found<'a>, Failure> {
        let (value, optional) = match found {
            Found::Nothing => return Ok(Found::Nothing),
            Found::Plain(value) => (value, how.optional),
            Found::Optional(value) => (value, true),
        };
        self.meter.work(key.as_str().map_or(0, str::len) / 64)?;
        let inner = inner(&value, &key);
        if optional {
            return match inner? {
                Some(inner) => self.charge(1).map(|()| Found::Optional(inner)),
                None => Ok(Found::Nothing),
            };
        }
        match self.charged(1, inner)? {
            Some(_) if how.test => Ok(Found::Plain(Value::Bool(true))),
            Some(inner) => Ok(Found::Plain(inner)),
            None if how.test => Ok(Found::Plain(Value::Bool(false))),
            None => Err(missing(&value, &key)),
        }
    }
}

// === impl Found ===

impl<'a> Found<'a> {
    /// What selections start from: an optional value makes them optional.
    fn root(value: Value<'a>) -> Self {
        match value {
            Value::Optional(None) => Self::Nothing,
            Value::Optional(Some(value)) => Self::Optional(Value::clone(&value)),
            value => Self::Plain(value),
        }
    }

    fn finish(self) -> Value<'a> {
        match self {
            Self::Plain(value) => value,
            Self::Optional(value) => Value::some(value),
            Self::Nothing => Value::Optional(None),
        }
    }

    fn into_presence(self) -> Value<'a> {
        match self {
            Self::Plain(value) => value,
            Self::Optional(_) => Value::Bool(true),
            Self::Nothing => Value::Bool(false),
        }
    }
}

/// Whether cel-go makes one step of it with what is selected from it.
fn is_attribute(expr: &Expr) -> bool {
    match &expr.kind {
        Kind::Name(_) | Kind::Select { test: false, .. } => true,
        Kind::Call(call) => is_selecting(&call.function) || &*call.function == names::CONDITIONAL,
        _ => false,
    }
}

fn is_selecting(function: &str) -> bool {
    matches!(function, names::INDEX | names::OPTIONAL_INDEX | names::OPTIONAL_SELECT)
}

/// A conditional costs nothing, nor does what is selected from it beyond the selections.
fn is_rooted_in_conditional(mut expr: &Expr) -> bool {
    loop {
        match &expr.kind {
            Kind::Select { operand, test: false, .. } => expr = operand,
            Kind::Call(call) if &*call.function == names::CONDITIONAL => return true,
            Kind::Call(call) if is_selecting(&call.function) => match call.args.first() {
                Some(operand) => expr = operand,
                None => return false,
            },
            _ => return false,
        }
    }
}

/// What is under a key or at an index; nothing where there is none, or where the value has no parts at all.
fn inner<'a>(value: &Value<'a>, key: &Value<'a>) -> Result<Option<Value<'a>>, Failure> {
    if !is_key(key) {
        return Err(Failure::error(format!("invalid qualifier type: {}", key.type_name().as_str())));
    }
    match value {
        Value::Map(map) => Ok(map.find(key)),
        Value::List(list) => {
            let index = List::index(key)?;
            Ok(usize::try_from(index).ok().and_then(|index| list.get(index)))
        }
        Value::Struct(made) if made.fields.is_empty() => Err(Failure::error(format!("no such field '{key}'"))),
        Value::Struct(made) => Ok(key.as_str().and_then(|name| made.fields.get(name)).cloned()),
        _ => Ok(None),
    }
}

const fn is_key(key: &Value<'_>) -> bool {
    matches!(key, Value::Bool(_) | Value::Int(_) | Value::Uint(_) | Value::Double(_) | Value::String(_))
}

fn missing(value: &Value<'_>, key: &Value<'_>) -> Failure {
    match value {
        Value::List(_) => Failure::error(format!("index out of bounds: {key}")),
        _ => Failure::error(format!("no such key: {key}")),
    }
}
