//! When to try again.

use std::time::Duration;

/// How retries are spaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// The wait after the first failure.
    pub first: Duration,
    /// No wait is longer.
    pub max: Duration,
}

impl Backoff {
    /// The wait after failure number `failures` (from 1): doubled each time up to [`Backoff::max`], and of that
    /// between the half and the whole, by `chance` in 0..1, so that many which failed together do not return
    /// together.
    #[must_use]
    pub fn wait(self, failures: u32, chance: f64) -> Duration {
        let doubled =
            self.first.saturating_mul(1_u32.checked_shl(failures.saturating_sub(1)).unwrap_or(u32::MAX));
        let whole = doubled.min(self.max);
        whole.div_f64(2.0) + whole.div_f64(2.0).mul_f64(chance.clamp(0.0, 1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest_and_never_fall_below_half() {
        let backoff = Backoff { first: Duration::from_secs(1), max: Duration::from_secs(10) };
        let longest: Vec<_> = (1..=6).map(|n| backoff.wait(n, 1.0).as_secs()).collect();
        assert_eq!(longest, [1, 2, 4, 8, 10, 10]);
        assert_eq!(backoff.wait(1, 0.0), Duration::from_millis(500));
        assert_eq!(backoff.wait(200, 1.0), Duration::from_secs(10));
    }
}
