//! A patient chooses care contexts to link, and an OTP goes out.

use serde::{Deserialize, Serialize};

use super::error::{ErrorObject, ReceivedError};
use super::{ResponseTo, lenient};
use crate::id::{AbhaAddress, CareContextRef, HiType, LinkReference, Personal, TransactionId};
use crate::time::AbdmTime;

/// `POST /api/v3/hip/link/care-context/init`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LinkInit {
    /// The discovery's.
    #[serde(deserialize_with = "lenient::value")]
    pub transaction_id: TransactionId,
    /// Who links. A reader must not rely on it: what was offered belongs to the transaction.
    #[serde(default, deserialize_with = "lenient::option")]
    pub abha_address: Option<AbhaAddress>,
    /// What was chosen, one entry per HI type.
    #[serde(default, deserialize_with = "lenient::list")]
    pub patient: Vec<ChosenPatient>,
    /// Instead of `patient`: there is nothing to link.
    #[serde(default, deserialize_with = "lenient::object")]
    pub error: Option<ReceivedError>,
}

/// The chosen care contexts of one HI type. `display` and `count` may be missing and are not read.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ChosenPatient {
    /// The patient reference that was offered.
    #[serde(deserialize_with = "lenient::value")]
    pub reference_number: Personal,
    /// The care contexts chosen.
    #[serde(default, deserialize_with = "lenient::list")]
    pub care_contexts: Vec<ChosenCareContext>,
    /// The HI type of the entry.
    #[serde(default, deserialize_with = "lenient::if_readable")]
    pub hi_type: Option<HiType>,
}

/// A chosen care context.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ChosenCareContext {
    /// The care context reference that was offered.
    #[serde(deserialize_with = "lenient::value")]
    pub reference_number: CareContextRef,
}

/// `POST /api/hiecm/user-initiated-linking/v3/link/care-context/on-init`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OnInit {
    transaction_id: TransactionId,
    #[serde(skip_serializing_if = "Option::is_none")]
    link: Option<Link>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<ErrorObject>,
    response: ResponseTo,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Link {
    reference_number: LinkReference,
    authentication_type: &'static str,
    meta: LinkMeta,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct LinkMeta {
    #[serde(rename = "communicationMedium")]
    medium: &'static str,
    #[serde(rename = "communicationHint")]
    hint: Personal,
    #[serde(rename = "communicationExpiry")]
    expiry: AbdmTime,
}

impl OnInit {
    /// An OTP went to the patient's mobile; `hint` may tell which (`OTP`, or a masked number).
    #[must_use]
    pub fn otp_sent(
        transaction_id: TransactionId,
        reference: LinkReference,
        hint: &str,
        expiry: AbdmTime,
        response: ResponseTo,
    ) -> Self {
        let meta = LinkMeta { medium: "MOBILE", hint: hint.into(), expiry };
        let link = Link { reference_number: reference, authentication_type: "DIRECT", meta };
        Self { transaction_id, link: Some(link), error: None, response }
    }

    /// No OTP went out.
    #[must_use]
    pub fn refused(transaction_id: TransactionId, error: ErrorObject, response: ResponseTo) -> Self {
        Self { transaction_id, link: None, error: Some(error), response }
    }
}
