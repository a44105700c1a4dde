//! What is known of a record before its clinical content is read: whose it is,
//! whose facility made it, on which visit. Administrative things only.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::terminology::Terminology;

/// The surroundings of a record. They win over what the record says of facility
/// and patient; the record fills what they leave open.
#[derive(Clone, Default, Serialize)]
pub struct Context {
    /// The facility that keeps the record. Without it the record must name its
    /// organisation itself, as in the stateless calls.
    pub facility: Option<Facility>,
    /// The patient. Without it the record must name the patient itself.
    pub patient: Option<PatientContext>,
    /// The visit that the record belongs to.
    pub visit: Option<Visit>,
    /// What the ids of the bundle are derived from, beside the content.
    pub seed: Seed,
    /// What codes stand for and are called. Without one, codes of the facility's
    /// own stand as text and a code must bring its words.
    #[serde(skip)]
    pub terminology: Option<Arc<dyn Terminology>>,
}

impl fmt::Debug for Context {
    /// Names nobody: contexts hold personal data.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").finish_non_exhaustive()
    }
}

/// What makes the ids of one bundle differ from those of another with the same
/// content. Ids are UUIDs of version 5 over this, the context and the content.
#[derive(Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Seed {
    /// The record's place in its visit, from 0: the same record in the same
    /// place gives the same bytes.
    Place(u32),
    /// An id of the caller's own: the same id and content give the same bytes.
    Given(String),
    /// Drawn at random by the caller: no two bundles share an id.
    Random(Uuid),
}

impl Default for Seed {
    fn default() -> Self {
        Self::Place(0)
    }
}

/// The facility as an Organization.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Facility {
    /// Its id in the Health Facility Registry.
    pub id: String,
    /// Its name, as a patient knows it.
    pub name: String,
    /// Further identifiers, such as a ROHINI number.
    pub identifiers: Vec<TypedIdentifier>,
    /// Telephone number.
    pub phone: Option<String>,
    /// Postal address in one line.
    pub address: Option<String>,
}

/// The patient as the facility knows them.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PatientContext {
    /// The facility's own reference: its medical record number.
    pub reference: String,
    /// Full name.
    pub name: String,
    /// `M`, `F`, `O` or `U`; FHIR's words are taken too.
    pub gender: Option<String>,
    /// Day of birth, `YYYY-MM-DD`.
    pub birth_date: Option<String>,
    /// Year of birth, if the day is not known.
    pub year_of_birth: Option<u16>,
    /// Mobile number.
    pub mobile: Option<String>,
    /// ABHA number, 14 digits, dashed or plain.
    pub abha_number: Option<String>,
    /// ABHA address, `name@abdm`.
    pub abha_address: Option<String>,
    /// Further identifiers.
    pub identifiers: Vec<TypedIdentifier>,
}

/// An identifier with its type: a code of `ndhm-identifier-type-code` or of HL7
/// table 0203, such as `MR`, `HIN` or `PMJAY`.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TypedIdentifier {
    /// The type's code.
    #[serde(rename = "type")]
    pub kind: String,
    /// The identifier itself.
    pub value: String,
    /// Who issues it, as a URI.
    pub system: Option<String>,
}

/// The visit (care context).
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Visit {
    /// The care context reference.
    pub reference: String,
    /// A day (`2026-01-15`, in India) or an RFC 3339 time.
    pub date: String,
}
