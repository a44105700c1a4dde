//! Inbox and outbox: rows that wait to be worked on, handed out under a lease.
//!
//! A lease says who works on a row and until when. It guarantees that a row whose worker died is taken up by
//! another once the lease has ended. It does not guarantee that nobody else works on it: a worker that stalls
//! past its lease has lost it. What such a worker writes then is refused, because every change of hands raises
//! the row's `fence`, and finishing a row asks for the fence that it was handed out with. So losing a lease
//! costs duplicate effort and never correctness.

use std::time::Duration;

use abdm::id::{FacilityId, RequestId};
use jiff::Timestamp;
use uuid::Uuid;

use crate::Store;
use crate::database::{Row, Tx, args};
use crate::error::{Result, StoreError};
use crate::lane::Lane;
use crate::wake::Queue;

/// The right to work on a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease {
    pub(crate) id: Uuid,
    pub(crate) fence: i64,
}

/// A callback to work on.
#[derive(Clone)]
pub struct Received {
    /// The right to work on it.
    pub lease: Lease,
    /// Whom it is for.
    pub facility: FacilityId,
    /// Its exchange, if it began one.
    pub exchange: Uuid,
    /// Which operation.
    pub kind: String,
    /// Its `REQUEST-ID`: what a reply refers to.
    pub request_id: String,
    /// The body as it came.
    pub body: Vec<u8>,
    /// When it came.
    pub received_at: Timestamp,
    /// How often it has been tried, this time included.
    pub attempts: u32,
}

/// Something to be sent.
#[derive(Debug, Clone)]
pub struct Call {
    /// Its id; a link call's care contexts carry it.
    pub id: Uuid,
    /// Whose.
    pub facility: FacilityId,
    /// The exchange that it begins or ends.
    pub exchange: Uuid,
    /// Which operation.
    pub kind: &'static str,
    /// What it is about, as ids: a patient's reference, a consent, a transaction.
    pub subject: String,
    /// The body, or what the sender makes the body from.
    pub body: Vec<u8>,
    /// Not before this time.
    pub due_at: Timestamp,
}

/// A call that was leased to be sent now.
#[derive(Clone)]
pub struct Sending {
    /// The right to send it.
    pub lease: Lease,
    /// Its id.
    pub id: Uuid,
    /// Whose.
    pub facility: FacilityId,
    /// Its exchange.
    pub exchange: Uuid,
    /// Which operation.
    pub kind: String,
    /// What it is about.
    pub subject: String,
    /// The body.
    pub body: Vec<u8>,
    /// The `REQUEST-ID` of this attempt, already on disk.
    pub request_id: RequestId,
    /// How often it has been sent, this time included.
    pub attempts: u32,
}

/// A call that we made, found by the `REQUEST-ID` of one of its attempts.
#[derive(Clone, PartialEq, Eq)]
pub struct Made {
    /// The call's id.
    pub id: Uuid,
    /// Whose.
    pub facility: FacilityId,
    /// Its exchange.
    pub exchange: Uuid,
    /// Which operation.
    pub kind: String,
    /// What it is about.
    pub subject: String,
    /// `pending`, `sent` (accepted, callback awaited) or `done`.
    pub state: String,
    /// The body, as it was enqueued.
    pub body: Vec<u8>,
    /// When the attempt that this `REQUEST-ID` names was made.
    pub attempted_at: Timestamp,
}

impl Store {
    /// Leases up to `limit` callbacks that are due.
    pub async fn lease_inbox(&self, limit: u32) -> Result<Vec<Received>> {
        let mut tx = self.begin().await?;
        let now = tx.now();
        let rows = tx
            .all(
                "UPDATE inbox SET owner = $1, lease_until = $2, fence = fence + 1, attempts = attempts + 1 \
                 WHERE id IN (SELECT id FROM inbox WHERE state = 'pending' AND due_at <= $3 \
                   AND (lease_until IS NULL OR lease_until < $3) ORDER BY due_at, id LIMIT $4 {skip locked}) \
                 RETURNING id, facility_id, exchange_id, kind, request_id, body, received_at, attempts, fence",
                args![&self.inner.instance, now + self.inner.lease, now, limit],
            )
            .await?;
        let received = rows.iter().map(|row| tx.read_received(row)).collect::<Result<Vec<_>>>()?;
        if !received.is_empty() {
            tx.commit().await?;
        }
        Ok(received)
    }

