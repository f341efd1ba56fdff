//! Guesses from a property's name what it asks for.

/// What a text is to be about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Topic {
    Username,
    Quote,
    Contact,
    Link,
    CallToAction,
    Subject,
    Message,
    Avoid,
    Concern,
    Reason,
    Pain,
    Want,
    Value,
    Trigger,
    Trait,
    Tone,
    Timing,
    Channel,
    Money,
    Partner,
    Offer,
    Audience,
    Strategy,
    Theme,
    Niche,
    Language,
    Location,
    Action,
    Name,
    Summary,
}

/// The words that name each topic. The first line with a fitting word decides, so a topic whose words are part of
/// another's stands before it: `value_proposition` is an offer and not a value.
///
/// A word of up to four letters must be a whole part of the name, a longer one may stand anywhere in it.
const WORDS: [(Topic, &str); 29] = [
    (Topic::Username, "username handle"),
    (Topic::Quote, "quote evidence excerpt caption source signal proof phrase reference"),
    (Topic::Contact, "email_address contact_email phone whatsapp"),
    (Topic::Link, "url link website"),
    (Topic::CallToAction, "call_to_action cta question closing ask"),
    (Topic::Subject, "subject headline title"),
    (
        Topic::Message,
        "opener opening message outreach dm email pitch body hook icebreaker follow_up followup comment copy script reply \
         draft greeting intro first_line ps variant",
    ),
    (Topic::Avoid, "avoid dont taboo turn_off turnoff do_not"),
    (
        Topic::Concern,
        "risk concern weakness red_flag objection gap caveat against obstacle barrier threat hesitation deal_breaker \
         dealbreaker limitation con cons",
    ),
    (Topic::Reason, "reason rationale why explanation justification strength argument benefit basis pro pros"),
    (Topic::Pain, "pain struggle frustration challenge problem fear worry anxiety stress"),
    (Topic::Trigger, "trigger buying_moment"),
    (Topic::Want, "need goal motivat driver desire aspiration ambition dream want drive"),
    (Topic::Strategy, "strategy strategic positioning approach angle opportunity plan playbook"),
    (Topic::Money, "budget revenue income monetiz monetis price pricing spend buying_power purchasing deal cost worth"),
    (Topic::Partner, "sponsor partner brand competitor collaborat vendor tool"),
    (Topic::Offer, "offer product service upsell bundle proposition response rebuttal"),
    (Topic::Value, "value belief principle identity worldview conviction"),
    (Topic::Trait, "trait personality archetype character temperament disposition mindset decision_style"),
    (Topic::Audience, "audience demographic lifestyle community communities follower"),
    (Topic::Tone, "tone style voice communicat register mood"),
    (Topic::Timing, "timing best_time when schedule cadence day date"),
    (Topic::Channel, "channel medium platform touchpoint"),
    (Topic::Theme, "keyword hashtag tag interest theme topic passion hobby talking_point"),
    (Topic::Niche, "niche category industry segment persona vertical market"),
    (Topic::Language, "language locale"),
    (Topic::Location, "location city country region geograph"),
    (Topic::Action, "next_step recommendation action advice step tip do dos task"),
    (Topic::Name, "name"),
];

impl Topic {
    /// The topic of a property with this name, in any spelling.
    pub(super) fn of(name: &str) -> Self {
        let name = snake(name);
        let part = |word: &str| name.split('_').any(|part| part == word || part.strip_suffix('s') == Some(word));
        let has = |word: &str| if word.len() <= 4 { part(word) } else { name.contains(word) };
        let found = WORDS.iter().find(|(_, words)| words.split_whitespace().any(has));
        found.map_or(Self::Summary, |(topic, _)| *topic)
    }
}

/// `painPoints`, `Pain Points` and `pain-points` as `pain_points`.
pub(in crate::shared::judge) fn snake(name: &str) -> String {
    let mut snake = String::new();
    let mut after_small = false;
    for character in name.chars() {
        if character.is_uppercase() && after_small {
            snake.push('_');
        }
        after_small = character.is_lowercase() || character.is_ascii_digit();
        snake.extend(if character.is_alphanumeric() { character.to_lowercase().next() } else { Some('_') });
    }
    snake
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_any_spelling_are_understood() {
        for (name, topic) in [
            ("opening_line", Topic::Message),
            ("followUpMessage", Topic::Message),
            ("painPoints", Topic::Pain),
            ("Core Values", Topic::Value),
            ("value_proposition", Topic::Offer),
            ("lifestyle", Topic::Audience),
            ("admin_summary", Topic::Summary),
            ("call-to-action", Topic::CallToAction),
            ("cta", Topic::CallToAction),
            ("buyingSignals", Topic::Quote),
            ("communication_style", Topic::Tone),
            ("do", Topic::Action),
            ("donts", Topic::Avoid),
            ("budget_indication", Topic::Money),
            ("brand_partners", Topic::Partner),
            ("contact_email", Topic::Contact),
            ("full_name", Topic::Name),
        ] {
            assert_eq!(Topic::of(name), topic, "{name}");
        }
    }
}
