//! Callback intake: callbacks that arrive together are made durable by one commit, and none is acknowledged
//! before that.
//!
//! One task writes. While it waits for the disk, newcomers queue up behind it and go into the next commit
//! together. A burst therefore costs few commits, and a lone callback waits for nobody.

use std::sync::Arc;
use std::time::Duration;

use abdm::id::FacilityId;
use bytes::Bytes;
use domain::exchange::{Direction, ExchangeState};
use jiff::Timestamp;
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

use crate::Store;
use crate::database::{Tx, args};
use crate::error::{Result, StoreError};
use crate::exchange::Exchange;
use crate::wake::Queue;

/// No commit takes more callbacks than this.
const MOST_PER_COMMIT: usize = 256;
/// How many may queue before callers wait.
const QUEUE: usize = 4096;

/// A callback that passed authentication and shape.
#[derive(Debug, Clone)]
pub struct Callback {
    /// Whom it is for.
    pub facility: FacilityId,
    /// Which operation, as the flows name it.
    pub kind: &'static str,
    /// ABDM's path.
    pub path: &'static str,
    /// Its `REQUEST-ID`.
    pub request_id: String,
    /// What it is about, as ids, if it begins an exchange.
    pub subject: Option<String>,
    /// The body as it came.
    pub body: Bytes,
    /// How long after the end of its token it came.
    pub late_by: Duration,
    /// If it asks something of us: when our reply is overdue.
    pub reply_by: Option<Timestamp>,
    /// What it is known by besides, if it is.
    pub message: Option<MessageKey>,
}

/// What a message is known by besides its `REQUEST-ID`: ABDM may bring it again under a new one. Another message under
/// the same key is a duplicate that it is told of (ABDM V3: ABDM-1103, ABDM-1104, ABDM-1105, ABDM-1087).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageKey {
    /// Which kind of message: a word of the flows.
    pub kind: &'static str,
    /// The id in its body that it is known by.
    pub key: String,
    /// All that matters of its content; only a keyed hash is kept.
    pub content: String,
    /// Whether its arrival takes the key. Otherwise a flow takes it later, by [`Tx::take_message_key`].
    pub take: bool,
}

/// Whether a callback was new.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stored {
    /// On disk now, to be worked on.
    New,
    /// Its `REQUEST-ID` was known: nothing more will happen because of it.
    Known,
    /// Another message was taken under the same key. Nothing of this one remains.
    Differs,
}

type Outcome = Result<Stored, Arc<StoreError>>;
type Waiting = (Callback, oneshot::Sender<Outcome>);

/// Takes callbacks from handlers.
#[derive(Debug, Clone)]
pub struct Intake {
    sender: mpsc::Sender<Waiting>,
}

/// Writes what handlers hand to the [`Intake`]. Poll [`IntakeWriter::run`] in a task of its own.
pub struct IntakeWriter {
    store: Store,
    receiver: mpsc::Receiver<Waiting>,
}

impl Intake {
    /// An intake and its writer.
    #[must_use]
    pub fn new(store: Store) -> (Self, IntakeWriter) {
        let (sender, receiver) = mpsc::channel(QUEUE);
        (Self { sender }, IntakeWriter { store, receiver })
    }

    /// Makes a callback durable. When this returns `Ok`, it is on disk.
    ///
    /// # Errors
    /// If it could not be written; nothing of it remains, and ABDM may send it again.
    pub async fn store(&self, callback: Callback) -> Result<Stored, Arc<StoreError>> {
        let gone = || Arc::new(StoreError::corrupt("intake", "the writer has ended"));
        let (sender, receiver) = oneshot::channel();
        self.sender.send((callback, sender)).await.map_err(|_| gone())?;
        receiver.await.map_err(|_| gone())?
    }
}

impl IntakeWriter {
    /// Writes until every [`Intake`] is gone.
    pub async fn run(mut self) {
        let mut batch = Vec::with_capacity(MOST_PER_COMMIT);
        while self.receiver.recv_many(&mut batch, MOST_PER_COMMIT).await > 0 {
            let (callbacks, waiting): (Vec<_>, Vec<_>) = batch.drain(..).unzip();
            let outcomes = match self.write(&callbacks).await {
                Err(error) if callbacks.len() > 1 && error.is_about_a_row() => {
                    self.write_each(&callbacks).await
                }
                Err(error) => vec![Err(told(error, callbacks.len())); callbacks.len()],
                Ok(stored) => stored.into_iter().map(Ok).collect(),
            };
            for (sender, outcome) in waiting.into_iter().zip(outcomes) {
                // A caller that went away needs no answer.
                let _ = sender.send(outcome);
            }
        }
    }

