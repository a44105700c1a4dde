//! Killed at any write, the exchange finishes with large documents too: none is lost, and none is left behind.

use std::sync::Arc;

use domain::patient::Patient;
use kadi::bridge::Bridge;
use kadi::flows::{Ctx, visits};
use kadi::records::{RecordInput, Surroundings};
use nrces::terminology::CodeMap;
use store::fault::KillSwitch;
use store::testing::TestDatabase;

use crate::api::large::large_file;
use crate::crash::{die_everywhere, exchange_with};
use crate::world::{facility, id, new_visit};

/// What the API does with a visit of two large records.
async fn put(bridge: Arc<Bridge>, patient: Patient) {
    let ctx = Ctx { rules: &bridge.rules, chance: 0.5 };
    let mut tx = bridge.store.begin().await.unwrap();
    tx.put_patient(&id(), &patient).await.unwrap();
    visits::patient_changed(&ctx, &mut tx, &facility(), &patient.reference).await.unwrap();
    tx.commit().await.unwrap();
    let mut tx = bridge.store.read().await.unwrap();
    let reference = "visit-1".parse().unwrap();
    let known = tx.care_context(&id(), &patient.reference, &reference).await.unwrap();
    let old = tx.records(&id(), &patient.reference, &reference).await.unwrap();
    drop(tx);
    let context = known.unwrap_or_else(|| new_visit(&patient, "visit-1"));
    let facility = facility();
    let (visit, date) = (context.reference.as_str(), context.date.as_str());
    let around = Surroundings { facility: &facility, patient: &patient, visit, date };
    let mut records = Vec::new();
    for (place, seed) in (0..).zip([1, 2]) {
        let input: RecordInput = serde_json::from_value(large_file(seed)).unwrap();
        let hasher = bridge.store.source_hasher().unwrap();
        let codes = Arc::new(CodeMap::default());
        records.push(input.prepare_owned(&around, place, &codes, hasher).unwrap().record);
    }
    bridge.store.keep(&mut records, &old).await.unwrap();
    let mut tx = bridge.store.begin().await.unwrap();
    visits::put(&ctx, &mut tx, &facility, (&patient, &context), Some(records)).await.unwrap();
    tx.commit().await.unwrap();
}

async fn exchange(database: TestDatabase, switch: KillSwitch) -> (u64, bool) {
    exchange_with(database, switch, put, 2).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_any_write_large_documents_arrive_and_none_is_left_over_on_sqlite() {
    die_everywhere(async || TestDatabase::sqlite(), exchange, 15).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_any_write_large_documents_arrive_and_none_is_left_over_on_postgres() {
    die_everywhere(async || TestDatabase::postgres().await, exchange, 15).await;
}
