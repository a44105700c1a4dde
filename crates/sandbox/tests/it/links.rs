//! Linking by the hospital: link tokens, care contexts, notices, SMS.

use std::time::Duration;

use sandbox::{CallbackFault, EffectKind, Fault, Plan, Rules, SandboxConfig};
use serde_json::{Value, json};

use crate::bridge::{LINK, NOTICE, SMS, Said, TOKEN, entry, link_body, now_of, token_body};
use crate::hip::Hip;
use crate::{HIP, RAMESH, SOON, sandbox, sandbox_with, timed};

async fn link(hip: &Hip, sandbox: &sandbox::Handle, token: &str, body: &Value) -> Said {
    hip.bridge.post(LINK, body, now_of(sandbox).await).with("x-link-token", token).send().await
}

fn rules_of(sandbox: &sandbox::Handle, path: &str) -> Vec<String> {
    sandbox
        .state()
        .violations()
        .into_iter()
        .filter(|violation| violation.path == path)
        .map(|violation| violation.rule)
        .collect()
}

#[tokio::test]
async fn care_contexts_are_linked_and_the_callback_says_so_in_prose() {
    let sandbox = sandbox().await;
    let hip = Hip::of(&sandbox).await;
    let token = hip.link_token(&sandbox).await;
    let body = json!({"abhaAddress": RAMESH, "patient": [entry(&["v1", "v2"], "OPConsultation"), entry(&["v1"], "Prescription")]});
    let said = link(&hip, &sandbox, &token, &body).await;
    assert_eq!((said.status, said.body.as_str()), (202, ""));
    let callback = hip.first("/api/v3/link/on_carecontext").await;
    assert_eq!(callback.body["status"], "Successfully Linked care context");
    assert!(callback.body.get("error").is_none());
    let links = sandbox.state().links(RAMESH);
    let types: Vec<_> =
        links.iter().map(|link| (link.care_context_reference.as_str(), link.hi_types.len())).collect();
    assert_eq!(types, [("v1", 2), ("v2", 1)]);
    assert_eq!(
        sandbox.state().effects_of(EffectKind::Link, Some(&format!("{HIP}|{RAMESH}")), 3, SOON).await,
        3
    );
    assert!(rules_of(&sandbox, LINK).is_empty());
}

#[tokio::test]
async fn the_checks_stand_in_the_observed_order() {
    let sandbox = sandbox().await;
    let hip = Hip::of(&sandbox).await;
    let token = hip.link_token(&sandbox).await;
    let now = now_of(&sandbox).await;
    // Everything is wrong; mending one thing after the other shows what is looked at first.
    let mut body = json!({"abhaAddress": RAMESH, "abhaNumber": "91-1234-0704-2043"});
    let said = hip.bridge.post(LINK, &body, now).send().await;
    assert_eq!((said.status, said.body.as_str()), (401, ""), "the link token's header is missing");
    let said = link(&hip, &sandbox, &format!("Bearer {token}"), &body).await;
    assert_eq!((said.code(), said.message().as_str()), ((400, "ABDM-9999".into()), "Invalid X Auth token"));
    let said = link(&hip, &sandbox, &token, &body).await;
    assert_eq!(said.code(), (400, "ABDM-1006".into()), "patient is missing");
    body["patient"] = json!([entry(&["v1"], "OPCONSULTATION")]);
    let said = link(&hip, &sandbox, &token, &body).await;
    assert_eq!((said.status, said.body.as_str()), (400, ""), "a dashed ABHA number is an empty 400");
    body["abhaNumber"] = Value::Null;
    let said = link(&hip, &sandbox, &token, &body).await;
    assert_eq!((said.code(), said.message().as_str()), ((400, "ABDM-1006".into()), "Invalid HIType"));
}

#[tokio::test]
async fn fields_of_the_wrong_shape_are_an_empty_400() {
    let sandbox = sandbox().await;
    let hip = Hip::of(&sandbox).await;
    let token = hip.link_token(&sandbox).await;
    let mut array = entry(&["v1"], "OPConsultation");
    array["hiType"] = json!(["OPConsultation"]);
    let mut plural = entry(&["v1"], "OPConsultation");
    let hi_type = plural.as_object_mut().unwrap().remove("hiType").unwrap();
    plural["hiTypes"] = json!([hi_type]);
    let mut count = entry(&["v1"], "OPConsultation");
    count["count"] = json!("1");
    let mut contexts = entry(&["v1"], "OPConsultation");
    contexts["careContexts"] = json!({"referenceNumber": "v1", "display": "x"});
    for wrong in [array, plural, count, contexts] {
        let said =
            link(&hip, &sandbox, &token, &json!({"abhaAddress": RAMESH, "patient": [wrong.clone()]})).await;
        assert_eq!((said.status, said.body.as_str()), (400, ""), "{wrong}");
    }
    assert!(sandbox.state().links(RAMESH).is_empty());
}

