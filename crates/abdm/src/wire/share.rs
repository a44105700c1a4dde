//! A patient scans a counter's code and shares their profile.

use serde::{Deserialize, Serialize};

use super::error::ErrorObject;
use super::{ResponseTo, lenient};
use crate::id::{AbhaAddress, AbhaNumber, Gender, Personal};

/// `POST /api/v3/hip/patient/share`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProfileShare {
    /// `PROFILE_SHARE`; others are answered as not supported.
    #[serde(deserialize_with = "lenient::value")]
    pub intent: String,
    /// Where it was scanned.
    pub meta_data: ShareMetaData,
    /// Who scanned it.
    pub profile: SharedProfile,
}

impl ProfileShare {
    /// Whether the profile alone is shared, the one intent that an HIP serves.
    #[must_use]
    pub fn is_profile_share(&self) -> bool {
        self.intent == "PROFILE_SHARE"
    }
}

/// Where the code was scanned. Position and health professional, which ABDM may send, are not read.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ShareMetaData {
    /// The HIP.
    #[serde(default, deserialize_with = "lenient::option")]
    pub hip_id: Option<String>,
    /// The counter.
    #[serde(deserialize_with = "lenient::value")]
    pub context: String,
}

/// Who scanned it.
#[derive(Debug, Clone, Deserialize)]
pub struct SharedProfile {
    /// The patient.
    pub patient: SharedPatient,
}

/// The patient's profile at ABDM.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SharedPatient {
    /// Their ABHA address.
    pub abha_address: AbhaAddress,
    /// Their ABHA number; null if they have an address only.
    #[serde(default, deserialize_with = "lenient::if_readable")]
    pub abha_number: Option<AbhaNumber>,
    /// Their name.
    #[serde(deserialize_with = "lenient::value")]
    pub name: Personal,
    /// Their gender.
    #[serde(default, deserialize_with = "lenient::option")]
    pub gender: Option<Gender>,
    /// Day of birth, if known.
    #[serde(default, deserialize_with = "lenient::if_readable")]
    pub day_of_birth: Option<u8>,
    /// Month of birth, if known.
    #[serde(default, deserialize_with = "lenient::if_readable")]
    pub month_of_birth: Option<u8>,
    /// Year of birth.
    #[serde(default, deserialize_with = "lenient::option")]
    pub year_of_birth: Option<u16>,
    /// Where they live.
    #[serde(default, deserialize_with = "lenient::object")]
    pub address: Option<SharedAddress>,
    /// Their mobile.
    #[serde(default, deserialize_with = "lenient::if_readable")]
    pub phone_number: Option<crate::id::Mobile>,
}

/// A postal address; anything may be missing.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct SharedAddress {
    /// House and street.
    #[serde(deserialize_with = "lenient::if_readable")]
    pub line: Option<Personal>,
    /// District.
    #[serde(deserialize_with = "lenient::if_readable")]
    pub district: Option<Personal>,
    /// State.
    #[serde(deserialize_with = "lenient::if_readable")]
    pub state: Option<Personal>,
    /// Postal code.
    #[serde(alias = "pinCode", deserialize_with = "lenient::if_readable")]
    pub pincode: Option<Personal>,
}

/// `POST /api/hiecm/patient-share/v3/on-share`. The patient's app waits 30 s for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OnShare {
    #[serde(skip_serializing_if = "Option::is_none")]
    acknowledgement: Option<ShareAcknowledgement>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<ErrorObject>,
    response: ResponseTo,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct ShareAcknowledgement {
    status: &'static str,
    abha_address: AbhaAddress,
    profile: ShareToken,
}

/// The patient's place in the counter's queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ShareToken {
    /// The counter, as it came.
    pub context: String,
    /// 1, 2, 3 per counter and day.
    pub token_number: String,
    /// Seconds the token still lives, as digits.
    pub expiry: String,
}

impl OnShare {
    /// A token was given.
    #[must_use]
    pub fn given(abha_address: AbhaAddress, token: ShareToken, response: ResponseTo) -> Self {
        let acknowledgement = ShareAcknowledgement { status: "SUCCESS", abha_address, profile: token };
        Self { acknowledgement: Some(acknowledgement), error: None, response }
    }

    /// No token was given.
    #[must_use]
    pub fn refused(error: ErrorObject, response: ResponseTo) -> Self {
        Self { acknowledgement: None, error: Some(error), response }
    }
}
