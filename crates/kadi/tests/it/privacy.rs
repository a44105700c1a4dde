//! Nothing personal and no secret in logs and error texts: known values are planted, everything is made to go right and
//! wrong at the lowest level of logging, and all that was said is searched.

use std::sync::OnceLock;

use domain::event::EventType;
use domain::link::LinkState;
use domain::patient::Patient;
use domain::problem::Problem;
use kadi::flows::visits;
use kadi::logging::Captured;
use sandbox::{
    CallFault, CallbackFault, ConsentWanted, Fault, Person, Plan, PushFault, RawCallback, RecordsWanted,
    Renotify,
};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use store::on_both_databases;
use uuid::Uuid;

use crate::callbacks::{CONSENT, grant};
use crate::steps::{
    GENERATE_TOKEN, LINK, MINUTE, NOTIFY, ON_CARE_CONTEXT, ON_GENERATE_TOKEN, ONE, SECOND, TWO,
};
use crate::world::{
    FACILITY, OP_CONSULTATION, PATIENCE, PRESCRIPTION, World, facility, id, new_visit, prepare,
};

const ADDRESS: &str = "quetzal.zeb_71@sbx";
const PUSH_SECRET: &str = "planted-push-secret";

/// Logs of this process from its first look on. One subscriber serves all tests of the process.
fn logged() -> &'static Captured {
    static LOGGED: OnceLock<Captured> = OnceLock::new();
    LOGGED.get_or_init(|| {
        let captured = Captured::default();
        tracing::subscriber::set_global_default(captured.subscriber("trace").unwrap()).unwrap();
        captured
    })
}

/// Every text of a record that says something of its patient.
fn clinical(value: &Value, texts: &mut Vec<String>) {
    match value {
        Value::String(text) if text.len() >= 8 && text.contains(' ') => texts.push(text.clone()),
        Value::Array(items) => items.iter().for_each(|item| clinical(item, texts)),
        Value::Object(members) => members.values().for_each(|value| clinical(value, texts)),
        _ => {}
    }
}

fn planted() -> Vec<String> {
    let mut planted: Vec<_> = [
        "Zebulon Quetzalcoatl",
        "Zebulon",
        "Quetzalcoatl",
        "Nebuchadnezzar",
        ADDRESS,
        "quetzal.zeb_71",
        "9812345670",
        "91123456789015",
        "91-1234-5678-9015",
        "Planted visit display",
        "planted lane",
        PUSH_SECRET,
    ]
    .map(str::to_owned)
    .to_vec();
    for record in [OP_CONSULTATION, PRESCRIPTION] {
        clinical(&serde_json::from_str(record).unwrap(), &mut planted);
    }
    assert!(planted.len() > 20, "{planted:?}");
    planted
}

fn person() -> Person {
    serde_json::from_value(json!({
        "abhaAddress": ADDRESS, "abhaNumber": "91123456789015", "name": "Zebulon Quetzalcoatl", "gender": "M",
        "yearOfBirth": 1971, "mobile": "9812345670", "address": {"line": "planted lane"}}))
    .unwrap()
}

impl World {
    /// A visit fails in every way before it is linked.
    async fn link_with_failures(&self) -> Patient {
        let right = self.patient("P1", ADDRESS).await;
        self.correct(&Patient { name: "Nebuchadnezzar Quetzalcoatl".to_owned(), ..right.clone() }).await;
        let mut visit = new_visit(&right, "visit-1");
        visit.display = "Planted visit display".to_owned();
        self.put_visit(&right, visit, &TWO).await;
        self.until_link(&right, "visit-1", LinkState::Failed).await;
        self.clock.advance(MINUTE * 8);
        self.correct(&right).await;
        self.until_link(&right, "visit-1", LinkState::Linked).await;
        for (n, fault) in [CallFault::Broken, CallFault::TooMany, CallFault::Close, CallFault::Unauthorized]
            .into_iter()
            .enumerate()
        {
            self.call_faults(vec![Fault::always(fault).on(LINK).times(1)]);
            let reference = format!("visit-{}", n + 2);
            self.visit(&right, &reference, &ONE).await;
            self.until_calls(LINK, 2 + 2 * n).await;
            self.link_after(SECOND, &right, &reference, LinkState::Linked).await;
        }
        self.call_faults(vec![Fault::always(CallFault::Empty400).on(LINK).times(1)]);
        self.visit(&right, "refused", &ONE).await;
        self.until_link(&right, "refused", LinkState::Failed).await;
        self.sandbox.state().set_faults(Plan::default());
        right
    }

