//! Webhooks: the HMIS is told what happens, signed, until it has taken it.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use serde_json::{Value, json};
use store::on_both_databases;
use tokio::net::TcpListener;

use crate::api::{Answer, Api, read};
use crate::steps::{MINUTE, ONE, SECOND};
use crate::world::{PATIENCE, RAMESH, World};

/// What an HMIS was told, and what it answers.
#[derive(Debug, Default)]
struct Heard {
    messages: Vec<(HeaderMap, Bytes)>,
    refusing: bool,
}

type Ears = Arc<Mutex<Heard>>;

async fn hear(State(ears): State<Ears>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let mut heard = ears.lock().unwrap();
    heard.messages.push((headers, body));
    if heard.refusing { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::NO_CONTENT }
}

async fn hmis() -> (Ears, String) {
    let ears = Ears::default();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/events", listener.local_addr().unwrap());
    let router = Router::new().route("/events", post(hear)).with_state(Arc::clone(&ears));
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    (ears, url)
}

fn path(rest: &str) -> String {
    Api::in_facility(&format!("/webhooks/hmis{rest}"))
}

async fn retry(api: &Api, id: &str) -> Answer {
    read(api.post_text(&path(&format!("/deliveries/{id}/retry")), String::new()).await).await
}

/// A message's parts, and that its signature is right.
fn verified((headers, body): &(HeaderMap, Bytes), secret: &str) -> (String, Value) {
    let header = |name: &str| headers[name].to_str().unwrap().to_owned();
    let key = base64_simd::STANDARD.decode_to_vec(secret.strip_prefix("whsec_").unwrap()).unwrap();
    let (id, time) = (header("webhook-id"), header("webhook-timestamp"));
    let text = std::str::from_utf8(body).unwrap();
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, &key);
    let signature = header("webhook-signature");
    let tag = base64_simd::STANDARD.decode_to_vec(signature.strip_prefix("v1,").unwrap()).unwrap();
    aws_lc_rs::hmac::verify(&key, format!("{id}.{time}.{text}").as_bytes(), &tag).unwrap();
    (id, serde_json::from_str(text).unwrap())
}

on_both_databases! {
    async fn an_event_is_told_signed_again_until_taken_and_once_more_when_asked(database: TestDatabase) {
        let api = Api::of(World::on(database).await).await;
        let (ears, url) = hmis().await;
        ears.lock().unwrap().refusing = true;
        let body = json!({"url": url, "events": ["care_context.linked"]});
        let made = api.put(&path(""), body.clone()).await;
        assert_eq!((made.status.as_u16(), &made.body["events"]), (201, &json!(["care_context.linked"])));
        let secret = made.body["secret"].as_str().unwrap().to_owned();
        let again = api.put(&path(""), body).await;
        assert_eq!((again.status.as_u16(), again.body.get("secret")), (200, None), "a secret is shown once");

        let patient = api.world.patient("P1", RAMESH).await;
        api.world.visit(&patient, "visit-1", &ONE).await;
        let heard = |count: usize| {
            let ears = Arc::clone(&ears);
            async move || Some(()).filter(|()| ears.lock().unwrap().messages.len() >= count)
        };
        api.world.after(MINUTE, heard(1)).await;
        let failed_once = async || {
            let found = api.get(&path("/deliveries?state=pending")).await;
            Some(found.body["items"][0].clone()).filter(|one| one["lastStatus"] == 503)
        };
        let waiting = api.world.until(failed_once).await;
        assert!(waiting["nextAttemptAt"].is_string() && waiting["attempts"] == 1, "{waiting}");
        ears.lock().unwrap().refusing = false;
        api.world.after(SECOND * 6, heard(2)).await;
        let delivered = async || {
            let found = api.get(&path("/deliveries?state=delivered")).await;
            Some(found.body["items"][0].clone()).filter(Value::is_object)
        };
        let taken = api.world.until(delivered).await;
        assert_eq!((&taken["attempts"], &taken["lastStatus"]), (&json!(2), &json!(204)));

        let answer = retry(&api, taken["id"].as_str().unwrap()).await;
        assert_eq!((answer.status.as_u16(), &answer.body["state"]), (202, &json!("pending")));
        api.world.after(SECOND, heard(3)).await;
        let messages = std::mem::take(&mut ears.lock().unwrap().messages);
        let told: Vec<_> = messages.iter().map(|message| verified(message, &secret)).collect();
        assert!(told.iter().all(|one| *one == told[0]), "the same message under the same id");
        assert_eq!((&told[0].1["type"], &told[0].1["data"]["state"]), (&json!("care_context.linked"), &json!("linked")));
        assert_eq!(told[0].0, taken["eventId"].as_str().unwrap());
    }
}

#[tokio::test]
async fn a_telling_that_nobody_takes_is_given_up_after_its_schedule() {
    let api = Api::start().await;
    let (ears, url) = hmis().await;
    ears.lock().unwrap().refusing = true;
    api.put(&path(""), json!({"url": url})).await;
    let patient = api.world.patient("P1", RAMESH).await;
    api.world.visit(&patient, "visit-1", &ONE).await;
    let given_up = async || {
        api.world.clock.advance(MINUTE * 30);
        let found = api.get(&path("/deliveries?state=failed")).await;
        Some(found.body["items"][0].clone()).filter(Value::is_object)
    };
    let failed = tokio::time::timeout(PATIENCE, api.world.until(given_up)).await.unwrap();
    assert_eq!(
        (&failed["attempts"], &failed["lastError"]),
        (&json!(10), &json!("answered HTTP 503 Service Unavailable"))
    );
}

#[tokio::test]
async fn wrong_webhooks_are_refused_and_a_deleted_one_hears_nothing_more() {
    let api = Api::start().await;
    for (body, pointers) in [
        (json!({"url": "ftp://x"}), vec!["/url"]),
        (json!({"url": "http://user:secret@x/"}), vec!["/url"]),
        (json!({"url": "nothing", "events": ["care_context.linked", "x"]}), vec!["/url", "/events/1"]),
    ] {
        let answer = api.put(&path(""), body).await;
        assert_eq!((answer.refusal(), answer.pointers()), ((422, "invalid"), pointers));
    }
    assert_eq!(
        api.put(&Api::in_facility("/webhooks/a%20b"), json!({"url": "http://x/"})).await.refusal().0,
        422
    );
    assert_eq!(api.get(&path("")).await.refusal(), (404, "not_found"));
    assert_eq!(api.get(&path("/deliveries")).await.refusal(), (404, "not_found"));
    assert_eq!(retry(&api, &uuid::Uuid::nil().to_string()).await.refusal(), (404, "not_found"));

    let (ears, url) = hmis().await;
    assert_eq!(api.put(&path(""), json!({"url": url})).await.status, 201);
    assert_eq!(api.get(&Api::in_facility("/webhooks")).await.body["items"][0]["url"], url);
    assert_eq!(api.delete(&path("")).await.status, 204);
    assert_eq!(api.delete(&path("")).await.refusal(), (404, "not_found"));
    let patient = api.world.patient("P1", RAMESH).await;
    api.world.visit(&patient, "visit-1", &ONE).await;
    api.world.link_after(MINUTE, &patient, "visit-1", domain::link::LinkState::Linked).await;
    assert_eq!(ears.lock().unwrap().messages.len(), 0);
}
