//! Kubernetes quantities: amounts with a suffix, exact in any size.

mod decimal;
mod parse;

use std::cmp::Ordering;

use crate::engine::cel::{
    functions::{Answer, Call, Failure, Overload, Run},
    library::quantity::decimal::Decimal,
    run::cost,
    types::Type,
    value::Value,
};

pub use parse::BadQuantity;

/// `1.5Gi`.
#[derive(Clone, Debug)]
pub struct Quantity {
    amount: Amount,
    /// Whether it is a sum or a difference, which the API server cannot compare with `==` from the right.
    computed: bool,
}

/// Kubernetes keeps most amounts in 64 bits, and tells: what it keeps otherwise is no integer to it.
#[derive(Clone, Debug)]
enum Amount {
    /// `value` times 10 to the power of `scale`.
    Small {
        value: i64,
        scale: i32,
    },
    Large(Decimal),
}

pub fn functions() -> Vec<Overload> {
    let with = |other| [type_of(), other];
    let about = |function, id, result, run: Run| Overload::member(function, id, [type_of()], result, run);
    vec![
        Overload::global("quantity", "string_to_quantity", [Type::String], type_of(), to_quantity)
            .costing(|args, _| cost::traversal(cost::size_of(args, 0))),
        Overload::global("isQuantity", "is_quantity_string", [Type::String], Type::Bool, is_quantity)
            .costing(|args, _| cost::traversal(cost::size_of(args, 0))),
        Overload::global("sign", "quantity_sign", [type_of()], Type::Int, |call| {
            Ok(Value::Int(quantity(call)?.sign() as i64))
        }),
        Overload::member("isGreaterThan", "quantity_is_greater_than", with(type_of()), Type::Bool, |call| {
            compare(call).map(|order| Value::Bool(order.is_gt()))
        }),
        Overload::member("isLessThan", "quantity_is_less_than", with(type_of()), Type::Bool, |call| {
            compare(call).map(|order| Value::Bool(order.is_lt()))
        }),
        Overload::member("compareTo", "quantity_compare_to", with(type_of()), Type::Int, |call| {
            compare(call).map(|order| Value::Int(order as i64))
        }),
        about("asApproximateFloat", "quantity_get_float", Type::Double, |call| {
            Ok(Value::Double(quantity(call)?.to_double()))
        }),
        about("asInteger", "quantity_get_int", Type::Int, |call| {
            let integer = quantity(call)?.to_integer().map(Value::Int);
            integer.ok_or_else(|| Failure::error("cannot convert value to integer"))
        }),
        about("isInteger", "quantity_is_integer", Type::Bool, |call| {
            Ok(Value::Bool(quantity(call)?.to_integer().is_some()))
        }),
        Overload::member("add", "quantity_add", with(type_of()), type_of(), add),
        Overload::member("add", "quantity_add_int", with(Type::Int), type_of(), add),
        Overload::member("sub", "quantity_sub", with(type_of()), type_of(), subtract),
        Overload::member("sub", "quantity_sub_int", with(Type::Int), type_of(), subtract),
    ]
}

// === impl Quantity ===

impl Quantity {
    /// # Errors
    /// As Kubernetes words them; beside them, that it has more digits than are computed with here.
    pub fn parse(text: &str) -> Result<Self, BadQuantity> {
        parse::amount(text).map(|amount| Self { amount, computed: false })
    }

    /// Whether `==` has an answer: the API server has none where the right side was computed.
    pub const fn is_comparable_with(&self, other: &Self) -> bool {
        !other.computed
    }

    /// Greater or less than zero.
    pub fn sign(&self) -> Ordering {
        match &self.amount {
            Amount::Small { value, .. } => value.cmp(&0),
            Amount::Large(decimal) => decimal.sign(),
        }
    }

    /// None for what is no integer or has more than 18 digits, and for what was written as neither (`1.0`, `1.5Ki`).
    pub fn to_integer(&self) -> Option<i64> {
        match self.amount {
            Amount::Small { value, scale } => scaled(value, scale),
            Amount::Large(_) => None,
        }
    }

    /// With the error that Kubernetes makes.
    #[expect(clippy::cast_precision_loss, reason = "it is approximate")]
    pub fn to_double(&self) -> f64 {
        let (base, exponent) = match &self.amount {
            Amount::Small { value, scale } => (*value as f64, *scale),
            Amount::Large(decimal) => (decimal.digits_as_double(), decimal.exponent()),
        };
        if exponent == 0 { base } else { base * decimal::power_of_ten(exponent) }
    }

