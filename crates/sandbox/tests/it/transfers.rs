//! The data flow: request, on-request, pages, notify.

use std::time::Duration;

use fidelius::{KeyPair, Nonce, PublicKey, Session, Tolerances};
use md5::{Digest as _, Md5};
use sandbox::{
    EffectKind, Fault, Handle, KeyForm, Plan, PushFault, RecordsWanted, Renotify, Rules, SandboxConfig,
    TransferState,
};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use uuid::Uuid;

use crate::bridge::{NOTIFY, ON_REQUEST, now_of};
use crate::consents::{NOTIFIED, acknowledge, granted};
use crate::hip::{Callback, Hip};
use crate::{HIP, SOON, sandbox_with, timed};

pub(crate) const REQUESTED: &str = "/api/v3/hip/health-information/request";

/// A granted and acknowledged consent, and the request that came for it.
struct Asked {
    hip: Hip,
    consent_id: String,
    transaction: String,
    callback: Callback,
}

async fn asked(sandbox: &Handle, wanted: impl FnOnce(&mut RecordsWanted)) -> Asked {
    let hip = Hip::of(sandbox).await;
    hip.link(sandbox, "v1").await;
    let consent = granted(sandbox);
    acknowledge(&hip, sandbox, &hip.first(NOTIFIED).await).await;
    let mut records = RecordsWanted::under(&consent.consent_id);
    wanted(&mut records);
    let transfer = sandbox.state().request_records(&records).unwrap();
    let callback = hip.first(REQUESTED).await;
    Asked { hip, consent_id: consent.consent_id, transaction: transfer.transaction_id, callback }
}

impl Asked {
    fn on_request(&self) -> Value {
        json!({"hiRequest": {"transactionId": self.transaction, "sessionStatus": "ACKNOWLEDGED"},
            "response": {"requestId": self.callback.request_id()}})
    }

    async fn acknowledge(&self, sandbox: &Handle) {
        self.hip.bridge.post(ON_REQUEST, &self.on_request(), now_of(sandbox).await).accepted().await;
    }

    fn url(&self) -> String {
        self.callback.body["hiRequest"]["dataPushUrl"].as_str().unwrap().to_owned()
    }

    /// A page with one record for each care context, sealed with a fresh key.
    fn page(&self, number: i64, count: i64, records: &[(&str, &str)]) -> Value {
        let material = &self.callback.body["hiRequest"]["keyMaterial"];
        let peer = PublicKey::parse(material["dhPublicKey"]["keyValue"].as_str().unwrap(), &Tolerances::NONE)
            .unwrap();
        let peer_nonce = Nonce::parse(material["nonce"].as_str().unwrap()).unwrap();
        let (pair, nonce) = (KeyPair::generate().unwrap(), Nonce::generate().unwrap());
        let session = Session::agree(pair.private(), &peer.value, &nonce, &peer_nonce).unwrap();
        let entries: Vec<_> = records
            .iter()
            .map(|(context, text)| {
                json!({"content": session.seal_base64(text.as_bytes()).unwrap(), "media": "application/fhir+json",
                    "checksum": hex::encode(Md5::digest(text.as_bytes())), "careContextReference": context})
            })
            .collect();
        json!({"pageNumber": number, "pageCount": count, "transactionId": self.transaction, "entries": entries,
            "keyMaterial": {"cryptoAlg": "ECDH", "curve": "Curve25519",
                "dhPublicKey": {"expiry": "2027-01-01T00:00:00.000Z", "parameters": "Curve25519/32byte random key",
                    "keyValue": pair.public().to_x509_base64()},
                "nonce": nonce.to_base64()}})
    }

    async fn push(&self, page: &Value) -> reqwest::Response {
        self.push_as(page, &format!("Bearer {}", self.hip.bridge.token)).await
    }

    async fn push_as(&self, page: &Value, authorization: &str) -> reqwest::Response {
        let request = crate::bridge::http().post(self.url()).header("authorization", authorization);
        request.json(page).send().await.unwrap()
    }

    fn notify(&self, session_status: &str, rows: &[(&str, &str)]) -> Value {
        let rows: Vec<_> = rows
            .iter()
            .map(|(context, status)| json!({"careContextReference": context, "hiStatus": status, "description": "told"}))
            .collect();
        json!({"notification": {"consentId": self.consent_id, "transactionId": self.transaction,
            "doneAt": "2026-09-16T10:12:48.483Z", "notifier": {"type": "HIP", "id": HIP},
            "statusNotification": {"sessionStatus": session_status, "hipId": HIP, "statusResponses": rows}}})
    }
}

