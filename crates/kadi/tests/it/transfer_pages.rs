//! Pages on their way: repeated, refused, slow, stopped; and what the gateway is told of them.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::http::StatusCode;
use domain::event::EventType;
use domain::link::LinkState;
use domain::patient::Patient;
use domain::transfer::TransferStatus;
use kadi::flows::visits;
use sandbox::{
    CallFault, CallbackFault, ConsentStatus, ConsentWanted, EffectKind, Fault, PushFault, RecordsWanted,
    Renotify, SandboxConfig, Transfer, TransferState,
};
use serde_json::Value;
use store::on_both_databases;
use store::testing::TestDatabase;
use tokio::sync::mpsc;

use crate::steps::{MINUTE, NOTIFY, ON_REQUEST, ONE, SECOND, TWO};
use crate::transfer::told;
use crate::world::{PATIENCE, World, id};

/// An HIU that keeps what it gets and answers when the test says so.
pub struct Hiu {
    pub url: String,
    pages: Arc<Mutex<Vec<Value>>>,
    /// A page has come, and waits for its answer.
    arrived: mpsc::Receiver<mpsc::Sender<StatusCode>>,
}

impl Hiu {
    pub async fn new() -> Self {
        let (sender, arrived) = mpsc::channel::<mpsc::Sender<StatusCode>>(100);
        let pages = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&pages);
        let router = Router::new().fallback(async move |body: Bytes| {
            kept.lock().unwrap().push(serde_json::from_slice(&body).unwrap());
            let (answer, mut answered) = mpsc::channel(1);
            sender.send(answer).await.unwrap();
            answered.recv().await.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/push", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, pages, arrived }
    }

    pub fn pages(&self) -> Vec<Value> {
        self.pages.lock().unwrap().clone()
    }

    /// Waits for the next page; it is answered with what the sender is given.
    pub async fn next(&mut self) -> mpsc::Sender<StatusCode> {
        tokio::time::timeout(PATIENCE, self.arrived.recv()).await.unwrap().unwrap()
    }
}

/// Ramesh with three linked visits of one record.
pub async fn three_visits(database: TestDatabase, more: &str) -> (World, Patient, String) {
    let world = World::with(database, SandboxConfig::default(), more).await;
    let patient = world.patient("P1", crate::world::RAMESH).await;
    for visit in ["visit-1", "visit-2", "visit-3"] {
        world.visit(&patient, visit, &ONE).await;
        world.until_link(&patient, visit, LinkState::Linked).await;
    }
    let consent = world.granted(ConsentWanted::default()).await.consent_id;
    (world, patient, consent)
}

impl World {
    /// Waits until the notify of a transfer was accepted.
    async fn until_closed(&self, transaction: &str) -> Transfer {
        let transfer = self.sandbox.state().closed_transfer(transaction, PATIENCE).await.unwrap();
        assert!(transfer.notified.is_some(), "{transfer:#?}");
        transfer
    }

    /// Where the bridge says the transfer is.
    async fn transfer_status(&self, transaction: &str) -> TransferStatus {
        let transaction = transaction.parse().unwrap();
        self.read().await.transfer(&id(), &transaction).await.unwrap().unwrap().status
    }

