//! Linking by the patient in v0.5.

use sandbox::{ApiVersion, DiscoveryWanted, Handle, LinkingState};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::bridge::{Bridge, http, now_of};
use crate::hip::{Callback, Hip};
use crate::{HIP, RAMESH, sandbox};

const ON_DISCOVER: &str = "/gateway/v0.5/care-contexts/on-discover";
const ON_INIT: &str = "/gateway/v0.5/links/link/on-init";
const ON_CONFIRM: &str = "/gateway/v0.5/links/link/on-confirm";

/// Posts with v0.5's headers; `token` none for no `Authorization`.
async fn post(sandbox: &Handle, path: &str, token: Option<&str>, body: &Value) -> (u16, Value) {
    let mut request = http()
        .post(format!("{}{path}", sandbox.base_url()))
        .header("content-type", "application/json")
        .header("x-cm-id", "sbx")
        .body(body.to_string());
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    let answer = request.send().await.unwrap();
    let status = answer.status().as_u16();
    (status, serde_json::from_str(&answer.text().await.unwrap()).unwrap_or(Value::Null))
}

async fn session(sandbox: &Handle) -> String {
    let credentials = json!({"clientId": "SBX_000000", "clientSecret": "00000000-0000-0000-0000-000000000000",
        "grantType": "client_credentials"});
    let (status, said) = post(sandbox, "/gateway/v0.5/sessions", None, &credentials).await;
    assert_eq!(status, 200);
    said["accessToken"].as_str().unwrap().to_owned()
}

async fn discovered(sandbox: &Handle, hip: &Hip) -> (String, Callback) {
    let wanted = DiscoveryWanted {
        abha_address: RAMESH.into(),
        hip_id: HIP.into(),
        version: ApiVersion::V05,
        ..DiscoveryWanted::default()
    };
    let linking = sandbox.state().discover(&wanted).unwrap();
    (linking.transaction_id, hip.first("/v0.5/care-contexts/discover").await)
}

async fn head(sandbox: &Handle, asked: &Callback) -> Value {
    json!({"requestId": Uuid::new_v4().to_string(), "timestamp": format!("{:.3}", now_of(sandbox).await),
        "resp": {"requestId": asked.body["requestId"]}})
}

fn with(mut head: Value, more: &Value) -> Value {
    head.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    head
}

fn patient() -> Value {
    json!({"referenceNumber": "P1", "display": "Ramesh Kumar",
        "careContexts": [{"referenceNumber": "v1", "display": "OPD visit"}], "matchedBy": ["HEALTH_ID"]})
}

#[tokio::test]
async fn a_patient_links_in_v05_with_ids_and_times_in_the_bodies() {
    let sandbox = sandbox().await;
    let hip = Hip::of(&sandbox).await;
    let state = sandbox.state();
    let token = session(&sandbox).await;
    let (transaction, asked) = discovered(&sandbox, &hip).await;
    assert!(asked.headers.get("request-id").is_none() && asked.headers.get("timestamp").is_none());
    assert_eq!(asked.header("x-hip-id"), HIP);
    assert_eq!(asked.body["patient"]["verifiedIdentifiers"][1]["type"], "NDHM_HEALTH_NUMBER");
    let found = json!({"transactionId": transaction, "patient": patient()});
    let reply = with(head(&sandbox, &asked).await, &found);
    assert_eq!(post(&sandbox, ON_DISCOVER, Some(&token), &reply).await.0, 202);

    state.init_link(&transaction, &sandbox::Choice::default()).unwrap();
    let asked = hip.first("/v0.5/links/link/init").await;
    assert_eq!(
        asked.body["patient"],
        json!({"id": RAMESH, "referenceNumber": "P1", "careContexts": [{"referenceNumber": "v1"}]})
    );
    let link = json!({"transactionId": transaction, "link": {"referenceNumber": Uuid::new_v4().to_string(),
        "authenticationType": "DIRECT", "meta": {"communicationMedium": "MOBILE", "communicationHint": "OTP",
        "communicationExpiry": "2026-09-16T10:22:48.483Z"}}});
    assert_eq!(
        post(&sandbox, ON_INIT, Some(&token), &with(head(&sandbox, &asked).await, &link)).await.0,
        202
    );

    state.confirm_link(&transaction, &json!("123456")).unwrap();
    let asked = hip.first("/v0.5/links/link/confirm").await;
    let mut linked = patient();
    linked.as_object_mut().unwrap().remove("matchedBy");
    let reply = with(head(&sandbox, &asked).await, &json!({"patient": linked}));
    assert_eq!(post(&sandbox, ON_CONFIRM, Some(&token), &reply).await.0, 202);
    assert_eq!(state.linking(&transaction).unwrap().state, LinkingState::Linked);
    assert_eq!(state.links(RAMESH).len(), 1);
    let violations = state.violations();
    assert!(violations.iter().all(|violation| violation.rule == "no-such-path"), "{violations:?}");
}

