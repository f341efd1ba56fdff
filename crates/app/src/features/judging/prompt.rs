//! Prompts: versioned files, a byte-stable prefix of instructions and business, then the profile, fenced as untrusted.
//!
//! Promises: the prefix of a business is the same to the byte from run to run and at least 2,560 tokens long even
//! without the business, so that providers cache it (the models in use from 512 or 1,024 tokens, to the token);
//! nothing in a profile can close its fence or reach the prefix, the schema or another field; a long profile is cut to
//! its type's budget (`profile`), and what nobody can see is taken out of it (`clean`).
//!
//! The files in `prompts/` are named by version: a wording that was in use never changes under its name.

mod clean;
mod profile;
mod tokens;

use serde_json::{Value, json};

use super::{CallKind, CallTags, Question, config::AI_TIMEOUT, model_name::ModelName, shown::Shown};
use crate::features::{business::BusinessContext, profiles::Snapshot};

pub(super) use clean::cleaned;

/// What every call is told: how to read a profile, how to grade, what never changes.
const COMMON: &str = include_str!("prompts/common.v2.md");

impl CallKind {
    /// What this call is told after `COMMON`.
    const fn instructions(self) -> &'static str {
        match self {
            Self::Light => include_str!("prompts/light.v2.md"),
            Self::Verdict => include_str!("prompts/verdict.v2.md"),
            Self::Needs => include_str!("prompts/needs.v2.md"),
            Self::Approach => include_str!("prompts/approach.v2.md"),
            Self::Outreach => include_str!("prompts/outreach.v2.md"),
            Self::Personality => include_str!("prompts/personality.v2.md"),
            Self::Motives => include_str!("prompts/motives.v2.md"),
            Self::Openness => include_str!("prompts/openness.v2.md"),
            Self::Money => include_str!("prompts/money.v2.md"),
            Self::Deal => include_str!("prompts/deal.v2.md"),
        }
    }
}

/// How much of a profile is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProfileBudget {
    /// How many of the newest posts.
    pub posts_max: u32,
    /// How long the fenced profile may be, in tokens: what is cut is the captions of the oldest posts.
    pub tokens_max: usize,
}

/// A call's question about a profile, and what of the profile its answer may quote.
#[must_use]
pub fn question(
    tags: CallTags,
    model: &ModelName,
    business: &BusinessContext,
    snapshot: &Snapshot,
    budget: ProfileBudget,
) -> (Question, Shown) {
    let call = tags.call.config();
    let (user, shown) = user_message(snapshot, budget);
    let question = Question {
        model: model.clone(),
        system: prefix(tags.call, business),
        user,
        schema_name: tags.call.as_str(),
        schema: tags.call.schema(),
        output_tokens_max: call.output_tokens_max,
        effort: call.effort,
        tags,
        cache_key: format!("{}:{}", tags.call.as_str(), business.id),
        timeout: AI_TIMEOUT,
    };
    (question, shown)
}

/// What of a profile every call within the budget is shown.
#[must_use]
pub fn shown(snapshot: &Snapshot, budget: ProfileBudget) -> Shown {
    user_message(snapshot, budget).1
}

/// Asks for a better answer: behind the profile, so that the prefix stays as it is.
#[must_use]
pub fn corrected(mut question: Question, correction: &str) -> Question {
    question.user.push_str(&format!(
        "Your answer before this one broke rules: {correction}. Answer again in full, and keep every rule.\n"
    ));
    question
}

/// Everything before the profile.
fn prefix(call: CallKind, business: &BusinessContext) -> String {
    let (instructions, business) = (call.instructions(), fenced(&describe_business(business).to_string()));
    format!("{COMMON}\n{instructions}\n<business>\n{business}\n</business>\n")
}

fn user_message(snapshot: &Snapshot, budget: ProfileBudget) -> (String, Shown) {
    const FENCE: [&str; 2] = ["<profile>\n", "\n</profile>\n"];
    let [open, close] = FENCE;
    // The budget is for the whole message, fences included.
    let room = FENCE.iter().fold(budget.tokens_max, |room, text| room.saturating_sub(tokens::tokens(text)));
    let (profile, shown) = profile::described(&snapshot.profile, snapshot.scraped_at, budget.posts_max, room);
    (format!("{open}{profile}{close}"), shown)
}

/// JSON in which no `<` can close the fence. It becomes a character that looks like it, and no escape: models that read
/// `\u003c` write escapes themselves, and get them wrong (`caf\u0000e9`).
fn fenced(json: &str) -> String {
    json.replace('<', "‹")
}

fn describe_business(business: &BusinessContext) -> Value {
    let ideal = &business.ideal_customer;
    // Without the version: a prefix that changes with nothing a model needs would lose the provider's cache.
    json!({
        "name": business.name,
        "offering": business.offering,
        "target_audience": business.target_audience,
        "voice": business.voice,
        "do_not_say": business.do_not_say,
        "competitors": business.competitors,
        "proof_points": business.proof_points,
        "ideal_customer": {
            "follower_min": ideal.follower_min,
            "follower_max": ideal.follower_max,
            "engagement_rate_min_percent": ideal.engagement_rate_min_percent,
            "content_themes": ideal.content_themes,
            "geographies": ideal.geographies,
        },
    })
}

#[cfg(test)]
mod tests;
