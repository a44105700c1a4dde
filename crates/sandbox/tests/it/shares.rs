//! Profile shares at a counter.

use std::time::Duration;

use sandbox::{EffectKind, Handle, SandboxConfig, Share, ShareState, ShareWanted};
use serde_json::{Value, json};

use crate::bridge::now_of;
use crate::hip::{Callback, Hip};
use crate::{HIP, RAMESH, SOON, sandbox, timed};

const ON_SHARE: &str = "/api/hiecm/patient-share/v3/on-share";

async fn shared(sandbox: &Handle, hip: &Hip, address: &str) -> (Share, Callback) {
    let wanted = ShareWanted {
        abha_address: address.into(),
        hip_id: HIP.into(),
        counter: "OPD1".into(),
        intent: None,
    };
    let share = sandbox.state().share(&wanted).unwrap();
    (share, hip.first("/api/v3/hip/patient/share").await)
}

fn on_share(request: &str) -> Value {
    json!({"acknowledgement": {"status": "SUCCESS", "abhaAddress": RAMESH,
        "profile": {"context": "OPD1", "tokenNumber": "1", "expiry": "1800"}}, "response": {"requestId": request}})
}

#[tokio::test]
async fn a_profile_is_shared_and_the_queue_token_arrives() {
    let sandbox = sandbox().await;
    let hip = Hip::of(&sandbox).await;
    let (share, callback) = shared(&sandbox, &hip, RAMESH).await;
    assert_eq!(callback.request_id(), share.request_id);
    let patient = &callback.body["profile"]["patient"];
    assert_eq!(
        (&patient["yearOfBirth"], &patient["dayOfBirth"]),
        (&json!("1985"), &json!("6")),
        "strings, not padded"
    );
    assert_eq!(patient["abhaNumber"].as_str().unwrap().len(), 17, "dashed");
    assert_eq!(patient["address"]["pincode"], "641050");
    let mut numbers = on_share(&share.request_id);
    numbers["acknowledgement"]["profile"]["expiry"] = json!(1800);
    assert_eq!(hip.bridge.post(ON_SHARE, &numbers, now_of(&sandbox).await).send().await.status, 202);
    let share = sandbox.state().answered_share(&share.request_id, SOON).await.unwrap();
    assert_eq!((share.state, share.token_number.as_deref()), (ShareState::Answered, Some("1")));
    let again = hip.bridge.post(ON_SHARE, &on_share(&share.request_id), now_of(&sandbox).await).send().await;
    assert_eq!(again.code(), (400, "ABDM-1087".into()));
    let effects = sandbox.state().effects(Some(EffectKind::OnShare), None);
    assert_eq!((effects[0].accepted, effects[0].repeats), (1, 1));
}

#[tokio::test]
async fn an_address_only_abha_shares_a_null_number() {
    let sandbox = sandbox().await;
    let hip = Hip::of(&sandbox).await;
    let (_, callback) = shared(&sandbox, &hip, "asha.rao@sbx").await;
    assert_eq!(callback.body["profile"]["patient"]["abhaNumber"], Value::Null);
}

#[tokio::test]
async fn replies_that_are_wrong_are_refused_and_a_refusal_can_be_said() {
    let sandbox = sandbox().await;
    let hip = Hip::of(&sandbox).await;
    let (share, _) = shared(&sandbox, &hip, RAMESH).await;
    let with = |pointer: &str, value: Value| {
        let mut body = on_share(&share.request_id);
        *body.pointer_mut(pointer).unwrap() = value;
        body
    };
    let cases = [
        (with("/acknowledgement/status", json!("OK")), "ABDM-1006"),
        (with("/acknowledgement/profile/expiry", json!("soon")), "ABDM-1006"),
        (with("/acknowledgement/profile/tokenNumber", json!(1)), "ABDM-1006"),
        (with("/acknowledgement/profile/context", json!("OPD2")), "ABDM-1041"),
        (with("/acknowledgement/abhaAddress", json!("asha.rao@sbx")), "ABDM-1041"),
        (with("/response/requestId", json!("3fa85f64-5717-4562-b3fc-2c963f66afa6")), "ABDM-1052"),
    ];
    for (body, code) in cases {
        let said = hip.bridge.post(ON_SHARE, &body, now_of(&sandbox).await).send().await;
        assert_eq!(said.code(), (400, code.to_owned()), "{body}");
    }
    let refused = json!({"error": {"code": "ABDM-1149", "message": "Intent type is not supported at HIP end"},
        "response": {"requestId": share.request_id}});
    hip.bridge.post(ON_SHARE, &refused, now_of(&sandbox).await).accepted().await;
    assert_eq!(sandbox.state().shared(&share.request_id).unwrap().state, ShareState::Failed);
}

#[tokio::test]
async fn the_patients_app_gives_up_after_30_seconds() {
    let (sandbox, clock) = timed(SandboxConfig::default()).await;
    let hip = Hip::of(&sandbox).await;
    let (share, _) = shared(&sandbox, &hip, RAMESH).await;
    assert!(sandbox.state().is_idle(SOON).await);
    clock.advance(Duration::from_secs(30));
    assert_eq!(
        sandbox.state().answered_share(&share.request_id, SOON).await.unwrap().state,
        ShareState::Overdue
    );
    hip.bridge.post(ON_SHARE, &on_share(&share.request_id), now_of(&sandbox).await).accepted().await;
    assert!(sandbox.state().violations().iter().any(|violation| violation.rule == "late-share"));
}
