//! The fields of a bulk beside its list, in the query: for a body that is the list itself.

use axum::{
    extract::{FromRequestParts, Query},
    http::request::Parts,
};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    http::{ApiError, ErrorCode, Parameter, Parameters, Place, code::INVALID_QUERY},
    shared::analysis_type::AnalysisType,
};

/// As they were sent.
#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BulkQuery {
    pub business_profile_id: Option<String>,
    pub analysis_type: Option<String>,
    pub dry_run: Option<bool>,
    pub max_credits: Option<u32>,
    pub pilot: Option<u32>,
    pub fresh_within_days: Option<u32>,
}

impl FromRequestParts<()> for BulkQuery {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &()) -> Result<Self, Self::Rejection> {
        let read = Query::<Self>::from_request_parts(parts, state).await;
        read.map(|Query(query)| query).map_err(|_| {
            ApiError::new(
                INVALID_QUERY,
                "The query string could not be read: dry_run takes true or false, max_credits, pilot and fresh_within_days take whole numbers, and other fields than those of a list are not known.",
            )
        })
    }
}

impl Parameters for BulkQuery {
    fn errors() -> Vec<ErrorCode> {
        vec![INVALID_QUERY]
    }

    fn describe() -> Vec<Parameter> {
        let query = |name, description, schema: Value| Parameter {
            name,
            place: Place::Query,
            is_required: false,
            description,
            schema,
        };
        let number = |minimum: u32| json!({ "type": "integer", "minimum": minimum });
        let types = AnalysisType::ALL.map(AnalysisType::as_str);
        vec![
            query("business_profile_id", "With a file: as in JSON.", json!({ "type": "string", "format": "uuid" })),
            query("analysis_type", "With a file: as in JSON.", json!({ "type": "string", "enum": types })),
            query("dry_run", "With a file: as in JSON.", json!({ "type": "boolean" })),
            query("max_credits", "With a file: as in JSON.", number(0)),
            query("pilot", "With a file: as in JSON.", number(1)),
            query("fresh_within_days", "With a file: as in JSON.", number(1)),
        ]
    }
}
