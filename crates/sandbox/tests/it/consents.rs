//! Consents: notifications, acknowledgements, redelivery, ends.

use std::time::Duration;

use base64_simd::STANDARD;
use sandbox::{
    Consent, ConsentStatus, ConsentWanted, EffectKind, Handle, HiuNamed, RecordsWanted, Renotify,
    SandboxConfig, TransferState,
};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::bridge::{ON_NOTIFY, now_of};
use crate::hip::{Callback, Hip};
use crate::{HIP, RAMESH, SOON, sandbox, timed};

pub(crate) const NOTIFIED: &str = "/api/v3/consent/request/hip/notify";

pub(crate) fn granted(sandbox: &Handle) -> Consent {
    let wanted = ConsentWanted { abha_address: RAMESH.into(), ..ConsentWanted::default() };
    sandbox.state().grant(&wanted).unwrap().artefacts.remove(0)
}

pub(crate) fn ok(consent_id: &str, request_id: &str) -> Value {
    json!({"acknowledgement": {"status": "OK", "consentId": consent_id}, "response": {"requestId": request_id}})
}

/// Acknowledges a notification.
pub(crate) async fn acknowledge(hip: &Hip, sandbox: &Handle, callback: &Callback) {
    let id = callback.body["notification"]["consentId"].as_str().unwrap();
    hip.bridge.post(ON_NOTIFY, &ok(id, &callback.request_id()), now_of(sandbox).await).accepted().await;
}

#[tokio::test]
async fn a_grant_notifies_the_hip_of_its_artefact_alone() {
    let sandbox = sandbox().await;
    let hip = Hip::of(&sandbox).await;
    hip.link(&sandbox, "v1").await;
    let consent = granted(&sandbox);
    let callback = hip.first(NOTIFIED).await;
    assert_eq!(callback.path, format!("/abdm{NOTIFIED}"));
    let notification = &callback.body["notification"];
    assert_eq!(
        (&notification["status"], &notification["consentId"]),
        (&json!("GRANTED"), &json!(consent.consent_id))
    );
    let detail = &notification["consentDetail"];
    assert_eq!(
        (&detail["schemaVersion"], &detail["hip"]["id"], &detail["consentManager"]["id"]),
        (&json!("v3"), &json!(HIP), &json!("sbx"))
    );
    assert!(
        detail.get("hiu").is_none() && detail.get("requester").is_none(),
        "observed notifications name neither"
    );
    assert_eq!(
        detail["careContexts"],
        json!([{"patientReference": "TMH-PUID-001", "careContextReference": "v1"}])
    );
    assert_eq!(STANDARD.decode_to_vec(notification["signature"].as_str().unwrap()).unwrap().len(), 256);
    acknowledge(&hip, &sandbox, &callback).await;
    assert!(sandbox.state().acknowledged(&consent.consent_id, ConsentStatus::Granted, SOON).await);
    let consent = sandbox.state().consent(&consent.consent_id).unwrap();
    assert_eq!(
        (consent.acknowledgements[0].outcome.as_str(), consent.acknowledgements[0].within_limit),
        ("OK", true)
    );
}

#[tokio::test]
async fn acknowledgements_that_are_wrong_are_refused() {
    let sandbox = sandbox().await;
    let hip = Hip::of(&sandbox).await;
    hip.link(&sandbox, "v1").await;
    let consent = granted(&sandbox);
    let callback = hip.first(NOTIFIED).await;
    let (id, request) = (consent.consent_id.as_str(), callback.request_id());
    let response = json!({"requestId": request});
    let other = Uuid::new_v4().to_string();
    let cases = [
        (json!({"acknowledgement": [{"status": "OK", "consentId": id}], "response": response}), "ABDM-1006"),
        (json!({"acknowledgement": {"status": "OK", "consentId": id}}), "ABDM-1006"),
        (
            json!({"acknowledgement": {"status": "SUCCESS", "consentId": id}, "response": response}),
            "ABDM-1006",
        ),
        (json!({"acknowledgement": {"status": "OK", "consentId": "x"}, "response": response}), "ABDM-1006"),
        (ok(&other, &request), "ABDM-1006"),
        (json!({"response": response}), "ABDM-1006"),
        (ok(id, &other), "ABDM-1052"),
    ];
    for (body, code) in cases {
        let said = hip.bridge.post(ON_NOTIFY, &body, now_of(&sandbox).await).send().await;
        assert_eq!(said.code(), (400, code.to_owned()), "{body}");
        assert!(said.json().is_array(), "the consent manager answers with a list");
    }
    assert!(sandbox.state().consent(id).unwrap().acknowledgements.is_empty());
}

#[tokio::test]
async fn an_unacknowledged_notification_comes_again_with_a_fresh_request_id_and_either_may_be_answered() {
    let (sandbox, clock) = timed(SandboxConfig::default()).await;
    let hip = Hip::of(&sandbox).await;
    hip.link(&sandbox, "v1").await;
    let consent = granted(&sandbox);
    let first = hip.nth(NOTIFIED, 1).await;
    assert!(sandbox.state().is_idle(SOON).await);
    clock.advance(Duration::from_mins(2));
    let second = hip.nth(NOTIFIED, 2).await;
    assert_ne!(first.request_id(), second.request_id());
    assert_eq!(first.body, second.body);
    acknowledge(&hip, &sandbox, &second).await;
    acknowledge(&hip, &sandbox, &first).await;
    let effects = sandbox.state().effects(Some(EffectKind::ConsentAck), Some(&consent.consent_id));
    assert_eq!((effects[0].accepted, effects[0].repeats), (1, 1));
    assert!(sandbox.state().is_idle(SOON).await);
    clock.advance(Duration::from_mins(20));
    assert!(sandbox.state().is_idle(SOON).await);
    assert_eq!(hip.all(NOTIFIED).len(), 2, "an acknowledged one does not come again");
}

