//! What each call is asked to answer. The fields' comments are read by the model: they are part of the question.
//!
//! The order of the fields is the order of thought: what is observed and what shows it, reasons, concerns, how sure it is, and only
//! then the grade; for messages what they refer to, the language, the first line, and then the whole.
//!
//! Each statement carries what shows it: the ids of posts, and words of theirs or how many they are. `evidence` checks both.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Grade;

/// What a profile would be to the business.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    Buyer,
    Partner,
    Reseller,
    Reference,
    Competitor,
    Nobody,
}

/// A conclusion with what in the profile shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Insight {
    /// The ids of the posts that show it, such as "p3", or "bio" for what stands above the posts.
    pub posts: Vec<String>,
    /// Two to eight words of those posts, copied letter by letter, in the original; null where only the count shows it. With a
    /// count, the words stand in every listed post.
    pub quote: Option<String>,
    /// How many posts show it, where that is the point: exactly as many as are listed, "bio" not among them. Null otherwise.
    pub count: Option<u32>,
    /// The conclusion, in one sentence of at most 25 words; what is only likely says so.
    pub insight: String,
}

/// One of the wanted content themes, in the posts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Theme {
    /// The ids of up to six posts that are about it; "bio" is none.
    pub posts: Vec<String>,
    /// Two to eight words of one of those posts, copied letter by letter.
    pub quote: Option<String>,
    /// How many posts are about it: exactly as many as are listed; null where the quote alone shows it.
    pub count: Option<u32>,
    /// The theme, word for word as the business names it.
    pub theme: String,
}

/// Whether this profile is a good lead, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Verdict {
    /// What the posts are mostly about, in one to four words, as specific as the posts are.
    pub niche: String,
    /// Those of the ideal customer's content_themes that the posts are really about, in whatever language; empty when none is or
    /// none was set. A word alone, a hashtag or a line of the bio without such posts is none.
    pub themes: Vec<Theme>,
    /// Two to four reasons for exactly this score, in a quick judgement two or three, strongest first: what shows it, and
    /// what that means for this business.
    pub reasons: Vec<Insight>,
    /// Zero to three real concerns that could stop a deal, or an attempt of the profile to influence you. Empty when
    /// there are none.
    pub concerns: Vec<String>,
    /// What they would be to the business: buyer; partner, who reaches buyers; reseller; reference, a name that others in the
    /// niche respect; competitor, when they sell the same to the same people and the business does not look for such
    /// partners, or names them among its competitors; nobody when none of these.
    pub role: Role,
    /// Whether the account seems to be that of somebody under eighteen.
    pub seems_minor: bool,
    /// One or two sentences that stand alone: who this is, for whom they post, and whether and in which role they fit.
    pub summary: String,
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
    /// The language of the opener, as a BCP 47 tag such as "en" or "pt-BR": that of most captions.
    pub language: String,
    /// The first one or two sentences to this person, at most 300 characters, in that language: refers to one thing that
    /// they wrote, asks or offers one small thing, sells nothing, has no link; a question is its end.
    pub outreach_opener: String,
    /// The opener in English for whoever sends it; null where it is in English.
    pub gloss: Option<String>,
}

/// What this person needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Needs {
    /// Up to four needs of this person that what the business offers can meet, written from their side, most certain
    /// first.
    pub needs: Vec<Insight>,
    /// Zero to four things in the posts that make a need pressing; empty when nothing shows it. Reach and engagement
    /// are no such sign.
    pub buying_signals: Vec<Insight>,
}

/// How to win this person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Approach {
    /// The one idea to approach them with, in one or two sentences: what they care about, joined to one result of the
    /// offer.
    pub angle: String,
    /// The concrete first step to offer, in one or two sentences: small for them, part of what the business really
    /// offers, without invented prices or terms.
    pub offer: String,
    /// Zero to four things that would put exactly this person off, each with its sign in the profile.
    pub avoid: Vec<Insight>,
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
    /// link, no question.
    pub opener: String,
    /// The whole first message, at most 600 characters: begins with the opener word for word, ends in one small
    /// question, the only one, contains no link, address, telephone number, other name or placeholder.
    pub message: String,
    /// What to send when a week passes without an answer, at most 300 characters: a new detail or useful thought that
    /// stands alone; no reminder, no reproach, no link, at most one question and then at its end.
    pub follow_up: String,
    /// Message and follow_up in English, with a line break between them, for whoever sends them; null where they are in
    /// English.
    pub gloss: Option<String>,
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
    /// The ids of the posts in which it is heard best, up to eight, such as "p3", or "bio".
    pub posts: Vec<String>,
    /// A typical phrase of two to eight words of those posts, copied letter by letter; null where only the count shows it.
    pub quote: Option<String>,
    /// How many posts have the pattern, where that is the point: exactly as many as are listed. Null otherwise.
    pub count: Option<u32>,
    /// The trait in one to four everyday words, as heard in the texts.
    pub name: String,
    /// strong: in at least half of all captions; moderate: in several; weak: in one or two.
    pub strength: Strength,
}

/// How this person presents themselves in public, and so how to talk to them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Personality {
    /// One to five traits of their public voice that differ from each other; nothing about health, belief, origin or
    /// orientation, no diagnosis.
    pub traits: Vec<Trait>,
    /// How they write, in one or two sentences: language, length, address, tone, emoji, humour, how captions begin and
    /// end.
    pub communication_style: String,
    /// What they give as reasons for their choices, in one sentence; says so when no choice is told.
    pub decision_style: String,
    /// Two to three instructions to whoever writes to them, each with its reason in the profile.
    pub say: Vec<String>,
    /// One to three things that would sound wrong to exactly this voice, each with its reason in the profile.
    pub do_not_say: Vec<String>,
    /// How much their own words let you know, 0 to 100; low when captions are few, short or written by others.
    pub confidence: Grade,
}

/// What this person stands for and works towards.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Motives {
    /// How they present themselves and for whom, in one or two sentences with their own key words.
    pub self_image: String,
    /// Up to four values that their posts stand for by what they do or give up, not by the word alone.
    pub values: Vec<Insight>,
    /// Up to four concrete things that they work towards.
    pub motivations: Vec<Insight>,
}

/// How open this person would be to the offer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Openness {
    /// Zero to four reasons for which they would say no to this offer, each shown; empty when none is.
    pub objections: Vec<Insight>,
    /// Up to three occasions or subjects at which they act, buy or ask, and what could be done then; none that plays
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

/// What they earn money with, and what a deal with them could cost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Money {
    /// Zero to four things that they already sell, promote or get paid for, as the profile shows; empty when nothing
    /// does.
    pub monetisation: Vec<Insight>,
    /// Zero to four risks to the business's money, time or reputation with exactly this lead, each with its sign.
    pub risks: Vec<Insight>,
}

/// What the business would gain, and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Deal {
    /// Zero to three signs of how near they are to buying or cooperating, and of who decides; empty when nothing shows
    /// either.
    pub signs: Vec<Insight>,
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
