//! How a person writes, counted over the captions.

use jiff::civil::Date;
use unicode_properties::UnicodeEmoji;

use crate::shared::judge::{evidence::Sign, judgement::Judgement, messages::Language, profile::Profile};
use crate::shared::texts::words_of;

/// Without a post for so many days, an account is silent.
const SILENT_DAYS: i32 = 42;

/// The sign that most captions show, apart from plain ones.
pub(super) fn main_sign(judgement: &Judgement) -> Sign {
    let signs = judgement.evidence.signs.iter().filter(|(sign, _)| **sign != Sign::Plain);
    // Of two that are as frequent, the more telling one.
    let most = signs.reduce(|a, b| if b.1.len() > a.1.len() { b } else { a });
    most.map_or(Sign::Plain, |(sign, _)| *sign)
}

/// Language, length, questions, emoji: in two sentences.
pub(super) fn communication(judgement: &Judgement, language: Language) -> String {
    let captions: Vec<&str> =
        judgement.profile.entries.iter().map(|post| post.caption.as_str()).filter(|text| !text.is_empty()).collect();
    if captions.is_empty() {
        return "No captions to judge by; the lines at the top are short and plain.".into();
    }
    let share = |test: &dyn Fn(&str) -> bool| {
        captions.iter().filter(|caption| test(caption)).count() as f64 / captions.len() as f64
    };
    let words = captions.iter().map(|caption| words_of(caption)).sum::<usize>() / captions.len();
    let length = match words {
        0..=6 => "a few words at a time",
        7..=25 => "in short captions of one or two sentences",
        26..=70 => "in captions of several sentences",
        _ => "in long captions that tell a whole story",
    };
    let asks = share(&|caption| caption.contains(['?', '؟', '？']));
    let questions = match asks {
        0.4.. => "Often turns to the readers with a question",
        0.12.. => "Asks the readers something now and then",
        _ => "Tells rather than asks",
    };
    let is_emoji = |character: char| !character.is_ascii() && character.is_emoji_char();
    let emoji = match share(&|caption| caption.chars().any(is_emoji)) {
        0.5.. => "likes emoji",
        0.15.. => "uses emoji sparingly",
        _ => "does without emoji",
    };
    let tags = if share(&|caption| caption.contains('#')) >= 0.4 { ", with hashtags at the end" } else { "" };
    format!("Writes in {}, {length}{tags}. {questions} and {emoji}.", language.name())
}

/// Whether the newest post is old, by the day on which the profile was read.
pub(super) fn is_silent(profile: &Profile) -> bool {
    let date = |text: &String| text.parse::<Date>().ok();
    let newest = profile.entries.iter().filter_map(|post| post.taken_on.as_ref()).filter_map(date).max();
    let days =
        profile.scraped_on.as_ref().and_then(date).zip(newest).map(|(today, newest)| (today - newest).get_days());
    days.is_some_and(|days| days > SILENT_DAYS)
}
