//! Care contexts over the API, up to what ABDM says of them.

use serde_json::{Value, json};

use super::{Answer, Api};
use crate::world::{OP_CONSULTATION, PRESCRIPTION, RAMESH};

/// A record that builds.
pub fn prescription() -> Value {
    sample("Prescription", PRESCRIPTION)
}

fn consultation() -> Value {
    sample("OPConsultation", OP_CONSULTATION)
}

fn sample(hi_type: &str, data: &str) -> Value {
    let mut data: Value = serde_json::from_str(data).unwrap();
    data.as_object_mut().unwrap().remove("patient");
    json!({"hiType": hi_type, "data": data})
}

fn path(reference: &str) -> String {
    Api::in_facility(&format!("/patients/P1/care-contexts/{reference}"))
}

fn visit(records: &[Value]) -> Value {
    json!({"display": "OPD visit", "date": "2026-01-15", "records": records})
}

/// An API with a patient whom ABDM does not know.
async fn with_patient() -> Api {
    let api = Api::start().await;
    let patient = json!({"name": "Asha Devi", "gender": "F", "birthDate": "1985-07-23"});
    api.put(&Api::in_facility("/patients/P1"), patient).await;
    api
}

pub async fn until_state(api: &Api, path: &str, state: &str) -> Answer {
    api.world
        .until(async || Some(api.get(path).await).filter(|answer| answer.body["link"]["state"] == state))
        .await
}

#[tokio::test]
async fn a_stored_visit_is_linked_and_says_so() {
    let api = Api::start().await;
    api.known_patient("P1", RAMESH).await;
    let stored = api.put(&path("V1"), visit(&[consultation(), prescription()])).await;
    assert_eq!(stored.status, 202);
    assert_eq!(
        stored.body["careContext"],
        json!({"patientRef": "P1", "careContextRef": "V1", "display": "OPD visit", "date": "2026-01-15"})
    );
    assert_eq!(stored.body["link"]["state"], "waiting");
    let types: Vec<_> =
        stored.body["records"].as_array().unwrap().iter().map(|record| &record["hiType"]).collect();
    assert_eq!(types, ["OPConsultation", "Prescription"]);
    assert!(stored.body["records"][0]["valid"].as_bool().unwrap(), "{stored:?}");

    let linked = until_state(&api, &path("V1"), "linked").await;
    assert_eq!(linked.body["link"], json!({"state": "linked", "error": null}));
    assert!(api.world.sandbox.state().is_linked(RAMESH, "V1"));
    let kept = linked.body["records"][0]["id"].clone();
    let again = api.put(&path("V1"), visit(&[consultation(), prescription()])).await;
    assert_eq!(again.body["records"][0]["id"], kept, "an equal record keeps its id");
    api.world.assert_clean().await;
}

#[tokio::test]
async fn a_held_visit_waits_until_it_is_released() {
    let api = Api::start().await;
    api.known_patient("P1", RAMESH).await;
    let held = json!({"display": "Visit", "date": "2026-01-15", "hold": true, "records": [prescription()]});
    for (reference, release) in [("V1", true), ("V2", false)] {
        let stored = api.put(&path(reference), held.clone()).await;
        assert_eq!(
            (&stored.body["link"]["state"], &stored.body["careContext"]["hold"]),
            (&json!("unlinked"), &json!(true))
        );
        let released = if release {
            api.put(&path(reference), json!({"hold": false})).await
        } else {
            api.post(&format!("{}/link", path(reference))).await
        };
        assert_eq!(released.status, 202);
        until_state(&api, &path(reference), "linked").await;
    }
}

#[tokio::test]
async fn an_address_that_comes_later_starts_the_linking_of_stored_visits() {
    let api = Api::start().await;
    let known = crate::world::known_patient(&api.world.sandbox, "P1", RAMESH);
    let body = json!({"name": known.name, "gender": "M", "yearOfBirth": known.birth.year()});
    api.put(&Api::in_facility("/patients/P1"), body).await;
    let stored = api.put(&path("V1"), visit(&[prescription()])).await;
    assert_eq!(stored.body["link"]["state"], "unlinked");
    api.known_patient("P1", RAMESH).await;
    until_state(&api, &path("V1"), "linked").await;
}

#[tokio::test]
async fn an_invalid_record_is_kept_flagged_and_never_linked() {
    let api = Api::start().await;
    api.known_patient("P1", RAMESH).await;
    let empty = json!({"hiType": "Prescription", "data": {}});
    let stored = api.put(&path("V1"), visit(&[empty])).await;
    assert_eq!(stored.status, 202);
    let record = &stored.body["records"][0];
    assert_eq!((&record["valid"], &stored.body["link"]["state"]), (&json!(false), &json!("unlinked")));
    let issue = &record["issues"][0];
    for name in ["severity", "path", "rule", "message"] {
        assert!(issue[name].is_string(), "{issue}");
    }
    let asked = api.post(&format!("{}/link", path("V1"))).await;
    assert_eq!(asked.refusal(), (409, "conflict"));
    let mended = api.put(&path("V1"), json!({"records": [prescription()]})).await;
    assert!(mended.body["records"][0]["valid"].as_bool().unwrap());
    until_state(&api, &path("V1"), "linked").await;
}

