//! A short seeded run of what `kadi bench backfill` does with 100,000 visits.

use std::process::Command;

use store::testing::TestDatabase;

fn links_all_within_the_limits(more: &[&str]) {
    let run = Command::new(env!("CARGO_BIN_EXE_kadi"))
        .args(["bench", "backfill", "--size", "400", "--quota", "60", "--blocks", "5", "--seed", "7"])
        .args(more)
        .output()
        .unwrap();
    let report = String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success(), "{report}");
    let figures: serde_json::Value = serde_json::from_slice(&run.stdout).unwrap();
    assert_eq!((&figures["linked"], &figures["rules_broken"]), (&400.into(), &0.into()), "{figures}");
    assert!(figures["clock_leapt_hours"].as_f64() > Some(23.9), "a block was waited out: {figures}");
    assert!(figures["most_tokens_of_a_patient"].as_u64() <= Some(3), "{figures}");
}

#[test]
fn a_backfill_with_quota_complaints_and_blocks_links_all_on_sqlite() {
    links_all_within_the_limits(&[]);
}

#[tokio::test]
async fn a_backfill_with_quota_complaints_and_blocks_links_all_on_postgres() {
    let database = TestDatabase::postgres().await;
    links_all_within_the_limits(&["--store", database.url()]);
}
