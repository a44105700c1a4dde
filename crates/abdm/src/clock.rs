//! Time as an argument. Nothing in the workspace asks the system for the time but [`SystemClock`];
//! everything else is handed a [`Clock`], so that a test decides what time it is and when a wait ends.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;

/// A wait handed out by [`Clock::sleep_until`].
pub type Sleep = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Tells the time and waits for it.
pub trait Clock: Send + Sync + 'static {
    /// The time of day, UTC.
    fn now(&self) -> Timestamp;

    /// Time since some fixed moment, which no change of the system's clock moves. For measuring how long
    /// something took.
    fn elapsed(&self) -> Duration;

    /// Ends once `wait` has passed; at once if `wait` is zero.
    fn sleep(&self, wait: Duration) -> Sleep;

    /// Ends once [`Clock::now`] has reached `at`; at once if it already has.
    fn sleep_until(&self, at: Timestamp) -> Sleep {
        self.sleep(Duration::try_from(at.duration_since(self.now())).unwrap_or(Duration::ZERO))
    }
}

/// A clock as everything holds it.
pub type SharedClock = Arc<dyn Clock>;

/// The machine's own clock.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock {
    start: std::time::Instant,
}

impl SystemClock {
    /// The machine's clock, ready to be shared.
    #[must_use]
    pub fn shared() -> SharedClock {
        Arc::new(Self::default())
    }
}

impl Default for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the system's clock")]
    fn default() -> Self {
        Self { start: std::time::Instant::now() }
    }
}

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the system's clock")]
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    #[expect(clippy::disallowed_methods, reason = "the one place that waits on the system's clock")]
    fn sleep(&self, wait: Duration) -> Sleep {
        Box::pin(tokio::time::sleep(wait))
    }
}

/// A clock that stands still until it is told to move. Waits end when it is moved past them.
#[derive(Debug, Clone)]
pub struct ManualClock {
    start: Timestamp,
    hands: watch::Sender<Hands>,
}

/// What time has passed, and what the clock shows beyond that.
#[derive(Debug, Clone, Copy)]
struct Hands {
    passed: Timestamp,
    wrong: SignedDuration,
}

impl Hands {
    fn show(self) -> Timestamp {
        self.passed.saturating_add(self.wrong).unwrap_or(Timestamp::MAX)
    }
}

impl ManualClock {
    /// A clock that shows `now`.
    #[must_use]
    pub fn at(now: Timestamp) -> Self {
        Self { start: now, hands: watch::Sender::new(Hands { passed: now, wrong: SignedDuration::ZERO }) }
    }

    /// Lets `step` pass and ends every wait that this reaches.
    pub fn advance(&self, step: Duration) {
        let step = SignedDuration::try_from(step).unwrap_or(SignedDuration::MAX);
        self.hands.send_modify(|hands| {
            hands.passed = hands.passed.saturating_add(step).unwrap_or(Timestamp::MAX);
        });
    }

    /// Lets time pass until the clock shows `now`, backwards too.
    pub fn set(&self, now: Timestamp) {
        self.hands.send_modify(|hands| hands.passed = now.saturating_sub(hands.wrong).unwrap_or(now));
    }

    /// Puts the clock forward or back while no time passes, as a machine's clock is that was wrong or is wrong now. No
    /// wait ends because of it.
    pub fn jump(&self, by: SignedDuration) {
        self.hands.send_modify(|hands| hands.wrong = hands.wrong.saturating_add(by));
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        self.hands.borrow().show()
    }

    fn elapsed(&self) -> Duration {
        let passed = self.hands.borrow().passed;
        Duration::try_from(passed.duration_since(self.start)).unwrap_or(Duration::ZERO)
    }

    fn sleep(&self, wait: Duration) -> Sleep {
        let mut hands = self.hands.subscribe();
        let until = hands.borrow().passed.saturating_add(wait).unwrap_or(Timestamp::MAX);
        Box::pin(async move {
            // An error means that the clock is gone, and nobody waits any more.
            let _ = hands.wait_for(|hands| hands.passed >= until).await;
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_wait_ends_when_the_clock_is_moved_past_it_and_not_before() {
        let clock = ManualClock::at(Timestamp::UNIX_EPOCH);
        let mut wait = tokio::spawn(clock.sleep(Duration::from_mins(1)));
        clock.advance(Duration::from_secs(59));
        tokio::task::yield_now().await;
        assert!(!wait.is_finished());
        clock.advance(Duration::from_secs(1));
        (&mut wait).await.unwrap();
        assert_eq!(clock.elapsed(), Duration::from_mins(1));
    }

    #[tokio::test]
    async fn a_jump_shows_another_time_and_ends_no_wait() {
        let clock = ManualClock::at(Timestamp::UNIX_EPOCH);
        let wait = tokio::spawn(clock.sleep(Duration::from_mins(1)));
        clock.jump(SignedDuration::from_mins(10));
        tokio::task::yield_now().await;
        assert!(!wait.is_finished());
        assert_eq!(clock.now().as_second(), 600);
        assert_eq!(clock.elapsed(), Duration::ZERO);
    }
}
