//! The HIP is told of a consent, and says that it knows.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::context::CareContextId;
use super::error::ErrorObject;
use super::{BodyError, ResponseTo, lenient, read};
use crate::id::{AbhaAddress, ConsentId, HiType, Personal, PurposeCode};
use crate::time::AbdmTime;

/// `POST /api/v3/consent/request/hip/notify`.
#[derive(Debug, Deserialize)]
pub struct ConsentNotify {
    /// What happened to which artefact.
    pub notification: ConsentNotification,
}

/// What happened to which artefact.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ConsentNotification {
    /// What happened.
    #[serde(deserialize_with = "lenient::value")]
    pub status: ConsentStatus,
    /// To which artefact.
    #[serde(deserialize_with = "lenient::value")]
    pub consent_id: ConsentId,
    /// The artefact exactly as received. Comes with `GRANTED`; may be absent, null or repeated with the others.
    #[serde(default)]
    consent_detail: Option<Box<RawValue>>,
    /// ABDM's signature, base64. Nobody outside ABDM knows how to verify it: keep it beside the exact text.
    #[serde(default, deserialize_with = "lenient::if_readable")]
    pub signature: Option<String>,
}

impl ConsentNotification {
    /// The exact JSON text of the artefact, if there is one.
    #[must_use]
    pub fn raw_detail(&self) -> Option<&str> {
        self.consent_detail.as_deref().map(RawValue::get).filter(|text| *text != "null")
    }

    /// The artefact, if there is one.
    ///
    /// # Errors
    /// There is one, and it is not of its shape.
    pub fn detail(&self) -> Result<Option<ConsentDetail>, BodyError> {
        self.raw_detail().map(|text| read(text.as_bytes()).map_err(in_detail)).transpose()
    }
}

fn in_detail(error: BodyError) -> BodyError {
    BodyError { pointer: format!("/notification/consentDetail{}", error.pointer), ..error }
}

impl fmt::Debug for ConsentNotification {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConsentNotification")
            .field("status", &self.status)
            .field("consent_id", &self.consent_id)
            .finish_non_exhaustive()
    }
}

/// The state of a consent artefact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ConsentStatus {
    /// The patient agreed.
    Granted,
    /// The patient took it back.
    Revoked,
    /// Its time is over.
    Expired,
    /// The patient refused; not sent to an HIP as far as known.
    Denied,
    /// Asked for; not sent to an HIP as far as known.
    Requested,
}

impl ConsentStatus {
    /// All five.
    pub const ALL: [Self; 5] = [Self::Granted, Self::Revoked, Self::Expired, Self::Denied, Self::Requested];

    /// ABDM's word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Granted => "GRANTED",
            Self::Revoked => "REVOKED",
            Self::Expired => "EXPIRED",
            Self::Denied => "DENIED",
            Self::Requested => "REQUESTED",
        }
    }
}

impl fmt::Display for ConsentStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A status that a consent cannot have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a consent's status is one of GRANTED, REVOKED, EXPIRED, DENIED, REQUESTED")]
pub struct UnknownConsentStatus;

impl FromStr for ConsentStatus {
    type Err = UnknownConsentStatus;

    fn from_str(text: &str) -> Result<Self, UnknownConsentStatus> {
        let word = text.trim();
        Self::ALL
            .into_iter()
            .find(|status| status.as_str().eq_ignore_ascii_case(word))
            .ok_or(UnknownConsentStatus)
    }
}

