//! Saved filters: queries of the leads that an account keeps by a name.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{LeadQuery, RawLeadQuery, query::InvalidQuery};
use crate::shared::{
    ids::{LeadFilterId, UserId},
    texts::line,
};

/// The name of a filter: one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilterName(String);

impl FilterName {
    pub const CHARS_MAX: usize = 80;

    /// Trims and checks.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        line(text, Self::CHARS_MAX).map(Self)
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The parameters of `GET /leads`, with the values that it takes; what is absent is no filter.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SavedQuery {
    #[serde(skip_serializing_if = "Option::is_none")]
    business_profile_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    score_min: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    score_max: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    analysis_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stale: Option<bool>,
    /// Several with commas between: any of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<String>,
    /// Several with commas between: all of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    tag: Option<String>,
    /// `me` is whoever looks, not whoever saved the filter.
    #[serde(skip_serializing_if = "Option::is_none")]
    owner: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    q: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sort: Option<String>,
}

impl SavedQuery {
    /// Checks the parameters as `GET /leads` does, and writes them in one form.
    ///
    /// # Errors
    /// [`InvalidQuery`] for the first parameter that is wrong.
    pub fn checked(self) -> Result<Self, InvalidQuery> {
        let raw = RawLeadQuery {
            business_profile_id: self.business_profile_id,
            score_min: self.score_min.map(|score| score.to_string()),
            score_max: self.score_max.map(|score| score.to_string()),
            analysis_type: self.analysis_type,
            stale: self.stale.map(|stale| stale.to_string()),
            status: self.status,
            tag: self.tag,
            owner: self.owner,
            q: self.q,
            sort: self.sort,
        };
        LeadQuery::try_from(raw).map(Self::from)
    }
}

impl From<LeadQuery> for SavedQuery {
    fn from(LeadQuery { filter, sort }: LeadQuery) -> Self {
        let list = |texts: Vec<&str>| (!texts.is_empty()).then(|| texts.join(","));
        Self {
            business_profile_id: filter.business_profile_id.map(|id| id.to_string()),
            score_min: filter.score_min,
            score_max: filter.score_max,
            analysis_type: filter.analysis_type.map(|kind| kind.as_str().to_owned()),
            stale: filter.stale,
            status: list(filter.statuses.iter().map(|status| status.as_str()).collect()),
            tag: list(filter.tags.iter().collect()),
            owner: filter.owner.map(|owner| owner.to_string()),
            q: filter.text.map(|text| text.as_str().to_owned()),
            sort: Some(sort.as_str().to_owned()),
        }
    }
}

/// A filter to be saved.
#[derive(Debug, Clone)]
pub struct NewFilter {
    pub name: FilterName,
    pub query: SavedQuery,
}

/// A query of the leads that an account keeps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SavedFilter {
    /// Its id.
    pub id: LeadFilterId,
    pub name: String,
    /// What to send to `GET /leads`, or to `GET /leads/export.csv`.
    pub query: SavedQuery,
    /// Who saved it: a user, or a key.
    pub created_by: UserId,
    /// Raised by every change.
    pub version: i32,
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// What became of saving a filter, or of a change to one.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum FilterOutcome {
    #[serde(rename = "ok")]
    Done {
        filter: Box<SavedFilter>,
    },
    NotFound,
    /// Another filter has this name.
    NameTaken,
    /// It has another version than the change is meant for.
    OtherVersion {
        version: i32,
    },
    /// The account has as many as an account may have.
    FilterLimit {
        of_account_max: u32,
    },
    /// No more is written down today.
    Limit {
        daily_max: u32,
        retry_after_s: u32,
    },
    Forbidden,
}

/// What became of deleting one.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum FilterDeletion {
    /// A repeat answers the time of the first deletion.
    Deleted {
        deleted_at: Timestamp,
    },
    NotFound,
    Forbidden,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(query: serde_json::Value) -> Result<serde_json::Value, &'static str> {
        let query: SavedQuery = serde_json::from_value(query).unwrap();
        query.checked().map(|query| serde_json::to_value(query).unwrap()).map_err(|error| error.parameter)
    }

    #[test]
    fn a_query_is_checked_as_the_list_checks_it_and_has_one_form() {
        let given = serde_json::json!({
            "status": " replied,new,new ", "tag": "VIP, Berlin", "owner": "me", "score_min": 70, "stale": false, "q": " cake "
        });
        let saved = serde_json::json!({
            "status": "new,replied", "tag": "berlin,vip", "owner": "me", "score_min": 70, "stale": false, "q": "cake",
            "sort": "newest"
        });
        assert_eq!(checked(given), Ok(saved.clone()));
        assert_eq!(checked(saved.clone()), Ok(saved), "its own form");
        for (query, parameter) in [
            (serde_json::json!({ "status": "open" }), "status"),
            (serde_json::json!({ "owner": "you" }), "owner"),
            (serde_json::json!({ "score_min": 60, "score_max": 50 }), "score_max"),
            (serde_json::json!({ "tag": "x".repeat(31) }), "tag"),
        ] {
            assert_eq!(checked(query), Err(parameter));
        }
    }
}
