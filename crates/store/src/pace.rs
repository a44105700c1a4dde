//! How fast each facility calls ABDM, and what may leave now. See `domain::pace` for the decisions.

use abdm::id::FacilityId;
use domain::pace::Pace;
use jiff::Timestamp;

use crate::database::{Tx, args};
use crate::error::{Result, StoreError};
use crate::lane::Lane;
use crate::lease::Sending;

/// Calls that a facility began and that have not ended; each counted up to the limit asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenCalls {
    /// Due and not taken by ABDM yet.
    pub due: u32,
    /// Taken; their callbacks are awaited.
    pub awaited: u32,
}

impl Tx {
    /// The pace of a facility, locked until this transaction ends. One that was never stored is free.
    pub async fn lock_pace(&mut self, facility: &FacilityId) -> Result<Pace> {
        self.execute(
            "INSERT INTO pace (facility_id, next_at, strikes) VALUES ($1, 0, 0) ON CONFLICT DO NOTHING",
            args![facility.as_str()],
        )
        .await?;
        let sql =
            "SELECT next_at, held_until, strikes, learned FROM pace WHERE facility_id = $1 {for update}";
        self.read_pace(sql, facility).await
    }

    /// The pace of a facility.
    pub async fn pace(&mut self, facility: &FacilityId) -> Result<Pace> {
        let sql = "SELECT next_at, held_until, strikes, learned FROM pace WHERE facility_id = $1";
        self.read_pace(sql, facility).await
    }

    async fn read_pace(&mut self, sql: &'static str, facility: &FacilityId) -> Result<Pace> {
        let Some(row) = self.optional(sql, args![facility.as_str()]).await? else {
            return Ok(Pace::default());
        };
        let strikes = u32::try_from(row.int("strikes")?);
        let learned = row.opt_int("learned")?.map(u32::try_from).transpose();
        Ok(Pace {
            next_at: row.int("next_at")?,
            held_until: row.opt_time("held_until")?,
            strikes: strikes.map_err(|error| StoreError::corrupt("strikes", error))?,
            learned: learned
                .map_err(|error| StoreError::corrupt("learned", error))?
                .map(|learned| f64::from(learned) / 1000.0),
        })
    }

    /// Stores the pace of a facility.
    pub async fn put_pace(&mut self, facility: &FacilityId, pace: &Pace) -> Result<()> {
        #[expect(clippy::cast_possible_truncation, reason = "thousandths of at most some thousand")]
        let learned = pace.learned.map(|learned| (learned * 1000.0) as i64);
        self.execute(
            "INSERT INTO pace (facility_id, next_at, held_until, strikes, learned) VALUES ($1, $2, $3, $4, $5) \
             ON CONFLICT (facility_id) DO UPDATE SET next_at = excluded.next_at, \
             held_until = excluded.held_until, strikes = excluded.strikes, learned = excluded.learned",
            args![facility.as_str(), pace.next_at, pace.held_until, pace.strikes, learned],
        )
        .await?;
        Ok(())
    }

    /// Every facility with a call of its own that is due.
    pub async fn facilities_with_due_calls(&mut self) -> Result<Vec<FacilityId>> {
        let now = self.now();
        let rows = self
            .all(
                "SELECT f.id FROM facility f WHERE EXISTS (SELECT 1 FROM outbox o WHERE o.facility_id = f.id \
                 AND o.state = 'pending' AND o.lane = $2 AND o.due_at <= $1 \
                 AND (o.lease_until IS NULL OR o.lease_until < $1)) ORDER BY f.id",
                args![now, Lane::Own.number()],
            )
            .await?;
        rows.iter().map(|row| row.parse("id")).collect()
    }

    /// Leases up to `limit` calls that the facility began itself and that are due. As with
    /// [`crate::Store::lease_outbox`] each `REQUEST-ID` is on disk once this has committed.
    pub async fn lease_own_calls(&mut self, facility: &FacilityId, limit: u32) -> Result<Vec<Sending>> {
        let now = self.now();
        let until = now + self.inner.lease;
        let instance = self.inner.instance.clone();
        let rows = self
            .all(
                "UPDATE outbox SET owner = $1, lease_until = $2, fence = fence + 1, attempts = attempts + 1 \
                 WHERE id IN (SELECT id FROM outbox WHERE facility_id = $5 AND state = 'pending' AND lane = $6 \
                   AND due_at <= $3 AND (lease_until IS NULL OR lease_until < $3) \
                   ORDER BY due_at, id LIMIT $4 {skip locked}) \
                 RETURNING id, facility_id, exchange_id, kind, subject, body, attempts, fence",
                args![instance, until, now, limit, facility.as_str(), Lane::Own.number()],
            )
            .await?;
        self.begin_attempts(&rows).await
    }

    /// The facility's own calls that have not ended, each kind counted up to `most`.
    pub async fn open_calls(&mut self, facility: &FacilityId, most: u32) -> Result<OpenCalls> {
        let now = self.now();
        let due = self.count_open(facility, "pending", now, most).await?;
        let awaited = self.count_open(facility, "sent", Timestamp::MAX, most).await?;
        Ok(OpenCalls { due, awaited })
    }

    async fn count_open(
        &mut self,
        facility: &FacilityId,
        state: &str,
        due_by: Timestamp,
        most: u32,
    ) -> Result<u32> {
        let row = self
            .one(
                "SELECT COUNT(*) AS calls FROM (SELECT 1 AS one FROM outbox WHERE facility_id = $1 \
                 AND state = $2 AND lane = $5 AND due_at <= $3 LIMIT $4) AS open",
                args![facility.as_str(), state, due_by, most, Lane::Own.number()],
            )
            .await?;
        u32::try_from(row.int("calls")?).map_err(|error| StoreError::corrupt("calls", error))
    }
}
