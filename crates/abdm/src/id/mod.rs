//! Identifiers of ABDM: read leniently, written strictly. `Debug` of a personal one does not show it.

mod abha;
mod hi_type;
mod opaque;
mod person;
mod request;

pub use abha::{AbhaAddress, AbhaNumber};
pub use hi_type::{HiType, PurposeCode};
pub use opaque::{CareContextRef, ConsentId, FacilityId, LinkReference, MessageId, ServiceId, TransactionId};
pub use person::{Gender, LinkToken, Mobile, Otp, Personal};
pub use request::RequestId;

/// Why a text is not the identifier it was taken for. Never holds the text itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// Not an ABHA number.
    #[error("an ABHA number has 14 digits, with or without dashes (91-1234-5678-9015)")]
    AbhaNumber,
    /// Not an ABHA address.
    #[error(
        "an ABHA address reads name@abdm or name@sbx: letters, digits and _ . - !, three or more before the @"
    )]
    AbhaAddress,
    /// Not a facility id.
    #[error("a facility id holds 1 to 64 letters, digits, '-' or '_' (IN2810014366 in the registry)")]
    FacilityId,
    /// Not a service id.
    #[error(
        "a service id holds 1 to 64 letters, digits, '-' or '_', and starts and ends with a letter or digit"
    )]
    ServiceId,
    /// Not a request id.
    #[error("a request id is a UUID")]
    RequestId,
    /// Not an id that ABDM or a peer would make.
    #[error("an id holds 1 to 255 characters and no control characters")]
    Opaque,
    /// Not a mobile number.
    #[error("a mobile number has ten digits, with or without +91, and does not begin with 0")]
    Mobile,
    /// Not one of ABDM's eight HI types.
    #[error(
        "an HI type is one of Prescription, DiagnosticReport, OPConsultation, DischargeSummary, \
         ImmunizationRecord, HealthDocumentRecord, WellnessRecord, Invoice (exactly so)"
    )]
    HiType,
    /// Not a gender.
    #[error("a gender is one of M, F, O, D, T, U")]
    Gender,
}

/// Serialises by `Display` and deserialises a string by `FromStr`.
macro_rules! serde_by_text {
    ($type:ty) => {
        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}
use serde_by_text;

#[cfg(test)]
mod tests;
