//! What was last seen of the address that ABDM sends callbacks to.
//!
//! The row is one for all instances. Who moves `due_at` on has the turn; if they die with it, the next turn is an
//! interval later.

use domain::bridge::Holder;
use jiff::Timestamp;

use crate::database::{Row, Tx, args};
use crate::error::Result;

/// The bridge's address as it stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BridgeWatch {
    /// The address that was last registered from here.
    pub own_url: Option<String>,
    /// The address that ABDM had when it was last asked.
    pub found_url: Option<String>,
    /// Whose that was; none before the first look.
    pub holder: Option<Holder>,
    /// Since when it is theirs.
    pub since: Option<Timestamp>,
    /// When ABDM was last asked.
    pub checked_at: Option<Timestamp>,
}

impl BridgeWatch {
    /// Whether another system has taken the address.
    #[must_use]
    pub fn is_taken(&self) -> bool {
        self.holder == Some(Holder::Other)
    }
}

impl Tx {
    /// The watch over a client id's address.
    pub async fn bridge_watch(&mut self, client_id: &str) -> Result<BridgeWatch> {
        let row = self
            .optional(
                "SELECT own_url, found_url, holder, since, checked_at FROM bridge_watch WHERE client_id = $1",
                args![client_id],
            )
            .await?;
        row.as_ref().map_or_else(|| Ok(BridgeWatch::default()), read)
    }

    /// Whether it is this instance's turn to look. If it is, the next turn is at `next`.
    pub async fn take_bridge_turn(&mut self, client_id: &str, next: Timestamp) -> Result<bool> {
        let now = self.now();
        self.execute(
            "INSERT INTO bridge_watch (client_id, due_at) VALUES ($1, 0) ON CONFLICT DO NOTHING",
            args![client_id],
        )
        .await?;
        let taken = self
            .execute(
                "UPDATE bridge_watch SET due_at = $3 WHERE client_id = $1 AND due_at <= $2",
                args![client_id, now, next],
            )
            .await?;
        Ok(taken > 0)
    }

    /// Stores what was seen.
    pub async fn put_bridge_watch(&mut self, client_id: &str, watch: &BridgeWatch) -> Result<()> {
        self.execute(
            "INSERT INTO bridge_watch (client_id, due_at, own_url, found_url, holder, since, checked_at) \
             VALUES ($1, 0, $2, $3, $4, $5, $6) ON CONFLICT (client_id) DO UPDATE SET own_url = excluded.own_url, \
             found_url = excluded.found_url, holder = excluded.holder, since = excluded.since, \
             checked_at = excluded.checked_at",
            args![
                client_id,
                watch.own_url.clone(),
                watch.found_url.clone(),
                watch.holder.map(Holder::as_str),
                watch.since,
                watch.checked_at
            ],
        )
        .await?;
        Ok(())
    }

    /// When a callback of ABDM last arrived for any facility.
    pub async fn last_callback_at(&mut self) -> Result<Option<Timestamp>> {
        let row = self.one("SELECT MAX(received_at) AS last FROM inbox", args![]).await?;
        row.opt_time("last")
    }
}

fn read(row: &Row) -> Result<BridgeWatch> {
    Ok(BridgeWatch {
        own_url: row.opt_text("own_url")?,
        found_url: row.opt_text("found_url")?,
        holder: row.opt_parse("holder")?,
        since: row.opt_time("since")?,
        checked_at: row.opt_time("checked_at")?,
    })
}
