//! `GET /runs/{id}/events`, `POST /runs/{id}/events/ticket`.

use axum::{
    extract::{FromRequestParts, Query},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use jiff::Timestamp;
use schemars::{JsonSchema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::runs::check_id;
use crate::{
    features::{
        analysis::{
            AnalysisPorts, ProgressEvent,
            codes::{
                EVENTS_UNAVAILABLE, INVALID_AFTER, RUN_NOT_FOUND, TICKET_REFUSED, TOO_MANY_STREAMS, TOO_MANY_WATCHERS,
                TRANSPORT_REQUIRED, ticket_refused,
            },
            live::{SEQ_MAX, TICKET_LASTS, Ticket, Transport, Watched, Watcher, issue_ticket, open_events},
        },
        auth::CallingUser,
    },
    http::{
        Answer, ApiError, Both, Caller, CallerKind, Client, Content, Endpoint, ErrorCode, Example, Live, NoBody,
        Parameter, Parameters, PathId, Place, Reply, count_request,
    },
    shared::ids::RunId,
};

const LAST_EVENT_ID: &str = "last-event-id";

#[derive(Deserialize)]
struct RawQuery {
    ticket: Option<String>,
    after: Option<String>,
}

async fn raw_query(parts: &mut Parts) -> Option<RawQuery> {
    Query::<RawQuery>::from_request_parts(parts, &()).await.ok().map(|Query(raw)| raw)
}

impl FromRequestParts<()> for Watcher {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &()) -> Result<Self, Self::Rejection> {
        // Whoever sends a token needs no ticket.
        if !parts.headers.contains_key(header::AUTHORIZATION)
            && let Some(ticket) = raw_query(parts).await.and_then(|raw| raw.ticket)
        {
            let ticket = Ticket::parse(&ticket);
            let client = holder(parts, ticket.as_ref()).await;
            count_request(parts, &client).await?;
            return Ok(Self::Holder(ticket));
        }
        CallingUser::from_request_parts(parts, state).await.map(|CallingUser(user)| Self::User(user))
    }
}

/// Whose requests those with this ticket are. One that was made for the run shows that by itself, so strangers at the same address use
/// nothing up for its holder; whoever sends another one is counted by the address.
async fn holder(parts: &mut Parts, ticket: Option<&Ticket>) -> Client {
    let run = PathId::<RunId>::from_request_parts(parts, &()).await.ok().map(|PathId(run)| run);
    let board = parts.extensions.get::<AnalysisPorts>().map(|ports| ports.progress.clone());
    let is_its = |run: &RunId| {
        let object = board.and_then(|board| board.object_of(*run).ok());
        ticket.zip(object).is_some_and(|(ticket, object)| ticket.is_for(&object))
    };
    run.filter(is_its).map_or_else(|| Client::by_address(&parts.headers), Client::Ticket)
}

impl Caller for Watcher {
    const KIND: CallerKind = CallerKind::SignedIn;

    fn errors() -> Vec<ErrorCode> {
        [CallingUser::errors(), vec![TICKET_REFUSED]].concat()
    }
}

/// How the caller wants to be told, and from where on.
pub struct Wanted {
    seen: u64,
    transport: Option<Transport>,
}

impl FromRequestParts<()> for Wanted {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, (): &()) -> Result<Self, Self::Rejection> {
        let invalid = || {
            let message = "after, and the header Last-Event-ID, take the seq of the event that you saw last; 0 or nothing replays all.";
            ApiError::new(INVALID_AFTER, message)
        };
        let after = raw_query(parts).await.ok_or_else(invalid)?.after;
        // A browser that connects again sends the header with the address of the first time, so the header is newer.
        let last = parts.headers.get(LAST_EVENT_ID).map(|value| value.to_str().unwrap_or("?").to_owned());
        let seen = match last.filter(|text| !text.is_empty()).or(after) {
            None => 0,
            Some(text) => text.parse().ok().filter(|seen| *seen <= SEQ_MAX).ok_or_else(invalid)?,
        };
        // An answer to HEAD has no body, so nothing is opened for it.
        let transport = if parts.method == Method::GET { transport(&parts.headers) } else { None };
        Ok(Self { seen, transport })
    }
}

fn transport(headers: &HeaderMap) -> Option<Transport> {
    let has = |name: HeaderName, wanted: &str| {
        let values = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
        let mut words = values.flat_map(|value| value.split(','));
        words.any(|word| word.split(';').next().is_some_and(|word| word.trim().eq_ignore_ascii_case(wanted)))
    };
    if has(header::UPGRADE, "websocket") {
        return Some(Transport::Socket);
    }
    has(header::ACCEPT, "text/event-stream").then_some(Transport::Stream)
}

impl Parameters for Wanted {
    fn errors() -> Vec<ErrorCode> {
        vec![INVALID_AFTER]
    }

    fn describe() -> Vec<Parameter> {
        let seq = json!({ "type": "integer", "minimum": 0, "maximum": SEQ_MAX });
        let parameter =
            |name, place, description, schema| Parameter { name, place, is_required: false, description, schema };
        vec![
            parameter(
                "after",
                Place::Query,
                "The `seq` of the event that you saw last: exactly those that follow are sent. Without it, all.",
                seq.clone(),
            ),
            parameter("Last-Event-ID", Place::Header, "The same; browsers send it when they connect again.", seq),
            parameter(
                "ticket",
                Place::Query,
                "In place of the token, for browsers: a ticket of `POST /runs/{id}/events/ticket`.",
                json!({ "type": "string" }),
            ),
        ]
    }
}

