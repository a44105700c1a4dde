//! Discovery: which patient of the facility is the person who asks from a PHR app.
//!
//! ABDM's own text asks for a match on identifiers, name, gender and year of birth and for the visits that are not
//! linked yet (ABDM V3, care-context/discover). What is decided here, in this order; the first step that finds anybody
//! decides:
//!
//! 1. the ABHA address that asks (`patient.id`);
//! 2. another ABHA address that ABDM verified;
//! 3. an ABHA number that ABDM verified;
//! 4. a mobile number that ABDM verified, together with gender, year of birth within the band and name
//!    (see [`crate::name`]).
//!
//! A match by ABHA stands by itself: the hospital may have written the name as it heard it. A match by mobile is of a
//! family, so everything must fit, and somebody who is known to have another ABHA number is somebody else.
//!
//! Identifiers that ABDM did not verify never find anybody. A medical record number narrows: it chooses among several,
//! and if it fits none of those with the mobile number, nobody is found. It leaves a match by ABHA as it is.
//!
//! Several who are equally good are [`Found::Several`], never a guess. Better is who fits more identifiers, and then
//! whose name is the same rather than alike.

mod asked;

use abdm::id::Gender;

pub use asked::{Asked, Identifiers};

use crate::name::{Likeness, Name};
use crate::patient::Patient;
use crate::reference::PatientRef;

/// What a hospital can set; `[linking]` of the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// How many years apart a year of birth may be. NHA's text says two.
    pub year_band: u8,
}

impl Default for Settings {
    fn default() -> Self {
        Self { year_band: 2 }
    }
}

/// By what a patient was found, in ABDM's words (`matchedBy`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MatchedBy {
    /// The medical record number.
    Mr,
    /// The mobile number.
    Mobile,
    /// The ABHA number.
    AbhaNumber,
    /// The ABHA address.
    AbhaAddress,
}

crate::words!(MatchedBy, "matched identifier": Mr = "MR", Mobile = "MOBILE", AbhaNumber = "ABHA_NUMBER", AbhaAddress = "ABHA_ADDRESS");

/// The outcome. Only [`Found::One`] may be told to the person who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// This patient.
    One {
        /// Who.
        patient: PatientRef,
        /// Everything that fits, the strongest first. Never empty.
        matched_by: Vec<MatchedBy>,
    },
    /// Nobody.
    None,
    /// More than one, none better than the others.
    Several,
}

/// Who of the candidates asks. Candidates are all patients of the facility who have one of the verified identifiers;
/// others among them do no harm.
#[must_use]
pub fn decide(asked: &Asked, candidates: &[Patient], settings: Settings) -> Found {
    let steps: [fn(&Asked, &Patient) -> bool; 3] = [
        |asked, patient| patient.abha_address.as_ref() == Some(&asked.abha_address),
        |asked, patient| has(patient.abha_address.as_ref(), &asked.verified.abha_addresses),
        |asked, patient| has(patient.abha_number.as_ref(), &asked.verified.abha_numbers),
    ];
    for step in steps {
        let found: Vec<_> = candidates.iter().filter(|patient| step(asked, patient)).collect();
        if !found.is_empty() {
            return best(asked, found.into_iter().map(|patient| (patient, Likeness::Same)));
        }
    }
    best(asked, by_mobile(asked, candidates, settings).into_iter())
}

fn by_mobile<'a>(
    asked: &Asked,
    candidates: &'a [Patient],
    settings: Settings,
) -> Vec<(&'a Patient, Likeness)> {
    // A request without a year of birth cannot be narrowed as it must be.
    let Some(year) = asked.year_of_birth else { return Vec::new() };
    let fits = |patient: &&Patient| {
        has(patient.mobile.as_ref(), &asked.verified.mobiles)
            && same_gender(patient.gender, asked.gender)
            && patient.birth.year().abs_diff(year) <= u16::from(settings.year_band)
            && !has_another_number(asked, patient)
            && (!asked.names_records() || asked.fits_record(patient))
    };
    let mut name = None;
    let alike = |patient: &'a Patient| {
        let likeness = name.get_or_insert_with(|| Name::new(&asked.name)).likeness(&Name::new(&patient.name));
        (likeness != Likeness::Different).then_some((patient, likeness))
    };
    candidates.iter().filter(fits).filter_map(alike).collect()
}

/// A person has one ABHA number, though any number of ABHA addresses.
fn has_another_number(asked: &Asked, patient: &Patient) -> bool {
    patient.abha_number.is_some()
        && !asked.verified.abha_numbers.is_empty()
        && !has(patient.abha_number.as_ref(), &asked.verified.abha_numbers)
}

/// Hospitals know man, woman and other; ABDM has three letters for other.
fn same_gender(one: Gender, other: Gender) -> bool {
    let neither = |gender| matches!(gender, Gender::Other | Gender::D | Gender::Transgender);
    one == other || (neither(one) && neither(other))
}

fn best<'a>(asked: &Asked, found: impl Iterator<Item = (&'a Patient, Likeness)>) -> Found {
    let mut best: Option<((usize, Likeness), &Patient)> = None;
    let mut tied = false;
    for (patient, likeness) in found {
        let rank = (asked.fitting(patient), likeness);
        match best {
            Some((before, known)) if rank < before || known.reference == patient.reference => {}
            Some((before, _)) if rank == before => tied = true,
            _ => {
                best = Some((rank, patient));
                tied = false;
            }
        }
    }
    match best {
        None => Found::None,
        Some(_) if tied => Found::Several,
        Some((_, patient)) => {
            Found::One { patient: patient.reference.clone(), matched_by: asked.matched_by(patient) }
        }
    }
}

fn has<T: PartialEq>(known: Option<&T>, asked: &[T]) -> bool {
    known.is_some_and(|known| asked.contains(known))
}

#[cfg(test)]
mod tests;
