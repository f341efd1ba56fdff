//! An endpoint, declared once: its address, who may call it, what it takes and answers, and how it can fail. The
//! router, the description of the API, the reference of errors and the tests of access are made from this one
//! declaration.

use std::future::Future;

use axum::{
    body::Body,
    extract::{FromRequest, FromRequestParts, Request},
    http::{Method, StatusCode, request::Parts},
    response::{IntoResponse, Response},
};
use schemars::SchemaGenerator;
use serde_json::Value;

use super::{
    ApiError, BODY_BYTES_MAX, Client, ErrorCode, Ports,
    code::{ANYWHERE, RATE_LIMITED},
    quota::declare,
    traffic::{Counted, Held, Route, count_request},
};

/// One operation of the API: a method on a path.
pub trait Endpoint: 'static {
    const METHOD: Method;
    /// With parameters as `{name}`.
    const PATH: &'static str;
    /// What it does, in one sentence for the reference.
    const SUMMARY: &'static str;
    /// The status of a successful answer.
    const STATUS: StatusCode = StatusCode::OK;
    /// Its error codes, besides those of its caller, parameters and body.
    const ERRORS: &'static [ErrorCode] = &[];

    type Ports: Clone + Send + Sync + 'static;
    type Caller: Caller;
    /// What it reads from path, query and headers.
    type Parameters: Parameters;
    /// What it reads from the body.
    type Body: RequestBody;
    type Answer: Answer;

    /// An example of a body, if it takes one, and of the data it answers, if that is JSON.
    fn example() -> Example {
        Example::default()
    }

    fn handle(
        ports: Self::Ports,
        caller: Self::Caller,
        parameters: Self::Parameters,
        body: Self::Body,
    ) -> impl Future<Output = Result<Self::Answer, ApiError>> + Send;
}

/// Example bodies for the reference.
#[derive(Debug, Clone, Default)]
pub struct Example {
    pub body: Option<Value>,
    pub data: Option<Value>,
}

/// Who may call an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum CallerKind {
    /// Anybody, without a token.
    Public,
    /// Any signed-in user.
    SignedIn,
    /// A user acting for an account that they belong to.
    Member,
    /// Of them, who has this permission in the account.
    Permitted(&'static str),
    /// A person of ours who acts on accounts of others, and says why.
    Operator,
}

/// Who calls, as an argument of a handler: a request without the required rights is answered with an error instead.
pub trait Caller: FromRequestParts<(), Rejection = ApiError> + Send {
    const KIND: CallerKind;
    /// The codes that other callers get.
    fn errors() -> Vec<ErrorCode>;
}

/// Anybody, with or without a token: makes an endpoint public.
pub struct Anyone;

impl FromRequestParts<()> for Anyone {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, (): &()) -> Result<Self, Self::Rejection> {
        let client = Client::by_address(&parts.headers);
        count_request(parts, &client).await.map(|()| Self)
    }
}

impl Caller for Anyone {
    const KIND: CallerKind = CallerKind::Public;

    fn errors() -> Vec<ErrorCode> {
        vec![RATE_LIMITED]
    }
}

/// A provider, known by the signature of what it sends. It is not counted: it sends much at once, from few addresses, and what is not
/// signed is refused before anybody is asked.
pub struct Provider;

impl FromRequestParts<()> for Provider {
    type Rejection = ApiError;

    async fn from_request_parts(_: &mut Parts, (): &()) -> Result<Self, Self::Rejection> {
        Ok(Self)
    }
}

impl Caller for Provider {
    const KIND: CallerKind = CallerKind::Public;

    fn errors() -> Vec<ErrorCode> {
        vec![]
    }
}

/// Where a request carries a parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    Path,
    Query,
    Header,
}

/// A parameter, for the reference.
#[derive(Debug, Clone)]
pub struct Parameter {
    pub name: &'static str,
    pub place: Place,
    /// Whether a request without it is refused.
    pub is_required: bool,
    pub description: &'static str,
    /// The JSON schema of its value.
    pub schema: Value,
}

/// What an endpoint reads from path, query and headers.
pub trait Parameters: FromRequestParts<(), Rejection = ApiError> + Send {
    /// The codes for values that are refused.
    fn errors() -> Vec<ErrorCode>;

    fn describe() -> Vec<Parameter>;
}

pub struct NoParameters;

impl FromRequestParts<()> for NoParameters {
    type Rejection = ApiError;

    async fn from_request_parts(_: &mut Parts, (): &()) -> Result<Self, Self::Rejection> {
        Ok(Self)
    }
}

impl Parameters for NoParameters {
    fn errors() -> Vec<ErrorCode> {
        Vec::new()
    }

    fn describe() -> Vec<Parameter> {
        Vec::new()
    }
}

/// Two groups of parameters, read in this order.
pub struct Both<A, B>(pub A, pub B);

impl<A: Parameters, B: Parameters> FromRequestParts<()> for Both<A, B> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &()) -> Result<Self, Self::Rejection> {
        let first = A::from_request_parts(parts, state).await?;
        Ok(Self(first, B::from_request_parts(parts, state).await?))
    }
}

