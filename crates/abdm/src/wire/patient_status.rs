//! The consent manager tells of a patient's ABHA: deactivated, deleted, or taken up again; the HIP says that it knows.
//!
//! Documented for v0.5 alone (`/v0.5/patients/status/notify`, statuses `DEACTIVATED`, `REACTIVATED`, `DELETED`, in prose
//! also `ACTIVE`). What V3 makes of it is published nowhere: the words of an opt-out are read too, and the patient under
//! the names that other V3 messages have.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::error::ErrorObject;
use super::{BodyError, ResponseTo, lenient};
use crate::id::{AbhaAddress, AbhaNumber};

/// `POST /v0.5/patients/status/notify`.
#[derive(Debug, Deserialize)]
pub struct PatientStatusNotify {
    /// What became of whose ABHA.
    pub notification: PatientStatusNotification,
}

/// What became of whose ABHA.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PatientStatusNotification {
    /// What became of it.
    #[serde(deserialize_with = "lenient::value")]
    pub status: PatientStatus,
    #[serde(default, deserialize_with = "lenient::object")]
    patient: Option<Named>,
    #[serde(default, deserialize_with = "lenient::option")]
    abha_address: Option<AbhaAddress>,
    #[serde(default, deserialize_with = "lenient::if_readable")]
    abha_number: Option<AbhaNumber>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Named {
    #[serde(deserialize_with = "lenient::option")]
    id: Option<Abha>,
}

/// An ABHA as a notice names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Abha {
    /// By address.
    Address(AbhaAddress),
    /// By number.
    Number(AbhaNumber),
}

impl FromStr for Abha {
    type Err = crate::id::IdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.parse() {
            Ok(number) => Ok(Self::Number(number)),
            Err(_) => text.parse().map(Self::Address),
        }
    }
}

impl PatientStatusNotification {
    /// Whose ABHA it is: its address if that is told, else its number.
    ///
    /// # Errors
    /// It is told in no known way.
    pub fn whose(&self) -> Result<Abha, BodyError> {
        let named = self.patient.as_ref().and_then(|patient| patient.id.clone());
        let address = self.abha_address.clone().map(Abha::Address);
        let number = self.abha_number.map(Abha::Number);
        named.or(address).or(number).ok_or_else(|| BodyError {
            pointer: "/notification/patient/id".to_owned(),
            problem: "must be an ABHA address or number".to_owned(),
        })
    }
}

impl fmt::Debug for PatientStatusNotification {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PatientStatusNotification").field("status", &self.status).finish_non_exhaustive()
    }
}

/// What became of an ABHA.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PatientStatus {
    /// In use.
    Active,
    /// Laid aside: it may be taken up again.
    Deactivated,
    /// Taken up again.
    Reactivated,
    /// Gone.
    Deleted,
    /// The patient wants no part in the exchange of records any more. No page of ABDM's has the word.
    OptedOut,
}

impl PatientStatus {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Active, Self::Deactivated, Self::Reactivated, Self::Deleted, Self::OptedOut];

    /// ABDM's word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "ACTIVE",
            Self::Deactivated => "DEACTIVATED",
            Self::Reactivated => "REACTIVATED",
            Self::Deleted => "DELETED",
            Self::OptedOut => "OPT_OUT",
        }
    }

    /// Whether nothing may rest on the ABHA any more.
    #[must_use]
    pub const fn ends_it(self) -> bool {
        matches!(self, Self::Deactivated | Self::Deleted | Self::OptedOut)
    }
}

impl fmt::Display for PatientStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A status that an ABHA cannot have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an ABHA's status is one of ACTIVE, DEACTIVATED, REACTIVATED, DELETED, OPT_OUT")]
pub struct UnknownPatientStatus;

impl FromStr for PatientStatus {
    type Err = UnknownPatientStatus;

