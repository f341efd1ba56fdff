//! Attacks on providers: what providers answer.

use crate::attack::model::{Attack, FAULTS, by};

const AREA: &str = "providers";

pub(super) const ATTACKS: &[Attack] = &[
    by(
        FAULTS,
        AREA,
        "a scraper or a model that never answers: given up in time, refunded",
        &[
            "scraper::a_scraper_that_never_answers_is_asked_twice_and_given_up",
            "model::a_model_that_never_answers_is_asked_twice_and_then_the_other_one",
        ],
    ),
    by(
        FAULTS,
        AREA,
        "a scraper that shows a profile without its posts: nothing is judged or charged",
        &[
            "scraper::a_deep_analysis_whose_posts_stay_empty_fails_and_leaves_the_details_for_a_light_one",
            "scraper::profiles_that_cannot_be_judged_fail_with_their_reason",
        ],
    ),
];
