//! Attacks on tenancy: who reaches another's data.

use crate::attack::model::{API, Attack, ON_DATABASE, by};

const AREA: &str = "tenancy";

pub(super) const ATTACKS: &[Attack] = &[
    by(
        API,
        AREA,
        "ask for another account's runs and leads: they do not exist",
        &[
            "tenancy::another_accounts_run_does_not_exist",
            "events::a_run_of_another_account_does_not_exist",
            "leads::another_accounts_lead_does_not_exist",
            "outcomes::another_accounts_lead_can_be_neither_marked_nor_exported",
            "bulk::another_accounts_bulk_does_not_exist",
            "pictures::a_picture_belongs_to_its_lead",
        ],
    ),
    by(
        API,
        AREA,
        "name another's account in X-Account-Id: refused",
        &["tenancy::an_account_is_chosen_only_among_ones_own", "tenancy::who_leaves_an_account_loses_sight_of_it"],
    ),
    by(
        API,
        AREA,
        "send fields and ids that are not the caller's to set: they set nothing",
        &[
            "bad_input::a_field_that_is_not_the_callers_to_set_sets_nothing",
            "bad_input::a_business_profile_that_is_not_ones_own_is_unknown",
        ],
    ),
    by(
        API,
        AREA,
        "every kind of caller at every operation: each answers as it is written down",
        &["callers::every_operation_answers_every_kind_of_caller_as_it_did"],
    ),
    by(
        ON_DATABASE,
        AREA,
        "use the tenant's login directly, in every table and function: row-level security holds",
        &[
            "tenancy::a_member_sees_their_accounts_rows_and_no_others_in_every_table",
            "tenancy::nobody_writes_a_table_directly_not_even_their_own_rows",
            "tenancy::a_stranger_cannot_touch_an_account_through_the_functions",
            "tenancy::what_only_functions_see_is_refused_to_everybody",
            "tenancy::the_anonymous_role_can_do_nothing_at_all",
            "leads::a_search_finds_nothing_of_another_account_whoever_is_asked_for",
        ],
    ),
    by(
        ON_DATABASE,
        AREA,
        "make the tenant's login the system's, or keep another's identity: neither works",
        &[
            "logins::each_login_becomes_exactly_its_one_role",
            "logins::a_login_by_itself_can_do_nothing",
            "run_as::a_call_acts_as_whom_it_names_and_leaves_nothing_whether_it_succeeds_or_not",
            "run_as::a_login_becomes_its_own_role_only_and_runs_one_statement_only",
            "privileges::a_customer_can_call_nothing_of_the_backends",
        ],
    ),
    by(
        ON_DATABASE,
        AREA,
        "close another's account, open it again, or take all its data out: refused",
        &[
            "closing::only_an_owner_who_names_it_closes_an_account",
            "exports::data_is_taken_out_by_who_may_and_of_a_closed_account_by_its_owners",
            "exports::no_name_or_key_of_a_row_is_taken_for_sql",
        ],
    ),
    by(
        ON_DATABASE,
        AREA,
        "call every function as every role and key: refused to exactly those who lack its permission",
        &[
            "permissions::every_function_refuses_exactly_those_who_lack_its_permission",
            "permissions::to_a_stranger_every_function_answers_as_if_nothing_were_there",
        ],
    ),
    by(
        API,
        AREA,
        "become an operator by a token's metadata, a key, a customer's login or without a reason: refused",
        &["operators::nobody_operates_with_a_key_without_a_reason_or_by_what_their_token_says"],
    ),
    by(
        ON_DATABASE,
        AREA,
        "follow another's invitation, a used or an old one: nobody joins",
        &[
            "members::a_link_joins_once_and_only_the_address_that_was_invited",
            "members::what_is_over_or_taken_back_joins_nobody",
        ],
    ),
];
