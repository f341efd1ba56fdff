//! The rules that a message keeps, as far as code can tell. A message that breaks one is asked for once more; one that breaks it
//! again is delivered with what is wrong, so that nobody sends it unread.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    super::shown::Shown,
    contacts,
    criteria::{self, Criteria},
    languages::Language,
    quotations,
};
use crate::{
    features::{business::BusinessContext, profiles::InstagramHandle},
    shared::folding::comparable,
};

/// A text with so many letters is in a language by itself.
const ALONE_LETTERS_MIN: usize = 60;

/// A rule of messages. Stored results name it, so it is never renamed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MessageRule {
    /// It is longer than its place allows.
    TooLong,
    /// It has not exactly one question, or that is not its end.
    OneQuestionAtTheEnd,
    /// It does not begin with the opener.
    BeginsWithOpener,
    /// The language is no BCP 47 tag of a known language.
    LanguageTag,
    /// It is in another language than most captions.
    LanguageOfCaptions,
    /// It tells something of the ideal customer's criteria.
    CriteriaDisclosed,
    /// It had an address, a number or somebody's name, which was taken out.
    ContactRemoved,
    /// It quotes what the profile does not say.
    QuoteUnverified,
    /// It has a phrase that the business never says.
    ForbiddenPhrase,
    /// It is not in English, and its English version is missing.
    GlossMissing,
}

impl MessageRule {
    /// What a model is told that broke the rule.
    const fn correction(self) -> &'static str {
        match self {
            Self::TooLong => "is too long",
            Self::OneQuestionAtTheEnd => "must have exactly one question mark, at its very end",
            Self::BeginsWithOpener => "must begin with the opener, letter by letter",
            Self::LanguageTag => "must be a BCP 47 tag such as en or pt-BR",
            Self::LanguageOfCaptions => "must be in the language of most captions, and the tag must say which",
            Self::CriteriaDisclosed => "tells whom the business looks for; say nothing of its criteria",
            Self::ContactRemoved => "must have no address, link, number or @name",
            Self::QuoteUnverified => "puts words into quotation marks that do not stand in the profile",
            Self::ForbiddenPhrase => "has a phrase of do_not_say",
            Self::GlossMissing => "must be the English version, since the texts are not in English",
        }
    }
}

/// A field of a message and the rule that it breaks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MessageProblem {
    /// The answer's field, such as `message`.
    pub field: String,
    /// The rule.
    pub rule: MessageRule,
}

impl MessageProblem {
    fn new(field: &str, rule: MessageRule) -> Self {
        Self { field: field.to_owned(), rule }
    }

    /// A sentence for the model that broke the rule.
    pub(super) fn correction(&self) -> String {
        format!("{} {}", self.field, self.rule.correction())
    }
}

/// What a message is checked against.
pub(super) struct MessageContext<'a> {
    shown: &'a Shown,
    recipient: &'a InstagramHandle,
    criteria: Criteria,
    /// Phrases that the business never says, in comparable form.
    forbidden: Vec<String>,
    /// What the business calls its own, in comparable form.
    offered: String,
}

/// One text that is to be sent, or copied into what is sent.
pub(super) struct Message<'a> {
    pub(super) field: &'static str,
    pub(super) text: &'a mut String,
    pub(super) chars_max: usize,
    pub(super) questions: Questions,
}

/// How many questions a text may have. One that has any ends in it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Questions {
    One,
    AtMostOne,
    /// Advice to the sender, which is not sent as it stands.
    Any,
}

impl<'a> MessageContext<'a> {
    pub(super) fn of(shown: &'a Shown, business: &BusinessContext, recipient: &'a InstagramHandle) -> Self {
        let forbidden = business.do_not_say.iter().map(|phrase| spoken(phrase)).filter(|phrase| !phrase.is_empty());
        let offered = comparable(&format!("{} \u{1} {}", business.name, business.offering));
        Self { shown, recipient, criteria: Criteria::of(business, shown), forbidden: forbidden.collect(), offered }
    }

    /// Takes contacts out of a message and says which rules it breaks.
    pub(super) fn check(
        &self,
        message: &mut Message<'_>,
        language: Option<Language>,
        problems: &mut Vec<MessageProblem>,
    ) {
        let mut breaks = |rule| problems.push(MessageProblem::new(message.field, rule));
        let defused = contacts::defused(message.text, Some(self.recipient));
        // Markup alone is no contact.
        if defused != contacts::plain(message.text).trim() {
            breaks(MessageRule::ContactRemoved);
        }
        *message.text = defused;
        if message.text.chars().count() > message.chars_max {
            breaks(MessageRule::TooLong);
        }
        if !has_its_questions(message.text, message.questions, language) {
            breaks(MessageRule::OneQuestionAtTheEnd);
        }
        let is_real =
            |quotation: &str| self.shown.has(quotation) || criteria::has_words(&self.offered, &comparable(quotation));
        if !quotations::all_are(message.text, is_real) {
            breaks(MessageRule::QuoteUnverified);
        }
        if self.says_what_it_must_not(message.text) {
            breaks(MessageRule::ForbiddenPhrase);
        }
        // Advice may speak of what the business looks for.
        if message.questions != Questions::Any && self.criteria.are_in(message.text) {
            breaks(MessageRule::CriteriaDisclosed);
        }
    }

