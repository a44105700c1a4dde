//! A patient looks for records at a facility.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::error::ErrorObject;
use super::link::PatientEntry;
use super::{ResponseTo, lenient};
use crate::id::{AbhaAddress, Gender, Personal, TransactionId};

/// `POST /api/v3/hip/patient/care-context/discover`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Discover {
    /// Init will refer to it.
    #[serde(deserialize_with = "lenient::value")]
    pub transaction_id: TransactionId,
    /// Who is looking.
    pub patient: DiscoverPatient,
}

/// The patient as ABDM knows them.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DiscoverPatient {
    /// Their ABHA address.
    pub id: AbhaAddress,
    /// Their name.
    #[serde(default, deserialize_with = "lenient::option")]
    pub name: Option<Personal>,
    /// Their gender.
    #[serde(default, deserialize_with = "lenient::option")]
    pub gender: Option<Gender>,
    /// Their year of birth.
    #[serde(default, deserialize_with = "lenient::option")]
    pub year_of_birth: Option<u16>,
    /// What ABDM vouches for.
    #[serde(default, deserialize_with = "lenient::list")]
    pub verified_identifiers: Vec<Identifier>,
    /// What the patient typed.
    #[serde(default, deserialize_with = "lenient::list")]
    pub unverified_identifiers: Vec<Identifier>,
}

/// One identifier. An empty or missing value is no identifier.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Identifier {
    /// What kind; none if it is unknown, and then to be ignored.
    #[serde(rename = "type", default, deserialize_with = "lenient::if_readable")]
    pub kind: Option<IdentifierType>,
    /// The value.
    #[serde(default, deserialize_with = "lenient::option")]
    pub value: Option<Personal>,
}

/// Kinds of identifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum IdentifierType {
    /// `MR`: the facility's own number for the patient.
    MedicalRecord,
    /// `MOBILE`, in any written form.
    Mobile,
    /// `ABHA_NUMBER`, mostly dashed.
    AbhaNumber,
    /// `ABHA_ADDRESS`; real traffic says `abhaAddress`.
    AbhaAddress,
    /// `EMAIL`.
    Email,
}

impl IdentifierType {
    /// ABDM's word, as we send it in `matchedBy`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::MedicalRecord => "MR",
            Self::Mobile => "MOBILE",
            Self::AbhaNumber => "ABHA_NUMBER",
            Self::AbhaAddress => "ABHA_ADDRESS",
            Self::Email => "EMAIL",
        }
    }
}

impl fmt::Display for IdentifierType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A kind of identifier that nobody has described.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an identifier's type is one of MR, MOBILE, ABHA_NUMBER, ABHA_ADDRESS, EMAIL")]
pub struct UnknownIdentifierType;

impl FromStr for IdentifierType {
    type Err = UnknownIdentifierType;

    /// Reads the words of V3, of its traffic and of v0.5, in any case, with or without `_`.
    fn from_str(text: &str) -> Result<Self, UnknownIdentifierType> {
        let letters = text.chars().filter(char::is_ascii_alphabetic);
        Ok(match letters.collect::<String>().to_ascii_uppercase().as_str() {
            "MR" => Self::MedicalRecord,
            "MOBILE" => Self::Mobile,
            "ABHANUMBER" | "NDHMHEALTHNUMBER" => Self::AbhaNumber,
            "ABHAADDRESS" | "HEALTHID" => Self::AbhaAddress,
            "EMAIL" => Self::Email,
            _ => return Err(UnknownIdentifierType),
        })
    }
}

impl Serialize for IdentifierType {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// `POST /api/hiecm/user-initiated-linking/v3/patient/care-context/on-discover`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OnDiscover {
    transaction_id: TransactionId,
    #[serde(skip_serializing_if = "Option::is_none")]
    patient: Option<Vec<PatientEntry>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    matched_by: Option<Vec<IdentifierType>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<ErrorObject>,
    response: ResponseTo,
}

impl OnDiscover {
    /// One patient, with the care contexts that are not linked yet.
    #[must_use]
    pub fn found(
        transaction_id: TransactionId,
        patient: Vec<PatientEntry>,
        matched_by: Vec<IdentifierType>,
        response: ResponseTo,
    ) -> Self {
        Self { transaction_id, patient: Some(patient), matched_by: Some(matched_by), error: None, response }
    }

    /// Nobody, or nothing to link.
    #[must_use]
    pub fn refused(transaction_id: TransactionId, error: ErrorObject, response: ResponseTo) -> Self {
        Self { transaction_id, patient: None, matched_by: None, error: Some(error), response }
    }
}
