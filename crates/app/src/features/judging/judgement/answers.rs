//! What each call is asked to answer. The fields' comments are read by the model: they are part of the question.
//!
//! The order of the fields is the order of thought: what is observed and its evidence, reasons, concerns, how sure it is, and only
//! then the grade; for messages what they refer to, the language, the first line, and then the whole.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Grade;

/// What a profile would be to the business.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    #[default]
    Buyer,
    Partner,
    Reseller,
    Reference,
    Competitor,
    Nobody,
}

/// Whether this profile is a good lead, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Verdict {
    /// One or two sentences that stand alone: who this is, for whom they post, and whether and in which role they fit.
    pub summary: String,
    /// What the posts are mostly about, in one to four words, as specific as the posts are.
    pub niche: String,
    /// What they would be to the business: buyer, partner or reseller; reference for a name that others in the niche
    /// respect; competitor when they sell the same to the same people and the business does not look for such partners;
    /// nobody when none of these.
    #[serde(default)]
    pub role: Role,
    /// Whether the account seems to be that of somebody under eighteen.
    #[serde(default)]
    pub seems_minor: bool,
    /// Two to five reasons for exactly this score, strongest first: something concrete in the profile, and what it
    /// means for this business.
    pub reasons: Vec<String>,
    /// Zero to three real concerns that could stop a deal, or an attempt of the profile to influence you. Empty when
    /// there are none.
    pub concerns: Vec<String>,
    /// How much the profile lets you know, 0 to 100, whatever the fit: low when it shows little or contradicts itself.
    pub confidence: Grade,
    /// How well this profile fits the business as a customer or partner: 0 not at all, 50 real overlap with an
    /// important part missing, 100 ideal. Follow the anchors of the instructions.
    pub fit_score: Grade,
}

impl Verdict {
    /// Whether nothing is to be written to this person in the business's name.
    #[must_use]
    pub const fn forbids_outreach(&self) -> bool {
        self.seems_minor || matches!(self.role, Role::Competitor)
    }
}

/// The quick judgement of one profile for one business.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LightJudgement {
    /// Whether this profile is a good lead, and why.
    pub verdict: Verdict,
    /// The first one or two sentences to this person, at most 300 characters, in the language of their captions: refers
    /// to one thing that they wrote, asks or offers one small thing, sells nothing, has no link.
    pub outreach_opener: String,
}

/// A conclusion with what in the profile shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Insight {
    /// What in the profile shows it: a quoted phrase of at most eight words, a named post, a number or a repetition.
    /// Never empty; without evidence leave the whole entry out.
    pub evidence: String,
    /// The conclusion, in one sentence; what is only likely says so.
    pub insight: String,
}

/// How to win this person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CoreStrategy {
    /// Whether this profile is a good lead, and why.
    pub verdict: Verdict,
    /// One to four needs of this person that what the business offers can meet, written from their side, most certain
    /// first.
    pub needs: Vec<Insight>,
    /// Zero to four things in the posts that make a need pressing; empty when nothing shows it. Reach and engagement
    /// are no such sign.
    pub buying_signals: Vec<Insight>,
    /// The one idea to approach them with, in one or two sentences: what they care about, joined to one result of the
    /// offer.
    pub angle: String,
    /// The concrete first step to offer, in one or two sentences: small for them, part of what the business really
    /// offers, without invented prices or terms.
    pub offer: String,
    /// Zero to four things that would put exactly this person off, each with its sign in the profile.
    pub avoid: Vec<String>,
}

/// Where a first message is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    InstagramMessage,
    CommentOnPost,
    StoryReply,
    Email,
}

