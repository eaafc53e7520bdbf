//! Calls of functions and operators.

use crate::engine::cel::{
    Answer, Failure, Meter, Value,
    ast::{Call, Element, Expr},
    functions::{self, Overload},
    library::{self, standard::names},
    macros,
    run::{Runner, constant, cost, dispatch},
};

/// Bytes of a text that are read in the time of a step.
const READ_AT_ONCE: usize = 32;

// === impl Runner ===

impl<'a> Runner<'_, 'a> {
    pub(super) fn call(&mut self, expr: &'a Expr, call: &'a Call) -> Answer<'a> {
        match (&*call.function, call.args.as_slice()) {
            (names::INDEX | names::OPTIONAL_INDEX | names::OPTIONAL_SELECT | names::CONDITIONAL, _) => {
                self.attribute(expr)
            }
            (names::AND, terms) => self.decide(terms, false),
            (names::OR, terms) => self.decide(terms, true),
            (names::EQUALS, [left, right]) => self.equality(left, right, true),
            (names::NOT_EQUALS, [left, right]) => self.equality(left, right, false),
            (names::NOT, [arg]) => self.not(arg),
            (names::NOT_STRICTLY_FALSE, [arg]) => self.not_strictly_false(arg),
            (names::ADD, [_, more]) if self.gathers(call) => self.append(call, more),
            (macros::MAP_INSERT, _) if self.gathers(call) => self.insert(call),
            (names::IN, [value, list]) => match constant::set(list) {
                Some(set) => self.within_set(value, set),
                None => self.binary(call, value, list),
            },
            _ => self.call_function(call),
        }
    }

    fn call_function(&mut self, call: &'a Call) -> Answer<'a> {
        match (&call.target, call.args.as_slice()) {
            (Some(target), [other]) if &*call.function == "or" => self.or_other(target, other, false),
            (Some(target), [other]) if &*call.function == "orValue" => self.or_other(target, other, true),
            (None, [_]) if !self.free && self.is_constant_call(call)? => self.for_free(call),
            (None, [arg]) | (Some(arg), []) => self.unary(call, arg),
            (None, [left, right]) | (Some(left), [right]) => self.binary(call, left, right),
            _ => self.many(call),
        }
    }

    fn is_constant_call(&mut self, call: &Call) -> Result<bool, Failure> {
        let mut seen = 0;
        let constant = constant::is_constant_call(call, &mut seen);
        self.meter.work(seen / 8)?;
        Ok(constant)
    }

    /// What cel-go ran when it compiled.
    #[inline(never)]
    fn for_free(&mut self, call: &'a Call) -> Answer<'a> {
        self.free = true;
        let answer = self.call_function(call);
        self.free = false;
        answer
    }

    #[inline(never)]
    fn within_set(&mut self, value: &'a Expr, set: &'a [Element]) -> Answer<'a> {
        // cel-go does not even run what is to be found in nothing.
        if set.is_empty() {
            return Ok(Value::Bool(false));
        }
        let value = self.eval(value)?;
        self.meter.work(set.len() / 8)?;
        let free = std::mem::replace(&mut self.free, true);
        let found = self.is_one_of(&value, set);
        self.free = free;
        found.map(Value::Bool)
    }

    fn is_one_of(&mut self, value: &Value<'a>, set: &'a [Element]) -> Result<bool, Failure> {
        for element in set {
            let element = self.eval(&element.value)?;
            if value.equals(&element, self.meter)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    #[inline(never)]
    fn unary(&mut self, call: &'a Call, arg: &'a Expr) -> Answer<'a> {
        match self.eval(arg) {
            Ok(value) => self.apply(call, &[value]),
            Err(failure) => self.fail(call, &[Value::Null], failure),
        }
    }

    /// Both are run, even where the first fails.
    #[inline(never)]
    fn binary(&mut self, call: &'a Call, left: &'a Expr, right: &'a Expr) -> Answer<'a> {
        let left = self.eval(left);
        if let Err(Failure::Spent(why)) = left {
            return Err(Failure::Spent(why));
        }
        match (left, self.eval(right)) {
            (Ok(left), Ok(right)) => self.apply(call, &[left, right]),
            (_, Err(Failure::Spent(why))) => Err(Failure::Spent(why)),
            (Err(failure), Ok(right)) => self.fail(call, &[Value::Null, right], failure),
            (Ok(left), Err(failure)) => self.fail(call, &[left, Value::Null], failure),
            (Err(failure), Err(_)) => self.fail(call, &[Value::Null, Value::Null], failure),
        }
    }

    /// None or more than two: the first that fails ends it.
    #[inline(never)]
    fn many(&mut self, call: &'a Call) -> Answer<'a> {
        let mut args = Vec::with_capacity(call.args.len() + 1);
        for arg in call.target.iter().chain(&call.args) {
            args.push(self.eval(arg)?);
        }
        self.apply(call, &args)
    }

    /// Runs the overload that takes these arguments.
    #[inline(never)]
    pub(super) fn apply(&mut self, call: &'a Call, args: &[Value<'a>]) -> Answer<'a> {
        let Some(overload) = overload_of(call, args) else {
            // cel-go declares no such operator, and has it.
            if let ("-_", [Value::Duration(duration)]) = (&*call.function, args) {
                let negative = duration.checked_neg().map(Value::Duration);
                return self.charged(1, negative.ok_or_else(|| Failure::error("integer overflow")));
            }
            return self.fail(call, args, dispatch::no_such_overload(&call.function, args));
        };
        self.meter.work(read_bytes(args) / READ_AT_ONCE)?;
        let walked = if overload.walks { Some(walked(args, self.meter)?) } else { None };
        let answer = (overload.run)(&mut functions::Call {
            args,
            meter: self.meter,
            patterns: &mut self.given.patterns.borrow_mut(),
            cluster: self.given.cluster,
        });
        let cost = if call.overloads.len() == 1 { overload.cost } else { overload.cost_of_any };
        let cost = walked.unwrap_or_else(|| cost(args, answer.as_ref().unwrap_or(&Value::Null)));
        self.charged(cost, answer)
    }

    /// A call that fails costs what it costs, with 1 for the size of what is not there.
    #[inline(never)]
    fn fail(&mut self, call: &'a Call, args: &[Value<'a>], failure: Failure) -> Answer<'a> {
        let cost = match call.overloads.as_slice() {
            [first, ..] if first.walks => walked(args, self.meter)?,
            [only] => (only.cost)(args, &Value::Null),
            [first, ..] => (first.cost_of_any)(args, &Value::Null),
            [] => 1,
        };
        self.charged(cost, Err(failure))
    }
}

/// What going through the first argument of a call costs.
fn walked(args: &[Value<'_>], meter: &mut Meter) -> Result<u64, Failure> {
    args.first().map_or(Ok(0), |value| cost::walk(value, meter))
}

/// Of the texts that a function is given, which it may read whole, whatever Kubernetes counts for it.
fn read_bytes(args: &[Value<'_>]) -> usize {
    let length = |value: &Value<'_>| match value {
        Value::String(text) => text.as_str().len(),
        Value::Bytes(bytes) => bytes.as_slice().len(),
        _ => 0,
    };
    args.iter().map(length).fold(0, usize::saturating_add)
}

/// By the types that its arguments have now. Static types leave overloads, which operators and a few others do not keep to:
/// cel-go gives them one implementation.
fn overload_of(call: &Call, args: &[Value<'_>]) -> Option<&'static Overload> {
    let known = call.overloads.iter().copied().find(|overload| dispatch::takes(overload, args));
    if known.is_some() || !(call.overloads.is_empty() || dispatch::is_singleton(&call.function)) {
        return known;
    }
    let member = call.target.is_some();
    let mut all = library::overloads(&call.function).iter();
    all.find(|overload| overload.member == member && dispatch::takes(overload, args))
}
