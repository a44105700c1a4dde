//! The audit trail: a chain that nobody breaks unseen.

use futures_util::future::try_join_all;
use store::{AuditFault, Store, on_both_databases};

use crate::opening::run;
use crate::world::{World, facility_id, other_facility};

async fn write(store: &Store, number: usize) -> store::Result<()> {
    let mut tx = store.begin().await?;
    tx.audit(&facility_id(), "key 1", "patient stored", &format!("MR-{number}")).await?;
    if number.is_multiple_of(3) {
        tx.audit(&other_facility(), "ABDM", "consent GRANTED", "c-1").await?;
        tx.audit(&facility_id(), "ABDM", "care context linked", "visit").await?;
    }
    tx.commit().await
}

async fn verified(store: &Store) -> Result<store::AuditHead, AuditFault> {
    store.read().await.unwrap().verify_audit(&facility_id()).await.unwrap()
}

on_both_databases! {
    async fn lines_of_many_writers_and_instances_are_one_chain_for_each_facility(database: TestDatabase) {
        let world = World::new(database).await;
        assert_eq!(verified(&world.store).await.unwrap().seq, 0);
        let other = world.another_instance().await;
        let stores = [&world.store, &other];
        try_join_all((0..30).map(|number| write(stores[number % 2], number))).await.unwrap();
        let head = verified(&world.store).await.unwrap();
        assert_eq!(head.seq, 40);
        let mut tx = world.store.read().await.unwrap();
        let lines = tx.audit_lines(&facility_id(), 0, 1000).await.unwrap();
        assert_eq!(lines.len(), 40);
        assert_eq!(lines.last().unwrap().hash, head.hash);
        assert_eq!(tx.verify_audit(&other_facility()).await.unwrap().unwrap().seq, 10);
        assert_eq!(tx.audit_lines(&facility_id(), 38, 1000).await.unwrap(), lines[38..]);
    }

    async fn what_is_not_committed_leaves_no_line_and_no_gap(database: TestDatabase) {
        let world = World::new(database).await;
        write(&world.store, 1).await.unwrap();
        let mut tx = world.store.begin().await.unwrap();
        tx.audit(&facility_id(), "key 1", "patient stored", "MR-2").await.unwrap();
        drop(tx);
        write(&world.store, 4).await.unwrap();
        assert_eq!(verified(&world.store).await.unwrap().seq, 2);
    }

    async fn whoever_alters_adds_or_takes_away_a_line_is_found(database: TestDatabase) {
        let world = World::new(database).await;
        for number in [1, 2, 4, 5] {
            write(&world.store, number).await.unwrap();
        }
        for (harm, mend, fault) in [
            (
                "UPDATE audit SET subject = 'MR-9' WHERE seq = 2",
                "UPDATE audit SET subject = 'MR-2' WHERE seq = 2",
                AuditFault::Altered(2),
            ),
            (
                "UPDATE audit SET at = at + 1 WHERE seq = 3",
                "UPDATE audit SET at = at - 1 WHERE seq = 3",
                AuditFault::Altered(3),
            ),
            (
                "UPDATE audit SET seq = 99 WHERE seq = 1",
                "UPDATE audit SET seq = 1 WHERE seq = 99",
                AuditFault::Gap { expected: 1, found: 2 },
            ),
            (
                "UPDATE audit SET facility_id = 'X' WHERE seq = 4",
                "UPDATE audit SET facility_id = (SELECT facility_id FROM audit WHERE seq = 1) WHERE seq = 4",
                AuditFault::End { expected: 4, found: 3 },
            ),
            (
                "UPDATE audit_head SET seq = 3",
                "UPDATE audit_head SET seq = 4",
                AuditFault::End { expected: 3, found: 3 },
            ),
        ] {
            assert!(verified(&world.store).await.is_ok());
            run(&world.database, harm).await;
            assert_eq!(verified(&world.store).await, Err(fault), "{harm}");
            run(&world.database, mend).await;
        }
    }
}
