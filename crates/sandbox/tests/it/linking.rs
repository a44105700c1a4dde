//! Linking by the patient: discovery, init, confirm.

use std::time::Duration;

use sandbox::{
    Choice, DiscoveryWanted, EffectKind, Handle, Identifier, LinkedBy, LinkingState, SandboxConfig,
};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::bridge::{Said, entry, now_of};
use crate::hip::{Callback, Hip};
use crate::{HIP, RAMESH, sandbox, timed};

const ON_DISCOVER: &str = "/api/hiecm/user-initiated-linking/v3/patient/care-context/on-discover";
const ON_INIT: &str = "/api/hiecm/user-initiated-linking/v3/link/care-context/on-init";
const ON_CONFIRM: &str = "/api/hiecm/user-initiated-linking/v3/link/care-context/on-confirm";

async fn discovered(sandbox: &Handle, hip: &Hip) -> (String, Callback) {
    let wanted = DiscoveryWanted {
        abha_address: RAMESH.into(),
        hip_id: HIP.into(),
        unverified: Some(vec![Identifier { kind: "MR".into(), value: "TMH-PUID-001".into() }]),
        ..DiscoveryWanted::default()
    };
    let linking = sandbox.state().discover(&wanted).unwrap();
    (linking.transaction_id, hip.first("/api/v3/hip/patient/care-context/discover").await)
}

fn on_discover(transaction: &str, request: &str) -> Value {
    json!({"transactionId": transaction, "patient": [entry(&["v1", "v2"], "OPConsultation"), entry(&["l1"], "DiagnosticReport")],
        "matchedBy": ["MOBILE"], "response": {"requestId": request}})
}

fn on_init(transaction: &str, request: &str) -> Value {
    json!({"transactionId": transaction, "link": {"referenceNumber": Uuid::new_v4().to_string(), "authenticationType": "DIRECT",
        "meta": {"communicationMedium": "MOBILE", "communicationHint": "OTP", "communicationExpiry": "2026-09-16T10:22:48.483Z"}},
        "response": {"requestId": request}})
}

async fn say(sandbox: &Handle, hip: &Hip, path: &str, body: &Value) -> Said {
    hip.bridge.post(path, body, now_of(sandbox).await).send().await
}

#[tokio::test]
async fn a_patient_discovers_chooses_confirms_and_is_linked() {
    let sandbox = sandbox().await;
    let hip = Hip::of(&sandbox).await;
    let state = sandbox.state();
    let (transaction, callback) = discovered(&sandbox, &hip).await;
    let patient = &callback.body["patient"];
    assert_eq!((&patient["id"], &patient["yearOfBirth"]), (&json!(RAMESH), &json!(1985)));
    let kinds: Vec<_> =
        patient["verifiedIdentifiers"].as_array().unwrap().iter().map(|id| id["type"].clone()).collect();
    assert_eq!(kinds, ["MOBILE", "ABHA_NUMBER", "abhaAddress"], "in the words of real traffic");

    assert_eq!(
        say(&sandbox, &hip, ON_DISCOVER, &on_discover(&transaction, &callback.request_id())).await.status,
        202
    );
    assert_eq!(state.linking(&transaction).unwrap().state, LinkingState::Discovered);
    let choice = Choice { care_contexts: Some(vec!["v2".into(), "l1".into()]), ..Choice::default() };
    state.init_link(&transaction, &choice).unwrap();
    let init = hip.first("/api/v3/hip/link/care-context/init").await;
    assert_eq!(init.body["patient"][0]["careContexts"], json!([{"referenceNumber": "v2"}]));

    let reply = on_init(&transaction, &init.request_id());
    assert_eq!(say(&sandbox, &hip, ON_INIT, &reply).await.status, 202);
    state.confirm_link(&transaction, &json!(123_456)).unwrap();
    let confirm = hip.first("/api/v3/hip/link/care-context/confirm").await;
    assert_eq!(
        confirm.body,
        json!({"confirmation": {"token": 123_456, "linkRefNumber": reply["link"]["referenceNumber"]}})
    );

    let linked = json!({"patient": [entry(&["v2"], "OPConsultation"), entry(&["l1"], "DiagnosticReport")],
        "response": {"requestId": confirm.request_id()}});
    assert_eq!(say(&sandbox, &hip, ON_CONFIRM, &linked).await.status, 202);
    assert_eq!(state.linking(&transaction).unwrap().state, LinkingState::Linked);
    let links = state.links(RAMESH);
    assert!(links.len() == 2 && links.iter().all(|link| link.by == LinkedBy::Patient));
    assert!(state.violations().iter().all(|violation| violation.rule == "no-such-path"));

    for (path, body, code) in [
        (ON_DISCOVER, on_discover(&transaction, &callback.request_id()), "ABDM-1106"),
        (ON_INIT, reply, "ABDM-1107"),
        (ON_CONFIRM, linked, "ABDM-1108"),
    ] {
        assert_eq!(say(&sandbox, &hip, path, &body).await.code(), (400, code.to_owned()));
    }
    for kind in [EffectKind::OnDiscover, EffectKind::OnInit, EffectKind::OnConfirm] {
        let effects = state.effects(Some(kind), None);
        assert_eq!((effects[0].accepted, effects[0].repeats), (1, 1), "{kind:?}");
    }
}

