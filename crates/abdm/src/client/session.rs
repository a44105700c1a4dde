//! The session token: one for all callers, renewed before it ends, asked for by one caller at a time.

use std::future::Future;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Mutex;

use crate::clock::SharedClock;
use crate::error::{Delivery, Failure, Retry};
use crate::wire::session::SessionResponse;

/// How long before its end a token is renewed (a quarter of its life if that is less).
const EARLY: Duration = Duration::from_secs(30);

/// The longest pause between refused attempts.
const LONGEST_PAUSE: Duration = Duration::from_mins(5);

pub(super) struct Sessions {
    clock: SharedClock,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    session: Option<Session>,
    refused: Option<Refused>,
}

/// All times are [`crate::clock::Clock::elapsed`]: no change of the system's clock moves them.
struct Session {
    token: SecretString,
    renew_at: Duration,
    ends_at: Duration,
}

struct Refused {
    failure: Failure,
    attempts: u32,
    until: Duration,
}

impl Sessions {
    pub(super) fn new(clock: SharedClock) -> Self {
        Self { clock, state: Mutex::default() }
    }

    /// The cached token, or what `ask` brings.
    pub(super) async fn get<F>(&self, ask: impl FnOnce() -> F) -> Result<SecretString, Failure>
    where
        F: Future<Output = Result<SessionResponse, Failure>>,
    {
        let mut state = self.state.lock().await;
        if let Some(answer) = state.known(self.clock.elapsed()) {
            return answer;
        }
        let outcome = ask().await;
        state.learn(outcome, self.clock.elapsed())
    }

    /// Forgets a token that was refused, unless it has been replaced since.
    pub(super) async fn drop_if(&self, refused: &SecretString) {
        let mut state = self.state.lock().await;
        let same = |session: &Session| session.token.expose_secret() == refused.expose_secret();
        if state.session.as_ref().is_some_and(same) {
            state.session = None;
        }
    }
}

impl State {
    /// The answer without asking: a token with life left, or a refusal too recent to ask again.
    fn known(&self, now: Duration) -> Option<Result<SecretString, Failure>> {
        match (&self.session, &self.refused) {
            (Some(session), _) if now < session.renew_at => Some(Ok(session.token.clone())),
            (Some(session), Some(refused)) if now < refused.until && now < session.ends_at => {
                Some(Ok(session.token.clone()))
            }
            (_, Some(refused)) if now < refused.until => Some(Err(refused.failure_at(now))),
            _ => None,
        }
    }

    fn learn(
        &mut self,
        outcome: Result<SessionResponse, Failure>,
        now: Duration,
    ) -> Result<SecretString, Failure> {
        match outcome {
            Ok(response) => {
                let life = Duration::from_secs(response.expires_in.into());
                let ends_at = now + life;
                let renew_at = ends_at.saturating_sub(EARLY.min(life / 4));
                let session = Session { token: response.access_token, renew_at, ends_at };
                let token = session.token.clone();
                *self = Self { session: Some(session), refused: None };
                Ok(token)
            }
            Err(failure) => {
                self.remember(&failure, now);
                match &self.session {
                    Some(session) if now < session.ends_at => Ok(session.token.clone()),
                    _ => Err(failure),
                }
            }
        }
    }

    /// Only a refusal makes us wait: a lost connection costs ABDM nothing.
    fn remember(&mut self, failure: &Failure, now: Duration) {
        if failure.delivery != Delivery::Refused {
            return;
        }
        let attempts = self.refused.as_ref().map_or(0, |refused| refused.attempts).saturating_add(1);
        let pause = Duration::from_secs(1 << (attempts - 1).min(16)).min(LONGEST_PAUSE);
        self.refused = Some(Refused { failure: failure.clone(), attempts, until: now + pause });
    }
}

impl Refused {
    fn failure_at(&self, now: Duration) -> Failure {
        let mut failure = self.failure.clone();
        failure.retry = Retry::After(self.until.saturating_sub(now));
        failure
    }
}
