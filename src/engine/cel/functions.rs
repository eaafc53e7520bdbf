//! How functions are declared: types for the checker, a cost, and what is run.

use std::fmt;

use crate::engine::cel::{given::look_ups::Cluster, library::regex::Patterns, meter::Meter, types::Type, value::Value};

/// What a run gives.
pub type Answer<'a> = Result<Value<'a>, Failure>;

/// Why a run gives no value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// As cel-go words it where that is known. `false && error` is false, `true || error` is true.
    Error(String),
    /// Something that could not be looked up decides: what that is. It is absorbed as an error is, and wins over errors.
    Unknown(String),
    /// The cost limit of the expression, the budget of its policy, or the fuel of the request is spent: which. Never absorbed.
    Spent(String),
}

/// What a function is run with.
#[derive(Debug)]
pub struct Call<'m, 'a> {
    /// The target of a member function comes first.
    pub args: &'m [Value<'a>],
    /// Pays, before it is made, for what may be large.
    pub meter: &'m mut Meter,
    pub patterns: &'m mut Patterns,
    /// None where an expression sees no cluster.
    pub cluster: Option<&'a Cluster<'a>>,
}

pub type Run = for<'a> fn(&mut Call<'_, 'a>) -> Answer<'a>;

/// What a call costs, from its arguments and its result: Kubernetes' own numbers.
pub type Cost = for<'a> fn(&[Value<'a>], &Value<'a>) -> u64;

/// One way to call a function.
pub struct Overload {
    /// As it is called: `_+_`, `size`, `lists.range`.
    pub function: &'static str,
    /// cel-go's name for it: `add_int64`.
    pub id: &'static str,
    /// Whether it is called on its first argument.
    pub member: bool,
    pub params: Vec<Type>,
    pub result: Type,
    pub run: Run,
    pub cost: Cost,
    /// Where static types leave several overloads, Kubernetes counts what the function costs, and not the overload: 1 for most.
    pub cost_of_any: Cost,
    /// Whether it costs what going through its first argument and all that is in it costs: what is paid before it is run.
    pub walks: bool,
    /// Whether it takes a list of whatever elements when it runs.
    pub lenient: bool,
}

// === impl Failure ===

impl Failure {
    pub fn error(message: impl Into<String>) -> Self {
        Self::Error(message.into())
    }

    pub fn no_such_overload() -> Self {
        Self::error("no such overload")
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Error(message) | Self::Unknown(message) | Self::Spent(message) => f.write_str(message),
        }
    }
}

// === impl Overload ===

impl Overload {
    /// A function, as `size("a")`. Without [`Overload::costing`] a call costs 1.
    pub fn global(
        function: &'static str,
        id: &'static str,
        params: impl Into<Vec<Type>>,
        result: Type,
        run: Run,
    ) -> Self {
        Self {
            function,
            id,
            member: false,
            params: params.into(),
            result,
            run,
            cost: |_, _| 1,
            cost_of_any: |_, _| 1,
            walks: false,
            lenient: false,
        }
    }

    /// A member function, as `"a".size()`: the first of its parameters is the target.
    pub fn member(
        function: &'static str,
        id: &'static str,
        params: impl Into<Vec<Type>>,
        result: Type,
        run: Run,
    ) -> Self {
        Self { member: true, ..Self::global(function, id, params, result, run) }
    }

    /// What a call costs, by the name of the function: what Kubernetes' `CallCost` has a case for.
    #[must_use]
    pub fn costing(mut self, cost: Cost) -> Self {
        self.cost = cost;
        self.cost_of_any = cost;
        self
    }

    /// It costs what going through its first argument and all that is in it costs, instead of 1.
    #[must_use]
    pub fn walking(mut self) -> Self {
        self.walks = true;
        self
    }

    /// It looks itself at the elements of the lists that it is run with.
    #[must_use]
    pub fn lenient(mut self) -> Self {
        self.lenient = true;
        self
    }

    /// What a call costs, by the id of the overload: 1 where static types leave several. So it is for cel-go's own functions.
    #[must_use]
    pub fn costing_if_known(mut self, cost: Cost) -> Self {
        self.cost = cost;
        self
    }
}

impl fmt::Debug for Overload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id)
    }
}

impl PartialEq for Overload {
    fn eq(&self, other: &Self) -> bool {
        (self.function, self.id) == (other.function, other.id)
    }
}
