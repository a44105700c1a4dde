//! Requests for records: what is refused and with which code, and what of a visit is sent.

use abdm::clock::ManualClock;
use domain::care_context::CareContext;
use domain::link::LinkState;
use domain::patient::Patient;
use kadi::flows::{self, Ctx, visits};
use sandbox::{ConsentStatus, ConsentWanted, RecordsWanted, Renotify, Transfer, TransferState};
use serde_json::{Value, json};
use store::{NewRecord, on_both_databases};
use uuid::Uuid;

use crate::callbacks::{CONSENT, grant};
use crate::steps::{HOUR, NOTIFY, ON_REQUEST, ONE, TWO};
use crate::world::{FACILITY, PATIENCE, RAMESH, World, facility, id, known_patient, new_visit, prepare};

const REQUEST: &str = "/api/v3/hip/health-information/request";

impl World {
    /// Lets the HIU ask, and waits for the end of it.
    pub async fn transferred(&self, wanted: RecordsWanted) -> Transfer {
        let asked = self.sandbox.state().request_records(&wanted).unwrap();
        self.sandbox.state().closed_transfer(&asked.transaction_id, PATIENCE).await.unwrap()
    }

    /// Nothing has been pushed, and no transfer was told of.
    fn assert_nothing_left(&self) {
        assert!(self.calls("/hiu/push").is_empty());
        assert!(self.calls(NOTIFY).is_empty());
    }
}

/// `hiStatus` and description that the gateway was told, by care context.
pub fn told(transfer: &Transfer, context: &str) -> (String, String) {
    let notified = transfer.notified.as_ref().expect("a notify");
    let rows = notified["statusResponses"].as_array().unwrap();
    let row = rows.iter().find(|row| row["careContextReference"] == context).unwrap();
    let text = |name: &str| row[name].as_str().unwrap().to_owned();
    (text("hiStatus"), text("description"))
}

fn errored(description: &str) -> (String, String) {
    ("ERRORED".to_owned(), description.to_owned())
}

