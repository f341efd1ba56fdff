//! Files that are written while they are sent, and `GET /leads/export.csv`.

use std::borrow::Cow;

use axum::{
    body::Body,
    http::{HeaderName, HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use jiff::{Timestamp, tz::TimeZone};
use schemars::SchemaGenerator;

use crate::{
    features::{
        auth::{self, May},
        leads::{Export, LeadPorts, LeadQuery, export, exports_at_once::EXPORT_RETRY_AFTER_S},
    },
    http::{Answer, ApiError, Content, Endpoint, ErrorCode, NoBody},
    shared::{
        ids::AccountId,
        in_flight::{Busy, Permit},
        streaming::keeping,
    },
};

/// Sent with a file that does not hold every lead.
const TRUNCATED: HeaderName = HeaderName::from_static("x-oslira-truncated");

pub(crate) const TOO_MANY_EXPORTS: ErrorCode = ErrorCode::new(
    StatusCode::TOO_MANY_REQUESTS,
    "too_many_exports",
    "an export of the account is under way, or too many of others are; try again after `Retry-After`",
);

impl From<Busy> for ApiError {
    fn from(busy: Busy) -> Self {
        let message = match busy {
            Busy::Key => "An export of this account is under way. Wait for its end, then try again.",
            Busy::All => "Too many exports are under way just now. Try again after the time in Retry-After.",
        };
        Self::new(TOO_MANY_EXPORTS, message).with_retry_after(EXPORT_RETRY_AFTER_S)
    }
}

/// A file that is written while it is sent. If the database fails meanwhile, the answer breaks off.
pub(crate) struct File {
    pub export: Export,
    pub content_type: &'static str,
    /// What its name begins and ends with; in between is the day.
    pub name: Cow<'static, str>,
    pub ending: &'static str,
    pub now: Timestamp,
    /// Kept until the file is out.
    pub permit: Permit<AccountId>,
}

pub(super) const FILE_HEADERS: &[(&str, &str)] = &[
    ("Content-Disposition", "The name of the file."),
    ("X-Oslira-Truncated", "`true` if there were more leads than a file holds when the export began."),
];

impl IntoResponse for File {
    fn into_response(self) -> Response {
        let today = self.now.to_zoned(TimeZone::UTC).date();
        let name = format!("attachment; filename=\"{}-{today}.{}\"", self.name, self.ending);
        let mut response = Body::from_stream(self.export.pieces).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(self.content_type));
        if let Ok(disposition) = HeaderValue::from_str(&name) {
            headers.insert(header::CONTENT_DISPOSITION, disposition);
        }
        if self.export.truncated {
            headers.insert(TRUNCATED, HeaderValue::from_static("true"));
        }
        response.map(|body| keeping(body, self.permit))
    }
}

/// A sheet.
pub struct CsvFile(File);

impl IntoResponse for CsvFile {
    fn into_response(self) -> Response {
        self.0.into_response()
    }
}

impl Answer for CsvFile {
    const HEADERS: &'static [(&'static str, &'static str)] = FILE_HEADERS;

    fn content(_: &mut SchemaGenerator) -> Content {
        Content::Bytes("text/csv")
    }
}

pub struct ExportLeads;

impl Endpoint for ExportLeads {
    const METHOD: Method = Method::GET;
    const PATH: &'static str = "/leads/export.csv";
    const SUMMARY: &'static str = "The leads of the same filters as a CSV file, up to 10,000 rows, streamed.";
    const ERRORS: &'static [ErrorCode] = &[TOO_MANY_EXPORTS];

    type Ports = LeadPorts;
    type Caller = May<auth::Export>;
    type Parameters = LeadQuery;
    type Body = NoBody;
    type Answer = CsvFile;

    async fn handle(
        ports: LeadPorts,
        May { member, .. }: May<auth::Export>,
        query: LeadQuery,
        _: NoBody,
    ) -> Result<CsvFile, ApiError> {
        let now = ports.clock.now();
        let permit = ports.exports.enter(member.account(), now)?;
        ports.leads.may_export(member).await?;
        let export = export(ports.leads, member, query).await?;
        let (content_type, ending) = ("text/csv; charset=utf-8", "csv");
        Ok(CsvFile(File { export, content_type, name: "oslira-leads".into(), ending, now, permit }))
    }
}
