//! Old visits that are to be linked: which are, how far they are, and what is left.

use abdm::id::FacilityId;
use domain::care_context::CareContext;
use domain::link::LinkState;
use domain::reference::{CareContextRef, PatientRef};
use jiff::Timestamp;

use crate::care_context::columns;
use crate::database::{Row, Tx, args};
use crate::error::{Result, StoreError};
use crate::wake::Queue;

/// Which visits are put on the list.
#[derive(Debug, Clone, Copy, Default)]
pub struct Wanted {
    /// Visits from this moment on.
    pub since: Option<Timestamp>,
    /// Also those that ABDM refused.
    pub refused: bool,
}

/// A page of patients whose visits were put on the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedPage {
    /// The last patient of the page.
    pub last: PatientRef,
    /// How many visits were put on the list.
    pub visits: u64,
}

/// How far a backfill is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BackfillProgress {
    /// Patients whose turn has not come.
    pub patients: u64,
    /// Visits on the list.
    pub visits: u64,
    /// Of these: linked.
    pub linked: u64,
    /// Of these: refused, or no longer to be linked.
    pub failed: u64,
    /// Of the rest: waiting for a time that is later than was asked about.
    pub later: u64,
}

impl BackfillProgress {
    /// Visits that something is going on for, or soon will.
    #[must_use]
    pub fn under_way(&self) -> u64 {
        self.visits.saturating_sub(self.linked + self.failed + self.later)
    }
}

/// A visit that is not linked.
#[derive(Debug, Clone, PartialEq)]
pub struct Unlinked {
    /// The visit.
    pub context: CareContext,
    /// Whether it has a record that may be shared.
    pub has_valid_record: bool,
}

impl Tx {
    /// Forgets the list of the last backfill, if nothing of it is under way. Says whether it was forgotten.
    pub async fn end_backfill(&mut self, facility: &FacilityId) -> Result<bool> {
        let progress = self.backfill_progress(facility, Timestamp::MAX).await?;
        if progress.patients > 0 || progress.visits > progress.linked + progress.failed {
            return Ok(false);
        }
        self.execute(
            "UPDATE care_context SET backfill_at = NULL WHERE facility_id = $1 AND backfill_at IS NOT NULL",
            args![facility.as_str()],
        )
        .await?;
        Ok(true)
    }

    /// Puts the visits of up to `patients` patients with an ABHA address on the list, in the order of their references
    /// after `after`; of those visits that are ready and not linked. `None` after the last patient.
    pub async fn list_for_backfill(
        &mut self,
        facility: &FacilityId,
        wanted: Wanted,
        after: Option<&PatientRef>,
        patients: u32,
    ) -> Result<Option<ListedPage>> {
        let after = after.map_or("", PatientRef::as_str);
        // Whoever plans a patient's links holds this lock; so does the list.
        let rows = self
            .all(
                "SELECT reference FROM patient WHERE facility_id = $1 AND reference > $2 \
                 AND abha_address_hash IS NOT NULL AND merged_into IS NULL ORDER BY reference LIMIT $3 {for update}",
                args![facility.as_str(), after, patients],
            )
            .await?;
        let Some(last) = rows.last() else { return Ok(None) };
        let last: PatientRef = last.parse("reference")?;
        let now = self.now();
        let visits = self
            .execute(
                "UPDATE care_context SET backfill_at = $5, \
                 link_state = CASE WHEN link_state = 'linking' THEN link_state ELSE 'waiting' END, \
                 link_error = CASE WHEN link_state = 'failed' THEN NULL ELSE link_error END \
                 WHERE facility_id = $1 AND patient_reference > $2 AND patient_reference <= $3 \
                 AND hold = 0 AND withdrawn_at IS NULL AND ends_at >= $4 AND backfill_at IS NULL \
                 AND (link_state IN ('unlinked', 'waiting', 'linking') OR (link_state = 'failed' AND $6 = 1)) \
                 AND EXISTS (SELECT 1 FROM patient p WHERE p.facility_id = $1 \
                   AND p.reference = care_context.patient_reference AND p.abha_address_hash IS NOT NULL \
                   AND p.merged_into IS NULL) \
                 AND EXISTS (SELECT 1 FROM record r WHERE r.facility_id = $1 \
                   AND r.patient_reference = care_context.patient_reference \
                   AND r.care_context_reference = care_context.reference AND r.valid = 1)",
                args![
                    facility.as_str(),
                    after,
                    last.as_str(),
                    wanted.since.unwrap_or(Timestamp::UNIX_EPOCH),
                    now,
                    wanted.refused
                ],
            )
            .await?;
        self.execute(
            "INSERT INTO backfill (facility_id, patient_reference, due_at) \
             SELECT DISTINCT facility_id, patient_reference, CAST($4 AS BIGINT) FROM care_context \
             WHERE facility_id = $1 AND patient_reference > $2 AND patient_reference <= $3 \
             AND backfill_at IS NOT NULL AND link_state = 'waiting' AND link_call IS NULL \
             ON CONFLICT DO NOTHING",
            args![facility.as_str(), after, last.as_str(), now],
        )
        .await?;
        self.wake(Queue::Backfill);
        Ok(Some(ListedPage { last, visits }))
    }

