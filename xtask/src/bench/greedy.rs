//! A greedy online schedule: who is scraped when, if whoever waits is read as soon as an actor run is free.

use anyhow::{Result, ensure};

/// What may be under way at once.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    pub actor_runs: usize,
    /// Profiles in one actor run.
    pub profiles_per_run: usize,
}

/// When each analysis has its profile, in milliseconds on the clock of `arrivals_ms`, which are sorted.
///
/// Whenever an actor run is free and somebody waits, a run begins at once with those who wait, in the order in which they arrived
/// and as many as fit. `draw` tells for the analyses of a run how many milliseconds after its start each has its profile; the run
/// ends with the last of them.
pub fn schedule(
    arrivals_ms: &[f64],
    limits: Limits,
    mut draw: impl FnMut(&[usize]) -> Result<Vec<f64>>,
) -> Result<Vec<f64>> {
    let mut free_from_ms = vec![f64::NEG_INFINITY; limits.actor_runs];
    let mut read_ms = vec![];
    while let Some(first_ms) = arrivals_ms.get(read_ms.len()) {
        let Some(free_ms) = free_from_ms.iter_mut().min_by(|one, other| one.total_cmp(other)) else { break };
        let begins_ms = first_ms.max(*free_ms);
        let waiting = arrivals_ms.iter().skip(read_ms.len()).take_while(|arrived_ms| **arrived_ms <= begins_ms);
        let count = waiting.take(limits.profiles_per_run.max(1)).count();
        let group: Vec<usize> = (read_ms.len()..).take(count).collect();
        let appears_ms = draw(&group)?;
        ensure!(appears_ms.len() == group.len(), "{} draws for {} profiles", appears_ms.len(), group.len());
        *free_ms = begins_ms + appears_ms.iter().copied().fold(0.0, f64::max);
        read_ms.extend(appears_ms.into_iter().map(|after_ms| begins_ms + after_ms));
    }
    Ok(read_ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO_OF_THREE: Limits = Limits { actor_runs: 2, profiles_per_run: 3 };

    /// A run takes 10 ms and as long again for each of its profiles, which appear one after the other.
    fn planned(arrivals_ms: &[f64], limits: Limits) -> (Vec<f64>, Vec<Vec<usize>>) {
        let mut groups = vec![];
        let read_ms = schedule(arrivals_ms, limits, |group| {
            groups.push(group.to_vec());
            Ok((0..group.len()).map(|place| 20.0 + 10.0 * place as f64).collect())
        });
        (read_ms.unwrap(), groups)
    }

    #[test]
    fn the_first_are_read_alone_and_who_comes_while_all_runs_are_busy_is_read_together() {
        let (read_ms, groups) = planned(&[0.0, 5.0, 6.0, 7.0, 8.0, 9.0, 100.0], TWO_OF_THREE);
        assert_eq!(groups, [vec![0], vec![1], vec![2, 3, 4], vec![5], vec![6]]);
        assert_eq!(read_ms, [20.0, 25.0, 40.0, 50.0, 60.0, 45.0, 120.0]);
    }

    #[test]
    fn nothing_begins_before_it_is_asked_for_and_nobody_is_left_out() {
        assert_eq!(planned(&[], TWO_OF_THREE), (vec![], vec![]));
        let arrivals_ms: Vec<f64> = (0..50).map(f64::from).collect();
        let (read_ms, groups) = planned(&arrivals_ms, TWO_OF_THREE);
        assert_eq!(groups.concat(), (0..50).collect::<Vec<_>>());
        assert!(read_ms.iter().zip(&arrivals_ms).all(|(read_ms, arrived_ms)| *read_ms >= arrived_ms + 20.0));
    }
}
