//! What a text that is to be sent must not say.
//!
//! Promises: nothing that only the business knows of whom it looks for, no phrase that it never says, no figures,
//! addresses or quotation marks.

use crate::shared::judge::{
    evidence::{has, spaced},
    judgement::Judgement,
};

/// So many words of the wished-for audience in a row are no accident.
const WORDS_IN_A_ROW: usize = 4;
const MARKS: &str = "\"“”„«»「」@<>/[]{}";

pub(in crate::shared::judge) struct Guard {
    /// Phrases of the business alone, and phrases that it never says.
    phrases: Vec<String>,
    rows: Vec<String>,
}

impl Guard {
    pub(in crate::shared::judge) fn of(judgement: &Judgement) -> Self {
        let (business, profile) = (&judgement.business, &judgement.profile);
        let mut known = spaced(&business.public);
        let names = profile.username.iter().chain(&profile.name).chain(&profile.about).chain(&profile.city);
        let posts = profile
            .entries
            .iter()
            .flat_map(|post| std::iter::once(&post.caption).chain(&post.hashtags).chain(post.location.as_ref()));
        names.chain(posts).for_each(|text| known.push_str(&format!("|{}", spaced(text))));
        let bare = |text: &String| spaced(text).trim().to_owned();
        let is_news = |phrase: &String| !phrase.is_empty() && !has(&known, phrase);
        let criteria = business.themes.iter().chain(&business.geographies).map(bare).filter(|word| is_news(word));
        let forbidden = business.do_not_say.iter().map(bare).filter(|phrase| !phrase.is_empty());
        Self {
            phrases: criteria.chain(forbidden).collect(),
            rows: rows(&business.audience).into_iter().filter(|row| !has(&known, row)).collect(),
        }
    }

    pub(in crate::shared::judge) fn allows(&self, text: &str) -> bool {
        !text.contains(|c: char| c.is_numeric() || MARKS.contains(c)) && self.keeps_silent(text)
    }

    /// Whether nothing of the criteria and no forbidden phrase is in a text.
    pub(in crate::shared::judge) fn keeps_silent(&self, text: &str) -> bool {
        let words = spaced(text);
        !self.phrases.iter().chain(&self.rows).any(|phrase| has(&words, phrase))
    }
}

fn rows(text: &str) -> Vec<String> {
    let spaced = spaced(text);
    let words: Vec<&str> = spaced.split_whitespace().collect();
    words.windows(WORDS_IN_A_ROW).map(|row| row.join(" ")).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::shared::{
        judge::{Lexicon, Prompt, judge},
        profiles::Catalogue,
    };

    #[test]
    fn what_only_the_business_knows_is_not_sent() {
        let business = json!({
            "name": "Fuel", "offering": "Meal plans for runners.", "do_not_say": ["super food"],
            "target_audience": "Runners who train for their first marathon.",
            "ideal_customer": {"content_themes": ["running", "nutrition"], "geographies": ["Austria"]},
        });
        let profile = json!({"username": "a", "posts": [{"caption": "Running in the rain"}]});
        let prompt = Prompt { business: business.to_string(), profile: profile.to_string() };
        let judgement = judge(&prompt, &Lexicon::of(Catalogue::load().unwrap().niches()));
        let guard = Guard::of(&judgement);
        for (text, allowed) in [
            ("Running in the rain again, with meal plans for runners.", true),
            ("It is all about nutrition.", false),
            ("We work in Austria.", false),
            ("For runners who train a lot, say.", true),
            ("We serve people who train for their first marathon.", false),
            ("A real super-food.", false),
            ("At 9 in the morning.", false),
            ("It says “rain”.", false),
        ] {
            assert_eq!(guard.allows(text), allowed, "{text}");
        }
    }
}
