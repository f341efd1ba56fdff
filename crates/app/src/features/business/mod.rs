//! What a customer sells and to whom: the business half of every prompt, and the routes that manage it.
//!
//! `fields` and `draft` parse once at the rim; the database's functions decide under the account's lock.

mod draft;
mod fields;
mod http;
mod model;
mod ports;

pub use draft::{InvalidProfile, NewProfile, ProfileChanges};
pub use fields::{BusinessName, Description, Followers, Keywords, Percent, Takes};
pub use http::routes;
pub use model::{BusinessContext, BusinessProfile, Changed, Created, IdealCustomer, InvalidCursor, ProfileCursor};
pub use ports::BusinessDesk;
