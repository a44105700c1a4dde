//! Link tokens: what is granted, refused, and met with silence.

use std::time::Duration;

use sandbox::{EffectKind, SandboxConfig};
use serde_json::{Value, json};

use crate::bridge::{TOKEN, now_of, token_body};
use crate::hip::Hip;
use crate::sessions::{claims, header};
use crate::{HIP, RAMESH, SOON, sandbox, timed};

#[tokio::test]
async fn a_token_comes_by_callback_signed_rs512_for_six_months() {
    let sandbox = sandbox().await;
    let hip = Hip::of(&sandbox).await;
    let mut body = token_body();
    let number = sandbox.state().person(RAMESH).unwrap().abha_number.unwrap();
    body["abhaNumber"] = json!(number.parse::<u64>().unwrap());
    let request_id = hip.bridge.post(TOKEN, &body, now_of(&sandbox).await).accepted().await;

    let callback = hip.first("on-generate-token").await;
    assert_eq!(callback.path, "/abdm/api/v3/hip/token/on-generate-token");
    assert_eq!(callback.body["response"]["requestId"], request_id);
    assert_eq!(
        (callback.header("x-hip-id"), callback.header("content-type")),
        (HIP.to_owned(), "application/json".to_owned())
    );
    assert_ne!(callback.request_id(), request_id, "the callback has an id of its own");
    let token = callback.body["linkToken"].as_str().unwrap();
    assert_eq!(header(token)["alg"], "RS512");
    let claims = claims(token);
    assert_eq!(
        (&claims["hipId"], &claims["abhaAddress"], &claims["sub"]),
        (&json!(HIP), &json!(RAMESH), &json!(RAMESH))
    );
    assert_eq!(claims["abhaNumber"], json!(number.parse::<u64>().unwrap()));
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 15_768_000);
}

#[tokio::test]
async fn bodies_that_are_not_as_documented_are_refused_at_once() {
    let sandbox = sandbox().await;
    let hip = Hip::of(&sandbox).await;
    let now = now_of(&sandbox).await;
    let cases = [
        ("abhaAddress", Value::Null),
        ("abhaAddress", json!("ramesh")),
        ("abhaAddress", json!("ramesh@gmail")),
        ("abhaNumber", json!("91-1234-0704-2043")),
        ("abhaNumber", json!(true)),
        ("name", json!("")),
        ("name", json!("रमेश")),
        ("gender", json!("Male")),
        ("yearOfBirth", json!(85)),
        ("yearOfBirth", Value::Null),
    ];
    for (name, value) in cases {
        let mut body = token_body();
        body[name] = value.clone();
        let said = hip.bridge.post(TOKEN, &body, now).send().await;
        assert_eq!(said.code(), (400, "ABDM-1006".into()), "{name}: {value}");
    }
    let mut unknown = token_body();
    unknown["abhaAddress"] = json!("nobody.here@sbx");
    let said = hip.bridge.post(TOKEN, &unknown, now).send().await;
    assert_eq!((said.code(), said.message().as_str()), ((400, "ABDM-9999".into()), "User not found"));
    let said = hip.bridge.post(TOKEN, &token_body(), now).without("x-hip-id").send().await;
    assert_eq!(said.code(), (400, "ABDM-1035".into()));
    assert!(hip.all("on-generate-token").is_empty());
    assert!(sandbox.state().effects(Some(EffectKind::TokenRequest), None).is_empty());
}

#[tokio::test]
async fn a_wrong_hip_id_is_accepted_and_never_answered() {
    let sandbox = sandbox().await;
    let hip = Hip::of(&sandbox).await;
    let now = now_of(&sandbox).await;
    for wrong in ["IN2810014366_9", "IN2710000001"] {
        hip.bridge.post(TOKEN, &token_body(), now).with("x-hip-id", wrong).accepted().await;
    }
    assert!(sandbox.state().is_idle(SOON).await);
    assert!(hip.all("on-generate-token").is_empty());
    let rules: Vec<_> =
        sandbox.state().violations().into_iter().filter(|v| v.path == TOKEN).map(|v| v.rule).collect();
    assert_eq!(rules, ["silence", "silence"]);
}

#[tokio::test]
async fn demographics_that_differ_from_the_profile_are_refused_on_the_callback() {
    let cases = [
        ("name", json!("Suresh Kumar"), "ABDM-1043: "),
        ("gender", json!("F"), "ABDM-1043: "),
        ("yearOfBirth", json!(1986), "ABDM-1043: "),
        ("abhaNumber", json!("91000000000000"), "ABDM-1051"),
    ];
    for (name, value, code) in cases {
        let sandbox = sandbox().await;
        let hip = Hip::of(&sandbox).await;
        let mut body = token_body();
        body[name] = value;
        hip.bridge.post(TOKEN, &body, now_of(&sandbox).await).accepted().await;
        let callback = hip.first("on-generate-token").await;
        assert_eq!(callback.body["error"]["code"], code, "{name}");
        assert!(callback.body.get("linkToken").is_none());
    }
}

#[tokio::test]
async fn a_second_request_is_refused_for_six_minutes_also_after_the_token_was_delivered() {
    let (sandbox, clock) = timed(SandboxConfig::default()).await;
    let hip = Hip::of(&sandbox).await;
    hip.link_token(&sandbox).await;
    for (step, accepted) in [(0, false), (362, false), (12, true)] {
        clock.advance(Duration::from_secs(step));
        let said = hip.bridge.post(TOKEN, &token_body(), now_of(&sandbox).await).send().await;
        let expected = if accepted { (202, String::new()) } else { (400, "ABDM-1092".to_owned()) };
        assert_eq!(said.code(), expected, "after another {step} s");
    }
    let rules: Vec<_> =
        sandbox.state().violations().into_iter().filter(|v| v.path == TOKEN).map(|v| v.rule).collect();
    assert_eq!(rules, ["token-window", "token-window"]);
}

#[tokio::test]
async fn the_fourth_request_of_a_day_blocks_the_address_for_24_hours_on_the_callback() {
    let (sandbox, clock) = timed(SandboxConfig::default()).await;
    let hip = Hip::of(&sandbox).await;
    let hour = Duration::from_hours(1);
    // Sessions end meanwhile: each step takes a fresh one.
    let ask = async |n: usize| {
        let bridge = crate::bridge::Bridge::of(&sandbox).await;
        bridge.post(TOKEN, &token_body(), now_of(&sandbox).await).accepted().await;
        hip.nth("on-generate-token", n).await.body
    };
    for n in 1..=3 {
        assert!(ask(n).await.get("linkToken").is_some());
        clock.advance(hour);
    }
    let blocked = ask(4).await;
    assert_eq!(blocked["error"]["code"], "ABDM-1027: ");
    assert_eq!(blocked["error"]["message"], "You are blocked. Please try again after 24 hours.");
    clock.advance(23 * hour);
    assert_eq!(ask(5).await["error"]["code"], "ABDM-1027: ");
    clock.advance(2 * hour);
    assert!(ask(6).await.get("linkToken").is_some());
    let rules: Vec<_> =
        sandbox.state().violations().into_iter().filter(|v| v.path == TOKEN).map(|v| v.rule).collect();
    assert_eq!(rules, ["tokens-a-day"]);
}