#[tokio::test]
async fn discovery_replies_that_are_wrong_are_refused() {
    let sandbox = sandbox().await;
    let hip = Hip::of(&sandbox).await;
    let (transaction, callback) = discovered(&sandbox, &hip).await;
    let with = |pointer: &str, value: Value| {
        let mut body = on_discover(&transaction, &callback.request_id());
        *body.pointer_mut(pointer).unwrap() = value;
        body
    };
    let cases = [
        (with("/patient/0/hiType", json!(["OPConsultation"])), ""),
        (with("/patient/0/hiType", json!("Consultation")), "ABDM-9999"),
        (with("/patient/0/count", json!(3)), "ABDM-1037"),
        (with("/patient/0/referenceNumber", json!("O'Brien")), "ABDM-1109"),
        (with("/patient/0/display", json!("a & b")), "ABDM-1109"),
        (with("/matchedBy", json!(["NAME"])), "ABDM-1109"),
        (with("/matchedBy", json!([])), "ABDM-1109"),
        (with("/matchedBy", json!("MOBILE")), "ABDM-1109"),
        (with("/patient", Value::Null), "ABDM-1109"),
        (with("/transactionId", json!(Uuid::new_v4().to_string())), "ABDM-1052"),
        (with("/response/requestId", json!(Uuid::new_v4().to_string())), "ABDM-1052"),
    ];
    for (body, code) in cases {
        assert_eq!(say(&sandbox, &hip, ON_DISCOVER, &body).await.code(), (400, code.to_owned()), "{body}");
    }
    assert_eq!(sandbox.state().linking(&transaction).unwrap().state, LinkingState::Discovering);
}

#[tokio::test]
async fn an_error_in_place_of_a_result_ends_the_step() {
    let sandbox = sandbox().await;
    let hip = Hip::of(&sandbox).await;
    let state = sandbox.state();
    let (transaction, callback) = discovered(&sandbox, &hip).await;
    let error = |request: String, code: &str| {
        json!({"transactionId": transaction,
        "error": {"code": code, "message": "Patient not found"}, "response": {"requestId": request}})
    };
    assert_eq!(
        say(&sandbox, &hip, ON_DISCOVER, &error(callback.request_id(), "ABDM-1010")).await.status,
        202
    );
    let linking = state.linking(&transaction).unwrap();
    assert_eq!(
        (linking.state, &linking.error.unwrap()["code"]),
        (LinkingState::NothingFound, &json!("ABDM-1010"))
    );
    assert!(state.init_link(&transaction, &Choice::default()).is_err(), "nothing was offered");
}