/// Records of these tests are documents in outline only.
fn unvalidated() -> SandboxConfig {
    let rules = Rules { validate_records: false, ..Rules::default() };
    SandboxConfig { rules, ..SandboxConfig::default() }
}

async fn lenient() -> Handle {
    sandbox_with(unvalidated()).await
}

fn document(profile: &str) -> String {
    let profile = format!("https://nrces.in/ndhm/fhir/r4/StructureDefinition/{profile}");
    json!({"resourceType": "Bundle", "type": "document", "entry": [
        {"resource": {"resourceType": "Composition", "meta": {"profile": [profile]}, "title": "परामर्श"}}]})
    .to_string()
}

fn rules(sandbox: &Handle) -> Vec<String> {
    let probes = |rule: &String| rule != "no-such-path";
    sandbox.state().violations().into_iter().map(|violation| violation.rule).filter(probes).collect()
}

#[tokio::test]
async fn records_are_asked_for_received_decrypted_checked_and_closed() {
    for form in [KeyForm::Raw, KeyForm::X509] {
        let sandbox = lenient().await;
        let asked = asked(&sandbox, |records| records.key_form = form).await;
        let body = &asked.callback.body;
        assert_eq!(
            (&body["requestId"], &body["timestamp"]),
            (&json!(""), &json!("")),
            "observed: empty strings"
        );
        let key = body["hiRequest"]["keyMaterial"]["dhPublicKey"]["keyValue"].as_str().unwrap().len();
        assert_eq!(key, if form == KeyForm::Raw { 88 } else { 412 });
        asked.acknowledge(&sandbox).await;
        let text = document("OPConsultRecord");
        assert_eq!(asked.push(&asked.page(1, 1, &[("v1", &text)])).await.status(), 202);
        let notify = asked.notify("TRANSFERRED", &[("v1", "DELIVERED")]);
        let said = asked.hip.bridge.post(NOTIFY, &notify, now_of(&sandbox).await).send().await;
        assert_eq!((said.status, said.json()), (202, json!({"status": "Notification is Accepted"})));
        let transfer = sandbox.state().closed_transfer(&asked.transaction, SOON).await.unwrap();
        assert_eq!(transfer.state, TransferState::Transferred);
        let entry = &transfer.entries[0];
        assert!(entry.decrypted && entry.checksum_ok && entry.valid, "{:?}", entry.issues);
        assert_eq!(
            (entry.hi_type.as_deref(), entry.bundle.as_deref()),
            (Some("OPConsultation"), Some(text.as_str()))
        );
        assert_eq!(rules(&sandbox), Vec::<String>::new());
        let path = format!("/api/hiecm/data-flow/v3/health-information/request/status/{}", asked.transaction);
        let status = asked.hip.bridge.get(&path, now_of(&sandbox).await).send().await.json();
        assert_eq!(status, json!({"transactionId": asked.transaction, "status": "TRANSFERRED"}));
    }
}

#[tokio::test]
async fn replies_and_pages_that_come_again_are_known_by_their_body_and_change_nothing() {
    let sandbox = lenient().await;
    let asked = asked(&sandbox, |_| {}).await;
    asked.acknowledge(&sandbox).await;
    let again = asked.hip.bridge.post(ON_REQUEST, &asked.on_request(), now_of(&sandbox).await).send().await;
    assert_eq!(again.code(), (400, "ABDM-1113".into()));
    let text = document("OPConsultRecord");
    for _ in 0..2 {
        assert_eq!(asked.push(&asked.page(1, 1, &[("v1", &text)])).await.status(), 202);
    }
    let notify = asked.notify("TRANSFERRED", &[("v1", "DELIVERED")]);
    asked.hip.bridge.post(NOTIFY, &notify, now_of(&sandbox).await).accepted().await;
    let again = asked.hip.bridge.post(NOTIFY, &notify, now_of(&sandbox).await).send().await;
    assert_eq!(again.code(), (400, "ABDM-1101".into()));
    for kind in [EffectKind::OnRequest, EffectKind::Page, EffectKind::Notify] {
        let effects = sandbox.state().effects(Some(kind), Some(&asked.transaction));
        assert_eq!((effects[0].accepted, effects[0].repeats), (1, 1), "{kind:?}");
    }
    let transfer = sandbox.state().transfer(&asked.transaction, false).unwrap();
    assert_eq!((transfer.entries.len(), transfer.pages[0].repeated), (1, 1));
    assert!(transfer.entries[0].bundle.is_none(), "left out on request");
    assert_eq!(rules(&sandbox), Vec::<String>::new(), "repeats break no rule");
}

