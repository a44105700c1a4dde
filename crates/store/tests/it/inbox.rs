//! The inbox: a row is one worker's until its lease ends, and only who holds it can finish it.

use std::time::Duration;

use store::{StoreError, on_both_databases};

use crate::world::{World, at, callback, intake, lease_one};

const JUST_OVER_A_LEASE: Duration = Duration::from_millis(15_001);

on_both_databases! {
    async fn a_leased_row_is_nobody_elses_until_the_lease_ends(database: TestDatabase) {
        let world = World::new(database).await;
        intake(&world.store).store(callback("r1")).await.unwrap();
        assert_eq!(lease_one(&world.store).await.attempts, 1);
        for _ in 0..3 {
            assert!(world.store.lease_inbox(10).await.unwrap().is_empty());
            world.pass(Duration::from_secs(5));
        }
        assert!(world.store.lease_inbox(10).await.unwrap().is_empty(), "to the millisecond");
        world.pass(Duration::from_millis(1));
        let again = lease_one(&world.store).await;
        assert_eq!((again.request_id.as_str(), again.attempts), ("r1", 2));
    }

    async fn who_lost_the_lease_can_record_nothing(database: TestDatabase) {
        let world = World::new(database).await;
        intake(&world.store).store(callback("r1")).await.unwrap();
        let slow = lease_one(&world.store).await;
        world.pass(JUST_OVER_A_LEASE);
        let quick = lease_one(&world.store).await;
        let mut tx = world.store.begin().await.unwrap();
        assert!(matches!(tx.finish_received(slow.lease).await, Err(StoreError::LeaseLost)));
        let later = Some(at("2026-01-15T11:00:00Z"));
        assert!(matches!(tx.put_back_received(slow.lease, later, "slow").await, Err(StoreError::LeaseLost)));
        tx.finish_received(quick.lease).await.unwrap();
        tx.commit().await.unwrap();
        world.pass(JUST_OVER_A_LEASE);
        assert!(world.store.lease_inbox(10).await.unwrap().is_empty(), "done once and for all");
    }

    async fn a_row_is_finished_once(database: TestDatabase) {
        let world = World::new(database).await;
        intake(&world.store).store(callback("r1")).await.unwrap();
        let received = lease_one(&world.store).await;
        let mut tx = world.store.begin().await.unwrap();
        tx.finish_received(received.lease).await.unwrap();
        assert!(matches!(tx.finish_received(received.lease).await, Err(StoreError::LeaseLost)));
    }

    async fn what_was_done_and_the_finish_are_one(database: TestDatabase) {
        let world = World::new(database).await;
        intake(&world.store).store(callback("r1")).await.unwrap();
        let received = lease_one(&world.store).await;
        let mut tx = world.store.begin().await.unwrap();
        tx.finish_received(received.lease).await.unwrap();
        drop(tx);
        world.pass(JUST_OVER_A_LEASE);
        // PostgreSQL hears of the end of a dropped transaction a moment later, and passes over its rows until then.
        let mut leased = Vec::new();
        for _ in 0..1000 {
            leased.extend(world.store.lease_inbox(10).await.unwrap());
            if !leased.is_empty() {
                break;
            }
        }
        assert_eq!(leased.len(), 1);
    }

    async fn a_row_put_back_returns_at_its_time(database: TestDatabase) {
        let world = World::new(database).await;
        intake(&world.store).store(callback("r1")).await.unwrap();
        let received = lease_one(&world.store).await;
        let mut tx = world.store.begin().await.unwrap();
        tx.put_back_received(received.lease, Some(at("2026-01-15T10:00:02Z")), "busy").await.unwrap();
        tx.commit().await.unwrap();
        assert!(world.store.lease_inbox(10).await.unwrap().is_empty());
        world.pass(Duration::from_secs(2));
        assert_eq!(lease_one(&world.store).await.attempts, 2, "without waiting for the old lease");
    }

    async fn a_dead_row_returns_only_when_it_is_run_again(database: TestDatabase) {
        let world = World::new(database).await;
        intake(&world.store).store(callback("r1")).await.unwrap();
        let received = lease_one(&world.store).await;
        let mut tx = world.store.begin().await.unwrap();
        tx.put_back_received(received.lease, None, "hopeless").await.unwrap();
        tx.commit().await.unwrap();
        world.pass(Duration::from_hours(24));
        assert!(world.store.lease_inbox(10).await.unwrap().is_empty());
        let mut tx = world.store.begin().await.unwrap();
        assert!(tx.rerun_received(received.exchange).await.unwrap());
        assert!(!tx.rerun_received(world.store.new_id()).await.unwrap(), "no such exchange");
        tx.commit().await.unwrap();
        assert_eq!(lease_one(&world.store).await.request_id, "r1");
    }

    async fn a_row_run_again_while_it_is_worked_on_is_worked_on_again(database: TestDatabase) {
        let world = World::new(database).await;
        intake(&world.store).store(callback("r1")).await.unwrap();
        let first = lease_one(&world.store).await;
        let mut tx = world.store.begin().await.unwrap();
        tx.rerun_received(first.exchange).await.unwrap();
        tx.commit().await.unwrap();
        let mut tx = world.store.begin().await.unwrap();
        assert!(matches!(tx.finish_received(first.lease).await, Err(StoreError::LeaseLost)));
        drop(tx);
        assert_eq!(lease_one(&world.store).await.request_id, "r1");
    }

    async fn no_more_are_leased_than_asked_for_and_the_longest_due_first(database: TestDatabase) {
        let world = World::new(database).await;
        let intake = intake(&world.store);
        for n in 0..7 {
            intake.store(callback(&format!("r{n}"))).await.unwrap();
            world.pass(Duration::from_millis(1));
        }
        let mut leased = Vec::new();
        for expected in [3, 3, 1, 0] {
            let mut rows: Vec<_> =
                world.store.lease_inbox(3).await.unwrap().into_iter().map(|row| row.request_id).collect();
            assert_eq!(rows.len(), expected);
            rows.sort();
            leased.extend(rows);
        }
        assert_eq!(leased, ["r0", "r1", "r2", "r3", "r4", "r5", "r6"]);
    }
}