    /// Facilities with patients whose turn is to come.
    pub async fn facilities_with_backfill(&mut self) -> Result<Vec<FacilityId>> {
        let now = self.now();
        let rows = self
            .all(
                "SELECT f.id FROM facility f WHERE EXISTS \
                 (SELECT 1 FROM backfill b WHERE b.facility_id = f.id AND b.due_at <= $1) ORDER BY f.id",
                args![now],
            )
            .await?;
        rows.iter().map(|row| row.parse("id")).collect()
    }

    /// The patient whose turn it is, taken off the list: once this has committed, they have had it.
    pub async fn take_backfill(&mut self, facility: &FacilityId) -> Result<Option<PatientRef>> {
        let now = self.now();
        let row = self
            .optional(
                "DELETE FROM backfill WHERE facility_id = $1 AND patient_reference IN \
                 (SELECT patient_reference FROM backfill WHERE facility_id = $1 AND due_at <= $2 \
                 ORDER BY due_at, patient_reference LIMIT 1 {skip locked}) RETURNING patient_reference",
                args![facility.as_str(), now],
            )
            .await?;
        row.map(|row| row.parse("patient_reference")).transpose()
    }

    /// Puts a patient on the list for a turn at `due_at`.
    pub async fn put_off_backfill(
        &mut self,
        facility: &FacilityId,
        patient: &PatientRef,
        due_at: Timestamp,
    ) -> Result<()> {
        self.execute(
            "INSERT INTO backfill (facility_id, patient_reference, due_at) VALUES ($1, $2, $3) \
             ON CONFLICT (facility_id, patient_reference) DO UPDATE SET due_at = excluded.due_at",
            args![facility.as_str(), patient.as_str(), due_at],
        )
        .await?;
        Ok(())
    }

    /// Takes everybody off the list whose turn has not come, and says how many. Their visits are as if they had never
    /// been on it.
    pub async fn stop_backfill(&mut self, facility: &FacilityId) -> Result<u64> {
        self.execute(
            "UPDATE care_context SET backfill_at = NULL, \
             link_state = CASE WHEN link_state = 'waiting' AND link_due_at IS NULL THEN 'unlinked' ELSE link_state END \
             WHERE facility_id = $1 AND backfill_at IS NOT NULL AND link_call IS NULL AND EXISTS \
               (SELECT 1 FROM backfill b WHERE b.facility_id = $1 \
                AND b.patient_reference = care_context.patient_reference)",
            args![facility.as_str()],
        )
        .await?;
        self.execute("DELETE FROM backfill WHERE facility_id = $1", args![facility.as_str()]).await
    }

