//! Who exists: people, bridges with their sessions, services, and the facilities that the registry knows.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::config::SandboxConfig;
use crate::world::linkings::ApiVersion;

/// A person with an ABHA address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Person {
    /// The key; compared without case.
    #[serde(default)]
    pub abha_address: String,
    /// 14 digits; absent for an address-only ABHA.
    #[serde(default)]
    pub abha_number: Option<String>,
    /// Full name.
    pub name: String,
    /// `M`, `F`, `O`, `D`, `T` or `U`.
    pub gender: String,
    /// Year of birth.
    pub year_of_birth: i64,
    /// Month of birth, not padded.
    #[serde(default)]
    pub month_of_birth: Option<String>,
    /// Day of birth, not padded.
    #[serde(default)]
    pub day_of_birth: Option<String>,
    /// Ten digits.
    #[serde(default)]
    pub mobile: Option<String>,
    /// Where they live.
    #[serde(default)]
    pub address: Option<Home>,
    /// The ABHA number was deactivated.
    #[serde(default)]
    pub deactivated: bool,
}

/// A postal address as the profile share carries it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Home {
    /// House and street.
    #[serde(default)]
    pub line: Option<String>,
    /// District.
    #[serde(default)]
    pub district: Option<String>,
    /// State.
    #[serde(default)]
    pub state: Option<String>,
    /// Six digits.
    #[serde(default)]
    pub pincode: Option<String>,
}

/// A client of the gateway with its callback URL.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Bridge {
    /// Client id.
    #[serde(default)]
    pub id: String,
    /// Client secret: a play secret, shown.
    pub secret: String,
    /// Name.
    pub name: String,
    /// Where callbacks go; the last writer wins.
    pub url: Option<String>,
    /// Inactive ones get no session.
    pub active: bool,
    /// Shown in the list of services.
    pub blocklisted: bool,
}

/// A facility's role under a bridge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Service {
    /// The service id: `X-HIP-ID` of its callbacks.
    #[serde(default)]
    pub id: String,
    /// Client id of its bridge.
    pub bridge_id: String,
    /// The facility.
    #[serde(default)]
    pub facility_id: Option<String>,
    /// Name.
    pub name: String,
    /// Shares records.
    pub hip: bool,
    /// Asks for records.
    pub hiu: bool,
    /// Inactive ones get no callbacks.
    #[serde(default = "yes")]
    pub active: bool,
}

fn yes() -> bool {
    true
}

/// What the facility registry knows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Facility {
    /// `IN` and ten letters or digits.
    #[serde(default)]
    pub facility_id: String,
    /// The registered name, which a link call must repeat exactly.
    pub name: String,
}

/// A session token that was given out.
#[derive(Debug, Clone)]
pub(crate) struct Session {
    pub(crate) client: String,
    /// A session is good for the interface that gave it out.
    pub(crate) version: ApiVersion,
    pub(crate) until: Timestamp,
}

/// Everybody the sandbox knows.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    /// By ABHA address in lower case.
    pub(crate) people: BTreeMap<String, Person>,
    pub(crate) bridges: BTreeMap<String, Bridge>,
    pub(crate) services: BTreeMap<String, Service>,
    pub(crate) facilities: BTreeMap<String, Facility>,
    /// By access token.
    pub(crate) sessions: HashMap<String, Session>,
    /// Calls of a client in a second: which second, and how many.
    pub(crate) paces: HashMap<String, (i64, u32)>,
    /// Failures of sessions in a row, by client, and until when it is locked.
    pub(crate) failures: HashMap<String, (u32, Timestamp)>,
}

impl Registry {
    /// What a sandbox begins with.
    pub(crate) fn seeded(config: &SandboxConfig) -> Self {
        let mut registry = Self::default();
        registry.bridges.insert(
            config.client_id.clone(),
            Bridge {
                id: config.client_id.clone(),
                secret: config.client_secret.clone(),
                name: "Kadi".into(),
                url: config.bridge_url.clone(),
                active: true,
                blocklisted: false,
            },
        );
        registry.open("IN2810014366", "IN2810014366", "Kadi Demo Hospital", config);
        registry.open("IN2710000001", "IN2710000001_1", "Kadi Demo Clinic", config);
        if config.seed_people {
            registry.people = people(&config.cm_id);
        }
        registry
    }

