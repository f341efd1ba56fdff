//! Asking people to join, by a link that works once.

use axum::http::{Method, StatusCode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use super::{
    INVALID_SPENDING_LIMIT, OWNER_REQUIRED, checked,
    members::{INVALID_ROLE, of_a_person},
    owner_required,
};
use crate::{
    features::{
        auth::{ManageMembers, May, Person, Role, SecretHash, SpendingLimit, forbidden},
        members::{AcceptOutcome, Invitation, InviteOutcome, MemberPorts, NewInvitation, RevokeOutcome, mail},
    },
    http::{ApiError, Endpoint, ErrorCode, Example, JsonBody, NoBody, NoParameters, PathId, Registry, Reply},
    shared::ids::AccountId,
};

pub fn endpoints(registry: &mut impl Registry) {
    registry.add::<Invite>();
    registry.add::<ListInvitations>();
    registry.add::<RevokeInvitation>();
    registry.add::<AcceptInvitation>();
}

pub const INVALID_EMAIL: ErrorCode = ErrorCode::new(
    StatusCode::UNPROCESSABLE_ENTITY,
    "invalid_email",
    "`email` is one address of at most 254 characters",
);

const ALREADY_MEMBER: ErrorCode =
    ErrorCode::new(StatusCode::CONFLICT, "already_member", "somebody with this address belongs to the account");

const INVITATION_LIMIT: ErrorCode = ErrorCode::new(
    StatusCode::CONFLICT,
    "invitation_limit",
    "100 open invitations, 200 in 24 hours, and 5 of one address in 24 hours are the most: revoke what is not needed, or wait",
);

const INVITATION_NOT_FOUND: ErrorCode = ErrorCode::new(
    StatusCode::NOT_FOUND,
    "invitation_not_found",
    "there is no such invitation, or it was taken back or used",
);

const INVITATION_ACCEPTED: ErrorCode =
    ErrorCode::new(StatusCode::CONFLICT, "invitation_accepted", "somebody has joined by it: remove the member instead");

const INVITATION_EXPIRED: ErrorCode =
    ErrorCode::new(StatusCode::GONE, "invitation_expired", "it was good for a week; ask for another");

const INVITATION_FOR_ANOTHER: ErrorCode = ErrorCode::new(
    StatusCode::FORBIDDEN,
    "invitation_for_another_address",
    "sign in with the address that was invited, and confirm it",
);

const EMAIL_CHARS_MAX: usize = 254;
/// A token has 64 characters; more are not hashed.
const TOKEN_CHARS_MAX: usize = 128;

/// One address, as far as that can be seen without sending to it.
///
/// # Errors
/// [`INVALID_EMAIL`].
pub fn address(text: &str) -> Result<String, ApiError> {
    let text = text.trim().to_lowercase();
    let is_one = text.len() <= EMAIL_CHARS_MAX
        && text.split_once('@').is_some_and(|(name, domain)| {
            !name.is_empty() && domain.contains('.') && !domain.starts_with('.') && !domain.ends_with('.')
        })
        && text.matches('@').count() == 1
        && !text.chars().any(|c| c.is_whitespace() || c.is_control() || "<>,;:\"()[]\\".contains(c));
    is_one
        .then_some(text)
        .ok_or_else(|| ApiError::new(INVALID_EMAIL, "email takes one address, such as ann@fuel.example."))
}

/// Whom to ask.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InviteBody {
    #[schemars(length(min = 3, max = 254))]
    email: String,
    role: Role,
    /// What they may spend; left out or `null` for as much as there is.
    limit: Option<SpendingLimit>,
}

/// An invitation and its link, which is told this once.
#[derive(Serialize, JsonSchema)]
pub struct Invited {
    invitation: Invitation,
    /// What joins, once: for `POST /invitations/accept`.
    token: String,
    /// Where the invited person goes; `null` if this deployment has no `APP_URL`.
    link: Option<String>,
    /// Whether a mail with the link is on its way. If not, hand the link on yourself.
    is_mailed: bool,
}

fn invitation_example() -> serde_json::Value {
    json!({
        "id": "0198c1f2-7c7e-7aaa-8f1e-3a51bb3c9d10", "email": "ann@fuel.example", "role": "member", "limit": null,
        "invited_by": "0198c1f2-7c7e-7aaa-8f1e-3a51bb3c9d10", "created_at": "2026-11-25T09:30:00Z",
        "expires_at": "2026-12-02T09:30:00Z", "state": "open",
    })
}

pub struct Invite;

