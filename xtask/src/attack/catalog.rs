//! What is attacked, and the tests that do it.

/// An attack, and what must come of it.
#[derive(Debug)]
pub struct Attack {
    /// A word of docs/security.md.
    pub area: &'static str,
    /// What the attacker does, and what must hold.
    pub what: &'static str,
    pub tests: Tests,
}

/// The tests of an attack.
#[derive(Debug)]
pub enum Tests {
    /// By their names, in this program.
    Named(Program, &'static [&'static str]),
    /// Requests that schemathesis generates from the API's description.
    Generated,
}

use Tests::{Generated, Named};

/// A test program: its crate and its target.
type Program = (&'static str, &'static str);

const API: Program = ("e2e", "api");
const BILLING: Program = ("e2e", "zz_billing");
const CLIENTS: Program = ("e2e", "zz_clients");
const FAULTS: Program = ("e2e", "faults");
const ON_DATABASE: Program = ("crates/postgres", "database");
const POOLER: Program = ("crates/pooler", "pooler");
const PRODUCT: Program = ("crates/app", "oslira_app");
const TOOL: Program = ("xtask", "xtask");

const fn by(program: Program, area: &'static str, what: &'static str, tests: &'static [&'static str]) -> Attack {
    Attack { area, what, tests: Named(program, tests) }
}

const TENANCY: &str = "tenancy";
const MONEY: &str = "money";
const TOKENS: &str = "tokens";
const REQUESTS: &str = "requests";
const PROFILES: &str = "profiles";
const PROVIDERS: &str = "providers";
const DATABASE: &str = "database";
const MACHINE: &str = "machine";

