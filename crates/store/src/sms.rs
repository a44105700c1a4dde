//! Deep links by SMS: to which mobile one is under way, and which patient's visit led to one when. Mobiles are kept as
//! keyed hashes.

use abdm::id::{FacilityId, Mobile};
use domain::reference::PatientRef;
use jiff::Timestamp;
use uuid::Uuid;

use crate::database::{Tx, args};
use crate::error::Result;

impl Tx {
    /// The call of a deep link to this mobile that ABDM has not answered yet. Nobody else begins one until this
    /// transaction ends.
    pub async fn lock_sms(&mut self, facility: &FacilityId, mobile: Mobile) -> Result<Option<Uuid>> {
        let hash = self.mobile_hash(mobile)?;
        self.execute(
            "INSERT INTO sms_mobile (facility_id, mobile_hash, call) VALUES ($1, $2, NULL) \
             ON CONFLICT (facility_id, mobile_hash) DO NOTHING",
            args![facility.as_str(), &hash],
        )
        .await?;
        let row = self
            .one(
                "SELECT call FROM sms_mobile WHERE facility_id = $1 AND mobile_hash = $2 {for update}",
                args![facility.as_str(), hash],
            )
            .await?;
        row.opt_parse("call")
    }

    /// Notes the call of a deep link to a mobile that [`Tx::lock_sms`] has locked.
    pub async fn begin_sms(&mut self, facility: &FacilityId, mobile: Mobile, call: Uuid) -> Result<()> {
        let hash = self.mobile_hash(mobile)?;
        self.execute(
            "UPDATE sms_mobile SET call = $3 WHERE facility_id = $1 AND mobile_hash = $2",
            args![facility.as_str(), hash, call.to_string()],
        )
        .await?;
        Ok(())
    }

    /// The deep link of this call is answered, or given up.
    pub async fn end_sms(&mut self, call: Uuid) -> Result<()> {
        self.execute("UPDATE sms_mobile SET call = NULL WHERE call = $1", args![call.to_string()]).await?;
        Ok(())
    }

    /// When a visit of this patient last led to a deep link to this mobile.
    pub async fn sms_asked_at(
        &mut self,
        facility: &FacilityId,
        patient: &PatientRef,
        mobile: Mobile,
    ) -> Result<Option<Timestamp>> {
        let hash = self.mobile_hash(mobile)?;
        let row = self
            .optional(
                "SELECT asked_at FROM sms_patient \
                 WHERE facility_id = $1 AND patient_reference = $2 AND mobile_hash = $3",
                args![facility.as_str(), patient.as_str(), hash],
            )
            .await?;
        row.map(|row| row.time("asked_at")).transpose()
    }

    /// Notes that a visit of this patient led to a deep link to this mobile now.
    pub async fn note_sms(
        &mut self,
        facility: &FacilityId,
        patient: &PatientRef,
        mobile: Mobile,
    ) -> Result<()> {
        let (hash, now) = (self.mobile_hash(mobile)?, self.now());
        self.execute(
            "INSERT INTO sms_patient (facility_id, patient_reference, mobile_hash, asked_at) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (facility_id, patient_reference) DO UPDATE SET mobile_hash = excluded.mobile_hash, \
             asked_at = excluded.asked_at",
            args![facility.as_str(), patient.as_str(), hash, now],
        )
        .await?;
        Ok(())
    }

    /// Forgets that a visit of this patient led to a deep link: none went out.
    pub async fn forget_sms(&mut self, facility: &FacilityId, patient: &PatientRef) -> Result<()> {
        self.execute(
            "DELETE FROM sms_patient WHERE facility_id = $1 AND patient_reference = $2",
            args![facility.as_str(), patient.as_str()],
        )
        .await?;
        Ok(())
    }

    fn mobile_hash(&self, mobile: Mobile) -> Result<String> {
        Ok(self.inner.keys()?.look_up("mobile", &mobile.to_string()))
    }
}
