//! Who may ask for what: a table made from the API's own description, so that no route is forgotten.

use reqwest::Method;
use serde_json::Value;

use super::{Api, read};
use crate::world::FACILITY;

/// Routes that name no facility: they show what the key opens, and are tested one by one below.
const WITHOUT_FACILITY: [&str; 8] = [
    "/v1/bundle/{recordType}",
    "/v1/bundle/{recordType}/schema",
    "/v1/facilities",
    "/v1/exchanges",
    "/v1/exchanges/{id}",
    "/v1/exchanges/{id}/replay",
    "/v1/terminology/search",
    "/v1/terminology/unmapped",
];

fn routes() -> Vec<(Method, String)> {
    let document: Value = serde_json::from_str(&kadi::http::api::document_text().unwrap()).unwrap();
    let mut routes = Vec::new();
    for (path, operations) in document["paths"].as_object().unwrap() {
        for method in operations.as_object().unwrap().keys() {
            routes.push((method.to_uppercase().parse().unwrap(), path.clone()));
        }
    }
    assert!(routes.len() > 15, "{routes:?}");
    routes
}

/// The path with its parameters filled in.
fn filled(path: &str) -> String {
    let path = path.replace("{facilityId}", FACILITY).replace("{id}", "019b0000-0000-7000-8000-000000000000");
    let filled = path.split('/').map(|part| if part.starts_with('{') { "X-1" } else { part });
    filled.collect::<Vec<_>>().join("/")
}

#[tokio::test]
async fn no_route_is_answered_without_a_valid_key() {
    let api = Api::start().await;
    for (method, path) in routes() {
        let path = filled(&path);
        for key in [None, Some("kadi_wrong"), Some("")] {
            let answer = read(api.send(method.clone(), &path, key, "{}".to_owned()).await).await;
            assert_eq!(answer.refusal(), (401, "unauthenticated"), "{method} {path} {key:?}");
        }
    }
}

#[tokio::test]
async fn every_facility_route_is_404_with_another_facilitys_key() {
    let api = Api::start().await;
    let foreign = api.key(Some("IN0000000002")).await;
    for (method, path) in routes() {
        if WITHOUT_FACILITY.contains(&path.as_str()) {
            continue;
        }
        assert!(
            path.starts_with("/v1/facilities/{facilityId}"),
            "{path} is in no facility: add a test of its own"
        );
        let body = "{\"name\":1".to_owned();
        let answer = read(api.send(method.clone(), &filled(&path), Some(&foreign), body).await).await;
        assert_eq!(answer.refusal(), (404, "not_found"), "{method} {path}: not even that the body is wrong");
    }
}

#[tokio::test]
async fn without_a_key_not_even_the_path_is_looked_at() {
    let api = Api::start().await;
    for path in ["/v1", "/v1/", "/v1/nothing", "/v1/facilities/%zz/patients"] {
        let answer = read(api.send(Method::GET, path, None, String::new()).await).await;
        assert_eq!(answer.refusal(), (401, "unauthenticated"), "{path}");
        let answer = api.get(path).await;
        assert_eq!(answer.refusal(), (404, "not_found"), "{path}");
    }
    let answer = api.delete("/v1/facilities").await;
    assert_eq!(answer.refusal(), (405, "method_not_allowed"));
    let answer = read(api.send(Method::DELETE, "/v1/facilities", None, String::new()).await).await;
    assert_eq!(answer.refusal(), (401, "unauthenticated"));
}

#[tokio::test]
async fn the_key_comes_as_bearer_in_any_case_and_in_no_other_scheme() {
    let api = Api::start().await;
    let key = api.key(None).await;
    let url = format!("http://{}/v1/facilities", api.world.bridge.private);
    for (header, status) in [
        (format!("bearer {key}"), 200),
        (format!("BEARER  {key}"), 200),
        (key.clone(), 401),
        (format!("Basic {key}"), 401),
        (format!("Bearer {key}x"), 401),
    ] {
        let response = super::client().get(&url).header("authorization", header).send().await.unwrap();
        assert_eq!(response.status(), status);
        if status == 401 {
            assert_eq!(response.headers()["www-authenticate"], "Bearer realm=\"kadi\"");
        }
    }
}

#[tokio::test]
async fn a_revoked_key_is_refused_at_once() {
    let api = Api::start().await;
    assert_eq!(api.get("/v1/facilities").await.status, 200);
    let mut tx = api.world.tx().await;
    let id = tx.keys().await.unwrap().pop().unwrap().id;
    tx.revoke_key(&id).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(api.get("/v1/facilities").await.refusal(), (401, "unauthenticated"));
}

#[tokio::test]
async fn the_use_of_a_key_is_noted() {
    let api = Api::start().await;
    api.get("/v1/facilities").await;
    let key = api.world.tx().await.keys().await.unwrap().pop().unwrap();
    assert!(key.last_used_at.is_some());
}

#[tokio::test]
async fn a_facilitys_key_lists_its_own_and_an_administrators_all() {
    let api = Api::start().await;
    api.other_facility("IN0000000002").await;
    let ids = |answer: &super::Answer| -> Vec<String> {
        let items = answer.body["items"].as_array().unwrap().iter();
        items.map(|item| item["facilityId"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(ids(&api.get("/v1/facilities").await), [FACILITY]);
    let api = Api { key: api.key(None).await, ..api };
    assert_eq!(ids(&api.get("/v1/facilities").await).len(), 2);
}

#[tokio::test]
async fn exchanges_of_another_facility_are_not_there() {
    let api = Api::start().await;
    api.other_facility("IN0000000002").await;
    api.known_patient("P1", crate::world::RAMESH).await;
    let visit = serde_json::json!({"display": "Visit", "date": "2026-01-15", "records": [super::visits::prescription()]});
    api.put(&Api::in_facility("/patients/P1/care-contexts/V1"), visit).await;
    let exchanges = api.get("/v1/exchanges").await;
    let id = exchanges.body["items"][0]["id"].as_str().unwrap().to_owned();
    assert_eq!(api.get(&format!("/v1/exchanges/{id}")).await.status, 200);

    let foreign = Api { key: api.key(Some("IN0000000002")).await, ..api };
    assert_eq!(foreign.get(&format!("/v1/exchanges/{id}")).await.refusal(), (404, "not_found"));
    assert_eq!(foreign.get("/v1/exchanges").await.body["items"], serde_json::json!([]));
    let asked = foreign.get(&format!("/v1/exchanges?facilityId={FACILITY}")).await;
    assert_eq!(asked.refusal(), (404, "not_found"));

    let admin = Api { key: foreign.key(None).await, ..foreign };
    let all = admin.get(&format!("/v1/exchanges?facilityId={FACILITY}")).await;
    assert!(!all.body["items"].as_array().unwrap().is_empty());
    assert_eq!(admin.get("/v1/exchanges?facilityId=IN0000000002").await.body["items"], serde_json::json!([]));
}

#[tokio::test]
async fn what_needs_no_key_is_answered_without() {
    let api = Api::start().await;
    for path in ["/healthz", "/readyz", "/openapi.json", "/docs"] {
        let response = api.send(Method::GET, path, None, String::new()).await;
        assert_eq!(response.status(), 200, "{path}");
    }
    let answer = read(api.send(Method::GET, "/nothing", None, String::new()).await).await;
    assert_eq!(answer.refusal(), (404, "not_found"));
}
