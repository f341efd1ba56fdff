//! From a judgement and the facts of a profile to one score with its reasons. Everything here is pure.

#[cfg(test)]
mod cases;
mod facts;
mod ideal_customer;
mod limits;
#[cfg(test)]
mod properties;
mod rule;
mod score;
mod weights;

pub use facts::{AudienceBand, Facts};
pub use ideal_customer::{Criterion, match_ideal_customer};
pub use rule::Rule;
pub use score::{Evidence, Score, blend};
pub use weights::Weights;
