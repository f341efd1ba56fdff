//! `GET` and `POST /leads/{id}/notes`, `PUT` and `DELETE /leads/{id}/notes/{note_id}`.

use std::str::FromStr;

use axum::{
    extract::{FromRequestParts, Path},
    http::{Method, StatusCode, header, request::Parts},
};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    LEAD_NOT_FOUND, not_found,
    work::{TOO_MANY_LEAD_CHANGES, too_many_changes},
};
use crate::{
    features::{
        auth::{EditLeads, May, Member},
        leads::{LeadPorts, Note, NoteDeletion, NoteOutcome, NoteText},
    },
    http::{
        ApiError, Both, Endpoint, ErrorCode, Example, ExpectedVersions, JsonBody, NoBody, Parameter, Parameters,
        PathId, Place, Reply, code::INVALID_ID, etag,
    },
    shared::{
        ids::{LeadId, NoteId},
        pagination::{Page, PageQuery},
    },
};

const INVALID_NOTE: ErrorCode = ErrorCode::new(
    StatusCode::UNPROCESSABLE_ENTITY,
    "invalid_note",
    "`text` is visible text of 1 to 4,000 characters, without control characters but line breaks and tabs",
);

const NOTE_NOT_FOUND: ErrorCode = ErrorCode::new(StatusCode::NOT_FOUND, "note_not_found", "the lead has no such note");

const NOT_THE_AUTHOR: ErrorCode = ErrorCode::new(
    StatusCode::FORBIDDEN,
    "not_the_author",
    "a note is changed and deleted by who wrote it, or by who manages members",
);

const NOTE_LIMIT: ErrorCode = ErrorCode::new(
    StatusCode::CONFLICT,
    "note_limit",
    "`details.limit` is the most that a lead has; delete or extend one",
);

const NOTE_CHANGED: ErrorCode = ErrorCode::new(
    StatusCode::PRECONDITION_FAILED,
    "note_changed",
    "`If-Match` named another version; `details.version` is the present one",
);

fn note_not_found() -> ApiError {
    ApiError::new(NOTE_NOT_FOUND, "The lead has no such note. GET /leads/{id}/notes lists them.")
}

fn not_the_author() -> ApiError {
    ApiError::new(NOT_THE_AUTHOR, "Somebody else wrote this note. They can change it, or somebody who manages members.")
}

fn done(outcome: NoteOutcome) -> Result<Reply<Note>, ApiError> {
    match outcome {
        NoteOutcome::Done { note } => {
            let tag = etag(note.version);
            Ok(Reply::new(note).header(header::ETAG, tag))
        }
        NoteOutcome::NotFound => Err(not_found()),
        NoteOutcome::NoteNotFound => Err(note_not_found()),
        NoteOutcome::NotAuthor => Err(not_the_author()),
        NoteOutcome::OtherVersion { version } => Err(ApiError::new(
            NOTE_CHANGED,
            "The note was changed meanwhile. Read it again and repeat the change for its present version.",
        )
        .with_details(json!({ "version": version }))),
        NoteOutcome::NoteLimit { of_lead_max } => Err(ApiError::new(
            NOTE_LIMIT,
            format!("The lead has {of_lead_max} notes, and that is the most. Delete one, or add to one."),
        )
        .with_details(json!({ "limit": of_lead_max }))),
        NoteOutcome::Limit { daily_max, retry_after_s } => Err(too_many_changes(daily_max, retry_after_s)),
    }
}

/// What is written about a lead.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NoteBody {
    #[schemars(length(min = 1, max = 4000))]
    text: String,
}

impl NoteBody {
    fn parse(&self) -> Result<NoteText, ApiError> {
        NoteText::parse(&self.text).ok_or_else(|| {
            let message =
                "text takes visible text of 1 to 4,000 characters, without control characters but line breaks and tabs.";
            ApiError::new(INVALID_NOTE, message).with_details(json!({ "field": "text" }))
        })
    }
}

/// A note of a lead, by the path.
pub struct NotePath {
    lead: LeadId,
    note: NoteId,
}

impl FromRequestParts<()> for NotePath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &()) -> Result<Self, Self::Rejection> {
        let malformed = || ApiError::new(INVALID_ID, "An id in the path is not a UUID.");
        let path = Path::<(String, String)>::from_request_parts(parts, state).await;
        let Path((lead, note)) = path.map_err(|_| malformed())?;
        let (lead, note) = LeadId::from_str(&lead).ok().zip(NoteId::from_str(&note).ok()).ok_or_else(malformed)?;
        Ok(Self { lead, note })
    }
}

impl Parameters for NotePath {
    fn errors() -> Vec<ErrorCode> {
        vec![INVALID_ID]
    }

    fn describe() -> Vec<Parameter> {
        let id = |name, description| Parameter {
            name,
            place: Place::Path,
            is_required: true,
            description,
            schema: json!({ "type": "string", "format": "uuid" }),
        };
        vec![id("id", "The lead's id."), id("note_id", "The note's id.")]
    }
}

fn note_example() -> Value {
    json!({
        "id": "0198c1f2-7c7e-7aaa-8f1e-3a51bb3c9d10", "lead_id": "0198c1f2-7c7e-7aaa-8f1e-3a51bb3c9d10",
        "text": "Asks for a sample before the season begins.", "author_id": "0198c1f2-7c7e-7aaa-8f1e-3a51bb3c9d10",
        "version": 1, "created_at": "2026-11-25T09:30:00Z", "updated_at": "2026-11-25T09:30:00Z",
    })
}