    /// ABDM's words name the patient, and callbacks hold them where they do not belong.
    async fn odd_callbacks(&self, token: &str) {
        let words = |answers: &str| {
            json!({
            "error": {"code": "ABDM-1043: ", "message": "Zebulon Quetzalcoatl (9812345670) does not match"},
            "status": ADDRESS, "abhaAddress": ADDRESS, "response": {"requestId": answers}})
        };
        let link = self.calls(LINK).remove(0).request_id.unwrap();
        for answers in [link, Uuid::new_v4().to_string()] {
            for path in [ON_CARE_CONTEXT, ON_GENERATE_TOKEN] {
                self.callback(RawCallback::new(&format!("/api/v3{path}"), FACILITY, words(&answers))).await;
            }
        }
        let mut wrong = grant(&Uuid::new_v4().to_string());
        wrong["notification"]["status"] = "Zebulon Quetzalcoatl".into();
        let mut typed = grant(&Uuid::new_v4().to_string());
        typed["notification"]["consentDetail"]["permission"] =
            json!({"Quetzalcoatl": ADDRESS, "dateRange": "9812345670"});
        typed["notification"]["consentDetail"]["patient"] = json!({"id": "Zebulon Quetzalcoatl"});
        let whole = grant(&Uuid::new_v4().to_string());
        let headers = [("authorization", token), ("x-hip-id", FACILITY), ("request-id", "9812345670")];
        let mut answers = Vec::new();
        for body in [
            wrong.to_string(),
            typed.to_string(),
            format!("{{\"Zebulon\":{whole}"),
            "Quetzalcoatl".to_owned(),
        ] {
            answers.push(self.post(CONSENT, &headers, body).await);
        }
        answers.push(self.post(CONSENT, &headers, whole.to_string()).await);
        let stranger = [("authorization", "Bearer Zebulon.Quetzalcoatl.9812345670"), ("x-hip-id", "Zebulon")];
        answers.push(self.post(CONSENT, &stranger, whole.to_string()).await);
        for answer in answers {
            assert!(answer.status().is_client_error());
            search("an answer", &answer.text().await.unwrap(), &planted());
        }
    }

    /// Transfers that are refused, fail, are stopped and arrive.
    async fn transfers_with_failures(&self) {
        let wanted = ConsentWanted { abha_address: ADDRESS.to_owned(), ..ConsentWanted::default() };
        let abdm = self.sandbox.state();
        let consent = abdm.grant(&wanted).unwrap().artefacts.remove(0).consent_id;
        assert!(abdm.acknowledged(&consent, sandbox::ConsentStatus::Granted, PATIENCE).await);
        let secret = format!("{}/hiu/push/{PUSH_SECRET}", self.sandbox.base_url());
        let closed = async |wanted: RecordsWanted| {
            let asked = abdm.request_records(&wanted).unwrap();
            abdm.closed_transfer(&asked.transaction_id, PATIENCE).await.unwrap()
        };
        closed(RecordsWanted { data_push_url: Some(secret), ..RecordsWanted::under(&consent) }).await;
        let bad = format!("ftp://{PUSH_SECRET}.example.org/");
        closed(RecordsWanted { data_push_url: Some(bad), ..RecordsWanted::under(&consent) }).await;
        closed(RecordsWanted { nonce: Some("Quetzalcoatl".to_owned()), ..RecordsWanted::under(&consent) })
            .await;
        let to = format!("http://127.0.0.1:9/{PUSH_SECRET}");
        let redirect = Fault { to: Some(to), ..Fault::always(PushFault::Redirect).times(2) };
        self.push_faults(vec![redirect, Fault::always(PushFault::Bad).times(1)]);
        assert!(!closed(RecordsWanted::under(&consent)).await.entries.is_empty());
        self.sandbox.state().set_faults(Plan::default());
        let all = closed(RecordsWanted::under(&consent)).await;
        assert!(all.entries.iter().all(|entry| entry.decrypted), "{all:#?}");
        assert_eq!(self.until_calls(NOTIFY, 3).await.len(), 3);
        abdm.revoke(&consent, Renotify { detail: Some(true) }).unwrap();
        assert!(abdm.acknowledged(&consent, sandbox::ConsentStatus::Revoked, PATIENCE).await);
        closed(RecordsWanted { unchecked: true, ..RecordsWanted::under(&consent) }).await;
        assert_eq!(self.calls(NOTIFY).len(), 3, "a refused request has no notify");
    }