#[tokio::test]
async fn replies_that_are_wrong_are_refused() {
    let sandbox = lenient().await;
    let asked = asked(&sandbox, |_| {}).await;
    let other = Uuid::new_v4().to_string();
    let with = |pointer: &str, value: Value| {
        let mut body = asked.on_request();
        *body.pointer_mut(pointer).unwrap() = value;
        body
    };
    let cases = [
        (with("/hiRequest/sessionStatus", json!("REQUESTED")), "ABDM-1006"),
        (with("/hiRequest/transactionId", json!(other)), "ABDM-1052"),
        (with("/response/requestId", json!(other)), "ABDM-1052"),
        (with("/response", Value::Null), "ABDM-1006"),
        (with("/hiRequest", Value::Null), "ABDM-1006"),
        (
            json!({"error": {"code": "1061", "message": "a<b"}, "response": {"requestId": asked.callback.request_id()}}),
            "ABDM-1006",
        ),
    ];
    for (body, code) in cases {
        let said = asked.hip.bridge.post(ON_REQUEST, &body, now_of(&sandbox).await).send().await;
        assert_eq!(said.code(), (400, code.to_owned()), "{body}");
    }
    assert_eq!(sandbox.state().transfer(&asked.transaction, false).unwrap().state, TransferState::Requested);
}

#[tokio::test]
async fn a_refusal_closes_the_transfer_with_its_code() {
    let sandbox = lenient().await;
    let asked = asked(&sandbox, |_| {}).await;
    let body = json!({"error": {"code": "ABDM-1061", "message": "Consent artefact expired"},
        "response": {"requestId": asked.callback.request_id()}});
    asked.hip.bridge.post(ON_REQUEST, &body, now_of(&sandbox).await).accepted().await;
    let transfer = sandbox.state().closed_transfer(&asked.transaction, SOON).await.unwrap();
    assert_eq!(
        (transfer.state, &transfer.error.unwrap()["code"]),
        (TransferState::Refused, &json!("ABDM-1061"))
    );
    asked.push(&asked.page(1, 1, &[("v1", &document("OPConsultRecord"))])).await;
    assert_eq!(rules(&sandbox), ["push-order"], "after a refusal nothing may be pushed");
}

#[tokio::test]
async fn pages_of_the_wrong_shape_or_address_are_refused() {
    let sandbox = lenient().await;
    let asked = asked(&sandbox, |_| {}).await;
    asked.acknowledge(&sandbox).await;
    let good = asked.page(1, 1, &[("v1", &document("OPConsultRecord"))]);
    let with = |pointer: &str, value: Value| {
        let mut page = good.clone();
        *page.pointer_mut(pointer).unwrap() = value;
        page
    };
    let cases = [
        (with("/pageNumber", json!(0)), 400),
        (with("/pageNumber", json!(2)), 400),
        (with("/pageNumber", json!("1")), 400),
        (with("/entries/0/media", json!("application/json")), 400),
        (with("/entries/0/checksum", json!("string")), 400),
        (with("/keyMaterial/curve", json!("X25519")), 400),
        (with("/keyMaterial/nonce", Value::Null), 400),
        (with("/keyMaterial/dhPublicKey/expiry", json!("2027-01-01")), 400),
        (with("/transactionId", json!(Uuid::new_v4().to_string())), 404),
    ];
    for (page, status) in cases {
        assert_eq!(asked.push(&page).await.status().as_u16(), status, "{page}");
    }
    let unsigned = asked.push_as(&good, "Bearer nobody").await;
    assert_eq!(unsigned.status(), 401);
    let elsewhere = crate::bridge::http().post(format!("{}x", asked.url())).json(&good).send().await.unwrap();
    assert_eq!(elsewhere.status(), 404);
    assert!(sandbox.state().transfer(&asked.transaction, true).unwrap().pages.is_empty());
}

