//! Which actors scrape, and what they cost: settings of a deployment, because Apify's prices depend on the plan, and an
//! actor's owner may change them.

use std::{fmt, str::FromStr};

use super::{POSTS_ACTOR, PROFILE_ACTOR};

const ACTOR_BYTES_MAX: usize = 128;
/// Above this a price is a slip of the pen: an item costs parts of a cent.
const PRICE_MICROUSD_MAX: u64 = 1_000_000;
/// Well below what Apify's smallest plan allows, so that other work of the account finds room.
const RUNS_MAX: usize = 10;
/// Apify's largest plan allows so many (docs.apify.com/platform/limits, 2026).
const RUNS_MAX_OF_ANY_PLAN: usize = 256;
/// A millionth of a dollar, the unit in which costs are recorded.
const DECIMALS_MAX: usize = 6;

/// How a deployment scrapes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScraperSettings {
    /// `APIFY_PROFILE_ACTOR`: takes and gives what `apify/instagram-profile-scraper` does.
    pub profile_actor: ActorName,
    /// `APIFY_POSTS_ACTOR`: takes and gives what `apify/instagram-scraper` does.
    pub posts_actor: ActorName,
    /// `APIFY_PRICE_PER_RESULT_USD`: what an item costs where the actor run itself does not tell.
    pub price_per_result_microusd: Option<u64>,
    /// `APIFY_TIER`: which of the prices that an actor run tells is ours.
    pub tier: Tier,
    /// `APIFY_MAX_CONCURRENT`: how many actor runs may be under way at once, over all accounts.
    pub runs_max: usize,
}

impl Default for ScraperSettings {
    fn default() -> Self {
        let actor = |name: &str| ActorName(name.to_owned());
        Self {
            profile_actor: actor(PROFILE_ACTOR),
            posts_actor: actor(POSTS_ACTOR),
            price_per_result_microusd: None,
            tier: Tier::Free,
            runs_max: RUNS_MAX,
        }
    }
}

impl ScraperSettings {
    /// The settings and their faults. What is not set, or not valid, keeps its default.
    #[must_use]
    pub fn read(text: impl Fn(&str) -> String) -> (Self, Vec<String>) {
        let (mut settings, mut faults) = (Self::default(), vec![]);
        set(&mut settings.profile_actor, "APIFY_PROFILE_ACTOR", &text, str::parse, &mut faults);
        set(&mut settings.posts_actor, "APIFY_POSTS_ACTOR", &text, str::parse, &mut faults);
        set(&mut settings.tier, "APIFY_TIER", &text, str::parse, &mut faults);
        set(&mut settings.runs_max, "APIFY_MAX_CONCURRENT", &text, runs_max, &mut faults);
        let price = |text: &str| price_microusd(text).map(Some);
        set(&mut settings.price_per_result_microusd, "APIFY_PRICE_PER_RESULT_USD", &text, price, &mut faults);
        (settings, faults)
    }
}

fn set<T>(
    setting: &mut T,
    name: &str,
    text: impl Fn(&str) -> String,
    parse: impl Fn(&str) -> Result<T, Unsuitable>,
    faults: &mut Vec<String>,
) {
    match text(name).as_str() {
        "" => {}
        text => match parse(text) {
            Ok(value) => *setting = value,
            Err(why) => faults.push(format!("{name} takes {why}")),
        },
    }
}

/// What a setting takes; never the value that it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unsuitable(&'static str);

/// An actor as the paths of Apify's API name it: `user~name`, or its id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActorName(String);

impl ActorName {
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ActorName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for ActorName {
    type Err = Unsuitable;

    /// Takes `user/name` too, as Apify's pages write it.
    fn from_str(text: &str) -> Result<Self, Unsuitable> {
        let name = text.replace('/', "~");
        let is_word = |part: &str| {
            !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte))
        };
        let parts: Vec<&str> = name.split('~').collect();
        let is_name = name.len() <= ACTOR_BYTES_MAX && parts.len() <= 2 && parts.into_iter().all(is_word);
        is_name.then_some(Self(name)).ok_or(Unsuitable("an actor: user/name, user~name or its id"))
    }
}

/// The discount that a plan of Apify's has in its store, from none on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tier {
    Free,
    Bronze,
    Silver,
    Gold,
}

impl Tier {
    const ALL: [Self; 4] = [Self::Free, Self::Bronze, Self::Silver, Self::Gold];

    /// As a run's `pricingInfo` names it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Free => "FREE",
            Self::Bronze => "BRONZE",
            Self::Silver => "SILVER",
            Self::Gold => "GOLD",
        }
    }

    /// This tier and those with less discount, the next one first.
    pub(super) fn and_dearer(self) -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().rev().filter(move |tier| *tier <= self)
    }
}

impl FromStr for Tier {
    type Err = Unsuitable;

