//! What language models are asked about a profile, which models are asked, and what their answers must be.

mod choice;
mod config;
mod judgement;
mod language_model;
mod lifecycle;
mod model_name;
mod prompt;
mod shown;

pub use choice::ModelChoice;
pub use config::CallConfig;
#[cfg(any(test, feature = "examples"))]
pub use judgement::examples;
pub use judgement::{
    Approach, Authority, BuyingStage, CallKind, Channel, Deal, Grade, Insight, Judgement, LightJudgement,
    MessageProblem, MessageRule, Money, Motives, Needs, Openness, Outreach, Personality, Review, Reviewed, Role,
    Strength, Theme, Trait, Verdict, strict_schema,
};
pub use language_model::{AiFault, AiUsage, Answer, CallTags, Effort, Model, Question, UnavailableCause};
pub use lifecycle::{
    LifecycleStatus, LifecycleStore, ListedModel, ModelLifecycle, ModelLists, WARNING_DAYS, WatchReport,
    look_up_models, warnings, watch_models,
};
pub use model_name::ModelName;
pub use prompt::{ProfileBudget, corrected, question, shown};
pub use shown::{BIO, Shown, Source, Speaker};
