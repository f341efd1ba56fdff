//! How well a profile suits a business. Deterministic, and a function of the two texts alone.

use super::{
    business::Business,
    evidence::Evidence,
    followers::FollowerRange,
    plan::{Role, role},
    profile::Profile,
    prompt::Prompt,
    themes::{Lexicon, Themes, Words},
};

/// The weight of each part of the judgement.
const THEME_WEIGHT: f64 = 0.70;
const WORDS_WEIGHT: f64 = 0.18;
const FOLLOWERS_WEIGHT: f64 = 0.12;
/// The lowest and highest relevance: nobody is a certain fit or a certain miss.
const RELEVANCE: (f64, f64) = (6.0, 96.0);
const COMPETITOR_RELEVANCE_MAX: u8 = 12;
/// So many shared words count as full agreement.
const SHARED_WORDS_ENOUGH: f64 = 7.0;
/// A sentence of the business with one of these says whom it does not want, so its words do not count.
const EXCLUSIONS: [&str; 6] = ["not ", "avoid", "exclude", "except", "never", "don't"];

/// The judge's opinion, and what it is based on.
#[derive(Debug)]
pub(crate) struct Judgement {
    /// 0 to 100.
    pub(crate) relevance: u8,
    /// The profile's niche.
    pub(super) niche: Option<String>,
    pub(super) business_niche: Option<String>,
    /// Words that both use.
    pub(super) shared: Vec<String>,
    /// Whether the number of followers is in the range of the business; `None` if either is unknown.
    pub(super) followers_fit: Option<bool>,
    /// Whether the account is larger than the business wants.
    pub(super) has_too_many_followers: bool,
    /// What the profile would be to the business.
    pub(super) role: Role,
    pub(super) profile: Profile,
    pub(super) business: Business,
    /// What an answer can point at.
    pub(super) evidence: Evidence,
    /// Lines of the profile, the most telling first.
    pub(super) quotes: Vec<String>,
}

/// Judges a prompt.
pub(crate) fn judge(prompt: &Prompt, lexicon: &Lexicon) -> Judgement {
    let profile = Profile::read(&prompt.profile);
    let business = Business::read(&prompt.business);
    let mut business_words = Words::default();
    // The business may be JSON, whose quotation marks end a sentence too: one exclusion must not drop the whole text.
    for sentence in prompt.business.split(['\n', '.', '!', '?', ';', '"']) {
        let lower = sentence.to_lowercase();
        if !EXCLUSIONS.iter().any(|word| lower.contains(word)) {
            business_words.add(sentence, 1.0);
        }
    }
    let mut profile_words = Words::default();
    profile.about.iter().for_each(|text| profile_words.add(text, 2.0));
    profile.hashtags.iter().for_each(|text| profile_words.add(text, 1.0));
    profile.captions.iter().for_each(|text| profile_words.add(text, 1.0));

    let (business_themes, profile_themes) = (Themes::of(&business_words, lexicon), Themes::of(&profile_words, lexicon));
    let shared = business_words.shared(&profile_words);
    let words = (shared.len() as f64 / SHARED_WORDS_ENOUGH.min(business_words.len().max(1) as f64)).min(1.0);
    // A business of no known niche can only be judged by its words.
    let theme = if business_themes.is_empty() { words } else { business_themes.likeness(&profile_themes) };
    let range = FollowerRange::stated(&prompt.business);
    let size = range.zip(profile.followers).map(|(range, followers)| range.closeness(followers as f64));

    // Without a stated range, or without a known number of followers, the other two parts are the whole.
    let mut weighted = THEME_WEIGHT * theme + WORDS_WEIGHT * words;
    let mut weights = THEME_WEIGHT + WORDS_WEIGHT;
    if let Some(size) = size {
        weighted += FOLLOWERS_WEIGHT * size;
        weights += FOLLOWERS_WEIGHT;
    }
    let niche = profile_themes.main(lexicon);
    let evidence = Evidence::gather(&profile, &business_words, niche, &business.themes, lexicon);
    let relevance = (RELEVANCE.0 + (RELEVANCE.1 - RELEVANCE.0) * weighted / weights).round() as u8;
    let role = role(&business, &profile, relevance);
    Judgement {
        // Who sells the same is nobody's customer, however alike both are.
        relevance: if role == Role::Competitor { relevance.min(COMPETITOR_RELEVANCE_MAX) } else { relevance },
        has_too_many_followers: range
            .zip(profile.followers)
            .is_some_and(|(range, count)| range.is_exceeded_by(count as f64)),
        role,
        niche: niche.map(str::to_owned),
        business_niche: business_themes.main(lexicon).map(str::to_owned),
        followers_fit: size.map(|size| size >= 1.0),
        quotes: quotes(&profile, &business_words),
        business,
        evidence,
        profile,
        shared,
    }
}

/// The profile's lines, those that share the most words with the business first.
fn quotes(profile: &Profile, business: &Words) -> Vec<String> {
    let mut lines: Vec<(usize, usize, &str)> = profile
        .quotes()
        .enumerate()
        .map(|(place, line)| {
            let mut words = Words::default();
            words.add(line, 1.0);
            (business.shared(&words).len(), place, line)
        })
        .collect();
    lines.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
    let mut quotes: Vec<String> = vec![];
    for (_, _, line) in lines {
        if !quotes.iter().any(|known| known == line) {
            quotes.push(line.to_owned());
        }
    }
    quotes
}

#[cfg(test)]
mod tests;
