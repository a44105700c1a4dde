//! What patients allowed, what was sent, and how the HMIS hears of it.

use futures_util::StreamExt as _;
use reqwest::Method;
use sandbox::{ConsentWanted, RecordsWanted, Renotify};
use serde_json::{Value, json};

use super::Api;
use crate::world::{PATIENCE, RAMESH};

/// A linked visit whose records a patient's own app has fetched: the ids of consent and transfer.
async fn shared(api: &Api) -> (String, String) {
    api.known_patient("P1", RAMESH).await;
    let visit = json!({"display": "Visit", "date": "2026-01-15", "records": [super::visits::prescription()]});
    let path = Api::in_facility("/patients/P1/care-contexts/V1");
    api.put(&path, visit).await;
    super::visits::until_state(api, &path, "linked").await;
    let wanted = ConsentWanted { abha_address: RAMESH.to_owned(), ..ConsentWanted::default() };
    let granted = api.world.sandbox.state().grant(&wanted).unwrap();
    let consent = granted.artefacts[0].consent_id.clone();
    let asked = api.world.sandbox.state().request_records(&RecordsWanted::under(&consent)).unwrap();
    api.world.sandbox.state().closed_transfer(&asked.transaction_id, PATIENCE).await.unwrap();
    (consent, asked.transaction_id)
}

#[tokio::test]
async fn a_consent_shows_what_it_allows_and_a_transfer_what_became_of_it() {
    let api = Api::start().await;
    let (consent, transaction) = shared(&api).await;

    let shown = api.get(&Api::in_facility(&format!("/consents/{consent}"))).await.body;
    assert_eq!((&shown["consentId"], &shown["status"]), (&json!(consent), &json!("GRANTED")));
    assert_eq!((&shown["patientRef"], &shown["abhaAddress"]), (&json!("P1"), &json!(RAMESH)));
    assert_eq!(shown["careContexts"], json!([{"patientRef": "P1", "careContextRef": "V1"}]));
    for name in ["hiTypes", "from", "to", "dataEraseAt", "receivedAt"] {
        assert!(!shown[name].is_null(), "{name} {shown}");
    }
    assert_eq!(api.get(&Api::in_facility("/consents")).await.body["items"], json!([shown]));

    let path = Api::in_facility(&format!("/transfers/{transaction}"));
    let done = api
        .world
        .until(async || Some(api.get(&path).await.body).filter(|shown| shown["status"] != "ACKNOWLEDGED"))
        .await;
    assert_eq!((&done["status"], &done["consentId"]), (&json!("TRANSFERRED"), &json!(consent)));
    assert_eq!((&done["pageCount"], &done["pagesSent"]), (&json!(1), &json!(1)));
    let context = json!({"patientRef": "P1", "careContextRef": "V1", "hiStatus": "DELIVERED", "description": "Delivered"});
    assert_eq!(done["careContexts"], json!([context]));
    assert_eq!(api.get(&Api::in_facility("/transfers")).await.body["items"], json!([done]));
    for path in ["/consents/unknown", "/transfers/unknown"] {
        assert_eq!(api.get(&Api::in_facility(path)).await.refusal(), (404, "not_found"));
    }
}

#[tokio::test]
async fn of_a_consent_that_has_ended_only_that_is_shown() {
    let api = Api::start().await;
    let (consent, _) = shared(&api).await;
    api.world.sandbox.state().revoke(&consent, Renotify::default()).unwrap();
    let path = Api::in_facility(&format!("/consents/{consent}"));
    let ended = api
        .world
        .until(async || Some(api.get(&path).await.body).filter(|shown| shown["status"] == "REVOKED"))
        .await;
    let names: Vec<_> = ended.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(names, ["consentId", "status", "endedAt"]);
}

#[tokio::test]
async fn exchanges_are_shown_newest_first_and_filtered() {
    let api = Api::start().await;
    shared(&api).await;
    let count = async |query: &str| {
        let answer = api.get(&format!("/v1/exchanges?{query}")).await;
        answer.body["items"].as_array().unwrap_or_else(|| panic!("{query}: {answer:?}")).len()
    };
    let all = count("").await;
    assert_eq!(count("direction=in").await + count("direction=out").await, all);
    assert_eq!(count("path=carecontext&direction=out").await, 1);
    assert_eq!(count("state=refused").await, 0);
    let first = &api.get("/v1/exchanges?path=consent").await.body["items"][0];
    assert_eq!((&first["direction"], &first["facilityId"]), (&json!("in"), &json!(crate::world::FACILITY)));
    let one = api.get(&format!("/v1/exchanges/{}", first["id"].as_str().unwrap())).await;
    assert_eq!(one.body["path"], first["path"]);
    let wrong = api.get("/v1/exchanges?state=done&direction=up").await;
    assert_eq!((wrong.refusal(), wrong.pointers()), ((422, "invalid"), vec!["/state", "/direction"]));
}

#[tokio::test]
async fn events_come_as_they_happen_and_go_on_after_the_last_seen() {
    let api = Api::start().await;
    let path = Api::in_facility("/events");
    let response = api.send(Method::GET, &path, Some(&api.key), String::new()).await;
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    shared(&api).await;
    let seen = read_until(response, "transfer.completed").await;
    let kinds: Vec<_> = seen.iter().map(|(_, data)| data["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["care_context.linked", "consent.granted", "transfer.completed"]);
    let linked = &seen[0].1["data"];
    assert_eq!(
        (&linked["facilityId"], &linked["careContextRef"], &linked["state"]),
        (&json!(crate::world::FACILITY), &json!("V1"), &json!("linked"))
    );

    let url = format!("http://{}{path}", api.world.bridge.private);
    let request = super::client().get(url).bearer_auth(&api.key).header("last-event-id", &seen[0].0);
    let rest = read_until(request.send().await.unwrap(), "transfer.completed").await;
    assert_eq!(rest, seen[1..]);
    let request =
        super::client().get(format!("http://{}{path}", api.world.bridge.private)).bearer_auth(&api.key);
    let answer = super::read(request.header("last-event-id", "x").send().await.unwrap()).await;
    assert_eq!(answer.refusal(), (422, "invalid"));
}

/// Reads events, each with its id, until one of this type has come.
async fn read_until(response: reqwest::Response, last: &str) -> Vec<(String, Value)> {
    let mut text = String::new();
    let mut body = response.bytes_stream();
    let reading = async {
        while !(text.contains(&format!("event: {last}\n")) && text.ends_with("\n\n")) {
            text.push_str(std::str::from_utf8(&body.next().await.unwrap().unwrap()).unwrap());
        }
    };
    tokio::time::timeout(PATIENCE, reading).await.unwrap();
    let field = |event: &str, name: &str| {
        let line = event.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap_or_default().trim().to_owned()
    };
    let events = text.split("\n\n").filter(|event| event.contains("data:"));
    events.map(|event| (field(event, "id:"), serde_json::from_str(&field(event, "data:")).unwrap())).collect()
}
