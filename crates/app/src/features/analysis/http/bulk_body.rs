//! The list of a bulk: JSON, or the file itself.

use axum::{
    body::Bytes,
    extract::{FromRequest, Request, rejection::BytesRejection},
    http::{StatusCode, header},
};
use schemars::{JsonSchema, SchemaGenerator};
use serde::Deserialize;
use serde_json::Value;

use super::bulk_query::BulkQuery;
use crate::{
    features::analysis::{
        BulkOptions, BulkRequest, InvalidRequest, ListSource, NAMES_MAX,
        bulk::{InvalidList, names_in_list, names_in_text},
        codes::{INVALID_BULK_OPTION, LIST_TOO_LONG},
    },
    http::{
        ApiError, BODY_BYTES_MAX, ErrorCode, JsonBody, RequestBody,
        code::{BODY_TOO_LARGE, INVALID_QUERY, INVALID_REQUEST, UNREADABLE_BODY},
    },
    shared::{analysis_type::AnalysisType, ids::RunId},
};

const FRESH_DAYS_MAX: u32 = 365;
/// Media types of a list that is a file: some programs send a CSV file as one of the others.
const FILES: [&str; 4] = ["text/csv", "text/plain", "text/tab-separated-values", "application/vnd.ms-excel"];

/// A list with what is to be done with it. Exactly one of `usernames`, `csv`, `retry_of` and `stale_leads` says which.
#[derive(Deserialize, JsonSchema)]
// A guard that is spelled wrong must not be one that does not guard.
#[serde(deny_unknown_fields)]
pub struct BulkFields {
    /// Instagram usernames, `@username` or profile addresses. The first 100 different ones are used.
    usernames: Option<Vec<String>>,
    /// The text of a file, with or without a header; cells between commas, semicolons or tabs.
    csv: Option<String>,
    /// A bulk: its failed lines, again.
    #[schemars(with = "Option<uuid::Uuid>")]
    retry_of: Option<RunId>,
    /// The leads of the business profile whose analysis is stale, the best first.
    #[serde(default)]
    stale_leads: bool,
    /// The business profile to judge the fit with.
    #[schemars(with = "uuid::Uuid")]
    business_profile_id: String,
    /// Which kind of analysis.
    #[schemars(with = "AnalysisType")]
    analysis_type: String,
    /// Says what would be charged, skipped and refused, line by line, and does nothing.
    #[serde(default)]
    dry_run: bool,
    /// Refuses the list if all of it would cost more.
    max_credits: Option<u32>,
    /// Charges for so many lines and runs them; the others are charged when you continue, within 24 hours.
    #[schemars(range(min = 1))]
    pilot: Option<u32>,
    /// Returns leads that you have already, by an analysis of this type of so many days, instead of buying them again.
    #[schemars(range(min = 1, max = 365))]
    fresh_within_days: Option<u32>,
}

/// As it was sent.
pub enum BulkBody {
    Fields(Box<BulkFields>),
    File(Bytes),
}

impl RequestBody for BulkBody {
    const ERRORS: &'static [ErrorCode] = <JsonBody<BulkFields> as RequestBody>::ERRORS;
    const FILES: &'static [&'static str] = &["text/csv"];

    fn schema(generator: &mut SchemaGenerator) -> Option<Value> {
        <JsonBody<BulkFields> as RequestBody>::schema(generator)
    }
}

impl FromRequest<()> for BulkBody {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &()) -> Result<Self, Self::Rejection> {
        let kind =
            request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim();
        if FILES.iter().any(|file| kind.eq_ignore_ascii_case(file)) {
            return Bytes::from_request(request, state).await.map(Self::File).map_err(|error| refuse(&error));
        }
        let JsonBody(fields) = JsonBody::<BulkFields>::from_request(request, state).await?;
        Ok(Self::Fields(Box::new(fields)))
    }
}

fn refuse(error: &BytesRejection) -> ApiError {
    if error.status() == StatusCode::PAYLOAD_TOO_LARGE {
        return ApiError::new(BODY_TOO_LARGE, format!("The body may have at most {BODY_BYTES_MAX} bytes."));
    }
    ApiError::new(UNREADABLE_BODY, "The body could not be read to its end. Send it again.")
}

impl BulkBody {
    /// The request that body and query make.
    pub fn request(self, query: BulkQuery) -> Result<BulkRequest, ApiError> {
        match self {
            Self::Fields(_) if query != BulkQuery::default() => Err(ApiError::new(
                INVALID_QUERY,
                "With a JSON body, send dry_run, max_credits and the other fields in the body. Nothing was charged.",
            )),
            Self::Fields(fields) => {
                let options = BulkOptions {
                    dry_run: fields.dry_run,
                    max_credits: fields.max_credits,
                    pilot: fields.pilot,
                    fresh_within_days: fields.fresh_within_days,
                };
                let (profile, kind) = (fields.business_profile_id.clone(), fields.analysis_type.clone());
                request(source(*fields)?, &profile, &kind, options)
            }
            Self::File(file) => {
                let options = BulkOptions {
                    dry_run: query.dry_run.unwrap_or(false),
                    max_credits: query.max_credits,
                    pilot: query.pilot,
                    fresh_within_days: query.fresh_within_days,
                };
                let names = ListSource::Names(names_in_text(&file)?);
                let text = |value: Option<String>| value.unwrap_or_default();
                request(names, &text(query.business_profile_id), &text(query.analysis_type), options)
            }
        }
    }
}

fn source(fields: BulkFields) -> Result<ListSource, ApiError> {
    match (fields.usernames, fields.csv, fields.retry_of, fields.stale_leads) {
        (Some(names), None, None, false) => Ok(ListSource::Names(names_in_list(&names)?)),
        (None, Some(file), None, false) => Ok(ListSource::Names(names_in_text(file.as_bytes())?)),
        (None, None, Some(bulk), false) => Ok(ListSource::FailedOf(bulk.into())),
        (None, None, None, true) => Ok(ListSource::StaleLeads),
        _ => Err(ApiError::new(INVALID_REQUEST, "Send exactly one of usernames, csv, retry_of and stale_leads.")),
    }
}

fn request(source: ListSource, profile: &str, kind: &str, options: BulkOptions) -> Result<BulkRequest, ApiError> {
    let is_odd =
        options.pilot == Some(0) || options.fresh_within_days.is_some_and(|days| !(1..=FRESH_DAYS_MAX).contains(&days));
    if is_odd {
        let message = format!("pilot takes a number from 1 on, fresh_within_days one from 1 to {FRESH_DAYS_MAX}.");
        return Err(ApiError::new(INVALID_BULK_OPTION, message));
    }
    Ok(BulkRequest {
        source,
        analysis_type: kind.parse().map_err(InvalidRequest::from)?,
        business_profile_id: profile.parse().map_err(|_| InvalidRequest::BusinessProfileId)?,
        // A longer pilot than a list can be is no pilot.
        options: BulkOptions { pilot: options.pilot.filter(|pilot| (*pilot as usize) < NAMES_MAX), ..options },
    })
}

impl From<InvalidList> for ApiError {
    fn from(error: InvalidList) -> Self {
        Self::new(LIST_TOO_LONG, format!("{error}. Split the list, and send at most {NAMES_MAX} names at once."))
    }
}
