//! Patients over the API.

use serde_json::{Value, json};

use super::Api;

fn path(reference: &str) -> String {
    Api::in_facility(&format!("/patients/{reference}"))
}

fn asha() -> Value {
    json!({"name": "Asha Devi", "gender": "F", "birthDate": "1985-07-23", "mobile": "+91-98765-43210",
        "abhaNumber": "91-1234-5678-9015", "abhaAddress": "asha.devi@sbx"})
}

#[tokio::test]
async fn a_patient_is_created_updated_and_read() {
    let api = Api::start().await;
    let created = api.put(&path("MR-1"), asha()).await;
    assert_eq!(created.status, 201);
    assert_eq!(created.body["patientRef"], "MR-1");
    assert_eq!(created.body["mobile"], "9876543210");
    let again = api.put(&path("MR-1"), asha()).await;
    assert_eq!((again.status.as_u16(), &again.body), (200, &created.body));
    let changed = api.put(&path("MR-1"), json!({"mobile": null, "name": "Asha D"})).await;
    assert_eq!(changed.body["name"], "Asha D");
    assert_eq!(changed.body.get("mobile"), None);
    assert_eq!(changed.body["abhaAddress"], "asha.devi@sbx");
    assert_eq!(api.get(&path("MR-1")).await.body, changed.body);
    assert_eq!(api.get(&path("MR-2")).await.refusal(), (404, "not_found"));
}

#[tokio::test]
async fn references_are_percent_encoded_in_a_path_and_held_to_their_characters() {
    let api = Api::start().await;
    assert_eq!(api.put(&path("a%2Fb.c:d_e-1"), asha()).await.body["patientRef"], "a/b.c:d_e-1");
    assert_eq!(api.get(&path("a%2Fb.c:d_e-1")).await.status, 200);
    for bad in ["a%20b", "%E0%A4%95", "a%23b", &"x".repeat(256)] {
        let answer = api.put(&path(bad), asha()).await;
        assert_eq!((answer.refusal(), answer.pointers()), ((422, "invalid"), vec!["/patientRef"]), "{bad}");
    }
}

#[tokio::test]
async fn an_abha_belongs_to_one_patient_of_a_facility() {
    let api = Api::start().await;
    api.put(&path("MR-1"), asha()).await;
    let taken = api.put(&path("MR-2"), asha()).await;
    assert_eq!((taken.refusal(), taken.pointers()), ((409, "conflict"), vec!["/abhaAddress", "/abhaNumber"]));
    let upper = json!({"name": "A", "gender": "F", "yearOfBirth": 1985, "abhaAddress": "Asha.Devi@sbx"});
    assert_eq!(api.put(&path("MR-2"), upper).await.pointers(), ["/abhaAddress"]);
    assert_eq!(api.get(&path("MR-2")).await.refusal(), (404, "not_found"), "nothing of it is stored");

    api.other_facility("IN0000000002").await;
    let other = Api { key: api.key(Some("IN0000000002")).await, ..api };
    let elsewhere = other.put("/v1/facilities/IN0000000002/patients/MR-2", asha()).await;
    assert_eq!(elsewhere.status, 201, "another facility may know the same person");
    assert_eq!(other.get(&path("MR-1")).await.refusal(), (404, "not_found"));
}

#[tokio::test]
async fn a_wrong_body_is_told_without_repeating_it() {
    let api = Api::start().await;
    let answer = api.put(&path("MR-1"), json!({"name": {"planted": 1}})).await;
    assert_eq!((answer.refusal(), answer.pointers()), ((400, "malformed"), vec!["/name"]));
    let mobile = "planted-mobile";
    let answer = api.put(&path("MR-1"), json!({"name": "A", "gender": "planted", "mobile": mobile})).await;
    assert_eq!(
        (answer.refusal(), answer.pointers()),
        ((422, "invalid"), vec!["/gender", "/birthDate", "/mobile"])
    );
    assert!(!answer.body.to_string().contains("planted"), "{answer:?}");
    let text = api.send(reqwest::Method::PUT, &path("MR-1"), Some(&api.key), "{\"name\":".to_owned()).await;
    assert_eq!(super::read(text).await.refusal(), (400, "malformed"));
    let nested = "[".repeat(100_000);
    let text = api.send(reqwest::Method::PUT, &path("MR-1"), Some(&api.key), nested).await;
    assert_eq!(super::read(text).await.refusal(), (400, "malformed"));
}

#[tokio::test]
async fn patients_are_found_by_mobile_abha_and_name() {
    let api = Api::start().await;
    let people = [
        (
            "MR-1",
            json!({"name": "Asha Devi", "gender": "F", "yearOfBirth": 1985, "mobile": "9876543210", "abhaAddress": "asha@sbx"}),
        ),
        ("MR-2", json!({"name": "Ravi Kumar", "gender": "M", "yearOfBirth": 1980, "mobile": "9876543210"})),
        (
            "MR-3",
            json!({"name": "अशोक", "gender": "M", "yearOfBirth": 1990, "abhaNumber": "91-1234-5678-9015"}),
        ),
    ];
    for (reference, body) in people {
        api.world.clock.advance(std::time::Duration::from_secs(1));
        api.put(&path(reference), body).await;
    }
    let found = async |query: &str| -> Vec<String> {
        let answer = api.get(&Api::in_facility(&format!("/patients?{query}"))).await;
        let items = answer.body["items"].as_array().unwrap_or_else(|| panic!("{query}: {answer:?}")).iter();
        items.map(|item| item["patientRef"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(found("").await, ["MR-3", "MR-2", "MR-1"]);
    assert_eq!(found("mobile=%2B91-9876543210").await, ["MR-2", "MR-1"]);
    assert_eq!(found("abhaAddress=ASHA%40sbx").await, ["MR-1"]);
    assert_eq!(found("abhaNumber=91123456789015").await, ["MR-3"]);
    assert_eq!(found("q=devi").await, ["MR-1"]);
    assert_eq!(found("q=%E0%A4%85%E0%A4%B6%E0%A5%8B%E0%A4%95").await, ["MR-3"], "in its own script");
    assert_eq!(found("q=mr-2").await, ["MR-2"]);
    assert_eq!(found("q=nobody").await, [] as [&str; 0]);
    assert_eq!(found("q=a&mobile=9876543210").await, ["MR-2", "MR-1"]);

    let first = api.get(&Api::in_facility("/patients?q=a&limit=1")).await;
    let next = first.body["next"].as_str().unwrap();
    let second = api.get(&Api::in_facility(&format!("/patients?q=a&limit=1&cursor={next}"))).await;
    assert_ne!(first.body["items"], second.body["items"]);
    let wrong = api.get(&Api::in_facility("/patients?mobile=12&abhaNumber=1")).await;
    assert_eq!((wrong.refusal(), wrong.pointers()), ((422, "invalid"), vec!["/mobile", "/abhaNumber"]));
}
