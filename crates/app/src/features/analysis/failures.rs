//! Why a run can fail, for the reference of errors. A test holds it equal to what the workflow and the database say.

#[derive(Debug, Clone, Copy)]
pub struct FailureCode {
    /// The stable code, in `error.code` of the run.
    pub code: &'static str,
    pub meaning: &'static str,
    /// Whether the same request may succeed later.
    pub try_again: &'static str,
}

const fn failure(code: &'static str, meaning: &'static str, try_again: &'static str) -> FailureCode {
    FailureCode { code, meaning, try_again }
}

pub const FAILURES: &[FailureCode] = &[
    failure("profile_not_found", "no such username", "with another spelling"),
    failure("profile_private", "cannot be read by us", "no"),
    failure("profile_restricted", "shown to some viewers only, so it cannot be read by us", "no"),
    failure(
        "posts_unreadable",
        "DEEP and XRAY: the profile has posts, but a list of them stayed empty in four attempts",
        "as LIGHT, which reads the profile's newest posts only",
    ),
    failure("scrape_failed", "four attempts failed, or the scraper did not answer", "in a few minutes"),
    failure("scraper_unavailable", "Apify refuses us: key, plan, quota", "when we have fixed it"),
    failure("ai_unavailable", "no model answered: three attempts with each", "in a few minutes"),
    failure("ai_quota_exhausted", "our AI account is empty", "when we have fixed it"),
    failure("ai_refused", "the model declined", "no"),
    failure("ai_truncated", "no model ended its answer, three attempts with each", "later"),
    failure("ai_invalid_answer", "no model gave a usable answer, three attempts with each", "later"),
    failure("ended_by_operator", "we ended it by hand", "yes"),
    failure("subject_erased", "the profile's owner had it erased", "no"),
    failure("stalled", "no sign of life for five minutes", "yes"),
    failure("internal_error", "ours", "yes"),
];
