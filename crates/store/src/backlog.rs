//! What waits, for whoever watches.

use std::time::Duration;

use jiff::Timestamp;

use crate::database::{Tx, args};
use crate::error::Result;

/// What waits in the store, whichever instance will work on it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Backlog {
    /// Callbacks to be worked on.
    pub inbox: u64,
    /// How long the oldest of them is due.
    pub inbox_age: Duration,
    /// Calls and transfers that are due.
    pub outbox: u64,
    /// How long the oldest of them is due.
    pub outbox_age: Duration,
    /// Callbacks that were given up.
    pub dead: u64,
    /// Exchanges that nobody has answered in time.
    pub overdue: u64,
    /// Visits that wait to be linked.
    pub links: u64,
}

impl Tx {
    /// Counts what waits.
    pub async fn backlog(&mut self) -> Result<Backlog> {
        let (inbox, inbox_age) = self
            .due("SELECT COUNT(*) AS n, MIN(due_at) AS oldest FROM inbox WHERE state = 'pending' AND due_at <= $1")
            .await?;
        let (outbox, outbox_age) = self
            .due("SELECT COUNT(*) AS n, MIN(due_at) AS oldest FROM outbox WHERE state = 'pending' AND due_at <= $1")
            .await?;
        let dead = self.one("SELECT COUNT(*) AS n FROM inbox WHERE state = 'dead'", args![]).await?;
        let overdue = self.one("SELECT COUNT(*) AS n FROM exchange WHERE state = 'overdue'", args![]).await?;
        let links =
            self.one("SELECT COUNT(*) AS n FROM care_context WHERE link_state = 'waiting'", args![]).await?;
        Ok(Backlog {
            inbox,
            inbox_age,
            outbox,
            outbox_age,
            dead: count(dead.int("n")?),
            overdue: count(overdue.int("n")?),
            links: count(links.int("n")?),
        })
    }

    async fn due(&mut self, sql: &'static str) -> Result<(u64, Duration)> {
        let now = self.now();
        let row = self.one(sql, args![now]).await?;
        let age = row.opt_time("oldest")?.map_or(Duration::ZERO, |oldest| since(oldest, now));
        Ok((count(row.int("n")?), age))
    }
}

fn since(past: Timestamp, now: Timestamp) -> Duration {
    now.duration_since(past).try_into().unwrap_or_default()
}

fn count(found: i64) -> u64 {
    u64::try_from(found).unwrap_or(0)
}
