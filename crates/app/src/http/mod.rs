//! What all handlers share, below the features: the envelope, errors with stable codes, limits, and how a request is read.

mod body;
pub mod code;
mod endpoint;
mod envelope;
mod error;
mod idempotency;
mod if_match;
mod json_shape;
mod live;
mod pagination;
mod path;
mod ports;
mod quota;
mod refuse;
mod traffic;
mod whole_number;

pub use body::{BODY_BYTES_MAX, JsonBody, RawBody};
pub use code::{ACCOUNT_BLOCKED, ErrorCode, OPERATOR_REQUIRED, PERMISSION_MISSING, RATE_LIMITED};
pub use endpoint::{
    Answer, Anyone, Both, Caller, CallerKind, Content, Endpoint, Example, NoBody, NoParameters, Parameter, Parameters,
    Place, Provider, Registry, RequestBody, declared_errors, serve,
};
pub use envelope::{Reply, RequestId};
pub(crate) use envelope::{keep_route, seal};
pub use error::ApiError;
pub use idempotency::MaybeIdempotencyKey;
pub use if_match::{ExpectedVersions, etag};
pub use json_shape::{JSON_DEPTH_MAX, JSON_VALUES_MAX};
pub use live::Live;
pub use path::PathId;
pub use ports::{Ports, RequestPorts};
pub use quota::{Exceeded, Quota};
pub(crate) use refuse::refuse;
pub use refuse::{
    ADDRESS_CHARS_MAX, BODY_MS_MAX, HEADER_BYTES_MAX, SlowBody, Trapped, UPLOADS_BYTES_MAX,
    UPLOADS_OF_ADDRESS_BYTES_MAX, UploadsBusy,
};
pub use traffic::{
    Buckets, COUNTER_WINDOW_S, Client, Drawn, Permit, PermitId, Permits, Refused, Repeatable, TrafficClass, TrafficKey,
    TrafficLimiter, count_request,
};
pub use whole_number::whole_number;
