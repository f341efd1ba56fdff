//! Two models over the same questions: which difference is real, and which is noise.

use std::collections::{BTreeMap, BTreeSet};

use oslira_app::features::judging::CallKind;

use crate::quality::{
    Judged,
    bootstrap::{Difference, paired},
    light_score,
    ranking::{Ranked, ranking},
};

/// What is said of one profile by one model.
#[derive(Default)]
pub struct Outcome {
    ranked: Vec<Ranked>,
    /// Distance of each grade from the label's range.
    grade_errors: Vec<f64>,
    kept: usize,
    claimed: usize,
    messages: usize,
    violations: usize,
    costs_usd: Vec<f64>,
    seconds: Vec<f64>,
}

/// A compared figure.
#[derive(Debug, Clone)]
pub struct Compared {
    pub figure: &'static str,
    pub first: f64,
    pub second: f64,
    pub difference: Difference,
}

/// Compares two models' answers to the same cases.
#[must_use]
pub fn compare(first: &[Judged<'_>], second: &[Judged<'_>]) -> Vec<Compared> {
    let key = |one: &Judged<'_>| (one.case.profile.key.clone(), one.case.business.key.clone(), one.case.call);
    let asked = |judged: &[Judged<'_>]| judged.iter().map(key).collect::<BTreeSet<_>>();
    let both: BTreeSet<_> = asked(first).intersection(&asked(second)).cloned().collect();
    let counts = |one: &Judged<'_>| both.contains(&key(one));
    let (first, second) = (outcomes(first, counts), outcomes(second, counts));
    // Only profiles of which both said something, in the same order.
    let keys: Vec<&String> = first.keys().filter(|key| second.contains_key(*key)).collect();
    let of = |all: &BTreeMap<String, Outcome>| {
        keys.iter().filter_map(|key| all.get(*key)).map(Outcome::copied).collect::<Vec<_>>()
    };
    let (first, second) = (of(&first), of(&second));
    type Statistic = fn(&[&Outcome]) -> Option<f64>;
    let statistics: [(&'static str, Statistic); 6] = [
        ("score.pairwise", pairwise),
        ("verdict.grade_error", |some| mean(some.iter().flat_map(|one| one.grade_errors.iter().copied()))),
        ("evidence.precision", |some| ratio(some, |one| one.kept, |one| one.claimed)),
        ("messages.violations", |some| ratio(some, |one| one.violations, |one| one.messages)),
        ("cost_usd", |some| mean(some.iter().flat_map(|one| one.costs_usd.iter().copied()))),
        ("latency_s", |some| mean(some.iter().flat_map(|one| one.seconds.iter().copied()))),
    ];
    let compared = statistics.into_iter().filter_map(|(figure, statistic)| {
        let all = |from: &[Outcome]| statistic(&from.iter().collect::<Vec<_>>());
        Some(Compared {
            figure,
            first: all(&first)?,
            second: all(&second)?,
            difference: paired(&first, &second, statistic)?,
        })
    });
    compared.collect()
}

impl Outcome {
    fn copied(&self) -> Self {
        Self {
            ranked: self.ranked.clone(),
            grade_errors: self.grade_errors.clone(),
            costs_usd: self.costs_usd.clone(),
            seconds: self.seconds.clone(),
            ..*self
        }
    }
}

fn outcomes(judged: &[Judged<'_>], counts: impl Fn(&Judged<'_>) -> bool) -> BTreeMap<String, Outcome> {
    let mut all: BTreeMap<String, Outcome> = BTreeMap::new();
    for one in judged.iter().filter(|one| one.case.profile.attack_on.is_none() && counts(one)) {
        let outcome = all.entry(one.case.profile.key.clone()).or_default();
        outcome
            .costs_usd
            .extend(one.usage.as_ref().and_then(|usage| usage.cost_microusd).map(|cost| cost as f64 / 1e6));
        outcome.seconds.extend(one.duration_ms.map(|ms| ms as f64 / 1_000.0));
        let Ok(reviewed) = &one.reviewed else { continue };
        outcome.kept += reviewed.kept as usize;
        outcome.claimed += (reviewed.kept + reviewed.dropped) as usize;
        if matches!(one.case.call, CallKind::Light | CallKind::Outreach) {
            outcome.messages += 1;
            outcome.violations += reviewed.problems.len();
        }
        if let Some(verdict) = one.verdict() {
            let [low, high] = one.case.expected.fit;
            let grade = verdict.fit_score.value();
            outcome.grade_errors.push(f64::from(low.saturating_sub(grade).max(grade.saturating_sub(high))));
        }
        if one.case.call == CallKind::Light
            && let Some(score) = light_score(one)
        {
            outcome.ranked.push(Ranked {
                business: one.case.business.key.clone(),
                profile: one.case.profile.key.clone(),
                range: one.case.expected.fit,
                score: f64::from(score),
            });
        }
    }
    all
}

fn pairwise(some: &[&Outcome]) -> Option<f64> {
    let ranked: Vec<Ranked> = some.iter().flat_map(|one| one.ranked.iter().cloned()).collect();
    let figures = ranking("score", &ranked).figures;
    figures.iter().find(|figure| figure.name == "score.pairwise").map(|figure| figure.value)
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, count) = values.fold((0.0, 0_usize), |(sum, count), value| (sum + value, count + 1));
    (count > 0).then(|| sum / count as f64)
}

fn ratio(some: &[&Outcome], part: fn(&Outcome) -> usize, whole: fn(&Outcome) -> usize) -> Option<f64> {
    let whole: usize = some.iter().map(|one| whole(one)).sum();
    (whole > 0).then(|| some.iter().map(|one| part(one)).sum::<usize>() as f64 / whole as f64)
}
