//! Sign-in by e-mail: sign-up with confirmation, passwords, magic links, recovery, sessions.

mod email;
mod links;
mod me;
mod password;
mod pkce;
mod redirect;
mod session;
mod settings;
mod sign_up;
mod token;
mod verify;

pub(super) use links::{send_again, send_magic_link, send_recovery};
pub(super) use me::{log_out, read_user, update_user};
pub(super) use password::Hashed;
pub(super) use pkce::Flow;
pub(super) use session::Session;
pub(super) use settings::{health, settings};
pub(super) use sign_up::sign_up;
pub(super) use token::grant_token;
pub(super) use verify::{follow_link, verify};
