//! What a person would be to the business, and the other choices from a list of options.

use std::collections::BTreeMap;

use crate::shared::judge::{
    business::Business,
    evidence::{Sign, has, spaced},
    judgement::Judgement,
    messages::Messages,
    profile::Profile,
    themes::Words,
};

/// Below this nobody is worth a message.
const RELEVANCE_MIN: u8 = 40;
/// So many words that a line of the profile and the offer share make it the same offer.
const SAME_WORDS_MIN: usize = 3;
/// Words of a business that works with people who reach others.
const PARTNERS: &str = "creator creators influencer influencers partner partners ambassador ambassadors affiliate commission \
    bloggers blogger collaboration collaborations coaches trainers";
const RESELLERS: &str = "wholesale retail retailers resellers stockists shops stores";
const SHOPS: &str = "store shop cafe restaurant boutique salon studio gym gallery roaster";
const LARGE: u64 = 200_000;

/// What a profile would be to the business.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::shared::judge) enum Role {
    Buyer,
    Partner,
    Reseller,
    Competitor,
    Nobody,
}

impl Role {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Buyer => "buyer",
            Self::Partner => "partner",
            Self::Reseller => "reseller",
            Self::Competitor => "competitor",
            Self::Nobody => "nobody",
        }
    }

    /// As it stands in a sentence.
    pub(super) const fn phrase(self) -> &'static str {
        match self {
            Self::Buyer => "a buyer",
            Self::Partner => "a partner",
            Self::Reseller => "a reseller",
            Self::Competitor => "a competitor",
            Self::Nobody => "a contact",
        }
    }
}

pub(in crate::shared::judge) fn role(business: &Business, profile: &Profile, relevance: u8) -> Role {
    let wishes = format!("{} {}", spaced(&business.public), spaced(&business.audience));
    let wants = |words: &str| words.split_whitespace().any(|word| has(&wishes, word));
    let is_shop = profile.about.iter().any(|line| {
        let line = spaced(line);
        SHOPS.split_whitespace().any(|word| has(&line, word))
    });
    if is_competitor(business, profile) {
        Role::Competitor
    } else if relevance < RELEVANCE_MIN {
        Role::Nobody
    } else if is_shop && wants(RESELLERS) {
        Role::Reseller
    } else if wants(PARTNERS) {
        Role::Partner
    } else {
        Role::Buyer
    }
}

/// Only what is plain: a named competitor, or a line that offers the same thing for sale.
fn is_competitor(business: &Business, profile: &Profile) -> bool {
    let bare = |text: &str| text.to_lowercase().chars().filter(|c| c.is_alphanumeric()).collect::<String>();
    let named = |name: &String| {
        let name = bare(name);
        let is_name = |own: &String| !name.is_empty() && bare(own) == name;
        profile.name.iter().chain(&profile.username).any(is_name)
    };
    let offer = business.offer.as_deref().map(Words::of);
    let sells_the_same = |line: &str| {
        let line_words = Words::of(line);
        let is_same = |offer: &Words| offer.shared(&line_words).len() >= SAME_WORDS_MIN;
        Sign::of(line) == Sign::Selling && offer.as_ref().is_some_and(is_same)
    };
    business.competitors.iter().any(named)
        || (business.name.is_some() && profile.about.iter().flat_map(|text| text.lines()).any(sells_the_same))
}

/// The options that follow from what is known, by the property's name. `has_signs`: whether posts show how near they are to buying.
pub(super) fn choices(
    judgement: &Judgement,
    messages: &Messages,
    has_signs: bool,
) -> BTreeMap<&'static str, &'static str> {
    let profile = &judgement.profile;
    let signs = &judgement.evidence.signs;
    let asks = messages.hooks.first().is_some_and(|hook| hook.sign == Sign::Question);
    let stage = match judgement.relevance {
        ..RELEVANCE_MIN => "unaware",
        70.. if has_signs && signs.contains_key(&Sign::Question) && signs.contains_key(&Sign::Struggle) => {
            "looking_for_solutions"
        }
        _ => "aware_of_the_problem",
    };
    let says_we = profile.about.iter().chain(&profile.captions).any(|text| {
        let words = spaced(text);
        has(&words, "our team") || has(&words, "we")
    });
    let authority = match profile.followers {
        Some(LARGE..) if profile.is_verified == Some(true) => "management_or_agency",
        _ if profile.captions.len() < 3 => "unknown",
        _ if says_we && profile.is_business == Some(true) => "small_team",
        _ => "decides_alone",
    };
    BTreeMap::from([
        ("role", judgement.role.name()),
        ("channel", if asks { "comment_on_post" } else { "instagram_message" }),
        ("buying_stage", stage),
        ("authority", authority),
    ])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(profile: &serde_json::Value, relevance: u8) -> Role {
        let business = json!({"name": "Fuel", "offering": "Meal plans for endurance runners.", "competitors": ["Feed & Run"],
            "target_audience": "Runners, and shops that keep stores of food"});
        role(&Business::read(&business.to_string()), &Profile::read(&profile.to_string()), relevance)
    }

    #[test]
    fn a_role_follows_from_what_is_plain() {
        let runner = json!({"username": "ann", "biography": "Marathon coach. Plans in the link"});
        assert_eq!(of(&runner, 80), Role::Buyer);
        assert_eq!(of(&runner, 20), Role::Nobody);
        assert_eq!(of(&json!({"username": "feed.and.run", "display_name": "Feed & Run"}), 80), Role::Competitor);
        let same = json!({"username": "b", "biography": "Meal plans for runners\nOrder in the link"});
        assert_eq!(of(&same, 80), Role::Buyer, "one line has to say all of it");
        let same = json!({"username": "b", "biography": "Order our meal plans for endurance runners"});
        assert_eq!(of(&same, 80), Role::Competitor);
        assert_eq!(of(&json!({"username": "c", "category": "Running Store"}), 80), Role::Reseller);
    }
}
