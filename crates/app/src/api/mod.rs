//! The API as a whole, above the features: the router and what a request is given.

mod ports;
mod router;

pub use ports::UserPorts;
pub use router::{HttpConfig, router};
