//! Attacks on database: who reaches the database past the Worker.

use crate::attack::model::{Attack, ON_DATABASE, POOLER, by};

const AREA: &str = "database";

pub(super) const ATTACKS: &[Attack] = &[
    by(
        ON_DATABASE,
        AREA,
        "stand in for a type through pg_temp, in every function of the owner: it runs nothing",
        &[
            "temporary_objects::nobody_may_create_a_temporary_object",
            "temporary_objects::no_definer_function_uses_a_callers_temporary_object",
        ],
    ),
    by(
        ON_DATABASE,
        AREA,
        "forget a revoke or a search_path in a new function: it shows",
        &[
            "privileges::nobody_may_do_anything_that_was_not_granted_by_name",
            "privileges::a_forgotten_revoke_shows_in_every_schema",
            "catalog::every_function_pins_its_search_path_and_those_that_write_are_volatile",
        ],
    ),
    by(
        ON_DATABASE,
        AREA,
        "keep a user from being deleted by locks and broken rows: they leave",
        &[
            "leaving::nothing_that_we_hold_or_break_keeps_a_user_from_being_deleted",
            "leaving::of_two_last_members_who_leave_at_once_one_is_the_last",
        ],
    ),
    by(
        POOLER,
        AREA,
        "send what a transaction pooler may refuse, vanish in mid query, ask without the password: refused, nothing leaks",
        &[
            "refusals::every_other_shape_is_refused_by_name",
            "refusals::messages_that_are_none_are_refused",
            "refusals::a_client_without_the_password_is_refused",
            "queries::no_setting_lock_or_temporary_table_reaches_the_next_query",
            "failures::a_client_that_goes_in_mid_query_frees_its_backend",
        ],
    ),
];
