//! Callback intake: on disk before it is acknowledged, once per `REQUEST-ID`, many in one commit.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use domain::exchange::{Direction, ExchangeState};
use futures_util::future::{join_all, try_join_all};
use futures_util::poll;
use store::fault::KillSwitch;
use store::testing::TestDatabase;
use store::{Callback, ExchangeFilter, Intake, Queue, Stored, on_both_databases};

use crate::world::{World, at, callback, facility_id, intake, lease_one, other_facility};

on_both_databases! {
    async fn a_callback_is_handed_out_as_it_came(database: TestDatabase) {
        let world = World::new(database).await;
        let sent = callback("r1");
        assert_eq!(intake(&world.store).store(sent.clone()).await.unwrap(), Stored::New);
        let received = lease_one(&world.store).await;
        assert_eq!(received.facility, sent.facility);
        assert_eq!((received.kind.as_str(), received.request_id.as_str()), (sent.kind, "r1"));
        assert_eq!(received.body, sent.body);
        assert_eq!((received.received_at, received.attempts), (at(crate::world::START), 1));
    }

    async fn a_repeat_is_known_and_has_no_second_effect(database: TestDatabase) {
        let world = World::new(database).await;
        let intake = intake(&world.store);
        let asking = Callback { reply_by: Some(at("2026-01-15T10:00:30Z")), ..callback("r1") };
        assert_eq!(intake.store(asking.clone()).await.unwrap(), Stored::New);
        let received = lease_one(&world.store).await;
        let mut tx = world.store.begin().await.unwrap();
        tx.finish_received(received.lease).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(intake.store(asking).await.unwrap(), Stored::Known, "even when it is long done");
        assert!(world.store.lease_inbox(10).await.unwrap().is_empty());
        let mut tx = world.store.read().await.unwrap();
        assert_eq!(tx.exchanges(&ExchangeFilter::default(), None, 10).await.unwrap().len(), 1);
    }

    async fn the_same_request_id_for_another_facility_is_another_callback(database: TestDatabase) {
        let world = World::new(database).await;
        let intake = intake(&world.store);
        let there = Callback { facility: other_facility(), ..callback("r1") };
        assert_eq!(intake.store(callback("r1")).await.unwrap(), Stored::New);
        assert_eq!(intake.store(there).await.unwrap(), Stored::New);
        assert_eq!(world.store.lease_inbox(10).await.unwrap().len(), 2);
    }

    async fn a_callback_that_asks_for_a_reply_opens_an_exchange(database: TestDatabase) {
        let world = World::new(database).await;
        let reply_by = at("2026-01-15T10:00:30Z");
        let subject = Some("t1".to_owned());
        let asking = Callback { reply_by: Some(reply_by), subject: subject.clone(), ..callback("r1") };
        intake(&world.store).store(asking.clone()).await.unwrap();
        let received = lease_one(&world.store).await;
        let mut tx = world.store.read().await.unwrap();
        let exchange = tx.exchange(received.exchange).await.unwrap().unwrap();
        assert_eq!((exchange.direction, exchange.state), (Direction::In, ExchangeState::Waiting));
        assert_eq!((exchange.path.as_str(), exchange.request_id.as_str()), (asking.path, "r1"));
        assert_eq!((exchange.overdue_at, exchange.subject), (Some(reply_by), subject));
    }

    async fn callbacks_that_arrive_together_share_one_commit(database: TestDatabase) {
        let mut world = World::new(database).await;
        let commits = Arc::new(KillSwitch::default());
        world.store = world.instance_with(&commits).await;
        let before = commits.commits();
        let (intake, writer) = Intake::new(world.store.clone());
        let ids: Vec<_> = (0..100).map(|n| format!("r{n}")).collect();
        let mut calls = pin!(join_all(ids.iter().map(|id| intake.store(callback(id)))));
        assert!(poll!(calls.as_mut()).is_pending(), "nothing is acknowledged before it is written");
        tokio::spawn(writer.run());
        assert!(calls.await.into_iter().all(|stored| stored.unwrap() == Stored::New));
        assert_eq!(commits.commits() - before, 1);
        assert_eq!(world.store.lease_inbox(200).await.unwrap().len(), 100);
    }

    async fn repeats_within_one_commit_are_known_too(database: TestDatabase) {
        let world = World::new(database).await;
        let (intake, writer) = Intake::new(world.store.clone());
        let mut calls = pin!(join_all(["r1", "r2", "r1", "r1"].map(|id| intake.store(callback(id)))));
        assert!(poll!(calls.as_mut()).is_pending());
        tokio::spawn(writer.run());
        let stored: Vec<_> = calls.await.into_iter().map(Result::unwrap).collect();
        assert_eq!(stored, [Stored::New, Stored::New, Stored::Known, Stored::Known]);
    }

    async fn of_many_concurrent_repeats_one_is_new(database: TestDatabase) {
        let world = World::new(database).await;
        let intake = intake(&world.store);
        let calls = (0..300).map(|n| {
            let intake = intake.clone();
            tokio::spawn(async move { intake.store(callback(&format!("r{}", n % 60))).await.unwrap() })
        });
        let stored = try_join_all(calls).await.unwrap();
        assert_eq!(stored.iter().filter(|stored| **stored == Stored::New).count(), 60);
        assert_eq!(world.store.lease_inbox(300).await.unwrap().len(), 60);
    }

    async fn a_callback_that_cannot_be_stored_takes_no_other_with_it(database: TestDatabase) {
        let world = World::new(database).await;
        let (intake, writer) = Intake::new(world.store.clone());
        // PostgreSQL cannot hold the character NUL in a text; SQLite can.
        let odd = Callback {
            subject: Some("t\0".to_owned()),
            reply_by: Some(at("2026-01-15T10:00:30Z")),
            ..callback("odd")
        };
        let callbacks = [callback("r1"), odd, callback("r2")];
        let mut calls = pin!(join_all(callbacks.map(|callback| intake.store(callback))));
        assert!(poll!(calls.as_mut()).is_pending());
        tokio::spawn(writer.run());
        let stored: Vec<_> = calls.await.into_iter().map(Result::ok).collect();
        assert_eq!((stored[0], stored[2]), (Some(Stored::New), Some(Stored::New)));
    }

    async fn the_inbox_is_woken_by_what_was_stored(database: TestDatabase) {
        let world = World::new(database).await;
        let mut woken = pin!(world.store.woken(Queue::Inbox));
        assert!(poll!(woken.as_mut()).is_pending());
        intake(&world.store).store(callback("r1")).await.unwrap();
        woken.await;
    }

    async fn a_late_callback_is_stored_like_any_other(database: TestDatabase) {
        let world = World::new(database).await;
        let late = Callback { late_by: Duration::from_hours(1), ..callback("r1") };
        assert_eq!(intake(&world.store).store(late).await.unwrap(), Stored::New);
        assert_eq!(lease_one(&world.store).await.facility, facility_id());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_instances_that_are_sent_the_same_callbacks_store_each_once() {
    let world = World::new(TestDatabase::postgres().await).await;
    let other = world.another_instance().await;
    for round in 0..20 {
        let ids: Vec<_> = (0..50).map(|n| format!("r{round}-{n}")).collect();
        let (first, first_writer) = Intake::new(world.store.clone());
        let (second, second_writer) = Intake::new(other.clone());
        // Each instance hears of them in its own order, and both write at the same time.
        let mut forth = pin!(join_all(ids.iter().map(|id| first.store(callback(id)))));
        let mut back = pin!(join_all(ids.iter().rev().map(|id| second.store(callback(id)))));
        assert!(poll!(forth.as_mut()).is_pending() && poll!(back.as_mut()).is_pending());
        tokio::spawn(first_writer.run());
        tokio::spawn(second_writer.run());
        let (forth, back) = futures_util::future::join(forth, back).await;
        let stored: Vec<_> = forth.into_iter().chain(back).map(Result::unwrap).collect();
        assert_eq!(stored.iter().filter(|stored| **stored == Stored::New).count(), 50, "round {round}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn callbacks_are_taken_while_every_connection_to_postgresql_is_at_work() {
    let world = World::new(TestDatabase::postgres().await).await;
    let mut working = Vec::new();
    // As many as there are, and one who waits.
    for _ in 0..16 {
        working.push(world.store.begin().await.unwrap());
    }
    let mut waiting = pin!(world.store.begin());
    assert!(poll!(waiting.as_mut()).is_pending());
    assert_eq!(intake(&world.store).store(callback("r1")).await.unwrap(), Stored::New);
    let mut tx = world.store.read_urgent().await.unwrap();
    assert_eq!(tx.exchanges(&ExchangeFilter::default(), None, 10).await.unwrap().len(), 0);
    assert!(poll!(waiting.as_mut()).is_pending(), "they are all at work still");
}
