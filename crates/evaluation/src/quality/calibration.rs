//! Whether a stated confidence is how often a judgement is right.

use crate::figure::Figure;

const BINS: usize = 10;

/// The expected calibration error: the mean distance between confidence (0 to 1) and the share that was right, over ten bins of
/// confidence, weighted by how many judgements are in each (Naeini et al. 2015). `None` without judgements.
#[must_use]
pub fn calibration_error(name: &str, judged: &[(f64, bool)]) -> Option<Figure> {
    let mut bins = [(0_usize, 0.0_f64, 0_usize); BINS];
    for (confidence, is_right) in judged {
        let at = ((confidence * BINS as f64) as usize).min(BINS - 1);
        if let Some((count, sum, right)) = bins.get_mut(at) {
            *count += 1;
            *sum += confidence;
            *right += usize::from(*is_right);
        }
    }
    let error: f64 = bins.iter().map(|(count, sum, right)| (sum - *right as f64).abs().min(*count as f64)).sum();
    (!judged.is_empty()).then(|| Figure::lower(name, error / judged.len() as f64, judged.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn confidence_that_is_kept_has_no_error() {
        let error = |judged: &[(f64, bool)]| calibration_error("x", judged).unwrap().value;
        let half = [(0.5, true), (0.5, false)];
        assert_eq!(error(&half), 0.0);
        assert_eq!(error(&[(1.0, true), (1.0, true)]), 0.0);
        assert_eq!(error(&[(0.9, false), (0.9, false)]), 0.9);
        assert_eq!(error(&[(0.75, true), (0.75, false)]), 0.25);
        assert_eq!(calibration_error("x", &[]), None);
    }
}
