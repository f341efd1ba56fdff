//! Who is calling: Supabase access tokens become a user, the user's memberships choose the account.

mod http;
mod identity;
mod model;
mod ports;
mod verify;

pub use http::routes;
pub use identity::CallingUser;
pub use model::{AuthError, Claims, Jwk, JwkSet, Member, Membership};
pub use ports::{AuthPorts, Authenticator, KeySource, Memberships, SignatureCheck, VerifyingKey};
pub use verify::{TokenCheck, TokenRules, TokenVerifier};