/// A consent artefact as an HIP receives it. The HIU and the requester are absent in real traffic.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ConsentDetail {
    /// The artefact's id again.
    #[serde(default, deserialize_with = "lenient::if_readable")]
    pub consent_id: Option<ConsentId>,
    /// When the patient agreed.
    #[serde(default, deserialize_with = "lenient::if_readable")]
    pub created_at: Option<AbdmTime>,
    /// Whose records.
    pub patient: ConsentPatient,
    /// Which of this HIP's care contexts.
    #[serde(default, deserialize_with = "lenient::list")]
    pub care_contexts: Vec<CareContextId>,
    /// What for.
    #[serde(default, deserialize_with = "lenient::object")]
    pub purpose: Option<Purpose>,
    /// This HIP.
    #[serde(default, deserialize_with = "lenient::object")]
    pub hip: Option<Party>,
    /// The HIU, if told.
    #[serde(default, deserialize_with = "lenient::object")]
    pub hiu: Option<Party>,
    /// Who asked, if told.
    #[serde(default, deserialize_with = "lenient::object")]
    pub requester: Option<Requester>,
    /// Which kinds of record. Kinds unknown to this crate are left out.
    #[serde(deserialize_with = "lenient::known")]
    pub hi_types: Vec<HiType>,
    /// Within which limits.
    pub permission: Permission,
}

/// Whose records.
#[derive(Debug, Clone, Deserialize)]
pub struct ConsentPatient {
    /// The patient's ABHA address.
    pub id: AbhaAddress,
}

/// What a consent is for.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Purpose {
    /// The code.
    #[serde(deserialize_with = "lenient::if_readable")]
    pub code: Option<PurposeCode>,
    /// ABDM's words for it.
    #[serde(deserialize_with = "lenient::if_readable")]
    pub text: Option<String>,
}

/// An HIP or HIU named in a consent.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Party {
    /// Its service id.
    #[serde(deserialize_with = "lenient::if_readable")]
    pub id: Option<String>,
    /// Its name, often absent.
    #[serde(deserialize_with = "lenient::if_readable")]
    pub name: Option<String>,
}

/// Who asked for a consent.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Requester {
    /// Their name.
    #[serde(deserialize_with = "lenient::if_readable")]
    pub name: Option<Personal>,
}

/// The limits of a consent.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Permission {
    /// `VIEW`, `STORE`, `QUERY` or `STREAM`.
    #[serde(default, deserialize_with = "lenient::if_readable")]
    pub access_mode: Option<String>,
    /// Of which time the records may be.
    pub date_range: DateRange,
    /// When the consent ends.
    #[serde(deserialize_with = "lenient::value")]
    pub data_erase_at: AbdmTime,
    /// How often may be asked. Enforced by the consent manager, never by an HIP.
    #[serde(default, deserialize_with = "lenient::object")]
    pub frequency: Option<Frequency>,
}

/// A range of time, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DateRange {
    /// Begin.
    #[serde(deserialize_with = "lenient::value")]
    pub from: AbdmTime,
    /// End.
    #[serde(deserialize_with = "lenient::value")]
    pub to: AbdmTime,
}

/// How often a consent may be used.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Frequency {
    /// `HOUR`, `DAY`, `WEEK`, `MONTH` or `YEAR`.
    #[serde(deserialize_with = "lenient::if_readable")]
    pub unit: Option<String>,
    /// How many units.
    #[serde(deserialize_with = "lenient::if_readable")]
    pub value: Option<u32>,
    /// How often.
    #[serde(deserialize_with = "lenient::if_readable")]
    pub repeats: Option<u32>,
}

/// `POST /api/hiecm/consent/v3/request/hip/on-notify`. Must arrive within 60 s of the notification.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ConsentOnNotify {
    #[serde(skip_serializing_if = "Option::is_none")]
    acknowledgement: Option<ConsentAcknowledgement>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<ErrorObject>,
    response: ResponseTo,
}

/// One object for an HIP, never a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct ConsentAcknowledgement {
    status: &'static str,
    consent_id: ConsentId,
}

impl ConsentOnNotify {
    /// The notification is known and acted on.
    #[must_use]
    pub fn known(consent_id: ConsentId, response: ResponseTo) -> Self {
        let acknowledgement = Some(ConsentAcknowledgement { status: "OK", consent_id });
        Self { acknowledgement, error: None, response }
    }

    /// The notification cannot be acted on.
    #[must_use]
    pub fn refused(error: ErrorObject, response: ResponseTo) -> Self {
        Self { acknowledgement: None, error: Some(error), response }
    }
}