    fn from_str(text: &str) -> Result<Self, UnknownPatientStatus> {
        let word = text.trim().to_ascii_uppercase().replace(['-', ' '], "_");
        match word.as_str() {
            "OPTED_OUT" | "OPTOUT" => Ok(Self::OptedOut),
            "DEACTIVATE" | "INACTIVE" => Ok(Self::Deactivated),
            "ACTIVATED" => Ok(Self::Active),
            _ => Self::ALL.into_iter().find(|status| status.as_str() == word).ok_or(UnknownPatientStatus),
        }
    }
}

/// The reply in the shape of V3: `acknowledgement` and `response`. v0.5's is written from it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PatientStatusOnNotify {
    #[serde(skip_serializing_if = "Option::is_none")]
    acknowledgement: Option<Acknowledgement>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<ErrorObject>,
    response: ResponseTo,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Acknowledgement {
    status: &'static str,
}

impl PatientStatusOnNotify {
    /// The notice is known and acted on.
    #[must_use]
    pub fn known(response: ResponseTo) -> Self {
        Self { acknowledgement: Some(Acknowledgement { status: "OK" }), error: None, response }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::wire::read;

    fn notice(notification: &Value) -> Result<(PatientStatus, Abha), BodyError> {
        let body = json!({"requestId": "r", "timestamp": "t", "notification": notification}).to_string();
        let read: PatientStatusNotify = read(body.as_bytes())?;
        Ok((read.notification.status, read.notification.whose()?))
    }

    #[test]
    fn a_notice_is_read_in_every_spelling_that_is_known_or_likely() {
        let address = || Abha::Address("asha.rao@sbx".parse().unwrap());
        let number = || Abha::Number("91-1234-5678-9015".parse().unwrap());
        for (notification, status, whose) in [
            (
                json!({"status": "DEACTIVATED", "patient": {"id": "asha.rao@sbx"}}),
                PatientStatus::Deactivated,
                address(),
            ),
            (
                json!({"status": "deleted", "patient": {"id": "asha.rao@sbx"}}),
                PatientStatus::Deleted,
                address(),
            ),
            (
                json!({"status": "REACTIVATED", "patient": {"id": "91-1234-5678-9015"}}),
                PatientStatus::Reactivated,
                number(),
            ),
            (
                json!({"status": "OPT-OUT", "abhaAddress": "asha.rao@sbx", "abhaNumber": 91_123_456_789_015_u64}),
                PatientStatus::OptedOut,
                address(),
            ),
            (
                json!({"status": "OPTED_OUT", "patient": null, "abhaNumber": "91123456789015"}),
                PatientStatus::OptedOut,
                number(),
            ),
            (
                json!({"status": "ACTIVE", "patient": {"id": "91123456789015@sbx"}}),
                PatientStatus::Active,
                Abha::Address("91123456789015@sbx".parse().unwrap()),
            ),
        ] {
            assert_eq!(notice(&notification).unwrap(), (status, whose), "{notification}");
        }
    }

    #[test]
    fn a_notice_about_nobody_or_of_no_known_status_is_refused_with_its_place() {
        for (notification, pointer) in [
            (json!({"status": "DELETED"}), "/notification/patient/id"),
            (json!({"status": "DELETED", "patient": {}}), "/notification/patient/id"),
            (json!({"status": "SLEEPING", "patient": {"id": "asha.rao@sbx"}}), "/notification/status"),
            (json!({"status": null, "patient": {"id": "asha.rao@sbx"}}), "/notification/status"),
            (json!({"patient": {"id": "asha.rao@sbx"}}), "/notification"),
        ] {
            assert_eq!(notice(&notification).unwrap_err().pointer, pointer, "{notification}");
        }
    }

    #[test]
    fn only_an_end_ends_what_rests_on_it() {
        let ends: Vec<_> = PatientStatus::ALL.into_iter().filter(|status| status.ends_it()).collect();
        assert_eq!(ends, [PatientStatus::Deactivated, PatientStatus::Deleted, PatientStatus::OptedOut]);
    }
}
