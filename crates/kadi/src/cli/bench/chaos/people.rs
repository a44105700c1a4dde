//! Facilities and patients of the run. Everybody's data is made of their number.

use ::sandbox::Person;
use abdm::id::AbhaNumber;

/// A facility that the local ABDM knows from the start.
#[derive(Debug, Clone, Copy)]
pub struct Facility {
    /// Its id.
    pub id: &'static str,
    /// The id of its service.
    pub hip_id: &'static str,
    /// Its name.
    pub name: &'static str,
}

/// Both of them.
pub const FACILITIES: [Facility; 2] = [
    Facility { id: "IN2810014366", hip_id: "IN2810014366", name: "Kadi Demo Hospital" },
    Facility { id: "IN2710000001", hip_id: "IN2710000001_1", name: "Kadi Demo Clinic" },
];

/// A patient of a facility.
#[derive(Debug, Clone)]
pub struct Patient {
    /// Where they go.
    pub facility: Facility,
    /// The facility's reference of them.
    pub reference: String,
    /// Who they are at ABDM.
    pub person: Person,
}

/// The patient with this number.
pub fn person(number: u32) -> Patient {
    let [hospital, clinic] = FACILITIES;
    let person = Person {
        abha_address: format!("patient{number:05}@sbx"),
        // Some have an address only.
        abha_number: (!number.is_multiple_of(3)).then(|| abha_number(number)).flatten(),
        name: name(number),
        gender: if number.is_multiple_of(2) { "F" } else { "M" }.to_owned(),
        year_of_birth: i64::from(1940 + number % 80),
        month_of_birth: None,
        day_of_birth: None,
        mobile: Some(format!("9{:09}", 100_000_000 + number)),
        address: None,
        deactivated: false,
    };
    let facility = if number % 4 == 3 { clinic } else { hospital };
    Patient { facility, reference: format!("MRN-{number:05}"), person }
}

fn name(number: u32) -> String {
    const FIRST: [&str; 7] = ["Asha", "Ramesh", "Lakshmi", "Imran", "Meera", "Arjun", "Fatima"];
    const LAST: [&str; 6] = ["Rao", "Kumar", "Devi", "Shaikh", "Nair", "Singh"];
    let pick = |names: &[&'static str], number: u32| {
        let place = usize::try_from(number).unwrap_or_default().checked_rem(names.len()).unwrap_or_default();
        names.get(place).copied().unwrap_or("Asha")
    };
    format!("{} {}", pick(&FIRST, number), pick(&LAST, number / 7))
}

fn abha_number(number: u32) -> Option<String> {
    let base = 91_000_000_000_000 + u64::from(number) * 10;
    let numbers = (base..base + 10).filter_map(|number| AbhaNumber::try_from(number).ok());
    numbers.into_iter().find(|number| number.checksum_ok()).map(|number| number.to_string())
}
