//! Documents over the API without keeping anything.

use serde_json::{Value, json};

use super::{Api, read};

const SLUGS: [&str; 8] = [
    "op-consultation",
    "prescription",
    "diagnostic-report",
    "discharge-summary",
    "immunization",
    "health-document",
    "wellness-record",
    "invoice",
];

fn prescription() -> Value {
    json!({
        "bundleType": "PrescriptionRecord",
        "careContextReference": "visit-abc-123",
        "patient": {"name": "Amar", "patientReference": "MR-1", "gender": "male", "birthDate": "2000-01-05"},
        "practitioners": [{"name": "Dr. Priya", "practitionerId": "MH-45713"}],
        "authoredOn": "2026-01-15",
        "prescriptions": [{"medicine": "Azithromycin 500 mg", "dosage": "1-0-1", "timing": "2-5-d", "route": "Oral"}],
    })
}

async fn post(api: &Api, slug: &str, key: &str, body: String) -> super::Answer {
    read(api.send(reqwest::Method::POST, &format!("/v1/bundle/{slug}"), Some(key), body).await).await
}

#[tokio::test]
async fn a_body_as_the_fhir_mapper_takes_it_gives_a_document_with_any_key_and_stores_nothing() {
    let api = Api::start().await;
    let stranger = api.key(Some("IN0000000002")).await;
    let answer = post(&api, "prescription", &stranger, prescription().to_string()).await;
    assert_eq!((answer.status.as_u16(), &answer.body["type"]), (201, &json!("document")), "{answer:?}");
    let composition = &answer.body["entry"][0]["resource"];
    assert_eq!(composition["resourceType"], "Composition");
    let profile = composition["meta"]["profile"][0].as_str().unwrap();
    assert!(profile.ends_with("/PrescriptionRecord"), "{profile}");
    let issues = nrces::validate::validate(&answer.body, nrces::validate::Mode::Send);
    assert!(issues.iter().all(|issue| !issue.is_error()), "{issues:?}");

    let patients = api.get(&Api::in_facility("/patients")).await;
    assert_eq!(patients.body["items"], json!([]));
}

#[tokio::test]
async fn with_an_id_the_same_body_gives_the_same_document_and_without_one_never() {
    let api = Api::start().await;
    let key = api.key(None).await;
    let mut named = prescription();
    named["id"] = json!("rx-2026-0001");
    let build = async |body: &Value| post(&api, "prescription", &key, body.to_string()).await.body;
    assert_eq!(build(&named).await, build(&named).await);
    assert_ne!(build(&prescription()).await["id"], build(&prescription()).await["id"]);
}

#[tokio::test]
async fn what_hinders_a_document_is_named_by_its_place() {
    let api = Api::start().await;
    let key = api.key(None).await;
    let mut nameless = prescription();
    nameless["prescriptions"] = json!([]);
    nameless["patient"].as_object_mut().unwrap().remove("name");
    let answer = post(&api, "prescription", &key, nameless.to_string()).await;
    assert_eq!(answer.refusal(), (422, "invalid"));
    assert!(answer.pointers().contains(&"/patient/name"), "{answer:?}");

    let wrong_type = json!({"patient": "Amar"}).to_string();
    for body in ["", "{", "[]", &wrong_type, &"[".repeat(20_000)] {
        let answer = post(&api, "prescription", &key, body.to_owned()).await;
        assert_eq!(answer.refusal(), (400, "malformed"), "{answer:?}");
    }
    let nothing = post(&api, "x-ray", &key, prescription().to_string()).await;
    assert_eq!(nothing.refusal(), (404, "not_found"));
}

#[tokio::test]
async fn every_record_type_has_its_schema() {
    let api = Api::start().await;
    for slug in SLUGS {
        let schema = api.get(&format!("/v1/bundle/{slug}/schema")).await;
        assert_eq!(schema.status, 200);
        assert!(schema.body["$schema"].as_str().unwrap().contains("2020-12"), "{slug}");
        assert!(schema.body["properties"].as_object().unwrap().len() > 3, "{slug}");
    }
    assert_eq!(api.get("/v1/bundle/x-ray/schema").await.refusal(), (404, "not_found"));
}
