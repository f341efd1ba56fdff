//! Whether what should rank higher does.

use std::collections::BTreeMap;

use crate::figure::{Figure, Findings, Miss};

/// Two profiles must rank so only if their ranges are at least so far apart.
const APART: u8 = 5;
/// So many of the worst reversals are told.
const MISSES_MAX: usize = 40;

/// A profile's score for a business, and the range of its label.
#[derive(Debug, Clone)]
pub struct Ranked {
    pub business: String,
    pub profile: String,
    pub range: [u8; 2],
    pub score: f64,
}

/// The share of pairs that must rank so and do, and how well the whole orders agree (Spearman's rank correlation, the mean over the
/// businesses). `name` is the beginning of the figures' names.
#[must_use]
pub fn ranking(name: &str, ranked: &[Ranked]) -> Findings {
    let mut by_business: BTreeMap<&str, Vec<&Ranked>> = BTreeMap::new();
    for one in ranked {
        by_business.entry(&one.business).or_default().push(one);
    }
    let mut findings = Findings::default();
    let (mut right, mut of) = (0.0, 0_usize);
    let mut reversed: Vec<(f64, &Ranked, &Ranked)> = vec![];
    for group in by_business.values() {
        for better in group {
            for worse in group.iter().filter(|worse| must_rank_below(worse, better)) {
                of += 1;
                // Equal scores leave it to chance.
                right += if better.score > worse.score {
                    1.0
                } else if better.score < worse.score {
                    0.0
                } else {
                    0.5
                };
                if better.score <= worse.score {
                    reversed.push((worse.score - better.score, better, worse));
                }
            }
        }
    }
    if of > 0 {
        findings.figures.push(Figure::higher(format!("{name}.pairwise"), right / of as f64, of));
    }
    let correlations: Vec<f64> = by_business.values().filter_map(|group| correlation(group)).collect();
    if !correlations.is_empty() {
        let mean = correlations.iter().sum::<f64>() / correlations.len() as f64;
        findings.figures.push(Figure::higher(format!("{name}.rank_correlation"), mean, ranked.len()));
    }
    reversed.sort_by(|a, b| b.0.total_cmp(&a.0));
    findings.misses = reversed
        .into_iter()
        .take(MISSES_MAX)
        .map(|(_, better, worse)| Miss {
            figure: format!("{name}.pairwise"),
            profile: better.profile.clone(),
            business: Some(better.business.clone()),
            expected: format!("above {} ({:?} and {:?})", worse.profile, better.range, worse.range),
            said: format!("{} and {}", better.score, worse.score),
        })
        .collect();
    findings
}

/// Whether a label says that one ranks below the other.
#[must_use]
pub fn must_rank_below(worse: &Ranked, better: &Ranked) -> bool {
    worse.range[1].saturating_add(APART) <= better.range[0]
}

fn correlation(group: &[&Ranked]) -> Option<f64> {
    let middles: Vec<f64> =
        group.iter().map(|one| f64::midpoint(f64::from(one.range[0]), f64::from(one.range[1]))).collect();
    let scores: Vec<f64> = group.iter().map(|one| one.score).collect();
    pearson(&ranks(&middles), &ranks(&scores))
}

/// Each value's place in the order; equal values share the mean of their places.
fn ranks(values: &[f64]) -> Vec<f64> {
    let place = |value: &f64| {
        let below = values.iter().filter(|other| *other < value).count() as f64;
        let equal = values.iter().filter(|other| *other == value).count() as f64;
        below + (equal + 1.0) / 2.0
    };
    values.iter().map(place).collect()
}

fn pearson(a: &[f64], b: &[f64]) -> Option<f64> {
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let (mean_a, mean_b) = (mean(a), mean(b));
    let product: f64 = a.iter().zip(b).map(|(a, b)| (a - mean_a) * (b - mean_b)).sum();
    let square = |values: &[f64], mean: f64| values.iter().map(|value| (value - mean).powi(2)).sum::<f64>();
    let spread = (square(a, mean_a) * square(b, mean_b)).sqrt();
    (spread > 0.0).then(|| product / spread)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(scores: &[(u8, f64)]) -> Vec<Ranked> {
        let one = |(number, (low, score)): (usize, &(u8, f64))| Ranked {
            business: "b".to_owned(),
            profile: format!("p{number}"),
            range: [*low, low + 10],
            score: *score,
        };
        scores.iter().enumerate().map(one).collect()
    }

    fn values(ranked: &[Ranked]) -> Vec<f64> {
        ranking("x", ranked).figures.iter().map(|figure| figure.value).collect()
    }

    #[test]
    fn an_order_is_right_reversed_or_left_to_chance() {
        assert_eq!(values(&of(&[(0, 10.0), (40, 50.0), (80, 90.0)])), [1.0, 1.0]);
        assert_eq!(values(&of(&[(0, 90.0), (40, 50.0), (80, 10.0)])), [0.0, -1.0]);
        assert_eq!(values(&of(&[(0, 50.0), (40, 50.0)])), [0.5]);
        // Ranges that touch say nothing about the order.
        assert_eq!(ranking("x", &of(&[(40, 90.0), (51, 10.0)])).figures.len(), 1);
        let reversed = ranking("x", &of(&[(0, 90.0), (80, 10.0)])).misses;
        assert_eq!((reversed.len(), reversed[0].profile.as_str()), (1, "p1"));
    }
}
