//! The patient searches a facility, chooses, enters the OTP.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::callbacks::Callback;
use crate::core::Sandbox;
use crate::steer::SteerError;
use crate::world::linkings::{ApiVersion, Linking, LinkingState};
use crate::world::registry::Person;
use crate::world::{Subject, World};

/// Discovery, init and confirm.
fn paths(version: ApiVersion) -> [&'static str; 3] {
    match version {
        ApiVersion::V3 => [
            "/api/v3/hip/patient/care-context/discover",
            "/api/v3/hip/link/care-context/init",
            "/api/v3/hip/link/care-context/confirm",
        ],
        ApiVersion::V05 => {
            ["/v0.5/care-contexts/discover", "/v0.5/links/link/init", "/v0.5/links/link/confirm"]
        }
    }
}

/// A discovery to begin.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DiscoveryWanted {
    /// The patient.
    pub abha_address: String,
    /// The HIP to ask.
    pub hip_id: String,
    /// What the patient typed, such as a hospital number.
    #[serde(default)]
    pub unverified: Option<Vec<Identifier>>,
    /// In place of the identifiers that ABDM has verified.
    #[serde(default)]
    pub verified: Option<Vec<Identifier>>,
    /// In place of the name at ABDM.
    #[serde(default)]
    pub name: Option<String>,
    /// The interface in which the HIP is asked.
    #[serde(default)]
    pub version: ApiVersion,
    /// The transaction, to repeat one.
    #[serde(default)]
    pub transaction_id: Option<String>,
}

/// An identifier of a patient.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Identifier {
    /// `MR`, `MOBILE`, `ABHA_NUMBER`, `ABHA_ADDRESS`, `abhaAddress`, `EMAIL`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its value.
    pub value: String,
}

/// What the patient chooses out of what was offered.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Choice {
    /// Only these care contexts; all offered if absent.
    #[serde(default)]
    pub care_contexts: Option<Vec<String>>,
    /// Only of these types.
    #[serde(default)]
    pub hi_types: Option<Vec<String>>,
    /// `patient` as it is sent, in place of a choice: for what an HIP must refuse.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    pub patient: Option<Value>,
    /// `abhaAddress` as it is sent.
    #[serde(default)]
    pub abha_address: Option<String>,
}

impl Sandbox {
    /// Asks an HIP who this patient is and what it has of them.
    ///
    /// # Errors
    ///
    /// 404 for an unknown person or service.
    pub fn discover(&self, wanted: &DiscoveryWanted) -> Result<Linking, SteerError> {
        let person = self.read(|world| world.registry.person(&wanted.abha_address).cloned());
        let person = person.ok_or_else(|| SteerError::not_found("no such person"))?;
        if self.read(|world| !world.registry.services.contains_key(&wanted.hip_id)) {
            return Err(SteerError::not_found("no such service"));
        }
        let transaction_id = wanted.transaction_id.clone().unwrap_or_else(|| Uuid::new_v4().to_string());
        let linking = Linking {
            transaction_id: transaction_id.clone(),
            abha_address: person.abha_address.clone(),
            hip_id: wanted.hip_id.clone(),
            version: wanted.version,
            state: LinkingState::Discovering,
            patient: None,
            matched_by: None,
            link: None,
            error: None,
            started_at: self.now(),
            offered: Vec::new(),
            chosen: Vec::new(),
        };
        self.change(|world| {
            world.linkings.entry(transaction_id.clone()).or_insert_with(|| linking.clone()).clone()
        });
        let verified = wanted.verified.clone().unwrap_or_else(|| verified(&person, wanted.version));
        let body = json!({"transactionId": transaction_id, "patient": {
            "id": person.abha_address, "verifiedIdentifiers": verified, "unverifiedIdentifiers": wanted.unverified,
            "name": wanted.name.as_ref().unwrap_or(&person.name), "gender": person.gender, "yearOfBirth": person.year_of_birth}});
        let subject = Subject::Discover { transaction_id };
        let [path, ..] = paths(wanted.version);
        self.queue_callback(Callback::new(&wanted.hip_id, path, subject, body));
        Ok(linking)
    }

    /// Sends what the patient chose; the HIP is to send them an OTP.
    ///
    /// # Errors
    ///
    /// 404 for an unknown transaction, 409 before something was offered.
    pub fn init_link(&self, transaction_id: &str, choice: &Choice) -> Result<Linking, SteerError> {
        let linking = self.linking(transaction_id)?;
        if linking.offered.is_empty() && choice.patient.is_none() {
            return Err(SteerError::conflict("nothing-offered", "the HIP has offered nothing"));
        }
        let (patient, chosen) = choose(&linking, choice);
        let linking = self.change(|world| {
            let linking = world.linkings.get_mut(transaction_id)?;
            linking.state = LinkingState::Initiating;
            linking.error = None;
            linking.chosen = chosen;
            Some(linking.clone())
        });
        let linking = linking.ok_or_else(|| SteerError::not_found("no such discovery"))?;
        let address = choice.abha_address.as_ref().unwrap_or(&linking.abha_address);
        let body = match linking.version {
            ApiVersion::V3 => {
                json!({"transactionId": transaction_id, "abhaAddress": address, "patient": patient})
            }
            ApiVersion::V05 => {
                json!({"transactionId": transaction_id, "patient": as_one_patient(&patient, address)})
            }
        };
        let subject = Subject::Init { transaction_id: transaction_id.to_owned() };
        let [_, path, _] = paths(linking.version);
        self.queue_callback(Callback::new(&linking.hip_id, path, subject, body));
        Ok(linking)
    }

