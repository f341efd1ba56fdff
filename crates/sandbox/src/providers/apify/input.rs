//! The two actors and their inputs.

use jiff::{Timestamp, civil, tz::TimeZone};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::errors::ApifyError;
use crate::shared::profiles::{Catalogue, POSTS_MAX, from_profile_url};

/// An actor the sandbox can run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Actor {
    /// `apify/instagram-profile-scraper`.
    Profiles,
    /// `apify/instagram-scraper`.
    Posts,
}

impl Actor {
    /// Finds an actor by its id, by `user~name` or by `user/name`.
    pub(super) fn find(name: &str) -> Result<Self, ApifyError> {
        let name = name.replace('/', "~");
        [Self::Profiles, Self::Posts]
            .into_iter()
            .find(|actor| name == actor.id() || name == format!("apify~{}", actor.name()))
            .ok_or_else(|| ApifyError::not_found("Actor"))
    }

    pub(super) fn id(self) -> &'static str {
        match self {
            Self::Profiles => "dSCLg0C3YEZ83HzYX",
            Self::Posts => "shu8hvrXbJbY3Eb9W",
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Profiles => "instagram-profile-scraper",
            Self::Posts => "instagram-scraper",
        }
    }

    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Profiles => "Instagram Profile Scraper",
            Self::Posts => "Instagram Scraper",
        }
    }

    /// What it charges for an item on the smallest plan, as the actors' public pages say in 2026.
    pub(super) fn item_usd(self) -> f64 {
        match self {
            Self::Profiles => 0.0026,
            Self::Posts => 0.0027,
        }
    }

    /// The field whose entries the run reads, wave by wave.
    fn list_field(self) -> &'static str {
        match self {
            Self::Profiles => "usernames",
            Self::Posts => "directUrls",
        }
    }

    /// Checks an input as the actor's input schema does.
    pub(super) fn check(self, input: &Value) -> Result<(), ApifyError> {
        let Some(fields) = input.as_object() else {
            return Err(ApifyError::invalid_input("Input must be an object"));
        };
        let field = self.list_field();
        match fields.get(field) {
            None | Some(Value::Null) => {
                return Err(ApifyError::invalid_input(&format!("Field input.{field} is required")));
            }
            Some(Value::Array(entries)) if entries.is_empty() => {
                return Err(ApifyError::invalid_input(&format!(
                    "Field input.{field} must NOT have fewer than 1 items"
                )));
            }
            Some(Value::Array(entries)) => {
                if let Some(place) = entries.iter().position(|entry| !entry.is_string()) {
                    return Err(ApifyError::invalid_input(&format!("Field input.{field}.{place} must be string")));
                }
            }
            Some(_) => {
                return Err(ApifyError::invalid_input(&format!("Field input.{field} must be array")));
            }
        }
        if let Some(limit) = fields.get("resultsLimit")
            && limit.as_u64().is_none_or(|limit| limit == 0)
        {
            return Err(ApifyError::invalid_input("Field input.resultsLimit must be >= 1"));
        }
        if let Some(date) = fields.get("onlyPostsNewerThan") {
            date.as_str().and_then(moment).ok_or_else(|| {
                ApifyError::invalid_input(
                    "Field input.onlyPostsNewerThan must be a date such as 2026-11-20 or 2026-11-20T12:00:00Z (the \
                     real actor also takes times before now, such as \"2 days\"; the sandbox does not)",
                )
            })?;
        }
        match fields.get("resultsType").map(Value::as_str) {
            None | Some(Some("posts" | "details" | "comments" | "mentions" | "reels" | "stories")) => Ok(()),
            Some(_) => Err(ApifyError::invalid_input(
                "Field input.resultsType must be equal to one of the allowed values: \"posts\", \"details\", \
                 \"comments\", \"mentions\", \"reels\", \"stories\"",
            )),
        }
    }

    /// The entries that the run reads: lower-cased usernames, and addresses that are no profile's as they are.
    pub(super) fn asked(self, input: &Value) -> Vec<String> {
        let asked = |entry: &str| from_profile_url(entry).unwrap_or_else(|| entry.to_owned());
        list(input, self.list_field()).map(|entry| asked(entry).to_ascii_lowercase()).collect()
    }

    /// What the run finds for its first entries, as of a day.
    pub(super) fn items(self, input: &Value, entries: usize, catalogue: &Catalogue, day: u64) -> Vec<Value> {
        // 100 posts, and `posts` below, are the actor's own defaults.
        let limit = input.get("resultsLimit").and_then(Value::as_u64).unwrap_or(100);
        let limit = usize::try_from(limit).unwrap_or(POSTS_MAX).min(POSTS_MAX);
        let details = input.get("resultsType").and_then(Value::as_str).unwrap_or("posts") == "details";
        let since = input.get("onlyPostsNewerThan").and_then(Value::as_str).and_then(moment);
        let found = |entry: &str| match (self, from_profile_url(entry)) {
            (Self::Profiles, username) => catalogue.profile(username.as_deref().unwrap_or(entry), day),
            (Self::Posts, Some(username)) if details => catalogue.profile(&username, day),
            (Self::Posts, Some(username)) => catalogue.posts(&username, limit.max(1), since, day),
            (Self::Posts, None) => catalogue.post(entry),
        };
        list(input, self.list_field()).take(entries).flat_map(found).collect()
    }
}

