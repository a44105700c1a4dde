//! A clock that is put back: what is due by the time before would wait for as long.

use std::time::Duration;

use crate::Store;
use crate::database::{Pools, args};
use crate::error::Result;
use crate::wake::Queue;

impl Store {
    /// The clock was put back by so much: on SQLite, where nobody else's clock wrote what is due, all that waits is due so
    /// much earlier. On PostgreSQL nothing changes.
    pub async fn clock_put_back(&self, by: Duration) -> Result<()> {
        if matches!(self.inner.pools, Pools::Postgres(_)) {
            return Ok(());
        }
        let by = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
        let mut tx = self.begin().await?;
        for sql in [
            "UPDATE inbox SET due_at = due_at - $1, lease_until = lease_until - $1 WHERE state = 'pending'",
            "UPDATE outbox SET due_at = due_at - $1, lease_until = lease_until - $1 WHERE state = 'pending'",
            "UPDATE transfer_page SET due_at = due_at - $1 WHERE state = 'pending'",
        ] {
            tx.execute(sql, args![by]).await?;
        }
        for queue in Queue::ALL {
            tx.wake(queue);
        }
        tx.commit().await
    }
}
