//! A patient as JSON, in and out.

use std::str::FromStr as _;

use abdm::id::{AbhaAddress, AbhaNumber, Gender, Mobile};
use domain::patient::{Birth, Identifier, Patient};
use domain::reference::PatientRef;
use jiff::civil::Date;
use jiff::tz::{Offset, TimeZone};
use jiff::{Timestamp, ToSpan as _};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::super::body::Patch;
use super::super::problem::Problem;
use super::check::{self, Check};

/// Nobody alive was born before; ABDM takes no earlier year either.
const FIRST_YEAR: i16 = 1900;
const MAX_IDENTIFIERS: usize = 50;

/// An identifier of the hospital's own or of another authority.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = Identifier)]
pub struct IdentifierView {
    /// Which kind, such as `MR`.
    #[serde(rename = "type")]
    #[schema(example = "MR")]
    pub kind: String,
    /// The identifier.
    pub value: String,
}

/// A patient to be stored.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PatientBody {
    /// Full name. Required.
    #[serde(default)]
    #[schema(value_type = Option<String>, example = "Asha Devi")]
    name: Patch<String>,
    /// `M`, `F`, `O` or `U`. Required.
    #[serde(default)]
    #[schema(value_type = Option<String>, example = "F")]
    gender: Patch<String>,
    /// Day of birth. This or `yearOfBirth` is required.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = Date, example = "1985-07-23")]
    birth_date: Patch<String>,
    /// Year of birth, if the day is not known.
    #[serde(default)]
    #[schema(value_type = Option<i16>)]
    year_of_birth: Patch<i64>,
    /// Mobile number, ten digits, with or without +91: where the facility sends a one-time password.
    #[serde(default)]
    #[schema(value_type = Option<String>, example = "9876543210")]
    mobile: Patch<String>,
    /// ABHA number, dashed or plain.
    #[serde(default)]
    #[schema(value_type = Option<String>, example = "91-1234-5678-9015")]
    abha_number: Patch<String>,
    /// ABHA address. Setting it starts the linking of visits already stored.
    #[serde(default)]
    #[schema(value_type = Option<String>, example = "asha.devi@abdm")]
    abha_address: Patch<String>,
    /// Other identifiers.
    #[serde(default)]
    #[schema(value_type = Option<Vec<IdentifierView>>)]
    identifiers: Patch<Vec<IdentifierView>>,
}

/// A patient.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Patient)]
pub struct PatientView {
    /// The facility's reference.
    #[schema(example = "MR-2026-0042")]
    pub patient_ref: String,
    /// Full name.
    pub name: String,
    /// `M`, `F`, `O`, `D`, `T` or `U`.
    pub gender: String,
    /// Day of birth, if known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub birth_date: Option<String>,
    /// Year of birth, if the day is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub year_of_birth: Option<i16>,
    /// Mobile number, ten digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mobile: Option<String>,
    /// ABHA number, 14 digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub abha_number: Option<String>,
    /// ABHA address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub abha_address: Option<String>,
    /// Other identifiers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub identifiers: Vec<IdentifierView>,
    /// Made by a profile share and not yet known to the HMIS.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub provisional: bool,
}

impl From<Patient> for PatientView {
    fn from(patient: Patient) -> Self {
        let (birth_date, year_of_birth) = match patient.birth {
            Birth::BirthDate(date) => (Some(date.to_string()), None),
            Birth::YearOfBirth(year) => (None, Some(year)),
        };
        let identifiers =
            patient.identifiers.into_iter().map(|one| IdentifierView { kind: one.kind, value: one.value });
        Self {
            patient_ref: patient.reference.to_string(),
            name: patient.name,
            gender: patient.gender.to_string(),
            birth_date,
            year_of_birth,
            mobile: patient.mobile.map(|mobile| mobile.to_string()),
            abha_number: patient.abha_number.map(|number| number.to_string()),
            abha_address: patient.abha_address.map(|address| address.to_string()),
            identifiers: identifiers.collect(),
            provisional: patient.provisional,
        }
    }
}

impl PatientBody {
    /// Whether it sets or removes the ABHA address.
    pub fn names_address(&self) -> bool {
        !matches!(self.abha_address, Patch::Keep)
    }

    /// Whether ABHA address and ABHA number are taken away by `null`.
    pub fn removes_abha(&self) -> (bool, bool) {
        (matches!(self.abha_address, Patch::Remove), matches!(self.abha_number, Patch::Remove))
    }

