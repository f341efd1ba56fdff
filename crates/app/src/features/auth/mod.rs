//! Who is calling: Supabase access tokens become a user, the user's memberships choose the account.

mod blocked;
mod buyer;
mod codes;
mod familiar;
mod http;
mod identity;
mod key;
mod model;
mod operator;
mod permission;
mod ports;
mod verify;

pub use blocked::KnownBlocks;
pub use buyer::Buys;
pub use codes::forbidden;
pub use familiar::Familiar;
pub use http::endpoints;
pub use identity::{CallingUser, Holds, May, Person, TOKEN_CHARS_MAX};
pub use key::{KeyAccess, KeySecret, SecretHash};
pub use model::{
    AuthError, Claims, ClosedAccount, Jwk, JwkSet, LimitPeriod, Member, Membership, Spender, SpenderKind, SpendingLimit,
};
pub use operator::{Operator, Reason};
pub use permission::{
    Analyse, CloseAccount, EditBusiness, EditLeads, Export, ManageBilling, ManageKeys, ManageMembers, Needed,
    Permission, Read, Role,
};
pub use ports::{
    ApiKeys, AuthPorts, Authenticator, BlockedAccounts, KeySource, Memberships, Pause, SignInPorts, SignatureCheck,
    VerifyingKey,
};
pub use verify::{TokenCheck, TokenRules, TokenVerifier};
