//! Calls that a facility begins itself: their own lane, and the pace that all instances keep.

use std::time::Duration;

use domain::pace::{Limits, Pace};
use store::{Call, OpenCalls, Store, on_both_databases};

use crate::world::{World, call, facility, facility_id, other_facility};

const LIMITS: Limits = Limits {
    rate: 10,
    backoff: domain::backoff::Backoff { first: Duration::from_secs(1), max: Duration::from_mins(5) },
};

async fn enqueue_own(store: &Store, calls: impl IntoIterator<Item = Call>) {
    let mut tx = store.begin().await.unwrap();
    for id in [facility_id(), other_facility()] {
        tx.put_facility(&facility(id.as_str())).await.unwrap();
    }
    for call in calls {
        tx.enqueue(store::Lane::Own, &call).await.unwrap();
    }
    tx.commit().await.unwrap();
}

on_both_databases! {
    async fn what_a_facility_begins_never_leaves_with_the_replies(database: TestDatabase) {
        let world = World::new(database).await;
        let own = call(&world.store, world.store.new_id());
        enqueue_own(&world.store, [own.clone()]).await;
        let mut tx = world.store.begin().await.unwrap();
        tx.enqueue(store::Lane::Replies, &call(&world.store, world.store.new_id())).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(world.store.lease_outbox(store::Lane::Replies, 10).await.unwrap().len(), 1);
        let mut tx = world.store.begin().await.unwrap();
        assert_eq!(tx.facilities_with_due_calls().await.unwrap(), [facility_id()]);
        assert!(tx.lease_own_calls(&other_facility(), 10).await.unwrap().is_empty());
        let leased = tx.lease_own_calls(&facility_id(), 10).await.unwrap();
        assert_eq!(leased.iter().map(|sending| sending.id).collect::<Vec<_>>(), [own.id]);
        assert_eq!(tx.attempts(own.id).await.unwrap().len(), 1, "its REQUEST-ID is on disk");
        tx.commit().await.unwrap();
        let mut tx = world.store.begin().await.unwrap();
        assert!(tx.facilities_with_due_calls().await.unwrap().is_empty(), "it is leased");
        drop(tx);
        world.pass(Duration::from_millis(15_001));
        let mut tx = world.store.begin().await.unwrap();
        assert_eq!(tx.lease_own_calls(&facility_id(), 10).await.unwrap().len(), 1, "its worker died");
    }

    async fn open_calls_are_counted_by_where_they_are_and_no_further_than_asked(database: TestDatabase) {
        let world = World::new(database).await;
        let later = world.clock_now() + Duration::from_mins(1);
        let calls = (0..6).map(|n| {
            let due_at = if n == 0 { later } else { world.clock_now() };
            Call { due_at, ..call(&world.store, world.store.new_id()) }
        });
        enqueue_own(&world.store, calls.collect::<Vec<_>>()).await;
        let mut tx = world.store.begin().await.unwrap();
        for sending in tx.lease_own_calls(&facility_id(), 2).await.unwrap() {
            tx.finish_sending(sending.lease, true).await.unwrap();
        }
        let open = async |tx: &mut store::Tx, most| tx.open_calls(&facility_id(), most).await.unwrap();
        assert_eq!(open(&mut tx, 100).await, OpenCalls { due: 3, awaited: 2 });
        assert_eq!(open(&mut tx, 1).await, OpenCalls { due: 1, awaited: 1 });
    }

    async fn a_pace_comes_back_as_it_was_stored(database: TestDatabase) {
        let world = World::new(database).await;
        let now = world.clock_now();
        let pace = Pace::default().spend(now, 3, LIMITS);
        let held = pace.hear(domain::pace::Heard::TooMany(Some(Duration::from_secs(30))), now, LIMITS, 0.5);
        for pace in [pace, held, Pace { learned: Some(12.345), ..held }, Pace::default()] {
            let mut tx = world.store.begin().await.unwrap();
            tx.lock_pace(&facility_id()).await.unwrap();
            tx.put_pace(&facility_id(), &pace).await.unwrap();
            assert_eq!(tx.pace(&facility_id()).await.unwrap(), pace);
            assert_eq!(tx.pace(&other_facility()).await.unwrap(), Pace::default());
            tx.commit().await.unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_instances_keep_one_rate() {
    let world = World::new(store::testing::TestDatabase::postgres().await).await;
    let calls = (0..40).map(|_| call(&world.store, world.store.new_id())).collect::<Vec<_>>();
    enqueue_own(&world.store, calls).await;
    let stores = [world.store.clone(), world.another_instance().await];
    let take = |store: Store| async move {
        let mut tx = store.begin().await.unwrap();
        let pace = tx.lock_pace(&facility_id()).await.unwrap();
        let may = pace.leave(tx.now(), 10, LIMITS).calls;
        let leased = tx.lease_own_calls(&facility_id(), may).await.unwrap().len();
        let pace = pace.spend(tx.now(), u32::try_from(leased).unwrap(), LIMITS);
        tx.put_pace(&facility_id(), &pace).await.unwrap();
        tx.commit().await.unwrap();
        leased
    };
    for _ in 0..3 {
        let takers = stores.iter().cycle().take(8).map(|store| tokio::spawn(take(store.clone())));
        let left: usize = futures_util::future::try_join_all(takers).await.unwrap().iter().sum();
        assert!(left <= 2, "{left} calls left at one moment, of ten a second");
        world.pass(Duration::from_millis(100));
    }
}
