//! Every limit on what one caller may send or have open, in one table: docs/security.md shows it, and a test compares them. What money
//! may do has limits of its own (docs/billing.md, docs/members.md), and so have the fields of bodies (the description of the API).

use crate::{
    features::{
        analysis::{LINES_MAX, STREAMS_OF_ACCOUNT_MAX, WATCHERS_MAX},
        auth::TOKEN_CHARS_MAX,
        billing::EVENT_BYTES_MAX,
        leads::EXPORTS_OF_ACCOUNT_MAX,
    },
    http::{
        ADDRESS_CHARS_MAX, BODY_BYTES_MAX, BODY_MS_MAX, HEADER_BYTES_MAX, JSON_DEPTH_MAX, JSON_VALUES_MAX,
        TrafficClass, UPLOADS_OF_ADDRESS_BYTES_MAX,
    },
    shared::{idempotency::KEY_CHARS_MAX, pagination::LIMIT_MAX},
};

/// A limit, and what a caller is answered who goes beyond it.
#[derive(Debug, Clone, Copy)]
pub struct Limit {
    pub what: &'static str,
    pub most: usize,
    pub unit: &'static str,
    pub code: &'static str,
}

const fn limit(what: &'static str, most: usize, unit: &'static str, code: &'static str) -> Limit {
    Limit { what, most, unit, code }
}

const fn requests(what: &'static str, class: TrafficClass) -> Limit {
    let unit = match class {
        TrafficClass::Read | TrafficClass::Write | TrafficClass::AllRoutes => "in 4 seconds",
        TrafficClass::Unknown => "in 10 seconds",
    };
    limit(what, class.requests_max() as usize, unit, "rate_limited")
}

/// By default; the column of the plan is what counts.
const HOURLY_ANALYSES_MAX: usize = 100;
const HOURLY_BULK_ANALYSES_MAX: usize = 1_000;

/// All of them, in the order in which a request meets them.
pub const LIMITS: [Limit; 21] = [
    limit("path with query", ADDRESS_CHARS_MAX, "characters", "address_too_long"),
    limit("all headers together", HEADER_BYTES_MAX, "bytes", "headers_too_large"),
    limit("time that a body takes", (BODY_MS_MAX / 1_000) as usize, "seconds", "body_too_slow"),
    limit("memory for the unfinished bodies of an address", UPLOADS_OF_ADDRESS_BYTES_MAX, "bytes", "uploads_busy"),
    limit("access token", TOKEN_CHARS_MAX, "characters", "token_malformed"),
    requests("requests of a user, or of an account's keys, that read, on one route", TrafficClass::Read),
    requests("requests of a user, or of an account's keys, that change something, on one route", TrafficClass::Write),
    requests("requests of a user, or of an account's keys, in all", TrafficClass::AllRoutes),
    requests("requests of an address, by nobody known", TrafficClass::Unknown),
    limit("`Idempotency-Key`", KEY_CHARS_MAX, "characters", "invalid_idempotency_key"),
    limit("items of a page", LIMIT_MAX as usize, "items", "invalid_limit"),
    limit("body", BODY_BYTES_MAX, "bytes", "body_too_large"),
    limit("event of Stripe's", EVENT_BYTES_MAX, "bytes", "body_too_large"),
    limit("nesting of a JSON body", JSON_DEPTH_MAX, "levels", "json_too_complex"),
    limit("one list or object in a JSON body", JSON_VALUES_MAX, "values", "json_too_complex"),
    limit("list of names", LINES_MAX, "lines", "list_too_long"),
    limit("analyses of an account, bought one by one", HOURLY_ANALYSES_MAX, "in an hour, by its plan", "rate_limited"),
    limit(
        "analyses of an account, bought in bulks",
        HOURLY_BULK_ANALYSES_MAX,
        "in an hour, by its plan",
        "rate_limited",
    ),
    limit("connections to the events of a run", WATCHERS_MAX, "open", "too_many_watchers"),
    limit("connections to the events of an account's runs", STREAMS_OF_ACCOUNT_MAX, "open", "too_many_streams"),
    limit("exports of an account", EXPORTS_OF_ACCOUNT_MAX, "under way", "too_many_exports"),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::{api::operations, http::UPLOADS_BYTES_MAX};

    /// A number with commas between its thousands.
    fn grouped(number: usize) -> String {
        let digits = number.to_string();
        let from_end = digits.len();
        let comma = |(at, digit): (usize, char)| {
            if at > 0 && (from_end - at).is_multiple_of(3) { vec![',', digit] } else { vec![digit] }
        };
        digits.chars().enumerate().flat_map(comma).collect()
    }

    #[test]
    fn the_document_shows_exactly_these_limits() {
        let document = include_str!("../../../../docs/security.md");
        let section = document.split_once("\n## Limits\n").unwrap().1;
        let section = section.split_once("\n## ").unwrap().0;
        let shown: Vec<&str> = section.lines().filter(|line| line.starts_with("| ")).skip(1).collect();
        let rows =
            LIMITS.map(|Limit { what, most, unit, code }| format!("| {what} | {} {unit} | `{code}` |", grouped(most)));
        assert_eq!(shown, rows);
    }

    #[test]
    fn limits_on_requests_name_their_window() {
        for class in TrafficClass::ALL {
            assert_eq!(requests("", class).unit, format!("in {} seconds", class.window_s()));
        }
    }

    #[test]
    fn every_limit_answers_a_declared_code() {
        let operations = operations();
        let declared: BTreeSet<&str> =
            operations.iter().flat_map(|operation| &operation.errors).map(|code| code.code).collect();
        for limit in LIMITS {
            assert!(declared.contains(limit.code), "{limit:?}");
        }
    }

    #[test]
    fn plans_have_these_hourly_limits_unless_they_say_others() {
        let plans = include_str!("../../../../supabase/migrations/20261125100100_plans_and_prices.sql");
        for (column, most) in
            [("hourly_analyses_max", HOURLY_ANALYSES_MAX), ("hourly_bulk_analyses_max", HOURLY_BULK_ANALYSES_MAX)]
        {
            assert!(plans.contains(&format!("{column} integer not null default {most}")), "{column}");
        }
    }

    #[test]
    fn the_entry_reads_bodies_by_the_same_limits() {
        let entry = include_str!("../../../worker/js/entry.js");
        for line in [
            format!("const BODY_BYTES_MAX = {} * 1024;", BODY_BYTES_MAX / 1024),
            format!("const EVENT_BYTES_MAX = {} * 1024;", EVENT_BYTES_MAX / 1024),
            format!("const BODY_MS_MAX = {BODY_MS_MAX};"),
            format!("const UPLOADS_BYTES_MAX = {} * 1024 * 1024;", UPLOADS_BYTES_MAX / 1024 / 1024),
            format!(
                "const UPLOADS_OF_ADDRESS_BYTES_MAX = {} * 1024 * 1024;",
                UPLOADS_OF_ADDRESS_BYTES_MAX / 1024 / 1024
            ),
        ] {
            assert!(entry.contains(&line), "{line}");
        }
        let operations = operations();
        let providers = operations.iter().filter(|operation| operation.path.starts_with("/webhooks/"));
        let paths: Vec<String> =
            providers.map(|operation| format!("const EVENT_PATH = \"{}\";", operation.path)).collect();
        assert_eq!(paths.len(), 1, "only one path takes a large body");
        assert!(entry.contains(&paths[0]), "{}", paths[0]);
    }
}
