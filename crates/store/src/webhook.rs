//! Webhooks: where an HMIS wants to be told, and every telling. A telling is written in the transaction that raised its
//! event, so that none is lost and none is made up.

use abdm::id::FacilityId;
use domain::event::EventType;
use jiff::Timestamp;
use uuid::Uuid;

use crate::database::{Row, Tx, args};
use crate::error::{Result, StoreError};
use crate::lease::{Lease, held};
use crate::wake::Queue;
use crate::{Event, Store};

/// Where a facility's HMIS wants to be told.
#[derive(Clone, PartialEq, Eq)]
pub struct Webhook {
    /// The facility's own name for it.
    pub id: String,
    /// Where to.
    pub url: String,
    /// Which events; none: all.
    pub events: Vec<EventType>,
    /// What signs the messages.
    pub secret: Vec<u8>,
    /// When it was made.
    pub created_at: Timestamp,
}

impl std::fmt::Debug for Webhook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Webhook").field("id", &self.id).finish_non_exhaustive()
    }
}

/// How far a telling is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliveryState {
    /// To be told, or told again.
    Pending,
    /// The HMIS has taken it.
    Delivered,
    /// Given up; a person may have it told again.
    Failed,
}

impl DeliveryState {
    /// The word that is stored and shown.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
        }
    }
}

impl std::str::FromStr for DeliveryState {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        [Self::Pending, Self::Delivered, Self::Failed]
            .into_iter()
            .find(|state| state.as_str() == text)
            .ok_or_else(|| "must be pending, delivered or failed".to_owned())
    }
}

/// One telling of one event.
#[derive(Debug, Clone, PartialEq)]
pub struct Delivery {
    /// Its id; sorts by time.
    pub id: Uuid,
    /// Which webhook.
    pub webhook: String,
    /// What happened.
    pub event: Event,
    /// How far it is.
    pub state: DeliveryState,
    /// How often it was tried.
    pub attempts: u32,
    /// When it is tried next.
    pub due_at: Timestamp,
    /// What the HMIS answered last.
    pub last_status: Option<u16>,
    /// What went wrong last.
    pub last_error: Option<String>,
    /// When it was taken or given up.
    pub ended_at: Option<Timestamp>,
}

/// A telling that is leased, with where it goes.
#[derive(Debug)]
pub struct Telling {
    /// Who works on it.
    pub lease: Lease,
    /// Whose.
    pub facility: FacilityId,
    /// What.
    pub delivery: Delivery,
}

/// What became of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempted {
    /// What the HMIS answered.
    pub status: Option<u16>,
    /// What went wrong, if anything did.
    pub error: Option<String>,
    /// When it is tried again; none: never.
    pub again_at: Option<Timestamp>,
}

macro_rules! columns {
    () => {
        "id, facility_id, webhook_id, event_id, type, data, at, state, attempts, due_at, last_status, last_error, \
         ended_at, fence"
    };
}

impl Store {
    /// Leases up to `limit` tellings that are due.
    pub async fn lease_webhook_deliveries(&self, limit: u32) -> Result<Vec<Telling>> {
        let mut tx = self.begin().await?;
        let now = tx.now();
        let rows = tx
            .all(
                concat!(
                    "UPDATE webhook_delivery SET owner = $1, lease_until = $2, fence = fence + 1, \
                     attempts = attempts + 1 WHERE id IN (SELECT id FROM webhook_delivery \
                       WHERE state = 'pending' AND due_at <= $3 AND (lease_until IS NULL OR lease_until < $3) \
                       ORDER BY due_at, id LIMIT $4 {skip locked}) RETURNING ",
                    columns!()
                ),
                args![&self.inner.instance, now + self.inner.lease, now, limit],
            )
            .await?;
        let leased = rows.iter().map(|row| {
            Ok(Telling {
                lease: Lease { id: row.parse("id")?, fence: row.int("fence")? },
                facility: row.parse("facility_id")?,
                delivery: read_delivery(row)?,
            })
        });
        let leased = leased.collect::<Result<Vec<_>>>()?;
        if !leased.is_empty() {
            tx.commit().await?;
        }
        Ok(leased)
    }
}