    /// Leases up to `limit` rows of a lane that are due, except of [`Lane::Own`]: for that see [`Tx::lease_own_calls`]. The
    /// `REQUEST-ID` of each is on disk when this returns, because its callback may arrive before the call has returned.
    pub async fn lease_outbox(&self, lane: Lane, limit: u32) -> Result<Vec<Sending>> {
        let mut tx = self.begin().await?;
        let now = tx.now();
        let rows = tx
            .all(
                "UPDATE outbox SET owner = $1, lease_until = $2, fence = fence + 1, attempts = attempts + 1 \
                 WHERE id IN (SELECT id FROM outbox WHERE state = 'pending' AND lane = $5 AND due_at <= $3 \
                   AND (lease_until IS NULL OR lease_until < $3) ORDER BY due_at, id LIMIT $4 {skip locked}) \
                 RETURNING id, facility_id, exchange_id, kind, subject, body, attempts, fence",
                args![&self.inner.instance, now + self.inner.lease, now, limit, lane.number()],
            )
            .await?;
        let leased = tx.begin_attempts(&rows).await?;
        if !leased.is_empty() {
            tx.commit().await?;
        }
        Ok(leased)
    }

    /// Keeps a lease on a call for another term.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`] if another worker has it by now: stop at once.
    pub async fn renew(&self, lease: Lease) -> Result<()> {
        let mut tx = self.begin().await?;
        let until = tx.now() + self.inner.lease;
        let renewed = tx
            .execute(
                "UPDATE outbox SET lease_until = $3 WHERE id = $1 AND fence = $2 AND owner IS NOT NULL",
                args![lease.id.to_string(), lease.fence, until],
            )
            .await?;
        tx.commit().await?;
        held(renewed)
    }

    /// How long a lease lasts.
    #[must_use]
    pub fn lease_term(&self) -> Duration {
        self.inner.lease
    }
}

impl Tx {
    /// The callback is dealt with.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`] if another worker has it by now.
    pub async fn finish_received(&mut self, lease: Lease) -> Result<()> {
        let finished = self
            .execute(
                "UPDATE inbox SET state = 'done', owner = NULL, lease_until = NULL \
                 WHERE id = $1 AND fence = $2 AND state = 'pending'",
                args![lease.id.to_string(), lease.fence],
            )
            .await?;
        held(finished)
    }

    /// The callback is to be tried again at `due_at`, or never.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`] if another worker has it by now.
    pub async fn put_back_received(
        &mut self,
        lease: Lease,
        due_at: Option<Timestamp>,
        error: &str,
    ) -> Result<()> {
        let state = if due_at.is_some() { "pending" } else { "dead" };
        let due_at = due_at.unwrap_or_else(|| self.now());
        let put_back = self
            .execute(
                "UPDATE inbox SET state = $3, due_at = $4, error = $5, owner = NULL, lease_until = NULL \
                 WHERE id = $1 AND fence = $2 AND state = 'pending'",
                args![lease.id.to_string(), lease.fence, state, due_at, error],
            )
            .await?;
        held(put_back)
    }

    /// Puts something in the outbox, to leave by a lane of it as soon as it is due.
    pub async fn enqueue(&mut self, lane: Lane, call: &Call) -> Result<()> {
        let body = self.inner.keys()?.seal_packed("call", &call.body)?;
        let now = self.now();
        self.execute(
            "INSERT INTO outbox (id, facility_id, exchange_id, kind, subject, body, state, due_at, attempts, \
             created_at, fence, lane) VALUES ($1, $2, $3, $4, $5, $6, 'pending', $7, 0, $8, 0, $9)",
            args![
                call.id.to_string(),
                call.facility.as_str(),
                call.exchange.to_string(),
                call.kind,
                &call.subject,
                body,
                call.due_at,
                now,
                lane.number()
            ],
        )
        .await?;
        self.wake(lane.queue());
        Ok(())
    }

    /// Records that a call was sent: it awaits its callback, or is done. If its callback was faster, nothing
    /// changes and the answer is false.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`] if another worker has it by now.
    pub async fn finish_sending(&mut self, lease: Lease, awaits_callback: bool) -> Result<bool> {
        let state = if awaits_callback { "sent" } else { "done" };
        let row = self
            .optional(
                "UPDATE outbox SET state = CASE WHEN state = 'pending' THEN $3 ELSE state END, owner = NULL, \
                 lease_until = NULL WHERE id = $1 AND fence = $2 AND owner IS NOT NULL RETURNING state",
                args![lease.id.to_string(), lease.fence, state],
            )
            .await?;
        let row = row.ok_or(StoreError::LeaseLost)?;
        Ok(row.text("state")? == state)
    }

