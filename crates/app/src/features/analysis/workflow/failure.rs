//! Why a run fails: a stable code, listed in docs/errors.md, and a sentence for the customer.

use crate::features::judging::AiFault;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) code: &'static str,
    pub(super) message: &'static str,
}

pub(super) const fn ai_failure(fault: &AiFault) -> Failure {
    let (code, message) = match fault {
        AiFault::Unavailable { .. } => (
            "ai_unavailable",
            "The AI service did not answer, even after retries. Your credits were returned; try again in a few minutes.",
        ),
        AiFault::QuotaExhausted => (
            "ai_quota_exhausted",
            "Our AI capacity is used up just now. Your credits were returned; we have been told.",
        ),
        AiFault::ModelGone => (
            "ai_unavailable",
            "The AI models behind this analysis are not offered any more. Your credits were returned; we have been told.",
        ),
        AiFault::Refused => (
            "ai_refused",
            "The AI declined to judge this profile. Your credits were returned; trying again will not help.",
        ),
        AiFault::Truncated => (
            "ai_truncated",
            "The AI's answer was cut off each time. Your credits were returned; please tell us the username.",
        ),
        AiFault::Invalid(_) => (
            "ai_invalid_answer",
            "The AI's answer was unusable each time. Your credits were returned; try again later.",
        ),
        AiFault::Rejected(_) | AiFault::KeyRefused(_) => (
            "ai_unavailable",
            "The AI service did not accept our request. Your credits were returned; we have been told.",
        ),
    };
    Failure { code, message }
}

pub(super) const AI_UNCONFIGURED: Failure = Failure {
    code: "ai_unavailable",
    message: "No AI service is set up for this analysis. Your credits were returned; we have been told.",
};
pub(super) const INTERNAL: Failure = Failure {
    code: "internal_error",
    message: "Something went wrong on our side. Your credits were returned; try again in a few minutes.",
};
pub(super) const NOT_FOUND: Failure = Failure {
    code: "profile_not_found",
    message: "There is no Instagram profile with this username. Your credits were returned; check the spelling.",
};
pub(super) const PRIVATE: Failure = Failure {
    code: "profile_private",
    message: "This Instagram profile is private, so it cannot be judged. Your credits were returned.",
};
pub(super) const RESTRICTED: Failure = Failure {
    code: "profile_restricted",
    message: "Instagram shows this profile to some viewers only, so it cannot be read. Your credits were returned.",
};
pub(super) const SUBJECT_ERASED: Failure = Failure {
    code: "subject_erased",
    message: "This profile may not be analysed: its owner had it erased. Your credits were returned.",
};
pub(super) const POSTS_UNREADABLE: Failure = Failure {
    code: "posts_unreadable",
    message: "Instagram does not show us this profile's older posts. Your credits were returned; a LIGHT analysis, which reads the newest twelve, works.",
};
pub(super) const SCRAPE_FAILED: Failure = Failure {
    code: "scrape_failed",
    message: "The profile could not be read, even after retries. Your credits were returned; try again in a few minutes.",
};
pub(super) const SCRAPER_UNAVAILABLE: Failure = Failure {
    code: "scraper_unavailable",
    message: "Reading profiles is not possible just now. Your credits were returned; we have been told.",
};
