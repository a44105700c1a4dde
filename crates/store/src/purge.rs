//! Forgetting what nobody needs any more: ended exchanges with their messages, events and what came of them, shared
//! profiles. Patients, visits, records, consents and the audit trail stay.

use jiff::Timestamp;
use uuid::Uuid;

use crate::database::{Tx, args};
use crate::error::Result;

/// What goes with an exchange, and the exchange itself last. Ids grow with the time, so the oldest come first.
const OF_EXCHANGES: [&str; 5] = [
    "DELETE FROM share_scan WHERE exchange_id IN (SELECT id FROM exchange WHERE id < $1 AND ended_at IS NOT NULL \
     ORDER BY id LIMIT $2)",
    "DELETE FROM attempt WHERE exchange_id IN (SELECT id FROM exchange WHERE id < $1 AND ended_at IS NOT NULL \
     ORDER BY id LIMIT $2)",
    "DELETE FROM outbox WHERE exchange_id IN (SELECT id FROM exchange WHERE id < $1 AND ended_at IS NOT NULL \
     ORDER BY id LIMIT $2)",
    "DELETE FROM inbox WHERE exchange_id IN (SELECT id FROM exchange WHERE id < $1 AND ended_at IS NOT NULL \
     ORDER BY id LIMIT $2)",
    "DELETE FROM exchange WHERE id IN (SELECT id FROM exchange WHERE id < $1 AND ended_at IS NOT NULL \
     ORDER BY id LIMIT $2)",
];

/// What stands by itself.
const OTHERS: [&str; 3] = [
    "DELETE FROM share WHERE id IN (SELECT id FROM share WHERE id < $1 ORDER BY id LIMIT $2)",
    "DELETE FROM event WHERE id IN (SELECT id FROM event WHERE id < $1 ORDER BY id LIMIT $2)",
    "DELETE FROM webhook_delivery WHERE id IN (SELECT id FROM webhook_delivery WHERE id < $1 \
     AND state <> 'pending' ORDER BY id LIMIT $2)",
];

/// A transfer's request, pages and outcome; what was offered to patients and chosen; by which ids messages were known.
const BY_TIME: [&str; 6] = [
    "DELETE FROM discovery WHERE (facility_id, transaction_id) IN (SELECT facility_id, transaction_id \
     FROM discovery WHERE created_at < $1 ORDER BY created_at LIMIT $2)",
    "DELETE FROM link_request WHERE (facility_id, reference) IN (SELECT facility_id, reference \
     FROM link_request WHERE updated_at < $1 ORDER BY updated_at LIMIT $2)",
    "DELETE FROM message_key WHERE (facility_id, kind, key) IN (SELECT facility_id, kind, key \
     FROM message_key WHERE taken_at < $1 ORDER BY taken_at LIMIT $2)",
    "DELETE FROM transfer_page WHERE (facility_id, transaction_id) IN (SELECT facility_id, transaction_id \
     FROM transfer WHERE ended_at < $1 ORDER BY ended_at, transaction_id LIMIT $2)",
    "DELETE FROM transfer_context WHERE (facility_id, transaction_id) IN (SELECT facility_id, transaction_id \
     FROM transfer WHERE ended_at < $1 ORDER BY ended_at, transaction_id LIMIT $2)",
    "DELETE FROM transfer WHERE (facility_id, transaction_id) IN (SELECT facility_id, transaction_id \
     FROM transfer WHERE ended_at < $1 ORDER BY ended_at, transaction_id LIMIT $2)",
];

impl Tx {
    /// Forgets up to `limit` of each kind that ended before this time; what is still open stays whatever its age. Says how
    /// many rows went: none when there is nothing left to forget.
    pub async fn purge(&mut self, before: Timestamp, limit: u32) -> Result<u64> {
        let bound = first_id_of(before).to_string();
        let mut gone = 0;
        for sql in OF_EXCHANGES.into_iter().chain(OTHERS) {
            gone += self.execute(sql, args![&bound, limit]).await?;
        }
        for sql in BY_TIME {
            gone += self.execute(sql, args![before, limit]).await?;
        }
        Ok(gone)
    }
}

/// The lowest id of a moment (UUID version 7). One made as usual would not do: they never go back in time.
fn first_id_of(time: Timestamp) -> Uuid {
    let milliseconds = u64::try_from(time.as_millisecond()).unwrap_or(0);
    uuid::Builder::from_unix_timestamp_millis(milliseconds, &[0; 10]).into_uuid()
}
