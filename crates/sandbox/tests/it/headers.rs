//! The order and the answers of the header checks.

use serde_json::json;
use uuid::Uuid;

use crate::bridge::{Bridge, SMS, TOKEN, now_of, token_body};
use crate::{sandbox, sandbox_with, timed};
use sandbox::{Rules, SandboxConfig};
use std::time::Duration;

#[tokio::test]
async fn a_missing_standard_header_is_an_empty_401_with_a_challenge() {
    let sandbox = sandbox().await;
    let bridge = Bridge::of(&sandbox).await;
    let now = now_of(&sandbox).await;
    for name in ["authorization", "request-id", "timestamp", "x-cm-id"] {
        let said = bridge.post(TOKEN, &token_body(), now).without(name).send().await;
        assert_eq!((said.status, said.body.as_str()), (401, ""), "{name}");
        assert_eq!(said.challenge.as_deref(), Some("Basic realm=\"Realm\""), "{name}");
        assert!(said.correlation, "{name}");
    }
    let rules: Vec<_> =
        sandbox.state().violations().into_iter().filter(|v| v.path == TOKEN).map(|v| v.rule).collect();
    assert_eq!(rules, ["missing-header"; 4]);
}

#[tokio::test]
async fn a_wrong_value_of_a_header_gets_its_code() {
    let sandbox = sandbox().await;
    let bridge = Bridge::of(&sandbox).await;
    let now = now_of(&sandbox).await;
    let other_zone = format!("{now:.3}").replace('Z', "+05:30");
    let cases = [
        ("x-cm-id", "abdm", "ABDM-2403"),
        ("x-cm-id", "SBX", "ABDM-2403"),
        ("request-id", "12345", "ABDM-2404"),
        ("timestamp", &format!("{now:.0}"), "ABDM-2402"),
        ("timestamp", &format!("{now:.6}"), "ABDM-2402"),
        ("timestamp", &other_zone, "ABDM-2402"),
        ("timestamp", "2020-01-01T00:00:00.000Z", "ABDM-2402"),
        ("content-type", "text/plain", "ABDM-9999"),
    ];
    for (name, value, code) in cases {
        let said = bridge.post(TOKEN, &token_body(), now).with(name, value).send().await;
        assert_eq!(said.code(), (400, code.to_owned()), "{name}: {value}");
    }
    let said = bridge.post(TOKEN, &token_body(), now).without("content-type").send().await;
    assert!(said.message().starts_with("415"), "{}", said.message());
}

#[tokio::test]
async fn a_request_id_serves_once_even_if_its_call_was_refused() {
    let sandbox = sandbox().await;
    let bridge = Bridge::of(&sandbox).await;
    let now = now_of(&sandbox).await;
    let id = Uuid::new_v4().to_string();
    let wrong = json!({"notification": {"phoneNo": "1", "hip": {"id": "x", "name": "x"}}});
    let first = bridge.post(SMS, &wrong, now).with("request-id", &id).send().await;
    assert_eq!(first.code(), (400, "ABDM-1006".into()));
    let second = bridge.post(SMS, &wrong, now).with("request-id", &id).send().await;
    assert_eq!(second.code(), (400, "ABDM-1064".into()));
    assert_eq!(second.message(), "request with this request id already exists");
}

#[tokio::test]
async fn a_token_that_was_never_given_out_is_900901_and_none_at_all_900902() {
    let sandbox = sandbox().await;
    let bridge = Bridge::of(&sandbox).await;
    let now = now_of(&sandbox).await;
    let wrong = bridge.post(TOKEN, &token_body(), now).with("authorization", "Bearer a.b.c").send().await;
    assert_eq!(wrong.code(), (401, "900901".into()));
    assert!(wrong.json().get("description").is_some());
    let none = bridge.post(TOKEN, &token_body(), now).with("authorization", "Basic abc").send().await;
    assert_eq!(none.code(), (401, "900902".into()));
}

#[tokio::test]
async fn a_session_ends_after_1200_seconds_and_that_breaks_no_rule() {
    let (sandbox, clock) = timed(SandboxConfig::default()).await;
    let bridge = Bridge::of(&sandbox).await;
    clock.advance(Duration::from_secs(1199));
    let now = now_of(&sandbox).await;
    assert_eq!(bridge.get("/api/hiecm/gateway/v3/certs", now).send().await.status, 200);
    clock.advance(Duration::from_secs(1));
    let now = now_of(&sandbox).await;
    let said = bridge.get("/api/hiecm/gateway/v3/certs", now).send().await;
    assert_eq!(said.code(), (401, "900901".into()));
    let rules: Vec<_> = sandbox.state().violations().into_iter().map(|violation| violation.rule).collect();
    assert_eq!(rules, ["no-such-path", "no-such-path", "no-such-path"], "only the test's own probes");
}

#[tokio::test]
async fn the_other_spelling_of_a_bad_token_can_be_had() {
    let config = SandboxConfig {
        rules: Rules { bad_token_is_900900: true, ..Rules::default() },
        ..SandboxConfig::default()
    };
    let sandbox = sandbox_with(config).await;
    let bridge = Bridge::of(&sandbox).await;
    let now = now_of(&sandbox).await;
    let said = bridge.get("/api/hiecm/gateway/v3/certs", now).with("authorization", "Bearer x").send().await;
    assert_eq!(said.code(), (500, "900900".into()));
}

#[tokio::test]
async fn a_path_that_is_not_there_is_a_runtime_error_404() {
    let sandbox = sandbox().await;
    let bridge = Bridge::of(&sandbox).await;
    let now = now_of(&sandbox).await;
    let said = bridge.post("/api/hiecm/v3/token/generate", &token_body(), now).send().await;
    assert_eq!(said.code(), (404, "404".into()));
    assert_eq!(said.json()["message"], "Runtime Error");
    assert_eq!(bridge.get(TOKEN, now).send().await.status, 404, "another method is another path");
}

#[tokio::test]
async fn a_missing_or_broken_body_is_refused() {
    let sandbox = sandbox().await;
    let bridge = Bridge::of(&sandbox).await;
    let now = now_of(&sandbox).await;
    let missing = bridge.post(TOKEN, &token_body(), now).raw("").send().await;
    assert_eq!(
        (missing.code(), missing.message().as_str()),
        ((400, "ABDM-1064".into()), "Request body was missing")
    );
    let broken = bridge.post(TOKEN, &token_body(), now).raw("{\"abhaAddress\":").send().await;
    assert_eq!(broken.code(), (400, "ABDM-1006".into()));
}

#[tokio::test]
async fn a_client_that_calls_too_often_gets_429_until_the_next_second() {
    let config = SandboxConfig { calls_a_second: Some(3), ..SandboxConfig::default() };
    let (sandbox, clock) = timed(config).await;
    let bridge = Bridge::of(&sandbox).await;
    let now = now_of(&sandbox).await;
    let certs = "/api/hiecm/gateway/v3/certs";
    for status in [200, 200, 200, 429] {
        assert_eq!(bridge.get(certs, now).send().await.status, status);
    }
    assert_eq!(bridge.get(certs, now).send().await.code(), (429, "ABDM-2429".into()));
    clock.advance(Duration::from_secs(1));
    assert_eq!(bridge.get(certs, now).send().await.status, 200);
}
