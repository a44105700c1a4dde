//! The patients of the bench, and who asks for them. Person `n` is always the same person.

use abdm::id::Gender;
use domain::discovery::{Asked, Identifiers};
use domain::patient::{Birth, Identifier, Patient};

/// People who have one mobile number.
pub const SHARING: u32 = 300;
/// The number that they have.
const SHARED: &str = "9000000000";
/// People of a family, who have one mobile number too.
const FAMILY: u32 = 4;

const MEN: [&str; 20] = [
    "Ramesh",
    "Suresh",
    "Mahesh",
    "Anil",
    "Sunil",
    "Imran",
    "Salim",
    "Gurpreet",
    "Venkatesh",
    "Murugan",
    "Prakash",
    "Vijay",
    "Ravi",
    "Sanjay",
    "Manoj",
    "Deepak",
    "Ashok",
    "Arjun",
    "Thomas",
    "Bikash",
];
const WOMEN: [&str; 20] = [
    "Asha", "Sunita", "Anita", "Lakshmi", "Fatima", "Shabana", "Harpreet", "Meena", "Kavita", "Geeta",
    "Priya", "Rekha", "Pooja", "Radha", "Savitri", "Kamala", "Maria", "Parvati", "Usha", "Gauri",
];
const FAMILIES: [&str; 25] = [
    "Sharma",
    "Verma",
    "Gupta",
    "Yadav",
    "Khan",
    "Ansari",
    "Singh",
    "Iyer",
    "Reddy",
    "Naidu",
    "Patel",
    "Shah",
    "Joshi",
    "Kulkarni",
    "Das",
    "Ghosh",
    "Banerjee",
    "Nair",
    "Menon",
    "Mathew",
    "Fernandes",
    "Gowda",
    "Hegde",
    "Sahu",
    "Mishra",
];

fn pick(from: &[&'static str], n: u32) -> &'static str {
    usize::try_from(n).ok().and_then(|n| from.get(n % from.len())).copied().unwrap_or_default()
}

/// Person `n`. The first [`SHARING`] have one number; after them come families of four, every one a generation apart.
pub fn patient(n: u32) -> anyhow::Result<Patient> {
    let shares = n < SHARING;
    let gender = if n.is_multiple_of(2) { Gender::Female } else { Gender::Male };
    let given = pick(if gender == Gender::Female { &WOMEN } else { &MEN }, n / 2);
    let family = pick(&FAMILIES, if shares { n / 40 } else { n / FAMILY });
    let year = if shares { 1950 + n / 20 * 3 } else { 1930 + n % FAMILY * 22 + n / FAMILY % 10 };
    Ok(Patient {
        reference: format!("MRN-{n:08}").parse()?,
        name: format!("{given} {family}"),
        gender,
        birth: Birth::YearOfBirth(i16::try_from(year)?),
        mobile: Some(mobile(n).parse()?),
        abha_number: (n % 5 == 1).then(|| format!("91{n:012}").parse()).transpose()?,
        abha_address: (n % 5 == 2).then(|| format!("patient.{n}@sbx").parse()).transpose()?,
        identifiers: vec![Identifier { kind: "MR".to_owned(), value: format!("OLD/{n}") }],
        provisional: false,
    })
}

fn mobile(n: u32) -> String {
    if n < SHARING { SHARED.to_owned() } else { format!("9{:09}", n / FAMILY) }
}

/// How somebody asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The hospital knows the ABHA address.
    Address,
    /// The hospital knows the ABHA number.
    Number,
    /// The hospital knows only the mobile number, which a family has.
    Family,
    /// The hospital knows only the mobile number, which 300 people have.
    Shared,
    /// The hospital does not know them.
    Nobody,
}

impl Kind {
    pub const ALL: [Self; 5] = [Self::Address, Self::Number, Self::Family, Self::Shared, Self::Nobody];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Address => "ABHA address",
            Self::Number => "ABHA number",
            Self::Family => "mobile of a family",
            Self::Shared => "mobile of 300",
            Self::Nobody => "nobody",
        }
    }

    /// Turns any person into one whom the hospital knows in this way, among `size`.
    pub fn person(self, any: u32, size: u32) -> u32 {
        match self {
            Self::Shared => any % SHARING,
            Self::Nobody => any,
            _ => {
                let place = match self {
                    Self::Address => 2,
                    Self::Number => 1,
                    _ => 0,
                };
                let groups = size.saturating_sub(SHARING) / 20;
                SHARING + any % groups.max(1) * 20 + place
            }
        }
    }
}

/// What ABDM sends when this person asks. Names are written as ABDM has them, not as the hospital does.
pub fn asks(kind: Kind, person: u32) -> anyhow::Result<Asked> {
    let patient = patient(person)?;
    let (address, number, mobile) = match kind {
        Kind::Address => (format!("patient.{person}@sbx"), None, mobile(person)),
        Kind::Number => (format!("new.{person}@sbx"), Some(format!("91{person:012}")), mobile(person)),
        Kind::Family | Kind::Shared => (format!("new.{person}@sbx"), None, mobile(person)),
        Kind::Nobody => (format!("new.{person}@sbx"), None, format!("8{person:09}")),
    };
    let mobile = format!("+91-{mobile}");
    let mut verified = vec![("MOBILE", mobile.as_str())];
    verified.extend(number.as_deref().map(|number| ("ABHA_NUMBER", number)));
    Ok(Asked {
        abha_address: address.parse()?,
        name: format!("{} ", patient.name.to_uppercase()),
        gender: patient.gender,
        year_of_birth: Some(patient.birth.year() + 1),
        verified: Identifiers::read(verified),
        unverified: Identifiers::default(),
    })
}
