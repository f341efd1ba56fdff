//! Attacks on money: who gets more than was paid for.

use crate::attack::model::{API, Attack, BILLING, CLIENTS, ON_DATABASE, by};

const AREA: &str = "money";

pub(super) const ATTACKS: &[Attack] = &[
    by(
        API,
        AREA,
        "sixteen clicks at once: one charge",
        &[
            "idempotency::of_sixteen_clicks_at_once_one_is_charged",
            "idempotency::of_sixteen_clicks_with_one_key_all_get_the_same_answer",
            "idempotency::a_key_belongs_to_one_request_of_one_account",
        ],
    ),
    by(
        API,
        AREA,
        "sixteen purchases from a balance of three, and past a cap and a limit: exactly what is there",
        &[
            "idempotency::from_a_balance_of_three_exactly_three_of_sixteen_start",
            "money::clicks_at_once_never_exceed_a_cap",
            "bad_input::the_hourly_limit_is_exact_and_says_when_to_come_back",
        ],
    ),
    by(
        API,
        AREA,
        "cancel many times, and while the run ends: one refund or none",
        &[
            "cancel::of_many_cancels_at_once_one_refunds",
            "cancel::a_cancel_that_races_the_end_loses_or_wins_but_never_both",
            "cancel::after_the_ai_call_began_the_credits_are_kept",
        ],
    ),
    by(
        ON_DATABASE,
        AREA,
        "have profiles scraped and cancel before they are judged: ten refunds a day, further ones are kept",
        &[
            "cancel_refunds::the_eleventh_cancel_after_a_scrape_began_is_kept_until_the_next_day",
            "cancel_refunds::of_many_cancels_at_once_ten_are_refunded",
            "cancel_refunds::the_lines_of_a_bulk_count_one_by_one",
        ],
    ),
    by(
        ON_DATABASE,
        AREA,
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
        AREA,
        "go away right after the charge, sixty times: every charged run starts",
        &["what_was_charged_starts_although_its_client_went_away"],
    ),
    by(
        ON_DATABASE,
        AREA,
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
        AREA,
        "take the idempotency key of a charge or refund, name another's run, rewrite the ledger: refused",
        &[
            "ledger::nobody_takes_the_key_of_a_charge_a_refund_or_a_grant_away",
            "ledger::an_entry_belongs_to_a_run_of_its_own_account",
            "ledger::the_ledger_is_append_only_even_for_its_owner",
        ],
    ),
    by(
        ON_DATABASE,
        AREA,
        "hold one account's balance locked: the refunds of the others go on",
        &["sweep::an_account_that_somebody_holds_keeps_no_other_from_its_refund"],
    ),
    by(
        BILLING,
        AREA,
        "send the webhook what Stripe did not sign: refused, and nothing is kept",
        &[
            "signatures::the_official_library_signs_what_is_taken_and_what_is_refused",
            "signatures::without_a_signature_nothing_is_taken_whoever_sends_it",
        ],
    ),
    by(
        ON_DATABASE,
        AREA,
        "have one payment told by many events, 32 at once and in every order: its credits come once",
        &[
            "billing::events::six_events_of_a_life_come_to_the_same_in_every_order",
            "billing::events::one_invoice_under_many_event_ids_grants_once",
            "billing::purchases::thirty_two_events_at_once_for_one_purchase_grant_once",
        ],
    ),
    by(
        ON_DATABASE,
        AREA,
        "upgrade and downgrade three times in a month, or spend and then take the money back: no credit is made",
        &[
            "billing::months::a_paid_upgrade_grants_the_difference_and_a_downgrade_waits_for_the_next_month",
            "billing::losses::what_is_spent_is_taken_from_other_grants_and_the_rest_is_owed_until_credits_come",
            "billing::losses::a_dispute_that_is_lost_won_and_refunded_later_counts_once",
        ],
    ),
    by(
        ON_DATABASE,
        AREA,
        "buy for another's account, take another's customer or purchase, sign up again for free credits: refused",
        &[
            "billing::purchases::only_an_owner_buys_links_a_customer_or_sets_thresholds",
            "sign_up::whoever_comes_back_with_the_same_mailbox_gets_no_second_free_credits",
        ],
    ),
    by(
        ON_DATABASE,
        AREA,
        "pay for several accounts with one card, also at once, or after the first was erased: free credits once",
        &[
            "billing::cards::a_second_account_with_the_card_loses_what_is_left_of_its_free_credits_once",
            "billing::cards::of_accounts_that_race_with_one_card_exactly_one_keeps_its_credits",
            "billing::cards::a_tombstone_keeps_its_cards_from_having_free_credits_again",
        ],
    ),
    by(
        ON_DATABASE,
        AREA,
        "close and open an account again and again, amid charges: each is refunded or gives a result, and no more scrapes are for nothing",
        &[
            "closing::a_charge_comes_before_the_end_or_not_at_all",
            "closing::sixteen_who_close_and_sixteen_who_open_at_once_leave_it_in_one_of_both_states",
            "closing::closing_gives_no_more_scrapes_for_nothing_than_cancelling",
        ],
    ),
    by(
        ON_DATABASE,
        AREA,
        "buy past a member's limit, 32 at once, or make another spender to evade it: exactly what it allows",
        &["members::a_crowd_gets_exactly_what_the_limit_allows", "members::whoever_has_a_limit_makes_no_other_spender"],
    ),
];
