//! Which leads, and in which order: the query string parsed once, with a refusal that names the parameter.

use std::{collections::BTreeSet, fmt, str::FromStr};

use jiff::Timestamp;
use serde::Deserialize;

use super::{Lead, LeadStatus, Tags};
use crate::shared::{
    analysis_type::AnalysisType,
    clock::read_time,
    ids::{BusinessProfileId, LeadId, UserId},
    texts,
};

/// What is wrong with a query.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{parameter} takes {takes}.")]
pub struct InvalidQuery {
    pub parameter: &'static str,
    /// What to send.
    pub takes: &'static str,
}

/// A text to look for: one line, matched as it is, without wildcards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchText(String);

impl SearchText {
    pub const CHARS_MAX: usize = 100;

    /// Trims and checks. What nobody can see is no text: it would be found everywhere or nowhere.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        texts::line(text, Self::CHARS_MAX).map(Self)
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whose leads are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OwnerFilter {
    /// Those of whoever asks.
    Me,
    /// Those that belong to nobody.
    Nobody,
    Person(UserId),
}

impl OwnerFilter {
    fn parse(text: &str) -> Option<Self> {
        match text {
            "me" => Some(Self::Me),
            "none" => Some(Self::Nobody),
            id => id.parse().ok().map(Self::Person),
        }
    }
}

impl fmt::Display for OwnerFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Me => f.write_str("me"),
            Self::Nobody => f.write_str("none"),
            Self::Person(id) => id.fmt(f),
        }
    }
}

/// Which leads are asked for; an absent filter lets all pass.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LeadFilter {
    /// Of this business, deleted or not.
    pub business_profile_id: Option<BusinessProfileId>,
    pub score_min: Option<u8>,
    pub score_max: Option<u8>,
    /// With an analysis of this type.
    pub analysis_type: Option<AnalysisType>,
    /// Whose latest analysis is stale, or is not.
    pub stale: Option<bool>,
    /// With one of these statuses.
    pub statuses: BTreeSet<LeadStatus>,
    /// With all of these tags.
    pub tags: Tags,
    pub owner: Option<OwnerFilter>,
    /// With this text in username, display name or biography.
    pub text: Option<SearchText>,
}

/// The orders of the list, each from high to low and then by id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LeadSort {
    /// By when the lead was found.
    #[default]
    Newest,
    /// By how well it fits.
    Score,
    /// By when an analysis last changed it.
    Updated,
}

impl LeadSort {
    /// As the API writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Newest => "newest",
            Self::Score => "score",
            Self::Updated => "updated",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        [Self::Newest, Self::Score, Self::Updated].into_iter().find(|sort| sort.as_str() == text)
    }
}

/// A position in the list: the key of the order, and the id that settles ties.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeadCursor {
    /// The key; its kind is the order that the cursor belongs to.
    pub key: LeadKey,
    /// The last lead seen.
    pub id: LeadId,
}

/// What a list is ordered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeadKey {
    /// When it was found.
    Newest(Timestamp),
    Score(u8),
    /// When it last changed.
    Updated(Timestamp),
}

impl LeadCursor {
    /// The position of a lead in an order.
    #[must_use]
    pub const fn of(sort: LeadSort, lead: &Lead) -> Self {
        let key = match sort {
            LeadSort::Newest => LeadKey::Newest(lead.created_at),
            LeadSort::Score => LeadKey::Score(lead.score),
            LeadSort::Updated => LeadKey::Updated(lead.updated_at),
        };
        Self { key, id: lead.id }
    }

    /// The order it belongs to; in another order it would skip some leads and repeat others.
    #[must_use]
    pub const fn sort(self) -> LeadSort {
        match self.key {
            LeadKey::Newest(_) => LeadSort::Newest,
            LeadKey::Score(_) => LeadSort::Score,
            LeadKey::Updated(_) => LeadSort::Updated,
        }
    }
}

impl fmt::Display for LeadKey {
    /// The value alone, as the database reads it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Newest(at) | Self::Updated(at) => at.fmt(f),
            Self::Score(score) => score.fmt(f),
        }
    }
}

