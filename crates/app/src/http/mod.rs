//! What all handlers share, below the features: the envelope, errors with stable codes, limits, and how a request is read.

mod body;
pub mod code;
mod endpoint;
mod envelope;
mod error;
mod idempotency;
mod if_match;
mod live;
mod pagination;
mod path;
mod ports;
mod refuse;
mod whole_number;

pub use body::{BODY_BYTES_MAX, JsonBody, RawBody};
pub use code::{ACCOUNT_BLOCKED, ErrorCode, OPERATOR_REQUIRED, PERMISSION_MISSING};
pub use endpoint::{
    Answer, Anyone, Both, Caller, CallerKind, Content, Endpoint, Example, NoBody, NoParameters, Parameter, Parameters,
    Place, Registry, RequestBody, declared_errors, serve,
};
pub use envelope::{Reply, RequestId};
pub(crate) use envelope::{keep_route, seal};
pub use error::ApiError;
pub use idempotency::MaybeIdempotencyKey;
pub use if_match::{ExpectedVersions, etag};
pub use live::Live;
pub use path::PathId;
pub use ports::{Ports, RequestPorts};
pub(crate) use refuse::refuse;
pub use refuse::{ADDRESS_CHARS_MAX, Trapped};
pub use whole_number::whole_number;
