//! The time, and how the services write it.

use jiff::Timestamp;

/// Milliseconds since 1970.
pub(crate) fn now_ms() -> u64 {
    u64::try_from(Timestamp::now().as_millisecond()).unwrap_or(0)
}

/// A time as all these services write it, for example `2025-08-13T05:14:16.984Z`.
pub(crate) fn iso(ms: u64) -> String {
    let at = i64::try_from(ms).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok()).unwrap_or_default();
    format!("{at:.3}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_the_services_write_them() {
        assert_eq!(iso(1_755_062_056_984), "2025-08-13T05:14:16.984Z");
    }
}