impl fmt::Display for LeadCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // None of the parts can contain the separator.
        write!(f, "{}|{}|{}", self.sort().as_str(), self.key, self.id)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a cursor of the leads")]
pub struct InvalidCursor;

impl FromStr for LeadCursor {
    type Err = InvalidCursor;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = text.split('|');
        let (Some(sort), Some(key), Some(id), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
            return Err(InvalidCursor);
        };
        let key = match LeadSort::parse(sort).ok_or(InvalidCursor)? {
            LeadSort::Newest => LeadKey::Newest(read_time(key).ok_or(InvalidCursor)?),
            LeadSort::Score => LeadKey::Score(key.parse().map_err(|_| InvalidCursor)?),
            LeadSort::Updated => LeadKey::Updated(read_time(key).ok_or(InvalidCursor)?),
        };
        Ok(Self { key, id: id.parse().map_err(|_| InvalidCursor)? })
    }
}

/// The query string as it was sent. An empty value is no filter: a form sends one for every box that is left empty.
#[derive(Debug, Default, Deserialize)]
pub struct RawLeadQuery {
    pub(super) business_profile_id: Option<String>,
    pub(super) score_min: Option<String>,
    pub(super) score_max: Option<String>,
    pub(super) analysis_type: Option<String>,
    pub(super) stale: Option<String>,
    pub(super) status: Option<String>,
    pub(super) tag: Option<String>,
    pub(super) owner: Option<String>,
    pub(super) q: Option<String>,
    pub(super) sort: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LeadQuery {
    pub filter: LeadFilter,
    pub sort: LeadSort,
}

impl TryFrom<RawLeadQuery> for LeadQuery {
    type Error = InvalidQuery;

    fn try_from(raw: RawLeadQuery) -> Result<Self, Self::Error> {
        let score = |text: &str| text.parse::<u8>().ok().filter(|score| *score <= 100);
        const SCORE: &str = "a whole number from 0 to 100";
        const STATUS: &str = "new, contacted, replied, qualified, won or lost, several with commas between";
        const TAG: &str = "up to 10 tags of 1 to 30 visible characters, with commas between";
        let filter = LeadFilter {
            business_profile_id: read_business_profile(raw.business_profile_id)?,
            score_min: read("score_min", raw.score_min, SCORE, score)?,
            score_max: read("score_max", raw.score_max, SCORE, score)?,
            analysis_type: read("analysis_type", raw.analysis_type, "a type of analysis, such as LIGHT", |text| {
                text.parse().ok()
            })?,
            stale: read("stale", raw.stale, "true or false", |text| text.parse().ok())?,
            statuses: read("status", raw.status, STATUS, |text| {
                text.split(',').map(str::trim).map(LeadStatus::parse).collect()
            })?
            .unwrap_or_default(),
            tags: read("tag", raw.tag, TAG, |text| Tags::parse(text.split(',')))?.unwrap_or_default(),
            owner: read("owner", raw.owner, "me, none, or the id of a member", OwnerFilter::parse)?,
            text: read("q", raw.q, "one line of visible text of at most 100 characters", SearchText::parse)?,
        };
        if filter.score_min.zip(filter.score_max).is_some_and(|(min, max)| min > max) {
            return Err(InvalidQuery { parameter: "score_max", takes: "a number that is not below score_min" });
        }
        let sort = read("sort", raw.sort, "newest, score or updated", LeadSort::parse)?;
        Ok(Self { filter, sort: sort.unwrap_or_default() })
    }
}

/// Which outcomes are asked for, as it was sent.
#[derive(Debug, Default, Deserialize)]
pub struct RawOutcomeQuery {
    business_profile_id: Option<String>,
}

/// Which outcomes are asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct OutcomeQuery {
    /// Of leads of this business, deleted or not.
    pub business_profile_id: Option<BusinessProfileId>,
}

impl TryFrom<RawOutcomeQuery> for OutcomeQuery {
    type Error = InvalidQuery;

