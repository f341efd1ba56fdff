//! The sentences of an answer, made of the profile's own words and the business's.

use super::judgement::Judgement;

/// Writes texts about one judgement.
pub(super) struct Prose<'a>(&'a Judgement);

impl<'a> Prose<'a> {
    pub(super) fn new(judgement: &'a Judgement) -> Self {
        Self(judgement)
    }

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

    /// How many different texts there are for a list of this name.
    pub(super) fn variety(&self, name: &str) -> usize {
        if is_quote(&name.to_lowercase()) { self.0.quotes.len().max(1) } else { usize::MAX }
    }

    /// A text for the property of this name, the `place`-th of its list.
    pub(super) fn of_name(&self, name: &str, place: usize) -> String {
        let name = name.to_lowercase();
        let has = |words: &[&str]| words.iter().any(|word| name.contains(word));
        if has(&["username", "handle"]) {
            self.username()
        } else if is_quote(&name) {
            self.quote(place)
        } else if has(&[
            "opener",
            "opening",
            "message",
            "outreach",
            "dm",
            "email",
            "pitch",
            "body",
            "hook",
            "icebreaker",
        ]) {
            self.message(place)
        } else if has(&["subject", "headline", "title"]) {
            format!("A thought for {}", self.name())
        } else if has(&["risk", "concern", "weakness", "red_flag", "objection", "gap", "caveat", "against"]) {
            self.concern(place)
        } else if has(&[
            "reason",
            "rationale",
            "why",
            "explanation",
            "justification",
            "strength",
            "argument",
            "benefit",
        ]) {
            self.reason(place)
        } else if has(&["keyword", "hashtag", "tag", "interest", "theme", "topic"]) {
            self.theme(place)
        } else if has(&["niche", "category", "industry", "segment", "persona"]) {
            self.niche()
        } else if has(&["language", "locale"]) {
            "en".into()
        } else if has(&["location", "city", "country", "region"]) {
            self.0.profile.city.clone().unwrap_or_else(|| "not stated".into())
        } else if has(&["url", "link"]) {
            format!("https://www.instagram.com/{}/", self.username())
        } else if has(&["tone", "style", "voice"]) {
            ["warm and plain", "curious", "to the point"].get(place % 3).copied().unwrap_or("warm").into()
        } else if has(&["cta", "call_to_action", "next_step", "recommendation", "action", "advice", "step", "tip"]) {
            self.action(place)
        } else if name.ends_with("name") {
            self.name()
        } else {
            self.summary(place)
        }
    }

    fn username(&self) -> String {
        self.0.profile.username.clone().unwrap_or_else(|| "unknown".into())
    }

    fn name(&self) -> String {
        self.0.profile.name.clone().unwrap_or_else(|| self.username())
    }

    fn niche(&self) -> String {
        self.0.niche.clone().unwrap_or_else(|| "general".into())
    }

    /// A line of the profile, word for word.
    fn quote(&self, place: usize) -> String {
        let count = self.0.quotes.len().max(1);
        let found = self.0.quotes.get(place % count).cloned();
        found.unwrap_or_else(|| format!("@{} shows nothing that could be quoted", self.username()))
    }

    fn theme(&self, place: usize) -> String {
        let tags = &self.0.profile.hashtags;
        let known = self.0.shared.get(place).or_else(|| tags.get(place % tags.len().max(1)));
        known.cloned().unwrap_or_else(|| self.niche())
    }

    fn fit(&self) -> &'static str {
        match self.0.relevance {
            70.. => "a strong fit",
            40.. => "a partial fit",
            _ => "a weak fit",
        }
    }

    fn summary(&self, place: usize) -> String {
        let audience = match self.0.profile.followers {
            Some(followers) => format!("{} followers", grouped(followers)),
            None => "an audience of unknown size".into(),
        };
        match place {
            0 => format!(
                "@{} is a {} account with {audience}: {} for a business that says \"{}\".",
                self.username(),
                self.niche(),
                self.fit(),
                self.0.offer
            ),
            _ => self.reason(place),
        }
    }

    fn reason(&self, place: usize) -> String {
        let judgement = self.0;
        match place % 3 {
            0 => match (&judgement.niche, &judgement.business_niche) {
                (Some(own), Some(wanted)) if own == wanted => {
                    format!("The content is about {own}, which is what the business serves: \"{}\".", self.quote(0))
                }
                (Some(own), Some(wanted)) => {
                    format!("The content is about {own}, the business about {wanted}: \"{}\".", self.quote(0))
                }
                (Some(own), None) => format!("The content is about {own}: \"{}\".", self.quote(0)),
                (None, _) => "The profile shows too little content to tell its niche.".into(),
            },
            1 if judgement.shared.is_empty() => "Profile and business have no words in common.".into(),
            1 => {
                let words: Vec<&str> = judgement.shared.iter().take(4).map(String::as_str).collect();
                format!("Profile and business share the words {}.", words.join(", "))
            }
            _ => match (judgement.followers_fit, judgement.profile.followers) {
                (Some(true), Some(count)) => {
                    format!("{} followers lie in the stated range.", grouped(count))
                }
                (Some(false), Some(count)) => {
                    format!("{} followers lie outside the stated range.", grouped(count))
                }
                (None, Some(count)) => {
                    format!("The audience is {} followers; the business states no range.", grouped(count))
                }
                (_, None) => "The size of the audience is not known.".into(),
            },
        }
    }

    fn concern(&self, place: usize) -> String {
        let judgement = self.0;
        if judgement.niche != judgement.business_niche && place == 0 {
            return format!("The account's subject is {}, not what the business serves.", self.niche());
        }
        if judgement.followers_fit == Some(false) && place <= 1 {
            return "The audience is not of the size the business asks for.".into();
        }
        [
            "Nothing in the profile says that they are looking for an offer now.",
            "The profile names no way of contact but a message.",
        ]
        .get(place % 2)
        .copied()
        .unwrap_or_default()
        .into()
    }

    fn message(&self, place: usize) -> String {
        let opening = format!("Hi {}, your line \"{}\" made me stop.", self.name(), self.quote(place));
        match place {
            0 => format!(
                "{opening} What we do: {}. May I show you what it could do for your {} audience?",
                self.0.offer,
                self.niche()
            ),
            _ => format!("{opening} Would a short example for {} be of use?", self.niche()),
        }
    }

    fn action(&self, place: usize) -> String {
        let actions = if self.0.relevance >= 50 {
            ["Write a personal message this week.", "Refer to a recent post.", "Offer a short trial."]
        } else {
            ["Do not write now.", "Look again when the content changes.", "Prefer leads of the right niche."]
        };
        actions.get(place % 3).copied().unwrap_or_default().into()
    }
}

/// Properties that are to hold the profile's own words.
fn is_quote(name: &str) -> bool {
    ["quote", "evidence", "excerpt", "caption", "source", "signal"].iter().any(|word| name.contains(word))
}

/// 12345 as 12,345.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}
