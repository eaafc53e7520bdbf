//! What expressions may cost: per expression, per policy, per request. Paid before anything is made.

use crate::engine::{cel::functions::Failure, limits};

/// Counts what is spent. One for each request; each policy and each expression gets its own share of it.
#[derive(Debug)]
pub struct Meter {
    /// By the expression that runs now.
    spent: u64,
    /// What this expression may spend.
    limit: u64,
    /// What is left to the policy, and to the request.
    policy: u64,
    request: u64,
}

// === impl Meter ===

impl Meter {
    pub const fn new() -> Self {
        Self { spent: 0, limit: limits::CEL_EXPRESSION, policy: limits::CEL_POLICY, request: limits::CEL_REQUEST }
    }

    /// # Errors
    /// [`Failure::Spent`] where it is more than is left.
    pub fn charge(&mut self, cost: u64) -> Result<(), Failure> {
        self.afford(cost)?;
        self.spent = self.spent.saturating_add(cost);
        Ok(())
    }

    /// Whether so much is left; nothing is taken yet: for what is charged by its result, and allocates before.
    ///
    /// # Errors
    /// [`Failure::Spent`] where it is not.
    pub fn afford(&self, cost: u64) -> Result<(), Failure> {
        if self.spent.saturating_add(cost) > self.limit {
            return Err(Failure::Spent("operation cancelled: actual cost limit exceeded".to_owned()));
        }
        Ok(())
    }

    pub const fn spent(&self) -> u64 {
        self.spent
    }
}

impl Default for Meter {
    fn default() -> Self {
        Self::new()
    }
}
