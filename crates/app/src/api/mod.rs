//! The API as a whole, above the features: the contract, the router, the description, and what a request is given.

mod contract;
mod description;
mod documents;
mod ports;
mod reference;
mod router;

pub use contract::register;
pub use description::{Operation, openapi, operations};
pub use ports::{ProviderPorts, UserPorts, is_of_a_provider};
pub use reference::{error_reference, reference_page};
pub use router::{HttpConfig, router};
