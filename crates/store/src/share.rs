//! Profiles shared at counters, and the numbers that their queues have reached. A profile is sealed as it is.

use abdm::id::{AbhaAddress, FacilityId};
use domain::queue::{Numbers, QueueState, QueueToken};
use domain::reference::PatientRef;
use jiff::Timestamp;
use uuid::Uuid;

use crate::database::{Row, Tx, args};
use crate::error::{Result, StoreError};

const SEALED: &str = "share";

/// A profile shared at a counter.
#[derive(Clone, PartialEq, Eq)]
pub struct Share {
    /// Its id; sorts by time.
    pub id: Uuid,
    /// The counter, as the code named it.
    pub counter: String,
    /// The place in its queue.
    pub token: QueueToken,
    /// The patient, if one could be made of the profile.
    pub patient: Option<PatientRef>,
    /// The profile as the flow wrote it.
    pub profile: Vec<u8>,
    /// Whether they wait.
    pub state: QueueState,
    /// When it was shared.
    pub at: Timestamp,
}

impl std::fmt::Debug for Share {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Share").field("id", &self.id).field("token", &self.token).finish_non_exhaustive()
    }
}

/// Which shares a list shows.
#[derive(Debug, Clone, Default)]
pub struct ShareFilter {
    /// Those at this counter.
    pub counter: Option<String>,
    /// Those of this patient.
    pub patient: Option<PatientRef>,
    /// Those whose token may still be called: since this time.
    pub since: Option<Timestamp>,
}

macro_rules! columns {
    () => {
        "id, counter, day, token_number, patient_reference, sealed, state, at, expires_at"
    };
}

impl Tx {
    /// The numbers of a counter, which nobody else moves until this transaction ends. Lock the patient first.
    pub async fn lock_numbers(&mut self, facility: &FacilityId, counter: &str) -> Result<Numbers> {
        self.execute(
            "INSERT INTO queue_numbers (facility_id, counter, day, last) VALUES ($1, $2, '', 0) \
             ON CONFLICT (facility_id, counter) DO NOTHING",
            args![facility.as_str(), counter],
        )
        .await?;
        let row = self
            .one(
                "SELECT day, last FROM queue_numbers WHERE facility_id = $1 AND counter = $2 {for update}",
                args![facility.as_str(), counter],
            )
            .await?;
        let day = row.text("day")?;
        let day = Some(day).filter(|day| !day.is_empty()).map(|day| day.parse()).transpose();
        Ok(Numbers {
            day: day.map_err(|error| StoreError::corrupt("day", error))?,
            last: number(&row, "last")?,
        })
    }

    /// Stores a new share, and moves its counter's numbers, which are locked, on to its token.
    pub async fn put_share(
        &mut self,
        facility: &FacilityId,
        share: &Share,
        address: &AbhaAddress,
    ) -> Result<()> {
        let hash = self.address_hash(address)?;
        let sealed = self.inner.keys()?.seal(SEALED, &share.profile)?;
        self.execute(
            "INSERT INTO share (id, facility_id, counter, day, token_number, patient_reference, address_hash, \
             sealed, state, at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
            args![
                share.id.to_string(),
                facility.as_str(),
                &share.counter,
                share.token.day.to_string(),
                share.token.number,
                share.patient.as_ref().map(PatientRef::as_str),
                hash,
                sealed,
                share.state.as_str(),
                share.at,
                share.token.expires_at
            ],
        )
        .await?;
        self.execute(
            "UPDATE queue_numbers SET day = $3, last = $4 WHERE facility_id = $1 AND counter = $2",
            args![facility.as_str(), &share.counter, share.token.day.to_string(), share.token.number],
        )
        .await?;
        Ok(())
    }

    /// The last share of a person at a counter: known by ABHA address, or by being the same patient.
    pub async fn last_share(
        &mut self,
        facility: &FacilityId,
        counter: &str,
        (address, patient): (&AbhaAddress, Option<&PatientRef>),
    ) -> Result<Option<Share>> {
        let hash = self.address_hash(address)?;
        let row = self
            .optional(
                concat!(
                    "SELECT ",
                    columns!(),
                    " FROM share WHERE facility_id = $1 AND counter = $2 \
                     AND (address_hash = $3 OR patient_reference = $4) ORDER BY expires_at DESC LIMIT 1"
                ),
                args![facility.as_str(), counter, hash, patient.map_or("", PatientRef::as_str)],
            )
            .await?;
        row.map(|row| self.read_share(&row)).transpose()
    }

    /// Remembers what the scan of this exchange was answered with: which share, and how many seconds it had left.
    pub async fn put_scan(
        &mut self,
        facility: &FacilityId,
        exchange: Uuid,
        (share, seconds): (Uuid, u32),
    ) -> Result<()> {
        self.execute(
            "INSERT INTO share_scan (exchange_id, facility_id, share_id, expires_in) VALUES ($1, $2, $3, $4)",
            args![exchange.to_string(), facility.as_str(), share.to_string(), seconds],
        )
        .await?;
        Ok(())
    }