    /// Sends the OTP that the patient typed, a string or a number as given.
    ///
    /// # Errors
    ///
    /// 404 for an unknown transaction, 409 before the HIP gave a link reference.
    pub fn confirm_link(&self, transaction_id: &str, otp: &Value) -> Result<Linking, SteerError> {
        let linking = self.linking(transaction_id)?;
        let reference = linking.link_reference().map(str::to_owned);
        let reference = reference
            .ok_or_else(|| SteerError::conflict("no-reference", "the HIP has given no link reference"))?;
        self.change(|world| {
            if let Some(linking) = world.linkings.get_mut(transaction_id) {
                linking.state = LinkingState::Confirming;
                linking.error = None;
            }
        });
        let body = json!({"confirmation": {"token": otp, "linkRefNumber": reference}});
        let subject = Subject::Confirm { transaction_id: transaction_id.to_owned() };
        let [.., path] = paths(linking.version);
        self.queue_callback(Callback::new(&linking.hip_id, path, subject, body));
        self.linking(transaction_id)
    }

    /// A linking as it stands.
    ///
    /// # Errors
    ///
    /// 404 if there is none.
    pub fn linking(&self, transaction_id: &str) -> Result<Linking, SteerError> {
        let found = self.read(|world| world.linkings.get(transaction_id).cloned());
        found.ok_or_else(|| SteerError::not_found("no such discovery"))
    }

    /// Waits until a linking is in one of `states` or has failed, for at most `wait` of real time.
    ///
    /// # Errors
    ///
    /// 404 if there is none.
    pub async fn linking_in(
        &self,
        transaction_id: &str,
        states: &[LinkingState],
        wait: Duration,
    ) -> Result<Linking, SteerError> {
        let there = |world: &World| {
            let linking = world.linkings.get(transaction_id)?;
            (linking.state.is_failure() || states.contains(&linking.state)).then_some(())
        };
        self.await_change(wait, there).await;
        self.linking(transaction_id)
    }
}

/// What ABDM has verified of a person, in the words of real traffic.
fn verified(person: &Person, version: ApiVersion) -> Vec<Identifier> {
    let [number_kind, address_kind] = match version {
        ApiVersion::V3 => ["ABHA_NUMBER", "abhaAddress"],
        ApiVersion::V05 => ["NDHM_HEALTH_NUMBER", "HEALTH_ID"],
    };
    let number = person.abha_number.as_deref().map(dashed).unwrap_or_default();
    let identifier = |kind: &str, value: String| Identifier { kind: kind.to_owned(), value };
    let mut identifiers: Vec<_> =
        person.mobile.iter().map(|mobile| identifier("MOBILE", format!("+91-{mobile}"))).collect();
    identifiers.push(identifier(number_kind, number));
    identifiers.push(identifier(address_kind, person.abha_address.clone()));
    identifiers
}

/// `91-1234-0704-2043`.
pub(crate) fn dashed(number: &str) -> String {
    let part = |range: std::ops::Range<usize>| number.get(range).unwrap_or_default();
    format!("{}-{}-{}-{}", part(0..2), part(2..6), part(6..10), part(10..14))
}

/// A choice as v0.5 sends it: one patient, each care context once. What is no such choice is sent as it is.
fn as_one_patient(patient: &Value, address: &str) -> Value {
    let Some(entries) = patient.as_array() else { return patient.clone() };
    let mut contexts: Vec<&Value> = Vec::new();
    for context in entries.iter().filter_map(|entry| entry.get("careContexts")?.as_array()).flatten() {
        if !contexts.contains(&context) {
            contexts.push(context);
        }
    }
    let reference = entries.first().and_then(|entry| entry.get("referenceNumber"));
    json!({"id": address, "referenceNumber": reference, "careContexts": contexts})
}

/// Care contexts with their types, as chosen.
type Chosen = Vec<(String, String)>;

fn choose(linking: &Linking, choice: &Choice) -> (Value, Chosen) {
    if let Some(patient) = &choice.patient {
        return (patient.clone(), Vec::new());
    }
    let mut chosen = Vec::new();
    let mut entries = Vec::new();
    for entry in &linking.offered {
        if choice.hi_types.as_ref().is_some_and(|types| !types.contains(&entry.hi_type)) {
            continue;
        }
        let wanted = |reference: &String| {
            choice.care_contexts.as_ref().is_none_or(|wanted| wanted.contains(reference))
        };
        let references: Vec<_> =
            entry.care_contexts.iter().map(|(reference, _)| reference).filter(|r| wanted(r)).collect();
        if references.is_empty() {
            continue;
        }
        chosen.extend(references.iter().map(|reference| ((*reference).clone(), entry.hi_type.clone())));
        let contexts: Vec<_> =
            references.iter().map(|reference| json!({"referenceNumber": reference})).collect();
        entries.push(
            json!({"referenceNumber": entry.reference, "careContexts": contexts, "hiType": entry.hi_type,
            "count": contexts.len()}),
        );
    }
    (Value::Array(entries), chosen)
}