    fn says_what_it_must_not(&self, text: &str) -> bool {
        let text = spoken(text);
        self.forbidden.iter().any(|phrase| criteria::has_words(&text, phrase))
    }

    /// The language of an answer's messages, and the rules about it that they break.
    pub(super) fn check_language(
        &self,
        tag: &str,
        texts: &[(&'static str, &str)],
        problems: &mut Vec<MessageProblem>,
    ) -> Option<Language> {
        let captions = Language::of_captions(self.shown);
        let Some(language) = Language::of_tag(tag) else {
            problems.push(MessageProblem::new("language", MessageRule::LanguageTag));
            return captions;
        };
        if captions.is_some_and(|captions| !captions.is(language)) {
            problems.push(MessageProblem::new("language", MessageRule::LanguageOfCaptions));
        }
        let others: Vec<Language> = captions.into_iter().chain([Language::ENGLISH]).collect();
        let all = texts.iter().map(|(_, text)| *text).collect::<Vec<_>>().join("\n");
        // A short text may be taken for another language: it is only looked at together with the others.
        let foreign = texts.iter().find(|(_, text)| is_long(text) && !language.is_of(text, &others));
        let field = match foreign {
            Some((field, _)) => Some(*field),
            None if language.is_of(&all, &others) => None,
            None => Some(texts.first().map_or("language", |(field, _)| *field)),
        };
        problems.extend(field.map(|field| MessageProblem::new(field, MessageRule::LanguageOfCaptions)));
        Some(language)
    }

    /// Keeps an English version where there is one to be had, and says where it is missing.
    pub(super) fn check_gloss(
        &self,
        gloss: &mut Option<String>,
        language: Option<Language>,
        problems: &mut Vec<MessageProblem>,
    ) {
        if language.is_none_or(|language| language.is(Language::ENGLISH)) {
            *gloss = None;
            return;
        }
        let is_english = |text: &String| {
            !is_long(text) || language.is_none_or(|language| Language::ENGLISH.is_of(text, &[language]))
        };
        let gloss_is = |text: &String| !text.is_empty() && is_english(text);
        *gloss = gloss.take().map(|text| contacts::defused(&text, Some(self.recipient))).filter(gloss_is);
        match gloss {
            None => problems.push(MessageProblem::new("gloss", MessageRule::GlossMissing)),
            // Criteria are in English more often than messages are.
            Some(text) if self.criteria.are_in_version(text) => {
                problems.push(MessageProblem::new("gloss", MessageRule::CriteriaDisclosed));
            }
            Some(_) => {}
        }
    }
}

/// A phrase as it sounds: in comparable form, and without hyphens.
fn spoken(phrase: &str) -> String {
    comparable(&comparable(phrase).replace('-', " "))
}

/// Whether a text says by itself which language it is in.
fn is_long(text: &str) -> bool {
    text.chars().filter(|c| c.is_alphabetic()).count() >= ALONE_LETTERS_MIN
}

/// Says when a message does not begin with its opener; blanks apart.
pub(super) fn check_opener(opener: &str, message: &str, problems: &mut Vec<MessageProblem>) {
    let plain = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    if !plain(message).starts_with(&plain(opener)) {
        problems.push(MessageProblem::new("message", MessageRule::BeginsWithOpener));
    }
}

fn has_its_questions(text: &str, wanted: Questions, language: Option<Language>) -> bool {
    if wanted == Questions::Any {
        return true;
    }
    let is_greek = language.is_some_and(Language::is_greek);
    let is_mark =
        |c: char| matches!(c, '?' | '？' | '؟' | '՞' | '፧' | '⁇' | '⁈' | '⁉' | '\u{37e}') || (is_greek && c == ';');
    // "?!" and "??" end one question.
    let mut was_mark = false;
    let mut count = 0;
    for c in text.chars() {
        let is_part = is_mark(c) || (was_mark && c == '!');
        count += usize::from(is_part && !was_mark);
        was_mark = is_part;
    }
    // An emoji or a closing mark may follow. In Armenian the mark stands within the last word.
    let end = text.trim_end_matches(|c: char| !is_mark(c) && (!c.is_alphanumeric() || text.contains('՞')));
    let ends_in_it = end.ends_with(is_mark);
    match (count, wanted) {
        (0, Questions::AtMostOne) => true,
        // Who asks without a mark cannot be told from who tells.
        (0, _) => language.is_some_and(|language| !language.marks_questions()),
        (1, _) => ends_in_it,
        _ => false,
    }
}

#[cfg(test)]
mod tests;