/// A date, or a date with a time of day; without a zone in UTC.
fn moment(text: &str) -> Option<Timestamp> {
    let of_day = |day: civil::DateTime| day.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp());
    text.parse().ok().or_else(|| text.parse::<civil::DateTime>().ok().and_then(of_day))
}

/// The usernames an input asks for, lower-cased.
pub(super) fn usernames(input: &Value) -> Vec<String> {
    let named = list(input, "usernames").map(|name| from_profile_url(name).unwrap_or_else(|| name.to_owned()));
    let addressed = list(input, "directUrls").filter_map(from_profile_url);
    named.chain(addressed).map(|name| name.to_ascii_lowercase()).collect()
}

fn list<'a>(input: &'a Value, field: &str) -> impl Iterator<Item = &'a str> {
    input.get(field).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn inputs_are_checked_as_the_actors_check_them() {
        assert!(Actor::Profiles.check(&json!({"usernames": ["a"], "resultsLimit": 1})).is_ok());
        for (actor, input) in [
            (Actor::Profiles, json!([])),
            (Actor::Profiles, json!({})),
            (Actor::Profiles, json!({"usernames": "a"})),
            (Actor::Profiles, json!({"usernames": []})),
            (Actor::Profiles, json!({"usernames": [1]})),
            (Actor::Posts, json!({"directUrls": ["https://www.instagram.com/a"], "resultsType": "likes"})),
            (Actor::Posts, json!({"directUrls": ["https://www.instagram.com/a"], "resultsLimit": 0})),
        ] {
            assert!(actor.check(&input).is_err(), "{input}");
        }
        for (date, is_date) in [
            (json!("2026-11-20"), true),
            (json!("2026-11-20T12:00"), true),
            (json!("2026-11-20T12:00:00.000Z"), true),
            (json!("2 days"), false),
            (json!("yesterday"), false),
            (json!("2026-13-20"), false),
            (json!(1_763_640_000), false),
        ] {
            let input = json!({"directUrls": ["https://www.instagram.com/a"], "onlyPostsNewerThan": date});
            assert_eq!(Actor::Posts.check(&input).is_ok(), is_date, "{date}");
        }
    }

    #[test]
    fn usernames_are_found_in_both_actors_inputs() {
        let input = json!({"usernames": ["NASA", "https://www.instagram.com/Avengers/"]});
        assert_eq!(usernames(&input), ["nasa", "avengers"]);
        let input = json!({"directUrls": ["https://www.instagram.com/Some.Body/", "https://www.instagram.com/p/X/"]});
        assert_eq!(usernames(&input), ["some.body"]);
    }

    #[test]
    fn actors_are_found_by_id_and_both_spellings() {
        assert_eq!(Actor::find("apify~instagram-scraper").unwrap(), Actor::Posts);
        assert_eq!(Actor::find("apify/instagram-profile-scraper").unwrap(), Actor::Profiles);
        assert_eq!(Actor::find("dSCLg0C3YEZ83HzYX").unwrap(), Actor::Profiles);
        assert!(Actor::find("apify~other").is_err());
    }
}