#[tokio::test]
async fn values_outside_the_rules_get_their_code() {
    let sandbox = sandbox().await;
    let hip = Hip::of(&sandbox).await;
    let token = hip.link_token(&sandbox).await;
    let with = |change: fn(&mut Value)| {
        let mut body = link_body("v1", "OPConsultation");
        change(&mut body["patient"][0]);
        body
    };
    let many: Vec<String> = (0..21).map(|n| format!("v{n}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let cases = [
        (with(|entry| entry["count"] = json!(0)), "ABDM-1006"),
        (json!({"abhaAddress": RAMESH, "patient": [entry(&many, "OPConsultation")]}), "ABDM-1006"),
        (json!({"abhaAddress": RAMESH, "patient": []}), "ABDM-1006"),
        (json!({"abhaAddress": RAMESH, "patient": [entry(&[], "OPConsultation")]}), "ABDM-1006"),
        (with(|entry| entry["referenceNumber"] = json!("a&b")), "ABDM-1060"),
        (with(|entry| entry["referenceNumber"] = json!("")), "ABDM-1060"),
        (with(|entry| entry["display"] = json!("रमेश")), "ABDM-1061"),
        (with(|entry| entry["careContexts"][0]["display"] = json!("50% off")), "ABDM-1061"),
        (with(|entry| entry["careContexts"][0]["referenceNumber"] = json!("v#1")), "ABDM-1057"),
        (json!({"abhaAddress": RAMESH, "patient": [entry(&["v1", "v1"], "OPConsultation")]}), "ABDM-1057"),
    ];
    for (body, code) in cases {
        assert_eq!(link(&hip, &sandbox, &token, &body).await.code(), (400, code.to_owned()), "{body}");
    }
    let mut two = json!({"abhaAddress": RAMESH, "patient": [entry(&["v1"], "OPConsultation"), entry(&["v1"], "Prescription")]});
    two["patient"][1]["referenceNumber"] = json!("TMH-PUID-002");
    assert_eq!(
        link(&hip, &sandbox, &token, &two).await.code(),
        (400, "ABDM-1060".into()),
        "two patients in one call"
    );
    assert!(sandbox.state().links(RAMESH).is_empty());
}

#[tokio::test]
async fn a_count_that_is_not_the_number_of_care_contexts_fails_on_the_callback() {
    let sandbox = sandbox().await;
    let hip = Hip::of(&sandbox).await;
    let token = hip.link_token(&sandbox).await;
    let mut body = link_body("v1", "OPConsultation");
    body["patient"][0]["count"] = json!(2);
    assert_eq!(link(&hip, &sandbox, &token, &body).await.status, 202);
    assert_eq!(hip.first("on_carecontext").await.body["error"]["code"], "ABDM-1037");
    assert!(sandbox.state().links(RAMESH).is_empty());
}

#[tokio::test]
async fn a_genuine_token_of_another_address_number_or_hip_fails_on_the_callback() {
    let sandbox = sandbox().await;
    let hip = Hip::of(&sandbox).await;
    let token = hip.link_token(&sandbox).await;
    let mut address = link_body("v1", "OPConsultation");
    address["abhaAddress"] = json!("asha.rao@sbx");
    assert_eq!(link(&hip, &sandbox, &token, &address).await.status, 202);
    assert_eq!(hip.nth("on_carecontext", 1).await.body["error"]["code"], "ABDM-1038");

    let mut number = link_body("v1", "OPConsultation");
    number["abhaNumber"] = json!("91000000000000");
    assert_eq!(link(&hip, &sandbox, &token, &number).await.status, 202);
    assert_eq!(hip.nth("on_carecontext", 2).await.body["error"]["code"], "ABDM-1062");

    let other = hip.bridge.post(LINK, &link_body("v1", "OPConsultation"), now_of(&sandbox).await);
    other.with("x-link-token", &token).with("x-hip-id", "IN2710000001_1").accepted().await;
    let callback = hip.nth("on_carecontext", 3).await;
    assert_eq!(callback.body["error"]["code"], "ABDM-1063");
    assert_eq!(callback.header("x-hip-id"), "IN2710000001_1");
    assert!(sandbox.state().links(RAMESH).is_empty());
}

#[tokio::test]
async fn a_link_token_ends_after_182_and_a_half_days() {
    let (sandbox, clock) = timed(SandboxConfig::default()).await;
    let hip = Hip::of(&sandbox).await;
    let token = hip.link_token(&sandbox).await;
    clock.advance(Duration::from_hours(4380));
    let bridge = crate::bridge::Bridge::of(&sandbox).await;
    let now = now_of(&sandbox).await;
    bridge.post(LINK, &link_body("v1", "OPConsultation"), now).with("x-link-token", &token).accepted().await;
    assert_eq!(hip.first("on_carecontext").await.body["error"]["code"], "ABDM-1026");
}

#[tokio::test]
async fn a_token_made_with_a_number_wants_it_in_the_link_call() {
    let sandbox = sandbox().await;
    let hip = Hip::of(&sandbox).await;
    let number = sandbox.state().person(RAMESH).unwrap().abha_number.unwrap();
    let mut wanted = token_body();
    wanted["abhaNumber"] = json!(number);
    hip.bridge.post(TOKEN, &wanted, now_of(&sandbox).await).accepted().await;
    let token = hip.first("on-generate-token").await.body["linkToken"].as_str().unwrap().to_owned();
    assert_eq!(link(&hip, &sandbox, &token, &link_body("v1", "OPConsultation")).await.status, 202);
    assert_eq!(hip.nth("on_carecontext", 1).await.body["error"]["code"], "ABDM-1062");
    let mut body = link_body("v1", "OPConsultation");
    body["abhaNumber"] = json!(number);
    assert_eq!(link(&hip, &sandbox, &token, &body).await.status, 202);
    assert!(hip.nth("on_carecontext", 2).await.body.get("error").is_none());
}

#[tokio::test]
async fn what_is_linked_already_is_refused_at_once_or_on_the_callback_and_new_types_add_up() {
    for at_once in [true, false] {
        let rules = Rules { refuse_relink_at_once: at_once, ..Rules::default() };
        let sandbox = sandbox_with(SandboxConfig { rules, ..SandboxConfig::default() }).await;
        let hip = Hip::of(&sandbox).await;
        let token = hip.link_token(&sandbox).await;
        assert_eq!(link(&hip, &sandbox, &token, &link_body("v1", "OPConsultation")).await.status, 202);
        let again = link(&hip, &sandbox, &token, &link_body("v1", "OPConsultation")).await;
        if at_once {
            assert_eq!(
                (again.code(), again.message().as_str()),
                ((400, "ABDM-9999".into()), "Duplicate HIP link request")
            );
        } else {
            assert_eq!(hip.nth("on_carecontext", 2).await.body["error"]["code"], "ABDM-1056");
        }
        let body = json!({"abhaAddress": RAMESH, "patient": [entry(&["v1"], "OPConsultation"), entry(&["v1"], "Prescription")]});
        assert_eq!(link(&hip, &sandbox, &token, &body).await.status, 202);
        assert_eq!(sandbox.state().links(RAMESH)[0].hi_types.len(), 2);
        let effect = &sandbox
            .state()
            .effects(Some(EffectKind::Link), Some(&format!("{HIP}|{RAMESH}|v1|OPConsultation")))[0];
        assert_eq!((effect.accepted, effect.repeats), (1, 1), "linked once, repeated once");
        assert!(rules_of(&sandbox, LINK).is_empty(), "a repeat breaks no rule");
    }
}

fn notice(care_context: &str) -> Value {
    json!({"notification": {"patient": {"id": RAMESH},
        "careContext": {"patientReference": "TMH-PUID-001", "careContextReference": care_context},
        "hiTypes": ["OPConsultation"], "date": "2026-09-10T10:34:00.387Z", "hip": {"id": HIP}}})
}

#[tokio::test]
async fn a_context_notify_right_after_linking_is_refused_on_the_callback_and_accepted_five_seconds_later() {
    let (sandbox, clock) = timed(SandboxConfig::default()).await;
    let hip = Hip::of(&sandbox).await;
    hip.link(&sandbox, "v1").await;
    hip.bridge.post(NOTICE, &notice("v1"), now_of(&sandbox).await).accepted().await;
    let early = hip.nth("/api/v3/links/context/on-notify", 1).await.body;
    assert_eq!(
        (&early["acknowledgement"]["status"], &early["error"]["code"]),
        (&json!("ERRORED"), &json!("ABDM-1006: "))
    );
    assert!(sandbox.state().is_idle(SOON).await);
    clock.advance(Duration::from_secs(5));
    let id = hip.bridge.post(NOTICE, &notice("v1"), now_of(&sandbox).await).accepted().await;
    let later = hip.nth("/api/v3/links/context/on-notify", 2).await.body;
    assert_eq!(later, json!({"acknowledgement": {"status": "SUCCESS"}, "response": {"requestId": id}}));
    assert_eq!(sandbox.state().links(RAMESH)[0].notified_at.len(), 1);
    assert!(rules_of(&sandbox, NOTICE).is_empty());
}

#[tokio::test]
async fn an_equal_context_notify_is_a_second_effect() {
    let (sandbox, clock) = timed(SandboxConfig::default()).await;
    let hip = Hip::of(&sandbox).await;
    hip.link(&sandbox, "v1").await;
    clock.advance(Duration::from_mins(1));
    for n in 1..=2 {
        hip.bridge.post(NOTICE, &notice("v1"), now_of(&sandbox).await).accepted().await;
        hip.nth("/api/v3/links/context/on-notify", n).await;
        assert!(sandbox.state().is_idle(SOON).await);
    }
    assert_eq!(rules_of(&sandbox, NOTICE), ["second-notice"]);
    assert_eq!(sandbox.state().effects(Some(EffectKind::ContextNotify), None)[0].accepted, 2);
}

#[tokio::test]
async fn context_notifies_that_are_wrong_are_refused() {
    let (sandbox, clock) = timed(SandboxConfig::default()).await;
    let hip = Hip::of(&sandbox).await;
    hip.link(&sandbox, "v1").await;
    clock.advance(Duration::from_mins(1));
    let now = now_of(&sandbox).await;
    let with = |pointer: &str, value: Value| {
        let mut body = notice("v1");
        *body.pointer_mut(pointer).unwrap() = value;
        body
    };
    let cases = [
        (with("/notification/hiTypes", json!("OPConsultation")), "ABDM-1006"),
        (with("/notification/hiTypes", json!([])), "ABDM-1006"),
        (with("/notification/hiTypes", json!(["OPCONSULTATION"])), "ABDM-1006"),
        (with("/notification/date", json!("2026-09-10")), "ABDM-1006"),
        (with("/notification/patient/id", json!("ramesh")), "ABDM-1006"),
        (with("/notification/hip/id", json!("IN0000000000")), "ABDM-1055"),
    ];
    for (body, code) in cases {
        assert_eq!(hip.bridge.post(NOTICE, &body, now).send().await.code(), (400, code.to_owned()), "{body}");
    }
    let failing = [
        with("/notification/careContext/careContextReference", json!("v9")),
        with("/notification/careContext/patientReference", json!(RAMESH)),
        with("/notification/patient/id", json!("asha.rao@sbx")),
    ];
    for (n, body) in failing.iter().enumerate() {
        hip.bridge.post(NOTICE, body, now).accepted().await;
        assert_eq!(
            hip.nth("/api/v3/links/context/on-notify", n + 1).await.body["error"]["code"],
            "ABDM-1006: ",
            "{body}"
        );
    }
}

#[tokio::test]
async fn an_sms_is_accepted_and_a_second_one_before_the_first_is_answered_is_noted() {
    let sandbox = sandbox().await;
    let hip = Hip::of(&sandbox).await;
    let body = |mobile: &str, id: &str| json!({"notification": {"phoneNo": mobile, "hip": {"id": id, "name": "Kadi Demo Hospital"}}});
    let now = now_of(&sandbox).await;
    for wrong in ["98765", "+91-9876543210", "98765432101"] {
        assert_eq!(
            hip.bridge.post(SMS, &body(wrong, HIP), now).send().await.code(),
            (400, "ABDM-1006".into()),
            "{wrong}"
        );
    }
    let placeholder = hip.bridge.post(SMS, &body("9876543210", "HIP"), now).send().await;
    assert_eq!(placeholder.message(), "Dependent service unavailable");
    let id = hip.bridge.post(SMS, &body("9876543210", HIP), now).accepted().await;
    let callback = hip.first("/api/v3/patients/sms/on-notify").await;
    assert_eq!(
        callback.body,
        json!({"acknowledgement": {"status": "SUCCESS"}, "response": {"requestId": id}})
    );
    assert!(!rules_of(&sandbox, SMS).contains(&"second-sms".to_owned()));
    assert!(sandbox.state().is_idle(SOON).await);
    let lost = Fault::always(CallbackFault::Lost);
    sandbox.state().set_faults(Plan { callbacks: vec![lost], ..Plan::default() });
    hip.bridge.post(SMS, &body("9876543210", HIP), now).accepted().await;
    assert!(!rules_of(&sandbox, SMS).contains(&"second-sms".to_owned()), "another patient's, perhaps");
    hip.bridge.post(SMS, &body("919876543210", HIP), now).accepted().await;
    assert!(
        rules_of(&sandbox, SMS).contains(&"second-sms".to_owned()),
        "the same mobile in its other spelling"
    );
    assert_eq!(sandbox.state().effects(Some(EffectKind::Sms), None)[0].accepted, 3);
}