/// A stream, a WebSocket, or nothing because the caller has seen the end.
pub struct Events(Watched, Transport);

impl IntoResponse for Events {
    fn into_response(self) -> Response {
        let live = match self.0 {
            Watched::Live(live) => live,
            // 204 is how a browser is told not to connect again.
            Watched::Over | Watched::Refused(_) => return StatusCode::NO_CONTENT.into_response(),
        };
        let mut response = match self.1 {
            Transport::Socket => StatusCode::SWITCHING_PROTOCOLS.into_response(),
            Transport::Stream => {
                let headers = [
                    (header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream; charset=utf-8")),
                    // Nobody on the way may keep pieces back, be it to compress them.
                    (header::CACHE_CONTROL, HeaderValue::from_static("no-store, no-transform")),
                    (HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no")),
                ];
                (headers, ()).into_response()
            }
        };
        response.extensions_mut().insert::<Live>(live);
        response
    }
}

impl Answer for Events {
    const OTHER_STATUSES: &'static [(u16, &'static str)] = &[
        (101, "The WebSocket is open: each message is the data of one event."),
        (204, "You have seen the run's end; there is nothing to wait for."),
    ];

    fn content(generator: &mut SchemaGenerator) -> Content {
        Content::Events(generator.subschema_for::<ProgressEvent>().to_value())
    }
}

pub struct GetEvents;

impl Endpoint for GetEvents {
    const METHOD: Method = Method::GET;
    const PATH: &'static str = "/runs/{id}/events";
    const SUMMARY: &'static str = "A run's progress as it happens: server-sent events (`Accept: text/event-stream`) or a \
                                   WebSocket, again from any event; ends with the run.";
    const ERRORS: &'static [ErrorCode] =
        &[RUN_NOT_FOUND, TRANSPORT_REQUIRED, TOO_MANY_WATCHERS, TOO_MANY_STREAMS, EVENTS_UNAVAILABLE, TICKET_REFUSED];

    type Ports = AnalysisPorts;
    type Caller = Watcher;
    type Parameters = Both<PathId<RunId>, Wanted>;
    type Body = NoBody;
    type Answer = Events;

    fn example() -> Example {
        let data = json!({
            "seq": 5, "status": "processing", "phase": "analyzing", "percent": 60,
            "message": "Judging the fit with your business", "at": "2026-11-25T09:29:41Z",
        });
        Example { data: Some(data), ..Example::default() }
    }

    async fn handle(
        ports: AnalysisPorts,
        watcher: Watcher,
        Both(PathId(run), wanted): Both<PathId<RunId>, Wanted>,
        _: NoBody,
    ) -> Result<Events, ApiError> {
        // A ticket is refused in the same way, whatever is wrong.
        check_id(&ports, run)
            .map_err(|error| if matches!(watcher, Watcher::User(_)) { error } else { ticket_refused() })?;
        let watched = open_events(&ports, watcher, run, wanted.seen, wanted.transport).await?;
        Ok(Events(watched, wanted.transport.unwrap_or(Transport::Stream)))
    }
}

/// A ticket to watch a run with.
#[derive(Serialize, JsonSchema)]
pub struct EventsTicket {
    /// For one connection: `GET /runs/{id}/events?ticket=…`. It is a secret until it is used.
    ticket: String,
    /// Until when it can be used.
    expires_at: Timestamp,
}

pub struct CreateTicket;

impl Endpoint for CreateTicket {
    const METHOD: Method = Method::POST;
    const PATH: &'static str = "/runs/{id}/events/ticket";
    const SUMMARY: &'static str = "A ticket with which a browser, which can send no token there, opens one connection to \
                                   the run's events within a minute.";
    const STATUS: StatusCode = StatusCode::CREATED;
    const ERRORS: &'static [ErrorCode] = &[RUN_NOT_FOUND, EVENTS_UNAVAILABLE];

    type Ports = AnalysisPorts;
    // Not `Member`: the run says which of the user's accounts it belongs to.
    type Caller = CallingUser;
    type Parameters = PathId<RunId>;
    type Body = NoBody;
    type Answer = Reply<EventsTicket>;

    fn example() -> Example {
        let ticket =
            "7d9f0c1be2a34f5d8c6b7a8990e1f203.5b0f6d2c9a8e4d7f1c3b2a69788f5e4d3c2b1a09f8e7d6c5b4a3928170f6e5d4";
        let data = json!({ "ticket": ticket, "expires_at": "2026-11-25T09:31:00Z" });
        Example { data: Some(data), ..Example::default() }
    }

    async fn handle(
        ports: AnalysisPorts,
        CallingUser(user): CallingUser,
        PathId(run): PathId<RunId>,
        _: NoBody,
    ) -> Result<Reply<EventsTicket>, ApiError> {
        check_id(&ports, run)?;
        let now = ports.clock.now();
        let ticket = issue_ticket(&ports, user, run).await?.text();
        Ok(Reply::new(EventsTicket { ticket, expires_at: now.saturating_add(TICKET_LASTS).unwrap_or(now) }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_is_an_event() {
        let shown = GetEvents::example().data.unwrap();
        let event: ProgressEvent = serde_json::from_value(shown.clone()).unwrap();
        assert_eq!(serde_json::to_value(event).unwrap(), shown);
    }
}
