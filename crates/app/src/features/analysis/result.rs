//! What a finished analysis stores and its customer reads. Stored results outlive the code that wrote them: a field may
//! be added, but none renamed or removed.

mod answers;

pub use answers::{CallAnswers, CommercialAnswer, OutreachAnswer, PsychographicAnswer, StrategyAnswer};

use jiff::{Timestamp, civil::Date};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::features::{
    judging::{BIO, CallKind, MessageProblem, Shown, Source, Verdict},
    profiles::{InstagramHandle, Profile, Snapshot, SnapshotKey},
    scoring::{Evidence, Facts},
};

/// What is written to the lead's row: its newest profile.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LeadFacts {
    /// The profile.
    #[serde(flatten)]
    pub profile: JudgedProfile,
    /// The present username, if it is not the one that was asked for.
    #[schemars(with = "Option<String>")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub renamed_to: Option<InstagramHandle>,
    /// Instagram's own id, which stays when the profile is renamed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instagram_id: Option<String>,
    /// Instagram's address of its picture, which expires within hours.
    pub profile_pic_url: Option<String>,
    /// When the profile was read.
    pub scraped_at: Timestamp,
}

impl From<&Snapshot> for LeadFacts {
    fn from(snapshot: &Snapshot) -> Self {
        Self {
            profile: JudgedProfile::from(&snapshot.profile),
            renamed_to: snapshot.profile.renamed_to.clone(),
            instagram_id: snapshot.profile.instagram_id.clone(),
            profile_pic_url: snapshot.profile.profile_pic_url.clone(),
            scraped_at: snapshot.scraped_at,
        }
    }
}

/// The profile as it was judged: what the history of a lead compares.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct JudgedProfile {
    /// The Instagram username.
    #[schemars(with = "String")]
    pub username: InstagramHandle,
    /// The name shown on the profile.
    pub display_name: String,
    /// The profile's own words.
    pub biography: String,
    /// How many follow it.
    pub followers: u64,
    /// How many it follows.
    pub following: u64,
    /// How many posts it has.
    pub posts: u64,
    /// Instagram's category.
    pub category: Option<String>,
    /// The profile's link.
    pub external_url: Option<String>,
    /// Whether Instagram vouches for it.
    pub is_verified: bool,
    /// Whether it is a business account.
    pub is_business: bool,
}

impl From<&Profile> for JudgedProfile {
    fn from(profile: &Profile) -> Self {
        Self {
            username: profile.username.clone(),
            display_name: profile.display_name.clone(),
            biography: profile.biography.clone(),
            followers: profile.followers,
            following: profile.following,
            posts: profile.posts_count,
            category: profile.category.clone(),
            external_url: profile.external_url.clone(),
            is_verified: profile.is_verified,
            is_business: profile.is_business,
        }
    }
}

/// The analysis as `complete_run` takes it: what has a column of its own, and the result.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AnalysisRecord {
    /// 0 to 100.
    pub score: u8,
    /// Who ran the model that gave the verdict; `sandbox` for the offline stand-in.
    pub provider: String,
    /// The model that gave the verdict.
    pub model: String,
    /// The snapshot that was judged.
    #[schemars(with = "String")]
    pub snapshot_key: SnapshotKey,
    /// The scrape and all calls, in millionths of a dollar, as far as it is known.
    pub cost_microusd: u64,
    /// What it cost us, for operators: customers see credits.
    pub cost: Cost,
    /// What the customer reads.
    pub result: AnalysisResult,
}

