//! A clock that goes as the machine's does and can leap ahead: a day's block is over at once, and whoever waits for its
//! end wakes up.

use std::time::Duration;

use abdm::clock::{Clock, Sleep, SystemClock};
use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;

/// The clock.
#[derive(Debug, Clone)]
pub struct LeapClock {
    system: SystemClock,
    ahead: watch::Sender<Duration>,
}

impl LeapClock {
    /// One that has not leapt.
    pub fn new() -> Self {
        Self { system: SystemClock::default(), ahead: watch::Sender::new(Duration::ZERO) }
    }

    /// Leaps ahead by `step`.
    pub fn leap(&self, step: Duration) {
        self.ahead.send_modify(|ahead| *ahead = ahead.saturating_add(step));
    }

    /// How far it has leapt in all.
    pub fn ahead(&self) -> Duration {
        *self.ahead.borrow()
    }

    /// Time that has really passed.
    pub fn real(&self) -> Duration {
        self.system.elapsed()
    }

    /// Waits on the machine's own clock.
    pub fn rest(&self, wait: Duration) -> Sleep {
        self.system.sleep(wait)
    }
}

impl Clock for LeapClock {
    fn now(&self) -> Timestamp {
        let ahead = SignedDuration::try_from(self.ahead()).unwrap_or_default();
        self.system.now().saturating_add(ahead).unwrap_or(Timestamp::MAX)
    }

    fn elapsed(&self) -> Duration {
        self.system.elapsed().saturating_add(self.ahead())
    }

    fn sleep(&self, wait: Duration) -> Sleep {
        let until = self.elapsed().saturating_add(wait);
        let clock = self.clone();
        let mut leaps = self.ahead.subscribe();
        Box::pin(async move {
            loop {
                let left = until.saturating_sub(clock.elapsed());
                if left.is_zero() {
                    return;
                }
                tokio::select! {
                    () = clock.system.sleep(left) => {}
                    _ = leaps.changed() => {}
                }
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_leap_ends_the_waits_that_it_reaches() {
        let clock = LeapClock::new();
        let (short, long) =
            (clock.sleep(Duration::from_hours(1)), tokio::spawn(clock.sleep(Duration::from_hours(48))));
        let before = clock.now();
        clock.leap(Duration::from_hours(24));
        short.await;
        assert!(clock.now().duration_since(before) >= SignedDuration::from_hours(24));
        assert!(!long.is_finished());
        long.abort();
    }
}