impl<A: Parameters, B: Parameters> Parameters for Both<A, B> {
    fn errors() -> Vec<ErrorCode> {
        A::errors().into_iter().chain(B::errors()).collect()
    }

    fn describe() -> Vec<Parameter> {
        A::describe().into_iter().chain(B::describe()).collect()
    }
}

/// What an endpoint reads from the body.
pub trait RequestBody: FromRequest<(), Rejection = ApiError> + Send {
    /// The codes for bodies that are refused.
    const ERRORS: &'static [ErrorCode];
    /// Media types of files that it takes in place of JSON.
    const FILES: &'static [&'static str] = &[];
    /// A larger body is refused before it is read to the end.
    const BYTES_MAX: usize = BODY_BYTES_MAX;

    /// The JSON schema; `None` without a body.
    fn schema(generator: &mut SchemaGenerator) -> Option<Value>;
}

/// No body: one that is sent anyway is not read.
pub struct NoBody;

impl FromRequest<()> for NoBody {
    type Rejection = ApiError;

    async fn from_request(_: Request, (): &()) -> Result<Self, Self::Rejection> {
        Ok(Self)
    }
}

impl RequestBody for NoBody {
    const ERRORS: &'static [ErrorCode] = &[];

    fn schema(_: &mut SchemaGenerator) -> Option<Value> {
        None
    }
}

/// What a successful answer holds, for the reference.
#[derive(Debug, Clone)]
pub enum Content {
    /// Data in the envelope, by its JSON schema.
    Data(Value),
    /// A JSON document without the envelope, by its schema.
    Document(Value),
    /// Bytes of this media type, without the envelope.
    Bytes(&'static str),
    /// Server-sent events, by the JSON schema of their data.
    Events(Value),
}

/// What an endpoint answers on success.
pub trait Answer: IntoResponse + Send {
    /// Headers that it may carry, with their meaning.
    const HEADERS: &'static [(&'static str, &'static str)] = &[];
    /// Other statuses of success, with their meaning; such an answer has no content.
    const OTHER_STATUSES: &'static [(u16, &'static str)] = &[];
    /// Media types of files that it may be in place of JSON.
    const FILES: &'static [&'static str] = &[];

    fn content(generator: &mut SchemaGenerator) -> Content;
}

/// Takes endpoints: the router does, and so does the generator of the OpenAPI description.
pub trait Registry {
    fn add<E: Endpoint>(&mut self);
}

/// Every code that an endpoint may answer.
#[must_use]
pub fn declared_errors<E: Endpoint>() -> Vec<ErrorCode> {
    let lists = [E::Body::ERRORS, E::ERRORS, ANYWHERE];
    let constants = lists.into_iter().flatten().copied();
    E::Caller::errors().into_iter().chain(constants).chain(E::Parameters::errors()).collect()
}

/// The handler of an endpoint, for the router. The caller is checked first: whoever has no access learns nothing about the rest of
/// the request.
pub async fn serve<E: Endpoint>(request: Request) -> Response {
    let (mut parts, body) = request.into_parts();
    parts.extensions.insert(Route(E::PATH));
    let caller = E::Caller::from_request_parts(&mut parts, &()).await;
    let counted = parts.extensions.get::<Counted>().cloned();
    let _permit = parts.extensions.remove::<Held>();
    let answered = match caller {
        Ok(caller) => answer::<E>(caller, parts, body).await,
        Err(refused) => Err(refused),
    };
    // A refusal by another quota tells that one, which is the one to look at.
    let exceeded = answered.as_ref().err().and_then(ApiError::exceeded);
    let counted = counted.filter(|Counted(quotas)| exceeded.is_none_or(|exceeded| quotas.contains(&exceeded.quota)));
    let mut response = match answered {
        Ok(answer) => {
            let mut response = answer.into_response();
            // An answer that chose a status of its own keeps it.
            if response.status() == StatusCode::OK {
                *response.status_mut() = E::STATUS;
            }
            response
        }
        Err(error) => refusal::<E>(error),
    };
    if let Some(Counted(quotas)) = counted {
        declare(&quotas, response.headers_mut());
    }
    response
}

fn refusal<E: Endpoint>(error: ApiError) -> Response {
    // Tests stop at an undeclared code; a deployment still answers the caller, and logs it.
    let is_declared = declared_errors::<E>().contains(&error.code());
    debug_assert!(is_declared, "{} {} does not declare {:?}", E::METHOD, E::PATH, error.code());
    if !is_declared {
        tracing::error!(path = E::PATH, code = error.code().code, "an endpoint answered a code it does not declare");
    }
    error.into_response()
}

async fn answer<E: Endpoint>(caller: E::Caller, mut parts: Parts, body: Body) -> Result<E::Answer, ApiError> {
    let Ports(ports) = Ports::<E::Ports>::from_request_parts(&mut parts, &()).await?;
    let parameters = E::Parameters::from_request_parts(&mut parts, &()).await?;
    let body = E::Body::from_request(Request::from_parts(parts, body), &()).await?;
    E::handle(ports, caller, parameters, body).await
}
