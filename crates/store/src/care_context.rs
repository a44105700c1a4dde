//! Care contexts and where they stand with ABDM.

use abdm::id::{FacilityId, HiType};
use domain::care_context::CareContext;
use domain::link::{Link, LinkState};
use domain::problem::Problem;
use domain::reference::{CareContextRef, PatientRef};
use jiff::Timestamp;

use crate::database::{Row, Tx, args};
use crate::error::{Result, StoreError};

const DISPLAY: &str = "display";

/// The columns of a care context; a macro, because statements are texts known at compile time.
macro_rules! columns {
    () => {
        "c.patient_reference, c.reference, c.sealed, c.visit_date, c.hold, c.withdrawn_at, c.link_state, \
         c.link_error, c.link_due_at, c.link_call, c.linked_types, c.linked_as, c.created_at"
    };
}
pub(crate) use columns;

/// Which care contexts a list shows.
#[derive(Debug, Clone, Default)]
pub struct CareContextFilter {
    /// Those of this patient.
    pub patient: Option<PatientRef>,
    /// Those in this state.
    pub link_state: Option<LinkState>,
    /// Visits from this moment on.
    pub from: Option<Timestamp>,
    /// Visits up to this moment.
    pub to: Option<Timestamp>,
}

impl Tx {
    /// The care context with this reference.
    pub async fn care_context(
        &mut self,
        facility: &FacilityId,
        patient: &PatientRef,
        reference: &CareContextRef,
    ) -> Result<Option<CareContext>> {
        let row = self
            .optional(
                concat!(
                    "SELECT ",
                    columns!(),
                    " FROM care_context c WHERE c.facility_id = $1 AND c.patient_reference = $2 \
                     AND c.reference = $3"
                ),
                args![facility.as_str(), patient.as_str(), reference.as_str()],
            )
            .await?;
        row.map(|row| self.read_care_context(&row)).transpose()
    }

    /// Stores a care context, or replaces what was stored under the reference. Says whether it is new.
    pub async fn put_care_context(&mut self, facility: &FacilityId, context: &CareContext) -> Result<bool> {
        let known = self.care_context(facility, &context.patient, &context.reference).await?.is_some();
        let now = self.now();
        let sealed = self.inner.keys()?.seal(DISPLAY, context.display.as_bytes())?;
        self.execute(
            "INSERT INTO care_context (facility_id, patient_reference, reference, sealed, visit_date, starts_at, \
             ends_at, hold, withdrawn_at, link_state, linked_types, created_at, updated_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'unlinked', '', $10, $10) \
             ON CONFLICT (facility_id, patient_reference, reference) DO UPDATE SET sealed = excluded.sealed, \
             visit_date = excluded.visit_date, starts_at = excluded.starts_at, ends_at = excluded.ends_at, \
             hold = excluded.hold, withdrawn_at = excluded.withdrawn_at, updated_at = excluded.updated_at",
            args![
                facility.as_str(),
                context.patient.as_str(),
                context.reference.as_str(),
                sealed,
                context.date.as_str(),
                context.date.from(),
                context.date.to(),
                context.hold,
                context.withdrawn.then_some(now),
                now
            ],
        )
        .await?;
        Ok(!known)
    }

    /// Stores where a care context stands.
    pub async fn put_link(
        &mut self,
        facility: &FacilityId,
        patient: &PatientRef,
        reference: &CareContextRef,
        link: &Link,
    ) -> Result<()> {
        let error = self.seal_problem(link.error.as_ref())?;
        let types: Vec<_> = link.linked_types.iter().map(|hi_type| hi_type.as_str()).collect();
        let now = self.now();
        let linked_at = (link.state == LinkState::Linked).then_some(now);
        self.execute(
            "UPDATE care_context SET link_state = $4, link_error = $5, link_due_at = $6, linked_types = $7, \
             linked_at = COALESCE(linked_at, $8), updated_at = $9, linked_as = $10 \
             WHERE facility_id = $1 AND patient_reference = $2 AND reference = $3",
            args![
                facility.as_str(),
                patient.as_str(),
                reference.as_str(),
                link.state.as_str(),
                error,
                link.due_at,
                types.join(" "),
                linked_at,
                now,
                link.linked_as.as_ref().map(PatientRef::as_str)
            ],
        )
        .await?;
        Ok(())
    }