/// In the order of docs/security.md.
pub const ATTACKS: &[Attack] = &[
    by(
        API,
        TENANCY,
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
        TENANCY,
        "name another's account in X-Account-Id: refused",
        &["tenancy::an_account_is_chosen_only_among_ones_own", "tenancy::who_leaves_an_account_loses_sight_of_it"],
    ),
    by(
        API,
        TENANCY,
        "send fields and ids that are not the caller's to set: they set nothing",
        &[
            "bad_input::a_field_that_is_not_the_callers_to_set_sets_nothing",
            "bad_input::a_business_profile_that_is_not_ones_own_is_unknown",
        ],
    ),
    by(
        API,
        TENANCY,
        "every kind of caller at every operation: each answers as it is written down",
        &["callers::every_operation_answers_every_kind_of_caller_as_it_did"],
    ),
    by(
        ON_DATABASE,
        TENANCY,
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
        TENANCY,
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
        TENANCY,
        "close another's account, open it again, or take all its data out: refused",
        &[
            "closing::only_an_owner_who_names_it_closes_an_account",
            "exports::data_is_taken_out_by_who_may_and_of_a_closed_account_by_its_owners",
            "exports::no_name_or_key_of_a_row_is_taken_for_sql",
        ],
    ),
    by(
        API,
        MONEY,
        "sixteen clicks at once: one charge",
        &[
            "idempotency::of_sixteen_clicks_at_once_one_is_charged",
            "idempotency::of_sixteen_clicks_with_one_key_all_get_the_same_answer",
            "idempotency::a_key_belongs_to_one_request_of_one_account",
        ],
    ),
    by(
        API,
        MONEY,
        "sixteen purchases from a balance of three, and past a cap and a limit: exactly what is there",
        &[
            "idempotency::from_a_balance_of_three_exactly_three_of_sixteen_start",
            "money::clicks_at_once_never_exceed_a_cap",
            "bad_input::the_hourly_limit_is_exact_and_says_when_to_come_back",
        ],
    ),
    by(
        API,
        MONEY,
        "cancel many times, and while the run ends: one refund or none",
        &[
            "cancel::of_many_cancels_at_once_one_refunds",
            "cancel::a_cancel_that_races_the_end_loses_or_wins_but_never_both",
            "cancel::after_the_ai_call_began_the_credits_are_kept",
        ],
    ),
    by(
        ON_DATABASE,
        MONEY,
        "have profiles scraped and cancel before they are judged: ten refunds a day, further ones are kept",
        &[
            "cancel_refunds::the_eleventh_cancel_after_a_scrape_began_is_kept_until_the_next_day",
            "cancel_refunds::of_many_cancels_at_once_ten_are_refunded",
            "cancel_refunds::the_lines_of_a_bulk_count_one_by_one",
        ],
    ),
    by(
        ON_DATABASE,
        MONEY,
        "buy, continue and cancel the same lists at once: exactly what is there, each name once, a pilot continued once",
        &[
            "bulk::races::a_balance_of_17_pays_for_three_whole_lists_of_five",
            "bulk::races::a_name_in_32_lists_and_single_requests_is_bought_once",
            "bulk::races::a_pilot_is_continued_once_or_cancelled",
            "bulk::races::two_accounts_that_buy_the_same_names_never_wait_in_a_circle",
        ],
    ),
    by(
        CLIENTS,
        MONEY,
        "go away right after the charge, sixty times: every charged run starts",
        &["what_was_charged_starts_although_its_client_went_away"],
    ),
    by(
        ON_DATABASE,
        MONEY,
        "32 of everything at once over the same balances: no credit made or lost, no deadlock",
        &[
            "races::a_balance_of_17_pays_for_exactly_17_of_32_runs",
            "races::of_32_requests_with_one_key_one_is_charged_and_all_hear_of_it",
            "races::of_32_ways_to_end_a_run_one_refunds_it",
            "races::a_storm_of_everything_over_three_accounts_never_deadlocks",
        ],
    ),
    by(
        ON_DATABASE,
        MONEY,
        "take the idempotency key of a charge or refund, name another's run, rewrite the ledger: refused",
        &[
            "ledger::nobody_takes_the_key_of_a_charge_a_refund_or_a_grant_away",
            "ledger::an_entry_belongs_to_a_run_of_its_own_account",
            "ledger::the_ledger_is_append_only_even_for_its_owner",
        ],
    ),
    by(
        ON_DATABASE,
        MONEY,
        "hold one account's balance locked: the refunds of the others go on",
        &["sweep::an_account_that_somebody_holds_keeps_no_other_from_its_refund"],
    ),
    by(
        BILLING,
        MONEY,
        "send the webhook what Stripe did not sign: refused, and nothing is kept",
        &[
            "signatures::the_official_library_signs_what_is_taken_and_what_is_refused",
            "signatures::without_a_signature_nothing_is_taken_whoever_sends_it",
        ],
    ),
    by(
        ON_DATABASE,
        MONEY,
        "have one payment told by many events, 32 at once and in every order: its credits come once",
        &[
            "billing::events::six_events_of_a_life_come_to_the_same_in_every_order",
            "billing::events::one_invoice_under_many_event_ids_grants_once",
            "billing::purchases::thirty_two_events_at_once_for_one_purchase_grant_once",
        ],
    ),
    by(
        ON_DATABASE,
        MONEY,
        "upgrade and downgrade three times in a month, or spend and then take the money back: no credit is made",
        &[
            "billing::months::a_paid_upgrade_grants_the_difference_and_a_downgrade_waits_for_the_next_month",
            "billing::losses::what_is_spent_is_taken_from_other_grants_and_the_rest_is_owed_until_credits_come",
            "billing::losses::a_dispute_that_is_lost_won_and_refunded_later_counts_once",
        ],
    ),
    by(
        ON_DATABASE,
        MONEY,
        "buy for another's account, take another's customer or purchase, sign up again for free credits: refused",
        &[
            "billing::purchases::only_an_owner_buys_links_a_customer_or_sets_thresholds",
            "sign_up::whoever_comes_back_with_the_same_mailbox_gets_no_second_free_credits",
        ],
    ),
    by(
        ON_DATABASE,
        MONEY,
        "close and open an account again and again, amid charges: each is refunded or gives a result, and no more scrapes are for nothing",
        &[
            "closing::a_charge_comes_before_the_end_or_not_at_all",
            "closing::sixteen_who_close_and_sixteen_who_open_at_once_leave_it_in_one_of_both_states",
            "closing::closing_gives_no_more_scrapes_for_nothing_than_cancelling",
        ],
    ),
    by(
        API,
        TOKENS,
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
        TOKENS,
        "use a ticket for live events again, eight times at once, for another run, or make one up: one connection, nothing in the log",
        &["events::a_ticket_opens_one_connection_of_its_run"],
    ),
    by(
        CLIENTS,
        TOKENS,
        "fifty unknown keys at once: the issuer is asked once or twice",
        &["many_tokens_of_unknown_keys_fetch_the_key_set_once_or_twice"],
    ),
    Attack {
        area: REQUESTS,
        what: "thousands of generated requests, valid and not: no 5xx, nothing undescribed",
        tests: Generated,
    },
    by(
        API,
        REQUESTS,
        "bodies, ids, cursors and addresses that make no sense: 400 with a reason",
        &[
            "bad_input::a_body_that_cannot_be_read_is_refused",
            "bad_input::a_field_that_makes_no_sense_is_refused",
            "bad_input::ids_limits_cursors_and_addresses_are_checked",
            "protocol::an_address_that_is_too_long_is_refused_before_anything_looks_at_it",
        ],
    ),
    by(
        API,
        REQUESTS,
        "call from another site's page, put lines into the log: refused, not echoed",
        &[
            "protocol::other_sites_may_not",
            "protocol::every_answer_carries_the_security_headers",
            "protocol::a_request_id_is_echoed_if_it_is_harmless",
        ],
    ),
    by(
        CLIENTS,
        REQUESTS,
        "break an upload off: 400 and no error of ours",
        &["an_upload_that_breaks_off_is_the_clients_fault_and_no_error_of_ours"],
    ),
    by(
        CLIENTS,
        REQUESTS,
        "poll three hundred runs that do not exist: no object wakes",
        &["polling_runs_that_do_not_exist_opens_no_files"],
    ),
    by(
        CLIENTS,
        REQUESTS,
        "sixty exports at once: a few are served, the memory stays bounded",
        &["a_flood_of_exports_is_refused_and_costs_little_memory"],
    ),
    by(
        API,
        PROFILES,
        "instructions in a bio: no result breaks, no score leaves its range, nothing of others is told",
        &[
            "hostile::no_attack_in_a_profile_breaks_a_result_or_reaches_anothers_data",
            "hostile::what_is_quoted_is_told_from_what_is_said",
        ],
    ),
    by(
        API,
        PROFILES,
        "formulas in a bio: a spreadsheet computes nothing",
        &["leads::an_export_opens_in_a_spreadsheet_and_computes_nothing"],
    ),
    by(
        PRODUCT,
        PROFILES,
        "a picture's address that leads elsewhere: only Instagram's servers are fetched from",
        &[
            "features::profiles::pictures::tests::a_deployment_fetches_from_nowhere_else",
            "features::profiles::pictures::tests::a_permitted_address_has_one_reading",
            "features::profiles::pictures::tests::what_a_picture_is_is_told_from_its_bytes",
        ],
    ),
    by(
        FAULTS,
        PROVIDERS,
        "a scraper or a model that never answers: given up in time, refunded",
        &[
            "scraper::a_scraper_that_never_answers_is_asked_twice_and_given_up",
            "model::a_model_that_never_answers_is_asked_twice_and_then_the_other_one",
        ],
    ),
    by(
        FAULTS,
        PROVIDERS,
        "a scraper that shows a profile without its posts: nothing is judged or charged",
        &[
            "scraper::a_deep_analysis_whose_posts_stay_empty_fails_and_leaves_the_details_for_a_light_one",
            "scraper::profiles_that_cannot_be_judged_fail_with_their_reason",
        ],
    ),
    by(
        ON_DATABASE,
        DATABASE,
        "stand in for a type through pg_temp, in every function of the owner: it runs nothing",
        &[
            "temporary_objects::nobody_may_create_a_temporary_object",
            "temporary_objects::no_definer_function_uses_a_callers_temporary_object",
        ],
    ),
    by(
        ON_DATABASE,
        DATABASE,
        "forget a revoke or a search_path in a new function: it shows",
        &[
            "privileges::nobody_may_do_anything_that_was_not_granted_by_name",
            "privileges::a_forgotten_revoke_shows_in_every_schema",
            "catalog::every_function_pins_its_search_path_and_those_that_write_are_volatile",
        ],
    ),
    by(
        ON_DATABASE,
        DATABASE,
        "keep a user from being deleted by locks and broken rows: they leave",
        &[
            "leaving::nothing_that_we_hold_or_break_keeps_a_user_from_being_deleted",
            "leaving::of_two_last_members_who_leave_at_once_one_is_the_last",
        ],
    ),
    by(
        POOLER,
        DATABASE,
        "send what a transaction pooler may refuse, vanish in mid query, ask without the password: refused, nothing leaks",
        &[
            "refusals::every_other_shape_is_refused_by_name",
            "refusals::messages_that_are_none_are_refused",
            "refusals::a_client_without_the_password_is_refused",
            "queries::no_setting_lock_or_temporary_table_reaches_the_next_query",
            "failures::a_client_that_goes_in_mid_query_frees_its_backend",
        ],
    ),
    by(
        API,
        MACHINE,
        "another user of this machine asks database, pooler and sandbox without their secrets: refused",
        &[
            "machine::a_stranger_on_this_machine_reaches_nothing",
            "machine::a_page_in_a_browser_of_this_machine_reaches_nothing",
        ],
    ),
    by(
        API,
        MACHINE,
        "another user of this machine reads the stack's secrets, logs and data: they are private",
        &["machine::a_stranger_on_this_machine_reads_no_file_of_the_stack"],
    ),
    by(
        TOOL,
        MACHINE,
        "a copied or damaged stack: nothing of another is stopped",
        &[
            "stack::state::tests::a_state_is_of_the_directory_that_it_was_saved_in",
            "stack::state::tests::a_damaged_state_is_told_and_a_missing_one_is_none",
        ],
    ),
];
