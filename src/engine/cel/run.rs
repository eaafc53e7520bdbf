//! Runs an expression, as cel-go's interpreter does: the same values, the same errors where it matters, and the same costs.
//!
//! Functions here are small and never inlined: they run inside each other as deep as the expression is nested, on a stack of 2 MiB.

mod attribute;
mod call;
mod constant;
pub mod cost;
mod depth;
mod dispatch;
mod fold;
mod logic;
mod make;

use crate::engine::{
    cel::{
        Answer, Failure, Given, Meter,
        ast::{Expr, Kind},
        meter::EXPRESSION_SPENT,
    },
    limits,
};

use fold::Frame;

/// Runs an expression at the expense of its policy.
pub fn run<'a>(root: &'a Expr, given: &Given<'a>, meter: &mut Meter) -> Answer<'a> {
    meter.expression(|meter| Runner::new(given, meter).eval(root))
}

/// Runs a variable that an expression asked for, at its own expense. What it fails by, its own cost among it, is an error of the
/// expression, as it is for the API server; only what ends the whole request ends the expression too.
pub fn run_variable<'a>(name: &str, root: &'a Expr, given: &Given<'a>, meter: &mut Meter) -> Answer<'a> {
    let failed = |why: &str| Failure::error(format!("composited variable \"{name}\" fails to evaluate: {why}"));
    match meter.variable(|meter| Runner::new(given, meter).eval(root)) {
        Ok(value) if depth::exceeds(&value, limits::CEL_VALUE_DEPTH, meter)? => {
            Err(failed(&format!("it is nested more than {} levels deep", limits::CEL_VALUE_DEPTH)))
        }
        Err(Failure::Error(why)) => Err(failed(&why)),
        Err(Failure::Spent(why)) if why == EXPRESSION_SPENT => Err(failed(&why)),
        answer => answer,
    }
}

/// One run of one expression.
struct Runner<'r, 'a> {
    given: &'r Given<'a>,
    meter: &'r mut Meter,
    /// Of the comprehensions that run now.
    frames: Vec<Frame<'a>>,
    /// How many of the frames are seen from here: the last of them is searched first.
    scope: usize,
    /// Inside what cel-go makes when it compiles, and which costs nothing.
    free: bool,
}

// === impl Runner ===

impl<'r, 'a> Runner<'r, 'a> {
    const fn new(given: &'r Given<'a>, meter: &'r mut Meter) -> Self {
        Self { given, meter, frames: Vec::new(), scope: 0, free: false }
    }

    fn eval(&mut self, expr: &'a Expr) -> Answer<'a> {
        match &expr.kind {
            Kind::Literal(literal) => Ok(constant::value(literal)),
            Kind::Type(name) => Ok(constant::type_value(name)),
            _ => {
                self.meter.enter()?;
                let answer = self.eval_inner(expr);
                self.meter.leave();
                answer
            }
        }
    }

    fn eval_inner(&mut self, expr: &'a Expr) -> Answer<'a> {
        match &expr.kind {
            Kind::Literal(literal) => Ok(constant::value(literal)),
            Kind::Type(name) => Ok(constant::type_value(name)),
            Kind::Name(_) | Kind::Select { .. } => self.attribute(expr),
            Kind::Call(call) => self.call(expr, call),
            Kind::List(elements) => self.list(expr, elements),
            Kind::Map(entries) => self.map(expr, entries),
            Kind::Struct { name, fields } => self.make_struct(name, fields),
            Kind::Fold(fold) => self.fold(fold),
        }
    }

    fn charge(&mut self, cost: u64) -> Result<(), Failure> {
        if self.free { Ok(()) } else { self.meter.charge(cost) }
    }

    /// Charges for what was done, whether it came to a value or not.
    fn charged<T>(&mut self, cost: u64, done: Result<T, Failure>) -> Result<T, Failure> {
        if matches!(done, Err(Failure::Spent(_))) {
            return done;
        }
        self.charge(cost)?;
        done
    }
}

#[cfg(test)]
mod tests;
