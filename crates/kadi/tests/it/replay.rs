//! An exchange that is refused or overdue is run again by a person, and nothing else is.

use domain::exchange::ExchangeState;
use domain::link::LinkState;
use sandbox::{SandboxConfig, Timing};
use serde_json::json;
use store::testing::TestDatabase;

use crate::api::{Answer, Api, read};
use crate::steps::{CONTEXT_NOTIFY, GENERATE_TOKEN, HOUR, LINK, ONE, SECOND, TWO};
use crate::world::{RAMESH, World};

/// A context notify that ABDM did not take however often it was told, as it knew of the link too late.
async fn refused() -> (Api, String) {
    let timing = Timing { notify_after_link: HOUR, ..Timing::default() };
    let config = SandboxConfig { timing, ..SandboxConfig::default() };
    let world = World::with(TestDatabase::sqlite(), config, "").await;
    let patient = world.patient("P1", RAMESH).await;
    world.visit(&patient, "visit-1", &ONE).await;
    world.until_link(&patient, "visit-1", LinkState::Linked).await;
    world.visit(&patient, "visit-1", &TWO).await;
    for (count, wait) in [(1, 0), (2, 5), (3, 30), (4, 60), (5, 120)] {
        let look = async || Some(()).filter(|()| world.calls(CONTEXT_NOTIFY).len() >= count);
        world.after(SECOND * wait, look).await;
        world.until_answered(CONTEXT_NOTIFY, count).await;
    }
    let exchange = world.exchanges_of(CONTEXT_NOTIFY).await.pop().unwrap();
    assert_eq!(exchange.state, ExchangeState::Refused);
    (Api::of(world).await, exchange.id.to_string())
}

async fn replay(api: &Api, id: &str, body: &str) -> Answer {
    read(api.post_text(&format!("/v1/exchanges/{id}/replay"), body.to_owned()).await).await
}

#[tokio::test]
async fn a_refused_call_goes_out_again_and_its_reason_is_kept() {
    let (api, id) = refused().await;
    let world = &api.world;
    world.clock.advance(HOUR);
    let answer = replay(&api, &id, &json!({"reason": "ABDM has\ncaught up"}).to_string()).await;
    assert_eq!((answer.status.as_u16(), &answer.body["state"]), (202, &json!("sent")), "{answer:?}");
    let answered = async || {
        let exchange = api.get(&format!("/v1/exchanges/{id}")).await;
        Some(()).filter(|()| exchange.body["state"] == "answered")
    };
    world.until(answered).await;
    assert_eq!(world.calls(CONTEXT_NOTIFY).len(), 6);
    let mut tx = world.core().store.read().await.unwrap();
    let lines = tx.audit_lines(&crate::world::id(), 0, 1000).await.unwrap();
    let line = lines.iter().find(|line| line.subject == id).unwrap();
    assert_eq!(line.action, "exchange replayed: ABDM hascaught up");
    assert_eq!(tx.verify_audit(&crate::world::id()).await.unwrap().unwrap().seq, lines.len() as u64);
    assert_eq!(replay(&api, &id, "").await.refusal(), (409, "conflict"), "it is answered now");
    world.assert_clean().await;
}

#[tokio::test]
async fn what_is_answered_anothers_or_a_link_token_is_not_run_again() {
    let (api, id) = refused().await;
    for path in [GENERATE_TOKEN, LINK] {
        let exchange = api.world.exchanges_of(path).await.pop().unwrap().id.to_string();
        assert_eq!(replay(&api, &exchange, "").await.refusal(), (409, "conflict"));
    }
    assert_eq!(replay(&api, &id, "{\"reason\": 7}").await.refusal(), (400, "malformed"));
    assert_eq!(replay(&api, &uuid::Uuid::nil().to_string(), "").await.refusal(), (404, "not_found"));
    let stranger = api.key(Some("IN0000000002")).await;
    let path = format!("/v1/exchanges/{id}/replay");
    let foreign = api.send(reqwest::Method::POST, &path, Some(&stranger), String::new()).await;
    assert_eq!(read(foreign).await.refusal(), (404, "not_found"));
    assert_eq!(api.world.calls(CONTEXT_NOTIFY).len(), 5);
}
