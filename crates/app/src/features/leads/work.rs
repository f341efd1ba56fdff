//! What people do with a lead: how far they are, whose it is, which tags it has, and who did what when.

use std::collections::BTreeSet;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization as _;

use crate::shared::{
    characters::{Sort, is_blank, sort},
    ids::{LeadId, UserId},
};

/// How far the work with a lead is, or how it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LeadStatus {
    /// Nobody has written to them.
    New,
    /// Somebody has.
    Contacted,
    /// They have answered.
    Replied,
    /// They could become a customer.
    Qualified,
    /// They became one; the lead's outcome says so too.
    Won,
    /// They did not; the lead's outcome is `lost` or `wrong`.
    Lost,
}

impl LeadStatus {
    pub const ALL: [Self; 6] = [Self::New, Self::Contacted, Self::Replied, Self::Qualified, Self::Won, Self::Lost];

    /// As the API writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Contacted => "contacted",
            Self::Replied => "replied",
            Self::Qualified => "qualified",
            Self::Won => "won",
            Self::Lost => "lost",
        }
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == text)
    }
}

/// A word or two that leads are sorted by: in small letters, without a comma.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Tag(String);

impl Tag {
    pub const CHARS_MAX: usize = 30;

    /// Writes blanks as one, letters small, and checks.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let words: Vec<&str> = text.split_whitespace().collect();
        let tag: String = words.join(" ").to_lowercase().nfc().collect();
        let may_hold = |c: char| c == ' ' || c != ',' && matches!(sort(c), Sort::Visible | Sort::Joiner);
        let valid = !is_blank(&tag) && tag.chars().all(may_hold) && tag.chars().count() <= Self::CHARS_MAX;
        valid.then_some(Self(tag))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The tags of a lead, each once.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Tags(BTreeSet<Tag>);

impl Tags {
    pub const COUNT_MAX: usize = 10;

    #[must_use]
    pub fn parse<'a>(texts: impl IntoIterator<Item = &'a str>) -> Option<Self> {
        let tags = texts.into_iter().map(Tag::parse).collect::<Option<BTreeSet<_>>>()?;
        (tags.len() <= Self::COUNT_MAX).then_some(Self(tags))
    }

    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(Tag::as_str)
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The work with a lead as it is now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Work {
    /// The lead.
    pub lead_id: LeadId,
    pub status: LeadStatus,
    /// A person of the account; null for nobody.
    pub owner_id: Option<UserId>,
    pub tags: Vec<Tag>,
}

/// What is to change; what is absent stays.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct WorkChanges {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<LeadStatus>,
    /// `Some(None)`: nobody.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner_id: Option<Option<UserId>>,
    /// All of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tags: Option<Tags>,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum WorkOutcome {
    /// The lead is so, by this request or an earlier one.
    #[serde(rename = "ok")]
    Done { work: Work },
    /// The account has no such lead.
    NotFound,
    /// The owner is to be somebody who is no person of the account.
    OwnerNotMember,
    /// The account has made all the changes of leads of this UTC day.
    Limit { daily_max: u32, retry_after_s: u32 },
    /// The account has made all the marks of this UTC day, and this would be one more.
    OutcomeLimit { daily_max: u32, retry_after_s: u32 },
}

/// Something that was done to a lead.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LeadAction {
    pub id: i64,
    /// Who did it: a user, or a key; null when nobody did.
    pub actor_id: Option<UserId>,
    /// `status_changed`, `outcome_marked`, `owner_changed`, `owner_left` (the account), `tags_changed`, `note_added`,
    /// `note_changed` or `note_deleted`.
    pub action: String,
    /// From what to what; of a note its id, and never its text.
    pub details: serde_json::Value,
    pub at: Timestamp,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_tag_has_one_form() {
        for (text, tag) in [
            ("VIP", Some("vip")),
            ("  Q3 \t  2026 ", Some("q3 2026")),
            ("Mu\u{308}nchen", Some("münchen")),
            ("料理", Some("料理")),
            ("👩‍🍳 chefs", Some("👩‍🍳 chefs")),
            ("", None),
            ("\u{2800}", None),
            ("a,b", None),
            ("a\u{0}b", None),
            ("a\u{202e}b", None),
        ] {
            assert_eq!(Tag::parse(text).as_ref().map(Tag::as_str), tag, "{text:?}");
        }
        assert!(Tag::parse(&"x".repeat(Tag::CHARS_MAX)).is_some() && Tag::parse(&"x".repeat(31)).is_none());
    }

    #[test]
    fn tags_are_each_once_and_not_too_many() {
        let tags = Tags::parse(["VIP", "vip", "Berlin"]).unwrap();
        assert_eq!(tags.iter().collect::<Vec<_>>(), ["berlin", "vip"]);
        let many: Vec<String> = (0..11).map(|number| format!("tag {number}")).collect();
        assert!(Tags::parse(many.iter().map(String::as_str)).is_none());
        assert!(Tags::parse(many.iter().take(10).map(String::as_str)).is_some());
    }

    proptest! {
        #![proptest_config(crate::property::config())]

        #[test]
        fn a_tag_is_its_own_form_and_fits_the_table(text in r"\PC{0,40}|[A-Za-z ,\t]{0,40}") {
            if let Some(tag) = Tag::parse(&text) {
                prop_assert_eq!(Tag::parse(tag.as_str()), Some(tag.clone()));
                let tag = tag.as_str();
                prop_assert!((1..=30).contains(&tag.chars().count()) && tag.trim() == tag && !tag.contains(','));
            }
        }
    }
}
