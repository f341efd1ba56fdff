//! Time comes through a port: `SystemTime::now` panics in a Worker, and tests own their clock.

use jiff::Timestamp;

/// The first second of the year 1.
const FIRST_S: i64 = -62_135_596_800;

/// Reads a time of the years 1 to 9999. Earlier ones can be read and written here, but not by the database.
#[must_use]
pub fn read_time(text: &str) -> Option<Timestamp> {
    text.parse().ok().filter(|time: &Timestamp| time.as_second() >= FIRST_S)
}

/// The wall clock.
pub trait Clock: Send + Sync {
    /// The present moment, UTC.
    fn now(&self) -> Timestamp;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_years_1_to_9999_are_read() {
        for text in ["0001-01-01T00:00:00Z", "2026-11-23T12:00:00.123456Z", "9999-12-30T21:59:59.999999Z"] {
            assert!(read_time(text).is_some(), "{text}");
        }
        for text in [
            "0000-12-31T23:59:59Z",
            "-000044-03-15T12:00:00Z",
            "+010000-01-01T00:00:00Z",
            "0001-01-01T00:00:00+01:00",
            "",
        ] {
            assert_eq!(read_time(text), None, "{text}");
        }
    }
}
