//! The sandbox itself: its state behind one short lock, its clock, keys, faults and HTTP client.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use abdm::clock::SharedClock;
use jiff::Timestamp;
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;

use crate::config::{SandboxConfig, Timing};
use crate::faults::{Faults, Plan};
use crate::keys::{KeyError, Keys};
use crate::world::World;
use crate::world::ledger::Violation;

/// Why a sandbox could not be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// A built-in key is unreadable.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The address is taken or not ours.
    #[error("cannot listen on {address}: choose another address or port 0")]
    Listen {
        /// The address asked for.
        address: std::net::SocketAddr,
        /// Why not.
        source: std::io::Error,
    },
    /// The HTTP client could not be built.
    #[error("the HTTP client for callbacks cannot be built")]
    Client(#[from] reqwest::Error),
}

/// A running local ABDM, as a cheap handle: every clone is the same one.
#[derive(Clone)]
pub struct Sandbox {
    shared: Arc<Shared>,
}

struct Shared {
    config: SandboxConfig,
    clock: SharedClock,
    keys: Keys,
    world: Mutex<World>,
    changes: watch::Sender<u64>,
    faults: Mutex<Faults>,
    http: reqwest::Client,
    slots: Semaphore,
    /// Callbacks that are due or under way.
    pending: AtomicUsize,
    /// Callbacks that wait for a far repeat.
    repeating: AtomicUsize,
    base_url: OnceLock<String>,
    ended: CancellationToken,
}

impl std::fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sandbox").field("base_url", &self.base_url()).finish_non_exhaustive()
    }
}

impl Sandbox {
    pub(crate) fn new(config: SandboxConfig, clock: SharedClock) -> Result<Self, StartError> {
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(config.timing.callback_timeout)
            .user_agent("ReactorNetty/1.1.13")
            .no_proxy()
            .build()?;
        let shared = Shared {
            keys: Keys::builtin(&config.issuer)?,
            world: Mutex::new(World::new(&config)),
            changes: watch::Sender::new(0),
            faults: Mutex::new(Faults::new(Plan { seed: Some(config.seed), ..Plan::default() })),
            slots: Semaphore::new(config.parallel_callbacks),
            pending: AtomicUsize::new(0),
            repeating: AtomicUsize::new(0),
            base_url: OnceLock::new(),
            ended: CancellationToken::new(),
            http,
            clock,
            config,
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Where it is reached, without a trailing slash. Empty before it listens.
    #[must_use]
    pub fn base_url(&self) -> &str {
        self.shared.base_url.get().map_or("", String::as_str)
    }

    pub(crate) fn listens_on(&self, address: std::net::SocketAddr) {
        let url = self.shared.config.public_url.clone().unwrap_or_else(|| format!("http://{address}"));
        let _ = self.shared.base_url.set(url.trim_end_matches('/').to_owned());
    }

    pub(crate) fn config(&self) -> &SandboxConfig {
        &self.shared.config
    }

    pub(crate) fn timing(&self) -> &Timing {
        &self.shared.config.timing
    }

    pub(crate) fn keys(&self) -> &Keys {
        &self.shared.keys
    }

    pub(crate) fn http(&self) -> &reqwest::Client {
        &self.shared.http
    }

    pub(crate) fn slots(&self) -> &Semaphore {
        &self.shared.slots
    }

    pub(crate) fn ended(&self) -> &CancellationToken {
        &self.shared.ended
    }

    /// The gateway's idea of the time: the clock's, moved by the fault plan's skew.
    pub(crate) fn now(&self) -> Timestamp {
        let now = self.shared.clock.now();
        now.saturating_add(self.faults().skew()).unwrap_or(now)
    }

    /// Time that no change of the clock's date moves.
    pub(crate) fn elapsed(&self) -> Duration {
        self.shared.clock.elapsed()
    }

    /// Waits on the injected clock, or until the sandbox ends. The wait begins with the call and not with the first
    /// poll, so that a clock moved in between is not missed.
    pub(crate) fn sleep(&self, wait: Duration) -> impl Future<Output = ()> + Send + 'static {
        let waiting = (!wait.is_zero()).then(|| self.shared.clock.sleep(wait));
        let ended = self.shared.ended.clone();
        async move {
            let Some(waiting) = waiting else { return };
            tokio::select! {
                () = waiting => {}
                () = ended.cancelled() => {}
            }
        }
    }

    pub(crate) fn faults(&self) -> MutexGuard<'_, Faults> {
        self.shared.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads the state.
    pub(crate) fn read<T>(&self, read: impl FnOnce(&World) -> T) -> T {
        read(&self.shared.world.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Changes the state and wakes whoever waits for a change.
    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut World) -> T) -> T {
        let changed = change(&mut self.shared.world.lock().unwrap_or_else(PoisonError::into_inner));
        self.woken();
        changed
    }

    fn woken(&self) {
        self.shared.changes.send_modify(|n| *n = n.wrapping_add(1));
    }

    /// Looks at the state until `seen` gives something, or `wait` of real time is over.
    pub(crate) async fn await_change<T>(
        &self,
        wait: Duration,
        mut seen: impl FnMut(&World) -> Option<T>,
    ) -> Option<T> {
        if wait.is_zero() {
            return self.read(seen);
        }
        let mut changes = self.shared.changes.subscribe();
        let looking = async {
            loop {
                changes.mark_unchanged();
                if let Some(found) = self.read(&mut seen) {
                    return Some(found);
                }
                changes.changed().await.ok()?;
            }
        };
        tokio::select! {
            found = tokio::time::timeout(wait, looking) => found.ok().flatten(),
            () = self.shared.ended.cancelled() => None,
        }
    }

    /// Notes a broken rule that no call is refused for.
    pub(crate) fn violation(&self, rule: &str, detail: impl Into<String>, path: &str) {
        let at = self.now();
        let violation = Violation {
            n: 0,
            at,
            rule: rule.into(),
            detail: detail.into(),
            path: path.into(),
            request_id: None,
            client_id: None,
        };
        self.change(|world| world.ledger.violate(violation));
    }

    /// Callbacks due or under way, and callbacks that wait for a far repeat.
    pub(crate) fn queue(&self) -> (usize, usize) {
        (self.shared.pending.load(Ordering::SeqCst), self.shared.repeating.load(Ordering::SeqCst))
    }

    pub(crate) fn count_pending(&self, more: bool) {
        count(&self.shared.pending, more);
        self.woken();
    }

    pub(crate) fn count_repeating(&self, more: bool) {
        count(&self.shared.repeating, more);
    }
}

fn count(counter: &AtomicUsize, more: bool) {
    if more {
        counter.fetch_add(1, Ordering::SeqCst);
    } else {
        counter.fetch_sub(1, Ordering::SeqCst);
    }
}