    /// All of them in one commit, or none.
    async fn write(&self, callbacks: &[Callback]) -> Result<Vec<Stored>> {
        // In one order at every instance: two that are sent the same callbacks wait for each other in turn.
        let mut order: Vec<_> = callbacks.iter().enumerate().collect();
        order.sort_by_key(|(_, callback)| (&callback.facility, &callback.request_id));
        let mut tx = self.store.begin_urgent().await?;
        let mut stored = Vec::with_capacity(callbacks.len());
        for (place, callback) in order {
            stored.push((place, tx.insert_callback(callback).await?));
        }
        tx.wake(Queue::Inbox);
        tx.commit().await?;
        stored.sort_unstable_by_key(|(place, _)| *place);
        Ok(stored.into_iter().map(|(_, stored)| stored).collect())
    }

    /// Each in a commit of its own: one that the database refuses takes no other with it.
    async fn write_each(&self, callbacks: &[Callback]) -> Vec<Outcome> {
        let mut outcomes = Vec::with_capacity(callbacks.len());
        for callback in callbacks {
            outcomes.push(self.write_one(callback).await.map_err(|error| told(error, 1)));
        }
        outcomes
    }

    async fn write_one(&self, callback: &Callback) -> Result<Stored> {
        let mut tx = self.store.begin_urgent().await?;
        let stored = tx.insert_callback(callback).await?;
        tx.wake(Queue::Inbox);
        tx.commit().await?;
        Ok(stored)
    }
}

/// Logs why callbacks could not be stored; each caller is told too.
fn told(error: StoreError, callbacks: usize) -> Arc<StoreError> {
    let cause = std::error::Error::source(&error).map(tracing::field::display);
    tracing::error!(callbacks, error = %error, cause, "callbacks could not be stored");
    Arc::new(error)
}

impl Tx {
    /// Whether the key is free or taken by this very message; takes it if the message does so by arriving.
    async fn is_same_message(&mut self, facility: &FacilityId, message: &MessageKey) -> Result<bool> {
        if message.take && self.take_message_key(facility, message).await? {
            return Ok(true);
        }
        let row = self
            .optional(
                "SELECT digest FROM message_key WHERE facility_id = $1 AND kind = $2 AND key = $3",
                args![facility.as_str(), message.kind, &message.key],
            )
            .await?;
        let digest = self.inner.keys()?.look_up(message.kind, &message.content);
        row.map_or(Ok(true), |row| Ok(row.text("digest")? == digest))
    }

    /// Takes the key for this message: another one under it is refused from now on. Says whether it was free.
    pub async fn take_message_key(&mut self, facility: &FacilityId, message: &MessageKey) -> Result<bool> {
        let digest = self.inner.keys()?.look_up(message.kind, &message.content);
        let now = self.now();
        let taken = self
            .execute(
                "INSERT INTO message_key (facility_id, kind, key, digest, taken_at) VALUES ($1, $2, $3, $4, $5) \
                 ON CONFLICT (facility_id, kind, key) DO NOTHING",
                args![facility.as_str(), message.kind, &message.key, digest, now],
            )
            .await?;
        Ok(taken > 0)
    }

    /// Gives a key back: what came under it led to nothing, so another message may.
    pub async fn free_message_key(&mut self, facility: &FacilityId, kind: &str, key: &str) -> Result<()> {
        self.execute(
            "DELETE FROM message_key WHERE facility_id = $1 AND kind = $2 AND key = $3",
            args![facility.as_str(), kind, key],
        )
        .await?;
        Ok(())
    }

    async fn insert_callback(&mut self, callback: &Callback) -> Result<Stored> {
        let now = self.now();
        let id = crate::open::new_id(now);
        let body = self.inner.keys()?.seal_packed("callback", &callback.body)?;
        let late_by = i64::try_from(callback.late_by.as_millis()).unwrap_or(i64::MAX);
        let inserted = self
            .execute(
                "INSERT INTO inbox (id, facility_id, exchange_id, kind, request_id, body, received_at, late_by_ms, \
                 state, due_at, attempts, fence) VALUES ($1, $2, $1, $3, $4, $5, $6, $7, 'pending', $6, 0, 0) \
                 ON CONFLICT (facility_id, request_id) DO NOTHING",
                args![
                    id.to_string(),
                    callback.facility.as_str(),
                    callback.kind,
                    &callback.request_id,
                    body,
                    now,
                    late_by
                ],
            )
            .await?;
        if inserted == 0 {
            return Ok(Stored::Known);
        }
        if let Some(message) = &callback.message
            && !self.is_same_message(&callback.facility, message).await?
        {
            self.execute("DELETE FROM inbox WHERE id = $1", args![id.to_string()]).await?;
            return Ok(Stored::Differs);
        }
        if callback.reply_by.is_some() {
            self.open_exchange(&exchange(id, callback, now)).await?;
        }
        Ok(Stored::New)
    }
}

fn exchange(id: Uuid, callback: &Callback, now: Timestamp) -> Exchange {
    Exchange {
        id,
        facility: callback.facility.clone(),
        direction: Direction::In,
        path: callback.path.to_owned(),
        request_id: callback.request_id.clone(),
        subject: callback.subject.clone(),
        state: ExchangeState::Waiting,
        started_at: now,
        ended_at: None,
        overdue_at: callback.reply_by,
        error: None,
    }
}
