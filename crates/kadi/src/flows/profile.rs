//! A profile that a patient shared, as it is kept and as the API shows it: in the words of a patient of ours, so that
//! the HMIS can store it as it is.

use abdm::id::{AbhaAddress, AbhaNumber, Gender, Mobile, Personal};
use abdm::wire::share::{SharedAddress, SharedPatient};
use domain::patient::Birth;
use domain::queue::day_in_india;
use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Nobody alive was born before.
const FIRST_YEAR: i16 = 1900;

/// A profile. `Debug` shows none of it.
#[derive(Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Profile {
    /// Full name.
    #[schema(value_type = String)]
    pub name: Personal,
    /// `M`, `F`, `O`, `D`, `T` or `U`.
    #[schema(value_type = String, example = "F")]
    pub gender: Gender,
    /// Day of birth, if known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = Date)]
    pub birth_date: Option<Date>,
    /// Year of birth, if the day is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub year_of_birth: Option<i16>,
    /// Mobile number, ten digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub mobile: Option<Mobile>,
    /// ABHA number, 14 digits; absent if they have an address only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub abha_number: Option<AbhaNumber>,
    /// ABHA address.
    #[schema(value_type = String)]
    pub abha_address: AbhaAddress,
    /// Where they live.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<ProfileAddress>,
}

/// A postal address; anything may be missing.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProfileAddress {
    /// House and street.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub line: Option<Personal>,
    /// District.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub district: Option<Personal>,
    /// State.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub state: Option<Personal>,
    /// Postal code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub pincode: Option<Personal>,
}

impl std::fmt::Debug for Profile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Profile").finish_non_exhaustive()
    }
}

impl std::fmt::Debug for ProfileAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ProfileAddress").finish_non_exhaustive()
    }
}

impl Profile {
    /// What ABDM sent. A birth that nobody alive can have is left out.
    #[must_use]
    pub fn of(person: &SharedPatient, now: Timestamp) -> Self {
        let today = day_in_india(now);
        let year = person.year_of_birth.and_then(|year| i16::try_from(year).ok());
        let year = year.filter(|year| (FIRST_YEAR..=today.year()).contains(year));
        let day = match (year, person.month_of_birth, person.day_of_birth) {
            (Some(year), Some(month), Some(day)) => civil(year, month, day).filter(|day| *day <= today),
            _ => None,
        };
        Self {
            name: person.name.clone(),
            gender: person.gender.unwrap_or(Gender::Unknown),
            birth_date: day,
            year_of_birth: year.filter(|_| day.is_none()),
            mobile: person.phone_number,
            abha_number: person.abha_number,
            abha_address: person.abha_address.clone(),
            address: person.address.as_ref().and_then(address),
        }
    }

    /// When they were born, if the profile says so.
    #[must_use]
    pub fn birth(&self) -> Option<Birth> {
        self.birth_date.map(Birth::BirthDate).or(self.year_of_birth.map(Birth::YearOfBirth))
    }
}

fn civil(year: i16, month: u8, day: u8) -> Option<Date> {
    Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()
}

fn address(given: &SharedAddress) -> Option<ProfileAddress> {
    let SharedAddress { line, district, state, pincode } = given.clone();
    let any = [&line, &district, &state, &pincode].into_iter().any(Option::is_some);
    any.then_some(ProfileAddress { line, district, state, pincode })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profile(birth: &str) -> Profile {
        let text = format!(
            r#"{{"abhaAddress":"asha@sbx","abhaNumber":null,"name":"Asha","gender":"F","phoneNumber":null,{birth}}}"#
        );
        let person: SharedPatient = serde_json::from_str(&text).unwrap();
        Profile::of(&person, "2026-01-20T06:00:00Z".parse().unwrap())
    }

    #[test]
    fn births_come_as_text_or_number_and_may_be_nonsense() {
        let shown = |birth: &str| {
            let profile = profile(birth);
            (profile.birth_date.map(|day| day.to_string()), profile.year_of_birth)
        };
        let day = (Some("1985-06-06".to_owned()), None);
        assert_eq!(shown(r#""yearOfBirth":"1985","monthOfBirth":"6","dayOfBirth":"6""#), day);
        assert_eq!(shown(r#""yearOfBirth":1985,"monthOfBirth":6,"dayOfBirth":6"#), day);
        assert_eq!(shown(r#""yearOfBirth":"1985","monthOfBirth":null,"dayOfBirth":"6""#), (None, Some(1985)));
        assert_eq!(shown(r#""yearOfBirth":"1985","monthOfBirth":"2","dayOfBirth":"30""#), (None, Some(1985)));
        assert_eq!(shown(r#""yearOfBirth":"2031""#), (None, None));
        assert_eq!(shown(r#""yearOfBirth":null"#), (None, None));
    }

    #[test]
    fn what_is_kept_is_read_again_and_shown_by_no_debug() {
        let profile =
            profile(r#""yearOfBirth":"1985","address":{"line":null,"district":"Kolar","pincode":563101}"#);
        let text = serde_json::to_string(&profile).unwrap();
        assert_eq!(serde_json::from_str::<Profile>(&text).unwrap(), profile);
        assert_eq!(
            text,
            r#"{"name":"Asha","gender":"F","yearOfBirth":1985,"abhaAddress":"asha@sbx","address":{"district":"Kolar","pincode":"563101"}}"#
        );
        assert!(!format!("{profile:?}").contains("Asha"));
    }
}
