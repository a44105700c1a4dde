//! HL7 v2 from outside: messages as Indian laboratories send them, by the API and by MLLP, up to the record that shows.

mod codes;
mod documents;
mod messages;
mod mllp;
mod mutations;
mod patients;
mod refusals;
mod results;

use abdm::id::FacilityId;
use reqwest::{Response, StatusCode};
use serde_json::{Value, json};
use store::testing::TestDatabase;

use crate::world::{FACILITY, World, id};

/// A bridge that takes HL7, and a key of its facility.
pub struct Hospital {
    pub world: World,
    key: String,
}

impl Hospital {
    pub async fn open() -> Self {
        Self::on(TestDatabase::sqlite()).await
    }

    pub async fn on(database: TestDatabase) -> Self {
        Self::with(database, "").await
    }

    /// With more lines of the section `[hl7]`.
    pub async fn with(database: TestDatabase, hl7: &str) -> Self {
        let more = format!("[hl7]\nlisten = \"127.0.0.1:0\"\nfacility = \"{FACILITY}\"\n{hl7}");
        let world = World::with(database, sandbox::SandboxConfig::default(), &more).await;
        let facility: FacilityId = FACILITY.parse().unwrap();
        let mut tx = world.tx().await;
        let (_, key) = tx.create_key(Some(&facility)).await.unwrap();
        tx.commit().await.unwrap();
        Self { world, key }
    }

    /// Sends a message by the API as bytes, and takes what comes back.
    pub async fn post(&self, message: Vec<u8>, kind: &str, accept: &str) -> Response {
        let url = format!("http://{}/v1/facilities/{FACILITY}/hl7", self.world.bridge.private);
        let request = crate::api::client().post(url).bearer_auth(&self.key).body(message);
        request.header("content-type", kind).header("accept", accept).send().await.unwrap()
    }

    /// Sends a message by the API; the answer as JSON.
    pub async fn send(&self, message: &str) -> Value {
        let response = self.post(message.as_bytes().to_vec(), "application/hl7-v2", "application/json").await;
        assert_eq!(response.status(), StatusCode::OK);
        response.json().await.unwrap()
    }

    /// Sends a message that is taken.
    pub async fn accepted(&self, message: &str) -> Value {
        let answer = self.send(message).await;
        assert_eq!(answer["ack"]["code"], "AA", "{answer}");
        answer
    }

    /// Sends a message that is not taken: its code, where, and which condition.
    pub async fn refused(&self, message: &str) -> (String, String, u64) {
        let answer = self.send(message).await;
        assert_eq!(answer.get("patientRef"), None, "{answer}");
        let notice = &answer["ack"]["notices"][0];
        assert!(!notice["message"].as_str().unwrap().is_empty());
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        (text(&answer["ack"]["code"]), text(&notice["location"]), notice["condition"].as_u64().unwrap())
    }

    /// What the API shows below the facility.
    pub async fn get(&self, path: &str) -> Value {
        let url = format!("http://{}/v1/facilities/{FACILITY}{path}", self.world.bridge.private);
        crate::api::client().get(url).bearer_auth(&self.key).send().await.unwrap().json().await.unwrap()
    }

    pub async fn visit(&self, patient: &str, visit: &str) -> Value {
        self.get(&format!("/patients/{patient}/care-contexts/{visit}")).await
    }

    pub async fn put(&self, path: &str, body: &Value) -> StatusCode {
        let url = format!("http://{}/v1/facilities/{FACILITY}{path}", self.world.bridge.private);
        crate::api::client().put(url).bearer_auth(&self.key).json(body).send().await.unwrap().status()
    }

    /// The stored document of a record.
    pub async fn document(&self, record: &Value) -> Value {
        let record = record["id"].as_str().unwrap().parse().unwrap();
        let bundle = self.world.tx().await.bundle(&id(), record).await.unwrap().expect("a document");
        serde_json::from_slice(&bundle).unwrap()
    }

    /// Stores the patient that the messages are about.
    pub async fn know_farida(&self) {
        let farida = json!({"name": "Farida Begum", "gender": "F", "birthDate": "1979-12-05"});
        assert!(self.put("/patients/MR-30447", &farida).await.is_success());
    }
}

/// All resources of a type in a document.
pub fn resources<'a>(document: &'a Value, kind: &str) -> Vec<&'a Value> {
    let entries = document["entry"].as_array().unwrap().iter().map(|entry| &entry["resource"]);
    entries.filter(|resource| resource["resourceType"] == kind).collect()
}

/// The observation whose words are these.
pub fn observation<'a>(document: &'a Value, words: &str) -> &'a Value {
    let all = resources(document, "Observation");
    let found = all.into_iter().find(|one| one["code"]["text"] == words);
    found.unwrap_or_else(|| panic!("no observation of {words}"))
}

/// The ids of a visit's records.
pub fn ids(visit: &Value) -> Vec<String> {
    let records = visit["records"].as_array().unwrap();
    records.iter().map(|record| record["id"].as_str().unwrap().to_owned()).collect()
}

/// The first message of a notice, if there is one.
pub fn notices(answer: &Value) -> Vec<String> {
    let notices = answer["ack"]["notices"].as_array().unwrap();
    notices.iter().map(|notice| notice["message"].as_str().unwrap().to_owned()).collect()
}
