//! Telling a patient's apps of new records in a linked care context.

use serde::{Deserialize, Serialize};

use super::error::ReceivedError;
use super::{ResponseTo, ServiceRef, lenient};
use crate::id::{AbhaAddress, CareContextRef, HiType, Personal, ServiceId};
use crate::time::AbdmTime;

/// `POST /api/hiecm/hip/v3/link/context/notify`, one call per care context. Not deduplicated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ContextNotify {
    notification: ContextNotification,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct ContextNotification {
    patient: PatientId,
    care_context: CareContextId,
    hi_types: Vec<HiType>,
    date: AbdmTime,
    hip: ServiceRef,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct PatientId {
    id: AbhaAddress,
}

/// A care context by its two references, as linked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CareContextId {
    /// The HIP's own reference of the patient; not the ABHA address.
    #[serde(deserialize_with = "lenient::value")]
    pub patient_reference: Personal,
    /// The HIP's reference of the care context.
    #[serde(deserialize_with = "lenient::value")]
    pub care_context_reference: CareContextRef,
}

impl ContextNotify {
    /// New records of `hi_types` in `care_context`, as of `date`.
    #[must_use]
    pub fn new(
        patient: AbhaAddress,
        care_context: CareContextId,
        hi_types: Vec<HiType>,
        date: AbdmTime,
        hip: ServiceId,
    ) -> Self {
        let (patient, hip) = (PatientId { id: patient }, ServiceRef { id: hip, name: None });
        Self { notification: ContextNotification { patient, care_context, hi_types, date, hip } }
    }
}

/// `POST /api/v3/links/context/on-notify` and `POST /api/v3/patients/sms/on-notify`: whether it was taken.
#[derive(Debug, Clone, Deserialize)]
pub struct OnNotify {
    #[serde(default, deserialize_with = "lenient::object")]
    acknowledgement: Option<Acknowledgement>,
    /// Why not.
    #[serde(default, deserialize_with = "lenient::object")]
    pub error: Option<ReceivedError>,
    /// The call answered.
    pub response: ResponseTo,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct Acknowledgement {
    #[serde(deserialize_with = "lenient::if_readable")]
    status: Option<String>,
}

impl OnNotify {
    /// Whether ABDM took it: no error, and a status other than `ERRORED`.
    #[must_use]
    pub fn succeeded(&self) -> bool {
        let status =
            self.acknowledgement.as_ref().and_then(|given| given.status.as_deref()).unwrap_or_default();
        self.error.is_none()
            && !status.eq_ignore_ascii_case("ERRORED")
            && !status.eq_ignore_ascii_case("FAILED")
    }
}
