//! Attacks on profiles: what a scraped profile says.

use crate::attack::model::{API, Attack, PRODUCT, by};

const AREA: &str = "profiles";

pub(super) const ATTACKS: &[Attack] = &[
    by(
        API,
        AREA,
        "instructions in a bio: no result breaks, no score leaves its range, nothing of others is told",
        &[
            "hostile::no_attack_in_a_profile_breaks_a_result_or_reaches_anothers_data",
            "hostile::what_is_quoted_is_told_from_what_is_said",
        ],
    ),
    by(
        API,
        AREA,
        "formulas in a bio: a spreadsheet computes nothing",
        &["leads::an_export_opens_in_a_spreadsheet_and_computes_nothing"],
    ),
    by(
        PRODUCT,
        AREA,
        "a picture's address that leads elsewhere: only Instagram's servers are fetched from",
        &[
            "features::profiles::pictures::tests::a_deployment_fetches_from_nowhere_else",
            "features::profiles::pictures::tests::a_permitted_address_has_one_reading",
            "features::profiles::pictures::tests::what_a_picture_is_is_told_from_its_bytes",
        ],
    ),
];
