//! An answer against what its model was shown: form, evidence, messages.

use serde::{Deserialize, Serialize};

use super::{
    super::{
        AiFault,
        shown::{Shown, Source},
    },
    CallKind, Judgement, Verdict,
    evidence::Examiner,
    languages::Language,
    messages::{Message, MessageContext, MessageProblem, Questions, check_opener},
};
use crate::{
    features::{business::BusinessContext, profiles::InstagramHandle},
    shared::folding::folded,
};

const LIGHT_OPENER_CHARS_MAX: usize = 300;
const OPENER_CHARS_MAX: usize = 120;
const MESSAGE_CHARS_MAX: usize = 600;
const FOLLOW_UP_CHARS_MAX: usize = 300;
/// Of advice that is copied into messages.
const ADVICE_CHARS_MAX: usize = 600;

/// What an answer is checked against.
#[derive(Debug, Clone, Copy)]
pub struct Review<'a> {
    /// What the model was shown of the profile.
    pub shown: &'a Shown,
    /// Whom it judges for.
    pub business: &'a BusinessContext,
    /// Whose name a message may hold.
    pub recipient: &'a InstagramHandle,
}

/// An answer of which only what holds is left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reviewed {
    pub judgement: Judgement,
    /// Entries and sentences that rested on something that the profile does not say, and were left out.
    pub dropped: u32,
    /// Entries that hold.
    pub kept: u32,
    /// Rules that its messages break.
    pub problems: Vec<MessageProblem>,
}

impl Reviewed {
    /// Whether the model should be asked once more: most of what it said does not hold, or a message breaks a rule.
    #[must_use]
    pub const fn is_doubtful(&self) -> bool {
        !self.problems.is_empty() || self.dropped > self.kept
    }

    /// Whether it is better than another answer to the same question.
    #[must_use]
    pub const fn is_better_than(&self, other: &Self) -> bool {
        let (problems, others) = (self.problems.len(), other.problems.len());
        // What can be sent comes first; then what says more that holds.
        problems < others || (problems == others && self.kept >= other.kept)
    }

    /// What the model is told before it is asked once more. Nothing of the profile or of its answer is in it.
    #[must_use]
    pub fn correction(&self) -> String {
        let mut lines: Vec<String> = self.problems.iter().map(MessageProblem::correction).collect();
        if self.dropped > 0 {
            let all = self.dropped + self.kept;
            lines.push(format!(
                "{} of {all} entries rest on a quote or count that is not in the posts they name",
                self.dropped
            ));
        }
        lines.join("; ")
    }
}

impl Review<'_> {
    /// Reads the answer to a call and keeps of it what holds.
    ///
    /// # Errors
    /// [`AiFault::Invalid`] with what is wrong, without the answer's text: it has not the form that was asked for, or what a customer
    /// pays for is missing once everything is out that does not hold.
    pub fn read(self, call: CallKind, content: &str) -> Result<Reviewed, AiFault> {
        let mut judgement = call.read(content)?;
        let mut examiner = Examiner::new(self.shown);
        keep_what_holds(&mut judgement, &mut examiner);
        self.keep_wanted_themes(&mut judgement);
        let (dropped, kept) = (examiner.dropped, examiner.kept);
        let has_messages = matches!(call, CallKind::Light | CallKind::Outreach | CallKind::Approach);
        let problems = if has_messages { self.messages(&mut judgement) } else { vec![] };
        if !is_complete(&judgement, !self.shown.posts().any(Source::can_be_quoted)) {
            return Err(AiFault::Invalid("a text or list that must not be empty is".to_owned()));
        }
        Ok(Reviewed { judgement, dropped, kept, problems })
    }

    /// A theme that nobody asked for says nothing.
    fn keep_wanted_themes(self, judgement: &mut Judgement) {
        let verdict = match judgement {
            Judgement::Light(light) => &mut light.verdict,
            Judgement::Verdict(verdict) => verdict,
            _ => return,
        };
        let wanted = &self.business.ideal_customer.content_themes;
        verdict.themes.retain(|theme| wanted.iter().any(|wanted| folded(wanted.trim()) == folded(theme.theme.trim())));
    }

    /// Checks what is to be sent to the person, or copied into what is sent.
    fn messages(self, judgement: &mut Judgement) -> Vec<MessageProblem> {
        let context = MessageContext::of(self.shown, self.business, self.recipient);
        let mut problems = vec![];
        let advice = |field, text| Message { field, text, chars_max: ADVICE_CHARS_MAX, questions: Questions::Any };
        match judgement {
            Judgement::Light(light) => {
                let texts = [("outreach_opener", light.outreach_opener.as_str())];
                let language = context.check_language(&light.language, &texts, &mut problems);
                let (text, chars_max) = (&mut light.outreach_opener, LIGHT_OPENER_CHARS_MAX);
                let mut opener = Message { field: "outreach_opener", text, chars_max, questions: Questions::AtMostOne };
                context.check(&mut opener, language, &mut problems);
                context.check_gloss(&mut light.gloss, language, &mut problems);
            }
            Judgement::Outreach(outreach) => {
                let texts = [("message", outreach.message.as_str()), ("follow_up", outreach.follow_up.as_str())];
                let language = context.check_language(&outreach.language, &texts, &mut problems);
                let [opener, message, follow_up] =
                    [&mut outreach.opener, &mut outreach.message, &mut outreach.follow_up];
                for mut message in [
                    Message {
                        field: "opener",
                        text: opener,
                        chars_max: OPENER_CHARS_MAX,
                        questions: Questions::AtMostOne,
                    },
                    Message {
                        field: "message",
                        text: message,
                        chars_max: MESSAGE_CHARS_MAX,
                        questions: Questions::One,
                    },
                    Message {
                        field: "follow_up",
                        text: follow_up,
                        chars_max: FOLLOW_UP_CHARS_MAX,
                        questions: Questions::AtMostOne,
                    },
                ] {
                    context.check(&mut message, language, &mut problems);
                }
                check_opener(&outreach.opener, &outreach.message, &mut problems);
                context.check_gloss(&mut outreach.gloss, language, &mut problems);
                for hook in &mut outreach.hooks {
                    context.check(&mut advice("hooks", &mut hook.insight), language, &mut problems);
                }
                outreach.hooks.retain(|hook| !hook.insight.is_empty());
            }
            Judgement::Approach(approach) => {
                for mut text in [advice("angle", &mut approach.angle), advice("offer", &mut approach.offer)] {
                    // It is told to the business in its own language, English.
                    context.check(&mut text, Some(Language::ENGLISH), &mut problems);
                }
            }
            _ => {}
        }
        problems
    }
}

