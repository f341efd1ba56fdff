//! `GET /leads/{id}/picture`.

use axum::{
    http::{HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use schemars::SchemaGenerator;

use super::{LEAD_NOT_FOUND, not_found};
use crate::{
    features::{
        auth::Member,
        leads::{LeadPorts, Picture},
    },
    http::{Answer, ApiError, Content, Endpoint, ErrorCode, NoBody, PathId},
    shared::ids::LeadId,
};

const PICTURE_NOT_FOUND: ErrorCode =
    ErrorCode::new(StatusCode::NOT_FOUND, "picture_not_found", "there is no copy of this profile's picture");

impl IntoResponse for Picture {
    fn into_response(self) -> Response {
        let mut response = self.bytes.into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(self.content_type));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, max-age=3600"));
        // A browser must not show a cached picture to another user or account.
        headers.insert(header::VARY, HeaderValue::from_static("Authorization, X-Account-Id"));
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        response
    }
}

impl Answer for Picture {
    fn content(_: &mut SchemaGenerator) -> Content {
        Content::Bytes("image/*")
    }
}

pub struct GetPicture;

impl Endpoint for GetPicture {
    const METHOD: Method = Method::GET;
    const PATH: &'static str = "/leads/{id}/picture";
    const SUMMARY: &'static str = "Our copy of the profile's picture.";
    const ERRORS: &'static [ErrorCode] = &[LEAD_NOT_FOUND, PICTURE_NOT_FOUND];

    type Ports = LeadPorts;
    type Caller = Member;
    type Parameters = PathId<LeadId>;
    type Body = NoBody;
    type Answer = Picture;

    async fn handle(
        ports: LeadPorts,
        member: Member,
        PathId(id): PathId<LeadId>,
        _: NoBody,
    ) -> Result<Picture, ApiError> {
        // Pictures are shared by all accounts: reading the lead shows that this member may see the picture.
        let (lead, _) = ports.leads.get(member, id, 0).await?.ok_or_else(not_found)?;
        let none = || ApiError::new(PICTURE_NOT_FOUND, "There is no copy of this profile's picture.");
        ports.pictures.of(&lead.username).await?.ok_or_else(none)
    }
}
