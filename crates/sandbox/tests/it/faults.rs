//! Faults on request.

use std::time::Duration;

use sandbox::{CallFault, CallbackFault, EffectKind, Fault, Plan, SandboxConfig};
use serde_json::json;

use crate::bridge::{Bridge, LINK, TOKEN, link_body, now_of, token_body};
use crate::hip::Hip;
use crate::{RAMESH, SOON, sandbox, timed};

fn on_calls(fault: Fault<CallFault>) -> Plan {
    Plan { calls: vec![fault], ..Plan::default() }
}

fn on_callbacks(fault: Fault<CallbackFault>) -> Plan {
    Plan { callbacks: vec![fault], ..Plan::default() }
}

#[tokio::test]
async fn a_fault_before_the_effect_leaves_no_effect_and_one_after_it_leaves_it() {
    for (after, linked) in [(false, false), (true, true)] {
        let sandbox = sandbox().await;
        let hip = Hip::of(&sandbox).await;
        let token = hip.link_token(&sandbox).await;
        let fault = Fault::always(CallFault::Broken).on("link/carecontext").times(1);
        sandbox.state().set_faults(on_calls(if after { fault.after() } else { fault }));
        let body = link_body("v1", "OPConsultation");
        let said =
            hip.bridge.post(LINK, &body, now_of(&sandbox).await).with("x-link-token", &token).send().await;
        assert_eq!(said.status, 500);
        assert_eq!(sandbox.state().is_linked(RAMESH, "v1"), linked);
        let again =
            hip.bridge.post(LINK, &body, now_of(&sandbox).await).with("x-link-token", &token).send().await;
        assert_eq!(again.status, if linked { 400 } else { 202 }, "{}", again.body);
        hip.first("on_carecontext").await;
    }
}

#[tokio::test]
async fn every_kind_of_broken_answer_can_be_had() {
    let sandbox = sandbox().await;
    let bridge = Bridge::of(&sandbox).await;
    let now = now_of(&sandbox).await;
    let cases = [
        (CallFault::Unauthorized, 401, "900901"),
        (CallFault::TooMany, 429, "ABDM-1022"),
        (CallFault::Broken, 500, ""),
        (CallFault::BadGateway, 502, ""),
        (CallFault::Unavailable, 503, "ABDM-1024"),
        (CallFault::Suspended, 500, "303001"),
        (CallFault::Unclassified, 500, "900900"),
        (CallFault::Empty400, 400, ""),
    ];
    for (fault, status, code) in cases {
        sandbox.state().set_faults(on_calls(Fault::always(fault)));
        let said = bridge.post(TOKEN, &token_body(), now).send().await;
        assert_eq!(said.code(), (status, code.to_owned()), "{fault:?}");
    }
    for fault in
        [Fault::always(CallFault::Timeout).by(Duration::from_millis(20)), Fault::always(CallFault::Close)]
    {
        sandbox.state().set_faults(on_calls(fault));
        assert!(
            bridge.post(TOKEN, &token_body(), now).try_send().await.is_err(),
            "the connection ends without an answer"
        );
    }
    assert!(sandbox.state().effects(Some(EffectKind::TokenRequest), None).is_empty());
    let broken: Vec<_> =
        sandbox.state().violations().into_iter().filter(|violation| violation.path == TOKEN).collect();
    assert!(broken.is_empty(), "a fault is no fault of the caller's: {broken:?}");
}

#[tokio::test]
async fn a_blocked_address_stays_blocked() {
    let sandbox = sandbox().await;
    let hip = Hip::of(&sandbox).await;
    sandbox.state().set_faults(on_calls(Fault::always(CallFault::Blocked).on("generate-token").times(1)));
    hip.bridge.post(TOKEN, &token_body(), now_of(&sandbox).await).accepted().await;
    assert_eq!(hip.first("on-generate-token").await.body["error"]["code"], "ABDM-1027: ");
}

