//! Patients of whom one turns out to be another. The one who is gone keeps their reference, which leads to the other: what
//! ABDM knows under it is still theirs.

use abdm::id::{AbhaAddress, FacilityId};
use domain::care_context::CareContext;
use domain::link::LinkState;
use domain::patient::Patient;
use domain::reference::{CareContextRef, PatientRef};

use crate::care_context::columns;
use crate::database::{Tx, args};
use crate::error::Result;

/// A merge shortens the way of all who were merged before, so one step is the rule. More are followed in case two merges
/// met.
const MOST_STEPS: usize = 8;

impl Tx {
    /// Whom a reference stands for now: itself, unless its patient was merged into another.
    pub async fn survivor(&mut self, facility: &FacilityId, reference: &PatientRef) -> Result<PatientRef> {
        let mut found = reference.clone();
        for _ in 0..MOST_STEPS {
            match self.merged_into(facility, &found).await? {
                Some(next) => found = next,
                None => break,
            }
        }
        Ok(found)
    }

    /// The patient whom a reference stands for now.
    pub async fn current_patient(
        &mut self,
        facility: &FacilityId,
        reference: &PatientRef,
    ) -> Result<Option<Patient>> {
        match self.patient(facility, reference).await? {
            Some(patient) => Ok(Some(patient)),
            None => {
                let survivor = self.survivor(facility, reference).await?;
                self.patient(facility, &survivor).await
            }
        }
    }

    /// Like [`Tx::current_patient`], and nobody else changes the patient or their links until this transaction ends.
    pub async fn lock_current_patient(
        &mut self,
        facility: &FacilityId,
        reference: &PatientRef,
    ) -> Result<Option<Patient>> {
        let mut reference = reference.clone();
        for _ in 0..MOST_STEPS {
            if let Some(patient) = self.lock_patient(facility, &reference).await? {
                return Ok(Some(patient));
            }
            // Whoever held the lock has merged them.
            match self.merged_into(facility, &reference).await? {
                Some(next) => reference = next,
                None => break,
            }
        }
        Ok(None)
    }

    /// The visits whose reference both patients have, as pairs: the first patient's, the second's.
    pub async fn visits_of_both(
        &mut self,
        facility: &FacilityId,
        (one, other): (&PatientRef, &PatientRef),
    ) -> Result<Vec<(CareContext, CareContext)>> {
        let rows = self
            .all(
                concat!(
                    "SELECT ",
                    columns!(),
                    " FROM care_context c JOIN care_context d ON d.facility_id = c.facility_id \
                     AND d.patient_reference = $3 AND d.reference = c.reference \
                     WHERE c.facility_id = $1 AND c.patient_reference = $2 ORDER BY c.reference"
                ),
                args![facility.as_str(), one.as_str(), other.as_str()],
            )
            .await?;
        let mut pairs = Vec::with_capacity(rows.len());
        for row in &rows {
            let context = self.read_care_context(row)?;
            if let Some(twin) = self.care_context(facility, other, &context.reference).await? {
                pairs.push((context, twin));
            }
        }
        Ok(pairs)
    }