    /// Everything that people may be shown as an error, but for what ABDM wrote itself.
    async fn error_texts(&self) -> Vec<String> {
        let ours = |problem: &Problem| format!("{} {}", problem.code, problem.explanation);
        let mut texts = Vec::new();
        for exchange in self.exchanges().await {
            texts.extend(exchange.error.iter().map(ours));
            texts.extend(exchange.subject);
        }
        texts.extend(self.events().await.iter().map(|event| event.data.to_string()));
        texts
    }
}

fn search(what: &str, text: &str, words: &[String]) {
    for word in words {
        if let Some(line) = text.lines().find(|line| line.contains(word.as_str())) {
            panic!("{what} holds {word:?}: {line}");
        }
    }
}

on_both_databases! {
    async fn nothing_personal_and_no_secret_is_logged_or_told_in_errors(database: TestDatabase) {
        let captured = logged();
        let world = World::on(database).await;
        world.sandbox.state().put_person(person());
        world.callback_faults(vec![Fault::always(CallbackFault::Redeliver).on(ON_CARE_CONTEXT).times(1)]);
        let patient = world.link_with_failures().await;
        let token = world.callback_token().await;
        world.odd_callbacks(&token).await;
        world.transfers_with_failures().await;
        // A visit whose records are not valid says why, and not with what they hold.
        let context = new_visit(&patient, "invalid");
        let mut tx = world.tx().await;
        let records = prepare(&tx, &patient, &context, &[("Prescription", OP_CONSULTATION), ("OPConsultation", PRESCRIPTION)]);
        let stored = visits::put(&world.ctx(), &mut tx, &facility(), (&patient, &context), Some(records)).await.unwrap();
        tx.commit().await.unwrap();
        assert!(stored.records.iter().all(|record| !record.valid));
        world.sandbox.state().is_idle(PATIENCE).await;

        let desk = world.desk(ADDRESS).await;
        let mut words = planted();
        words.push(desk.token.as_ref().unwrap().jwt.clone());
        words.push(token.trim_start_matches("Bearer ").to_owned());
        words.push(world.core().gateway.session().await.unwrap().expose_secret().to_owned());
        for text in world.error_texts().await {
            search("an error", &text, &words);
        }
        let reference = "visit-1".parse().unwrap();
        let context = world.read().await.care_context(&id(), &patient.reference, &reference).await.unwrap();
        search("debug output", &format!("{patient:?} {context:?} {desk:?} {:?}", world.core()), &words);

        let log = captured.text();
        let levels = |level: &str| log.lines().filter(|line| line.contains(&format!("\"level\":\"{level}\""))).count();
        assert!(levels("INFO") > 20 && levels("WARN") > 10 && levels("DEBUG") > 20, "all of it is searched");
        assert!(world.calls(GENERATE_TOKEN).len() > 1 && world.raised(EventType::CareContextFailed).await > 1);
        search("the log", &log, &words);
    }
}
