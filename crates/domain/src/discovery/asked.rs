//! Who asks, and what ABDM says of them.

use std::fmt;

use abdm::id::{AbhaAddress, AbhaNumber, Gender, Mobile};

use super::{MatchedBy, has};
use crate::patient::Patient;

/// The hospital's own number of a patient, as an identifier's type.
const RECORD_NUMBER: &str = "MR";

/// A request to find the person who asks. `Debug` shows nothing personal.
#[derive(Clone, PartialEq, Eq)]
pub struct Asked {
    /// The ABHA address under which they are signed in.
    pub abha_address: AbhaAddress,
    /// Their name at ABDM.
    pub name: String,
    /// Their gender at ABDM.
    pub gender: Gender,
    /// Their year of birth at ABDM.
    pub year_of_birth: Option<i16>,
    /// What ABDM has verified.
    pub verified: Identifiers,
    /// What they only typed in.
    pub unverified: Identifiers,
}

/// Identifiers by type.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Identifiers {
    /// ABHA addresses.
    pub abha_addresses: Vec<AbhaAddress>,
    /// ABHA numbers.
    pub abha_numbers: Vec<AbhaNumber>,
    /// Mobile numbers.
    pub mobiles: Vec<Mobile>,
    /// Medical record numbers, as they were typed. Not empty.
    pub mrs: Vec<String>,
}

impl Identifiers {
    /// Reads pairs of ABDM's `type` and `value`. Types are compared without case and punctuation, since traffic has
    /// `ABHA_ADDRESS` and `abhaAddress`; what is unknown, empty or unreadable is left out.
    pub fn read<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut read = Self::default();
        for (kind, value) in pairs {
            let kind: String = kind.chars().filter(char::is_ascii_alphanumeric).collect();
            match kind.to_ascii_lowercase().as_str() {
                "abhaaddress" | "healthid" => read.abha_addresses.extend(value.parse::<AbhaAddress>()),
                "abhanumber" | "ndhmhealthnumber" | "healthnumber" => {
                    read.abha_numbers.extend(value.parse::<AbhaNumber>());
                }
                "mobile" => read.mobiles.extend(value.parse::<Mobile>()),
                "mr" => read.mrs.extend(Some(value.trim().to_owned()).filter(|value| !value.is_empty())),
                _ => {}
            }
        }
        read
    }
}

impl Asked {
    /// Whether a medical record number was given. ABDM cannot verify one, whatever the list it comes in.
    pub(super) fn names_records(&self) -> bool {
        self.records().next().is_some()
    }

    /// Whether a medical record number that was given is this patient's.
    pub(super) fn fits_record(&self, patient: &Patient) -> bool {
        let mut own = patient
            .identifiers
            .iter()
            .filter(|identifier| identifier.kind.eq_ignore_ascii_case(RECORD_NUMBER))
            .map(|identifier| identifier.value.trim())
            .chain([patient.reference.as_str()]);
        own.any(|own| self.records().any(|typed| typed.trim().eq_ignore_ascii_case(own)))
    }

    fn records(&self) -> impl Iterator<Item = &String> {
        self.verified.mrs.iter().chain(&self.unverified.mrs)
    }

    /// How many of the identifiers, verified or not, are this patient's.
    pub(super) fn fitting(&self, patient: &Patient) -> usize {
        let unverified = [
            has(patient.abha_address.as_ref(), &self.unverified.abha_addresses),
            has(patient.abha_number.as_ref(), &self.unverified.abha_numbers),
            has(patient.mobile.as_ref(), &self.unverified.mobiles),
        ];
        self.matched_by(patient).len() + unverified.into_iter().filter(|fits| *fits).count()
    }

    /// What of this patient fits, the strongest first.
    pub(super) fn matched_by(&self, patient: &Patient) -> Vec<MatchedBy> {
        let address = patient.abha_address.as_ref();
        let fits = [
            (
                MatchedBy::AbhaAddress,
                address == Some(&self.abha_address) || has(address, &self.verified.abha_addresses),
            ),
            (MatchedBy::AbhaNumber, has(patient.abha_number.as_ref(), &self.verified.abha_numbers)),
            (MatchedBy::Mobile, has(patient.mobile.as_ref(), &self.verified.mobiles)),
            (MatchedBy::Mr, self.fits_record(patient)),
        ];
        fits.into_iter().filter(|(_, fits)| *fits).map(|(by, _)| by).collect()
    }
}

impl fmt::Debug for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Asked")
            .field("verified", &self.verified)
            .field("unverified", &self.unverified)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Identifiers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identifiers")
            .field("abha_addresses", &self.abha_addresses.len())
            .field("abha_numbers", &self.abha_numbers.len())
            .field("mobiles", &self.mobiles.len())
            .field("mrs", &self.mrs.len())
            .finish()
    }
}
