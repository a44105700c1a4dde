//! Sealed at rest: who has the database alone learns no name, no number and nothing clinical.

use abdm::id::HiType;
use bytes::Bytes;
use domain::care_context::CareContext;
use domain::consent::ConsentStatus;
use domain::exchange::{Direction, ExchangeState};
use domain::link::Link;
use domain::link_request::LinkRequestState;
use domain::patient::{Identifier, Patient};
use domain::problem::Problem;
use domain::queue::{QueueState, QueueToken};
use domain::token_desk::{Token, TokenDesk};
use domain::transfer::TransferStatus;
use sqlx::{Connection as _, Row as _};
use store::terminology::{LocalCode, NewUnmapped};
use store::testing::TestDatabase;
use store::{
    Call, Callback, Discovered, Exchange, LinkRequest, MessageKey, NewRecord, Offered, Share, Store,
    StoredConsent, Transfer, on_both_databases,
};
use uuid::Uuid;

use crate::world::{
    START, World, address, at, call, callback, facility_id, intake, mobile, number, patient, record,
    transaction, visit,
};

/// What must not be found. Each stands for all of its kind.
const PLANTED: [&str; 17] = [
    "password-of-zebulon",
    "Zebulon Quickfinch",
    "9812345678",
    "91765432109876",
    "91-7654-3210-9876",
    "zebulon.quickfinch",
    "1931-02-27",
    "wristband-4711",
    "visit-for-gout",
    "diagnosis-of-gout",
    "artefact-of-zebulon",
    "callback-about-zebulon",
    "call-about-zebulon",
    "token-of-zebulon",
    "request-about-zebulon",
    "test-asked-for-zebulon",
    "profile-of-zebulon",
];
/// What is kept in clear: proves that the search looks in the right place.
const IN_CLEAR: [&str; 2] = ["patient-in-clear", "visit-in-clear"];

fn zebulon() -> Patient {
    Patient {
        name: "Zebulon Quickfinch".into(),
        birth: domain::patient::Birth::BirthDate("1931-02-27".parse().unwrap()),
        mobile: Some(mobile("9812345678")),
        abha_number: Some(number("91765432109876")),
        abha_address: Some(address("Zebulon.Quickfinch@sbx")),
        identifiers: vec![Identifier { kind: "MR".into(), value: "wristband-4711".into() }],
        ..patient("patient-in-clear")
    }
}

fn told_of(name: &str) -> Problem {
    Problem {
        code: "ABDM-1038".into(),
        message: format!("{name} does not match"),
        explanation: name.into(),
        at: at(START),
        until: None,
    }
}

/// Stores something personal in every place that holds any.
async fn plant(store: &Store) {
    let here = facility_id();
    let zebulon = zebulon();
    let abha = zebulon.abha_address.clone().unwrap();
    let mut tx = store.begin().await.unwrap();
    tx.put_patient(&here, &zebulon).await.unwrap();
    let visit =
        CareContext { display: "visit-for-gout".into(), ..visit("patient-in-clear", "visit-in-clear") };
    tx.put_care_context(&here, &visit).await.unwrap();
    let failed = Link::new().fail(told_of(&zebulon.name)).unwrap();
    tx.put_link(&here, &visit.patient, &visit.reference, &failed).await.unwrap();
    let gout = NewRecord {
        source_hash: tx.source_hash("diagnosis-of-gout").unwrap(),
        bundle: Some(b"diagnosis-of-gout".to_vec().into()),
        ..record(HiType::OPConsultation, "")
    };
    tx.replace_records(&here, &visit.patient, &visit.reference, vec![gout]).await.unwrap();
    let token = Token { jwt: "token-of-zebulon".into(), with_number: true, expires_at: at(START) };
    let desk = TokenDesk { error: Some(told_of(&zebulon.name)), ..TokenDesk::default() };
    tx.put_token_desk(&here, &abha, &TokenDesk { token: Some(token), ..desk }).await.unwrap();
    let consent = StoredConsent {
        id: "c1".parse().unwrap(),
        status: ConsentStatus::Granted,
        artefact: Some(b"artefact-of-zebulon".to_vec()),
        signature: domain::consent::Signature::Unverified,
        erase_at: None,
        received_at: at(START),
        ended_at: None,
    };
    tx.put_consent(&here, &consent, Some(&abha)).await.unwrap();
    tx.open_transfer(&here, &transfer(), &[], &[]).await.unwrap();
    let calling = call(store, Uuid::nil());
    tx.enqueue(store::Lane::Replies, &Call { body: b"call-about-zebulon".to_vec(), ..calling })
        .await
        .unwrap();
    tx.open_exchange(&exchange(&zebulon.name)).await.unwrap();
    let local = LocalCode { system: None, code: "HB".into() };
    let unmapped = NewUnmapped { local, label: Some("test-asked-for-zebulon".into()), count: 1 };
    tx.note_unmapped(&here, vec![unmapped]).await.unwrap();
    let token = QueueToken { day: "2026-01-15".parse().unwrap(), number: 1, expires_at: at(START) };
    let share = Share {
        id: Uuid::nil(),
        counter: "OPD1".into(),
        token,
        patient: Some(zebulon.reference.clone()),
        profile: b"profile-of-zebulon".to_vec(),
        state: QueueState::Waiting,
        at: at(START),
    };
    tx.put_share(&here, &share, &abha).await.unwrap();
    tx.lock_sms(&here, mobile("9812345678")).await.unwrap();
    tx.note_sms(&here, &zebulon.reference, mobile("9812345678")).await.unwrap();
    let offered = Offered {
        reference: "visit-in-clear".parse().unwrap(),
        display: "visit-for-gout".into(),
        hi_types: vec![HiType::Prescription],
    };
    let found = Discovered {
        transaction: transaction("t2"),
        patient: zebulon.reference.clone(),
        display: zebulon.name.clone(),
        address: abha.clone(),
        matched_by: vec!["MOBILE".into()],
        offered: vec![offered.clone()],
        at: at(START),
    };
    tx.put_discovery(&here, &found).await.unwrap();
    let request = LinkRequest {
        reference: "link-1".parse().unwrap(),
        transaction: transaction("t2"),
        patient: zebulon.reference.clone(),
        state: LinkRequestState::Sent,
        display: zebulon.name.clone(),
        address: abha.clone(),
        chosen: vec![offered],
        issued: None,
        tried: vec![tx.otp_hash(&"link-1".parse().unwrap(), "password-of-zebulon").unwrap()],
        askers: Vec::new(),
        delivery_id: None,
        created_at: at(START),
    };
    tx.put_link_request(&here, &request).await.unwrap();
    tx.commit().await.unwrap();
    let body = Bytes::from_static(b"callback-about-zebulon");
    let content = "9812345678 chose visit-for-gout".to_owned();
    let message = Some(MessageKey { kind: "init", key: "t2".into(), content, take: true });
    intake(store).store(Callback { body, message, ..callback("r1") }).await.unwrap();
}