    /// The patient that is to be stored where `before` was. What the HMIS has put in is no longer provisional.
    pub fn read(
        self,
        reference: PatientRef,
        before: Option<&Patient>,
        now: Timestamp,
    ) -> Result<Patient, Problem> {
        let mut check = Check::default();
        let name = check.patch("/name", self.name, check::text).or(before.map(|it| it.name.clone()));
        let name = check.required("/name", name);
        let gender = check.patch("/gender", self.gender, |text| gender(&text)).or(before.map(|it| it.gender));
        let gender = check.required("/gender", gender);
        let birth = read_birth(&mut check, self.birth_date, self.year_of_birth, before, now);
        let mobile = check.patch("/mobile", self.mobile, |text| Mobile::from_str(&text));
        let number = check.patch("/abhaNumber", self.abha_number, |text| AbhaNumber::from_str(&text));
        let address = check.patch("/abhaAddress", self.abha_address, |text| AbhaAddress::from_str(&text));
        let identifiers = match self.identifiers {
            Patch::Keep => before.map(|it| it.identifiers.clone()).unwrap_or_default(),
            Patch::Remove => Vec::new(),
            Patch::Set(identifiers) => read_identifiers(&mut check, identifiers),
        };
        let patient = match (name, gender, birth) {
            (Some(name), Some(gender), Some(birth)) => Some(Patient {
                reference,
                name,
                gender,
                birth,
                mobile: mobile.or(before.and_then(|it| it.mobile)),
                abha_number: number.or(before.and_then(|it| it.abha_number)),
                abha_address: address.or(before.and_then(|it| it.abha_address.clone())),
                identifiers,
                provisional: false,
            }),
            _ => None,
        };
        check.end(patient)
    }
}

/// Exactly a letter: what means something else elsewhere is not guessed.
fn gender(text: &str) -> Result<Gender, &'static str> {
    Gender::ALL.into_iter().find(|gender| gender.as_str() == text).ok_or("must be M, F, O or U")
}

fn read_birth(
    check: &mut Check,
    date: Patch<String>,
    year: Patch<i64>,
    before: Option<&Patient>,
    now: Timestamp,
) -> Option<Birth> {
    let today = today_in_india(now);
    let given = (matches!(date, Patch::Set(_)), matches!(year, Patch::Set(_)));
    let date = check.patch("/birthDate", date, |text| day(&text, today));
    let year = check.patch("/yearOfBirth", year, |year| year_of_birth(year, today));
    // A date that is given and wrong must not be replaced by what was stored.
    let before = before.filter(|_| !given.0 && !given.1).map(|it| it.birth);
    let birth = match (date, year, before) {
        (Patch::Set(date), Patch::Set(year), _) if date.year() != year => {
            check.wrong("/yearOfBirth", "is not the year of birthDate; give one of the two");
            None
        }
        (Patch::Set(date), _, _) => Some(Birth::BirthDate(date)),
        (_, Patch::Set(year), _) => Some(Birth::YearOfBirth(year)),
        (Patch::Remove, _, Some(Birth::BirthDate(_))) | (_, Patch::Remove, Some(Birth::YearOfBirth(_))) => {
            None
        }
        (_, _, before) => before,
    };
    if birth.is_none() && given == (false, false) {
        check.wrong("/birthDate", "this or yearOfBirth is required");
    }
    birth
}

fn day(text: &str, today: Date) -> Result<Date, &'static str> {
    let date = Date::from_str(text).ok().filter(|_| text.len() == "2026-01-15".len());
    match date {
        Some(date) if date > today => Err("lies in the future"),
        Some(date) if date.year() < FIRST_YEAR => Err("must not be before 1900"),
        Some(date) => Ok(date),
        None => Err("must be a day such as 1985-07-23"),
    }
}

fn year_of_birth(year: i64, today: Date) -> Result<i16, &'static str> {
    let year = i16::try_from(year).ok().filter(|year| (FIRST_YEAR..=today.year()).contains(year));
    year.ok_or("must be a year from 1900 to this one")
}

fn today_in_india(now: Timestamp) -> Date {
    let india = 5.hours().minutes(30);
    now.saturating_add(india).unwrap_or(now).to_zoned(TimeZone::fixed(Offset::UTC)).date()
}

fn read_identifiers(check: &mut Check, identifiers: Vec<IdentifierView>) -> Vec<Identifier> {
    if identifiers.len() > MAX_IDENTIFIERS {
        check.wrong("/identifiers", format!("must be at most {MAX_IDENTIFIERS}"));
        return Vec::new();
    }
    let mut read = Vec::with_capacity(identifiers.len());
    for (place, one) in identifiers.into_iter().enumerate() {
        let kind = check.take(&format!("/identifiers/{place}/type"), check::text(one.kind));
        let value = check.take(&format!("/identifiers/{place}/value"), check::text(one.value));
        if let (Some(kind), Some(value)) = (kind, value) {
            read.push(Identifier { kind, value });
        }
    }
    read
}

