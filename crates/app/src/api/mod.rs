//! The API as a whole, above the features: the contract, the router, the description, and what a request is given.

mod contract;
mod description;
mod documents;
mod limits;
mod ports;
mod reference;
mod router;

pub use contract::register;
pub use description::{Operation, openapi, operations};
pub use limits::{LIMITS, Limit};
pub use ports::{OperatorPorts, ProviderPorts, RequestKind, UserPorts};
pub use reference::{error_reference, reference_page};
pub use router::{HttpConfig, router};
