//! From a JSON body to a new business profile or to changes of one. Every refusal names the field and what it takes. An
//! unknown field is refused too: a misspelt criterion that is silently dropped costs credits later.

use serde::Serialize;
use serde_json::{Map, Value};

use super::fields::{BusinessName, Description, Followers, Keywords, Percent, Phrases, ProofPoints, Takes, Voice};
use crate::http::whole_number;

/// What is wrong with a body.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidBusinessProfile {
    /// A field holds something it does not take.
    #[error("{field} takes {takes}.")]
    Field {
        /// Its path, such as `ideal_customer.follower_min`.
        field: &'static str,
        /// What to send.
        takes: &'static str,
    },
    /// There is no such field.
    #[error("{field} is not a field that can be set; these can: {known}.")]
    Unknown {
        /// Its path, as it was sent.
        field: String,
        /// The fields that exist, separated by commas.
        known: &'static str,
    },
}

/// `None`: the field is absent, leave it as it is. `Some(None)`: it is null, clear it.
type Change<T> = Option<Option<T>>;

/// Changes of a profile, with the semantics of JSON merge patch (RFC 7396): what is absent stays, null clears.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct BusinessProfileChanges {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<BusinessName>,
    #[serde(skip_serializing_if = "Option::is_none")]
    offering: Option<Description>,
    #[serde(skip_serializing_if = "Option::is_none")]
    target_audience: Option<Description>,
    #[serde(skip_serializing_if = "Option::is_none")]
    voice: Change<Voice>,
    #[serde(skip_serializing_if = "Option::is_none")]
    do_not_say: Option<Phrases>,
    #[serde(skip_serializing_if = "Option::is_none")]
    competitors: Option<Phrases>,
    #[serde(skip_serializing_if = "Option::is_none")]
    proof_points: Option<ProofPoints>,
    #[serde(skip_serializing_if = "Option::is_none")]
    follower_min: Change<Followers>,
    #[serde(skip_serializing_if = "Option::is_none")]
    follower_max: Change<Followers>,
    #[serde(skip_serializing_if = "Option::is_none")]
    engagement_rate_min_percent: Change<Percent>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_themes: Option<Keywords>,
    #[serde(skip_serializing_if = "Option::is_none")]
    geographies: Option<Keywords>,
}

/// A whole profile that does not exist yet. Its serialised form is what an idempotency key is bound to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NewBusinessProfile {
    name: BusinessName,
    offering: Description,
    target_audience: Description,
    voice: Option<Voice>,
    do_not_say: Phrases,
    competitors: Phrases,
    proof_points: ProofPoints,
    follower_min: Option<Followers>,
    follower_max: Option<Followers>,
    engagement_rate_min_percent: Option<Percent>,
    content_themes: Keywords,
    geographies: Keywords,
}

const NAME: &str = "name";
const OFFERING: &str = "offering";
const TARGET_AUDIENCE: &str = "target_audience";
const VOICE: &str = "voice";
const DO_NOT_SAY: &str = "do_not_say";
const COMPETITORS: &str = "competitors";
const PROOF_POINTS: &str = "proof_points";
const IDEAL_CUSTOMER: &str = "ideal_customer";
const KNOWN: &str = "name, offering, target_audience, voice, do_not_say, competitors, proof_points, ideal_customer";
const KNOWN_OF_CUSTOMER: &str = "follower_min, follower_max, engagement_rate_min_percent, content_themes, geographies";

impl BusinessProfileChanges {
    /// Reads a merge patch.
    ///
    /// # Errors
    /// [`InvalidBusinessProfile`] for the first field that is wrong.
    pub fn parse(body: Map<String, Value>) -> Result<Self, InvalidBusinessProfile> {
        let mut changes = Self::default();
        for (field, value) in body {
            match field.as_str() {
                NAME => changes.name = Some(text(NAME, &value, BusinessName::parse)?),
                OFFERING => changes.offering = Some(text(OFFERING, &value, Description::parse)?),
                TARGET_AUDIENCE => changes.target_audience = Some(text(TARGET_AUDIENCE, &value, Description::parse)?),
                VOICE => changes.voice = Some(voice(&value)?),
                DO_NOT_SAY => changes.do_not_say = Some(phrases(DO_NOT_SAY, &value)?),
                COMPETITORS => changes.competitors = Some(phrases(COMPETITORS, &value)?),
                PROOF_POINTS => {
                    changes.proof_points = Some(list(PROOF_POINTS, &value, ProofPoints::TAKES, ProofPoints::parse)?);
                }
                IDEAL_CUSTOMER => changes.customer(value)?,
                _ => return Err(InvalidBusinessProfile::Unknown { field, known: KNOWN }),
            }
        }
        changes.check_range()?;
        Ok(changes)
    }