#[tokio::test]
async fn what_cannot_be_opened_or_is_no_record_is_said_entry_by_entry() {
    let sandbox = lenient().await;
    let asked = asked(&sandbox, |_| {}).await;
    asked.acknowledge(&sandbox).await;
    let good = document("OPConsultRecord");
    let mut changed = asked.page(1, 4, &[("v1", &good)]);
    let content = changed["entries"][0]["content"].as_str().unwrap().to_owned();
    let flipped = if content.starts_with('A') { "B" } else { "A" };
    changed["entries"][0]["content"] = json!(format!("{flipped}{}", &content[1..]));
    let mut checksum = asked.page(2, 4, &[("v1", &good)]);
    checksum["entries"][0]["checksum"] = json!("0cc175b9c0f1b6a831c399e269772661");
    let text = asked.page(3, 4, &[("v1", "Wormtail should never have been Potter cottage's secret keeper.")]);
    let granted_type = asked.page(4, 4, &[("v1", &good)]);
    for page in [&changed, &checksum, &text, &granted_type] {
        assert_eq!(asked.push(page).await.status(), 202);
    }
    let transfer = sandbox.state().transfer(&asked.transaction, true).unwrap();
    let seen: Vec<_> =
        transfer.entries.iter().map(|entry| (entry.decrypted, entry.checksum_ok, entry.valid)).collect();
    assert_eq!(seen, [(false, false, false), (true, false, true), (true, true, false), (true, true, true)]);
    assert_eq!(rules(&sandbox), ["bad-record", "bad-record", "bad-record"]);
}

#[tokio::test]
async fn records_beyond_the_consent_are_violations() {
    let sandbox = lenient().await;
    let hip = Hip::of(&sandbox).await;
    hip.link(&sandbox, "v1").await;
    let wanted = sandbox::ConsentWanted {
        abha_address: crate::RAMESH.into(),
        hi_types: Some(vec!["Prescription".into()]),
        ..Default::default()
    };
    let consent = sandbox.state().grant(&wanted).unwrap().artefacts.remove(0);
    acknowledge(&hip, &sandbox, &hip.first(NOTIFIED).await).await;
    let transfer = sandbox.state().request_records(&RecordsWanted::under(&consent.consent_id)).unwrap();
    let callback = hip.first(REQUESTED).await;
    let asked = Asked { hip, consent_id: consent.consent_id, transaction: transfer.transaction_id, callback };
    asked.push(&asked.page(1, 3, &[("v1", &document("PrescriptionRecord"))])).await;
    assert_eq!(rules(&sandbox), ["push-order"], "pushed before on-request");
    asked.acknowledge(&sandbox).await;
    asked.push(&asked.page(2, 3, &[("v1", &document("OPConsultRecord"))])).await;
    asked.push(&asked.page(3, 3, &[("v2", &document("PrescriptionRecord"))])).await;
    assert_eq!(rules(&sandbox), ["push-order", "beyond-consent", "beyond-consent"]);
}

#[tokio::test]
async fn a_record_pushed_after_an_acknowledged_revocation_is_a_violation() {
    let sandbox = lenient().await;
    let asked = asked(&sandbox, |_| {}).await;
    asked.acknowledge(&sandbox).await;
    let text = document("OPConsultRecord");
    asked.push(&asked.page(1, 2, &[("v1", &text)])).await;
    sandbox.state().revoke(&asked.consent_id, Renotify::default()).unwrap();
    let revoked = asked.hip.nth(NOTIFIED, 2).await;
    acknowledge(&asked.hip, &sandbox, &revoked).await;
    assert_eq!(rules(&sandbox), Vec::<String>::new());
    asked.push(&asked.page(2, 2, &[("v1", &text)])).await;
    assert_eq!(rules(&sandbox), ["no-consent"]);
}