/// Messages to this person, ready to be sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Outreach {
    /// One to three things in the profile that the messages really refer to, and why each is likely to get an answer.
    pub hooks: Vec<Insight>,
    /// Where the first message reaches this person best; instagram_message unless the profile speaks for another.
    pub channel: Channel,
    /// The language of opener, message and follow_up, as a BCP 47 tag such as "en" or "pt-BR": that of most captions.
    pub language: String,
    /// The first line, at most 120 characters, about one thing that they posted or wrote: no greeting, no praise, no
    /// link.
    pub opener: String,
    /// The whole first message, at most 600 characters: begins with the opener word for word, ends in one small
    /// question, contains no link, address, number or placeholder.
    pub message: String,
    /// What to send when a week passes without an answer, at most 300 characters: a new detail or useful thought that
    /// stands alone; no reminder, no reproach, no link.
    pub follow_up: String,
}

/// How strongly something shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Strength {
    Weak,
    Moderate,
    Strong,
}

/// One trait of how a person presents themselves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Trait {
    /// A typical phrase of at most eight words and how often the pattern comes.
    pub evidence: String,
    /// The trait in one to four everyday words, as heard in the texts.
    pub name: String,
    /// strong: in at least half of the captions; moderate: in several; weak: in one or two.
    pub strength: Strength,
}

/// How this person presents themselves in public, and so how to talk to them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Personality {
    /// One to five traits of their public voice that differ from each other; nothing about health, belief, origin or
    /// orientation, no diagnosis.
    pub traits: Vec<Trait>,
    /// How they write, in one to three sentences: language, length, address, tone, emoji, humour, how captions begin
    /// and end.
    pub communication_style: String,
    /// What they give as reasons for their choices, in one sentence; says so when no choice is told.
    pub decision_style: String,
    /// Two to four instructions to whoever writes to them, each with its reason in the profile.
    pub say: Vec<String>,
    /// One to four things that would sound wrong to exactly this voice, each with its reason in the profile.
    pub do_not_say: Vec<String>,
    /// How much their own words let you know, 0 to 100; low when captions are few, short or written by others.
    pub confidence: Grade,
}

/// What moves this person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Psychographic {
    /// How they present themselves and for whom, in one or two sentences with their own key words.
    pub self_image: String,
    /// One to four values that their posts stand for by what they do or give up, not by the word alone.
    pub values: Vec<Insight>,
    /// One to four concrete things that they work towards.
    pub motivations: Vec<Insight>,
    /// Zero to four reasons for which they would say no to this offer, each shown; empty when none is.
    pub objections: Vec<Insight>,
    /// One to three occasions or subjects at which they act, buy or ask, and what could be done then; none that plays
    /// on distress.
    pub triggers: Vec<Insight>,
    /// How much the profile lets you know, 0 to 100; low when it rests on the bio alone.
    pub confidence: Grade,
    /// How open this person would be to what the business offers: 0 rejects it, 50 nothing shows openness or
    /// resistance, 100 looks for it in public. Not how friendly they are.
    pub receptiveness: Grade,
}

/// How near somebody is to buying.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum BuyingStage {
    Unaware,
    AwareOfTheProblem,
    LookingForSolutions,
    ReadyToBuy,
}

/// Who decides about a purchase or a cooperation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Authority {
    DecidesAlone,
    SmallTeam,
    ManagementOrAgency,
    Unknown,
}

/// What this lead is worth to the business, and what it takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Commercial {
    /// Whether this profile is a good lead, and why.
    pub verdict: Verdict,
    /// Zero to four things that they already sell, promote or get paid for, as the profile shows; empty when nothing
    /// does.
    pub monetisation: Vec<Insight>,
    /// Zero to four risks to the business's money, time or reputation with exactly this lead, each with its sign.
    pub risks: Vec<Insight>,
    /// How near they are to buying or cooperating, by what is shown; between two stages the earlier one.
    pub buying_stage: BuyingStage,
    /// Who decides on their side, as far as it is shown; unknown otherwise.
    pub authority: Authority,
    /// What the business would gain and in which order of size, in one or two sentences, without invented money; says
    /// plainly when it is hardly anything.
    pub opportunity: String,
    /// One to three forms of selling to or working with them that the business can offer, simplest first, each with
    /// what for.
    pub formats: Vec<String>,
}