impl Endpoint for Invite {
    const METHOD: Method = Method::POST;
    const PATH: &'static str = "/invitations";
    const SUMMARY: &'static str = "Asks somebody to join by a link that works once, within a week.";
    const STATUS: StatusCode = StatusCode::CREATED;
    const ERRORS: &'static [ErrorCode] =
        &[INVALID_EMAIL, INVALID_ROLE, INVALID_SPENDING_LIMIT, ALREADY_MEMBER, INVITATION_LIMIT, OWNER_REQUIRED];

    type Ports = MemberPorts;
    type Caller = May<ManageMembers>;
    type Parameters = NoParameters;
    type Body = JsonBody<InviteBody>;
    type Answer = Reply<Invited>;

    fn example() -> Example {
        let token = "3f".repeat(32);
        Example {
            body: Some(json!({ "email": "ann@fuel.example", "role": "member", "limit": null })),
            data: Some(json!({
                "invitation": invitation_example(), "token": token,
                "link": format!("https://app.example/invitations#token={token}"), "is_mailed": true,
            })),
        }
    }

    async fn handle(
        ports: MemberPorts,
        May { member, .. }: May<ManageMembers>,
        _: NoParameters,
        JsonBody(body): JsonBody<InviteBody>,
    ) -> Result<Reply<Invited>, ApiError> {
        let token = ports.ids.secret();
        let new = NewInvitation {
            id: ports.ids.run_id().uuid(),
            email: address(&body.email)?,
            role: of_a_person(body.role)?,
            limit: checked(body.limit)?,
            token: SecretHash::of(&token),
        };
        match ports.store.invite(member, &new).await? {
            InviteOutcome::Invited { invitation, account_name } => {
                let link = link(&ports.app_url, &token);
                let is_mailed = match &link {
                    Some(link) => sent(&ports, &invitation, &account_name, link).await,
                    None => false,
                };
                Ok(Reply::new(Invited { invitation, token, link, is_mailed }))
            }
            InviteOutcome::AlreadyMember => {
                Err(ApiError::new(ALREADY_MEMBER, "Somebody with this address belongs to the account already."))
            }
            InviteOutcome::OwnerRequired => Err(owner_required()),
            InviteOutcome::Limit { open_max, daily_max, address_daily_max } => Err(ApiError::new(
                INVITATION_LIMIT,
                format!(
                    "At most {open_max} invitations are open, and in 24 hours {daily_max} are made, {address_daily_max} of them of one address. Revoke what is not needed, or wait."
                ),
            )),
            InviteOutcome::Forbidden => Err(forbidden()),
        }
    }
}

/// Where an invited person goes: with the token in a fragment, so that no server on the way writes it into a log. `None` if the
/// deployment has no address of an app.
fn link(app_url: &str, token: &str) -> Option<String> {
    (!app_url.is_empty()).then(|| format!("{app_url}/invitations#token={token}"))
}

/// Whether the mail was taken.
async fn sent(ports: &MemberPorts, invitation: &Invitation, account_name: &str, link: &str) -> bool {
    let mail = mail::invitation(&invitation.email, account_name, link);
    let sent = ports.mailer.send(&mail, &format!("invitation:{}", invitation.id)).await;
    if let Err(error) = &sent {
        tracing::warn!(%error, invitation_id = %invitation.id, "an invitation was not mailed");
    }
    sent.is_ok()
}

/// The newest 200 invitations.
#[derive(Serialize, JsonSchema)]
pub struct Invitations {
    /// Newest first.
    items: Vec<Invitation>,
}

pub struct ListInvitations;

impl Endpoint for ListInvitations {
    const METHOD: Method = Method::GET;
    const PATH: &'static str = "/invitations";
    const SUMMARY: &'static str = "Who was asked to join, newest first; the newest 200.";

    type Ports = MemberPorts;
    type Caller = May<ManageMembers>;
    type Parameters = NoParameters;
    type Body = NoBody;
    type Answer = Reply<Invitations>;

    fn example() -> Example {
        Example { data: Some(json!({ "items": [invitation_example()] })), ..Example::default() }
    }

    async fn handle(
        ports: MemberPorts,
        May { member, .. }: May<ManageMembers>,
        _: NoParameters,
        _: NoBody,
    ) -> Result<Reply<Invitations>, ApiError> {
        let items = ports.store.invitations(member).await?.ok_or_else(forbidden)?;
        Ok(Reply::new(Invitations { items }))
    }
}