#[tokio::test]
async fn a_record_that_began_to_arrive_before_the_revocation_was_acknowledged_is_none() {
    let sandbox = lenient().await;
    let asked = asked(&sandbox, |_| {}).await;
    asked.acknowledge(&sandbox).await;
    let page = asked.page(1, 1, &[("v1", &document("OPConsultRecord"))]).to_string();
    let url = reqwest::Url::parse(&asked.url()).unwrap();
    let (host, port) = (url.host_str().unwrap(), url.port().unwrap());
    let mut push = TcpStream::connect((host, port)).await.unwrap();
    let head = format!(
        "POST {} HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\n\
         expect: 100-continue\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        url.path(),
        asked.hip.bridge.token,
        page.len()
    );
    push.write_all(head.as_bytes()).await.unwrap();
    let mut go_on = [0; 25];
    push.read_exact(&mut go_on).await.unwrap();
    assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n");
    sandbox.state().revoke(&asked.consent_id, Renotify::default()).unwrap();
    let revoked = asked.hip.nth(NOTIFIED, 2).await;
    acknowledge(&asked.hip, &sandbox, &revoked).await;
    push.write_all(page.as_bytes()).await.unwrap();
    let mut answer = String::new();
    push.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 202 "), "{answer}");
    assert_eq!(rules(&sandbox), Vec::<String>::new());
}

#[tokio::test]
async fn a_key_or_nonce_that_served_another_transfer_is_a_violation() {
    let sandbox = lenient().await;
    let first = asked(&sandbox, |_| {}).await;
    first.acknowledge(&sandbox).await;
    let page = first.page(1, 1, &[("v1", &document("OPConsultRecord"))]);
    first.push(&page).await;
    let transfer = sandbox.state().request_records(&RecordsWanted::under(&first.consent_id)).unwrap();
    let callback = first.hip.nth(REQUESTED, 2).await;
    let second = Asked {
        hip: first.hip.clone(),
        consent_id: first.consent_id.clone(),
        transaction: transfer.transaction_id,
        callback,
    };
    second.acknowledge(&sandbox).await;
    let mut reused = second.page(1, 1, &[("v1", &document("OPConsultRecord"))]);
    reused["keyMaterial"] = page["keyMaterial"].clone();
    second.push(&reused).await;
    assert!(rules(&sandbox).contains(&"reused-key".to_owned()));
}

#[tokio::test]
async fn a_notify_that_is_not_true_is_noted() {
    let sandbox = lenient().await;
    let asked = asked(&sandbox, |_| {}).await;
    asked.acknowledge(&sandbox).await;
    asked.push(&asked.page(1, 2, &[("v1", &document("OPConsultRecord"))])).await;
    let notify = asked.notify("TRANSFERRED", &[("v1", "DELIVERED"), ("v9", "DELIVERED")]);
    asked.hip.bridge.post(NOTIFY, &notify, now_of(&sandbox).await).accepted().await;
    let problems = sandbox.state().transfer(&asked.transaction, false).unwrap().problems;
    assert_eq!(problems.len(), 3, "{problems:?}");
    assert_eq!(rules(&sandbox), ["untrue-notify", "untrue-notify", "untrue-notify"]);
}

#[tokio::test]
async fn notifies_that_are_wrong_are_refused() {
    let sandbox = lenient().await;
    let asked = asked(&sandbox, |_| {}).await;
    asked.acknowledge(&sandbox).await;
    let with = |pointer: &str, value: Value| {
        let mut body = asked.notify("FAILED", &[("v1", "ERRORED")]);
        *body.pointer_mut(pointer).unwrap() = value;
        body
    };
    let other = Uuid::new_v4().to_string();
    let cases = [
        (with("/notification/statusNotification/statusResponses/0/hiStatus", json!("FAILED")), "ABDM-1405"),
        (with("/notification/statusNotification/sessionStatus", json!("DONE")), "ABDM-1406"),
        (
            with("/notification/statusNotification/statusResponses/0/description", json!("failed (timeout)")),
            "ABDM-1031",
        ),
        (with("/notification/notifier/type", json!("HIU")), "ABDM-1031"),
        (with("/notification/doneAt", json!("2026-09-16")), "ABDM-1031"),
        (with("/notification/statusNotification/statusResponses", json!("x")), "ABDM-1006"),
        (with("/notification/consentId", json!(other)), "ABDM-1052"),
        (with("/notification/transactionId", json!(other)), "ABDM-1052"),
    ];
    for (body, code) in cases {
        let said = asked.hip.bridge.post(NOTIFY, &body, now_of(&sandbox).await).send().await;
        assert_eq!(said.code(), (400, code.to_owned()), "{body}");
    }
}

