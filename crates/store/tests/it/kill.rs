//! The kill switch: a process that dies at a commit leaves exactly what was committed.

use std::sync::Arc;
use std::time::Duration;

use domain::event::EventType;
use futures_util::future::{Either, select};
use serde_json::json;
use store::fault::KillSwitch;
use store::{Intake, Store, Stored, on_both_databases};

use crate::world::{World, call, callback, facility_id, patient, patient_ref};

/// Three units of work, each with a patient, a call and an event.
async fn work(store: Store) {
    for number in 1..=3 {
        let mut tx = store.begin().await.unwrap();
        tx.put_patient(&facility_id(), &patient(&format!("p{number}"))).await.unwrap();
        tx.enqueue(store::Lane::Replies, &call(&store, store.new_id())).await.unwrap();
        tx.raise(&facility_id(), EventType::PatientLinked, json!({})).await.unwrap();
        tx.commit().await.unwrap();
    }
}

/// Runs `work` until the switch fires, then takes the process away.
async fn run_until_killed(world: &World, switch: &Arc<KillSwitch>) {
    let store = world.instance_with(switch).await;
    let process = tokio::spawn(work(store));
    switch.died().await;
    process.abort();
    assert!(process.await.unwrap_err().is_cancelled());
}

/// How many units of work are there; none may be there in part.
async fn done(world: &World) -> usize {
    let store = world.another_instance().await;
    let mut tx = store.read().await.unwrap();
    let mut patients = 0;
    for number in 1..=3 {
        let reference = patient_ref(&format!("p{number}"));
        patients += usize::from(tx.patient(&facility_id(), &reference).await.unwrap().is_some());
    }
    let events = tx.events_after(&facility_id(), None, 10).await.unwrap().len();
    drop(tx);
    let calls = store.lease_outbox(store::Lane::Replies, 10).await.unwrap().len();
    assert_eq!((events, calls), (patients, patients), "all or nothing");
    patients
}

on_both_databases! {
    async fn death_before_a_commit_leaves_what_was_committed_before(database: TestDatabase) {
        let world = World::new(database).await;
        run_until_killed(&world, &Arc::new(KillSwitch::before_commit(3))).await;
        assert_eq!(done(&world).await, 2);
    }

    async fn death_before_the_first_commit_leaves_nothing(database: TestDatabase) {
        let world = World::new(database).await;
        run_until_killed(&world, &Arc::new(KillSwitch::before_commit(1))).await;
        assert_eq!(done(&world).await, 0);
    }

    async fn death_after_a_commit_keeps_it(database: TestDatabase) {
        let world = World::new(database).await;
        run_until_killed(&world, &Arc::new(KillSwitch::after_commit(2))).await;
        assert_eq!(done(&world).await, 2);
    }

    async fn the_dead_neither_write_nor_read(database: TestDatabase) {
        let world = World::new(database).await;
        let switch = Arc::new(KillSwitch::before_commit(1));
        let store = world.instance_with(&switch).await;
        let dying = tokio::spawn(work(store.clone()));
        switch.died().await;
        dying.abort();
        let _ = dying.await;
        let waiting = [tokio::spawn(read_once(store.clone())), tokio::spawn(work(store.clone()))];
        // Whoever lives gets much done meanwhile.
        for _ in 0..50 {
            read_once(world.store.clone()).await;
        }
        for waiting in waiting {
            assert!(!waiting.is_finished());
            waiting.abort();
        }
        assert!(switch.is_dead());
    }

    async fn a_callback_that_was_not_acknowledged_may_come_again(database: TestDatabase) {
        let world = World::new(database).await;
        // Killed before the commit it is lost, and new when ABDM sends it again; killed after, it is known.
        for (switch, id, then) in [
            (KillSwitch::before_commit(1), "r1", Stored::New),
            (KillSwitch::after_commit(1), "r2", Stored::Known),
        ] {
            let switch = Arc::new(switch);
            let store = world.instance_with(&switch).await;
            let (intake, writer) = Intake::new(store);
            let process = tokio::spawn(writer.run());
            let acknowledged = select(Box::pin(intake.store(callback(id))), Box::pin(switch.died())).await;
            assert!(matches!(acknowledged, Either::Right(_)), "acknowledged by the dead");
            process.abort();
            let _ = process.await;
            let next = crate::world::intake(&world.another_instance().await);
            assert_eq!(next.store(callback(id)).await.unwrap(), then);
        }
    }

    async fn a_call_that_was_leased_by_the_dead_is_sent_by_the_next(database: TestDatabase) {
        let world = World::new(database).await;
        let mut tx = world.store.begin().await.unwrap();
        tx.enqueue(store::Lane::Replies, &call(&world.store, world.store.new_id())).await.unwrap();
        tx.commit().await.unwrap();
        let switch = Arc::new(KillSwitch::after_commit(1));
        let store = world.instance_with(&switch).await;
        let process = tokio::spawn(async move { store.lease_outbox(store::Lane::Replies, 10).await.unwrap().len() });
        switch.died().await;
        process.abort();
        let next = world.another_instance().await;
        world.pass(Duration::from_millis(15_001));
        let taken = next.lease_outbox(store::Lane::Replies, 10).await.unwrap();
        assert_eq!(taken[0].attempts, 2);
        let mut tx = next.read().await.unwrap();
        assert_eq!(tx.attempts(taken[0].id).await.unwrap().len(), 2, "the unknown attempt is not forgotten");
    }
}

async fn read_once(store: Store) {
    store.ping().await.unwrap();
}