fn transfer() -> Transfer {
    Transfer {
        transaction: transaction("t1"),
        consent: "c1".parse().unwrap(),
        exchange: Uuid::nil(),
        status: TransferStatus::Acknowledged,
        request: Some(b"request-about-zebulon".to_vec()),
        deadline: at(START),
        page_count: 0,
        created_at: at(START),
        ended_at: None,
    }
}

fn exchange(name: &str) -> Exchange {
    Exchange {
        id: Uuid::nil(),
        facility: facility_id(),
        direction: Direction::In,
        path: "/api/v3/hip/token/on-generate-token".into(),
        request_id: "r1".into(),
        subject: None,
        state: ExchangeState::Refused,
        started_at: at(START),
        ended_at: None,
        overdue_at: None,
        error: Some(told_of(name)),
    }
}

/// Everything that is on disk: the file of SQLite with its log; each column of each table of PostgreSQL.
async fn on_disk(database: &TestDatabase) -> Vec<u8> {
    if let Some(path) = database.url().strip_prefix("sqlite://") {
        let folder = std::path::Path::new(path).parent().unwrap();
        let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
        // The object store beside it is a folder, and empty: nothing here is large.
        let files = files.filter(|file| file.is_file());
        return files.flat_map(|file| std::fs::read(file).unwrap()).collect();
    }
    let mut raw = sqlx::PgConnection::connect(database.url()).await.unwrap();
    let tables = "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()";
    let tables = sqlx::query(tables).fetch_all(&mut raw).await.unwrap();
    let mut everything = Vec::new();
    for table in tables {
        // As text, a column of bytes is hexadecimal; "escape" keeps what is readable readable.
        let sql = format!("SELECT t::text AS row FROM {} t", table.get::<String, _>(0));
        sqlx::query("SET bytea_output = 'escape'").execute(&mut raw).await.unwrap();
        for row in sqlx::query(sqlx::AssertSqlSafe(sql)).fetch_all(&mut raw).await.unwrap() {
            everything.extend(row.get::<String, _>("row").into_bytes());
            everything.push(b'\n');
        }
    }
    everything
}

fn holds(everything: &[u8], text: &str) -> bool {
    let everything = everything.to_ascii_lowercase();
    let text = text.to_ascii_lowercase();
    everything.windows(text.len()).any(|window| window == text.as_bytes())
}

on_both_databases! {
    async fn nothing_personal_is_on_disk_in_clear(database: TestDatabase) {
        let world = World::new(database).await;
        plant(&world.store).await;
        let everything = on_disk(&world.database).await;
        for text in IN_CLEAR {
            assert!(holds(&everything, text), "the search does not even find {text}");
        }
        let found: Vec<_> = PLANTED.into_iter().filter(|text| holds(&everything, text)).collect();
        assert!(found.is_empty(), "in clear: {found:?}");
    }

    async fn a_sealed_value_that_was_altered_is_refused(database: TestDatabase) {
        let world = World::new(database).await;
        plant(&world.store).await;
        // The display of a visit in the place of a person: both are sealed, by the same key.
        let swap = "UPDATE patient SET sealed = (SELECT sealed FROM care_context)";
        if world.database.url().starts_with("sqlite") {
            let mut raw = sqlx::SqliteConnection::connect(world.database.url()).await.unwrap();
            sqlx::query(swap).execute(&mut raw).await.unwrap();
        } else {
            let mut raw = sqlx::PgConnection::connect(world.database.url()).await.unwrap();
            sqlx::query(swap).execute(&mut raw).await.unwrap();
        }
        let mut tx = world.store.read().await.unwrap();
        let refused = tx.patient(&facility_id(), &zebulon().reference).await.unwrap_err();
        assert!(matches!(refused, store::StoreError::Unsealable { what: "patient" }), "{refused:?}");
    }

    async fn two_patients_with_one_number_do_not_look_alike_in_two_databases(database: TestDatabase) {
        let world = World::new(database).await;
        let other = World::new(TestDatabase::sqlite()).await;
        let hash = |store: Store| async move { store.read().await.unwrap().source_hash("9812345678").unwrap() };
        assert_ne!(hash(world.store).await, hash(other.store).await);
    }
}
