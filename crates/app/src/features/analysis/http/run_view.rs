//! `GET /runs/{id}`: one run, or a bulk with all its lines.

use axum::{
    extract::{FromRequestParts, Query},
    http::{HeaderValue, Method, header, request::Parts},
    response::{IntoResponse, Response},
};
use schemars::{JsonSchema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::runs::{check_id, run_example};
use crate::{
    features::{
        analysis::{
            AnalysisPorts, Bulk, Run, bulk,
            codes::{RUN_NOT_FOUND, run_not_found},
        },
        auth::Member,
    },
    http::{
        Answer, ApiError, Both, Content, Endpoint, ErrorCode, Example, NoBody, Parameter, Parameters, PathId, Place,
        Reply, code::INVALID_QUERY,
    },
    shared::ids::RunId,
};

/// How the answer is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Form {
    #[default]
    Json,
    Csv,
}

#[derive(Deserialize)]
pub struct FormQuery {
    #[serde(default)]
    format: Form,
}

fn invalid_form() -> ApiError {
    ApiError::new(INVALID_QUERY, "format takes json, or for a bulk csv.").with_details(json!({ "field": "format" }))
}

impl FromRequestParts<()> for FormQuery {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &()) -> Result<Self, Self::Rejection> {
        Query::<Self>::from_request_parts(parts, state).await.map(|Query(query)| query).map_err(|_| invalid_form())
    }
}

impl Parameters for FormQuery {
    fn errors() -> Vec<ErrorCode> {
        vec![INVALID_QUERY]
    }

    fn describe() -> Vec<Parameter> {
        vec![Parameter {
            name: "format",
            place: Place::Query,
            is_required: false,
            description: "`csv` for a bulk as a file, one row for each line of the list.",
            schema: json!({ "type": "string", "enum": ["json", "csv"], "default": "json" }),
        }]
    }
}

/// A run, or a bulk.
#[derive(Serialize, JsonSchema)]
#[serde(untagged)]
pub enum RunOrBulk {
    Run(Box<Run>),
    Bulk(Box<Bulk>),
}

/// Either of them, or the bulk as a file.
pub enum RunAnswer {
    Data(Reply<RunOrBulk>),
    Sheet(Vec<u8>),
}

impl IntoResponse for RunAnswer {
    fn into_response(self) -> Response {
        let file = match self {
            Self::Data(reply) => return reply.into_response(),
            Self::Sheet(file) => file,
        };
        let mut response = file.into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8"));
        let name = HeaderValue::from_static("attachment; filename=\"oslira-bulk.csv\"");
        headers.insert(header::CONTENT_DISPOSITION, name);
        response
    }
}

impl Answer for RunAnswer {
    const HEADERS: &'static [(&'static str, &'static str)] =
        &[("Content-Disposition", "The name of the file, with `format=csv`.")];
    const FILES: &'static [&'static str] = &["text/csv"];

    fn content(generator: &mut SchemaGenerator) -> Content {
        Reply::<RunOrBulk>::content(generator)
    }
}

pub struct GetRun;

impl Endpoint for GetRun {
    const METHOD: Method = Method::GET;
    const PATH: &'static str = "/runs/{id}";
    const SUMMARY: &'static str = "One run, if complete with its result: score, reasons, evidence and outreach. Or a bulk with all its lines, as JSON or as a CSV file.";
    const ERRORS: &'static [ErrorCode] = &[RUN_NOT_FOUND];

    type Ports = AnalysisPorts;
    type Caller = Member;
    type Parameters = Both<PathId<RunId>, FormQuery>;
    type Body = NoBody;
    type Answer = RunAnswer;

    fn example() -> Example {
        Example { data: Some(run_example()), ..Example::default() }
    }

    async fn handle(
        ports: AnalysisPorts,
        member: Member,
        Both(PathId(run), FormQuery { format }): Both<PathId<RunId>, FormQuery>,
        _: NoBody,
    ) -> Result<RunAnswer, ApiError> {
        check_id(&ports, run)?;
        if let Some(run) = ports.runs.get(member, run).await? {
            return match format {
                Form::Json => Ok(RunAnswer::Data(Reply::new(RunOrBulk::Run(Box::new(run))))),
                Form::Csv => Err(invalid_form()),
            };
        }
        let found = ports.bulks.get(member, run.into()).await?.ok_or_else(run_not_found)?;
        match format {
            Form::Json => Ok(RunAnswer::Data(Reply::new(RunOrBulk::Bulk(Box::new(found))))),
            Form::Csv => Ok(RunAnswer::Sheet(bulk::sheet(&found)?)),
        }
    }
}
