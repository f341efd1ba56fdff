//! Attacks on requests: what is sent.

use crate::attack::model::{API, Attack, CLIENTS, FLOOD, Tests, by};

const AREA: &str = "requests";

pub(super) const ATTACKS: &[Attack] = &[
    Attack {
        area: AREA,
        what: "thousands of generated requests, valid and not: no 5xx, nothing undescribed",
        tests: Tests::Generated,
    },
    by(
        API,
        AREA,
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
        AREA,
        "call from another site's page, put lines into the log: refused, not echoed",
        &[
            "protocol::other_sites_may_not",
            "protocol::every_answer_carries_the_security_headers",
            "protocol::a_request_id_is_echoed_if_it_is_harmless",
        ],
    ),
    by(
        CLIENTS,
        AREA,
        "break an upload off: 400 and no error of ours",
        &["an_upload_that_breaks_off_is_the_clients_fault_and_no_error_of_ours"],
    ),
    by(
        CLIENTS,
        AREA,
        "poll three hundred runs that do not exist: no object wakes",
        &["polling_runs_that_do_not_exist_opens_no_files"],
    ),
    by(
        CLIENTS,
        AREA,
        "sixty exports at once: a few are served, the memory stays bounded",
        &["a_flood_of_exports_is_refused_and_costs_little_memory"],
    ),
    by(
        FLOOD,
        AREA,
        "flood from one account: refused before the database, and another account is served",
        &["a_flood_by_one_account_is_refused_and_another_account_is_served"],
    ),
    by(
        API,
        AREA,
        "buy again and again for a blocked account: refused without the database",
        &["operators::a_blocked_account_is_refused_without_the_database"],
    ),
    by(
        FLOOD,
        AREA,
        "buy for a blocked account where nobody has looked yet: refused from the shared memory",
        &["a_blocked_account_is_refused_by_what_is_remembered_outside_the_isolate"],
    ),
    by(
        CLIENTS,
        AREA,
        "send a body that never ends: given up after ten seconds",
        &["a_body_that_takes_too_long_is_given_up_with_an_answer"],
    ),
    by(
        CLIENTS,
        AREA,
        "begin many uploads and end none: there is room for those of others",
        &["unfinished_uploads_of_one_network_leave_room_for_others"],
    ),
    by(
        API,
        AREA,
        "open connections to many runs at once: an account has a limited number",
        &["events::an_account_has_room_for_so_many_with_all_of_its_runs"],
    ),
];
