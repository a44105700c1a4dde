//! Events: an HMIS that asks for what came after the last one it saw misses none.

use std::pin::pin;

use domain::event::EventType;
use futures_util::poll;
use serde_json::json;
use store::testing::TestDatabase;
use store::{Event, Queue, Store, Tx, on_both_databases};
use uuid::Uuid;

use crate::world::{START, World, at, facility_id, other_facility};

async fn raise(tx: &mut Tx, number: usize) {
    tx.raise(&facility_id(), EventType::CareContextLinked, json!({ "number": number })).await.unwrap();
}

async fn raised(store: &Store, number: usize) {
    let mut tx = store.begin().await.unwrap();
    raise(&mut tx, number).await;
    tx.commit().await.unwrap();
}

async fn after(store: &Store, last: Option<Uuid>) -> Vec<Event> {
    let mut tx = store.read().await.unwrap();
    tx.events_after(&facility_id(), last, 1000).await.unwrap()
}

fn numbers(events: &[Event]) -> Vec<u64> {
    events.iter().map(|event| event.data["number"].as_u64().unwrap()).collect()
}

on_both_databases! {
    async fn an_event_says_what_happened_when_and_where(database: TestDatabase) {
        let world = World::new(database).await;
        raised(&world.store, 7).await;
        let event = after(&world.store, None).await.remove(0);
        assert_eq!((event.event, event.at), (EventType::CareContextLinked, at(START)));
        assert_eq!(event.data, json!({ "number": 7, "facilityId": facility_id() }));
        let mut tx = world.store.read().await.unwrap();
        assert!(tx.events_after(&other_facility(), None, 10).await.unwrap().is_empty());
    }

    async fn events_come_in_the_order_in_which_they_were_raised(database: TestDatabase) {
        let world = World::new(database).await;
        // All in the same millisecond: some in one transaction, some in one each, some by another instance.
        let mut tx = world.store.begin().await.unwrap();
        for number in 0..10 {
            raise(&mut tx, number).await;
        }
        tx.commit().await.unwrap();
        let other = world.another_instance().await;
        for number in 10..20 {
            raised(if number % 2 == 0 { &world.store } else { &other }, number).await;
        }
        assert_eq!(numbers(&after(&world.store, None).await), (0..20).collect::<Vec<_>>());
    }

    async fn every_event_can_be_the_last_seen(database: TestDatabase) {
        let world = World::new(database).await;
        for number in 0..5 {
            raised(&world.store, number).await;
        }
        let events = after(&world.store, None).await;
        for (place, event) in events.iter().enumerate() {
            assert_eq!(after(&world.store, Some(event.id)).await, events[place + 1..]);
        }
        let mut tx = world.store.read().await.unwrap();
        assert_eq!(tx.events_after(&facility_id(), None, 2).await.unwrap(), events[..2]);
    }

    async fn a_clock_that_is_set_back_hides_no_event(database: TestDatabase) {
        let world = World::new(database).await;
        raised(&world.store, 0).await;
        let seen = after(&world.store, None).await.remove(0);
        world.clock.set(at("2026-01-15T09:00:00Z"));
        let restarted = world.another_instance().await;
        raised(&restarted, 1).await;
        assert_eq!(numbers(&after(&world.store, Some(seen.id)).await), [1]);
    }

    async fn an_event_of_a_transaction_that_failed_never_happened(database: TestDatabase) {
        let world = World::new(database).await;
        let mut tx = world.store.begin().await.unwrap();
        raise(&mut tx, 0).await;
        drop(tx);
        assert!(after(&world.store, None).await.is_empty());
    }

    async fn all_listeners_are_woken(database: TestDatabase) {
        let world = World::new(database).await;
        let (mut first, mut second) = (pin!(world.store.woken(Queue::Events)), pin!(world.store.woken(Queue::Events)));
        assert!(poll!(first.as_mut()).is_pending() && poll!(second.as_mut()).is_pending());
        raised(&world.store, 0).await;
        first.await;
        second.await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_that_commits_late_is_not_missed() {
    let world = World::new(TestDatabase::postgres().await).await;
    let mut slow = world.store.begin().await.unwrap();
    raise(&mut slow, 1).await;
    raised(&world.store, 0).await;
    let seen = after(&world.store, None).await;
    assert_eq!(numbers(&seen), [0]);
    slow.commit().await.unwrap();
    assert_eq!(numbers(&after(&world.store, Some(seen[0].id)).await), [1]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_who_keeps_up_with_many_writers_sees_every_event_once() {
    let world = World::new(TestDatabase::postgres().await).await;
    let other = world.another_instance().await;
    let writers: Vec<_> = (0..8_usize)
        .map(|writer| {
            let store = if writer % 2 == 0 { world.store.clone() } else { other.clone() };
            tokio::spawn(async move {
                for number in 0..20 {
                    raised(&store, writer * 20 + number).await;
                }
            })
        })
        .collect();
    let mut seen: Vec<Event> = Vec::new();
    loop {
        let finished = writers.iter().all(tokio::task::JoinHandle::is_finished);
        seen.extend(after(&world.store, seen.last().map(|event| event.id)).await);
        if finished {
            break;
        }
    }
    let mut numbers = numbers(&seen);
    numbers.sort_unstable();
    assert_eq!(numbers, (0..160).collect::<Vec<_>>());
}