#[tokio::test]
async fn a_request_waits_for_the_acknowledgement_and_is_never_sent_without_it() {
    let (sandbox, clock) = timed(SandboxConfig::default()).await;
    let hip = Hip::of(&sandbox).await;
    hip.link(&sandbox, "v1").await;
    let consent = granted(&sandbox);
    let callback = hip.first(NOTIFIED).await;
    let state = sandbox.state();
    let waiting = state.request_records(&RecordsWanted::under(&consent.consent_id)).unwrap();
    assert_eq!(waiting.state, TransferState::WaitingForAcknowledgement);
    acknowledge(&hip, &sandbox, &callback).await;
    hip.first("/api/v3/hip/health-information/request").await;

    let consent = granted(&sandbox);
    hip.nth(NOTIFIED, 2).await;
    let cut = state.request_records(&RecordsWanted::under(&consent.consent_id)).unwrap();
    assert!(state.is_idle(SOON).await);
    clock.advance(Duration::from_secs(61));
    let cut = state.closed_transfer(&cut.transaction_id, SOON).await.unwrap();
    assert_eq!(cut.state, TransferState::ConsentNotAcknowledged);
    assert_eq!(cut.error.unwrap()["code"], "ABDM-8877");
    assert_eq!(hip.all("/api/v3/hip/health-information/request").len(), 1);
}

#[tokio::test]
async fn an_acknowledgement_after_a_minute_is_late() {
    let (sandbox, clock) = timed(SandboxConfig::default()).await;
    let hip = Hip::of(&sandbox).await;
    hip.link(&sandbox, "v1").await;
    let consent = granted(&sandbox);
    let callback = hip.first(NOTIFIED).await;
    clock.advance(Duration::from_secs(61));
    acknowledge(&hip, &sandbox, &callback).await;
    assert!(!sandbox.state().consent(&consent.consent_id).unwrap().acknowledgements[0].within_limit);
    let rules: Vec<_> =
        sandbox.state().violations().into_iter().filter(|v| v.path == ON_NOTIFY).map(|v| v.rule).collect();
    assert_eq!(rules, ["consent-acknowledgement"]);
    let refused = sandbox.state().request_records(&RecordsWanted::under(&consent.consent_id)).unwrap();
    assert_eq!(refused.state, TransferState::ConsentNotAcknowledged);
}

#[tokio::test]
async fn ends_are_notified_bare_or_with_detail_and_once_only() {
    let sandbox = sandbox().await;
    let hip = Hip::of(&sandbox).await;
    hip.link(&sandbox, "v1").await;
    let (revoked, expired) = (granted(&sandbox), granted(&sandbox));
    let state = sandbox.state();
    state.revoke(&revoked.consent_id, Renotify::default()).unwrap();
    state.expire(&expired.consent_id, Renotify { detail: Some(true) }).unwrap();
    assert!(state.revoke(&revoked.consent_id, Renotify::default()).is_err());
    hip.nth(NOTIFIED, 4).await;
    let notified = |status: &str| {
        let all = hip.all(NOTIFIED);
        all.into_iter()
            .map(|callback| callback.body["notification"].clone())
            .find(|n| n["status"] == status)
            .unwrap()
    };
    assert_eq!(notified("REVOKED"), json!({"status": "REVOKED", "consentId": revoked.consent_id}));
    assert!(notified("EXPIRED").get("consentDetail").is_some());
    assert!(
        state.request_records(&RecordsWanted::under(&revoked.consent_id)).is_err(),
        "a consent that ended serves nobody"
    );
}

#[tokio::test]
async fn one_grant_makes_an_artefact_for_each_hip_and_a_denial_tells_nobody() {
    let sandbox = sandbox().await;
    let hip = Hip::of(&sandbox).await;
    hip.link(&sandbox, "v1").await;
    let token = crate::bridge::TOKEN;
    let other = "IN2710000001_1";
    hip.bridge
        .post(token, &crate::bridge::token_body(), now_of(&sandbox).await)
        .with("x-hip-id", other)
        .accepted()
        .await;
    let link_token = hip.nth("on-generate-token", 2).await.body["linkToken"].as_str().unwrap().to_owned();
    let body = crate::bridge::link_body("clinic-1", "Prescription");
    let call = hip.bridge.post(crate::bridge::LINK, &body, now_of(&sandbox).await);
    call.with("x-hip-id", other).with("x-link-token", &link_token).accepted().await;

    let state = sandbox.state();
    let hiu = Some(HiuNamed { id: "HIU-1".into(), name: "Other Hospital".into() });
    let wanted = ConsentWanted { abha_address: RAMESH.into(), hiu, ..ConsentWanted::default() };
    let denied = ConsentWanted { status: Some(ConsentStatus::Denied), ..wanted.clone() };
    state.grant(&denied).unwrap();
    let grant = state.grant(&wanted).unwrap();
    assert_eq!(grant.artefacts.len(), 2);
    hip.nth(NOTIFIED, 2).await;
    assert!(state.is_idle(SOON).await);
    let mut named: Vec<_> = hip.all(NOTIFIED).iter().map(|callback| callback.header("x-hip-id")).collect();
    named.sort();
    assert_eq!(named, [other, HIP]);
}
