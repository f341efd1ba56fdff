//! The sentences of an answer, made of the profile's own words and the business's.

mod sentences;
mod topics;
mod words;

use topics::Topic;
pub(super) use topics::snake;
pub(super) use words::Prose;
use words::{At, TRAITS, VALUES};

impl Prose<'_> {
    /// A text for a string of a named format.
    pub(super) fn of_format(&self, format: &str) -> String {
        match format {
            "date-time" => "2025-01-01T00:00:00Z",
            "date" => "2025-01-01",
            "time" => "12:00:00Z",
            "duration" => "P7D",
            "email" => "hello@sandbox.example",
            "hostname" => "sandbox.example",
            "ipv4" => "192.0.2.1",
            "ipv6" => "2001:db8::1",
            "uuid" => "00000000-0000-4000-8000-000000000000",
            _ => "",
        }
        .to_owned()
    }

    /// How many different texts there are for a list with this name.
    pub(super) fn variety(&self, name: &str) -> usize {
        match Topic::of(name) {
            Topic::Quote => self.0.quotes.len().max(1),
            Topic::Partner if !self.0.profile.mentions.is_empty() => self.0.profile.mentions.len(),
            _ => usize::MAX,
        }
    }

    /// Whether the profile does not say what a property with this name asks for, so that null is the right answer.
    pub(super) fn is_unknown(&self, name: &str) -> bool {
        let profile = &self.0.profile;
        match Topic::of(name) {
            Topic::Contact => true,
            Topic::Location => profile.city.is_none(),
            Topic::Partner => profile.mentions.is_empty(),
            Topic::Niche => self.0.niche.is_none(),
            Topic::Audience => profile.followers.is_none(),
            Topic::Username => profile.username.is_none(),
            _ => false,
        }
    }

    /// A text for the property with this name, the `place`-th of its list.
    pub(super) fn of_name(&self, name: &str, place: usize) -> String {
        match Topic::of(name) {
            Topic::Username => self.username(),
            Topic::Quote => self.quote(place),
            Topic::Contact => "not stated".into(),
            Topic::Link => format!("https://www.instagram.com/{}/", self.username()),
            Topic::CallToAction => self.call_to_action(place),
            Topic::Subject => format!("A thought for {}", self.name()),
            Topic::Message => self.message(place),
            Topic::Avoid => self.avoid(place),
            Topic::Concern => self.concern(place),
            Topic::Reason => self.reason(place),
            Topic::Pain => self.pain(place),
            Topic::Want => self.want(place),
            Topic::Value => self.value(place),
            Topic::Trigger => self.trigger(place),
            Topic::Trait => self.character(place),
            Topic::Tone => self.tone(place),
            Topic::Timing => self.timing(place),
            Topic::Channel => ["Instagram direct message", "comment on a recent post", "story reply"].at(place),
            Topic::Money => self.money(place),
            Topic::Partner => self.partner(place),
            Topic::Offer => self.offer(place),
            Topic::Audience => self.audience(place),
            Topic::Strategy => self.strategy(place),
            Topic::Theme => self.theme(place),
            Topic::Niche => self.niche(),
            Topic::Language => "en".into(),
            Topic::Location => self.0.profile.city.clone().unwrap_or_else(|| "not stated".into()),
            Topic::Action => self.action(place),
            Topic::Name => self.name(),
            Topic::Summary => self.summary(place),
        }
    }

    /// Whether a text with this name explains or sums up, and so can be about anything.
    pub(super) fn is_general(name: &str) -> bool {
        matches!(Topic::of(name), Topic::Reason | Topic::Summary | Topic::Trait)
    }

    /// A short name for the `place`-th thing of this kind.
    pub(super) fn label(&self, of: &str, place: usize) -> String {
        match Topic::of(of) {
            Topic::Trait => TRAITS.at(place),
            Topic::Value => VALUES.at(place),
            Topic::Pain => ["too little time", "reach that comes and goes", "hard to stand out"].at(place),
            Topic::Want => ["growing the audience", "earning from the work", "being seen as an expert"].at(place),
            Topic::Concern => ["timing", "audience size", "no stated need"].at(place),
            Topic::Channel => ["direct message", "comment", "story reply"].at(place),
            Topic::Money => ["sponsored posts", "own products", "coaching and services"].at(place),
            Topic::Action => ["first message", "reference to a post", "short trial"].at(place),
            Topic::Offer => ["a short trial", "an example made for them", "a first order"].at(place),
            Topic::Message => ["short and direct", "starting from a post", "offering help"].at(place),
            Topic::Username | Topic::Partner => self.partner(place),
            Topic::Name => self.name(),
            _ => self.theme(place),
        }
    }
}
