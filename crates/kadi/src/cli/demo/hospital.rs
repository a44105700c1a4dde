//! The hospital's system, as its developer would write it: it knows patients and visits, an address and a key.

use std::time::Duration;

use ::sandbox::Person;
use abdm::clock::SharedClock;
use anyhow::{Context as _, bail, ensure};
use reqwest::{Client, Method, StatusCode};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};

use super::samples::Visit;
use super::stage::{FACILITY, FACILITY_NAME, Stage};

/// How often the hospital asks how a visit stands.
const ASK: Duration = Duration::from_millis(50);
/// How long it waits for a link.
const PATIENCE: Duration = Duration::from_secs(30);

/// A client of the API.
pub struct Hospital {
    client: Client,
    base: String,
    key: SecretString,
    clock: SharedClock,
}

/// A record as the API answers it.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Kept {
    /// Its id.
    pub id: uuid::Uuid,
    /// Its type.
    pub hi_type: String,
    /// Whether it can be linked.
    pub valid: bool,
    /// Why not.
    pub issues: Vec<Value>,
}

impl Hospital {
    /// A client of the stage's bridge.
    pub fn new(stage: &Stage, clock: SharedClock) -> anyhow::Result<Self> {
        let client = Client::builder().no_proxy().timeout(PATIENCE).build()?;
        Ok(Self { client, base: stage.api(), key: stage.key.clone(), clock })
    }

    /// Registers the facility.
    pub async fn register_facility(&self) -> anyhow::Result<()> {
        let body = json!({"name": FACILITY_NAME, "roles": ["HIP", "HIU"]});
        self.call(Method::PUT, "", Some(body)).await.map(drop)
    }

    /// Puts a patient.
    pub async fn put_patient(&self, reference: &str, person: &Person) -> anyhow::Result<()> {
        let abha = (person.abha_number.as_deref(), Some(person.abha_address.as_str()));
        self.put(reference, person, abha).await
    }

    /// Puts a patient who has not said what their ABHA is.
    pub async fn put_patient_without_abha(&self, reference: &str, person: &Person) -> anyhow::Result<()> {
        self.put(reference, person, (None, None)).await
    }

    async fn put(
        &self,
        reference: &str,
        person: &Person,
        (number, address): (Option<&str>, Option<&str>),
    ) -> anyhow::Result<()> {
        let body = json!({
            "name": person.name, "gender": person.gender, "yearOfBirth": person.year_of_birth,
            "mobile": person.mobile, "abhaNumber": number, "abhaAddress": address,
        });
        self.call(Method::PUT, &format!("/patients/{reference}"), Some(body)).await.map(drop)
    }

    /// Puts a visit and checks that its records are valid.
    pub async fn put_visit(&self, visit: &Visit) -> anyhow::Result<Vec<Kept>> {
        #[derive(Deserialize)]
        struct Answer {
            records: Vec<Kept>,
        }
        let body = json!({"display": visit.display, "date": visit.date, "records": visit.records});
        let answer = self.call(Method::PUT, &path(visit), Some(body)).await?;
        let answer: Answer = serde_json::from_value(answer).context("the answer to a visit")?;
        for record in &answer.records {
            ensure!(record.valid, "a sample {} is not valid: {}", record.hi_type, json!(record.issues));
        }
        Ok(answer.records)
    }

    /// Waits until a visit is linked.
    pub async fn until_linked(&self, visit: &Visit) -> anyhow::Result<()> {
        let until = self.clock.elapsed() + PATIENCE;
        loop {
            let answer = self.call(Method::GET, &path(visit), None).await?;
            match answer.pointer("/link/state").and_then(Value::as_str) {
                Some("linked") => return Ok(()),
                Some("failed") => {
                    bail!("visit {} was refused: {}", visit.reference, json!(answer.pointer("/link/error")))
                }
                state if self.clock.elapsed() > until => {
                    bail!(
                        "visit {} is still {} after {PATIENCE:?}",
                        visit.reference,
                        state.unwrap_or("unknown")
                    )
                }
                _ => self.clock.sleep(ASK).await,
            }
        }
    }

    async fn call(&self, method: Method, path: &str, body: Option<Value>) -> anyhow::Result<Value> {
        let url = format!("{}/v1/facilities/{FACILITY}{path}", self.base);
        let request = self.client.request(method.clone(), &url).bearer_auth(self.key.expose_secret());
        let request = match body {
            Some(body) => request.json(&body),
            None => request,
        };
        let response = request.send().await?;
        let status = response.status();
        let answer: Value = response.json().await.unwrap_or_default();
        ensure!(
            status.is_success() && status != StatusCode::NO_CONTENT,
            "{method} /v1/facilities/{FACILITY}{path} was answered {status}: {answer}"
        );
        Ok(answer)
    }
}

fn path(visit: &Visit) -> String {
    format!("/patients/{}/care-contexts/{}", visit.patient, visit.reference)
}
