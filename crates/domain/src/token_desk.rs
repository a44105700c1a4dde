//! When a link token may be asked for.
//!
//! ABDM gives one link token per HIP and ABHA address, good for six months, and punishes asking too often: a
//! second request within about six minutes of an accepted one is refused (ABDM-1092), and more than three a day
//! block the address at this facility for 24 hours (ABDM-1027). So every request is counted before it is sent,
//! and one whose outcome is unknown counts as accepted.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::problem::Problem;

/// ABDM counts requests per day; a day that slides with the clock is never longer than one that does not.
const DAY: Duration = Duration::from_hours(24);
/// A token that ends within this time is not worth using: the link call may arrive after it.
const NEARLY_OVER: Duration = Duration::from_mins(1);

/// How often ABDM lets us ask; from the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Requests a day for one ABHA address at one facility.
    pub per_day: u32,
    /// The wait after an accepted request.
    pub window: Duration,
}

/// A link token, as it is kept.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Token {
    /// The JWT. A secret.
    pub jwt: String,
    /// Whether it was asked for with the ABHA number, which a link call must then repeat.
    pub with_number: bool,
    /// Until when it is good.
    pub expires_at: Timestamp,
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Token").field("expires_at", &self.expires_at).finish_non_exhaustive()
    }
}

/// What is known about the link token of one ABHA address at one facility.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TokenDesk {
    /// The token, if one is held.
    pub token: Option<Token>,
    /// The request that is under way.
    pub call: Option<String>,
    /// When requests were sent that ABDM accepted, or may have.
    pub requested: Vec<Timestamp>,
    /// Until when ABDM has blocked the address here.
    pub blocked_until: Option<Timestamp>,
    /// The first refusal since a token was last received.
    pub error: Option<Problem>,
}

/// What to do about a token.
#[derive(Debug, Clone, PartialEq)]
pub enum Decision {
    /// Link with this one.
    Use(Token),
    /// One was asked for; its callback decides.
    InFlight,
    /// Ask not before this time.
    NotBefore(Timestamp, Hindrance),
    /// Ask now.
    Ask,
}

/// What stands in the way of asking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hindrance {
    /// ABDM has blocked the address at this facility.
    Blocked,
    /// An accepted request was sent a moment ago.
    Window,
    /// The day's requests are used up.
    DayUsedUp,
}

impl TokenDesk {
    /// What to do now.
    #[must_use]
    pub fn decide(&self, now: Timestamp, limits: Limits) -> Decision {
        if let Some(token) = self.token.as_ref().filter(|token| token.expires_at > now + NEARLY_OVER) {
            return Decision::Use(token.clone());
        }
        if self.call.is_some() {
            return Decision::InFlight;
        }
        if let Some(until) = self.blocked_until.filter(|until| *until > now) {
            return Decision::NotBefore(until, Hindrance::Blocked);
        }
        if let Some(until) = self.window_ends(limits).filter(|until| *until > now) {
            return Decision::NotBefore(until, Hindrance::Window);
        }
        match self.day_frees_up(now, limits) {
            Some(until) => Decision::NotBefore(until, Hindrance::DayUsedUp),
            None => Decision::Ask,
        }
    }

    /// A request goes out now, under the call with this id.
    #[must_use]
    pub fn ask(mut self, call: String, now: Timestamp) -> Self {
        self.requested.retain(|at| *at + DAY > now);
        self.requested.push(now);
        self.call = Some(call);
        self
    }

    /// The request that is under way goes out only now, or at this later time.
    #[must_use]
    pub fn postpone(mut self, at: Timestamp) -> Self {
        if let Some(last) = self.requested.last_mut() {
            *last = at;
        }
        self
    }

    /// The request that was under way never left, or ABDM refused it at once: it does not count.
    #[must_use]
    pub fn take_back(mut self, error: Option<Problem>) -> Self {
        self.requested.pop();
        self.call = None;
        self.keep_first(error);
        self
    }

    /// The request counts, and brought no token.
    #[must_use]
    pub fn give_up(mut self, error: Option<Problem>, blocked_until: Option<Timestamp>) -> Self {
        self.call = None;
        self.blocked_until = blocked_until.or(self.blocked_until);
        self.keep_first(error);
        self
    }

