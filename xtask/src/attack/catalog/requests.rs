//! Attacks on requests: what is sent.

use crate::attack::model::{API, Attack, CLIENTS, Tests, by};

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
];
