//! Transfers: every page is settled once, and the care contexts are counted by it.

use std::time::Duration;

use abdm::id::TransactionId;
use domain::transfer::{HiStatus, PageState, Tally, TransferStatus};
use store::{Page, PageEntry, Store, Transfer, TransferContext, Tx, on_both_databases};
use uuid::Uuid;

use crate::world::{START, World, at, facility_id, other_facility, transaction};

fn transfer(id: &str) -> Transfer {
    Transfer {
        transaction: transaction(id),
        consent: "c1".parse().unwrap(),
        exchange: Uuid::nil(),
        status: TransferStatus::Acknowledged,
        request: Some(b"{\"hiRequest\":{}}".to_vec()),
        deadline: at("2026-01-15T10:15:00Z"),
        page_count: 2,
        created_at: at(START),
        ended_at: None,
    }
}

fn entry(care_context: &str) -> PageEntry {
    PageEntry { patient: "p1".into(), care_context: care_context.into(), record: Uuid::now_v7(), bytes: 0 }
}

fn context(reference: &str, records: u32) -> TransferContext {
    let tally = Tally { records, ..Tally::default() };
    TransferContext { patient: "p1".into(), reference: reference.into(), tally }
}

/// A transfer of two pages: on the first both records of v1, on the second the one of v2; v3 has none.
async fn open(store: &Store, id: &str) {
    let mut tx = store.begin().await.unwrap();
    let pages = [vec![entry("v1"), entry("v1")], vec![entry("v2")]];
    let nothing = Tally { description: Some("No record of the requested types".into()), ..Tally::default() };
    let contexts =
        [context("v1", 2), context("v2", 1), TransferContext { tally: nothing, ..context("v3", 0) }];
    tx.open_transfer(&facility_id(), &transfer(id), &pages, &contexts).await.unwrap();
    tx.commit().await.unwrap();
}

async fn pages(tx: &mut Tx, id: &str) -> Vec<Page> {
    tx.pending_pages(&facility_id(), &transaction(id), 10).await.unwrap()
}

async fn statuses(tx: &mut Tx, id: &str) -> Vec<HiStatus> {
    let contexts = tx.transfer_contexts(&facility_id(), &transaction(id)).await.unwrap();
    contexts.iter().map(|context| context.tally.status()).collect()
}