fn body_example() -> Value {
    json!({ "text": "Asks for a sample before the season begins." })
}

pub struct ListNotes;

impl Endpoint for ListNotes {
    const METHOD: Method = Method::GET;
    const PATH: &'static str = "/leads/{id}/notes";
    const SUMMARY: &'static str = "What was written about a lead, newest first.";
    const ERRORS: &'static [ErrorCode] = &[LEAD_NOT_FOUND];

    type Ports = LeadPorts;
    type Caller = Member;
    type Parameters = Both<PathId<LeadId>, PageQuery<i64>>;
    type Body = NoBody;
    type Answer = Reply<Page<Note>>;

    fn example() -> Example {
        let data = json!({ "items": [note_example()], "next_cursor": null });
        Example { data: Some(data), ..Example::default() }
    }

    async fn handle(
        ports: LeadPorts,
        member: Member,
        Both(PathId(id), page): Both<PathId<LeadId>, PageQuery<i64>>,
        _: NoBody,
    ) -> Result<Reply<Page<Note>>, ApiError> {
        Ok(Reply::new(ports.work.notes(member, id, page).await?.ok_or_else(not_found)?))
    }
}

pub struct AddNote;

impl Endpoint for AddNote {
    const METHOD: Method = Method::POST;
    const PATH: &'static str = "/leads/{id}/notes";
    const SUMMARY: &'static str = "Writes a note about a lead.";
    const STATUS: StatusCode = StatusCode::CREATED;
    const ERRORS: &'static [ErrorCode] = &[LEAD_NOT_FOUND, INVALID_NOTE, NOTE_LIMIT, TOO_MANY_LEAD_CHANGES];

    type Ports = LeadPorts;
    type Caller = May<EditLeads>;
    type Parameters = PathId<LeadId>;
    type Body = JsonBody<NoteBody>;
    type Answer = Reply<Note>;

    fn example() -> Example {
        Example { body: Some(body_example()), data: Some(note_example()) }
    }

    async fn handle(
        ports: LeadPorts,
        May { member, .. }: May<EditLeads>,
        PathId(id): PathId<LeadId>,
        JsonBody(body): JsonBody<NoteBody>,
    ) -> Result<Reply<Note>, ApiError> {
        done(ports.work.add_note(member, id, &body.parse()?).await?)
    }
}

pub struct ChangeNote;

impl Endpoint for ChangeNote {
    const METHOD: Method = Method::PUT;
    const PATH: &'static str = "/leads/{id}/notes/{note_id}";
    const SUMMARY: &'static str = "Changes a note's text: by who wrote it, or by who manages members.";
    const ERRORS: &'static [ErrorCode] =
        &[LEAD_NOT_FOUND, NOTE_NOT_FOUND, NOT_THE_AUTHOR, INVALID_NOTE, NOTE_CHANGED, TOO_MANY_LEAD_CHANGES];

    type Ports = LeadPorts;
    type Caller = May<EditLeads>;
    type Parameters = Both<NotePath, ExpectedVersions>;
    type Body = JsonBody<NoteBody>;
    type Answer = Reply<Note>;

    fn example() -> Example {
        Example { body: Some(body_example()), data: Some(note_example()) }
    }

    async fn handle(
        ports: LeadPorts,
        May { member, .. }: May<EditLeads>,
        Both(path, expected): Both<NotePath, ExpectedVersions>,
        JsonBody(body): JsonBody<NoteBody>,
    ) -> Result<Reply<Note>, ApiError> {
        let text = body.parse()?;
        let change = |version| ports.work.change_note(member, path.lead, path.note, &text, version);
        let outcome = expected.apply(change, |outcome| match outcome {
            NoteOutcome::OtherVersion { version } => Some(*version),
            _ => None,
        });
        done(outcome.await?)
    }
}

/// A note that was deleted.
#[derive(Serialize, JsonSchema)]
pub struct DeletedNote {
    /// Its id.
    id: NoteId,
    /// When it was deleted; a repeat answers the same time.
    deleted_at: Timestamp,
}

pub struct DeleteNote;

impl Endpoint for DeleteNote {
    const METHOD: Method = Method::DELETE;
    const PATH: &'static str = "/leads/{id}/notes/{note_id}";
    const SUMMARY: &'static str = "Deletes a note for good: by who wrote it, or by who manages members; a repeat is answered like the first time.";
    const ERRORS: &'static [ErrorCode] = &[LEAD_NOT_FOUND, NOTE_NOT_FOUND, NOT_THE_AUTHOR];

    type Ports = LeadPorts;
    type Caller = May<EditLeads>;
    type Parameters = NotePath;
    type Body = NoBody;
    type Answer = Reply<DeletedNote>;

    fn example() -> Example {
        let data = json!({ "id": "0198c1f2-7c7e-7aaa-8f1e-3a51bb3c9d10", "deleted_at": "2026-11-25T09:30:00Z" });
        Example { data: Some(data), ..Example::default() }
    }

    async fn handle(
        ports: LeadPorts,
        May { member, .. }: May<EditLeads>,
        path: NotePath,
        _: NoBody,
    ) -> Result<Reply<DeletedNote>, ApiError> {
        match ports.work.delete_note(member, path.lead, path.note).await? {
            NoteDeletion::Deleted { deleted_at } => Ok(Reply::new(DeletedNote { id: path.note, deleted_at })),
            NoteDeletion::NotFound => Err(not_found()),
            NoteDeletion::NoteNotFound => Err(note_not_found()),
            NoteDeletion::NotAuthor => Err(not_the_author()),
        }
    }
}