#[tokio::test]
async fn init_and_confirm_replies_that_are_wrong_are_refused_and_a_wrong_otp_can_be_said() {
    let sandbox = sandbox().await;
    let hip = Hip::of(&sandbox).await;
    let state = sandbox.state();
    let (transaction, callback) = discovered(&sandbox, &hip).await;
    say(&sandbox, &hip, ON_DISCOVER, &on_discover(&transaction, &callback.request_id())).await;
    state.init_link(&transaction, &Choice::default()).unwrap();
    let init = hip.first("/api/v3/hip/link/care-context/init").await;
    let with = |pointer: &str, value: Value| {
        let mut body = on_init(&transaction, &init.request_id());
        *body.pointer_mut(pointer).unwrap() = value;
        body
    };
    let cases = [
        (with("/link/referenceNumber", json!("1")), "ABDM-1110"),
        (with("/link/authenticationType", json!("MEDIATE")), "ABDM-1110"),
        (with("/link/meta/communicationMedium", json!("SMS")), "ABDM-1110"),
        (with("/link/meta/communicationExpiry", json!("2026-09-16T10:22:48Z")), "ABDM-1110"),
        (with("/link", Value::Null), "ABDM-1110"),
        (with("/response/requestId", json!(callback.request_id())), "ABDM-1052"),
    ];
    for (body, code) in cases {
        assert_eq!(say(&sandbox, &hip, ON_INIT, &body).await.code(), (400, code.to_owned()), "{body}");
    }
    assert!(state.confirm_link(&transaction, &json!("123456")).is_err(), "no reference yet");
    say(&sandbox, &hip, ON_INIT, &on_init(&transaction, &init.request_id())).await;
    state.confirm_link(&transaction, &json!("000000")).unwrap();
    let confirm = hip.first("/api/v3/hip/link/care-context/confirm").await;
    let request = json!({"requestId": confirm.request_id()});
    let wrong = json!({"patient": [entry(&["v1"], "Consultation")], "response": request});
    assert_eq!(say(&sandbox, &hip, ON_CONFIRM, &wrong).await.message(), "Invalid HIType");
    let refused = json!({"error": {"code": "ABDM-1035", "message": "Incorrect OTP"}, "response": request});
    assert_eq!(say(&sandbox, &hip, ON_CONFIRM, &refused).await.status, 202);
    assert_eq!(state.linking(&transaction).unwrap().state, LinkingState::ConfirmFailed);
    assert!(state.links(RAMESH).is_empty());
}

#[tokio::test]
async fn linking_something_else_than_was_chosen_or_offering_what_is_linked_is_noted() {
    let sandbox = sandbox().await;
    let hip = Hip::of(&sandbox).await;
    hip.link(&sandbox, "v1").await;
    let state = sandbox.state();
    let (transaction, callback) = discovered(&sandbox, &hip).await;
    say(&sandbox, &hip, ON_DISCOVER, &on_discover(&transaction, &callback.request_id())).await;
    state
        .init_link(&transaction, &Choice { care_contexts: Some(vec!["v2".into()]), ..Choice::default() })
        .unwrap();
    let init = hip.first("/api/v3/hip/link/care-context/init").await;
    say(&sandbox, &hip, ON_INIT, &on_init(&transaction, &init.request_id())).await;
    state.confirm_link(&transaction, &json!("123456")).unwrap();
    let confirm = hip.first("/api/v3/hip/link/care-context/confirm").await;
    let linked = json!({"patient": [entry(&["v2", "v3"], "OPConsultation")], "response": {"requestId": confirm.request_id()}});
    say(&sandbox, &hip, ON_CONFIRM, &linked).await;
    let rules: Vec<_> =
        state.violations().into_iter().map(|v| v.rule).filter(|rule| rule != "no-such-path").collect();
    assert_eq!(rules, ["linked-offered", "not-chosen"]);
}

#[tokio::test]
async fn a_discovery_does_not_live_for_ever() {
    let (sandbox, clock) = timed(SandboxConfig::default()).await;
    let hip = Hip::of(&sandbox).await;
    let (transaction, callback) = discovered(&sandbox, &hip).await;
    clock.advance(Duration::from_secs(601));
    let said = say(&sandbox, &hip, ON_DISCOVER, &on_discover(&transaction, &callback.request_id())).await;
    assert_eq!(said.message(), "Invalid Transaction ID / Transaction expired.");
}
