//! How fast a facility calls ABDM with what it begins itself: link tokens, links, notices.
//!
//! Two things hold a call back. The operator may set a rate. And when ABDM says that there are too many (HTTP 429,
//! ABDM-1022, ABDM-2429), everything waits, as long as ABDM says or longer each time; after that one call tries the
//! ground, and then the rate grows slowly from what was taken before. ABDM publishes no rate, so it is found out
//! like this, and a store keeps it for all instances.
//!
//! Replies to ABDM's own callbacks count, and are never held back: a patient waits for them.

use std::time::Duration;

use jiff::Timestamp;

use crate::backoff::Backoff;

/// The first guess, in calls a second, after ABDM has said for the first time that there are too many.
const FIRST_GUESS: f64 = 32.0;
/// No guess is lower.
const LOWEST_GUESS: f64 = 4.0;
/// What a guess is multiplied with when it was too high.
const SLOWER: f64 = 0.7;
/// What a taken call adds to the guess: five of a hundred in a second.
const FASTER: f64 = 0.05;
/// Above this a guess stands for none.
const NO_LIMIT: f64 = 5000.0;

/// What the operator sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Calls a second; 0: no limit of ours.
    pub rate: u32,
    /// How pauses grow when ABDM names no time.
    pub backoff: Backoff,
}

/// What ABDM said to a call, as far as it concerns the pace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    /// Nothing against it.
    Taken,
    /// Too many; with the pause that it named, if it did.
    TooMany(Option<Duration>),
}

/// Where a facility stands.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Pace {
    /// When the next call may leave, in microseconds since 1970.
    pub next_at: i64,
    /// Until when nothing may.
    pub held_until: Option<Timestamp>,
    /// Pauses since a call was last taken.
    pub strikes: u32,
    /// Calls a second that ABDM seems to take; none while it has never complained.
    pub learned: Option<f64>,
}

/// How many calls may leave now, and if fewer than wished, when to look again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Leave {
    /// This many.
    pub calls: u32,
    /// Look again then.
    pub look_at: Option<Timestamp>,
}

impl Pace {
    /// Whether it says nothing: it need not be kept.
    #[must_use]
    pub fn is_free(&self, limits: Limits) -> bool {
        limits.rate == 0 && self.learned.is_none() && self.held_until.is_none() && self.strikes == 0
    }

    /// Calls a second at the most; none for no limit.
    #[must_use]
    pub fn rate(&self, limits: Limits) -> Option<f64> {
        let set = (limits.rate > 0).then(|| f64::from(limits.rate));
        let learned = if self.strikes > 0 { Some(1.0) } else { self.learned };
        match (set, learned) {
            (Some(set), Some(learned)) => Some(set.min(learned)),
            (set, learned) => set.or(learned),
        }
    }

    /// How many of `wished` calls may leave now.
    #[must_use]
    pub fn leave(&self, now: Timestamp, wished: u32, limits: Limits) -> Leave {
        if let Some(until) = self.held_until.filter(|until| *until > now) {
            return Leave { calls: 0, look_at: Some(until) };
        }
        let Some(rate) = self.rate(limits) else { return Leave { calls: wished, look_at: None } };
        let step = step(rate);
        let free = now.as_microsecond() + slack(rate) - self.next_at.max(now.as_microsecond() - step);
        let calls = if free < 0 { 0 } else { u32::try_from(free / step + 1).unwrap_or(u32::MAX) };
        let calls = calls.min(most_at_once(rate)).min(wished);
        let look_at = (calls < wished).then(|| {
            let next = self.next_at.max(now.as_microsecond()) + step * i64::from(calls) - slack(rate);
            // A millisecond is the clock's grain in the store.
            let next = Timestamp::from_millisecond((next + 999).div_euclid(1000)).unwrap_or(now);
            next.max(now + Duration::from_millis(1))
        });
        Leave { calls, look_at }
    }

    /// So many calls leave now.
    #[must_use]
    pub fn spend(self, now: Timestamp, calls: u32, limits: Limits) -> Self {
        let Some(rate) = self.rate(limits) else { return self };
        let from = self.next_at.max(now.as_microsecond());
        Self { next_at: from.saturating_add(step(rate).saturating_mul(i64::from(calls))), ..self }
    }

    /// What ABDM said to a call, with a draw of chance in 0..1.
    #[must_use]
    pub fn hear(self, heard: Heard, now: Timestamp, limits: Limits, chance: f64) -> Self {
        match heard {
            Heard::Taken => self.taken(now, limits),
            Heard::TooMany(wait) => self.too_many(wait, now, limits, chance),
        }
    }

    fn taken(self, now: Timestamp, limits: Limits) -> Self {
        if self.held_until.is_some_and(|until| until > now) {
            // It left before the pause began.
            return self;
        }
        let learned = self.learned.map(|learned| learned + FASTER).filter(|learned| *learned < NO_LIMIT);
        let after = Self { strikes: 0, held_until: None, learned, ..self };
        if self.strikes == 0 {
            return after;
        }
        // The call that tried the ground took a whole second's place; now it takes that of any other.
        let place = after.rate(limits).map_or(0, step);
        Self { next_at: after.next_at.min(now.as_microsecond() + place), ..after }
    }

    fn too_many(self, wait: Option<Duration>, now: Timestamp, limits: Limits, chance: f64) -> Self {
        let named = wait.map(|wait| now.saturating_add(wait).unwrap_or(Timestamp::MAX));
        if let Some(until) = self.held_until.filter(|until| *until > now) {
            // Of the same crowd: one pause for all of it.
            return Self { held_until: named.max(Some(until)), ..self };
        }
        let strikes = self.strikes.saturating_add(1);
        let own = now + limits.backoff.wait(strikes, chance);
        let learned = self.learned.map_or(FIRST_GUESS, |learned| (learned * SLOWER).max(LOWEST_GUESS));
        Self { held_until: named.or(Some(own)), strikes, learned: Some(learned), ..self }
    }
}

/// Microseconds between two calls. With some let through at once, the rest must be spaced a little wider, so that no
/// second whatever holds more than the rate.
fn step(rate: f64) -> i64 {
    let spread = (rate - f64::from(most_at_once(rate) - 1)).max(0.001);
    #[expect(clippy::cast_possible_truncation, reason = "a second over a rate of at least a thousandth")]
    let step = (1_000_000.0 / spread).ceil() as i64;
    step.max(1)
}

/// How much earlier than evenly spaced a call may be.
fn slack(rate: f64) -> i64 {
    step(rate) * i64::from(most_at_once(rate) - 1)
}

/// A quarter of a second's calls.
fn most_at_once(rate: f64) -> u32 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a rate is positive and small"
    )]
    let quarter = (rate / 4.0) as u32;
    quarter.max(1)
}

#[cfg(test)]
mod tests;