    /// None where that has more digits than are computed with here.
    pub fn checked_add(&self, other: &Self) -> Option<Self> {
        let amount = self.amount.add_small(&other.amount).map(Some);
        let amount = amount.unwrap_or_else(|| self.decimal().add(&other.decimal()).map(Amount::Large))?;
        Some(Self { amount, computed: true })
    }

    /// None where that has more digits than are computed with here.
    pub fn checked_sub(&self, other: &Self) -> Option<Self> {
        let amount = match other.amount {
            Amount::Small { value, scale } => Amount::Small { value: value.wrapping_neg(), scale },
            Amount::Large(_) => Amount::Large(other.decimal().negated()),
        };
        // Of the smallest number the negative is itself, but not its decimal.
        let negated = Self { amount, computed: true };
        let small = self.amount.add_small(&negated.amount);
        let amount = small.map_or_else(|| self.decimal().add(&other.decimal().negated()).map(Amount::Large), Some)?;
        Some(Self { amount, computed: true })
    }

    fn decimal(&self) -> Decimal {
        match &self.amount {
            Amount::Small { value, scale } => Decimal::from_int(*value, *scale),
            Amount::Large(decimal) => decimal.clone(),
        }
    }
}

impl From<i64> for Quantity {
    fn from(value: i64) -> Self {
        Self { amount: Amount::Small { value, scale: 0 }, computed: false }
    }
}

/// By value: `1000m` is `1`.
impl PartialEq for Quantity {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Quantity {}

impl PartialOrd for Quantity {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Quantity {
    fn cmp(&self, other: &Self) -> Ordering {
        match (&self.amount, &other.amount) {
            (Amount::Small { value: one, scale: 0 }, Amount::Small { value: another, scale: 0 }) => one.cmp(another),
            _ => self.decimal().cmp(&other.decimal()),
        }
    }
}

// === impl Amount ===

impl Amount {
    /// None where one is large, or the sum does not fit.
    fn add_small(&self, other: &Self) -> Option<Self> {
        let (Self::Small { value: one, scale }, Self::Small { value: another, scale: other_scale }) = (self, other)
        else {
            return None;
        };
        if *another == 0 {
            return Some(self.clone());
        }
        if *one == 0 {
            return Some(other.clone());
        }
        let finer = *scale.min(other_scale);
        let sum = scaled(*one, scale - finer)?.checked_add(scaled(*another, other_scale - finer)?)?;
        Some(Self::Small { value: sum, scale: finer })
    }
}

/// `value` times 10 to the power of `scale`, where that is an integer that fits; nothing is reduced.
fn scaled(value: i64, scale: i32) -> Option<i64> {
    match (value, u32::try_from(scale).ok()?) {
        (value, 0) => Some(value),
        (0, _) => Some(0),
        (i64::MIN, _) => None,
        (value, scale) => value.checked_mul(10_i64.checked_pow(scale)?),
    }
}

fn type_of() -> Type {
    Type::opaque("kubernetes.Quantity")
}

fn to_quantity<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    let [Value::String(text)] = call.args else { return Err(Failure::no_such_overload()) };
    let quantity = Quantity::parse(text.as_str()).map_err(|why| Failure::error(why.to_string()))?;
    Ok(Value::Quantity(quantity.into()))
}

fn is_quantity<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    let [Value::String(text)] = call.args else { return Err(Failure::no_such_overload()) };
    Ok(Value::Bool(!matches!(Quantity::parse(text.as_str()), Err(why) if why != BadQuantity::TooLong)))
}

fn add<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    compute(call, Quantity::checked_add)
}

fn subtract<'a>(call: &mut Call<'_, 'a>) -> Answer<'a> {
    compute(call, Quantity::checked_sub)
}

fn compute<'a>(call: &mut Call<'_, 'a>, operator: fn(&Quantity, &Quantity) -> Option<Quantity>) -> Answer<'a> {
    let computed = match call.args {
        [Value::Quantity(one), Value::Quantity(other)] => operator(one, other),
        [Value::Quantity(one), Value::Int(other)] => operator(one, &Quantity::from(*other)),
        _ => return Err(Failure::no_such_overload()),
    };
    let computed = computed.ok_or_else(|| Failure::error(BadQuantity::TooLong.to_string()))?;
    Ok(Value::Quantity(computed.into()))
}

fn compare(call: &mut Call<'_, '_>) -> Result<Ordering, Failure> {
    match call.args {
        [Value::Quantity(one), Value::Quantity(other)] => Ok(one.cmp(other)),
        _ => Err(Failure::no_such_overload()),
    }
}

fn quantity<'m>(call: &Call<'m, '_>) -> Result<&'m Quantity, Failure> {
    match call.args {
        [Value::Quantity(quantity)] => Ok(quantity),
        _ => Err(Failure::no_such_overload()),
    }
}

#[cfg(test)]
mod tests;