#[tokio::test]
async fn a_callback_comes_twice_with_the_same_id_or_with_a_fresh_one() {
    for (fault, same) in [(CallbackFault::Duplicate, true), (CallbackFault::Redeliver, false)] {
        let sandbox = sandbox().await;
        let hip = Hip::of(&sandbox).await;
        sandbox.state().set_faults(on_callbacks(Fault::always(fault)));
        hip.link_token(&sandbox).await;
        let (first, second) = (hip.nth("on-generate-token", 1).await, hip.nth("on-generate-token", 2).await);
        assert_eq!(first.request_id() == second.request_id(), same, "{fault:?}");
        assert_eq!(first.body, second.body);
    }
}

#[tokio::test]
async fn a_callback_is_lost_though_its_effect_stays() {
    let sandbox = sandbox().await;
    let hip = Hip::of(&sandbox).await;
    let token = hip.link_token(&sandbox).await;
    sandbox.state().set_faults(on_callbacks(Fault::always(CallbackFault::Lost).on("on_carecontext")));
    let body = link_body("v1", "OPConsultation");
    hip.bridge.post(LINK, &body, now_of(&sandbox).await).with("x-link-token", &token).accepted().await;
    assert!(sandbox.state().is_idle(SOON).await);
    assert!(sandbox.state().is_linked(RAMESH, "v1") && hip.all("on_carecontext").is_empty());
}

#[tokio::test]
async fn a_callback_comes_late_by_the_sandboxs_clock() {
    let (sandbox, clock) = timed(SandboxConfig::default()).await;
    let hip = Hip::of(&sandbox).await;
    sandbox.state().set_faults(on_callbacks(Fault::always(CallbackFault::Late).by(Duration::from_secs(90))));
    hip.bridge.post(TOKEN, &token_body(), now_of(&sandbox).await).accepted().await;
    assert!(!sandbox.state().is_idle(Duration::ZERO).await);
    assert!(hip.all("on-generate-token").is_empty());
    clock.advance(Duration::from_secs(90));
    hip.first("on-generate-token").await;
}

#[tokio::test]
async fn a_callback_comes_before_its_call_is_answered() {
    let sandbox = sandbox().await;
    let hip = Hip::of(&sandbox).await;
    sandbox.state().set_faults(on_callbacks(Fault::always(CallbackFault::Early)));
    hip.bridge.post(TOKEN, &token_body(), now_of(&sandbox).await).accepted().await;
    assert_eq!(hip.all("on-generate-token").len(), 1, "it is there when the call returns");
}

#[tokio::test]
async fn the_gateways_clock_can_be_wrong() {
    let sandbox = sandbox().await;
    let bridge = Bridge::of(&sandbox).await;
    let right = now_of(&sandbox).await;
    sandbox.state().set_faults(serde_json::from_value(json!({"clockSkew": "-10m"})).unwrap());
    let said = bridge.post(TOKEN, &token_body(), right).send().await;
    assert_eq!(said.code(), (400, "ABDM-2402".into()));
    assert_eq!(bridge.get("/api/hiecm/gateway/v3/certs", now_of(&sandbox).await).send().await.status, 200);
}

#[tokio::test]
async fn a_slow_call_is_answered_all_the_same() {
    let sandbox = sandbox().await;
    let hip = Hip::of(&sandbox).await;
    sandbox.state().set_faults(on_calls(Fault::always(CallFault::Slow).by(Duration::from_millis(20))));
    hip.bridge.post(TOKEN, &token_body(), now_of(&sandbox).await).accepted().await;
    assert!(hip.first("on-generate-token").await.body.get("linkToken").is_some());
}

#[tokio::test]
async fn an_early_callback_that_is_refused_does_not_hold_its_call_and_comes_again() {
    let (sandbox, clock) = timed(SandboxConfig::default()).await;
    let hip = Hip::of(&sandbox).await;
    sandbox.state().set_faults(on_callbacks(Fault::always(CallbackFault::Early)));
    hip.answer_with(&[404]);
    hip.bridge.post(TOKEN, &token_body(), now_of(&sandbox).await).accepted().await;
    assert!(sandbox.state().is_idle(SOON).await);
    clock.advance(Duration::from_secs(964));
    let (first, second) = (hip.nth("on-generate-token", 1).await, hip.nth("on-generate-token", 2).await);
    assert_eq!(first.request_id(), second.request_id());
}