    /// Waits until so many pages were tried and put back.
    async fn until_put_back(&self, transaction: &str, attempts: u32) {
        let transaction = transaction.parse().unwrap();
        let look = async || {
            let pages = self.read().await.pending_pages(&id(), &transaction, 100).await.unwrap();
            Some(()).filter(|()| !pages.is_empty() && pages.iter().all(|page| page.attempts >= attempts))
        };
        self.until(look).await;
    }
}

fn rows(transfer: &Transfer, status: &str) -> usize {
    let rows = transfer.notified.as_ref().unwrap()["statusResponses"].as_array().unwrap().clone();
    rows.iter().filter(|row| row["hiStatus"] == status).count()
}

on_both_databases! {
    async fn each_page_has_a_key_pair_and_nonce_of_its_own(database: TestDatabase) {
        let (world, _, consent) = three_visits(database, "").await;
        let mut hiu = Hiu::new().await;
        let wanted = RecordsWanted { data_push_url: Some(hiu.url.clone()), ..RecordsWanted::under(&consent) };
        let asked = world.sandbox.state().request_records(&wanted).unwrap();
        for _ in 0..3 {
            hiu.next().await.send(StatusCode::ACCEPTED).await.unwrap();
        }
        world.until_closed(&asked.transaction_id).await;
        let pages = hiu.pages();
        let distinct = |pointer: &str| pages.iter().map(|page| page.pointer(pointer).unwrap().to_string()).collect::<BTreeSet<_>>();
        assert_eq!(pages.len(), 3);
        for pointer in ["/keyMaterial/dhPublicKey/keyValue", "/keyMaterial/nonce", "/entries/0/content", "/pageNumber"] {
            assert_eq!(distinct(pointer).len(), 3, "{pointer}");
        }
        for page in &pages {
            assert_eq!((page["pageCount"].as_i64(), page["entries"].as_array().unwrap().len()), (Some(3), 1));
            let key = page["keyMaterial"]["dhPublicKey"]["keyValue"].as_str().unwrap();
            assert!(key.starts_with("MII"), "X.509 with explicit parameters");
            assert_eq!(page["entries"][0]["checksum"].as_str().unwrap().len(), 32);
        }
    }

    async fn several_records_share_a_page_where_that_is_configured(database: TestDatabase) {
        let world = World::with(database, SandboxConfig::default(), "[transfer]\nentries_per_page = 4").await;
        let patient = world.linked().await;
        for visit in ["visit-2", "visit-3"] {
            world.visit(&patient, visit, &TWO).await;
            world.until_link(&patient, visit, LinkState::Linked).await;
        }
        let consent = world.granted(ConsentWanted::default()).await;
        let transfer = world.transferred(RecordsWanted::under(&consent.consent_id)).await;
        let mut sizes: Vec<_> = transfer.pages.iter().map(|page| page.entries).collect();
        sizes.sort_unstable();
        assert_eq!((sizes, transfer.page_count), (vec![2, 4], Some(2)));
        assert!(transfer.entries.iter().all(|entry| entry.decrypted && entry.checksum_ok));
        assert_eq!(rows(&transfer, "DELIVERED"), 3);
        world.assert_clean().await;
    }

    async fn a_request_that_is_repeated_is_answered_again_and_served_once(database: TestDatabase) {
        let (world, _, consent) = three_visits(database, "").await;
        for (fault, replies) in [(CallbackFault::Redeliver, 2), (CallbackFault::Duplicate, 1)] {
            world.callback_faults(vec![Fault::always(fault).on("/health-information/request")]);
            let before = (world.calls(ON_REQUEST).len(), world.calls("/hiu/push").len(), world.calls(NOTIFY).len());
            let transfer = world.transferred(RecordsWanted::under(&consent)).await;
            assert_eq!(transfer.state, TransferState::Transferred);
            // Two that come in the same moment may meet; then one is dealt with a moment later.
            let replied = async || Some(world.calls(ON_REQUEST).len()).filter(|count| *count >= before.0 + replies);
            assert_eq!(world.after(SECOND, replied).await, before.0 + replies, "{fault:?}");
            assert!(world.sandbox.state().is_idle(PATIENCE).await);
            assert_eq!(world.until_calls(NOTIFY, before.2 + 1).await.len(), before.2 + 1, "{fault:?}");
            assert_eq!(world.calls("/hiu/push").len(), before.1 + 3, "{fault:?}");
        }
        assert_eq!(world.raised(EventType::TransferCompleted).await, 2);
        world.assert_clean().await;
    }

    async fn a_consent_revoked_in_the_middle_stops_the_next_page(database: TestDatabase) {
        let (world, _, consent) = three_visits(database, "[transfer]\nparallel = 1").await;
        let mut hiu = Hiu::new().await;
        let wanted = RecordsWanted { data_push_url: Some(hiu.url.clone()), ..RecordsWanted::under(&consent) };
        let asked = world.sandbox.state().request_records(&wanted).unwrap();
        let answer = hiu.next().await;
        world.sandbox.state().revoke(&consent, Renotify::default()).unwrap();
        assert!(world.sandbox.state().acknowledged(&consent, ConsentStatus::Revoked, PATIENCE).await);
        answer.send(StatusCode::OK).await.unwrap();
        let transfer = world.until_closed(&asked.transaction_id).await;
        assert_eq!(hiu.pages().len(), 1);
        assert_eq!(transfer.notified.as_ref().unwrap()["sessionStatus"], "TRANSFERRED");
        assert_eq!((rows(&transfer, "DELIVERED"), rows(&transfer, "ERRORED")), (1, 2));
        let sent = hiu.pages()[0]["entries"][0]["careContextReference"].as_str().unwrap().to_owned();
        for visit in ["visit-1", "visit-2", "visit-3"] {
            let expected = if visit == sent { "Delivered" } else { "Consent revoked during the transfer" };
            assert_eq!(told(&transfer, visit).1, expected);
        }
        assert_eq!(world.raised(EventType::TransferCompleted).await, 1);
    }

    async fn a_record_withdrawn_in_the_middle_is_not_sent(database: TestDatabase) {
        let (world, patient, consent) = three_visits(database, "[transfer]\nparallel = 1").await;
        let mut hiu = Hiu::new().await;
        let wanted = RecordsWanted { data_push_url: Some(hiu.url.clone()), ..RecordsWanted::under(&consent) };
        let asked = world.sandbox.state().request_records(&wanted).unwrap();
        let answer = hiu.next().await;
        let sent = hiu.pages()[0]["entries"][0]["careContextReference"].as_str().unwrap().to_owned();
        let gone = if sent == "visit-3" { "visit-2" } else { "visit-3" };
        let mut tx = world.tx().await;
        visits::take_back(&mut tx, &id(), &patient.reference, &gone.parse().unwrap()).await.unwrap();
        tx.commit().await.unwrap();
        answer.send(StatusCode::OK).await.unwrap();
        hiu.next().await.send(StatusCode::OK).await.unwrap();
        let transfer = world.until_closed(&asked.transaction_id).await;
        assert_eq!(hiu.pages().len(), 2);
        assert_eq!(told(&transfer, gone), ("ERRORED".to_owned(), "Withdrawn by the facility".to_owned()));
        assert_eq!(rows(&transfer, "DELIVERED"), 2);
    }

    async fn a_hiu_that_fails_for_a_while_gets_its_pages_later(database: TestDatabase) {
        let (world, _, consent) = three_visits(database, "[transfer]\npush_timeout = \"600ms\"").await;
        let faults = [PushFault::Broken, PushFault::TooMany, PushFault::Unauthorized, PushFault::Close, PushFault::Timeout];
        for (n, fault) in (1..).zip(faults) {
            world.push_faults(vec![Fault::always(fault).by(SECOND * 5).times(3)]);
            let asked = world.sandbox.state().request_records(&RecordsWanted::under(&consent)).unwrap();
            world.until_put_back(&asked.transaction_id, 1).await;
            let closed = async || {
                let transfer = world.sandbox.state().transfer(&asked.transaction_id, false).unwrap();
                Some(transfer).filter(|transfer| transfer.notified.is_some())
            };
            let transfer = world.after(SECOND, closed).await;
            assert_eq!(rows(&transfer, "DELIVERED"), 3, "{fault:?}");
            assert_eq!(world.raised(EventType::TransferCompleted).await, n, "{fault:?}");
        }
        world.assert_clean().await;
    }

    async fn a_slow_hiu_is_waited_for(database: TestDatabase) {
        let (world, _, consent) = three_visits(database, "").await;
        world.push_faults(vec![Fault::always(PushFault::Slow).by(SECOND / 5)]);
        let transfer = world.transferred(RecordsWanted::under(&consent)).await;
        assert_eq!((transfer.state, rows(&transfer, "DELIVERED")), (TransferState::Transferred, 3));
        assert_eq!(world.until_calls("/hiu/push", 3).await.len(), 3);
        world.assert_clean().await;
    }

    async fn what_a_hiu_refuses_is_told_as_it_is(database: TestDatabase) {
        let (world, _, consent) = three_visits(database, "[transfer]\nparallel = 1").await;
        for fault in [PushFault::Bad, PushFault::Redirect] {
            let status = if fault == PushFault::Bad { "400" } else { "307" };
            world.push_faults(vec![Fault::always(fault).times(1)]);
            let before = world.calls("/hiu/push").len();
            let transfer = world.transferred(RecordsWanted::under(&consent)).await;
            assert_eq!((rows(&transfer, "DELIVERED"), rows(&transfer, "ERRORED")), (2, 1), "{fault:?}");
            let notified = transfer.notified.as_ref().unwrap();
            assert_eq!(notified["sessionStatus"], "TRANSFERRED");
            let refused = notified["statusResponses"].as_array().unwrap().iter().find(|row| row["hiStatus"] == "ERRORED").unwrap();
            assert!(refused["description"].as_str().unwrap().contains(status), "{refused}");
            assert_eq!(world.until_calls("/hiu/push", before + 3).await.len(), before + 3, "a refused page is not tried again");
        }
    }

    async fn a_transfer_of_which_nothing_arrives_has_failed(database: TestDatabase) {
        let (world, _, consent) = three_visits(database, "").await;
        world.push_faults(vec![Fault::always(PushFault::Bad)]);
        let transfer = world.transferred(RecordsWanted::under(&consent)).await;
        assert_eq!((transfer.state, rows(&transfer, "ERRORED")), (TransferState::Failed, 3));
        assert_eq!(transfer.notified.as_ref().unwrap()["sessionStatus"], "FAILED");
        assert_eq!(world.transfer_status(&transfer.transaction_id).await, TransferStatus::Failed);
        assert_eq!(world.raised(EventType::TransferFailed).await, 1);
        assert_eq!(world.raised(EventType::TransferCompleted).await, 0);
        world.assert_clean().await;
    }

    async fn a_deadline_that_passes_is_told_in_time(database: TestDatabase) {
        let (world, _, consent) = three_visits(database, "").await;
        world.push_faults(vec![Fault::always(PushFault::Broken)]);
        let asked = world.sandbox.state().request_records(&RecordsWanted::under(&consent)).unwrap();
        world.until_put_back(&asked.transaction_id, 1).await;
        let asked_at = world.core().clock.now();
        let closed = async || {
            let transfer = world.sandbox.state().transfer(&asked.transaction_id, false).unwrap();
            Some(transfer).filter(|transfer| transfer.notified.is_some())
        };
        let transfer = world.after(MINUTE * 19, closed).await;
        assert_eq!(transfer.notified.as_ref().unwrap()["sessionStatus"], "FAILED");
        assert_eq!(told(&transfer, "visit-1"), ("ERRORED".to_owned(), "Not delivered before the deadline".to_owned()));
        let took = transfer.closed_at.unwrap().duration_since(asked_at);
        assert!(took < jiff::SignedDuration::from_mins(20), "ABDM gives twenty minutes for pages and notify: {took}");
        world.assert_clean().await;
    }

    async fn a_reply_that_is_lost_is_made_again_and_nothing_leaves_before_it(database: TestDatabase) {
        let (world, _, consent) = three_visits(database, "").await;
        for after in [false, true] {
            let broken = Fault::always(CallFault::Broken).on(ON_REQUEST).times(1);
            world.call_faults(vec![if after { broken.after() } else { broken }]);
            let calls = world.calls(ON_REQUEST).len();
            let asked = world.sandbox.state().request_records(&RecordsWanted::under(&consent)).unwrap();
            world.until_calls(ON_REQUEST, calls + 1).await;
            let closed = async || {
                let transfer = world.sandbox.state().transfer(&asked.transaction_id, false).unwrap();
                Some(transfer).filter(|transfer| transfer.notified.is_some())
            };
            let transfer = world.after(SECOND, closed).await;
            assert_eq!(rows(&transfer, "DELIVERED"), 3);
        }
        world.assert_clean().await;
    }

    async fn a_reply_that_abdm_refuses_ends_the_transfer(database: TestDatabase) {
        let (world, _, consent) = three_visits(database, "").await;
        world.call_faults(vec![Fault::always(CallFault::Empty400).on(ON_REQUEST)]);
        let asked = world.sandbox.state().request_records(&RecordsWanted::under(&consent)).unwrap();
        let failed = async || Some(()).filter(|()| !world.calls(ON_REQUEST).is_empty());
        world.until(failed).await;
        let ended = async || Some(world.raised(EventType::TransferFailed).await).filter(|count| *count == 1);
        world.until(ended).await;
        assert_eq!(world.transfer_status(&asked.transaction_id).await, TransferStatus::Failed);
        assert!(world.calls("/hiu/push").is_empty() && world.calls(NOTIFY).is_empty());
    }

    async fn a_notify_that_fails_is_made_again_and_counts_once(database: TestDatabase) {
        let (world, _, consent) = three_visits(database, "").await;
        for after in [false, true] {
            let broken = Fault::always(CallFault::Unavailable).on(NOTIFY).times(1);
            world.call_faults(vec![if after { broken.after() } else { broken }]);
            let before = world.calls(NOTIFY).len();
            let asked = world.sandbox.state().request_records(&RecordsWanted::under(&consent)).unwrap();
            world.until_calls(NOTIFY, before + 1).await;
            let again = async || Some(()).filter(|()| world.calls(NOTIFY).len() == before + 2);
            world.after(SECOND, again).await;
            world.until_closed(&asked.transaction_id).await;
        }
        assert_eq!(world.sandbox.state().effects(Some(EffectKind::Notify), None).len(), 2);
        world.assert_clean().await;
    }
}

#[tokio::test]
async fn receivers_that_take_their_time_hold_up_no_reply() {
    let patience = "[transfer]\npush_timeout = '1h'";
    let world = World::with(TestDatabase::sqlite(), SandboxConfig::default(), patience).await;
    world.linked().await;
    let consent = world.granted(ConsentWanted::default()).await;
    // None of its pages is answered.
    let hiu = Hiu::new().await;
    let wanted =
        RecordsWanted { data_push_url: Some(hiu.url.clone()), ..RecordsWanted::under(&consent.consent_id) };
    // More than anybody works on at once.
    for _ in 0..200 {
        world.sandbox.state().request_records(&wanted).unwrap();
    }
    world.until(async || (world.calls(ON_REQUEST).len() >= 200).then_some(())).await;
}
