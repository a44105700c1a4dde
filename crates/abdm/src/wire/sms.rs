//! Asking ABDM to send a patient, known by mobile only, a link by SMS.

use serde::Serialize;

use crate::id::{Mobile, ServiceId};

pub use super::context::OnNotify as OnSmsNotify;

/// `POST /api/hiecm/hip/v3/link/patient/links/sms/notify2`. Not deduplicated; a success means accepted for sending.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SmsNotify {
    notification: SmsNotification,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct SmsNotification {
    phone_no: Mobile,
    hip: Hip,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Hip {
    id: ServiceId,
    name: String,
}

impl SmsNotify {
    /// Names the facility that has records for this mobile.
    #[must_use]
    pub fn new(mobile: Mobile, hip_id: ServiceId, hip_name: &str) -> Self {
        let hip = Hip { id: hip_id, name: crate::text::display(hip_name) };
        Self { notification: SmsNotification { phone_no: mobile, hip } }
    }
}
