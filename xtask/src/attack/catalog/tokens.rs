//! Attacks on tokens: who comes in.

use crate::attack::model::{API, Attack, CLIENTS, ON_DATABASE, by};

const AREA: &str = "tokens";

pub(super) const ATTACKS: &[Attack] = &[
    by(
        API,
        AREA,
        "tokens that are forged, expired, of other issuers, roles and algorithms: refused",
        &[
            "tokens::bad_tokens_of_every_kind_are_refused",
            "tokens::a_claim_that_is_missing_or_wrong_is_refused",
            "tokens::what_is_no_token_is_refused",
            "tokens::every_route_but_health_needs_a_token",
        ],
    ),
    by(
        API,
        AREA,
        "use a ticket for live events again, eight times at once, for another run, or make one up: one connection, nothing in the log",
        &["events::a_ticket_opens_one_connection_of_its_run"],
    ),
    by(
        CLIENTS,
        AREA,
        "fifty unknown keys at once: the issuer is asked once or twice",
        &["many_tokens_of_unknown_keys_fetch_the_key_set_once_or_twice"],
    ),
    by(
        ON_DATABASE,
        AREA,
        "use an API key that was revoked, also in the middle of its work, or give a key more than one may: refused",
        &[
            "api_keys::a_revoked_key_ends_at_once_even_in_the_middle_of_its_work",
            "api_keys::nobody_gives_a_key_more_than_they_have",
        ],
    ),
];
