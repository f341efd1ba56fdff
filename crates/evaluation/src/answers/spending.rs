//! A limit of what real answers may cost.
//!
//! Promises: before a question is asked, the most that its answer can cost is set aside; so the limit holds however many are asked
//! at the same time. A call whose cost is not known counts as what was set
//! aside; a model without a price is not asked.

use std::sync::{Arc, Mutex};

use oslira_app::features::judging::Question;
use oslira_providers::{
    families::Family,
    prices::{Tokens, cost_microusd},
};

/// Fewer bytes than this are no token in any script: an upper bound needs a low number.
const BYTES_PER_TOKEN_MIN: usize = 2;

/// What may be spent and what is.
#[derive(Debug, Clone)]
pub struct Spending {
    limit_microusd: u64,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    spent: u64,
    reserved: u64,
}

/// Money set aside for one call.
pub struct Reserved {
    amount: u64,
    state: Arc<Mutex<State>>,
}

impl Spending {
    #[must_use]
    pub fn limit(limit_microusd: u64) -> Self {
        Self { limit_microusd, state: Arc::default() }
    }

    /// Sets the most that the answer can cost aside; `None` if that would pass the limit, or is not known.
    #[must_use]
    pub fn reserve(&self, question: &Question) -> Option<Reserved> {
        let amount = most(question)?;
        let mut state = self.state.lock().ok()?;
        if state.spent + state.reserved + amount > self.limit_microusd {
            return None;
        }
        state.reserved += amount;
        Some(Reserved { amount, state: Arc::clone(&self.state) })
    }

    /// What has been spent, in millionths of a dollar.
    #[must_use]
    pub fn spent_microusd(&self) -> u64 {
        self.state.lock().map(|state| state.spent).unwrap_or_default()
    }
}

impl Reserved {
    /// Books what the call cost, or all that was set aside where that is not known.
    pub fn settle(self, cost_microusd: Option<u64>) {
        if let Ok(mut state) = self.state.lock() {
            state.reserved = state.reserved.saturating_sub(self.amount);
            state.spent += cost_microusd.unwrap_or(self.amount);
        }
    }
}

/// The most that one answer to this question can cost: nothing read from a cache, the prompt written to it, the longest answer.
fn most(question: &Question) -> Option<u64> {
    let bytes = question.system.len() + question.user.len() + question.schema.to_string().len();
    let input = (bytes / BYTES_PER_TOKEN_MIN) as u64;
    // Other models' tokens are shorter: an answer may take twice as many.
    let output = 2 * u64::from(question.output_tokens_max);
    let tokens = Tokens { input, cached: 0, cache_written: input, output };
    cost_microusd(Family::of(&question.model), tokens)
}