    fn open(&mut self, facility: &str, service: &str, name: &str, config: &SandboxConfig) {
        self.facilities.insert(facility.into(), Facility { facility_id: facility.into(), name: name.into() });
        self.services.insert(
            service.into(),
            Service {
                id: service.into(),
                bridge_id: config.client_id.clone(),
                facility_id: Some(facility.into()),
                name: name.into(),
                hip: true,
                hiu: true,
                active: true,
            },
        );
    }

    pub(crate) fn person(&self, address: &str) -> Option<&Person> {
        self.people.get(&address.to_lowercase())
    }

    /// The service, if it is active and `client` owns it.
    pub(crate) fn service_of(&self, client: &str, id: &str) -> Option<&Service> {
        self.services.get(id).filter(|service| service.active && service.bridge_id == client)
    }

    /// Counts a call of `client`; false if it is one too many in this second.
    pub(crate) fn pace(&mut self, client: &str, limit: u32, now: Timestamp) -> bool {
        let pace = self.paces.entry(client.to_owned()).or_default();
        if pace.0 != now.as_second() {
            *pace = (now.as_second(), 0);
        }
        pace.1 += 1;
        pace.1 <= limit
    }

    /// Where callbacks to the service go.
    pub(crate) fn callback_url(&self, service: &str) -> Option<String> {
        let service = self.services.get(service).filter(|service| service.active)?;
        let url = self.bridges.get(&service.bridge_id)?.url.as_deref()?;
        Some(url.trim_end_matches('/').to_owned())
    }
}

/// The sample people. The ABHA numbers carry right check digits and belong to nobody.
fn people(cm_id: &str) -> BTreeMap<String, Person> {
    let born = |day: &str, month: &str| (Some(day.to_owned()), Some(month.to_owned()));
    let rows = [
        (
            "ramesh.k_85",
            Some("91123407042044"),
            "Ramesh Kumar",
            "M",
            1985,
            born("6", "6"),
            Some("9876543210"),
        ),
        ("asha.rao", None, "Asha Rao", "F", 1992, born("14", "2"), Some("9876500001")),
        (
            "imran.s",
            Some("91234567890122"),
            "Mohammed Imran Shaikh",
            "M",
            1978,
            born("30", "11"),
            Some("9876500002"),
        ),
        ("lakshmi.d", Some("91345678901237"), "Lakshmi Devi", "F", 1951, (None, None), Some("9876500003")),
        ("baby.meera", Some("91456789012340"), "Meera", "F", 2024, born("1", "1"), Some("9876500003")),
    ];
    rows.into_iter()
        .map(|(local, number, name, gender, year, (day, month), mobile)| {
            let abha_address = format!("{local}@{cm_id}");
            let person = Person {
                abha_address: abha_address.clone(),
                abha_number: number.map(with_check_digit),
                name: name.into(),
                gender: gender.into(),
                year_of_birth: year,
                month_of_birth: month,
                day_of_birth: day,
                mobile: mobile.map(Into::into),
                address: Some(Home {
                    line: Some("12 Main Street".into()),
                    district: Some("Coimbatore".into()),
                    state: Some("Tamil Nadu".into()),
                    pincode: Some("641050".into()),
                }),
                deactivated: false,
            };
            (abha_address, person)
        })
        .collect()
}

/// The number with its last digit set so that it passes the Luhn check.
fn with_check_digit(number: &str) -> String {
    let body: Vec<u32> = number.chars().filter_map(|digit| digit.to_digit(10)).take(13).collect();
    let sum: u32 = body
        .iter()
        .rev()
        .enumerate()
        .map(|(place, digit)| if place % 2 == 0 { digit * 2 / 10 + digit * 2 % 10 } else { *digit })
        .sum();
    let digits: String = body.iter().filter_map(|digit| char::from_digit(*digit, 10)).collect();
    format!("{digits}{}", (10 - sum % 10) % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn check_digits_are_those_of_published_samples() {
        assert_eq!(with_check_digit("91123456789010"), "91123456789015");
        assert_eq!(with_check_digit("91234567890120"), "91234567890129");
    }

    #[test]
    fn a_service_answers_only_to_its_own_bridge() {
        let registry = Registry::seeded(&SandboxConfig::default());
        assert!(registry.service_of("SBX_000000", "IN2810014366").is_some());
        assert!(registry.service_of("SBX_000001", "IN2810014366").is_none());
        assert!(
            registry.service_of("SBX_000000", "IN2710000001").is_none(),
            "the facility id is not the service id"
        );
    }
}