    fn from_str(text: &str) -> Result<Self, Unsuitable> {
        let found = Self::ALL.into_iter().find(|tier| tier.as_str() == text);
        found.ok_or(Unsuitable("FREE, BRONZE, SILVER or GOLD"))
    }
}

fn runs_max(text: &str) -> Result<usize, Unsuitable> {
    let runs = text.parse().ok().filter(|runs| (1..=RUNS_MAX_OF_ANY_PLAN).contains(runs));
    runs.ok_or(Unsuitable("a whole number from 1 to 256"))
}

/// Dollars as a decimal number, read exactly: a float would make of 0.0027 a little less.
fn price_microusd(text: &str) -> Result<u64, Unsuitable> {
    let unsuitable = Unsuitable("dollars above 0 and up to 1, with at most six decimals, such as 0.0027");
    let (whole, decimals) = text.split_once('.').unwrap_or((text, "0"));
    let is_number = |digits: &str| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number(whole) || !is_number(decimals) || decimals.len() > DECIMALS_MAX {
        return Err(unsuitable);
    }
    let digits = format!("{whole}{decimals:0<DECIMALS_MAX$}");
    let price = digits.parse().ok().filter(|price| (1..=PRICE_MICROUSD_MAX).contains(price));
    price.ok_or(unsuitable)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(set: &[(&str, &str)]) -> (ScraperSettings, Vec<String>) {
        let of = |name: &str| set.iter().find(|(other, _)| *other == name).map(|(_, value)| (*value).to_owned());
        ScraperSettings::read(|name| of(name).unwrap_or_default())
    }

    #[test]
    fn what_is_not_set_is_the_usual_actor_at_the_price_of_the_smallest_plan() {
        let (settings, faults) = read(&[]);
        assert_eq!((&settings, faults), (&ScraperSettings::default(), vec![]));
        assert_eq!(settings.profile_actor.as_str(), "apify~instagram-profile-scraper");
        assert_eq!(settings.posts_actor.as_str(), "apify~instagram-scraper");
        assert_eq!((settings.price_per_result_microusd, settings.tier, settings.runs_max), (None, Tier::Free, 10));
    }

    #[test]
    fn every_setting_is_read() {
        let (settings, faults) = read(&[
            ("APIFY_PROFILE_ACTOR", "some-one/pro.files"),
            ("APIFY_POSTS_ACTOR", "shu8hvrXbJbY3Eb9W"),
            ("APIFY_PRICE_PER_RESULT_USD", "0.0023"),
            ("APIFY_TIER", "SILVER"),
            ("APIFY_MAX_CONCURRENT", "25"),
        ]);
        assert_eq!(settings.runs_max, 25);
        assert_eq!(faults, [""; 0]);
        assert_eq!(settings.profile_actor.to_string(), "some-one~pro.files");
        assert_eq!(settings.posts_actor.to_string(), "shu8hvrXbJbY3Eb9W");
        assert_eq!((settings.price_per_result_microusd, settings.tier), (Some(2_300), Tier::Silver));
    }

    #[test]
    fn prices_are_read_to_the_millionth_of_a_dollar() {
        for (text, price) in
            [("0.0027", 2_700), ("0.000001", 1), ("1", 1_000_000), ("1.000000", 1_000_000), ("0.5", 500_000)]
        {
            assert_eq!(price_microusd(text), Ok(price), "{text}");
        }
    }

    #[test]
    fn what_is_not_valid_is_a_fault_that_names_the_setting_and_keeps_the_default() {
        let actor = "takes an actor: user/name, user~name or its id";
        let price = "takes dollars above 0 and up to 1, with at most six decimals, such as 0.0027";
        let tier = "takes FREE, BRONZE, SILVER or GOLD";
        let long = "a".repeat(ACTOR_BYTES_MAX + 1);
        for (name, values, takes) in [
            ("APIFY_PROFILE_ACTOR", &["a/b/c", "/b", "a~", "some one/x", "a/b?token=1", "pröfil", &long][..], actor),
            ("APIFY_POSTS_ACTOR", &["../x/y", "a b"][..], actor),
            (
                "APIFY_PRICE_PER_RESULT_USD",
                &["0", "0.0", "-1", "2", "1.000001", "0.0000001", "1e-3", ".5", "5.", "$1"],
                price,
            ),
            ("APIFY_TIER", &["free", "PLATINUM", "BRONZE "], tier),
            ("APIFY_MAX_CONCURRENT", &["0", "257", "-1", "ten", "1.5"], "takes a whole number from 1 to 256"),
        ] {
            for value in values {
                let (settings, faults) = read(&[(name, value)]);
                assert_eq!(faults, [format!("{name} {takes}")], "{value}");
                assert_eq!(settings, ScraperSettings::default(), "{value}");
            }
        }
    }
}