    /// Marks care contexts as part of a link call, or, without one, as part of none.
    pub async fn put_link_call(
        &mut self,
        facility: &FacilityId,
        context: &CareContext,
        call: Option<&str>,
    ) -> Result<()> {
        self.execute(
            "UPDATE care_context SET link_call = $4 \
             WHERE facility_id = $1 AND patient_reference = $2 AND reference = $3",
            args![facility.as_str(), context.patient.as_str(), context.reference.as_str(), call],
        )
        .await?;
        Ok(())
    }

    /// The care contexts that are part of this link call.
    pub async fn care_contexts_of_call(
        &mut self,
        facility: &FacilityId,
        call: &str,
    ) -> Result<Vec<CareContext>> {
        let rows = self
            .all(
                concat!(
                    "SELECT ",
                    columns!(),
                    " FROM care_context c WHERE c.facility_id = $1 AND c.link_call = $2 \
                     ORDER BY c.created_at, c.reference"
                ),
                args![facility.as_str(), call],
            )
            .await?;
        rows.iter().map(|row| self.read_care_context(row)).collect()
    }

    /// Every care context of a patient that is in no link call and may have something to ask, oldest first: not
    /// linked and not refused, or linked and marked as due because it gained an HI type.
    pub async fn unsettled_care_contexts(
        &mut self,
        facility: &FacilityId,
        patient: &PatientRef,
    ) -> Result<Vec<CareContext>> {
        let rows = self
            .all(
                concat!(
                    "SELECT ",
                    columns!(),
                    " FROM care_context c WHERE c.facility_id = $1 AND c.patient_reference = $2 \
                     AND c.link_call IS NULL AND (c.link_state IN ('unlinked', 'waiting') \
                       OR (c.link_state = 'linked' AND c.link_due_at IS NOT NULL)) \
                     ORDER BY c.created_at, c.reference"
                ),
                args![facility.as_str(), patient.as_str()],
            )
            .await?;
        rows.iter().map(|row| self.read_care_context(row)).collect()
    }

    /// Whether a care context is part of a link call that has no answer yet.
    pub async fn is_in_link_call(
        &mut self,
        facility: &FacilityId,
        patient: &PatientRef,
        reference: &CareContextRef,
    ) -> Result<bool> {
        let row = self
            .optional(
                "SELECT link_call FROM care_context \
                 WHERE facility_id = $1 AND patient_reference = $2 AND reference = $3",
                args![facility.as_str(), patient.as_str(), reference.as_str()],
            )
            .await?;
        Ok(row.map(|row| row.opt_text("link_call")).transpose()?.flatten().is_some())
    }

    /// Lets every refused care context of a patient wait again, because the patient changed.
    pub async fn forgive_refusals(&mut self, facility: &FacilityId, patient: &PatientRef) -> Result<()> {
        self.execute(
            "UPDATE care_context SET link_state = 'waiting', link_error = NULL, link_due_at = NULL \
             WHERE facility_id = $1 AND patient_reference = $2 AND link_state = 'failed' AND link_call IS NULL",
            args![facility.as_str(), patient.as_str()],
        )
        .await?;
        Ok(())
    }

    /// Patients with a care context whose wait has ended: `(facility, patient)`, up to `limit`.
    pub async fn patients_due_for_linking(&mut self, limit: u32) -> Result<Vec<(FacilityId, PatientRef)>> {
        let now = self.now();
        let rows = self
            .all(
                "SELECT DISTINCT facility_id, patient_reference FROM care_context \
                 WHERE link_state IN ('waiting', 'linked') AND link_due_at <= $1 AND link_call IS NULL LIMIT $2",
                args![now, limit],
            )
            .await?;
        rows.iter().map(|row| Ok((row.parse("facility_id")?, row.parse("patient_reference")?))).collect()
    }