    /// The token came.
    #[must_use]
    pub fn receive(self, token: Token) -> Self {
        Self { token: Some(token), call: None, blocked_until: None, error: None, ..self }
    }

    /// ABDM no longer takes the token.
    #[must_use]
    pub fn drop_token(self) -> Self {
        Self { token: None, ..self }
    }

    fn keep_first(&mut self, error: Option<Problem>) {
        if self.error.is_none() {
            self.error = error;
        }
    }

    fn window_ends(&self, limits: Limits) -> Option<Timestamp> {
        self.requested.last().map(|at| *at + limits.window)
    }

    fn day_frees_up(&self, now: Timestamp, limits: Limits) -> Option<Timestamp> {
        let mut of_the_day: Vec<_> =
            self.requested.iter().map(|at| *at + DAY).filter(|end| *end > now).collect();
        of_the_day.sort_unstable();
        let per_day = usize::try_from(limits.per_day).unwrap_or(usize::MAX);
        let surplus = (of_the_day.len() + 1).checked_sub(per_day).filter(|surplus| *surplus > 0)?;
        of_the_day.get(surplus - 1).copied().or(Some(now + DAY))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { per_day: 3, window: Duration::from_mins(7) };

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + seconds).unwrap()
    }

    fn token(expires: i64) -> Token {
        Token { jwt: "jwt".into(), with_number: false, expires_at: at(expires) }
    }

    #[test]
    fn a_token_is_used_until_it_is_nearly_over() {
        let desk = TokenDesk::default().receive(token(1000));
        assert!(matches!(desk.decide(at(0), LIMITS), Decision::Use(_)));
        assert_eq!(desk.decide(at(950), LIMITS), Decision::Ask);
    }

    #[test]
    fn one_request_at_a_time_and_none_in_its_window() {
        let asked = TokenDesk::default().ask("call".into(), at(0));
        assert_eq!(asked.decide(at(500), LIMITS), Decision::InFlight);
        let refused = asked.clone().give_up(None, None);
        assert_eq!(refused.decide(at(419), LIMITS), Decision::NotBefore(at(420), Hindrance::Window));
        assert_eq!(refused.decide(at(420), LIMITS), Decision::Ask);
        assert_eq!(asked.take_back(None).decide(at(1), LIMITS), Decision::Ask);
    }

    #[test]
    fn the_fourth_of_a_day_waits_for_the_first_to_age() {
        let mut desk = TokenDesk::default();
        for time in [0, 1000, 2000] {
            assert_eq!(desk.decide(at(time), LIMITS), Decision::Ask);
            desk = desk.ask("call".into(), at(time)).give_up(None, None);
        }
        let day = 24 * 60 * 60;
        assert_eq!(desk.decide(at(3000), LIMITS), Decision::NotBefore(at(day), Hindrance::DayUsedUp));
        assert_eq!(desk.decide(at(day), LIMITS), Decision::Ask);
        desk = desk.ask("call".into(), at(day)).give_up(None, None);
        assert_eq!(
            desk.decide(at(day + 500), LIMITS),
            Decision::NotBefore(at(1000 + day), Hindrance::DayUsedUp)
        );
    }

    #[test]
    fn a_block_outlives_the_window_and_a_token_ends_it() {
        let blocked = TokenDesk::default().ask("call".into(), at(0)).give_up(None, Some(at(86_400)));
        assert_eq!(blocked.decide(at(5000), LIMITS), Decision::NotBefore(at(86_400), Hindrance::Blocked));
        let late = blocked.receive(token(9_999_999));
        assert!(matches!(late.decide(at(5000), LIMITS), Decision::Use(_)));
    }

    #[test]
    fn the_first_cause_is_kept() {
        let problem = |code: &str| Problem {
            code: code.into(),
            message: String::new(),
            explanation: String::new(),
            at: at(0),
            until: None,
        };
        let desk = TokenDesk::default().ask("a".into(), at(0)).give_up(Some(problem("ABDM-1036")), None);
        let desk = desk.ask("b".into(), at(500)).give_up(Some(problem("ABDM-1092")), None);
        assert_eq!(desk.error.unwrap().code, "ABDM-1036");
    }
}