impl Tx {
    /// Stores a webhook. Of one that is there the secret and the time are kept. Says whether it is new.
    pub async fn put_webhook(&mut self, facility: &FacilityId, webhook: &Webhook) -> Result<bool> {
        let known = self.webhook(facility, &webhook.id).await?.is_some();
        let secret = self.inner.keys()?.seal("webhook", &webhook.secret)?;
        let events = words(&webhook.events);
        self.execute(
            "INSERT INTO webhook (facility_id, id, url, events, secret, created_at) VALUES ($1, $2, $3, $4, $5, $6) \
             ON CONFLICT (facility_id, id) DO UPDATE SET url = $3, events = $4",
            args![facility.as_str(), &webhook.id, &webhook.url, events, secret, webhook.created_at],
        )
        .await?;
        Ok(!known)
    }

    /// A facility's webhook.
    pub async fn webhook(&mut self, facility: &FacilityId, id: &str) -> Result<Option<Webhook>> {
        let sql =
            "SELECT id, url, events, secret, created_at FROM webhook WHERE facility_id = $1 AND id = $2";
        let row = self.optional(sql, args![facility.as_str(), id]).await?;
        row.map(|row| self.read_webhook(&row)).transpose()
    }

    /// A facility's webhooks, newest first.
    pub async fn webhooks(&mut self, facility: &FacilityId) -> Result<Vec<Webhook>> {
        let sql = "SELECT id, url, events, secret, created_at FROM webhook WHERE facility_id = $1 \
                   ORDER BY created_at DESC, id DESC";
        let rows = self.all(sql, args![facility.as_str()]).await?;
        rows.iter().map(|row| self.read_webhook(row)).collect()
    }

    /// Takes a webhook away, with what was still to be told. Says whether there was one.
    pub async fn delete_webhook(&mut self, facility: &FacilityId, id: &str) -> Result<bool> {
        let values = args![facility.as_str(), id];
        self.execute(
            "DELETE FROM webhook_delivery WHERE facility_id = $1 AND webhook_id = $2",
            values.clone(),
        )
        .await?;
        Ok(self.execute("DELETE FROM webhook WHERE facility_id = $1 AND id = $2", values).await? > 0)
    }

    /// Writes a telling of an event for each webhook that wants it.
    pub(crate) async fn tell_webhooks(&mut self, facility: &FacilityId, event: &Event) -> Result<()> {
        let sql = "SELECT id, events FROM webhook WHERE facility_id = $1";
        for row in self.all(sql, args![facility.as_str()]).await? {
            let wanted = row.text("events")?;
            if !wanted.is_empty() && !wanted.split(' ').any(|word| word == event.event.as_str()) {
                continue;
            }
            let (id, now) = (self.new_id().to_string(), self.now());
            self.execute(
                "INSERT INTO webhook_delivery (id, facility_id, webhook_id, event_id, type, data, at, state, due_at, \
                 attempts, fence) VALUES ($1, $2, $3, $4, $5, $6, $7, 'pending', $8, 0, 0)",
                args![
                    id,
                    facility.as_str(),
                    row.text("id")?,
                    event.id.to_string(),
                    event.event.as_str(),
                    event.data.to_string(),
                    event.at,
                    now
                ],
            )
            .await?;
            self.wake(Queue::Webhooks);
        }
        Ok(())
    }