/// Takes out what the profile does not say. Messages are not cut: half of one is none.
fn keep_what_holds(judgement: &mut Judgement, examiner: &mut Examiner<'_>) {
    match judgement {
        Judgement::Light(light) => verdict(&mut light.verdict, examiner),
        Judgement::Verdict(answer) => verdict(answer, examiner),
        Judgement::Needs(answer) => {
            examiner.claims(&mut answer.needs);
            examiner.claims(&mut answer.buying_signals);
            // Anybody can write into a bio that they are about to buy.
            examiner.claims_of_posts(&mut answer.buying_signals);
        }
        Judgement::Approach(answer) => examiner.claims(&mut answer.avoid),
        Judgement::Outreach(answer) => examiner.claims_of_anybody(&mut answer.hooks),
        Judgement::Personality(answer) => {
            examiner.claims(&mut answer.traits);
            examiner.text(&mut answer.communication_style);
            examiner.text(&mut answer.decision_style);
            examiner.texts(&mut answer.say);
            examiner.texts(&mut answer.do_not_say);
        }
        Judgement::Motives(answer) => {
            examiner.text(&mut answer.self_image);
            examiner.claims(&mut answer.values);
            examiner.claims(&mut answer.motivations);
        }
        Judgement::Openness(answer) => {
            examiner.claims(&mut answer.objections);
            examiner.claims_of_anybody(&mut answer.triggers);
        }
        Judgement::Money(answer) => {
            examiner.claims(&mut answer.monetisation);
            examiner.claims_of_anybody(&mut answer.risks);
        }
        Judgement::Deal(answer) => {
            examiner.claims(&mut answer.signs);
            answer.buying_stage = Examiner::shown_stage(answer.buying_stage, &answer.signs);
            examiner.text(&mut answer.opportunity);
            examiner.texts(&mut answer.formats);
        }
    }
}

fn verdict(verdict: &mut Verdict, examiner: &mut Examiner<'_>) {
    examiner.text(&mut verdict.summary);
    examiner.text(&mut verdict.niche);
    examiner.claims(&mut verdict.themes);
    examiner.claims_of_posts(&mut verdict.themes);
    examiner.claims_of_anybody(&mut verdict.reasons);
    examiner.texts(&mut verdict.concerns);
}

/// Whether everything is there that a customer pays for. A profile without captions may show nothing that a list could rest on.
fn is_complete(judgement: &Judgement, is_bare: bool) -> bool {
    let said = |text: &str| !text.trim().is_empty();
    let is_judged =
        judgement.verdict().is_none_or(|verdict| said(&verdict.summary) && (is_bare || !verdict.reasons.is_empty()));
    is_judged
        && match judgement {
            Judgement::Light(light) => said(&light.outreach_opener),
            Judgement::Approach(answer) => said(&answer.angle) && said(&answer.offer),
            Judgement::Outreach(answer) => said(&answer.message) && said(&answer.opener) && said(&answer.follow_up),
            Judgement::Personality(answer) => said(&answer.communication_style),
            Judgement::Motives(answer) => said(&answer.self_image),
            Judgement::Deal(answer) => said(&answer.opportunity),
            // Their lists may be empty: not every profile shows a need.
            Judgement::Verdict(_) | Judgement::Needs(_) | Judgement::Openness(_) | Judgement::Money(_) => true,
        }
}

#[cfg(test)]
mod tests;