#[tokio::test]
async fn a_transfer_not_closed_in_20_minutes_is_overdue() {
    let (sandbox, clock) = timed(unvalidated()).await;
    let asked = asked(&sandbox, |_| {}).await;
    asked.acknowledge(&sandbox).await;
    assert!(sandbox.state().is_idle(SOON).await);
    clock.advance(Duration::from_mins(20));
    let transfer = sandbox.state().closed_transfer(&asked.transaction, SOON).await.unwrap();
    assert_eq!(transfer.state, TransferState::Overdue);
    assert!(rules(&sandbox).contains(&"transfer-limit".to_owned()));
}

#[tokio::test]
async fn a_tester_can_ask_for_what_a_hip_must_refuse() {
    let sandbox = lenient().await;
    let hip = Hip::of(&sandbox).await;
    let consent = Uuid::new_v4().to_string();
    let wanted = RecordsWanted {
        hip_id: Some(HIP.into()),
        unchecked: true,
        nonce: Some("short".into()),
        data_push_url: Some("http://169.254.169.254/latest".into()),
        ..RecordsWanted::under(&consent)
    };
    sandbox.state().request_records(&wanted).unwrap();
    let request = hip.first(REQUESTED).await.body["hiRequest"].clone();
    assert_eq!(
        (&request["keyMaterial"]["nonce"], &request["consent"]["id"]),
        (&json!("short"), &json!(consent))
    );
    assert_eq!(request["dataPushUrl"], "http://169.254.169.254/latest");
}

#[tokio::test]
async fn the_push_endpoint_fails_on_request() {
    let sandbox = sandbox_with(SandboxConfig {
        rules: Rules { push_needs_token: false, ..unvalidated().rules },
        ..SandboxConfig::default()
    })
    .await;
    let asked = asked(&sandbox, |_| {}).await;
    asked.acknowledge(&sandbox).await;
    let page = asked.page(1, 1, &[("v1", &document("OPConsultRecord"))]);
    let push = vec![
        Fault::always(PushFault::Broken).times(1),
        Fault::always(PushFault::Redirect).times(1),
        Fault::always(PushFault::Close).times(1),
    ];
    sandbox.state().set_faults(Plan { push, ..Plan::default() });
    assert_eq!(asked.push(&page).await.status(), 500);
    let redirect = asked.push(&page).await;
    assert_eq!(
        (redirect.status().as_u16(), redirect.headers()["location"].to_str().unwrap()),
        (307, "http://127.0.0.1:9/elsewhere")
    );
    assert!(crate::bridge::http().post(asked.url()).json(&page).send().await.is_err());
    assert!(sandbox.state().transfer(&asked.transaction, true).unwrap().pages.is_empty());
    assert_eq!(asked.push_as(&page, "").await.status(), 202, "without a token, as the rules allow here");
}

#[tokio::test]
async fn records_are_held_to_the_profiles() {
    let sandbox = crate::sandbox().await;
    let asked = asked(&sandbox, |_| {}).await;
    asked.acknowledge(&sandbox).await;
    asked.push(&asked.page(1, 1, &[("v1", &document("OPConsultRecord"))])).await;
    let transfer = sandbox.state().transfer(&asked.transaction, true).unwrap();
    let entry = &transfer.entries[0];
    assert!(entry.decrypted && entry.checksum_ok && !entry.valid, "{:?}", entry.issues);
    assert_eq!(entry.hi_type.as_deref(), Some("OPConsultation"));
    assert_eq!(rules(&sandbox), ["bad-record"]);
}

#[tokio::test]
async fn a_transfer_whose_request_was_lost_is_overdue_and_nobodys_fault() {
    let (sandbox, clock) = timed(unvalidated()).await;
    let hip = Hip::of(&sandbox).await;
    hip.link(&sandbox, "v1").await;
    let consent = granted(&sandbox);
    acknowledge(&hip, &sandbox, &hip.first(NOTIFIED).await).await;
    let lost = Fault::always(sandbox::CallbackFault::Lost).on(REQUESTED);
    sandbox.state().set_faults(Plan { callbacks: vec![lost], ..Plan::default() });
    let transfer = sandbox.state().request_records(&RecordsWanted::under(&consent.consent_id)).unwrap();
    assert!(sandbox.state().is_idle(SOON).await);
    clock.advance(Duration::from_mins(20));
    let transfer = sandbox.state().closed_transfer(&transfer.transaction_id, SOON).await.unwrap();
    assert_eq!(transfer.state, TransferState::Overdue);
    assert_eq!(rules(&sandbox), Vec::<String>::new());
}
