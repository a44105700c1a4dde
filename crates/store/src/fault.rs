//! The kill switch of tests: at a chosen commit the store stops answering, as if the process had been killed
//! at that write. What was committed stays, everything else is lost, and nothing that waits for the store
//! goes on.

use std::future::pending;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tokio::sync::Notify;

/// Counts commits and stops the store at a chosen one.
#[derive(Debug, Default)]
pub struct KillSwitch {
    commits: AtomicU64,
    before: AtomicU64,
    after: AtomicU64,
    dead: AtomicBool,
    died: Notify,
}

impl KillSwitch {
    /// Dies just before the commit with this number (from 1) becomes durable.
    #[must_use]
    pub fn before_commit(number: u64) -> Self {
        Self { before: AtomicU64::new(number), ..Self::default() }
    }

    /// Dies just after the commit with this number (from 1) became durable.
    #[must_use]
    pub fn after_commit(number: u64) -> Self {
        Self { after: AtomicU64::new(number), ..Self::default() }
    }

    /// How many commits there have been.
    pub fn commits(&self) -> u64 {
        self.commits.load(Ordering::SeqCst)
    }

    /// Whether the switch has fired.
    pub fn is_dead(&self) -> bool {
        self.dead.load(Ordering::SeqCst)
    }

    /// Ends when the switch fires.
    pub async fn died(&self) {
        let notified = self.died.notified();
        if !self.is_dead() {
            notified.await;
        }
    }

    pub(crate) async fn alive(&self) {
        if self.is_dead() {
            pending::<()>().await;
        }
    }

    pub(crate) async fn on_before_commit(&self) {
        self.alive().await;
        let number = self.commits.fetch_add(1, Ordering::SeqCst) + 1;
        if number == self.before.load(Ordering::SeqCst) {
            self.die().await;
        }
    }

    pub(crate) async fn on_after_commit(&self) {
        self.alive().await;
        let after = self.after.load(Ordering::SeqCst);
        if after != 0 && self.commits() >= after {
            self.die().await;
        }
    }

    async fn die(&self) {
        self.dead.store(true, Ordering::SeqCst);
        self.died.notify_waiters();
        pending::<()>().await;
    }
}
