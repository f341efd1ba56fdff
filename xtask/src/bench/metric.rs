//! Metrics: their rounding, and how they are collected and shown.

use serde::Serialize;

use crate::table::table;

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Metric {
    name: String,
    value: f64,
    unit: &'static str,
}

impl Metric {
    /// Milliseconds, rounded to two decimals.
    pub fn ms(name: impl Into<String>, value: f64) -> Self {
        Self { name: name.into(), value: (value * 100.0).round() / 100.0, unit: "ms" }
    }

    /// Seconds, rounded to three decimals.
    pub fn s(name: impl Into<String>, value: f64) -> Self {
        Self { name: name.into(), value: (value * 1_000.0).round() / 1_000.0, unit: "s" }
    }

    /// Dollars, rounded to six decimals.
    pub fn usd(name: impl Into<String>, value: f64) -> Self {
        Self { name: name.into(), value: (value * 1e6).round() / 1e6, unit: "USD" }
    }

    /// A part of a whole, 0 to 1, rounded to four decimals.
    pub fn share(name: impl Into<String>, value: f64) -> Self {
        Self { name: name.into(), value: (value * 1e4).round() / 1e4, unit: "share" }
    }

    /// How many times as much as something else, rounded to three decimals.
    pub fn ratio(name: impl Into<String>, value: f64) -> Self {
        Self { name: name.into(), value: (value * 1_000.0).round() / 1_000.0, unit: "times" }
    }

    /// How often in a second, rounded to a whole number.
    pub fn per_s(name: impl Into<String>, value: f64) -> Self {
        Self { name: name.into(), value: value.round(), unit: "per s" }
    }

    pub fn count(name: impl Into<String>, value: usize) -> Self {
        Self { name: name.into(), value: value as f64, unit: "" }
    }

    pub fn bytes(name: impl Into<String>, value: usize) -> Self {
        Self { name: name.into(), value: value as f64, unit: "bytes" }
    }
}

/// The requested metrics, in the order in which they were measured.
#[derive(Debug)]
pub struct Report {
    only: String,
    metrics: Vec<Metric>,
}

impl Report {
    /// A report that keeps only metrics whose name begins with `only`.
    pub fn new(only: &str) -> Self {
        Self { only: only.to_owned(), metrics: Vec::new() }
    }

    /// Adds a metric and prints it at once, while the rest is still being measured.
    pub fn add(&mut self, metric: Metric) {
        if metric.name.starts_with(&self.only) {
            eprintln!("  {} = {} {}", metric.name, metric.value, metric.unit);
            self.metrics.push(metric);
        }
    }

    /// Whether a metric whose name begins with `name` was asked for.
    pub fn wants(&self, name: &str) -> bool {
        name.starts_with(&self.only) || self.only.starts_with(name)
    }

    pub fn metrics(&self) -> &[Metric] {
        &self.metrics
    }

    pub fn table(&self) -> String {
        let row = |metric: &Metric| vec![metric.name.clone(), metric.value.to_string(), metric.unit.to_owned()];
        table(&["metric", "value", "unit"], self.metrics.iter().map(row).collect())
    }
}

/// The median; for an even number of values the mean of the middle two, for none `None`.
pub fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let upper = *sorted.get(sorted.len() / 2)?;
    let lower = *sorted.get((sorted.len() - 1) / 2)?;
    Some(f64::midpoint(lower, upper))
}

/// The value that the share `quantile` (0 to 1) of the values does not exceed; for none `None`.
pub fn quantile(values: &[f64], quantile: f64) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = (quantile * values.len() as f64).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), Some(2.5));
        assert_eq!(median(&[]), None);
    }

    #[test]
    fn a_quantile_is_a_value_that_was_measured() {
        let values: Vec<f64> = (1..=200).rev().map(f64::from).collect();
        assert_eq!((quantile(&values, 0.99), quantile(&values, 0.5)), (Some(198.0), Some(100.0)));
        assert_eq!((quantile(&[7.0], 0.99), quantile(&[], 0.99)), (Some(7.0), None));
    }

    #[test]
    fn only_what_was_asked_for_is_kept() {
        let mut report = Report::new("http.run");
        report.add(Metric::ms("http.run_ms.p50.c1", 1.234));
        report.add(Metric::ms("http.balance_ms.p50.c1", 1.0));
        assert_eq!(report.metrics(), [Metric { name: "http.run_ms.p50.c1".to_owned(), value: 1.23, unit: "ms" }]);
    }
}