    /// What the scan of this exchange was answered with, if it was.
    pub async fn scan(&mut self, facility: &FacilityId, exchange: Uuid) -> Result<Option<(Share, u32)>> {
        let row = self
            .optional(
                "SELECT share_id, expires_in FROM share_scan WHERE exchange_id = $1 AND facility_id = $2",
                args![exchange.to_string(), facility.as_str()],
            )
            .await?;
        let Some(row) = row else { return Ok(None) };
        let share = self.share(facility, row.parse("share_id")?).await?;
        let seconds = number(&row, "expires_in")?;
        Ok(share.map(|share| (share, seconds)))
    }

    /// The share with this id.
    pub async fn share(&mut self, facility: &FacilityId, id: Uuid) -> Result<Option<Share>> {
        let row = self
            .optional(
                concat!("SELECT ", columns!(), " FROM share WHERE facility_id = $1 AND id = $2"),
                args![facility.as_str(), id.to_string()],
            )
            .await?;
        row.map(|row| self.read_share(&row)).transpose()
    }

    /// Up to `limit` shares, newest first, before the one with the id `after`.
    pub async fn shares(
        &mut self,
        facility: &FacilityId,
        filter: &ShareFilter,
        after: Option<Uuid>,
        limit: u32,
    ) -> Result<Vec<Share>> {
        // No id sorts after this one.
        let after = after.map_or_else(|| "g".to_owned(), |id| id.to_string());
        let rows = self
            .all(
                concat!(
                    "SELECT ",
                    columns!(),
                    " FROM share WHERE facility_id = $1 AND id < $2 AND ($3 = '' OR counter = $3) \
                     AND ($4 = '' OR patient_reference = $4) AND at >= $5 ORDER BY id DESC LIMIT $6"
                ),
                args![
                    facility.as_str(),
                    after,
                    filter.counter.as_deref().unwrap_or_default(),
                    filter.patient.as_ref().map_or("", PatientRef::as_str),
                    filter.since.unwrap_or(Timestamp::MIN),
                    limit
                ],
            )
            .await?;
        rows.iter().map(|row| self.read_share(row)).collect()
    }

    /// The counters at which somebody has shared, by name.
    pub async fn shared_counters(&mut self, facility: &FacilityId) -> Result<Vec<String>> {
        let rows = self
            .all(
                "SELECT counter FROM queue_numbers WHERE facility_id = $1 ORDER BY counter LIMIT 200",
                args![facility.as_str()],
            )
            .await?;
        rows.iter().map(|row| row.text("counter")).collect()
    }

    /// Notes whether somebody in a queue still waits. Says whether there is such a share.
    pub async fn set_share_state(
        &mut self,
        facility: &FacilityId,
        id: Uuid,
        state: QueueState,
    ) -> Result<bool> {
        let changed = self
            .execute(
                "UPDATE share SET state = $3 WHERE facility_id = $1 AND id = $2",
                args![facility.as_str(), id.to_string(), state.as_str()],
            )
            .await?;
        Ok(changed > 0)
    }

    /// Whether anything but shares is kept under a patient's reference.
    pub async fn has_visits(&mut self, facility: &FacilityId, patient: &PatientRef) -> Result<bool> {
        let row = self
            .optional(
                "SELECT reference FROM care_context WHERE facility_id = $1 AND patient_reference = $2 LIMIT 1",
                args![facility.as_str(), patient.as_str()],
            )
            .await?;
        Ok(row.is_some())
    }

    /// A provisional patient, whose row is locked, turns out to be another: their shares are that one's now, and
    /// the provisional one is gone.
    pub async fn adopt(
        &mut self,
        facility: &FacilityId,
        provisional: &PatientRef,
        by: &PatientRef,
    ) -> Result<()> {
        self.execute(
            "UPDATE share SET patient_reference = $3 WHERE facility_id = $1 AND patient_reference = $2",
            args![facility.as_str(), provisional.as_str(), by.as_str()],
        )
        .await?;
        self.execute(
            "DELETE FROM patient WHERE facility_id = $1 AND reference = $2 AND provisional = 1",
            args![facility.as_str(), provisional.as_str()],
        )
        .await?;
        Ok(())
    }

    fn read_share(&self, row: &Row) -> Result<Share> {
        Ok(Share {
            id: row.parse("id")?,
            counter: row.text("counter")?,
            token: QueueToken {
                day: row.parse("day")?,
                number: number(row, "token_number")?,
                expires_at: row.time("expires_at")?,
            },
            patient: row.opt_parse("patient_reference")?,
            profile: self.inner.keys()?.open(SEALED, &row.bytes("sealed")?)?,
            state: row.parse("state")?,
            at: row.time("at")?,
        })
    }
}

fn number(row: &Row, column: &'static str) -> Result<u32> {
    u32::try_from(row.int(column)?).map_err(|error| StoreError::corrupt(column, error))
}