on_both_databases! {
    async fn what_the_consent_does_not_allow_is_refused_with_its_code(database: TestDatabase) {
        let world = World::on(database).await;
        world.linked().await;
        let end = world.core().clock.now() + HOUR;
        let short = world.granted(ConsentWanted { data_erase_at: Some(end), ..ConsentWanted::default() }).await;
        let revoked = world.granted(ConsentWanted::default()).await;
        world.sandbox.state().revoke(&revoked.consent_id, Renotify::default()).unwrap();
        assert!(world.sandbox.state().acknowledged(&revoked.consent_id, ConsentStatus::Revoked, PATIENCE).await);
        world.until_settled().await;
        world.clock.advance(HOUR);
        let good = world.granted(ConsentWanted::default()).await;
        let under = |consent: &str| RecordsWanted { unchecked: true, ..RecordsWanted::under(consent) };
        let ranged = |from: Option<&str>, to: Option<&str>| RecordsWanted {
            from: from.map(str::to_owned), to: to.map(str::to_owned), ..under(&good.consent_id)
        };
        let unknown = Uuid::new_v4().to_string();
        for (what, wanted, code) in [
            ("unknown", RecordsWanted { hip_id: Some(FACILITY.to_owned()), ..under(&unknown) }, "ABDM-1112"),
            ("expired", under(&short.consent_id), "ABDM-1061"),
            ("revoked", under(&revoked.consent_id), "ABDM-1062"),
            ("from too early", ranged(Some("2000-01-01T00:00:00.000Z"), None), "ABDM-1063"),
            ("to too late", ranged(None, Some("2026-01-21T00:00:00.000Z")), "ABDM-1063"),
            ("wider both ways", ranged(Some("2000-01-01T00:00:00.000Z"), Some("2027-01-01T00:00:00.000Z")), "ABDM-1063"),
            ("turned round", ranged(Some("2026-01-18T00:00:00.000Z"), Some("2026-01-17T00:00:00.000Z")), "ABDM-1063"),
        ] {
            let transfer = world.transferred(wanted).await;
            assert_eq!(transfer.state, TransferState::Refused, "{what}");
            assert_eq!(transfer.error.unwrap()["code"], code, "{what}");
            assert!(transfer.notified.is_none() && transfer.pages.is_empty(), "{what}");
        }
        assert_eq!(world.until_calls(ON_REQUEST, 7).await.len(), 7);
        world.assert_nothing_left();
        world.assert_clean().await;
    }

    async fn what_cannot_be_encrypted_for_or_reached_is_refused(database: TestDatabase) {
        let world = World::on(database).await;
        world.linked().await;
        let consent = world.granted(ConsentWanted::default()).await.consent_id;
        let own = RecordsWanted::under(&consent);
        let text = |text: &str| Some(text.to_owned());
        let off_curve = format!("BA{}", "A".repeat(86));
        let cases = [
            ("key expired", RecordsWanted { key_expiry: text("2026-01-20T05:59:59.000Z"), ..own.clone() }),
            ("key off the curve", RecordsWanted { public_key: text(&off_curve), ..own.clone() }),
            ("key no base64", RecordsWanted { public_key: text("!"), ..own.clone() }),
            ("key empty", RecordsWanted { public_key: text(""), ..own.clone() }),
            ("nonce short", RecordsWanted { nonce: text("AAAAAAAAAAAAAAAAAAAAAA=="), ..own.clone() }),
            ("nonce empty", RecordsWanted { nonce: text(""), ..own.clone() }),
            ("another curve", RecordsWanted { curve: text("P-256"), ..own.clone() }),
            // Even where insecure addresses are allowed.
            ("local link", RecordsWanted { data_push_url: text("http://169.254.169.254/latest"), ..own.clone() }),
            ("no http", RecordsWanted { data_push_url: text("ftp://hiu.example.org/push"), ..own.clone() }),
            ("credentials", RecordsWanted { data_push_url: text("https://a:b@hiu.example.org/push"), ..own.clone() }),
            ("no address", RecordsWanted { data_push_url: text("push here"), ..own }),
        ];
        let count = cases.len();
        for (what, wanted) in cases {
            let transfer = world.transferred(wanted).await;
            assert_eq!(transfer.state, TransferState::Refused, "{what}");
            let error = transfer.error.unwrap();
            assert_eq!(error["code"], "ABDM-1031", "{what}");
            assert!(error["message"].as_str().unwrap().starts_with("Invalid request"), "{what}: {error}");
        }
        assert_eq!(world.until_calls(ON_REQUEST, count).await.len(), count);
        world.assert_nothing_left();
        world.assert_clean().await;
    }

    async fn a_push_address_inside_is_refused_where_insecure_ones_are_not_allowed(database: TestDatabase) {
        let clock = ManualClock::at("2026-01-20T06:00:00Z".parse().unwrap());
        let store = database.open(std::sync::Arc::new(clock.clone())).await;
        let sandbox = sandbox::Sandbox::start(sandbox::SandboxConfig::default(), std::sync::Arc::new(clock)).await.unwrap();
        let mut tx = store.begin().await.unwrap();
        tx.put_facility(&facility()).await.unwrap();
        let patient = known_patient(&sandbox, "P1", RAMESH);
        tx.put_patient(&id(), &patient).await.unwrap();
        let context = new_visit(&patient, "visit-1");
        let rules = strict();
        let ctx = Ctx { rules: &rules, chance: 0.5 };
        let records = prepare(&tx, &patient, &context, &ONE);
        visits::put(&ctx, &mut tx, &facility(), (&patient, &context), Some(records)).await.unwrap();
        tx.commit().await.unwrap();
        store.lease_outbox(store::Lane::Replies, 100).await.unwrap();
        let consent = Uuid::new_v4().to_string();
        deal_with(&store, &ctx, CONSENT, grant(&consent)).await;

        let key = fidelius::KeyPair::generate().unwrap().public().to_x509_base64();
        for (url, allowed) in [
            ("http://hiu.example.org/push", false),
            ("https://127.0.0.1/push", false),
            ("https://localhost/push", false),
            ("https://192.168.1.4/push", false),
            ("https://10.0.0.1:8443/push", false),
            ("https://[::1]/push", false),
            ("https://hiu.example.org/push", true),
        ] {
            let said = deal_with(&store, &ctx, REQUEST, request(&consent, url, &key)).await;
            let refused = said.pointer("/error/code").is_some_and(|code| code == "ABDM-1031");
            assert_eq!(refused, !allowed, "{url}: {said}");
            assert_eq!(said.pointer("/hiRequest/sessionStatus").is_some(), allowed, "{url}");
        }
    }

    async fn a_consent_that_names_another_patients_visit_is_refused(database: TestDatabase) {
        let world = World::on(database).await;
        let patient = world.linked().await;
        let consent = world.granted(ConsentWanted::default()).await;
        // The hospital finds that the visit's patient is somebody else.
        world.correct(&Patient { abha_address: Some("someone.else@sbx".parse().unwrap()), abha_number: None, ..patient }).await;
        let transfer = world.transferred(RecordsWanted::under(&consent.consent_id)).await;
        assert_eq!(transfer.state, TransferState::Refused);
        assert_eq!(transfer.error.unwrap()["code"], "ABDM-1057");
        world.assert_nothing_left();
    }

    async fn only_granted_types_in_the_asked_range_are_sent(database: TestDatabase) {
        let world = World::on(database).await;
        let patient = world.linked().await;
        let old = CareContext { date: "2025-06-01".parse().unwrap(), ..new_visit(&patient, "old") };
        world.put_visit(&patient, old, &TWO).await;
        world.visit(&patient, "consultation", &ONE).await;
        for visit in ["old", "consultation"] {
            world.until_link(&patient, visit, LinkState::Linked).await;
        }
        let types = Some(vec!["Prescription".to_owned()]);
        let consent = world.granted(ConsentWanted { hi_types: types, ..ConsentWanted::default() }).await;
        let from = Some("2026-01-01T00:00:00.000Z".to_owned());
        let transfer = world.transferred(RecordsWanted { from, ..RecordsWanted::under(&consent.consent_id) }).await;
        assert_eq!(transfer.state, TransferState::Transferred, "{transfer:#?}");
        let sent: Vec<_> = transfer.entries.iter().map(|entry| (entry.care_context_reference.as_str(), entry.hi_type.as_deref())).collect();
        assert_eq!(sent, [("visit-1", Some("Prescription"))]);
        assert_eq!(told(&transfer, "visit-1").0, "DELIVERED");
        assert_eq!(told(&transfer, "old"), errored("Outside the requested date range"));
        assert_eq!(told(&transfer, "consultation"), errored("No record of a requested type"));
        world.assert_clean().await;
    }

    async fn what_was_withdrawn_or_is_not_valid_is_reported_and_not_sent(database: TestDatabase) {
        let world = World::on(database).await;
        let patient = world.linked().await;
        for visit in ["withdrawn", "broken", "half"] {
            world.visit(&patient, visit, &TWO).await;
            world.until_link(&patient, visit, LinkState::Linked).await;
        }
        let consent = world.granted(ConsentWanted::default()).await;
        let mut tx = world.tx().await;
        visits::take_back(&mut tx, &id(), &patient.reference, &"withdrawn".parse().unwrap()).await.unwrap();
        for (visit, bad) in [("broken", 2), ("half", 1)] {
            let context = CareContext { link: world.link(&patient, visit).await, ..new_visit(&patient, visit) };
            let records = prepare(&tx, &patient, &context, &TWO).into_iter().enumerate();
            let spoil = |(place, record): (usize, NewRecord)| NewRecord {
                valid: place >= bad, source_hash: format!("{}-changed", record.source_hash), ..record
            };
            let records = records.map(spoil).collect();
            visits::put(&world.ctx(), &mut tx, &facility(), (&patient, &context), Some(records)).await.unwrap();
        }
        tx.commit().await.unwrap();
        let transfer = world.transferred(RecordsWanted::under(&consent.consent_id)).await;
        assert_eq!(told(&transfer, "withdrawn"), errored("Withdrawn by the facility"));
        assert_eq!(told(&transfer, "broken"), errored("Record not yet valid"));
        assert_eq!(told(&transfer, "visit-1").0, "DELIVERED");
        let halves: Vec<_> = transfer.entries.iter().filter(|entry| entry.care_context_reference == "half").collect();
        assert_eq!(halves.len(), 1);
        assert!(transfer.entries.iter().all(|entry| !["withdrawn", "broken"].contains(&entry.care_context_reference.as_str())));
    }

    async fn a_transfer_of_nothing_is_acknowledged_and_failed(database: TestDatabase) {
        let world = World::on(database).await;
        let patient = world.linked().await;
        let consent = world.granted(ConsentWanted::default()).await;
        let mut tx = world.tx().await;
        visits::take_back(&mut tx, &id(), &patient.reference, &"visit-1".parse().unwrap()).await.unwrap();
        tx.commit().await.unwrap();
        let transfer = world.transferred(RecordsWanted::under(&consent.consent_id)).await;
        assert_eq!((transfer.state, transfer.page_count), (TransferState::Failed, None));
        assert_eq!(transfer.notified.as_ref().unwrap()["sessionStatus"], "FAILED");
        assert_eq!(told(&transfer, "visit-1"), errored("Withdrawn by the facility"));
        assert!(world.calls("/hiu/push").is_empty());
        world.assert_clean().await;
    }
}

