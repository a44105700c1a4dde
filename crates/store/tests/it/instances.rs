//! Several instances on one PostgreSQL, and one process after another on one SQLite file.

use std::collections::BTreeMap;
use std::pin::pin;
use std::time::Duration;

use futures_util::future::{join_all, try_join_all};
use futures_util::poll;
use store::testing::TestDatabase;
use store::{Queue, Store, StoreError};

use crate::world::{World, call, callback, intake, lease_one};

const JUST_OVER_A_LEASE: Duration = Duration::from_millis(15_001);

async fn lease_all(store: Store) -> Vec<String> {
    let mut leased = Vec::new();
    loop {
        let rows = store.lease_inbox(7).await.unwrap();
        assert!(rows.len() <= 7, "{} rows leased", rows.len());
        if rows.is_empty() {
            return leased;
        }
        leased.extend(rows.into_iter().map(|row| row.request_id));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_row_is_leased_to_two_workers_of_two_instances() {
    let world = World::new(TestDatabase::postgres().await).await;
    let stores = [world.store.clone(), world.another_instance().await];
    let intake = intake(&world.store);
    for round in 0..3 {
        let ids: Vec<_> = (0..200).map(|n| format!("r{round}-{n}")).collect();
        join_all(ids.iter().map(|id| intake.store(callback(id)))).await;
        let workers = stores.iter().cycle().take(8).map(|store| tokio::spawn(lease_all(store.clone())));
        let leased = try_join_all(workers).await.unwrap().concat();
        let mut times = BTreeMap::new();
        for id in leased {
            *times.entry(id).or_insert(0) += 1;
        }
        assert!(times.values().all(|times| *times == 1), "{times:?}");
        // A worker may find all that is left locked by others and end; nothing is lost by that.
        let left: usize = ids.len() - times.len();
        assert_eq!(lease_all(world.store.clone()).await.len(), left);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_call_is_leased_to_two_senders_of_two_instances() {
    let world = World::new(TestDatabase::postgres().await).await;
    let other = world.another_instance().await;
    let mut tx = world.store.begin().await.unwrap();
    for _ in 0..100 {
        tx.enqueue(store::Lane::Replies, &call(&world.store, world.store.new_id())).await.unwrap();
    }
    tx.commit().await.unwrap();
    let senders = (0..6).map(|n| {
        let store = if n % 2 == 0 { world.store.clone() } else { other.clone() };
        tokio::spawn(async move {
            let mut ids = Vec::new();
            loop {
                let calls = store.lease_outbox(store::Lane::Replies, 5).await.unwrap();
                if calls.is_empty() {
                    return ids;
                }
                ids.extend(calls.into_iter().map(|call| call.id));
            }
        })
    });
    let mut ids = try_join_all(senders).await.unwrap().concat();
    ids.extend(
        world.store.lease_outbox(store::Lane::Replies, 100).await.unwrap().into_iter().map(|call| call.id),
    );
    assert_eq!(ids.len(), 100);
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 100);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_dead_instance_held_is_taken_up_by_another_once_the_lease_ends() {
    let world = World::new(TestDatabase::postgres().await).await;
    intake(&world.store).store(callback("r1")).await.unwrap();
    let dead = lease_one(&world.store).await;
    let other = world.another_instance().await;
    assert!(other.lease_inbox(10).await.unwrap().is_empty());
    world.pass(JUST_OVER_A_LEASE);
    let taken = lease_one(&other).await;
    let mut tx = other.begin().await.unwrap();
    tx.finish_received(taken.lease).await.unwrap();
    tx.commit().await.unwrap();
    let mut tx = world.store.begin().await.unwrap();
    assert!(matches!(tx.finish_received(dead.lease).await, Err(StoreError::LeaseLost)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_last_process_held_is_free_at_once_on_sqlite() {
    let world = World::new(TestDatabase::sqlite()).await;
    intake(&world.store).store(callback("r1")).await.unwrap();
    let mut tx = world.store.begin().await.unwrap();
    tx.enqueue(store::Lane::Replies, &call(&world.store, world.store.new_id())).await.unwrap();
    tx.commit().await.unwrap();
    let (received, sending) =
        (lease_one(&world.store).await, world.store.lease_outbox(store::Lane::Replies, 10).await.unwrap());
    assert_eq!(sending.len(), 1);
    let next = world.another_instance().await;
    let again = lease_one(&next).await;
    assert_eq!((again.request_id, again.attempts), (received.request_id, 2));
    assert_eq!(next.lease_outbox(store::Lane::Replies, 10).await.unwrap().len(), 1);
    let mut tx = world.store.begin().await.unwrap();
    assert!(matches!(tx.finish_received(received.lease).await, Err(StoreError::LeaseLost)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_instance_wakes_another() {
    let world = World::new(TestDatabase::postgres().await).await;
    let other = world.another_instance().await;
    let listening = other.clone();
    let mut listener = pin!(listening.listen());
    let mut woken = pin!(other.woken(Queue::Outbox));
    // The listener needs a few turns until it listens; a wake-up before that is lost, and may be.
    let mut attempts = 0;
    while poll!(woken.as_mut()).is_pending() {
        attempts += 1;
        assert!(attempts < 1000, "never woken");
        assert!(poll!(listener.as_mut()).is_pending());
        let mut tx = world.store.begin().await.unwrap();
        tx.wake(Queue::Outbox);
        tx.commit().await.unwrap();
    }
}