    fn try_from(raw: RawOutcomeQuery) -> Result<Self, Self::Error> {
        Ok(Self { business_profile_id: read_business_profile(raw.business_profile_id)? })
    }
}

fn read_business_profile(value: Option<String>) -> Result<Option<BusinessProfileId>, InvalidQuery> {
    read("business_profile_id", value, "the UUID of a business profile", |text| text.parse().ok())
}

fn read<T>(
    parameter: &'static str,
    value: Option<String>,
    takes: &'static str,
    parse: impl FnOnce(&str) -> Option<T>,
) -> Result<Option<T>, InvalidQuery> {
    match value.as_deref().map(str::trim) {
        None | Some("") => Ok(None),
        Some(text) => parse(text).map(Some).ok_or(InvalidQuery { parameter, takes }),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;
    use crate::shared::pagination::Cursor;

    fn raw() -> RawLeadQuery {
        RawLeadQuery::default()
    }

    #[test]
    fn a_query_is_read_and_an_empty_box_is_no_filter() {
        let query = LeadQuery::try_from(RawLeadQuery {
            score_min: Some("0".into()),
            score_max: Some("100".into()),
            stale: Some("false".into()),
            q: Some(" 100%_ ".into()),
            sort: Some("score".into()),
            business_profile_id: Some(String::new()),
            ..raw()
        });
        let query = query.unwrap();
        assert_eq!((query.filter.score_min, query.filter.score_max), (Some(0), Some(100)));
        assert_eq!((query.filter.stale, query.filter.business_profile_id), (Some(false), None));
        assert_eq!(query.filter.text.as_ref().map(SearchText::as_str), Some("100%_"));
        assert_eq!(query.sort, LeadSort::Score);
        assert_eq!(LeadQuery::try_from(raw()), Ok(LeadQuery::default()));
    }

    #[test]
    fn every_refusal_names_its_parameter() {
        let some = |text: &str| Some(text.to_owned());
        let cases = [
            ("business_profile_id", RawLeadQuery { business_profile_id: some("7"), ..raw() }),
            ("score_min", RawLeadQuery { score_min: some("-1"), ..raw() }),
            ("score_max", RawLeadQuery { score_max: some("101"), ..raw() }),
            ("score_max", RawLeadQuery { score_min: some("51"), score_max: some("50"), ..raw() }),
            ("analysis_type", RawLeadQuery { analysis_type: some("light"), ..raw() }),
            ("stale", RawLeadQuery { stale: some("yes"), ..raw() }),
            ("status", RawLeadQuery { status: some("won,"), ..raw() }),
            ("tag", RawLeadQuery { tag: some("a,,b"), ..raw() }),
            ("owner", RawLeadQuery { owner: some("nobody"), ..raw() }),
            ("q", RawLeadQuery { q: Some("x".repeat(101)), ..raw() }),
            ("q", RawLeadQuery { q: some("a\0b"), ..raw() }),
            ("sort", RawLeadQuery { sort: some("score desc"), ..raw() }),
        ];
        for (parameter, query) in cases {
            assert_eq!(LeadQuery::try_from(query).unwrap_err().parameter, parameter);
        }
    }

    proptest! {
        #[test]
        fn a_cursor_survives_the_round_trip(micros in 0_i64..4_000_000_000_000_000, score in 0_u8..=100, id: u128, kind in 0..3) {
            let at = Timestamp::from_microsecond(micros).unwrap();
            let key = match kind {
                0 => LeadKey::Newest(at),
                1 => LeadKey::Updated(at),
                _ => LeadKey::Score(score),
            };
            let cursor = LeadCursor { key, id: LeadId::new(Uuid::from_u128(id)) };
            prop_assert_eq!(Cursor::<LeadCursor>::decode(&Cursor(cursor).encode()), Some(Cursor(cursor)));
        }

        #[test]
        fn no_text_makes_the_cursor_reader_stumble(text: String) {
            let _ = Cursor::<LeadCursor>::decode(&text);
            let _ = text.parse::<LeadCursor>();
        }
    }
}
