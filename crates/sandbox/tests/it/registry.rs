//! Bridge URL, services and the registry's linking call.

use reqwest::Method;
use serde_json::{Value, json};

use crate::bridge::{Bridge, now_of};
use crate::sandbox;

const URL: &str = "/api/hiecm/gateway/v3/bridge/url";
const SERVICES: &str = "/api/hiecm/gateway/v3/bridge-services";
const REGISTER: &str = "/v1/bridges/MutipleHRPAddUpdateServices";

#[tokio::test]
async fn the_bridge_url_is_set_and_read_back_with_the_services() {
    let sandbox = sandbox().await;
    let bridge = Bridge::of(&sandbox).await;
    let now = now_of(&sandbox).await;
    let body = json!({"url": "https://hip.example.org/abdm"});
    let set = bridge
        .call(Method::PATCH, URL, now)
        .raw(&body.to_string())
        .with("content-type", "application/json")
        .send()
        .await;
    assert_eq!((set.status, set.body.as_str()), (202, ""));
    let listed = bridge.get(SERVICES, now).send().await.json();
    assert_eq!(listed["bridge"]["url"], "https://hip.example.org/abdm");
    assert_eq!(listed["bridge"]["id"], "SBX_000000");
    let ids: Vec<_> = listed["services"]
        .as_array()
        .unwrap()
        .iter()
        .map(|service| service["id"].as_str().unwrap())
        .collect();
    assert_eq!(
        ids,
        ["IN2710000001_1", "IN2810014366"],
        "the service id of a later bridge is not the facility id"
    );
    assert_eq!(listed["services"][1]["types"], json!(["HIP", "HIU"]));
}

#[tokio::test]
async fn a_bridge_url_that_is_none_is_refused() {
    let sandbox = sandbox().await;
    let bridge = Bridge::of(&sandbox).await;
    let now = now_of(&sandbox).await;
    for url in [json!("not a url"), json!("ftp://x"), json!("https://h.example/a?b=c"), json!(7), Value::Null]
    {
        let body = json!({"url": url}).to_string();
        let said = bridge
            .call(Method::PATCH, URL, now)
            .raw(&body)
            .with("content-type", "application/json")
            .send()
            .await;
        assert_eq!(said.code(), (400, "ABDM-1015".into()), "{body}");
    }
}

#[tokio::test]
async fn one_service_is_shown_and_an_unknown_one_is_no_content() {
    let sandbox = sandbox().await;
    let bridge = Bridge::of(&sandbox).await;
    let now = now_of(&sandbox).await;
    let one =
        bridge.get("/api/hiecm/gateway/v3/bridge-service/serviceId/IN2810014366", now).send().await.json();
    assert!(one["id"].is_number());
    assert_eq!((&one["isHip"], &one["bridgeId"]), (&json!(true), &json!("SBX_000000")));
    let none = bridge.get("/api/hiecm/gateway/v3/bridge-service/serviceId/IN0000000000", now).send().await;
    assert_eq!(none.status, 204);
}

fn registration(facility: &str, name: &str, hip_name: &str) -> Value {
    json!({"facilityId": facility, "facilityName": name,
        "HRP": [{"bridgeId": "SBX_000000", "hipName": hip_name, "type": "HIP", "active": true}]})
}

#[tokio::test]
async fn the_registry_answers_200_for_failures_too() {
    let sandbox = sandbox().await;
    let bridge = Bridge::of(&sandbox).await;
    let now = now_of(&sandbox).await;
    let register =
        |body: Value| bridge.post(REGISTER, &body, now).without("x-cm-id").without("request-id").send();

    let name = register(registration("IN2810014366", "Another Hospital", "Kadi Demo")).await;
    assert_eq!(name.status, 200);
    assert_eq!(name.json()[0]["error"]["code"], "2500");
    let long = register(registration("IN2810014366", "Kadi Demo Hospital", "Kadi Demo Hospital")).await;
    assert_eq!((long.status, &long.json()["details"][0]["code"]), (200, &json!("HIS-1070")));

    sandbox
        .state()
        .put_facility(sandbox::Facility { facility_id: "IN3010000009".into(), name: "New Clinic".into() });
    register(registration("IN2810014366", "Kadi Demo Hospital", "Demo")).await;
    let taken = register(registration("IN3010000009", "New Clinic", "demo")).await;
    assert_eq!(
        (taken.status, &taken.json()["details"][0]["code"]),
        (200, &json!("HIS-1070")),
        "a name is one's own"
    );
    let linked = register(registration("IN3010000009", "New Clinic", "New Clinic")).await;
    assert_eq!(linked.json()[0]["servicesLinked"]["id"], "IN3010000009");
    let listed = bridge.get(SERVICES, now).send().await.json();
    let service = listed["services"]
        .as_array()
        .unwrap()
        .iter()
        .find(|service| service["id"] == "IN3010000009")
        .unwrap()
        .clone();
    assert_eq!(service["types"], json!(["HIP", "HIU"]), "a service registered as HIP comes back with both");
}

#[tokio::test]
async fn a_second_bridge_at_a_facility_gets_a_number_behind_the_facility_id() {
    let sandbox = sandbox().await;
    sandbox
        .state()
        .put_bridge("SBX_000001", sandbox::BridgeChange { secret: Some("s".into()), ..Default::default() });
    let mut bridge = Bridge::of(&sandbox).await;
    let now = now_of(&sandbox).await;
    let credentials =
        json!({"clientId": "SBX_000001", "clientSecret": "s", "grantType": "client_credentials"});
    let session = bridge
        .post("/api/hiecm/gateway/v3/sessions", &credentials, now)
        .without("authorization")
        .send()
        .await;
    bridge.token = session.json()["accessToken"].as_str().unwrap().to_owned();
    let body = json!({"facilityId": "IN2810014366", "facilityName": "Kadi Demo Hospital",
        "HRP": [{"bridgeId": "SBX_000001", "hipName": "Second", "type": "HIP", "active": true}]});
    let linked = bridge.post(REGISTER, &body, now).send().await.json();
    assert_eq!(linked[0]["servicesLinked"]["id"], "IN2810014366_1");
}