    /// Records what became of an attempt.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`] if another worker has it by now.
    pub async fn end_telling(&mut self, lease: Lease, attempted: &Attempted) -> Result<()> {
        let now = self.now();
        let (state, due_at) = match (&attempted.error, attempted.again_at) {
            (None, _) => (DeliveryState::Delivered, now),
            (Some(_), Some(again_at)) => (DeliveryState::Pending, again_at),
            (Some(_), None) => (DeliveryState::Failed, now),
        };
        let ended_at = (state != DeliveryState::Pending).then_some(now);
        let ended = self
            .execute(
                "UPDATE webhook_delivery SET state = $3, due_at = $4, last_status = $5, last_error = $6, \
                 ended_at = $7, owner = NULL, lease_until = NULL \
                 WHERE id = $1 AND fence = $2 AND state = 'pending'",
                args![
                    lease.id.to_string(),
                    lease.fence,
                    state.as_str(),
                    due_at,
                    attempted.status.map(i64::from),
                    attempted.error.clone(),
                    ended_at
                ],
            )
            .await?;
        held(ended)
    }

    /// A webhook's tellings, newest first, after the one with this id.
    pub async fn webhook_deliveries(
        &mut self,
        facility: &FacilityId,
        webhook: &str,
        (state, after): (Option<DeliveryState>, Option<Uuid>),
        limit: u32,
    ) -> Result<Vec<Delivery>> {
        let state = state.map_or("", DeliveryState::as_str);
        let after = after.map(|id| id.to_string()).unwrap_or_default();
        let rows = self
            .all(
                concat!(
                    "SELECT ",
                    columns!(),
                    " FROM webhook_delivery WHERE facility_id = $1 AND webhook_id = $2 AND ($3 = '' OR state = $3) \
                     AND ($4 = '' OR id < $4) ORDER BY id DESC LIMIT $5"
                ),
                args![facility.as_str(), webhook, state, after, limit],
            )
            .await?;
        rows.iter().map(read_delivery).collect()
    }

    /// Has an event told again, whatever became of it. Gives the telling; none: there is no such.
    pub async fn redrive_webhook_delivery(
        &mut self,
        facility: &FacilityId,
        webhook: &str,
        id: Uuid,
    ) -> Result<Option<Delivery>> {
        let now = self.now();
        let rows = self
            .all(
                concat!(
                    "UPDATE webhook_delivery SET state = 'pending', due_at = $4, attempts = 0, ended_at = NULL, \
                     owner = NULL, lease_until = NULL, fence = fence + 1 \
                     WHERE facility_id = $1 AND webhook_id = $2 AND id = $3 RETURNING ",
                    columns!()
                ),
                args![facility.as_str(), webhook, id.to_string(), now],
            )
            .await?;
        self.wake(Queue::Webhooks);
        rows.first().map(read_delivery).transpose()
    }

    fn read_webhook(&self, row: &Row) -> Result<Webhook> {
        let events = row.text("events")?;
        let events = events.split_whitespace().map(|word| {
            word.parse()
                .map_err(|error: <EventType as std::str::FromStr>::Err| StoreError::corrupt("webhook", error))
        });
        Ok(Webhook {
            id: row.text("id")?,
            url: row.text("url")?,
            events: events.collect::<Result<_>>()?,
            secret: self.inner.keys()?.open("webhook", &row.bytes("secret")?)?,
            created_at: row.time("created_at")?,
        })
    }
}

fn words(events: &[EventType]) -> String {
    events.iter().map(|event| event.as_str()).collect::<Vec<_>>().join(" ")
}

fn read_delivery(row: &Row) -> Result<Delivery> {
    let status = row.opt_int("last_status")?;
    Ok(Delivery {
        id: row.parse("id")?,
        webhook: row.text("webhook_id")?,
        event: Event {
            id: row.parse("event_id")?,
            event: row.parse("type")?,
            at: row.time("at")?,
            data: serde_json::from_str(&row.text("data")?)
                .map_err(|error| StoreError::corrupt("event", error))?,
        },
        state: row.parse("state")?,
        attempts: u32::try_from(row.int("attempts")?).unwrap_or(u32::MAX),
        due_at: row.time("due_at")?,
        last_status: status.and_then(|status| u16::try_from(status).ok()),
        last_error: row.opt_text("last_error")?,
        ended_at: row.opt_time("ended_at")?,
    })
}