on_both_databases! {
    async fn a_transfer_comes_back_as_it_was_opened(database: TestDatabase) {
        let world = World::new(database).await;
        open(&world.store, "t1").await;
        let mut tx = world.store.begin().await.unwrap();
        for found in [
            tx.transfer(&facility_id(), &transaction("t1")).await.unwrap().unwrap(),
            tx.lock_transfer(&facility_id(), &transaction("t1")).await.unwrap().unwrap(),
        ] {
            let opened = transfer("t1");
            assert_eq!((found.transaction, found.consent, found.exchange), (opened.transaction, opened.consent, opened.exchange));
            assert_eq!((found.status, found.request), (opened.status, opened.request));
            assert_eq!((found.deadline, found.page_count, found.created_at), (opened.deadline, 2, opened.created_at));
        }
        assert!(tx.transfer(&other_facility(), &transaction("t1")).await.unwrap().is_none());
        let pages = pages(&mut tx, "t1").await;
        let shape: Vec<_> = pages.iter().map(|page| (page.number, page.entries.len(), page.state, page.attempts)).collect();
        assert_eq!(shape, [(1, 2, PageState::Pending, 0), (2, 1, PageState::Pending, 0)]);
        assert_eq!(statuses(&mut tx, "t1").await, [HiStatus::Pending, HiStatus::Pending, HiStatus::Errored]);
    }

    async fn a_transaction_is_opened_once(database: TestDatabase) {
        let world = World::new(database).await;
        open(&world.store, "t1").await;
        let mut tx = world.store.begin().await.unwrap();
        let again = tx.open_transfer(&facility_id(), &transfer("t1"), &[], &[]).await.unwrap_err();
        assert!(again.is_duplicate(), "{again:?}");
    }

    async fn a_page_settled_twice_counts_once(database: TestDatabase) {
        let world = World::new(database).await;
        open(&world.store, "t1").await;
        let (here, id) = (facility_id(), transaction("t1"));
        let mut tx = world.store.begin().await.unwrap();
        let first = pages(&mut tx, "t1").await.remove(0);
        tx.settle_page(&here, &id, &first, None).await.unwrap();
        tx.settle_page(&here, &id, &first, None).await.unwrap();
        tx.settle_page(&here, &id, &first, Some("The HIU answered 500")).await.unwrap();
        let contexts = tx.transfer_contexts(&here, &id).await.unwrap();
        assert_eq!(contexts[0].tally, Tally { records: 2, delivered: 2, errored: 0, description: None });
        assert_eq!(tx.pages_sent(&here, &id).await.unwrap(), 1);
        assert_eq!(pages(&mut tx, "t1").await.len(), 1);
    }

    async fn the_first_failure_is_what_is_told_of_a_care_context(database: TestDatabase) {
        let world = World::new(database).await;
        let (here, id) = (facility_id(), transaction("t1"));
        let mut tx = world.store.begin().await.unwrap();
        let one_each = [vec![entry("v1")], vec![entry("v1")], vec![entry("v1")]];
        let three = Transfer { page_count: 3, ..transfer("t1") };
        tx.open_transfer(&here, &three, &one_each, &[context("v1", 3)]).await.unwrap();
        for (page, failure) in pages(&mut tx, "t1").await.iter().zip([None, Some("refused"), Some("no answer")]) {
            tx.settle_page(&here, &id, page, failure).await.unwrap();
        }
        let tally = tx.transfer_contexts(&here, &id).await.unwrap().remove(0).tally;
        assert_eq!((tally.delivered, tally.errored, tally.description.as_deref()), (1, 2, Some("refused")));
        assert_eq!((tally.status(), tally.description().as_str()), (HiStatus::Errored, "1 of 3 records"));
        assert_eq!(tx.pages_sent(&here, &id).await.unwrap(), 1);
    }

    async fn a_page_put_off_comes_after_those_that_are_due(database: TestDatabase) {
        let world = World::new(database).await;
        open(&world.store, "t1").await;
        let (here, id) = (facility_id(), transaction("t1"));
        let mut tx = world.store.begin().await.unwrap();
        let later = at("2026-01-15T10:00:09Z");
        tx.put_back_page(&here, &id, 1, later).await.unwrap();
        let left = pages(&mut tx, "t1").await;
        let shape: Vec<_> = left.iter().map(|page| (page.number, page.attempts, page.due_at)).collect();
        assert_eq!(shape, [(2, 0, at(START)), (1, 1, later)]);
        tx.settle_page(&here, &id, &left[0], None).await.unwrap();
        tx.put_back_page(&here, &id, 2, later).await.unwrap();
        assert_eq!(pages(&mut tx, "t1").await.len(), 1, "a settled page does not come back");
    }

    async fn transfers_with_the_same_page_numbers_are_counted_apart(database: TestDatabase) {
        let world = World::new(database).await;
        open(&world.store, "t1").await;
        open(&world.store, "t2").await;
        let mut tx = world.store.begin().await.unwrap();
        for page in pages(&mut tx, "t1").await {
            tx.settle_page(&facility_id(), &transaction("t1"), &page, None).await.unwrap();
        }
        assert_eq!(statuses(&mut tx, "t1").await, [HiStatus::Delivered, HiStatus::Delivered, HiStatus::Errored]);
        assert_eq!(statuses(&mut tx, "t2").await, [HiStatus::Pending, HiStatus::Pending, HiStatus::Errored]);
    }

    async fn an_ended_transfer_forgets_the_request_and_ends_once(database: TestDatabase) {
        let world = World::new(database).await;
        open(&world.store, "t1").await;
        let (here, id) = (facility_id(), transaction("t1"));
        let mut tx = world.store.begin().await.unwrap();
        tx.end_transfer(&here, &id, TransferStatus::Transferred).await.unwrap();
        world.pass(Duration::from_secs(1));
        tx.end_transfer(&here, &id, TransferStatus::Failed).await.unwrap();
        let ended = tx.transfer(&here, &id).await.unwrap().unwrap();
        assert_eq!((ended.status, ended.request), (TransferStatus::Transferred, None));
        assert_eq!(ended.ended_at, Some(at(START)));
    }

    async fn transfers_are_listed_newest_first_page_by_page(database: TestDatabase) {
        let world = World::new(database).await;
        for id in ["t1", "t3", "t2"] {
            open(&world.store, id).await; // all in the same millisecond
        }
        let newest = Transfer { created_at: at("2026-01-15T10:00:00.001Z"), ..transfer("t0") };
        let mut tx = world.store.begin().await.unwrap();
        tx.open_transfer(&facility_id(), &newest, &[], &[]).await.unwrap();
        for per_page in 1..=5 {
            let mut listed: Vec<TransactionId> = Vec::new();
            loop {
                let page = tx.transfers(&facility_id(), listed.last(), per_page).await.unwrap();
                if page.is_empty() {
                    break;
                }
                listed.extend(page.into_iter().map(|transfer| transfer.transaction));
            }
            let listed: Vec<_> = listed.iter().map(TransactionId::as_str).collect();
            assert_eq!(listed, ["t0", "t3", "t2", "t1"], "{per_page} per page");
        }
    }
}
