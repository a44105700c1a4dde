//! The hospital's system. It knows an address and a key, and repeats what got no answer.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use abdm::clock::SharedClock;
use anyhow::{Context as _, bail};
use reqwest::{Client, Method, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::people::{Facility, Patient};

/// How long it waits for an answer.
const ANSWER: Duration = Duration::from_secs(10);
/// How long it repeats what nobody answers.
const PATIENCE: Duration = Duration::from_mins(1);
/// How long between two tries.
const PAUSE: Duration = Duration::from_millis(100);

/// A client of the API.
pub struct Hmis {
    client: Client,
    base: String,
    key: String,
    clock: SharedClock,
    calls: AtomicU64,
    repeats: AtomicU64,
}

/// A visit as the API answers it.
#[derive(Debug, Clone, Deserialize)]
pub struct Visit {
    /// Where it stands.
    pub link: Link,
    /// Its records.
    pub records: Vec<Kept>,
}

/// Where a visit stands with ABDM.
#[derive(Debug, Clone, Deserialize)]
pub struct Link {
    /// `linked`, `waiting` and so on.
    pub state: String,
    /// Why not.
    pub error: Option<Value>,
}

/// A record that is stored.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Kept {
    /// Its id.
    pub id: Uuid,
    /// Its type.
    pub hi_type: String,
    /// Whether it can be shared.
    pub valid: bool,
}

impl Hmis {
    /// A client of the API at this address.
    pub fn new(address: SocketAddr, key: String, clock: SharedClock) -> anyhow::Result<Self> {
        let client = Client::builder().no_proxy().timeout(ANSWER).build()?;
        let (calls, repeats) = (AtomicU64::default(), AtomicU64::default());
        Ok(Self { client, base: format!("http://{address}/v1"), key, clock, calls, repeats })
    }

    /// Registers a facility.
    pub async fn put_facility(&self, facility: &Facility) -> anyhow::Result<()> {
        let body = json!({"name": facility.name, "roles": ["HIP"], "hipId": facility.hip_id});
        self.call(Method::PUT, &format!("/facilities/{}", facility.id), Some(&body)).await.map(drop)
    }

    /// Puts a patient.
    pub async fn put_patient(&self, patient: &Patient) -> anyhow::Result<()> {
        let person = &patient.person;
        let body = json!({
            "name": person.name, "gender": person.gender, "yearOfBirth": person.year_of_birth,
            "mobile": person.mobile, "abhaNumber": person.abha_number, "abhaAddress": person.abha_address,
        });
        self.call(Method::PUT, &path(patient), Some(&body)).await.map(drop)
    }

    /// Puts a visit.
    pub async fn put_visit(&self, patient: &Patient, visit: &str, body: &Value) -> anyhow::Result<Visit> {
        let answer = self.call(Method::PUT, &visit_path(patient, visit), Some(body)).await?;
        serde_json::from_value(answer).context("the answer to a visit")
    }

    /// Reads a visit.
    pub async fn visit(&self, patient: &Patient, visit: &str) -> anyhow::Result<Visit> {
        let answer = self.call(Method::GET, &visit_path(patient, visit), None).await?;
        serde_json::from_value(answer).context("a visit")
    }

    /// Whether any exchange fits this query of the list.
    pub async fn has_exchange(&self, query: &str) -> anyhow::Result<bool> {
        let answer = self.call(Method::GET, &format!("/exchanges?limit=1&{query}"), None).await?;
        Ok(answer.pointer("/items/0").is_some())
    }

    /// How many calls were made, and how many of them again because nobody answered.
    pub fn counts(&self) -> (u64, u64) {
        (self.calls.load(Ordering::Relaxed), self.repeats.load(Ordering::Relaxed))
    }

    async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> anyhow::Result<Value> {
        let until = self.clock.elapsed() + PATIENCE;
        let url = format!("{}{path}", self.base);
        self.calls.fetch_add(1, Ordering::Relaxed);
        loop {
            let request = self.client.request(method.clone(), &url).bearer_auth(&self.key);
            let request = match body {
                Some(body) => request.json(body),
                None => request,
            };
            match answer(request).await {
                Some((status, answer)) if status.is_success() => return Ok(answer),
                Some((StatusCode::SERVICE_UNAVAILABLE, _)) | None if self.clock.elapsed() < until => {}
                Some((status, answer)) => bail!("{method} {path} was answered {status}: {answer}"),
                None => bail!("{method} {path} was not answered for {PATIENCE:?}"),
            }
            self.repeats.fetch_add(1, Ordering::Relaxed);
            self.clock.sleep(PAUSE).await;
        }
    }
}

/// The whole answer, or none if it did not come or broke off.
async fn answer(request: reqwest::RequestBuilder) -> Option<(StatusCode, Value)> {
    let response = request.send().await.ok()?;
    let status = response.status();
    let text = response.text().await.ok()?;
    Some((status, serde_json::from_str(&text).unwrap_or(Value::String(text))))
}

fn path(patient: &Patient) -> String {
    format!("/facilities/{}/patients/{}", patient.facility.id, patient.reference)
}

fn visit_path(patient: &Patient, visit: &str) -> String {
    format!("{}/care-contexts/{visit}", path(patient))
}