#[tokio::test]
async fn what_is_not_v05_is_refused_there_with_a_number() {
    let sandbox = sandbox().await;
    let hip = Hip::of(&sandbox).await;
    let token = session(&sandbox).await;
    let (transaction, asked) = discovered(&sandbox, &hip).await;
    let right =
        with(head(&sandbox, &asked).await, &json!({"transactionId": transaction, "patient": patient()}));
    let v3_session = Bridge::of(&sandbox).await.token;
    assert_eq!(post(&sandbox, ON_DISCOVER, Some(&v3_session), &right).await.0, 401, "a session of V3");
    assert_eq!(post(&sandbox, ON_DISCOVER, None, &right).await.0, 401);
    let changed = |pointer: &str, value: Value| {
        let mut body = right.clone();
        body["requestId"] = json!(Uuid::new_v4().to_string());
        *body.pointer_mut(pointer).unwrap() = value;
        body
    };
    let error = |code: Value| {
        let mut body = changed("/patient", Value::Null);
        body["error"] = json!({"code": code, "message": "No"});
        body
    };
    let mut spoken_v3 = changed("/resp", Value::Null);
    spoken_v3["response"] = right["resp"].clone();
    for (body, why) in [
        (changed("/requestId", Value::Null), "no id"),
        (changed("/timestamp", json!("today")), "no time"),
        (changed("/resp/requestId", json!(Uuid::new_v4().to_string())), "another's id"),
        (changed("/patient", json!([patient()])), "patient is an array in V3 only"),
        (changed("/patient/matchedBy", json!(["ABHA_ADDRESS"])), "a word of V3"),
        (changed("/patient/careContexts", json!([])), "nothing offered"),
        (error(json!("ABDM-1010")), "a code of V3"),
        (spoken_v3, "response is V3's"),
    ] {
        let (status, said) = post(&sandbox, ON_DISCOVER, Some(&token), &body).await;
        assert_eq!(status, 400, "{why}");
        assert!(said["error"]["code"].is_u64(), "{why}: {said}");
    }
    assert_eq!(post(&sandbox, ON_DISCOVER, Some(&token), &error(json!(3404))).await.0, 202);
}

#[tokio::test]
async fn the_keys_of_v05_are_public_and_not_those_of_v3() {
    let sandbox = sandbox().await;
    let said = http().get(format!("{}/gateway/v0.5/certs", sandbox.base_url())).send().await.unwrap();
    assert_eq!(said.status(), 200);
    let older: Value = said.json().await.unwrap();
    let bridge = Bridge::of(&sandbox).await;
    let now = now_of(&sandbox).await;
    let path = "/api/hiecm/gateway/v3/certs";
    let v3 = bridge.call(reqwest::Method::GET, path, now).send().await.json();
    assert!(v3["keys"].as_array().unwrap().iter().all(|key| key["kid"] != older["keys"][0]["kid"]));
}