    /// Lets `into`, given as they shall be stored, take over all that is kept of `from`. Both are locked, no visit has the
    /// same reference on both sides, and `from` has no ABHA that another has.
    pub async fn merge_patients(
        &mut self,
        facility: &FacilityId,
        from: &Patient,
        into: &Patient,
    ) -> Result<()> {
        let pair = || args![facility.as_str(), from.reference.as_str(), into.reference.as_str()];
        let learnt = self.is_address_learnt(facility, &from.reference).await?;
        let had_address = self
            .patient(facility, &into.reference)
            .await?
            .is_some_and(|patient| patient.abha_address.is_some());
        // First those whose lookups are unique let go of them.
        let gone = Patient {
            mobile: None,
            abha_number: None,
            abha_address: None,
            identifiers: Vec::new(),
            ..from.clone()
        };
        self.put_patient(facility, &gone).await?;
        self.put_patient(facility, into).await?;
        if learnt && !had_address {
            self.set_address_learnt(facility, &into.reference, true).await?;
        }
        let now = self.now();
        self.execute(
            "UPDATE care_context SET patient_reference = $3, updated_at = $4, \
             linked_as = CASE WHEN linked_types = '' THEN linked_as \
               WHEN COALESCE(linked_as, $2) = $3 THEN NULL ELSE COALESCE(linked_as, $2) END \
             WHERE facility_id = $1 AND patient_reference = $2",
            args![facility.as_str(), from.reference.as_str(), into.reference.as_str(), now],
        )
        .await?;
        for sql in [
            "UPDATE record SET patient_reference = $3 WHERE facility_id = $1 AND patient_reference = $2",
            "UPDATE share SET patient_reference = $3 WHERE facility_id = $1 AND patient_reference = $2",
            "INSERT INTO backfill (facility_id, patient_reference, due_at) \
             SELECT facility_id, CAST($3 AS TEXT), due_at FROM backfill WHERE facility_id = $1 \
             AND patient_reference = $2 ON CONFLICT DO NOTHING",
            "INSERT INTO sms_patient (facility_id, patient_reference, mobile_hash, asked_at) \
             SELECT facility_id, CAST($3 AS TEXT), mobile_hash, asked_at FROM sms_patient WHERE facility_id = $1 \
             AND patient_reference = $2 ON CONFLICT DO NOTHING",
            // All who were merged into them go the short way from now on.
            "UPDATE patient SET merged_into = $3 WHERE facility_id = $1 \
             AND (reference = $2 OR merged_into = $2)",
        ] {
            self.execute(sql, pair()).await?;
        }
        for sql in [
            "DELETE FROM backfill WHERE facility_id = $1 AND patient_reference = $2",
            "DELETE FROM sms_patient WHERE facility_id = $1 AND patient_reference = $2",
            "DELETE FROM otp_desk WHERE facility_id = $1 AND patient_reference = $2",
        ] {
            self.execute(sql, args![facility.as_str(), from.reference.as_str()]).await?;
        }
        Ok(())
    }

    /// Forgets what of a patient's visits rests on their ABHA: that they are linked, or in a call. They stay, and may be
    /// linked to another.
    pub async fn forget_links(&mut self, facility: &FacilityId, patient: &PatientRef) -> Result<u64> {
        let now = self.now();
        self.execute(
            "UPDATE care_context SET link_state = $3, link_error = NULL, link_due_at = NULL, link_call = NULL, \
             linked_types = '', linked_as = NULL, linked_at = NULL, backfill_at = NULL, updated_at = $4 \
             WHERE facility_id = $1 AND patient_reference = $2 AND (link_state <> $3 OR linked_types <> '')",
            args![facility.as_str(), patient.as_str(), LinkState::Unlinked.as_str(), now],
        )
        .await
    }

    /// Closes the calls about these subjects that have not left: nobody waits for them any more. Gives their exchanges.
    pub async fn call_off(
        &mut self,
        facility: &FacilityId,
        kinds: &[&str],
        subject: &str,
    ) -> Result<Vec<uuid::Uuid>> {
        let mut exchanges = Vec::new();
        for kind in kinds {
            let rows = self
                .all(
                    "UPDATE outbox SET state = 'done' WHERE facility_id = $1 AND subject = $2 \
                     AND state = 'pending' AND kind = $3 RETURNING exchange_id",
                    args![facility.as_str(), subject, *kind],
                )
                .await?;
            for row in &rows {
                exchanges.push(row.parse("exchange_id")?);
            }
        }
        Ok(exchanges)
    }

    /// Forgets the link token of an ABHA address; how often one was asked for stays, for ABDM counts on.
    pub async fn forget_link_token(&mut self, facility: &FacilityId, address: &AbhaAddress) -> Result<()> {
        let hash = self.address_hash(address)?;
        self.execute(
            "UPDATE token_desk SET token = NULL, token_expires_at = NULL, call = NULL, error = NULL \
             WHERE facility_id = $1 AND address_hash = $2",
            args![facility.as_str(), hash],
        )
        .await?;
        Ok(())
    }

    /// Those who were merged into this patient.
    pub async fn merged_with(
        &mut self,
        facility: &FacilityId,
        patient: &PatientRef,
    ) -> Result<Vec<PatientRef>> {
        let rows = self
            .all(
                "SELECT reference FROM patient WHERE facility_id = $1 AND merged_into = $2 ORDER BY reference",
                args![facility.as_str(), patient.as_str()],
            )
            .await?;
        rows.iter().map(|row| row.parse("reference")).collect()
    }

    /// How a visit is told apart from an equal one of another patient: what its records were made of.
    pub async fn sources_of(
        &mut self,
        facility: &FacilityId,
        patient: &PatientRef,
        reference: &CareContextRef,
    ) -> Result<Vec<String>> {
        let records = self.records(facility, patient, reference).await?;
        Ok(records.into_iter().map(|record| record.source_hash).collect())
    }
}