    /// Records that a call is to be sent again at `due_at`. If its callback came meanwhile, nothing changes and
    /// the answer is false.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`] if another worker has it by now.
    pub async fn put_back_sending(&mut self, lease: Lease, due_at: Timestamp) -> Result<bool> {
        let row = self
            .optional(
                "UPDATE outbox SET due_at = $3, owner = NULL, lease_until = NULL \
                 WHERE id = $1 AND fence = $2 AND owner IS NOT NULL RETURNING state",
                args![lease.id.to_string(), lease.fence, due_at],
            )
            .await?;
        let row = row.ok_or(StoreError::LeaseLost)?;
        Ok(row.text("state")? == "pending")
    }

    /// The call's callback is in: it is never sent again.
    pub async fn close_call(&mut self, id: Uuid) -> Result<()> {
        self.execute("UPDATE outbox SET state = 'done' WHERE id = $1", args![id.to_string()]).await?;
        Ok(())
    }

    /// Sends a call (again) at `due_at`. An attempt that is under way can record nothing more.
    pub async fn resend_call(&mut self, id: Uuid, due_at: Timestamp) -> Result<()> {
        self.execute(
            "UPDATE outbox SET state = 'pending', due_at = $2, owner = NULL, lease_until = NULL, \
             fence = fence + 1 WHERE id = $1",
            args![id.to_string(), due_at],
        )
        .await?;
        for queue in [Queue::Outbox, Queue::Calls, Queue::Transfers, Queue::Texts] {
            self.wake(queue);
        }
        Ok(())
    }

    /// Lets a stored callback be worked on again. Who works on it now can record nothing more.
    pub async fn rerun_received(&mut self, exchange: Uuid) -> Result<bool> {
        let now = self.now();
        let changed = self
            .execute(
                "UPDATE inbox SET state = 'pending', due_at = $2, owner = NULL, lease_until = NULL, \
                 fence = fence + 1 WHERE exchange_id = $1",
                args![exchange.to_string(), now],
            )
            .await?;
        self.wake(Queue::Inbox);
        Ok(changed > 0)
    }

    /// Whether an exchange's callback was given up.
    pub async fn is_dead_letter(&mut self, exchange: Uuid) -> Result<bool> {
        let sql = "SELECT id FROM inbox WHERE exchange_id = $1 AND state = 'dead' LIMIT 1";
        Ok(self.optional(sql, args![exchange.to_string()]).await?.is_some())
    }

    /// The call whose attempt had this `REQUEST-ID`.
    pub async fn call_by_request_id(&mut self, request_id: &str) -> Result<Option<Made>> {
        let row = self
            .optional(
                "SELECT o.id, o.facility_id, o.exchange_id, o.kind, o.subject, o.state, o.body, a.started_at FROM attempt a \
                 JOIN outbox o ON o.id = a.outbox_id WHERE a.request_id = $1",
                args![request_id],
            )
            .await?;
        row.map(|row| self.read_made(&row)).transpose()
    }

    /// The calls of an exchange, oldest first.
    pub async fn calls_of_exchange(&mut self, exchange: Uuid) -> Result<Vec<Made>> {
        let rows = self
            .all(
                "SELECT id, facility_id, exchange_id, kind, subject, state, body, created_at AS started_at FROM outbox \
                 WHERE exchange_id = $1 ORDER BY id",
                args![exchange.to_string()],
            )
            .await?;
        rows.iter().map(|row| self.read_made(row)).collect()
    }

    /// Whether an exchange has a call of this kind.
    pub async fn has_call(&mut self, exchange: Uuid, kind: &str) -> Result<bool> {
        let row = self
            .optional(
                "SELECT id FROM outbox WHERE exchange_id = $1 AND kind = $2 LIMIT 1",
                args![exchange.to_string(), kind],
            )
            .await?;
        Ok(row.is_some())
    }

    /// When the attempts of a call were made, oldest first, each with its `REQUEST-ID`.
    pub async fn attempts(&mut self, call: Uuid) -> Result<Vec<(String, Timestamp, Option<String>)>> {
        let rows = self
            .all(
                "SELECT request_id, started_at, outcome FROM attempt WHERE outbox_id = $1 ORDER BY started_at",
                args![call.to_string()],
            )
            .await?;
        rows.iter()
            .map(|row| Ok((row.text("request_id")?, row.time("started_at")?, row.opt_text("outcome")?)))
            .collect()
    }

