//! A patient types the OTP.

use serde::{Deserialize, Serialize};

use super::error::ErrorObject;
use super::link::PatientEntry;
use super::{ResponseTo, lenient};
use crate::id::{LinkReference, Otp};

/// `POST /api/v3/hip/link/care-context/confirm`. The reference is the only key: no transaction, no ABHA address.
#[derive(Debug, Clone, Deserialize)]
pub struct LinkConfirm {
    /// The OTP and what it was sent for.
    pub confirmation: Confirmation,
}

/// The OTP and what it was sent for.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Confirmation {
    /// What was typed. A JSON number has lost its leading zeros: give out OTPs from 100000 up.
    #[serde(deserialize_with = "lenient::value")]
    pub token: Otp,
    /// The reference of on-init.
    #[serde(deserialize_with = "lenient::value")]
    pub link_ref_number: LinkReference,
}

/// `POST /api/hiecm/user-initiated-linking/v3/link/care-context/on-confirm`. Its acceptance is what links.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OnConfirm {
    #[serde(skip_serializing_if = "Option::is_none")]
    patient: Option<Vec<PatientEntry>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<ErrorObject>,
    response: ResponseTo,
}

impl OnConfirm {
    /// The care contexts chosen at init are to be linked.
    #[must_use]
    pub fn linked(patient: Vec<PatientEntry>, response: ResponseTo) -> Self {
        Self { patient: Some(patient), error: None, response }
    }

    /// Wrong OTP, or nothing to confirm.
    #[must_use]
    pub fn refused(error: ErrorObject, response: ResponseTo) -> Self {
        Self { patient: None, error: Some(error), response }
    }
}
