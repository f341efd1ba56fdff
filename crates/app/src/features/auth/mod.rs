//! Who is calling: Supabase access tokens become a user, the user's memberships choose the account.

mod codes;
mod http;
mod identity;
mod model;
mod ports;
mod verify;

pub use codes::{OWNER_REQUIRED, forbidden};
pub use http::endpoints;
pub use identity::{CallingUser, Owner};
pub use model::{AuthError, Claims, Jwk, JwkSet, Member, Membership, Role};
pub use ports::{AuthPorts, Authenticator, KeySource, Memberships, Pause, SignatureCheck, VerifyingKey};
pub use verify::{TokenCheck, TokenRules, TokenVerifier};