    /// Whether an earlier attempt at this call may have left without its outcome being recorded: its worker died.
    pub async fn has_unknown_attempt(&mut self, sending: &Sending) -> Result<bool> {
        let row = self
            .optional(
                "SELECT request_id FROM attempt WHERE outbox_id = $1 AND request_id <> $2 AND outcome IS NULL LIMIT 1",
                args![sending.id.to_string(), sending.request_id.to_string()],
            )
            .await?;
        Ok(row.is_some())
    }

    /// Whether the call is still to be made under this lease. A callback may have closed it since it was leased.
    pub async fn is_still_due(&mut self, sending: &Sending) -> Result<bool> {
        let sql = "SELECT id FROM outbox WHERE id = $1 AND fence = $2 AND state = 'pending'";
        let row = self.optional(sql, args![sending.id.to_string(), sending.lease.fence]).await?;
        Ok(row.is_some())
    }

    /// Notes how an attempt ended, in a word: `accepted`, or an error code.
    pub async fn end_attempt(&mut self, request_id: RequestId, outcome: &str) -> Result<()> {
        self.execute(
            "UPDATE attempt SET outcome = $2 WHERE request_id = $1",
            args![request_id.to_string(), outcome],
        )
        .await?;
        Ok(())
    }

    /// Notes an attempt for each row that was leased.
    pub(crate) async fn begin_attempts(&mut self, rows: &[Row]) -> Result<Vec<Sending>> {
        let mut leased = Vec::with_capacity(rows.len());
        for row in rows {
            let sending = self.read_sending(row)?;
            self.begin_attempt(&sending).await?;
            leased.push(sending);
        }
        Ok(leased)
    }

    async fn begin_attempt(&mut self, sending: &Sending) -> Result<()> {
        let now = self.now();
        let request_id = sending.request_id.to_string();
        self.execute(
            "INSERT INTO attempt (request_id, facility_id, outbox_id, exchange_id, started_at) \
             VALUES ($1, $2, $3, $4, $5)",
            args![
                &request_id,
                sending.facility.as_str(),
                sending.id.to_string(),
                sending.exchange.to_string(),
                now
            ],
        )
        .await?;
        self.execute(
            "UPDATE exchange SET request_id = $2 WHERE id = $1 AND direction = 'out'",
            args![sending.exchange.to_string(), &request_id],
        )
        .await?;
        Ok(())
    }

    fn read_received(&self, row: &Row) -> Result<Received> {
        Ok(Received {
            lease: Lease { id: row.parse("id")?, fence: row.int("fence")? },
            facility: row.parse("facility_id")?,
            exchange: row.parse("exchange_id")?,
            kind: row.text("kind")?,
            request_id: row.text("request_id")?,
            body: self.inner.keys()?.open_packed("callback", &row.bytes("body")?)?,
            received_at: row.time("received_at")?,
            attempts: attempts(row)?,
        })
    }

    fn read_made(&self, row: &Row) -> Result<Made> {
        Ok(Made {
            id: row.parse("id")?,
            facility: row.parse("facility_id")?,
            exchange: row.parse("exchange_id")?,
            kind: row.text("kind")?,
            subject: row.text("subject")?,
            state: row.text("state")?,
            body: self.inner.keys()?.open_packed("call", &row.bytes("body")?)?,
            attempted_at: row.time("started_at")?,
        })
    }

    fn read_sending(&self, row: &Row) -> Result<Sending> {
        let id = row.parse("id")?;
        Ok(Sending {
            lease: Lease { id, fence: row.int("fence")? },
            id,
            facility: row.parse("facility_id")?,
            exchange: row.parse("exchange_id")?,
            kind: row.text("kind")?,
            subject: row.text("subject")?,
            body: self.inner.keys()?.open_packed("call", &row.bytes("body")?)?,
            request_id: RequestId::random(),
            attempts: attempts(row)?,
        })
    }
}

fn attempts(row: &Row) -> Result<u32> {
    u32::try_from(row.int("attempts")?).map_err(|error| StoreError::corrupt("attempts", error))
}

pub(crate) fn held(rows: u64) -> Result<()> {
    if rows == 0 { Err(StoreError::LeaseLost) } else { Ok(()) }
}