    fn customer(&mut self, value: Value) -> Result<(), InvalidBusinessProfile> {
        let criteria = match value {
            Value::Object(criteria) => criteria,
            Value::Null => {
                self.clear_customer();
                return Ok(());
            }
            _ => return Err(refuse(IDEAL_CUSTOMER, Takes("an object of criteria, or null for none"))),
        };
        for (field, value) in criteria {
            match field.as_str() {
                "follower_min" => self.follower_min = Some(followers("ideal_customer.follower_min", &value)?),
                "follower_max" => self.follower_max = Some(followers("ideal_customer.follower_max", &value)?),
                "engagement_rate_min_percent" => self.engagement_rate_min_percent = Some(percent(&value)?),
                "content_themes" => self.content_themes = Some(keywords("ideal_customer.content_themes", &value)?),
                "geographies" => self.geographies = Some(keywords("ideal_customer.geographies", &value)?),
                _ => {
                    let field = format!("{IDEAL_CUSTOMER}.{field}");
                    return Err(InvalidBusinessProfile::Unknown { field, known: KNOWN_OF_CUSTOMER });
                }
            }
        }
        Ok(())
    }

    fn clear_customer(&mut self) {
        self.follower_min = Some(None);
        self.follower_max = Some(None);
        self.engagement_rate_min_percent = Some(None);
        self.content_themes = Some(Keywords::default());
        self.geographies = Some(Keywords::default());
    }

    /// Compares the limits if the body has both; a single one is compared with the stored other by the database.
    fn check_range(&self) -> Result<(), InvalidBusinessProfile> {
        match (self.follower_min.flatten(), self.follower_max.flatten()) {
            (Some(min), Some(max)) if min > max => Err(InvalidBusinessProfile::follower_range()),
            _ => Ok(()),
        }
    }
}

impl NewBusinessProfile {
    /// Reads a whole profile; what may be left out is empty then, and criteria of the ideal customer do not apply.
    ///
    /// # Errors
    /// [`InvalidBusinessProfile`] for the first field that is wrong or missing.
    pub fn parse(body: Map<String, Value>) -> Result<Self, InvalidBusinessProfile> {
        let fields = BusinessProfileChanges::parse(body)?;
        // A missing field is parsed as null, which gives the refusal that names the field and what it takes.
        Ok(Self {
            name: fields.name.map_or_else(|| text(NAME, &Value::Null, BusinessName::parse), Ok)?,
            offering: fields.offering.map_or_else(|| text(OFFERING, &Value::Null, Description::parse), Ok)?,
            target_audience: fields
                .target_audience
                .map_or_else(|| text(TARGET_AUDIENCE, &Value::Null, Description::parse), Ok)?,
            voice: fields.voice.flatten(),
            do_not_say: fields.do_not_say.unwrap_or_default(),
            competitors: fields.competitors.unwrap_or_default(),
            proof_points: fields.proof_points.unwrap_or_default(),
            follower_min: fields.follower_min.flatten(),
            follower_max: fields.follower_max.flatten(),
            engagement_rate_min_percent: fields.engagement_rate_min_percent.flatten(),
            content_themes: fields.content_themes.unwrap_or_default(),
            geographies: fields.geographies.unwrap_or_default(),
        })
    }
}

impl InvalidBusinessProfile {
    /// `follower_min` is greater than `follower_max`.
    #[must_use]
    pub const fn follower_range() -> Self {
        Self::Field {
            field: "ideal_customer.follower_max",
            takes: "a number that is not below ideal_customer.follower_min",
        }
    }

