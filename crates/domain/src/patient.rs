//! A patient as the facility knows them.

use std::fmt;

use abdm::id::{AbhaAddress, AbhaNumber, Gender, Mobile};
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::reference::PatientRef;

/// When a patient was born: the day, or at least the year.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Birth {
    /// The day.
    BirthDate(Date),
    /// Only the year.
    YearOfBirth(i16),
}

impl Birth {
    /// The year.
    #[must_use]
    pub fn year(self) -> i16 {
        match self {
            Self::BirthDate(date) => date.year(),
            Self::YearOfBirth(year) => year,
        }
    }
}

/// An identifier of the hospital's own or of another authority, such as type `MR`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identifier {
    /// Which kind, such as `MR`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The identifier.
    pub value: String,
}

/// A patient. `Debug` shows the reference and nothing personal.
#[derive(Clone, PartialEq, Eq)]
pub struct Patient {
    /// The facility's reference.
    pub reference: PatientRef,
    /// Their name.
    pub name: String,
    /// Their gender.
    pub gender: Gender,
    /// When they were born.
    pub birth: Birth,
    /// Their mobile number: where the facility sends a one-time password.
    pub mobile: Option<Mobile>,
    /// Their ABHA number.
    pub abha_number: Option<AbhaNumber>,
    /// Their ABHA address: what visits are linked to.
    pub abha_address: Option<AbhaAddress>,
    /// Other identifiers.
    pub identifiers: Vec<Identifier>,
    /// Made by a profile share and not yet known to the HMIS.
    pub provisional: bool,
}

impl fmt::Debug for Patient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Patient").field("reference", &self.reference).finish_non_exhaustive()
    }
}