#[tokio::test]
async fn a_visit_that_is_not_valid_is_told_field_by_field() {
    let api = with_patient().await;
    let answer = api.put(&path("V1"), json!({})).await;
    assert_eq!((answer.refusal(), answer.pointers()), ((422, "invalid"), vec!["/display", "/date"]));
    let wrong =
        json!({"display": "", "date": "15/01/2026", "records": [{"hiType": "Prescription"}, {"data": {}}]});
    let answer = api.put(&path("V1"), wrong).await;
    assert_eq!(answer.pointers(), ["/display", "/date", "/records/0", "/records/1"]);
    let answer = api.put(&path("V1"), visit(&[json!({"hiType": "PRESCRIPTION", "data": {}})])).await;
    assert_eq!((answer.refusal(), answer.pointers()), ((422, "invalid"), vec!["/records/0/hiType"]));
    let answer = api.put(&path("V1"), json!({"display": "A", "date": "2026-01-15", "records": {}})).await;
    assert_eq!((answer.refusal(), answer.pointers()), ((400, "malformed"), vec!["/records"]));
    let answer = api.put(&path("a%20b"), visit(&[])).await;
    assert_eq!((answer.refusal(), answer.pointers()), ((422, "invalid"), vec!["/careContextRef"]));
    let nobody = Api::in_facility("/patients/P9/care-contexts/V1");
    assert_eq!(api.put(&nobody, visit(&[])).await.refusal(), (404, "not_found"));
    assert_eq!(api.get(&path("V1")).await.refusal(), (404, "not_found"), "nothing of it is stored");
}

#[tokio::test]
async fn a_ready_bundle_is_kept_byte_for_byte() {
    let api = with_patient().await;
    let bundle = r#"{"resourceType" : "Bundle",  "value":1.50, "type":"document"}"#;
    let body = format!(
        r#"{{"display":"A","date":"2026-01-15","records":[{{"hiType":"Prescription","bundle":{bundle}}}]}}"#
    );
    let stored = api.send(reqwest::Method::PUT, &path("V1"), Some(&api.key), body).await;
    let stored = super::read(stored).await;
    let id = stored.body["records"][0]["id"].as_str().unwrap().parse().unwrap();
    let kept = api.world.tx().await.bundle(&crate::world::id(), id).await.unwrap().unwrap();
    assert_eq!(String::from_utf8(kept).unwrap(), bundle);
}

#[tokio::test]
async fn a_patient_without_an_address_has_nothing_to_link() {
    let api = with_patient().await;
    let stored = api.put(&path("V1"), visit(&[prescription()])).await;
    assert_eq!(stored.body["link"], json!({"state": "unlinked", "error": null}));
    let asked = api.post(&format!("{}/link", path("V1"))).await;
    assert_eq!(asked.refusal(), (409, "conflict"));
    assert!(asked.body["detail"].as_str().unwrap().contains("ABHA address"));
    assert_eq!(api.post(&format!("{}/link", path("V9"))).await.refusal(), (404, "not_found"));
}

#[tokio::test]
async fn a_visit_is_deleted_before_abdm_knows_it_and_withdrawn_after() {
    let api = with_patient().await;
    api.put(&path("V1"), visit(&[prescription()])).await;
    assert_eq!(api.delete(&path("V1")).await.status, 204);
    assert_eq!(api.get(&path("V1")).await.refusal(), (404, "not_found"));
    assert_eq!(api.delete(&path("V1")).await.refusal(), (404, "not_found"));

    api.known_patient("P1", RAMESH).await;
    api.put(&path("V2"), visit(&[prescription()])).await;
    until_state(&api, &path("V2"), "linked").await;
    let withdrawn = api.delete(&path("V2")).await;
    assert_eq!(withdrawn.status, 200);
    assert!(withdrawn.body["message"].as_str().unwrap().contains("withdrawn by the facility"));
    assert_eq!(api.get(&path("V2")).await.body["careContext"]["withdrawn"], true);
    assert_eq!(api.post(&format!("{}/link", path("V2"))).await.refusal(), (409, "conflict"));
}

#[tokio::test]
async fn visits_are_listed_by_patient_state_and_date() {
    let api = with_patient().await;
    api.put(&Api::in_facility("/patients/P2"), json!({"name": "Ravi", "gender": "M", "yearOfBirth": 1980}))
        .await;
    for (patient, reference, date) in
        [("P1", "V1", "2026-01-10"), ("P1", "V2", "2026-01-12T09:00:00+05:30"), ("P2", "V1", "2026-01-14")]
    {
        api.world.clock.advance(std::time::Duration::from_secs(1));
        let path = Api::in_facility(&format!("/patients/{patient}/care-contexts/{reference}"));
        api.put(&path, json!({"display": "A", "date": date})).await;
    }
    let found = async |path: &str| -> Vec<String> {
        let answer = api.get(&Api::in_facility(path)).await;
        let items = answer.body["items"].as_array().unwrap_or_else(|| panic!("{path}: {answer:?}")).iter();
        let show = |item: &Value| {
            let visit = &item["careContext"];
            format!("{}/{}", visit["patientRef"].as_str().unwrap(), visit["careContextRef"].as_str().unwrap())
        };
        items.map(show).collect()
    };
    assert_eq!(found("/care-contexts").await, ["P2/V1", "P1/V2", "P1/V1"]);
    assert_eq!(found("/patients/P1/care-contexts").await, ["P1/V2", "P1/V1"]);
    assert_eq!(found("/care-contexts?linkState=linked").await, [] as [&str; 0]);
    assert_eq!(found("/care-contexts?linkState=unlinked&from=2026-01-12&to=2026-01-13").await, ["P1/V2"]);
    let first = api.get(&Api::in_facility("/care-contexts?limit=2")).await;
    let next = first.body["next"].as_str().unwrap();
    assert_eq!(found(&format!("/care-contexts?limit=2&cursor={next}")).await, ["P1/V1"]);
    let wrong = api.get(&Api::in_facility("/care-contexts?linkState=done&from=yesterday")).await;
    assert_eq!((wrong.refusal(), wrong.pointers()), ((422, "invalid"), vec!["/linkState", "/from"]));
    assert_eq!(api.get(&Api::in_facility("/patients/P9/care-contexts")).await.refusal(), (404, "not_found"));
}
