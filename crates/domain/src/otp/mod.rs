//! One-time passwords: how many may be sent, how often one may be guessed.
//!
//! ABDM says that a password has six digits, comes from the facility and ends when `on-init` says so (ABDM V3, user
//! initiated linking). The rest is ours. The confirm call names nothing but the link's reference, so whoever guesses
//! could begin as many links as they like: what is sent and what is wrong is therefore counted for the **patient** at
//! the facility, whichever link it belongs to. All that happens to a patient must be done one after the other, under
//! the patient's lock.
//!
//! - Wrong passwords count until one is right or the limit is reached. Then the patient is locked for a while: no
//!   password is sent, none is taken, and those sent before never will be.
//! - So many passwords may be sent within the length of a lock; a right one does not give them back.
//! - A password that has ended, was used, or came before a lock is refused without being compared, and counts as no
//!   guess: it told nothing.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq as _;

/// Six digits, the first not zero: ABDM may return the password as a number.
const FIRST: u64 = 100_000;
const COUNT: u64 = 900_000;

/// `[linking]` of the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// How long a password is good.
    pub ttl: Duration,
    /// Wrong ones until the lock.
    pub attempts: u32,
    /// How long the lock lasts.
    pub lock: Duration,
    /// Passwords sent within the length of a lock.
    pub sends: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { ttl: Duration::from_mins(10), attempts: 3, lock: Duration::from_mins(30), sends: 5 }
    }
}

/// A password of six digits from eight random bytes of a cryptographic source.
#[must_use]
pub fn password(random: [u8; 8]) -> String {
    (FIRST + u64::from_le_bytes(random) % COUNT).to_string()
}

/// What was typed, as it is compared: its digits. People copy spaces and dashes along.
#[must_use]
pub fn typed(text: &str) -> String {
    text.chars().filter(|letter| !letter.is_whitespace() && *letter != '-').collect()
}

/// What is known of a patient's passwords at one facility.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OtpDesk {
    /// Wrong ones since the last right one or lock.
    pub wrong: u32,
    /// When the last lock began.
    pub locked_at: Option<Timestamp>,
    /// When it ends or ended.
    pub locked_until: Option<Timestamp>,
    /// When passwords were sent, the latest last.
    pub sent: Vec<Timestamp>,
}

/// A password that was sent for one link. Only its keyed hash is kept; `Debug` does not show it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Issued {
    /// Keyed hash of link reference and password.
    pub hash: String,
    /// When it was sent.
    pub at: Timestamp,
    /// Until when it is good.
    pub expires_at: Timestamp,
    /// Whether it has done its work.
    pub used: bool,
}

impl fmt::Debug for Issued {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Issued").field("at", &self.at).field("used", &self.used).finish_non_exhaustive()
    }
}

/// Why no password is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// Too many wrong ones; until then.
    Locked(Timestamp),
    /// Too many were sent; until then.
    TooMany(Timestamp),
}

/// What becomes of a password that was typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is right, and now used.
    Right,
    /// It is wrong; so many more may be.
    Wrong {
        /// Until the lock.
        left: u32,
    },
    /// It is wrong, and the last that could be; or the patient was locked before.
    Locked(Timestamp),
    /// There is nothing to compare with: it has ended, was used, or came before a lock.
    Over,
}

impl OtpDesk {
    /// Whether a password may be sent now, first or again.
    pub fn may_send(&self, now: Timestamp, limits: &Limits) -> Result<(), Refused> {
        if let Some(until) = self.locked(now) {
            return Err(Refused::Locked(until));
        }
        let recent: Vec<_> = self.sent.iter().map(|at| *at + limits.lock).filter(|end| *end > now).collect();
        let sends = usize::try_from(limits.sends).unwrap_or(usize::MAX);
        match recent.len().checked_sub(sends) {
            Some(surplus) => Err(Refused::TooMany(recent.get(surplus).copied().unwrap_or(now + limits.lock))),
            None => Ok(()),
        }
    }

    /// Counts a password that is sent now; `hash` is its keyed hash.
    pub fn issue(mut self, hash: String, now: Timestamp, limits: &Limits) -> Result<(Self, Issued), Refused> {
        self.may_send(now, limits)?;
        self.sent.retain(|at| *at + limits.lock > now);
        self.sent.push(now);
        Ok((self, Issued { hash, at: now, expires_at: now + limits.ttl, used: false }))
    }

    /// Compares what was typed, given as the same keyed hash.
    #[must_use]
    pub fn check(
        self,
        issued: Issued,
        typed_hash: &str,
        now: Timestamp,
        limits: &Limits,
    ) -> (Self, Issued, Verdict) {
        if let Some(until) = self.locked(now) {
            return (self, issued, Verdict::Locked(until));
        }
        let before_lock = self.locked_at.is_some_and(|locked| issued.at <= locked);
        if issued.used || now >= issued.expires_at || before_lock {
            return (self, issued, Verdict::Over);
        }
        if bool::from(issued.hash.as_bytes().ct_eq(typed_hash.as_bytes())) {
            return (Self { wrong: 0, ..self }, Issued { used: true, ..issued }, Verdict::Right);
        }
        let (desk, verdict) = self.count_wrong(now, limits);
        (desk, issued, verdict)
    }

    /// The desk of a patient who turns out to be two: nothing that was counted for either is forgotten.
    #[must_use]
    pub fn with(mut self, other: Self) -> Self {
        self.wrong = self.wrong.max(other.wrong);
        self.locked_at = self.locked_at.max(other.locked_at);
        self.locked_until = self.locked_until.max(other.locked_until);
        self.sent.extend(other.sent);
        self.sent.sort_unstable();
        self
    }

    /// Until when the patient is locked.
    #[must_use]
    pub fn locked(&self, now: Timestamp) -> Option<Timestamp> {
        self.locked_until.filter(|until| *until > now)
    }

    fn count_wrong(self, now: Timestamp, limits: &Limits) -> (Self, Verdict) {
        let wrong = self.wrong.saturating_add(1);
        let left = limits.attempts.saturating_sub(wrong);
        if left > 0 {
            return (Self { wrong, ..self }, Verdict::Wrong { left });
        }
        let until = now + limits.lock;
        let desk = Self { wrong: 0, locked_at: Some(now), locked_until: Some(until), ..self };
        (desk, Verdict::Locked(until))
    }
}

#[cfg(test)]
mod tests;
