//! Who a record is about, who wrote it, where, and on which occasion.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::base::{Decimal, FromText, List, Text, or_text, read_by};
use super::concept::Concept;

read_by!(read_text_or_object: Encounter);
read_by!(read_object: Identifier, Patient, Practitioner, Organisation, Signature, Document, Attachment);

/// An identifier with its type: a code of `ndhm-identifier-type-code` or of HL7
/// table 0203, such as `MR` or `PMJAY`.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(remote = "Self", rename_all = "camelCase", default)]
#[schemars(extend("required" = ["type", "value"]))]
pub struct Identifier {
    /// The type's code.
    #[serde(rename = "type")]
    pub kind: Text,
    /// The identifier itself.
    pub value: Text,
    /// Who issues it, as a URI.
    pub system: Text,
}

/// The patient. Where the caller's context knows the patient already, what
/// stands here only fills gaps, and another patient's reference is refused.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(remote = "Self", rename_all = "camelCase", default)]
pub struct Patient {
    /// Full name.
    pub name: Text,
    /// The facility's own reference: its medical record number.
    pub patient_reference: Text,
    /// `male`, `female`, `other`, `unknown`, or their first letters.
    pub gender: Text,
    /// Day of birth, `YYYY-MM-DD`.
    pub birth_date: Text,
    /// Year of birth, if the day is not known.
    pub year_of_birth: Text,
    /// Mobile number.
    #[serde(alias = "phone")]
    pub mobile: Text,
    /// E-mail address.
    pub email: Text,
    /// Postal address in one line.
    pub address: Text,
    /// ABHA number, 14 digits, dashed or plain.
    pub abha_number: Text,
    /// ABHA address, `name@abdm`.
    pub abha_address: Text,
    /// Further identifiers.
    pub identifiers: List<Identifier>,
}

/// A doctor, or another health worker who stands for the record.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(remote = "Self", rename_all = "camelCase", default)]
#[schemars(extend("required" = ["name"]))]
pub struct Practitioner {
    /// Full name with title.
    pub name: Text,
    /// The id by which the facility knows them.
    pub practitioner_id: Text,
    /// Registration number at a medical council.
    pub registration_number: Text,
    /// The council, in words.
    pub registration_council: Text,
    /// Id in the Healthcare Professionals Registry.
    pub hpr_id: Text,
    /// Degrees, such as `MBBS, MD`.
    pub qualification: Concept,
    /// Specialty, such as `Cardiology`.
    pub specialty: Concept,
    /// `male`, `female`, `other`, `unknown`, or their first letters.
    pub gender: Text,
    /// Telephone number.
    #[serde(alias = "mobile")]
    pub phone: Text,
    /// E-mail address.
    pub email: Text,
    /// Further identifiers.
    pub identifiers: List<Identifier>,
}

/// The facility that made the record.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(remote = "Self", rename_all = "camelCase", default)]
#[schemars(extend("required" = ["facilityName", "facilityId"]))]
pub struct Organisation {
    /// Its name.
    #[serde(alias = "name")]
    pub facility_name: Text,
    /// Its id in the Health Facility Registry.
    #[serde(alias = "id")]
    pub facility_id: Text,
    /// Telephone number.
    pub phone: Text,
    /// E-mail address.
    pub email: Text,
    /// Postal address in one line.
    pub address: Text,
    /// Further identifiers, such as `ROHINI` or a GST number.
    pub identifiers: List<Identifier>,
}

/// The occasion: an outpatient visit, an inpatient stay. As text, its kind in words.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(remote = "Self", rename_all = "camelCase", default)]
#[schemars(transform = or_text)]
pub struct Encounter {
    /// `AMB`, `IMP`, `EMER`, `VR` or `HH`, or `ambulatory`, `inpatient`, ...
    pub class: Text,
    /// Its kind in words.
    #[serde(rename = "type")]
    pub kind: Concept,
    /// FHIR's encounter status; `finished` if absent.
    pub status: Text,
    /// Begin; for a stay, admission.
    #[serde(alias = "admittedOn")]
    pub start: Text,
    /// End; for a stay, discharge.
    #[serde(alias = "dischargedOn")]
    pub end: Text,
    /// Why the patient came.
    pub reasons: List<Concept>,
    /// The facility's number of the visit or stay.
    pub identifier: Text,
    /// Department or service.
    pub department: Concept,
    /// Where an inpatient went: home, another facility, died.
    pub discharge_disposition: Concept,
}

impl Encounter {
    /// Whether nothing is said.
    pub fn is_blank(&self) -> bool {
        let texts = [&self.class, &self.status, &self.start, &self.end, &self.identifier];
        let concepts = [&self.kind, &self.department, &self.discharge_disposition];
        texts.iter().all(|t| t.get().is_none())
            && concepts.iter().all(|c| c.words().is_none())
            && self.reasons.is_empty()
    }
}

impl FromText for Encounter {
    fn from_text(text: &str) -> Self {
        Self { kind: Concept::from_text(text), ..Self::default() }
    }
}

/// A signature's picture.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(remote = "Self", rename_all = "camelCase", default)]
#[schemars(extend("required" = ["data"]))]
pub struct Signature {
    /// Which of `practitioners` signed, from 0.
    pub practitioner: Option<u16>,
    /// When; the record's date if absent.
    pub when: Text,
    /// `image/jpeg` or `image/png`, or a signature format.
    pub content_type: Text,
    /// The signature, base64.
    pub data: Text,
}

/// An attached file.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(remote = "Self", rename_all = "camelCase", default)]
#[schemars(extend("required" = ["contentType", "data"]))]
pub struct Document {
    /// What it is, in words or coded.
    #[serde(rename = "type")]
    pub kind: Concept,
    /// Its MIME type, such as `application/pdf`.
    pub content_type: Text,
    /// Its bytes in base64; a `data:` URL is taken too.
    pub data: Text,
    /// Its title; the type in words if absent.
    pub title: Text,
    /// When it was made; the record's date if absent.
    pub date: Text,
    /// The facility's number of it.
    pub identifier: Text,
}

/// A bare attachment.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(remote = "Self", rename_all = "camelCase", default)]
#[schemars(extend("required" = ["contentType", "data"]))]
pub struct Attachment {
    /// Its MIME type, such as `application/pdf`.
    pub content_type: Text,
    /// Its bytes in base64; a `data:` URL is taken too.
    pub data: Text,
    /// Its title.
    pub title: Text,
    /// Height in pixels, of an image.
    pub height: Option<Decimal>,
    /// Width in pixels, of an image.
    pub width: Option<Decimal>,
}
