//! The sentences themselves. Most quote a line, a word or a number of the profile.

use super::words::{At, Prose, TRAITS, VALUES};

impl Prose<'_> {
    fn fit(&self) -> &'static str {
        match self.0.relevance {
            70.. => "a strong fit",
            40.. => "a partial fit",
            _ => "a weak fit",
        }
    }

    pub(super) fn summary(&self, place: usize) -> String {
        let audience = match self.0.profile.followers {
            Some(followers) => format!("{} followers", grouped(followers)),
            None => "an audience of unknown size".into(),
        };
        match place {
            0 => format!(
                "@{} is a {} account with {audience}: {} for a business with this offer: {}.",
                self.username(),
                self.niche(),
                self.fit(),
                self.0.business.offering
            ),
            _ => self.reason(place),
        }
    }

    pub(super) fn reason(&self, place: usize) -> String {
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

    pub(super) fn concern(&self, place: usize) -> String {
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
            "The posts show no sign of money set aside for it.",
            "They may use something like it already.",
        ]
        .at(place)
    }

    pub(super) fn message(&self, place: usize) -> String {
        let opening = format!("Hi {}, your line \"{}\" made me stop.", self.name(), self.quote(place));
        match place {
            0 => format!(
                "{opening} What we do: {}. May I show you what it could do for your {} audience?",
                self.0.business.offering,
                self.niche()
            ),
            _ => format!("{opening} Would a short example for {} be of use?", self.niche()),
        }
    }

    pub(super) fn action(&self, place: usize) -> String {
        let actions = if self.0.relevance >= 50 {
            ["Write a personal message this week.", "Refer to a recent post.", "Offer a short trial."]
        } else {
            ["Do not write now.", "Look again when the content changes.", "Prefer leads of the right niche."]
        };
        actions.get(place % 3).copied().unwrap_or_default().into()
    }

    pub(super) fn call_to_action(&self, place: usize) -> String {
        [
            format!("May I send you a short example made for {}?", self.niche()),
            "Would a call of ten minutes next week suit you?".to_owned(),
            "Shall I send you the details here?".to_owned(),
        ]
        .each_ref()
        .map(String::as_str)
        .at(place)
    }

    pub(super) fn avoid(&self, place: usize) -> String {
        [
            "Long messages before they have answered.",
            "Praise that could be meant for anyone.",
            "A price in the first message.",
        ]
        .at(place)
    }

    pub(super) fn pain(&self, place: usize) -> String {
        let theme = self.theme(place);
        match place % 3 {
            0 => format!("Keeping up {theme} content beside everything else, as \"{}\" suggests.", self.quote(place)),
            1 => format!("Standing out among other {} accounts when it comes to {theme}.", self.niche()),
            _ => format!("Turning attention for {theme} into an income that can be planned."),
        }
    }

    pub(super) fn want(&self, place: usize) -> String {
        let theme = self.theme(place);
        match place % 3 {
            0 => format!("To be known for {theme}: \"{}\".", self.quote(place)),
            1 => format!("To reach more people who care about {theme}."),
            _ => format!("To make a living of {theme} on their own terms."),
        }
    }

    pub(super) fn value(&self, place: usize) -> String {
        format!("{}, as in \"{}\"", VALUES.at(place), self.quote(place))
    }

    pub(super) fn trigger(&self, place: usize) -> String {
        let theme = self.theme(place);
        match place % 3 {
            0 => format!("A new project about {theme}."),
            1 => format!("A recommendation by another {} account.", self.niche()),
            _ => format!("A visible result that another {theme} account had."),
        }
    }

    pub(super) fn character(&self, place: usize) -> String {
        format!("{}: \"{}\"", TRAITS.at(place), self.quote(place))
    }

    pub(in crate::shared::judge) fn of_trait(&self, place: usize) -> String {
        match place % 2 {
            0 => format!("Lines like \"{}\" speak for it.", self.quote(place)),
            _ => format!("It shows in how they write about {}: \"{}\".", self.theme(place), self.quote(place)),
        }
    }

    pub(super) fn tone(&self, place: usize) -> String {
        ["warm and plain", "curious", "to the point"].at(place)
    }

    pub(super) fn timing(&self, place: usize) -> String {
        ["within a day of their next post", "on a weekday evening", "early in the week"].at(place)
    }

    pub(super) fn money(&self, place: usize) -> String {
        let audience = self.audience_size();
        match place % 3 {
            0 => format!("An audience of {audience} allows for paid {} work, but no prices are stated.", self.niche()),
            1 if self.0.profile.has_site => {
                "The profile links to a site of its own, where something may be sold.".into()
            }
            1 => "The profile links to no site where something could be sold.".into(),
            _ if self.0.profile.mentions.is_empty() => "No paid partnership is named in the posts.".into(),
            _ => format!("The posts name @{}, which may be paid work.", self.partner(place)),
        }
    }

    pub(super) fn partner(&self, place: usize) -> String {
        let mentions = &self.0.profile.mentions;
        let named = mentions.get(place % mentions.len().max(1)).cloned();
        named.unwrap_or_else(|| "none named".into())
    }

    pub(super) fn offer(&self, place: usize) -> String {
        match place % 3 {
            0 => format!("{}, shown on the example of {}.", self.0.business.offering, self.theme(place)),
            1 => format!("A short trial of it for a {} account.", self.niche()),
            _ => format!("A version for audiences of {}.", self.audience_size()),
        }
    }

    pub(super) fn audience(&self, place: usize) -> String {
        match place % 3 {
            0 => format!("{} people who come for {}.", self.audience_size(), self.niche()),
            1 => format!("People who care about {}.", self.theme(place)),
            _ => match &self.0.profile.city {
                Some(city) => format!("Many of them around {city}."),
                None => "Where they live is not stated.".into(),
            },
        }
    }

    pub(super) fn strategy(&self, place: usize) -> String {
        match place % 3 {
            0 => {
                format!(
                    "Begin with their own words, \"{}\", and lead from there to: {}.",
                    self.quote(0),
                    self.0.business.offering
                )
            }
            1 => format!(
                "Show what it did for another {} account of about {} followers.",
                self.niche(),
                self.audience_size()
            ),
            _ => format!("Offer help with {} before asking for anything.", self.theme(place)),
        }
    }

    fn audience_size(&self) -> String {
        self.0.profile.followers.map_or_else(|| "unknown size".into(), grouped)
    }
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
