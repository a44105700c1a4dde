//! How callbacks are delivered and repeated.

use std::time::Duration;

use sandbox::{RawCallback, SandboxConfig, Timing, Verdict};
use serde_json::json;

use crate::bridge::{TOKEN, now_of, token_body};
use crate::hip::Hip;
use crate::sessions::{claims, header};
use crate::{HIP, SOON, sandbox, timed};

#[tokio::test]
async fn a_refused_callback_comes_again_16_minutes_later_under_the_same_id_and_token() {
    let (sandbox, clock) = timed(SandboxConfig::default()).await;
    let hip = Hip::of(&sandbox).await;
    hip.answer_with(&[500, 401]);
    hip.bridge.post(TOKEN, &token_body(), now_of(&sandbox).await).accepted().await;
    let first = hip.nth("on-generate-token", 1).await;
    assert!(sandbox.state().is_idle(SOON).await, "a far repeat is not pending");
    clock.advance(Duration::from_secs(964));
    let second = hip.nth("on-generate-token", 2).await;
    assert!(sandbox.state().is_idle(SOON).await);
    clock.advance(Duration::from_secs(964));
    let third = hip.nth("on-generate-token", 3).await;
    for repeat in [&second, &third] {
        assert_eq!(
            (repeat.request_id(), repeat.header("authorization")),
            (first.request_id(), first.header("authorization"))
        );
        assert_eq!(repeat.body, first.body);
    }
    let expired = claims(&third.header("authorization"))["exp"].as_i64().unwrap();
    assert!(expired < now_of(&sandbox).await.as_second(), "the token is past its exp by then");
    assert!(sandbox.state().is_idle(SOON).await);
    let verdicts: Vec<_> = sandbox
        .state()
        .journal("on-generate-token")
        .iter()
        .map(|entry| (entry.attempt, entry.verdict))
        .collect();
    assert_eq!(verdicts, [(1, Verdict::Refused), (2, Verdict::Refused), (3, Verdict::Accepted)]);
}

#[tokio::test]
async fn an_unreachable_bridge_gets_its_callback_once_it_is_back() {
    let (sandbox, clock) = timed(SandboxConfig::default()).await;
    let hip = Hip::of(&sandbox).await;
    sandbox.state().set_bridge_url("SBX_000000", "http://127.0.0.1:9");
    hip.bridge.post(TOKEN, &token_body(), now_of(&sandbox).await).accepted().await;
    assert!(sandbox.state().is_idle(SOON).await);
    assert_eq!(sandbox.state().journal("on-generate-token")[0].verdict, Verdict::Unreachable);
    sandbox.state().set_bridge_url("SBX_000000", &hip.url);
    clock.advance(Duration::from_secs(964));
    assert!(hip.first("on-generate-token").await.body.get("linkToken").is_some());
}

#[tokio::test]
async fn callbacks_carry_the_observed_headers() {
    let sandbox = sandbox().await;
    let hip = Hip::of(&sandbox).await;
    hip.link_token(&sandbox).await;
    let callback = hip.first("on-generate-token").await;
    assert!(callback.header("user-agent").starts_with("ReactorNetty/"));
    assert_eq!(callback.header("traceparent").len(), 55);
    assert!(callback.header("x-amzn-trace-id").starts_with("Root=1-"));
    assert_eq!(callback.header("timestamp").len(), 24);
}

#[tokio::test]
async fn a_token_may_be_older_than_its_callback_and_serve_several() {
    let timing = Timing { token_age: Duration::from_mins(9), ..Timing::default() };
    let (sandbox, clock) = timed(SandboxConfig { timing, ..SandboxConfig::default() }).await;
    let hip = Hip::of(&sandbox).await;
    hip.link(&sandbox, "v1").await;
    let first = hip.first("on-generate-token").await.header("authorization");
    assert_eq!(hip.first("on_carecontext").await.header("authorization"), first);
    clock.advance(Duration::from_secs(541));
    hip.link_token(&sandbox).await;
    assert_ne!(hip.nth("on-generate-token", 2).await.header("authorization"), first);
}

#[tokio::test]
async fn a_tester_sends_callbacks_with_tokens_of_every_kind() {
    let sandbox = sandbox().await;
    let hip = Hip::of(&sandbox).await;
    let path = "/api/v3/link/on_carecontext";
    let kinds = [
        "genuine",
        "none",
        "garbage",
        "algNone",
        "hmac",
        "wrongKey",
        "unknownKid",
        "otherParty",
        "expired:3601",
        "future:400",
        "claim:azp=SBX_000001",
    ];
    for kind in kinds {
        let answer = sandbox
            .state()
            .send_callback(RawCallback::new(path, HIP, json!({"kind": kind})).token(kind))
            .await
            .unwrap();
        assert_eq!(answer.status, Some(200), "{kind}");
    }
    let all = hip.all(path);
    let token = |kind: &str| {
        let callback = all.iter().find(|callback| callback.body["kind"] == kind).unwrap();
        callback
            .headers
            .get("authorization")
            .map(|value| value.to_str().unwrap().trim_start_matches("Bearer ").to_owned())
    };
    assert_eq!(token("none"), None);
    assert_eq!(header(&token("algNone").unwrap())["alg"], "none");
    assert_eq!(header(&token("hmac").unwrap())["alg"], "HS256");
    let kid = |kind| header(&token(kind).unwrap())["kid"].clone();
    assert_eq!(kid("wrongKey"), kid("genuine"));
    assert_ne!(kid("unknownKid"), kid("genuine"));
    assert_eq!(claims(&token("otherParty").unwrap())["azp"], "SBX_999999");
    assert_eq!(claims(&token("claim:azp=SBX_000001").unwrap())["azp"], "SBX_000001");
    let late = claims(&token("expired:3601").unwrap())["exp"].as_i64().unwrap();
    assert!((now_of(&sandbox).await.as_second() - late - 3601).abs() < 60);
    let unknown = RawCallback::new(path, HIP, json!({})).token("stolen");
    assert!(sandbox.state().send_callback(unknown).await.is_err());
}
