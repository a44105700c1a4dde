//! Events for the HMIS and the audit trail. Both hold ids and words, nothing clinical and no names.

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

impl Tx {
    /// Raises an event.
    pub async fn raise(
        &mut self,
        facility: &FacilityId,
        event: EventType,
        mut data: serde_json::Value,
    ) -> Result<()> {
        if let Some(data) = data.as_object_mut() {
            data.insert("facilityId".to_owned(), facility.as_str().into());
        }
        let now = self.now();
        self.execute(
            "INSERT INTO event (id, facility_id, type, data, at) VALUES ($1, $2, $3, $4, $5)",
            args![
                crate::open::new_id(now).to_string(),
                facility.as_str(),
                event.as_str(),
                data.to_string(),
                now
            ],
        )
        .await?;
        self.wake(Queue::Events);
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

    /// Writes a line of the audit trail: who did what to what.
    pub async fn audit(
        &mut self,
        facility: &FacilityId,
        actor: &str,
        action: &str,
        subject: &str,
    ) -> Result<()> {
        let now = self.now();
        self.execute(
            "INSERT INTO audit (id, facility_id, at, actor, action, subject) VALUES ($1, $2, $3, $4, $5, $6)",
            args![crate::open::new_id(now).to_string(), facility.as_str(), now, actor, action, subject],
        )
        .await?;
        Ok(())
    }
}
