//! Who appears in the benches: the local ABDM's first facility, and people who differ by number only.

use ::sandbox::Person;
use domain::facility::{Facility, Role};
use domain::patient::{Birth, Patient};

/// The facility's id.
pub const FACILITY: &str = "IN2810014366";

/// The facility.
pub fn facility() -> anyhow::Result<Facility> {
    Ok(Facility {
        id: FACILITY.parse()?,
        name: "Kadi Demo Hospital".to_owned(),
        roles: vec![Role::Hip],
        hip_id: FACILITY.parse()?,
        hiu_id: FACILITY.parse()?,
        counters: Vec::new(),
    })
}

/// A patient as the facility knows them.
pub fn patient(reference: &str, mobile: Option<&str>, abha_address: Option<&str>) -> anyhow::Result<Patient> {
    Ok(Patient {
        reference: reference.parse()?,
        name: "Asha Rao".to_owned(),
        gender: "F".parse()?,
        birth: Birth::YearOfBirth(1985),
        mobile: mobile.map(str::parse).transpose()?,
        abha_number: None,
        abha_address: abha_address.map(str::parse).transpose()?,
        identifiers: Vec::new(),
        provisional: false,
    })
}

/// The same person as ABDM knows them.
pub fn person(abha_address: &str, mobile: Option<&str>) -> Person {
    Person {
        abha_address: abha_address.to_owned(),
        abha_number: None,
        name: "Asha Rao".to_owned(),
        gender: "F".to_owned(),
        year_of_birth: 1985,
        month_of_birth: None,
        day_of_birth: None,
        mobile: mobile.map(str::to_owned),
        address: None,
        deactivated: false,
    }
}