#[cfg(test)]
mod tests {
    use super::super::super::body::parse;
    use super::*;

    fn now() -> Timestamp {
        "2026-01-15T20:00:00Z".parse().unwrap()
    }

    fn put(text: &str, before: Option<&Patient>) -> Result<Patient, Vec<String>> {
        let body: PatientBody = parse(text.as_bytes()).unwrap();
        let patient = body.read("MR-1".parse().unwrap(), before, now());
        patient.map_err(|problem| problem.errors.into_iter().map(|error| error.pointer).collect())
    }

    const ASHA: &str = r#"{"name":" Asha Devi ","gender":"F","birthDate":"1985-07-23","mobile":"+91 98765 43210",
        "abhaNumber":"91-1234-5678-9015","abhaAddress":"asha.devi@sbx","identifiers":[{"type":"MR","value":"42"}]}"#;

    #[test]
    fn what_is_put_is_what_is_shown_in_one_form() {
        let shown = serde_json::to_value(PatientView::from(put(ASHA, None).unwrap())).unwrap();
        let expected = serde_json::json!({
            "patientRef": "MR-1", "name": "Asha Devi", "gender": "F", "birthDate": "1985-07-23", "mobile": "9876543210",
            "abhaNumber": "91123456789015", "abhaAddress": "asha.devi@sbx", "identifiers": [{"type": "MR", "value": "42"}]
        });
        assert_eq!(shown, expected);
    }

    #[test]
    fn an_absent_field_is_kept_and_null_removes() {
        let asha = put(ASHA, None).unwrap();
        assert!(put("{}", Some(&asha)).unwrap() == asha);
        let changed =
            put(r#"{"mobile":null,"abhaNumber":null,"identifiers":null,"yearOfBirth":1986}"#, Some(&asha));
        let changed = changed.unwrap();
        assert!(changed.mobile.is_none() && changed.abha_number.is_none() && changed.identifiers.is_empty());
        assert!(changed.birth == Birth::YearOfBirth(1986));
        assert!(changed.abha_address == asha.abha_address);
    }

    #[test]
    fn what_a_patient_must_have_can_neither_be_left_out_nor_removed() {
        assert_eq!(put("{}", None).unwrap_err(), ["/name", "/gender", "/birthDate"]);
        let asha = put(ASHA, None).unwrap();
        let removed = put(r#"{"name":null,"gender":null,"birthDate":null}"#, Some(&asha));
        assert_eq!(removed.unwrap_err(), ["/name", "/gender", "/birthDate"]);
        assert!(put(r#"{"birthDate":null,"yearOfBirth":1985}"#, Some(&asha)).is_ok());
    }

    #[test]
    fn every_wrong_field_is_told_at_once() {
        let wrong = r#"{"name":"  ","gender":"male","birthDate":"23-07-1985","mobile":"12","abhaNumber":"1",
            "abhaAddress":"asha","identifiers":[{"type":"","value":"1"}]}"#;
        let expected = [
            "/name",
            "/gender",
            "/birthDate",
            "/mobile",
            "/abhaNumber",
            "/abhaAddress",
            "/identifiers/0/type",
        ];
        assert_eq!(put(wrong, None).unwrap_err(), expected);
        let asha = put(ASHA, None).unwrap();
        assert_eq!(put(wrong, Some(&asha)).unwrap_err(), expected);
    }

    #[test]
    fn births_are_neither_in_the_future_nor_two() {
        let with = |birth: &str| put(&format!(r#"{{"name":"A","gender":"F",{birth}}}"#), None);
        assert!(with(r#""birthDate":"2026-01-16""#).is_ok(), "it is the 16th in India");
        assert_eq!(with(r#""birthDate":"2026-01-17""#).unwrap_err(), ["/birthDate"]);
        assert_eq!(with(r#""yearOfBirth":2027"#).unwrap_err(), ["/yearOfBirth"]);
        assert_eq!(with(r#""yearOfBirth":1899"#).unwrap_err(), ["/yearOfBirth"]);
        assert_eq!(with(r#""birthDate":"1985-07-23","yearOfBirth":1986"#).unwrap_err(), ["/yearOfBirth"]);
        assert!(with(r#""birthDate":"1985-07-23","yearOfBirth":1985"#).is_ok());
    }
}
