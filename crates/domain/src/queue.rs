//! The queue at a counter: which token a patient gets who scans its code.
//!
//! Numbers run 1, 2, 3 per counter and day, India's day. A token is good for half an hour; whoever scans again at the
//! same counter meanwhile gets the same one with what is left of its time (ABDM, scan and share). A number is never
//! given twice, so a counter's day never goes back: an instance whose clock is behind at midnight counts on in
//! the new day.

use std::time::Duration;

use jiff::civil::Date;
use jiff::tz::{Offset, TimeZone};
use jiff::{SignedDuration, Timestamp};

use crate::words;

/// India's offset from UTC: +05:30, without summer time.
const INDIA_SECONDS: i32 = (5 * 60 + 30) * 60;
/// The longest name of a counter that ABDM brings back.
const LONGEST_COUNTER: usize = 250;

/// Where somebody in a queue is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum QueueState {
    /// Waits for their turn.
    Waiting,
    /// Was called to the desk.
    Called,
}

words!(QueueState, "state in a queue": Waiting = "waiting", Called = "called");

/// A place in a counter's queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueToken {
    /// The counter's day, in India.
    pub day: Date,
    /// 1, 2, 3 per counter and day.
    pub number: u32,
    /// Until when a scan gives it again.
    pub expires_at: Timestamp,
}

impl QueueToken {
    /// Whole seconds that it still lives; `None` once it has none left.
    #[must_use]
    pub fn seconds_left(&self, now: Timestamp) -> Option<u32> {
        let left = self.expires_at.duration_since(now).as_secs();
        u32::try_from(left).ok().filter(|left| *left > 0)
    }
}

/// How far a counter's numbers have run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Numbers {
    /// The day of the last number; none if there was never one.
    pub day: Option<Date>,
    /// The last number of that day.
    pub last: u32,
}

/// What a scan gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The token that the patient has already.
    Kept(QueueToken),
    /// A new one; the counter's numbers have moved on to it.
    New(QueueToken),
}

/// Decides what a scan gets: `held` is the patient's last token at the counter, `numbers` the counter's.
#[must_use]
pub fn place(held: Option<QueueToken>, numbers: Numbers, now: Timestamp, life: Duration) -> Place {
    if let Some(token) = held.filter(|token| token.seconds_left(now).is_some()) {
        return Place::Kept(token);
    }
    let today = day_in_india(now);
    let (day, number) = match numbers.day {
        Some(day) if day >= today => (day, numbers.last.saturating_add(1)),
        _ => (today, 1),
    };
    let life = SignedDuration::try_from(life).unwrap_or(SignedDuration::MAX);
    let expires_at = now.checked_add(life).unwrap_or(Timestamp::MAX);
    Place::New(QueueToken { day, number, expires_at })
}

/// The day that it is in India.
#[must_use]
pub fn day_in_india(now: Timestamp) -> Date {
    let india = Offset::from_seconds(INDIA_SECONDS).map_or(TimeZone::UTC, TimeZone::fixed);
    now.to_zoned(india).date()
}

/// Whether a text can name a counter: ABDM brings back up to 250 characters of what the code held. More than that, or
/// signs that cannot be seen, no code of ours has held.
#[must_use]
pub fn is_counter(text: &str) -> bool {
    let length = text.chars().count();
    (1..=LONGEST_COUNTER).contains(&length) && !text.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIFE: Duration = Duration::from_mins(30);

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn numbers(day: &str, last: u32) -> Numbers {
        Numbers { day: Some(day.parse().unwrap()), last }
    }

    fn new(numbers: Numbers, now: &str) -> (String, u32) {
        match place(None, numbers, at(now), LIFE) {
            Place::New(token) => (token.day.to_string(), token.number),
            Place::Kept(_) => unreachable!("nothing is held"),
        }
    }

    #[test]
    fn numbers_run_from_one_in_each_of_indias_days() {
        let none = Numbers { day: None, last: 0 };
        assert_eq!(new(none, "2026-01-20T06:00:00Z"), ("2026-01-20".to_owned(), 1));
        assert_eq!(new(numbers("2026-01-20", 41), "2026-01-20T18:29:59Z"), ("2026-01-20".to_owned(), 42));
        assert_eq!(new(numbers("2026-01-20", 41), "2026-01-20T18:30:00Z"), ("2026-01-21".to_owned(), 1));
    }

    #[test]
    fn a_clock_that_is_behind_counts_on_in_the_day_that_has_begun() {
        assert_eq!(new(numbers("2026-01-21", 3), "2026-01-20T18:29:59Z"), ("2026-01-21".to_owned(), 4));
    }

    #[test]
    fn a_token_is_kept_while_it_lives_even_past_midnight() {
        let now = at("2026-01-20T18:20:00Z");
        let Place::New(token) = place(None, Numbers { day: None, last: 0 }, now, LIFE) else {
            unreachable!("nothing is held")
        };
        assert_eq!(token.seconds_left(now), Some(1800));
        let numbers = numbers("2026-01-20", 1);
        for (later, left) in [("2026-01-20T18:20:01Z", 1799), ("2026-01-20T18:49:59Z", 1)] {
            assert_eq!(place(Some(token), numbers, at(later), LIFE), Place::Kept(token), "{later}");
            assert_eq!(token.seconds_left(at(later)), Some(left));
        }
        let after = at("2026-01-20T18:50:00Z");
        assert_eq!(token.seconds_left(after), None);
        assert!(matches!(place(Some(token), numbers, after, LIFE), Place::New(new) if new.number == 1));
    }

    #[test]
    fn a_counter_is_any_name_that_abdm_brings_back() {
        for good in ["OPD1", "OPD 1", "दंत", &"x".repeat(250)] {
            assert!(is_counter(good), "{good}");
        }
        for bad in ["", "a\0b", "a\nb", &"x".repeat(251)] {
            assert!(!is_counter(bad), "{bad:?}");
        }
    }
}