/// The rules of a bridge in production.
fn strict() -> flows::Rules {
    let (second, hour) = (std::time::Duration::from_secs(1), HOUR);
    flows::Rules {
        tokens: domain::token_desk::Limits { per_day: 3, window: second * 420 },
        backoff: domain::backoff::Backoff { first: second, max: second * 300 },
        callback_overdue: second * 600,
        per_page: std::num::NonZeroUsize::MIN,
        deadline: hour,
        allow_insecure: false,
        discovery: domain::discovery::Settings::default(),
        otp: domain::otp::Limits::default(),
        otp_give_up: None,
        token_life: second * 1800,
        sms: flows::sms::SmsRules { visit_days: 7, again_after: hour * 720 },
    }
}

/// Stores a callback, lets the flow deal with it, and gives the body of the reply that is to leave.
async fn deal_with(store: &store::Store, ctx: &Ctx<'_>, path: &'static str, body: Value) -> Value {
    let (intake, writer) = store::Intake::new(store.clone());
    let writing = tokio::spawn(writer.run());
    let callback = store::Callback {
        facility: id(),
        kind: path,
        path,
        request_id: Uuid::new_v4().to_string(),
        subject: None,
        body: body.to_string().into(),
        late_by: std::time::Duration::ZERO,
        reply_by: Some("2026-01-20T06:01:00Z".parse().unwrap()),
        message: None,
    };
    intake.store(callback).await.unwrap();
    drop(intake);
    writing.await.unwrap();
    let received = store.lease_inbox(1).await.unwrap().remove(0);
    let mut tx = store.begin().await.unwrap();
    flows::on_callback(ctx, &mut tx, &received).await.unwrap();
    tx.commit().await.unwrap();
    let sending = store.lease_outbox(store::Lane::Replies, 10).await.unwrap();
    assert_eq!(sending.len(), 1, "one reply");
    serde_json::from_slice(&sending[0].body).unwrap()
}

fn request(consent: &str, url: &str, key: &str) -> Value {
    json!({"requestId": "", "timestamp": "", "transactionId": Uuid::new_v4(), "hiRequest": {
        "consent": {"id": consent}, "dataPushUrl": url,
        "dateRange": {"from": "2020-01-01T00:00:00.000Z", "to": "2026-01-20T06:00:00.000Z"},
        "keyMaterial": {"cryptoAlg": "ECDH", "curve": "Curve25519", "nonce": "6uj1RdDUbcpI3lVMZvijkMC8Te20O4Bcyz0SyivX8Eg=",
            "dhPublicKey": {"expiry": "2027-01-01T00:00:00.000Z", "parameters": "", "keyValue": key}}}})
}
