//! What a customer sells, to whom, and how they write about it: the business half of every prompt, and the routes that
//! manage it.
//!
//! `fields` and `draft` parse requests once, where they come in; the database's functions decide under the account's
//! lock.

mod draft;
mod fields;
mod http;
mod model;
mod ports;
mod schema;
#[cfg(test)]
pub mod testing;

pub use draft::{BusinessProfileChanges, InvalidBusinessProfile, NewBusinessProfile};
pub use fields::{BusinessName, Description, Followers, Keywords, Percent, Phrases, ProofPoints, Takes, Voice};
pub use http::{BUSINESS_PROFILE_NOT_FOUND, endpoints};
pub use model::{
    BusinessContext, BusinessProfile, BusinessProfileCursor, CreateOutcome, IdealCustomer, InvalidCursor, UpdateOutcome,
};
pub use ports::BusinessPorts;
pub use ports::BusinessProfileRepository;
