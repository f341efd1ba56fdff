//! Who may act for an account: members and what they may spend, invitations, API keys, and who did what to them.

mod http;
mod mail;
mod model;
mod ports;

pub use http::{INVALID_EMAIL, address, endpoints};
pub use model::{
    AcceptOutcome, ApiKey, Invitation, InviteOutcome, KeyOutcome, KeyState, MemberAction, MemberOutcome, MemberView,
    NewApiKey, NewInvitation, RemoveOutcome, RevokeOutcome,
};
pub use ports::{MemberPorts, MemberStore};
