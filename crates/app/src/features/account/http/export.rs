//! `GET /account/export`.

use axum::{
    extract::{FromRequestParts, Query},
    http::{Method, StatusCode, request::Parts},
    response::{IntoResponse, Response},
};
use schemars::SchemaGenerator;
use serde::Deserialize;
use serde_json::json;

use crate::{
    features::{
        account::{
            AccountPorts, ExportedTable,
            export::{document, sheet},
        },
        auth::{self, Holds, forbidden},
        leads::{File, TOO_MANY_EXPORTS},
    },
    http::{
        Answer, ApiError, Content, Endpoint, ErrorCode, Example, NoBody, Parameter, Parameters, Place,
        code::INVALID_QUERY,
    },
};

const UNKNOWN_EXPORT_TABLE: ErrorCode = ErrorCode::new(
    StatusCode::UNPROCESSABLE_ENTITY,
    "unknown_export_table",
    "`table` is one of `details.tables`; a sheet (`format=csv`) needs one",
);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Format {
    #[default]
    Json,
    Csv,
}

#[derive(Deserialize)]
struct RawQuery {
    #[serde(default)]
    format: Format,
    table: Option<String>,
}

/// What is exported, and how.
pub struct ExportQuery {
    format: Format,
    table: Option<String>,
}

impl FromRequestParts<()> for ExportQuery {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &()) -> Result<Self, Self::Rejection> {
        let Query(RawQuery { format, table }) = Query::from_request_parts(parts, state).await.map_err(|_| {
            ApiError::new(INVALID_QUERY, "format is json or csv, and table the name of a table; send each once.")
                .with_details(json!({ "field": "format" }))
        })?;
        Ok(Self { format, table })
    }
}

impl Parameters for ExportQuery {
    fn errors() -> Vec<ErrorCode> {
        vec![INVALID_QUERY]
    }

    fn describe() -> Vec<Parameter> {
        let query = |name, description, schema| Parameter {
            name,
            place: Place::Query,
            is_required: false,
            description,
            schema,
        };
        vec![
            query(
                "format",
                "One JSON document, or a sheet of one table.",
                json!({ "type": "string", "enum": ["json", "csv"], "default": "json" }),
            ),
            query("table", "Only this table. A sheet needs it.", json!({ "type": "string", "maxLength": 40 })),
        ]
    }
}

impl ExportQuery {
    /// The tables that are asked for; a sheet has one.
    fn chosen(&self, mut tables: Vec<ExportedTable>) -> Result<Vec<ExportedTable>, ApiError> {
        let names: Vec<String> = tables.iter().map(|table| table.name.clone()).collect();
        match &self.table {
            Some(wanted) => tables.retain(|table| table.name == *wanted),
            None if self.format == Format::Csv => tables.clear(),
            None => {}
        }
        if tables.is_empty() {
            let message = "Name one of the tables in details.tables; a sheet holds one.";
            return Err(ApiError::new(UNKNOWN_EXPORT_TABLE, message).with_details(json!({ "tables": names })));
        }
        Ok(tables)
    }
}

/// A document or a sheet.
pub struct ExportFile(File);

impl IntoResponse for ExportFile {
    fn into_response(self) -> Response {
        self.0.into_response()
    }
}

impl Answer for ExportFile {
    const HEADERS: &'static [(&'static str, &'static str)] = &[("Content-Disposition", "The name of the file.")];
    const FILES: &'static [&'static str] = &["text/csv"];

    fn content(_: &mut SchemaGenerator) -> Content {
        let rows = json!({ "type": "array", "items": { "type": "object" } });
        Content::Document(json!({
            "type": "object",
            "required": ["account_id", "exported_at", "tables", "complete"],
            "properties": {
                "account_id": { "type": "string", "format": "uuid" },
                "exported_at": { "type": "string", "format": "date-time" },
                "tables": {
                    "type": "object", "additionalProperties": rows,
                    "description": "The rows of each table, in its order.",
                },
                "complete": { "const": true, "description": "The document's last field: without it, something is missing." },
            },
        }))
    }
}

pub struct ExportAccount;

impl Endpoint for ExportAccount {
    const METHOD: Method = Method::GET;
    const PATH: &'static str = "/account/export";
    const SUMMARY: &'static str =
        "Everything that the account owns, as one JSON document or a sheet for each table, streamed.";
    const ERRORS: &'static [ErrorCode] = &[TOO_MANY_EXPORTS, UNKNOWN_EXPORT_TABLE];

    type Ports = AccountPorts;
    type Caller = Holds<auth::Export>;
    type Parameters = ExportQuery;
    type Body = NoBody;
    type Answer = ExportFile;

    fn example() -> Example {
        let lead = json!({ "id": "0198c1f2-7c7e-7aaa-8f1e-3a51bb3c9d10", "username": "livia.runs", "score": 81 });
        let document = json!({
            "account_id": "0198c1f2-7c7e-7aaa-8f1e-3a51bb3c9d10", "exported_at": "2026-11-25T09:30:00Z",
            "tables": { "leads": [lead], "lead_notes": [] }, "complete": true,
        });
        Example { body: None, data: Some(document) }
    }

    async fn handle(
        ports: AccountPorts,
        Holds { member, .. }: Holds<auth::Export>,
        query: ExportQuery,
        _: NoBody,
    ) -> Result<ExportFile, ApiError> {
        let now = ports.clock.now();
        let permit = ports.exports.enter(member.account(), now)?;
        let tables = ports.store.exported_tables(member).await?.ok_or_else(forbidden)?;
        let tables = query.chosen(tables)?;
        let name = query.table.map_or_else(|| "oslira-account".to_owned(), |table| format!("oslira-{table}")).into();
        let (export, content_type, ending) = match query.format {
            Format::Json => (document(ports.store, member, tables, now).await?, "application/json", "json"),
            Format::Csv => (sheet(ports.store, member, tables).await?, "text/csv; charset=utf-8", "csv"),
        };
        Ok(ExportFile(File { export, content_type, name, ending, now, permit }))
    }
}
