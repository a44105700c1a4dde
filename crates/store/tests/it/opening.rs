//! Opening a store: the schema is brought up once, whoever comes first, and the keys open only to their master.

use futures_util::future::try_join_all;
use sqlx::Connection as _;
use store::testing::TestDatabase;
use store::{Options, Store, StoreError, on_both_databases};
use zeroize::Zeroizing;

use crate::world::{self, World};

fn options(database: &TestDatabase, master: u8) -> Options {
    let clock = abdm::clock::ManualClock::at(world::at(world::START));
    Options::new(database.url(), Zeroizing::new([master; 32]), world::shared(&clock))
}

pub async fn run(database: &TestDatabase, sql: &'static str) {
    if database.url().starts_with("sqlite") {
        let mut raw = sqlx::SqliteConnection::connect(database.url()).await.unwrap();
        sqlx::query(sql).execute(&mut raw).await.unwrap();
    } else {
        let mut raw = sqlx::PgConnection::connect(database.url()).await.unwrap();
        sqlx::query(sql).execute(&mut raw).await.unwrap();
    }
}

on_both_databases! {
    async fn what_was_stored_is_there_when_it_is_opened_again(database: TestDatabase) {
        let first = World::new(database).await;
        let mut tx = first.store.begin().await.unwrap();
        tx.put_facility(&world::facility("IN2810014366")).await.unwrap();
        tx.put_patient(&world::facility_id(), &world::patient("p1")).await.unwrap();
        tx.commit().await.unwrap();
        first.store.close().await;

        let second = first.another_instance().await;
        let mut tx = second.read().await.unwrap();
        let found = tx.patient(&world::facility_id(), &world::patient_ref("p1")).await.unwrap();
        assert!(found == Some(world::patient("p1")));
    }

    async fn many_instances_may_open_a_new_database_at_once(database: TestDatabase) {
        let opening = (0..6).map(|_| Store::open(options(&database, 7)));
        let stores = try_join_all(opening).await.unwrap();
        let mut tx = stores[0].begin().await.unwrap();
        tx.put_patient(&world::facility_id(), &world::patient("p1")).await.unwrap();
        tx.commit().await.unwrap();
        for store in &stores {
            let mut tx = store.read().await.unwrap();
            let found = tx.patient(&world::facility_id(), &world::patient_ref("p1")).await.unwrap();
            assert!(found.is_some(), "all instances have the same keys");
        }
    }

    async fn a_schema_from_the_future_is_refused(database: TestDatabase) {
        Store::open(options(&database, 7)).await.unwrap().close().await;
        run(&database, "UPDATE schema_version SET version = 9999").await;
        let refused = Store::open(options(&database, 7)).await;
        assert!(matches!(refused, Err(StoreError::SchemaTooNew { needed: 9999, .. })), "{refused:?}");
    }

    async fn what_a_newer_version_added_does_not_stop_an_older_one_that_is_started_again(database: TestDatabase) {
        Store::open(options(&database, 7)).await.unwrap().close().await;
        run(&database, "UPDATE schema_version SET version = 9999 WHERE id = 1").await;
        run(&database, "ALTER TABLE patient ADD COLUMN of_the_future BIGINT").await;
        let store = Store::open(options(&database, 7)).await.unwrap();
        let mut tx = store.begin().await.unwrap();
        tx.put_patient(&world::facility_id(), &world::patient("p1")).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(store.schema_version().await.unwrap(), 9999, "nothing is migrated again");
    }

    async fn the_wrong_master_key_is_refused_and_changes_nothing(database: TestDatabase) {
        Store::open(options(&database, 7)).await.unwrap().close().await;
        let refused = Store::open(options(&database, 8)).await;
        assert!(matches!(refused, Err(StoreError::Unsealable { .. })), "{refused:?}");
        Store::open(options(&database, 7)).await.unwrap().ping().await.unwrap();
    }

    async fn a_transaction_that_is_dropped_leaves_nothing(database: TestDatabase) {
        let world = World::new(database).await;
        let mut tx = world.store.begin().await.unwrap();
        tx.put_patient(&world::facility_id(), &world::patient("p1")).await.unwrap();
        drop(tx);
        let mut tx = world.store.begin().await.unwrap();
        assert!(tx.patient(&world::facility_id(), &world::patient_ref("p1")).await.unwrap().is_none());
    }
}

#[tokio::test]
async fn a_url_of_another_kind_is_refused() {
    let clock = abdm::clock::ManualClock::at(world::at(world::START));
    for url in ["mysql://localhost/kadi", "/var/lib/kadi.db", ""] {
        let refused = Store::open(Options::new(url, Zeroizing::new([7; 32]), world::shared(&clock))).await;
        assert!(matches!(refused, Err(StoreError::Url(_))), "{url}: {refused:?}");
    }
}

#[tokio::test]
async fn a_url_that_does_not_open_tells_nobody_its_password() {
    let clock = abdm::clock::ManualClock::at(world::at(world::START));
    let database = TestDatabase::postgres().await;
    let nowhere = database.url().replace("postgres@", "postgres:hunter2@").replace("/postgres?", "/nowhere?");
    for url in ["postgres://kadi:hunter2@host:port/kadi", "postgresql://:hunter2@[/kadi", &nowhere] {
        let refused = Store::open(Options::new(url, Zeroizing::new([7; 32]), world::shared(&clock))).await;
        let told = format!("{:?} {}", refused, refused.as_ref().unwrap_err());
        assert!(!told.contains("hunter2"), "{told}");
    }
}
