//! What expressions may cost: per expression, per policy, per request. Paid before anything is made.

use crate::engine::{
    cel::{Answer, functions::Failure},
    limits,
};

/// Counts what is spent. One for each request; each policy and each expression gets its own share of it.
#[derive(Debug)]
pub struct Meter {
    /// By the expression that runs now.
    spent: u64,
    /// By the variables that it asked for, which have limits of their own.
    by_variables: u64,
    /// What is left to the policy.
    policy: u64,
    /// What is left to the request: cost, and work that Kubernetes does not count.
    request: u64,
    /// Bytes that the request may still make.
    memory: usize,
    /// Levels of the expression that runs now, with those of the variables that led to it.
    depth: usize,
}

/// In the words of the API server.
pub(super) const EXPRESSION_SPENT: &str = "operation cancelled: actual cost limit exceeded";
const POLICY_SPENT: &str =
    "validation failed due to running out of cost budget, no further validation rules will be run";
const REQUEST_SPENT: &str = "all policies together cost more than one request may";
const MEMORY_SPENT: &str = "the expressions of a policy make more than one request may";

/// Bytes of a value in a list, with what it takes to keep it.
const ITEM: usize = 40;

// === impl Meter ===

impl Meter {
    pub const fn new() -> Self {
        Self::with(limits::CEL_REQUEST)
    }

    /// Of a request that has so much left.
    pub const fn with(request: u64) -> Self {
        Self { spent: 0, by_variables: 0, policy: limits::CEL_POLICY, request, memory: limits::CEL_MEMORY, depth: 0 }
    }

    /// The expressions that follow are of a policy that has not spent anything yet: [`limits::CEL_POLICY`], or
    /// [`limits::CEL_CONDITIONS`] for its match conditions.
    pub const fn begin_policy(&mut self, budget: u64) {
        self.policy = budget;
        // What another policy made is gone.
        self.memory = limits::CEL_MEMORY;
    }

    /// Runs an expression at the expense of its policy. Where the policy cannot pay, that is the answer, whatever it came to.
    pub(super) fn expression<'a>(&mut self, run: impl FnOnce(&mut Self) -> Answer<'a>) -> Answer<'a> {
        self.spent = 0;
        self.by_variables = 0;
        self.depth = 0;
        let answer = run(self);
        let cost = self.spent.saturating_add(self.by_variables);
        let Some(left) = self.policy.checked_sub(cost) else {
            self.policy = 0;
            return Err(Failure::Spent(POLICY_SPENT.to_owned()));
        };
        self.policy = left;
        answer
    }

    /// Runs a variable that an expression asked for: its cost is not the expression's.
    pub(super) fn variable<'a>(&mut self, run: impl FnOnce(&mut Self) -> Answer<'a>) -> Answer<'a> {
        let spent = std::mem::take(&mut self.spent);
        let answer = run(self);
        self.by_variables = self.by_variables.saturating_add(self.spent);
        self.spent = spent;
        answer
    }

    /// # Errors
    /// [`Failure::Spent`] where it is more than is left.
    pub fn charge(&mut self, cost: u64) -> Result<(), Failure> {
        self.spent = self.spent.saturating_add(cost);
        if self.spent > limits::CEL_EXPRESSION {
            return Err(Failure::Spent(EXPRESSION_SPENT.to_owned()));
        }
        self.take(cost)
    }

    /// Whether so much is left; nothing is taken yet: for what is charged by its result, and allocates before.
    ///
    /// # Errors
    /// [`Failure::Spent`] where it is not.
    pub fn afford(&mut self, cost: u64) -> Result<(), Failure> {
        let spent = self.spent.saturating_add(cost);
        if spent > limits::CEL_EXPRESSION {
            // It is what was asked for, and ends the expression.
            self.spent = spent;
            return Err(Failure::Spent(EXPRESSION_SPENT.to_owned()));
        }
        if cost > self.request {
            return Err(Failure::Spent(REQUEST_SPENT.to_owned()));
        }
        Ok(())
    }

    /// Pays for steps that Kubernetes does not count, and that are many: from what the request has.
    ///
    /// # Errors
    /// [`Failure::Spent`] where it is more than is left.
    pub fn work(&mut self, steps: usize) -> Result<(), Failure> {
        // A step is a comparison or a copy: many of them take as long as one unit of cost.
        self.take((steps as u64).div_ceil(4))
    }

    /// Pays for bytes that are about to be made.
    ///
    /// # Errors
    /// [`Failure::Spent`] where it is more than is left.
    pub fn allocate(&mut self, bytes: usize) -> Result<(), Failure> {
        let left = self.memory.checked_sub(bytes).ok_or_else(|| Failure::Spent(MEMORY_SPENT.to_owned()))?;
        self.memory = left;
        Ok(())
    }

    /// Pays for elements of a list or entries of a map that are about to be made.
    ///
    /// # Errors
    /// [`Failure::Spent`] where it is more than is left.
    pub fn allocate_items(&mut self, items: usize) -> Result<(), Failure> {
        self.allocate(items.saturating_mul(ITEM))
    }

    /// By the expression that runs now, or that ran last, without its variables.
    pub const fn spent(&self) -> u64 {
        self.spent
    }

    /// What the policy has left.
    pub const fn left_to_policy(&self) -> u64 {
        self.policy
    }

    /// What the request has left, for whoever judges it next.
    pub const fn left_to_request(&self) -> u64 {
        self.request
    }

    /// One level deeper; [`Meter::leave`] ends it.
    pub(super) fn enter(&mut self) -> Result<(), Failure> {
        if self.depth >= limits::CEL_STACK {
            return Err(Failure::Spent("variables are nested too deep in each other".to_owned()));
        }
        self.depth += 1;
        Ok(())
    }

    pub(super) const fn leave(&mut self) {
        self.depth = self.depth.saturating_sub(1);
    }

    fn take(&mut self, cost: u64) -> Result<(), Failure> {
        let left = self.request.checked_sub(cost).ok_or_else(|| Failure::Spent(REQUEST_SPENT.to_owned()))?;
        self.request = left;
        Ok(())
    }
}

impl Default for Meter {
    fn default() -> Self {
        Self::new()
    }
}