/// The result of an analysis.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AnalysisResult {
    /// How well the profile fits, 0 to 100: the verdict and the facts, blended.
    pub score: u8,
    /// Who ran the model that gave the verdict; `sandbox` for the offline stand-in.
    pub provider: String,
    /// The model that gave the verdict.
    pub model: String,
    /// The verdict stands at the top of every result, whichever call gave it.
    #[serde(flatten)]
    pub verdict: Verdict,
    /// What else the calls answered; nothing about somebody who seems to be under eighteen.
    #[serde(flatten)]
    pub answers: CallAnswers,
    /// The posts, and the profile's own lines, that the statements above rest on: their ids stand in `posts`. Snapshots are
    /// forgotten, these stay.
    pub sources: Vec<CitedSource>,
    /// How many statements of the models were left out because what they rested on is not in the profile.
    pub left_out: u32,
    /// Rules that what is to be sent still breaks after the model was asked twice: read it before sending. Empty when all is well.
    pub problems: Vec<MessageProblem>,
    /// The parts of the score, heaviest first.
    pub evidence: Vec<Evidence>,
    /// What was computed from the profile.
    pub facts: Facts,
    /// The profile as it was judged.
    pub profile: JudgedProfile,
    /// Who read the profile: `apify` or `sandbox`.
    pub scraped_by: String,
    /// When the profile was read.
    pub scraped_at: Timestamp,
    /// Whether the profile came from the cache.
    pub cache_hit: bool,
    /// Which version of the business profile it was judged against.
    pub context_version: i32,
}

/// A post, or the profile's own lines, as the models were shown it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CitedSource {
    /// "p1" for the newest post that was judged, "bio" for the profile's own lines.
    pub id: String,
    /// Its address on Instagram.
    pub link: String,
    /// The UTC day on which it was posted; null for the profile's own lines and where it is unknown.
    #[schemars(with = "Option<String>")]
    pub taken_on: Option<Date>,
    /// The caption, or the bio, as far as the models were shown it.
    pub text: String,
    /// What else the owner put there: hashtags, mentions, place; of the profile its names, links and their titles.
    pub details: Vec<String>,
    /// What others wrote under it last.
    pub comments: Vec<String>,
}

impl CitedSource {
    /// Each source that the verdict or an answer cites, in the order of the profile.
    pub(super) fn of(answers: &CallAnswers, verdict: &Verdict, shown: &Shown, username: &InstagramHandle) -> Vec<Self> {
        let cited = answers.cited(verdict);
        let kept =
            std::iter::once(BIO).chain(shown.posts().map(|post| post.id.as_str())).filter(|id| cited.contains(*id));
        let sources = kept.filter_map(|id| shown.source(id));
        let source = |source: &Source| Self {
            id: source.id.clone(),
            link: match &source.short_code {
                Some(code) => format!("https://www.instagram.com/p/{code}/"),
                None => format!("https://www.instagram.com/{username}/"),
            },
            taken_on: source.taken_on,
            text: source.text.clone(),
            details: source.details.clone(),
            comments: source.comments.clone(),
        };
        sources.map(source).collect()
    }
}

/// What an analysis cost us, in millionths of a dollar.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Cost {
    /// All of it; null when the cost of a call is not known.
    pub total_microusd: Option<u64>,
    /// Reading the profile; 0 when it came from the cache.
    pub scrape_microusd: u64,
    /// All calls; null when the cost of one is not known.
    pub ai_microusd: Option<u64>,
    /// Each call.
    pub calls: Vec<CallCost>,
}

/// What one call cost us.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CallCost {
    /// The call.
    pub call: CallKind,
    /// Who ran the model that answered.
    pub provider: String,
    /// The model that answered.
    pub model: String,
    /// Whether another model than the first one answered.
    pub fell_back: bool,
    /// All attempts of this call; null when a model answered without a bill, or has no known price.
    pub cost_microusd: Option<u64>,
    /// Input tokens of the attempt that was answered, cached ones included; null when the answer came without a bill.
    pub input_tokens: Option<u64>,
    /// Input tokens read from the provider's cache.
    pub cached_tokens: Option<u64>,
    /// Output tokens, reasoning included.
    pub output_tokens: Option<u64>,
    /// How long the attempt took, in milliseconds.
    pub duration_ms: Option<u64>,
    /// Whether the gateway answered from its own cache; null without a gateway.
    pub gateway_hit: Option<bool>,
}
