//! Attacks on machine: who reaches a developer's machine.

use crate::attack::model::{API, Attack, TOOL, by};

const AREA: &str = "machine";

pub(super) const ATTACKS: &[Attack] = &[
    by(
        API,
        AREA,
        "another user of this machine asks database, pooler and sandbox without their secrets: refused",
        &[
            "machine::a_stranger_on_this_machine_reaches_nothing",
            "machine::a_page_in_a_browser_of_this_machine_reaches_nothing",
        ],
    ),
    by(
        API,
        AREA,
        "another user of this machine reads the stack's secrets, logs and data: they are private",
        &["machine::a_stranger_on_this_machine_reads_no_file_of_the_stack"],
    ),
    by(
        TOOL,
        AREA,
        "a copied or damaged stack: nothing of another is stopped",
        &[
            "stack::state::tests::a_state_is_of_the_directory_that_it_was_saved_in",
            "stack::state::tests::a_damaged_state_is_told_and_a_missing_one_is_none",
        ],
    ),
];
