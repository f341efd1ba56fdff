//! The models' answers as a customer reads them: the sections that were asked side by side, put together.

use std::collections::HashSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::features::judging::{
    Approach, Authority, BuyingStage, Channel, Deal, Grade, Insight, Judgement, LightJudgement, Money, Motives, Needs,
    Openness, Outreach, Personality, Verdict,
};

/// A section for each part of the analysis type.
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
    pub psychographic: Option<PsychographicAnswer>,
    /// What this lead is worth to the business: XRAY.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commercial: Option<CommercialAnswer>,
}

/// The answer of one kind among all of an analysis.
macro_rules! answer {
    ($judgements:expr, $kind:ident) => {
        $judgements.iter().find_map(|judgement| match judgement {
            Judgement::$kind(answer) => Some(answer.clone()),
            _ => None,
        })
    };
}

impl CallAnswers {
    /// Puts the sections of an analysis together.
    pub(in crate::features::analysis) fn of(judgements: &[&Judgement]) -> Self {
        let light = answer!(judgements, Light).map(OutreachAnswer::opener);
        let outreach = answer!(judgements, Outreach).map(OutreachAnswer::whole);
        let strategy = answer!(judgements, Needs).zip(answer!(judgements, Approach));
        let psychographic = answer!(judgements, Motives).zip(answer!(judgements, Openness));
        let commercial = answer!(judgements, Money).zip(answer!(judgements, Deal));
        Self {
            strategy: strategy.map(|(needs, approach)| StrategyAnswer::of(needs, approach)),
            outreach: light.or(outreach),
            personality: answer!(judgements, Personality),
            psychographic: psychographic.map(|(motives, openness)| PsychographicAnswer::of(motives, openness)),
            commercial: commercial.map(|(money, deal)| CommercialAnswer::of(money, deal)),
        }
    }

    /// The ids of all sources that the verdict and the answers rest on.
    pub(in crate::features::analysis) fn cited<'a>(&'a self, verdict: &'a Verdict) -> HashSet<&'a str> {
        let Self { strategy, outreach, personality, psychographic, commercial } = self;
        let lists = [Some(&verdict.reasons)]
            .into_iter()
            .chain(strategy.iter().flat_map(|a| [Some(&a.needs), Some(&a.buying_signals), Some(&a.avoid)]))
            .chain(outreach.iter().map(|a| a.hooks.as_ref()))
            .chain(
                psychographic
                    .iter()
                    .flat_map(|a| [Some(&a.values), Some(&a.motivations), Some(&a.objections), Some(&a.triggers)]),
            )
            .chain(commercial.iter().flat_map(|a| [Some(&a.monetisation), Some(&a.risks), Some(&a.signs)]));
        let insights = lists.flatten().flatten().flat_map(|insight| &insight.posts);
        let traits = personality.iter().flat_map(|a| &a.traits).flat_map(|heard| &heard.posts);
        let themes = verdict.themes.iter().flat_map(|theme| &theme.posts);
        insights.chain(traits).chain(themes).map(String::as_str).collect()
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
    pub avoid: Vec<Insight>,
}

impl StrategyAnswer {
    // Answers are taken apart by name here and below, so that a new field of one cannot be forgotten.
    fn of(Needs { needs, buying_signals }: Needs, Approach { angle, offer, avoid }: Approach) -> Self {
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
    pub language: String,
    /// The whole first message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// What to send when a week passes without an answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub follow_up: Option<String>,
    /// The messages in English for whoever sends them; null where they are in English.
    pub gloss: Option<String>,
    /// What in the profile the messages refer to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hooks: Option<Vec<Insight>>,
}

impl OutreachAnswer {
    fn opener(light: LightJudgement) -> Self {
        let LightJudgement { verdict: _, language, outreach_opener: opener, gloss } = light;
        Self { opener, channel: None, language, message: None, follow_up: None, gloss, hooks: None }
    }

    fn whole(outreach: Outreach) -> Self {
        let Outreach { hooks, channel, language, opener, message, follow_up, gloss } = outreach;
        Self {
            opener,
            channel: Some(channel),
            language,
            message: Some(message),
            follow_up: Some(follow_up),
            gloss,
            hooks: Some(hooks),
        }
    }
}

/// What moves this person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PsychographicAnswer {
    /// How they present themselves, and for whom.
    pub self_image: String,
    /// What their posts stand for.
    pub values: Vec<Insight>,
    /// What they work towards.
    pub motivations: Vec<Insight>,
    /// For which reasons they would say no to this offer.
    pub objections: Vec<Insight>,
    /// When they act, buy or ask, and what could be done then.
    pub triggers: Vec<Insight>,
    /// How much the profile lets anybody know of it, 0 to 100.
    pub confidence: Grade,
    /// How open this person would be to what the business offers, 0 to 100.
    pub receptiveness: Grade,
}

impl PsychographicAnswer {
    fn of(motives: Motives, openness: Openness) -> Self {
        let Motives { self_image, values, motivations } = motives;
        let Openness { objections, triggers, confidence, receptiveness } = openness;
        Self { self_image, values, motivations, objections, triggers, confidence, receptiveness }
    }
}

/// What this lead is worth to the business, and what it takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CommercialAnswer {
    /// Signs of how near they are to buying, and of who decides.
    pub signs: Vec<Insight>,
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

impl CommercialAnswer {
    fn of(Money { monetisation, risks }: Money, deal: Deal) -> Self {
        let Deal { signs, buying_stage, authority, opportunity, formats } = deal;
        Self { signs, buying_stage, authority, opportunity, formats, monetisation, risks }
    }
}
