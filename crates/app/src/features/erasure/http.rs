//! `POST /operator/erasures`, `GET /operator/erasures/{id}`.

use axum::http::{Method, StatusCode};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{BeginOutcome, Erasure, ErasurePorts, ErasureState, InstagramId, NewErasure, Proof, stores::StoreView};
use crate::{
    features::{
        analysis::{INVALID_USERNAME, InvalidRequest},
        auth::Operator,
    },
    http::{ApiError, Endpoint, ErrorCode, Example, JsonBody, NoBody, NoParameters, PathId, Registry, Reply},
};

pub fn endpoints(registry: &mut impl Registry) {
    registry.add::<BeginErasure>();
    registry.add::<FindErasure>();
}

const INVALID_INSTAGRAM_ID: ErrorCode = ErrorCode::new(
    StatusCode::UNPROCESSABLE_ENTITY,
    "invalid_instagram_id",
    "`instagram_id` is 1 to 30 digits, or left out",
);

const INVALID_PROOF: ErrorCode =
    ErrorCode::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_proof", "`proof` is 1 to 1,000 characters");

const NAMES_SUBJECT: ErrorCode = ErrorCode::new(
    StatusCode::UNPROCESSABLE_ENTITY,
    "names_subject",
    "reason and proof stay longer than the name: neither may have the username or the id in it",
);

const ERASURE_NOT_FOUND: ErrorCode =
    ErrorCode::new(StatusCode::NOT_FOUND, "erasure_not_found", "no erasure has this id");

/// Whom to erase.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ErasureBody {
    /// An Instagram username, `@username` or a profile address.
    username: String,
    /// Instagram's own id of the profile, where it is known: then nobody who had the name before is taken along.
    #[serde(default)]
    instagram_id: Option<String>,
    /// How you know that the profile's owner wants it, such as the number of a ticket. Do not name them; it is kept until 90 days after
    /// the erasure.
    #[schemars(length(min = 1, max = 1000))]
    proof: String,
}

/// An erasure, which does not say whose it is.
#[derive(Serialize, JsonSchema)]
pub struct ErasureView {
    id: Uuid,
    state: ErasureState,
    requested_at: Timestamp,
    /// When the newest name of the subject became known.
    found_at: Timestamp,
    done_at: Option<Timestamp>,
    /// How far each store is.
    stores: Vec<StoreView>,
}

impl ErasureView {
    fn of(erasure: &Erasure, now: Timestamp) -> Self {
        let Erasure { id, state, requested_at, found_at, done_at } = *erasure;
        Self { id, state, requested_at, found_at, done_at, stores: StoreView::all(erasure, now) }
    }
}

fn example() -> Value {
    json!({
        "id": "0198c1f2-7c7e-7aaa-8f1e-3a51bb3c9d10", "state": "open", "requested_at": "2026-11-27T09:30:00Z",
        "found_at": "2026-11-27T09:30:00Z", "done_at": null,
        "stores": [
            { "store": "database", "is_erased": false, "ends_at": null },
            { "store": "engine", "is_erased": false, "ends_at": "2026-11-30T10:30:00Z" },
        ],
    })
}

pub struct BeginErasure;

impl Endpoint for BeginErasure {
    const METHOD: Method = Method::POST;
    const PATH: &'static str = "/operator/erasures";
    const SUMMARY: &'static str = "Has an Instagram profile erased from all accounts, and refuses analyses of it from now on. A repeat is the same erasure.";
    const STATUS: StatusCode = StatusCode::ACCEPTED;
    const ERRORS: &'static [ErrorCode] = &[INVALID_USERNAME, INVALID_INSTAGRAM_ID, INVALID_PROOF, NAMES_SUBJECT];

    type Ports = ErasurePorts;
    type Caller = Operator;
    type Parameters = NoParameters;
    type Body = JsonBody<ErasureBody>;
    type Answer = Reply<ErasureView>;

    fn example() -> Example {
        let body =
            json!({ "username": "livia.runs", "instagram_id": "25025320", "proof": "Ticket 123, signed request" });
        Example { body: Some(body), data: Some(example()) }
    }

    async fn handle(
        ports: ErasurePorts,
        operator: Operator,
        _: NoParameters,
        JsonBody(body): JsonBody<ErasureBody>,
    ) -> Result<Reply<ErasureView>, ApiError> {
        let id = body.instagram_id.as_deref().map(|text| InstagramId::parse(text).ok_or_else(invalid_id));
        let new = NewErasure {
            id: ports.ids.run_id().uuid(),
            username: body.username.parse().map_err(InvalidRequest::from)?,
            instagram_id: id.transpose()?,
            proof: Proof::parse(&body.proof)
                .ok_or_else(|| ApiError::new(INVALID_PROOF, "proof takes 1 to 1,000 characters."))?,
        };
        match ports.desk.begin(&operator, &new).await? {
            BeginOutcome::Begun { erasure } | BeginOutcome::Repeated { erasure } => {
                Ok(Reply::new(ErasureView::of(&erasure, ports.clock.now())))
            }
            BeginOutcome::NamesSubject => Err(ApiError::new(
                NAMES_SUBJECT,
                "The reason or the proof has the username or the id in it, and both are kept longer. Write them without.",
            )),
        }
    }
}

fn invalid_id() -> ApiError {
    ApiError::new(INVALID_INSTAGRAM_ID, "instagram_id takes Instagram's own id of the profile: 1 to 30 digits.")
}

pub struct FindErasure;

impl Endpoint for FindErasure {
    const METHOD: Method = Method::GET;
    const PATH: &'static str = "/operator/erasures/{id}";
    const SUMMARY: &'static str = "How far an erasure is, store by store.";
    const ERRORS: &'static [ErrorCode] = &[ERASURE_NOT_FOUND];

    type Ports = ErasurePorts;
    type Caller = Operator;
    type Parameters = PathId<Uuid>;
    type Body = NoBody;
    type Answer = Reply<ErasureView>;

    fn example() -> Example {
        Example { data: Some(example()), ..Example::default() }
    }

    async fn handle(
        ports: ErasurePorts,
        operator: Operator,
        PathId(id): PathId<Uuid>,
        _: NoBody,
    ) -> Result<Reply<ErasureView>, ApiError> {
        let erasure = ports.desk.find(&operator, id).await?.ok_or_else(|| {
            ApiError::new(
                ERASURE_NOT_FOUND,
                "No erasure has this id. Asking for it again by the username gives its id.",
            )
        })?;
        Ok(Reply::new(ErasureView::of(&erasure, ports.clock.now())))
    }
}
