//! The API from outside, over HTTP, against a bridge and a local ABDM in this process.

mod access;
mod bundle;
mod description;
mod facilities;
mod imports;
pub mod large;
mod lists;
mod patients;
mod queue;
mod sharing;
mod terminology;
pub mod visits;

use abdm::id::FacilityId;
use reqwest::{Method, Response, StatusCode};
use serde_json::Value;
use store::testing::TestDatabase;

use crate::world::{FACILITY, World};

/// A bridge with one facility, and a key.
pub struct Api {
    pub world: World,
    http: reqwest::Client,
    key: String,
}

/// A status with a JSON body.
#[derive(Debug, PartialEq)]
pub struct Answer {
    pub status: StatusCode,
    pub body: Value,
}

impl Api {
    /// With the key of the facility.
    pub async fn start() -> Self {
        Self::of(World::on(TestDatabase::sqlite()).await).await
    }

    /// The same in a world that is there.
    pub async fn of(world: World) -> Self {
        let key = make_key(&world, Some(FACILITY)).await;
        Self { world, http: client(), key }
    }

    /// The same with an administrator's key.
    pub async fn as_admin() -> Self {
        let api = Self::start().await;
        let key = make_key(&api.world, None).await;
        Self { key, ..api }
    }

    /// A key of this facility, or an administrator's.
    pub async fn key(&self, facility: Option<&str>) -> String {
        make_key(&self.world, facility).await
    }

    pub async fn send(&self, method: Method, path: &str, key: Option<&str>, body: String) -> Response {
        let url = format!("http://{}{path}", self.world.bridge.private);
        let request = self.http.request(method, url).body(body);
        let request = match key {
            Some(key) => request.bearer_auth(key),
            None => request,
        };
        request.send().await.unwrap()
    }

    pub async fn call(&self, method: Method, path: &str, body: &Value) -> Answer {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        read(self.send(method, path, Some(&self.key), body).await).await
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.call(Method::GET, path, &Value::Null).await
    }

    pub async fn put(&self, path: &str, body: Value) -> Answer {
        self.call(Method::PUT, path, &body).await
    }

    pub async fn post(&self, path: &str) -> Answer {
        self.call(Method::POST, path, &Value::Null).await
    }

    pub async fn post_text(&self, path: &str, body: String) -> Response {
        self.send(Method::POST, path, Some(&self.key), body).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.call(Method::DELETE, path, &Value::Null).await
    }

    /// The path below the facility.
    pub fn in_facility(path: &str) -> String {
        format!("/v1/facilities/{FACILITY}{path}")
    }

    /// Stores a facility beside the first.
    pub async fn other_facility(&self, id: &str) {
        let facility = domain::facility::Facility {
            id: id.parse().unwrap(),
            hip_id: id.parse().unwrap(),
            hiu_id: id.parse().unwrap(),
            ..crate::world::facility()
        };
        let mut tx = self.world.tx().await;
        tx.put_facility(&facility).await.unwrap();
        tx.commit().await.unwrap();
    }

    /// Puts a patient whom the local ABDM knows.
    pub async fn known_patient(&self, reference: &str, address: &str) {
        let patient = crate::world::known_patient(&self.world.sandbox, reference, address);
        let body = serde_json::json!({
            "name": patient.name, "gender": patient.gender.as_str(), "yearOfBirth": patient.birth.year(),
            "mobile": patient.mobile.map(|mobile| mobile.to_string()),
            "abhaNumber": patient.abha_number.map(|number| number.to_string()),
            "abhaAddress": address,
        });
        let answer = self.put(&Self::in_facility(&format!("/patients/{reference}")), body).await;
        assert!(answer.status.is_success(), "{answer:?}");
    }
}

impl Answer {
    /// Status and code of a refusal.
    pub fn refusal(&self) -> (u16, &str) {
        (self.status.as_u16(), self.body["code"].as_str().unwrap_or_default())
    }

    /// The fields at fault.
    pub fn pointers(&self) -> Vec<&str> {
        let errors = self.body["errors"].as_array().map(Vec::as_slice).unwrap_or_default();
        errors.iter().map(|error| error["pointer"].as_str().unwrap()).collect()
    }
}

pub async fn read(response: Response) -> Answer {
    let status = response.status();
    let problem =
        response.headers().get("content-type").is_some_and(|kind| kind == "application/problem+json");
    let text = response.text().await.unwrap();
    let body = serde_json::from_str(&text).unwrap_or_else(|_| Value::from(text));
    // A patient who was merged is elsewhere: also told as a problem.
    let is_error = status.is_client_error() || status.is_server_error() || status.is_redirection();
    assert_eq!(problem, is_error, "every refusal is a problem document: {status} {body}");
    Answer { status, body }
}

pub fn client() -> reqwest::Client {
    let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
    client.build().unwrap()
}

async fn make_key(world: &World, facility: Option<&str>) -> String {
    let facility = facility.map(|id| id.parse::<FacilityId>().unwrap());
    let mut tx = world.tx().await;
    let (_, key) = tx.create_key(facility.as_ref()).await.unwrap();
    tx.commit().await.unwrap();
    key
}
