//! Facilities over the API.

use serde_json::json;

use super::Api;
use crate::world::FACILITY;

const OTHER: &str = "/v1/facilities/IN0000000002";

#[tokio::test]
async fn an_administrator_stores_and_changes_a_facility() {
    let api = Api::as_admin().await;
    let stored = api.put(OTHER, json!({"name": "Sunrise Clinic", "roles": ["HIP"]})).await;
    let expected = json!({"facilityId": "IN0000000002", "name": "Sunrise Clinic", "roles": ["HIP"],
        "hipId": "IN0000000002", "hiuId": "IN0000000002"});
    assert_eq!((stored.status.as_u16(), &stored.body), (201, &expected));

    let changed =
        json!({"hipId": "IN0000000002_1", "counters": [{"id": "OPD1", "name": "Reception"}, {"id": "LAB"}]});
    let changed = api.put(OTHER, changed).await;
    assert_eq!(changed.status, 200);
    assert_eq!(changed.body["name"], "Sunrise Clinic", "what is absent is kept");
    assert_eq!(changed.body["hipId"], "IN0000000002_1");
    assert_eq!(changed.body["counters"], json!([{"id": "OPD1", "name": "Reception"}, {"id": "LAB"}]));
    assert_eq!(api.get(OTHER).await.body, changed.body);

    let reset = api.put(OTHER, json!({"hipId": null, "counters": null})).await;
    assert_eq!(reset.body, expected, "null goes back to the default");
}

#[tokio::test]
async fn a_facility_that_is_not_valid_is_told_field_by_field() {
    let api = Api::as_admin().await;
    let answer = api.put(OTHER, json!({})).await;
    assert_eq!((answer.refusal(), answer.pointers()), ((422, "invalid"), vec!["/name", "/roles"]));
    let wrong = json!({"name": " ", "roles": [], "hipId": "a b",
        "counters": [{"id": "no good"}, {"id": "A"}, {"id": "A"}]});
    let answer = api.put(OTHER, wrong).await;
    assert_eq!(answer.pointers(), ["/name", "/roles", "/hipId", "/counters/0/id", "/counters/2/id"]);
    let answer = api.put(OTHER, json!({"name": "A", "roles": ["HOSPITAL"]})).await;
    assert_eq!((answer.refusal(), answer.pointers()), ((422, "invalid"), vec!["/roles/0"]));
    let answer = api.put(OTHER, json!({"name": 7, "roles": ["HIP"]})).await;
    assert_eq!((answer.refusal(), answer.pointers()), ((400, "malformed"), vec!["/name"]));
    let answer = api.put("/v1/facilities/a%20b", json!({"name": "A", "roles": ["HIP"]})).await;
    assert_eq!((answer.refusal(), answer.pointers()), ((422, "invalid"), vec!["/facilityId"]));
}

#[tokio::test]
async fn a_service_id_belongs_to_one_facility() {
    let api = Api::as_admin().await;
    let taken = api.put(OTHER, json!({"name": "A", "roles": ["HIP"], "hipId": FACILITY})).await;
    assert_eq!(taken.refusal(), (409, "conflict"));
    assert_eq!(api.get(OTHER).await.refusal(), (404, "not_found"));
}

#[tokio::test]
async fn a_facilitys_key_reads_its_own_and_stores_none() {
    let api = Api::start().await;
    let own = format!("/v1/facilities/{FACILITY}");
    assert_eq!(api.get(&own).await.status, 200);
    assert_eq!(api.put(&own, json!({"name": "Mine"})).await.refusal(), (403, "forbidden"));
    assert_eq!(api.put(OTHER, json!({"name": "Mine"})).await.refusal(), (404, "not_found"));
}

#[tokio::test]
async fn facilities_are_listed_newest_first_page_by_page() {
    let api = Api::as_admin().await;
    for number in 2..5 {
        api.world.clock.advance(std::time::Duration::from_secs(1));
        api.other_facility(&format!("IN000000000{number}")).await;
    }
    let mut seen = Vec::new();
    let mut path = "/v1/facilities?limit=3".to_owned();
    loop {
        let page = api.get(&path).await;
        let items = page.body["items"].as_array().unwrap();
        seen.extend(items.iter().map(|item| item["facilityId"].as_str().unwrap().to_owned()));
        let Some(next) = page.body["next"].as_str() else { break };
        path = format!("/v1/facilities?limit=3&cursor={next}");
    }
    assert_eq!(seen, ["IN0000000004", "IN0000000003", "IN0000000002", FACILITY]);
    for (query, pointer) in [("limit=0", "/limit"), ("limit=x", "/limit"), ("cursor=%21", "/cursor")] {
        let answer = api.get(&format!("/v1/facilities?{query}")).await;
        assert_eq!((answer.refusal(), answer.pointers()), ((422, "invalid"), vec![pointer]), "{query}");
    }
}
