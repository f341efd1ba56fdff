//! From where on something is an alarm: defaults, and what the settings say instead.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::{features::judging::WARNING_DAYS, shared::analysis_type::AnalysisType, triggers::Job};

/// The limits, as the database reads them.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AlarmLimits {
    /// The smallest share of complete analyses, over a week, that found their profile in the cache.
    pub cache_hits_min: f64,
    /// The smallest success rate over 24 hours.
    pub success_min: f64,
    /// What AI calls may cost in a month (UTC).
    pub ai_budget_usd: f64,
    /// In how many seconds 95 of 100 analyses of a type end, over 24 hours; lines of bulks left out.
    pub p95_max_s: BTreeMap<&'static str, f64>,
    /// Of fewer runs, shares and percentiles say nothing.
    pub runs_min: u32,
    /// So many failures in 24 hours, of which no profile is to blame, make the success rate count of fewer runs too.
    pub failed_min: u32,
    /// How long an event of Stripe's may wait.
    pub webhook_wait_max_s: u32,
    /// How many of them may wait for longer.
    pub webhooks_late_max: f64,
    /// How many days a model must have left.
    pub model_days_min: i32,
    /// How long jobs may take until their next success.
    pub jobs: BTreeMap<&'static str, i64>,
    /// How long an alarm must have been quiet for it to be over.
    pub calm_s: u32,
}

impl Default for AlarmLimits {
    fn default() -> Self {
        let p95 = |kind: AnalysisType| match kind {
            AnalysisType::Light => 11.0,
            AnalysisType::Deep | AnalysisType::Xray => 25.0,
        };
        Self {
            cache_hits_min: 0.3,
            success_min: 0.99,
            ai_budget_usd: 210.0,
            p95_max_s: AnalysisType::ALL.into_iter().map(|kind| (kind.as_str(), p95(kind))).collect(),
            runs_min: 20,
            failed_min: 5,
            webhook_wait_max_s: 3_600,
            webhooks_late_max: 10.0,
            model_days_min: WARNING_DAYS,
            jobs: Job::SCHEDULED.into_iter().map(|job| (job.name(), job.silence_max().as_secs())).collect(),
            calm_s: 1_800,
        }
    }
}

/// The setting of a type's percentile.
const fn p95_setting(kind: AnalysisType) -> &'static str {
    match kind {
        AnalysisType::Light => "ALARM_LIGHT_P95_MAX_S",
        AnalysisType::Deep => "ALARM_DEEP_P95_MAX_S",
        AnalysisType::Xray => "ALARM_XRAY_P95_MAX_S",
    }
}

impl AlarmLimits {
    /// Reads the settings and finds their faults. `text` returns the value of a setting, empty if it is not set; then the default
    /// holds.
    #[must_use]
    pub fn from_settings(text: impl Fn(&str) -> String) -> (Self, Vec<String>) {
        let mut limits = Self::default();
        let mut faults = Vec::new();
        let mut read = |name: &str, max: f64| -> Option<f64> {
            let value = text(name);
            if value.is_empty() {
                return None;
            }
            let number = value.parse().ok().filter(|number: &f64| *number >= 0.0 && *number <= max);
            if number.is_none() {
                faults.push(format!("{name} must be a number from 0 to {max}"));
            }
            number
        };
        if let Some(percent) = read("ALARM_CACHE_HITS_MIN_PERCENT", 100.0) {
            limits.cache_hits_min = percent / 100.0;
        }
        if let Some(percent) = read("ALARM_SUCCESS_MIN_PERCENT", 100.0) {
            limits.success_min = percent / 100.0;
        }
        if let Some(dollars) = read("ALARM_AI_BUDGET_USD", 1_000_000.0) {
            limits.ai_budget_usd = dollars;
        }
        if let Some(events) = read("ALARM_WEBHOOKS_LATE_MAX", 1_000_000.0) {
            limits.webhooks_late_max = events;
        }
        for kind in AnalysisType::ALL {
            if let Some(seconds) = read(p95_setting(kind), 3_600.0) {
                limits.p95_max_s.insert(kind.as_str(), seconds);
            }
        }
        (limits, faults)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(settings: &[(&str, &str)]) -> (AlarmLimits, Vec<String>) {
        let of = |name: &str| settings.iter().find(|(other, _)| *other == name).map(|(_, value)| (*value).to_owned());
        AlarmLimits::from_settings(|name| of(name).unwrap_or_default())
    }

    #[test]
    fn without_settings_the_limits_are_those_of_the_handbook() {
        let (limits, faults) = read(&[]);
        assert_eq!((&limits, faults.len()), (&AlarmLimits::default(), 0));
        let shown = serde_json::to_value(&limits).unwrap();
        assert_eq!(
            [&shown["cache_hits_min"], &shown["success_min"], &shown["ai_budget_usd"]],
            [&json!(0.3), &json!(0.99), &json!(210.0)]
        );
        assert_eq!(shown["p95_max_s"], json!({ "LIGHT": 11.0, "DEEP": 25.0, "XRAY": 25.0 }));
        assert_eq!(shown["webhook_wait_max_s"], 3_600);
        assert_eq!([&shown["runs_min"], &shown["failed_min"]], [&json!(20), &json!(5)]);
        assert_eq!(shown["webhooks_late_max"], 10.0);
        assert_eq!(shown["jobs"].as_object().unwrap().len(), Job::SCHEDULED.len());
        assert_eq!(shown["jobs"]["recover-runs"], 1_800);
    }

    #[test]
    fn settings_change_single_limits_and_what_is_no_number_is_a_fault() {
        let (limits, faults) = read(&[
            ("ALARM_CACHE_HITS_MIN_PERCENT", "12.5"),
            ("ALARM_AI_BUDGET_USD", "500"),
            ("ALARM_DEEP_P95_MAX_S", "30"),
            ("ALARM_WEBHOOKS_LATE_MAX", "3"),
        ]);
        assert_eq!(faults, [""; 0]);
        let mut expected = AlarmLimits {
            cache_hits_min: 0.125,
            ai_budget_usd: 500.0,
            webhooks_late_max: 3.0,
            ..AlarmLimits::default()
        };
        expected.p95_max_s.insert("DEEP", 30.0);
        assert_eq!(limits, expected);
        for senseless in ["-1", "101", "NaN", "inf", "much"] {
            let (limits, faults) = read(&[("ALARM_SUCCESS_MIN_PERCENT", senseless)]);
            assert_eq!(limits, AlarmLimits::default(), "{senseless}");
            assert_eq!(faults, ["ALARM_SUCCESS_MIN_PERCENT must be a number from 0 to 100"], "{senseless}");
        }
    }
}