    /// How far a facility's backfill is. What waits for a time after `soon` counts as waiting for later.
    pub async fn backfill_progress(
        &mut self,
        facility: &FacilityId,
        soon: Timestamp,
    ) -> Result<BackfillProgress> {
        let row = self
            .one("SELECT COUNT(*) AS patients FROM backfill WHERE facility_id = $1", args![facility.as_str()])
            .await?;
        let mut progress =
            BackfillProgress { patients: count(&row, "patients")?, ..BackfillProgress::default() };
        let rows = self
            .all(
                "SELECT link_state, COUNT(*) AS visits, COUNT(CASE WHEN link_due_at > $2 THEN 1 END) AS later \
                 FROM care_context WHERE facility_id = $1 AND backfill_at IS NOT NULL GROUP BY link_state",
                args![facility.as_str(), soon],
            )
            .await?;
        for row in &rows {
            let visits = count(row, "visits")?;
            progress.visits += visits;
            match row.parse("link_state")? {
                LinkState::Linked => progress.linked += visits,
                LinkState::Failed | LinkState::Unlinked => progress.failed += visits,
                LinkState::Waiting | LinkState::Linking => progress.later += count(row, "later")?,
            }
        }
        Ok(progress)
    }

    /// When the next visit of a facility's backfill, or the next patient's turn, is due.
    pub async fn next_backfill_due(&mut self, facility: &FacilityId) -> Result<Option<Timestamp>> {
        let visits = self
            .one(
                "SELECT MIN(link_due_at) AS due FROM care_context \
                 WHERE facility_id = $1 AND backfill_at IS NOT NULL AND link_state = 'waiting'",
                args![facility.as_str()],
            )
            .await?;
        let turns = self
            .one("SELECT MIN(due_at) AS due FROM backfill WHERE facility_id = $1", args![facility.as_str()])
            .await?;
        Ok([visits.opt_time("due")?, turns.opt_time("due")?].into_iter().flatten().min())
    }

    /// Visits of patients with an ABHA address that are neither linked nor withdrawn, in the order of their references
    /// after the given one.
    pub async fn unlinked_visits(
        &mut self,
        facility: &FacilityId,
        since: Option<Timestamp>,
        after: Option<(&PatientRef, &CareContextRef)>,
        limit: u32,
    ) -> Result<Vec<Unlinked>> {
        let (patient, reference) =
            after.map_or(("", ""), |(patient, reference)| (patient.as_str(), reference.as_str()));
        let rows = self
            .all(
                concat!(
                    "SELECT ",
                    columns!(),
                    ", CAST(CASE WHEN EXISTS (SELECT 1 FROM record r WHERE r.facility_id = c.facility_id \
                       AND r.patient_reference = c.patient_reference AND r.care_context_reference = c.reference \
                       AND r.valid = 1) THEN 1 ELSE 0 END AS BIGINT) AS ready \
                     FROM care_context c JOIN patient p ON p.facility_id = c.facility_id \
                       AND p.reference = c.patient_reference \
                     WHERE c.facility_id = $1 AND (c.patient_reference, c.reference) > ($2, $3) \
                     AND c.link_state <> 'linked' AND c.withdrawn_at IS NULL AND c.ends_at >= $4 \
                     AND p.abha_address_hash IS NOT NULL AND p.merged_into IS NULL \
                     ORDER BY c.patient_reference, c.reference LIMIT $5"
                ),
                args![facility.as_str(), patient, reference, since.unwrap_or(Timestamp::UNIX_EPOCH), limit],
            )
            .await?;
        let read = |row: &Row| {
            Ok(Unlinked { context: self.read_care_context(row)?, has_valid_record: row.flag("ready")? })
        };
        rows.iter().map(read).collect()
    }

    /// How many visits are of patients without an ABHA address: ABDM cannot be asked for them.
    pub async fn visits_without_address(
        &mut self,
        facility: &FacilityId,
        since: Option<Timestamp>,
    ) -> Result<u64> {
        let row = self
            .one(
                "SELECT COUNT(*) AS visits FROM care_context c JOIN patient p ON p.facility_id = c.facility_id \
                 AND p.reference = c.patient_reference WHERE c.facility_id = $1 AND c.link_state <> 'linked' \
                 AND c.withdrawn_at IS NULL AND c.ends_at >= $2 AND p.abha_address_hash IS NULL \
                 AND p.merged_into IS NULL",
                args![facility.as_str(), since.unwrap_or(Timestamp::UNIX_EPOCH)],
            )
            .await?;
        count(&row, "visits")
    }
}

fn count(row: &Row, column: &'static str) -> Result<u64> {
    u64::try_from(row.int(column)?).map_err(|error| StoreError::corrupt(column, error))
}
