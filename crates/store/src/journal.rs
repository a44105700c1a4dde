//! Events for the HMIS. They hold ids and words, nothing clinical and no names.

use abdm::id::FacilityId;
use domain::event::EventType;
use jiff::Timestamp;
use uuid::Uuid;

use crate::database::{Tx, args};
use crate::error::{Result, StoreError};
use crate::wake::Queue;

/// Something that happened.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Its id; sorts by time.
    pub id: Uuid,
    /// What happened.
    pub event: EventType,
    /// When.
    pub at: Timestamp,
    /// Ids and states.
    pub data: serde_json::Value,
}

/// An event that waits for the end of its transaction.
pub(crate) struct Raised {
    facility: FacilityId,
    event: EventType,
    data: serde_json::Value,
}

impl Tx {
    /// Raises an event. It is written when the transaction commits.
    #[expect(clippy::unused_async, reason = "all that writes is awaited alike")]
    pub async fn raise(
        &mut self,
        facility: &FacilityId,
        event: EventType,
        mut data: serde_json::Value,
    ) -> Result<()> {
        if let Some(data) = data.as_object_mut() {
            data.insert("facilityId".to_owned(), facility.as_str().into());
        }
        self.raised.push(Raised { facility: facility.clone(), event, data });
        self.wake(Queue::Events);
        Ok(())
    }

    /// Writes the events that were raised, as the last thing before the commit.
    ///
    /// A listener asks for what came after the last id that it saw. So the ids of a facility's events must grow in
    /// the order of their commits, whatever the clocks of the instances say: writers take turns, and nobody
    /// takes an id below the last. The turn comes last, so that it is held briefly and meets no other lock.
    pub(crate) async fn write_raised(&mut self) -> Result<()> {
        let mut raised = std::mem::take(&mut self.raised);
        raised.sort_by(|a, b| a.facility.cmp(&b.facility));
        for events in raised.chunk_by(|a, b| a.facility == b.facility) {
            let Some(Raised { facility, .. }) = events.first() else { continue };
            self.lock_name(&format!("events of {facility}")).await?;
            let mut last = self.last_event(facility).await?;
            for event in events {
                let id = crate::open::new_id(self.now());
                last = id.max(Uuid::from_u128(last.as_u128() + 1));
                self.insert_event(last, event).await?;
                let at = self.now();
                let Raised { facility, event, data } = event;
                let told = Event { id: last, event: *event, at, data: data.clone() };
                self.tell_webhooks(facility, &told).await?;
            }
        }
        Ok(())
    }

    async fn last_event(&mut self, facility: &FacilityId) -> Result<Uuid> {
        let row = self
            .optional(
                "SELECT id FROM event WHERE facility_id = $1 ORDER BY id DESC LIMIT 1",
                args![facility.as_str()],
            )
            .await?;
        row.map_or(Ok(Uuid::nil()), |row| row.parse("id"))
    }

    async fn insert_event(&mut self, id: Uuid, raised: &Raised) -> Result<()> {
        let now = self.now();
        self.execute(
            "INSERT INTO event (id, facility_id, type, data, at) VALUES ($1, $2, $3, $4, $5)",
            args![
                id.to_string(),
                raised.facility.as_str(),
                raised.event.as_str(),
                raised.data.to_string(),
                now
            ],
        )
        .await?;
        Ok(())
    }

    /// Up to `limit` events of a facility after the one with this id, oldest first.
    pub async fn events_after(
        &mut self,
        facility: &FacilityId,
        after: Option<Uuid>,
        limit: u32,
    ) -> Result<Vec<Event>> {
        let after = after.map(|id| id.to_string()).unwrap_or_default();
        let rows = self
            .all(
                "SELECT id, type, data, at FROM event WHERE facility_id = $1 AND id > $2 ORDER BY id LIMIT $3",
                args![facility.as_str(), after, limit],
            )
            .await?;
        rows.iter()
            .map(|row| {
                Ok(Event {
                    id: row.parse("id")?,
                    event: row.parse("type")?,
                    at: row.time("at")?,
                    data: serde_json::from_str(&row.text("data")?)
                        .map_err(|error| StoreError::corrupt("event", error))?,
                })
            })
            .collect()
    }
}