    #[must_use]
    pub fn field(&self) -> &str {
        match self {
            Self::Field { field, .. } => field,
            Self::Unknown { field, .. } => field,
        }
    }
}

const fn refuse(field: &'static str, takes: Takes) -> InvalidBusinessProfile {
    InvalidBusinessProfile::Field { field, takes: takes.0 }
}

fn text<T>(
    field: &'static str,
    value: &Value,
    parse: impl Fn(&str) -> Result<T, Takes>,
) -> Result<T, InvalidBusinessProfile> {
    // A value that is not a string is refused like an empty one.
    parse(value.as_str().unwrap_or_default()).map_err(|takes| refuse(field, takes))
}

fn voice(value: &Value) -> Result<Option<Voice>, InvalidBusinessProfile> {
    if value.is_null() {
        return Ok(None);
    }
    text(VOICE, value, Voice::parse).map(Some)
}

fn followers(field: &'static str, value: &Value) -> Result<Option<Followers>, InvalidBusinessProfile> {
    if value.is_null() {
        return Ok(None);
    }
    let count = whole_number(value)
        .and_then(|count| u64::try_from(count).ok())
        .ok_or(Followers::TAKES)
        .and_then(Followers::parse);
    count.map(Some).map_err(|takes| refuse(field, takes))
}

fn percent(value: &Value) -> Result<Option<Percent>, InvalidBusinessProfile> {
    if value.is_null() {
        return Ok(None);
    }
    let percent = value.as_f64().ok_or(Percent::TAKES).and_then(Percent::parse);
    percent.map(Some).map_err(|takes| refuse("ideal_customer.engagement_rate_min_percent", takes))
}

fn keywords(field: &'static str, value: &Value) -> Result<Keywords, InvalidBusinessProfile> {
    list(field, value, Keywords::TAKES, Keywords::parse)
}

fn phrases(field: &'static str, value: &Value) -> Result<Phrases, InvalidBusinessProfile> {
    list(field, value, Phrases::TAKES, Phrases::parse)
}

