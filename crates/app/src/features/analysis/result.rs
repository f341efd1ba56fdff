//! What a finished analysis stores and its customer reads. Stored results outlive the code that wrote them: a field may
//! be added, but none renamed or removed.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::features::{
    judging::{
        Authority, BuyingStage, CallKind, Channel, Commercial, CoreStrategy, Insight, Judgement, Outreach, Personality,
        Psychographic, Verdict,
    },
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

/// A section for each call of the analysis type.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CallAnswers {
    /// How to win this person: DEEP.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub strategy: Option<StrategyAnswer>,
    /// Messages ready to be sent; LIGHT has the opener alone. None to competitors, nor to who seems to be under eighteen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outreach: Option<OutreachAnswer>,
    /// How to talk to this person: DEEP and XRAY.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub personality: Option<Personality>,
    /// What moves this person: XRAY.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub psychographic: Option<Psychographic>,
    /// What this lead is worth to the business: XRAY.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commercial: Option<CommercialAnswer>,
}

impl CallAnswers {
    /// Takes everything but the verdict of a judgement.
    pub(super) fn add(&mut self, judgement: &Judgement) {
        match judgement.clone() {
            Judgement::Light(light) => self.outreach = Some(OutreachAnswer::opener(light.outreach_opener)),
            Judgement::CoreStrategy(strategy) => self.strategy = Some(strategy.into()),
            Judgement::Outreach(outreach) => self.outreach = Some(outreach.into()),
            Judgement::Personality(personality) => self.personality = Some(personality),
            Judgement::Psychographic(psychographic) => self.psychographic = Some(psychographic),
            Judgement::Commercial(commercial) => self.commercial = Some(commercial.into()),
        }
    }
}

/// How to win this person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StrategyAnswer {
    /// Needs of this person that the business can meet, most certain first.
    pub needs: Vec<Insight>,
    /// What in the posts makes a need pressing.
    pub buying_signals: Vec<Insight>,
    /// The one idea to approach them with.
    pub angle: String,
    /// The first step to offer.
    pub offer: String,
    /// What would put this person off.
    pub avoid: Vec<String>,
}

impl From<CoreStrategy> for StrategyAnswer {
    fn from(strategy: CoreStrategy) -> Self {
        // Taken apart by name, so that a new field of the answer cannot be forgotten here.
        let CoreStrategy { verdict: _, needs, buying_signals, angle, offer, avoid } = strategy;
        Self { needs, buying_signals, angle, offer, avoid }
    }
}

/// Messages to this person, ready to be sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OutreachAnswer {
    /// The first line.
    pub opener: String,
    /// Where the first message reaches this person best.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channel: Option<Channel>,
    /// The language of the messages, as a BCP 47 tag.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// The whole first message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// What to send when a week passes without an answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub follow_up: Option<String>,
    /// What in the profile the messages refer to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hooks: Option<Vec<Insight>>,
}

impl OutreachAnswer {
    const fn opener(opener: String) -> Self {
        Self { opener, channel: None, language: None, message: None, follow_up: None, hooks: None }
    }
}

impl From<Outreach> for OutreachAnswer {
    fn from(outreach: Outreach) -> Self {
        let Outreach { channel, language, opener, message, follow_up, hooks } = outreach;
        Self {
            opener,
            channel: Some(channel),
            language: Some(language),
            message: Some(message),
            follow_up: Some(follow_up),
            hooks: Some(hooks),
        }
    }
}

/// What this lead is worth to the business, and what it takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CommercialAnswer {
    /// How near they are to buying or cooperating.
    pub buying_stage: BuyingStage,
    /// Who decides on their side.
    pub authority: Authority,
    /// What the business would gain.
    pub opportunity: String,
    /// Forms of selling to or working with them, simplest first.
    pub formats: Vec<String>,
    /// What they already sell, promote or get paid for.
    pub monetisation: Vec<Insight>,
    /// Risks to the business with this lead.
    pub risks: Vec<Insight>,
}

impl From<Commercial> for CommercialAnswer {
    fn from(commercial: Commercial) -> Self {
        let Commercial { verdict: _, buying_stage, authority, opportunity, formats, monetisation, risks } = commercial;
        Self { buying_stage, authority, opportunity, formats, monetisation, risks }
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
