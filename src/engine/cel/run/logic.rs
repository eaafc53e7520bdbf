//! What decides which of its arguments are run: `&&`, `||`, `or`, `orValue`; and what takes whatever it is given.

use crate::engine::cel::{
    Answer, Failure, Value,
    ast::Expr,
    run::{Runner, cost},
};

// === impl Runner ===

impl<'a> Runner<'_, 'a> {
    /// `&&` where false decides, `||` where true does. What decides wins; then what is unknown, then an error.
    #[inline(never)]
    pub(super) fn decide(&mut self, terms: &'a [Expr], decisive: bool) -> Answer<'a> {
        let mut failure: Option<Failure> = None;
        for term in terms {
            match self.eval(term) {
                Ok(Value::Bool(value)) if value == decisive => return Ok(Value::Bool(value)),
                Ok(Value::Bool(_)) => {}
                Ok(_) => keep(&mut failure, Failure::no_such_overload()),
                Err(Failure::Spent(why)) => return Err(Failure::Spent(why)),
                Err(other) => keep(&mut failure, other),
            }
        }
        failure.map_or(Ok(Value::Bool(!decisive)), Err)
    }

    #[inline(never)]
    pub(super) fn equality(&mut self, left: &'a Expr, right: &'a Expr, wanted: bool) -> Answer<'a> {
        let left = self.eval(left);
        if let Err(Failure::Spent(why)) = left {
            return Err(Failure::Spent(why));
        }
        let right = self.eval(right);
        if let Err(Failure::Spent(why)) = right {
            return Err(Failure::Spent(why));
        }
        match (left, right) {
            (Ok(left), Ok(right)) => {
                let equal = left.equals(&right, self.meter)?;
                self.charge(equality_cost(&left, &right, wanted))?;
                // cel-go takes no answer for unequal, but only where that is asked.
                if !left.is_comparable_with(&right) {
                    return if wanted { Err(Failure::no_such_overload()) } else { Ok(Value::Bool(true)) };
                }
                Ok(Value::Bool(equal == wanted))
            }
            (Err(failure), Ok(other)) | (Ok(other), Err(failure)) => {
                self.charge(cost::traversal(cost::smaller(&other, &Value::Null)))?;
                Err(failure)
            }
            (Err(failure), Err(_)) => {
                self.charge(1)?;
                Err(failure)
            }
        }
    }

    #[inline(never)]
    pub(super) fn not(&mut self, arg: &'a Expr) -> Answer<'a> {
        let value = self.eval(arg);
        match self.charged(1, value)? {
            Value::Bool(value) => Ok(Value::Bool(!value)),
            _ => Err(Failure::no_such_overload()),
        }
    }

    /// True for all but false: a comprehension goes on after errors.
    #[inline(never)]
    pub(super) fn not_strictly_false(&mut self, arg: &'a Expr) -> Answer<'a> {
        let value = self.eval(arg);
        match self.charged(1, value) {
            Err(Failure::Spent(why)) => Err(Failure::Spent(why)),
            Ok(Value::Bool(value)) => Ok(Value::Bool(value)),
            _ => Ok(Value::Bool(true)),
        }
    }

    /// `a.or(b)` and `a.orValue(b)`: the other is run only where it is needed.
    #[inline(never)]
    pub(super) fn or_other(&mut self, target: &'a Expr, other: &'a Expr, unwrap: bool) -> Answer<'a> {
        match self.eval(target)? {
            Value::Optional(None) => self.eval(other),
            Value::Optional(Some(value)) if unwrap => Ok(Value::clone(&value)),
            value => Ok(value),
        }
    }
}

fn keep(kept: &mut Option<Failure>, failure: Failure) {
    let replaces = matches!((&kept, &failure), (None, _) | (Some(Failure::Error(_)), Failure::Unknown(_)));
    if replaces {
        *kept = Some(failure);
    }
}

/// Kubernetes has a price for `==` of its types, and none for `!=`.
fn equality_cost(left: &Value<'_>, right: &Value<'_>, equal: bool) -> u64 {
    match left {
        Value::Ip(_) | Value::Cidr(_) if equal => 1,
        _ => cost::traversal(cost::smaller(left, right)),
    }
}