fn list<'a, T: Default>(
    field: &'static str,
    value: &'a Value,
    takes: Takes,
    parse: impl Fn(Vec<&'a str>) -> Result<T, Takes>,
) -> Result<T, InvalidBusinessProfile> {
    let texts = match value {
        Value::Null => return Ok(T::default()),
        Value::Array(items) => items.iter().map(Value::as_str).collect::<Option<Vec<_>>>(),
        _ => None,
    };
    texts.ok_or(takes).and_then(parse).map_err(|takes| refuse(field, takes))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(value: Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    fn whole() -> Value {
        json!({
            "name": "Kernel Kitchen", "offering": "Meals.", "target_audience": "Runners.",
            "voice": "Short and warm.", "do_not_say": ["game-changer"], "competitors": ["Fast Food Club"],
            "proof_points": ["Delivers in 48 hours."],
            "ideal_customer": { "follower_min": 10, "follower_max": 10, "content_themes": ["running"] }
        })
    }

    #[test]
    fn a_whole_profile_is_read_and_the_rest_of_its_customer_is_empty() {
        let profile = NewBusinessProfile::parse(object(whole())).unwrap();
        assert_eq!(
            serde_json::to_value(&profile).unwrap(),
            json!({
                "name": "Kernel Kitchen", "offering": "Meals.", "target_audience": "Runners.",
                "voice": "Short and warm.", "do_not_say": ["game-changer"], "competitors": ["Fast Food Club"],
                "proof_points": ["Delivers in 48 hours."], "follower_min": 10, "follower_max": 10, "engagement_rate_min_percent": null,
                "content_themes": ["running"], "geographies": []
            })
        );
    }

    #[test]
    fn a_whole_number_may_be_written_with_a_fraction_of_nothing() {
        for (written, kept) in
            [("10", 10_u64), ("1000.0", 1_000), ("1e3", 1_000), ("0.0", 0), ("9007199254740992.0", 1 << 53)]
        {
            let value: Value = serde_json::from_str(written).unwrap();
            let changes = BusinessProfileChanges::parse(object(json!({ "ideal_customer": { "follower_min": value } })));
            assert_eq!(serde_json::to_value(changes.unwrap()).unwrap(), json!({ "follower_min": kept }), "{written}");
        }
        for written in ["1000.5", "-1.0", "1e300", "9007199254740994.0", "9223372036854775808"] {
            let value: Value = serde_json::from_str(written).unwrap();
            let changes = BusinessProfileChanges::parse(object(json!({ "ideal_customer": { "follower_min": value } })));
            assert_eq!(changes.unwrap_err().field(), "ideal_customer.follower_min", "{written}");
        }
    }

    #[test]
    fn every_refusal_names_its_field() {
        let cases = [
            ("/name", json!(""), "name"),
            ("/name", json!(7), "name"),
            ("/offering", json!(null), "offering"),
            ("/target_audience", json!(["x"]), "target_audience"),
            ("/voice", json!(""), "voice"),
            ("/voice", json!(["x"]), "voice"),
            ("/do_not_say", json!("x"), "do_not_say"),
            ("/do_not_say", json!(["x", " "]), "do_not_say"),
            ("/competitors", json!(["x", 7]), "competitors"),
            ("/competitors", json!(["x".repeat(81)]), "competitors"),
            ("/proof_points", json!({ "x": "y" }), "proof_points"),
            ("/proof_points", json!(["x".repeat(201)]), "proof_points"),
            ("/ideal_customer", json!("x"), "ideal_customer"),
            ("/ideal_customer/follower_min", json!(-1), "ideal_customer.follower_min"),
            ("/ideal_customer/follower_min", json!(1.5), "ideal_customer.follower_min"),
            ("/ideal_customer/follower_min", json!("7"), "ideal_customer.follower_min"),
            ("/ideal_customer/follower_min", json!(11), "ideal_customer.follower_max"),
            ("/ideal_customer/follower_max", json!(9), "ideal_customer.follower_max"),
            ("/ideal_customer/content_themes", json!("x"), "ideal_customer.content_themes"),
            ("/ideal_customer/content_themes", json!(["x", null]), "ideal_customer.content_themes"),
        ];
        for (place, value, field) in cases {
            let mut body = whole();
            *body.pointer_mut(place).unwrap() = value.clone();
            let refused = NewBusinessProfile::parse(object(body)).unwrap_err();
            assert_eq!(refused.field(), field, "{place} = {value}");
            assert!(refused.to_string().starts_with(&format!("{field} takes ")), "{refused}");
        }
        for field in ["name", "offering", "target_audience"] {
            let mut body = object(whole());
            body.remove(field);
            assert_eq!(NewBusinessProfile::parse(body).unwrap_err().field(), field, "missing");
        }
    }

    #[test]
    fn a_misspelt_field_is_refused_with_those_there_are() {
        for (body, field) in [
            (json!({ "nmae": "x" }), "nmae"),
            (json!({ "follower_min": 1 }), "follower_min"),
            (json!({ "ideal_customer": { "themes": [] } }), "ideal_customer.themes"),
            (json!({ "context_version": 1 }), "context_version"),
        ] {
            let refused = BusinessProfileChanges::parse(object(body)).unwrap_err();
            assert!(
                matches!(&refused, InvalidBusinessProfile::Unknown { field: named, .. } if named == field),
                "{refused:?}"
            );
        }
    }

    #[test]
    fn a_patch_keeps_absence_and_null_apart() {
        let patch = |body: Value| serde_json::to_value(BusinessProfileChanges::parse(object(body)).unwrap()).unwrap();
        assert_eq!(patch(json!({})), json!({}));
        assert_eq!(patch(json!({ "ideal_customer": {} })), json!({}));
        assert_eq!(
            patch(json!({ "name": "New", "ideal_customer": { "follower_min": null, "geographies": null } })),
            json!({ "name": "New", "follower_min": null, "geographies": [] })
        );
        assert_eq!(
            patch(json!({ "voice": null, "do_not_say": null, "competitors": null, "proof_points": null })),
            json!({ "voice": null, "do_not_say": [], "competitors": [], "proof_points": [] })
        );
        assert_eq!(
            patch(json!({ "ideal_customer": null })),
            json!({
                "follower_min": null, "follower_max": null, "engagement_rate_min_percent": null, "content_themes": [],
                "geographies": []
            })
        );
    }
}