fn not_found() -> ApiError {
    ApiError::new(INVITATION_NOT_FOUND, "There is no such invitation, or it was taken back or used. Ask for another.")
}

pub struct RevokeInvitation;

impl Endpoint for RevokeInvitation {
    const METHOD: Method = Method::DELETE;
    const PATH: &'static str = "/invitations/{id}";
    const SUMMARY: &'static str = "Takes an invitation back: its link does nothing any more.";
    const ERRORS: &'static [ErrorCode] = &[INVITATION_NOT_FOUND, INVITATION_ACCEPTED];

    type Ports = MemberPorts;
    type Caller = May<ManageMembers>;
    type Parameters = PathId<Uuid>;
    type Body = NoBody;
    type Answer = Reply<Invitation>;

    fn example() -> Example {
        Example { data: Some(invitation_example()), ..Example::default() }
    }

    async fn handle(
        ports: MemberPorts,
        May { member, .. }: May<ManageMembers>,
        PathId(id): PathId<Uuid>,
        _: NoBody,
    ) -> Result<Reply<Invitation>, ApiError> {
        match ports.store.revoke_invitation(member, id).await? {
            RevokeOutcome::Revoked { invitation } => Ok(Reply::new(invitation)),
            RevokeOutcome::NotFound => Err(not_found()),
            RevokeOutcome::Accepted => {
                Err(ApiError::new(INVITATION_ACCEPTED, "Somebody has joined by it. Remove the member instead."))
            }
            RevokeOutcome::Forbidden => Err(forbidden()),
        }
    }
}

/// The token of a link.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AcceptBody {
    #[schemars(length(max = 128))]
    token: String,
}

/// The account that was joined.
#[derive(Serialize, JsonSchema)]
pub struct Joined {
    /// For `X-Account-Id`.
    account_id: AccountId,
}

pub struct AcceptInvitation;

impl Endpoint for AcceptInvitation {
    const METHOD: Method = Method::POST;
    const PATH: &'static str = "/invitations/accept";
    const SUMMARY: &'static str =
        "Joins by the token of an invitation's link; a repeat is answered like the first time.";
    const ERRORS: &'static [ErrorCode] = &[INVITATION_NOT_FOUND, INVITATION_EXPIRED, INVITATION_FOR_ANOTHER];

    type Ports = MemberPorts;
    type Caller = Person;
    type Parameters = NoParameters;
    type Body = JsonBody<AcceptBody>;
    type Answer = Reply<Joined>;

    fn example() -> Example {
        Example {
            body: Some(json!({ "token": "3f".repeat(32) })),
            data: Some(json!({ "account_id": "0198c1f2-7c7e-7aaa-8f1e-3a51bb3c9d10" })),
        }
    }

    async fn handle(
        ports: MemberPorts,
        Person(user): Person,
        _: NoParameters,
        JsonBody(body): JsonBody<AcceptBody>,
    ) -> Result<Reply<Joined>, ApiError> {
        if body.token.len() > TOKEN_CHARS_MAX {
            return Err(not_found());
        }
        match ports.store.accept(user, &SecretHash::of(&body.token)).await? {
            AcceptOutcome::Joined { account_id } => Ok(Reply::new(Joined { account_id })),
            AcceptOutcome::NotFound => Err(not_found()),
            AcceptOutcome::Expired => {
                Err(ApiError::new(INVITATION_EXPIRED, "This invitation was good for a week. Ask for another."))
            }
            AcceptOutcome::OtherAddress => Err(ApiError::new(
                INVITATION_FOR_ANOTHER,
                "Another address was invited than yours. Sign in with that one, and confirm it.",
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{address, link};

    #[test]
    fn a_link_leads_to_the_app_if_there_is_one() {
        assert_eq!(link("https://app.example", "3f").as_deref(), Some("https://app.example/invitations#token=3f"));
        assert_eq!(link("", "3f"), None);
    }

    #[test]
    fn one_address_is_taken_in_lower_case() {
        assert_eq!(address(" Ann.B+x@Fuel.Example ").ok().as_deref(), Some("ann.b+x@fuel.example"));
        let long = format!("{}@fuel.example", "a".repeat(250));
        for wrong in [
            "",
            "ann",
            "@fuel.example",
            "ann@",
            "ann@fuel",
            "a@b.c,d@e.f",
            "Ann <ann@fuel.example>",
            "a b@c.d",
            "a@b@c.d",
            "a@.b",
            "a@b.",
            &long,
        ] {
            assert!(address(wrong).is_err(), "{wrong}");
        }
    }
}