    /// Up to `limit` care contexts, newest first, each with when it was made; after the given one, which may have gone since.
    pub async fn care_contexts(
        &mut self,
        facility: &FacilityId,
        filter: &CareContextFilter,
        after: Option<(Timestamp, &PatientRef, &CareContextRef)>,
        limit: u32,
    ) -> Result<Vec<(Timestamp, CareContext)>> {
        let (at, patient, reference) = after.map_or((Timestamp::MAX, "", ""), |(at, patient, reference)| {
            (at, patient.as_str(), reference.as_str())
        });
        let rows = self
            .all(
                concat!(
                    "SELECT ",
                    columns!(),
                    " FROM care_context c WHERE c.facility_id = $1 \
                     AND (c.created_at < $2 OR (c.created_at = $2 AND c.reference < $3) \
                       OR (c.created_at = $2 AND c.reference = $3 AND c.patient_reference < $4)) \
                     AND ($5 = '' OR c.patient_reference = $5) AND ($6 = '' OR c.link_state = $6) \
                     AND c.ends_at >= $7 AND c.starts_at <= $8 \
                     ORDER BY c.created_at DESC, c.reference DESC, c.patient_reference DESC LIMIT $9"
                ),
                args![
                    facility.as_str(),
                    at,
                    reference,
                    patient,
                    filter.patient.as_ref().map_or("", PatientRef::as_str),
                    filter.link_state.map_or("", LinkState::as_str),
                    filter.from.unwrap_or(Timestamp::MIN),
                    filter.to.unwrap_or(Timestamp::MAX),
                    limit
                ],
            )
            .await?;
        rows.iter().map(|row| Ok((row.time("created_at")?, self.read_care_context(row)?))).collect()
    }

    /// Forgets a care context and its records. For one that ABDM has never linked.
    pub async fn delete_care_context(
        &mut self,
        facility: &FacilityId,
        patient: &PatientRef,
        reference: &CareContextRef,
    ) -> Result<()> {
        let key = || args![facility.as_str(), patient.as_str(), reference.as_str()];
        self.loosen_objects(facility, patient.as_str(), reference.as_str()).await?;
        self.execute(
            "DELETE FROM record WHERE facility_id = $1 AND patient_reference = $2 AND care_context_reference = $3",
            key(),
        )
        .await?;
        self.execute(
            "DELETE FROM care_context WHERE facility_id = $1 AND patient_reference = $2 AND reference = $3",
            key(),
        )
        .await?;
        Ok(())
    }

    pub(crate) fn read_care_context(&self, row: &Row) -> Result<CareContext> {
        let types = row.text("linked_types")?;
        let types = types.split_whitespace().map(str::parse).collect::<Result<Vec<HiType>, _>>();
        Ok(CareContext {
            patient: row.parse("patient_reference")?,
            reference: row.parse("reference")?,
            display: self.open_display(&row.bytes("sealed")?)?,
            date: row.parse("visit_date")?,
            hold: row.flag("hold")?,
            withdrawn: row.opt_int("withdrawn_at")?.is_some(),
            link: Link {
                state: row.parse("link_state")?,
                error: self.open_problem(row.opt_bytes("link_error")?)?,
                due_at: row.opt_time("link_due_at")?,
                linked_types: types.map_err(|error| StoreError::corrupt("HI types", error))?,
                linked_as: row.opt_parse("linked_as")?,
            },
        })
    }

    /// How a visit is shown.
    pub(crate) fn open_display(&self, sealed: &[u8]) -> Result<String> {
        let display = self.inner.keys()?.open(DISPLAY, sealed)?;
        String::from_utf8(display).map_err(|error| StoreError::corrupt(DISPLAY, error))
    }

    /// Seals a problem: ABDM's words may name a patient.
    pub(crate) fn seal_problem(&self, problem: Option<&Problem>) -> Result<Option<Vec<u8>>> {
        let Some(problem) = problem else { return Ok(None) };
        let text = serde_json::to_vec(problem).map_err(|error| StoreError::corrupt("problem", error))?;
        Ok(Some(self.inner.keys()?.seal("problem", &text)?))
    }

    /// Opens what [`Tx::seal_problem`] sealed.
    pub(crate) fn open_problem(&self, sealed: Option<Vec<u8>>) -> Result<Option<Problem>> {
        let Some(sealed) = sealed else { return Ok(None) };
        let text = self.inner.keys()?.open("problem", &sealed)?;
        Ok(Some(serde_json::from_slice(&text).map_err(|error| StoreError::corrupt("problem", error))?))
    }
}
