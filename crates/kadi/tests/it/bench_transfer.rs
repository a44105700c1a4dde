//! A short seeded run of what `kadi bench transfer` does with ten thousand records and with a gigabyte. How fast it was is
//! no matter of a test.

use std::process::Command;

use serde_json::Value;
use store::testing::TestDatabase;

fn bench(args: &[&str]) -> Value {
    let run = Command::new(env!("CARGO_BIN_EXE_kadi"))
        .args(["bench", "transfer", "--seed", "7", "--floor", "0"])
        .args(args)
        .output()
        .unwrap();
    let report = String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success(), "{report}");
    serde_json::from_slice(&run.stdout).unwrap()
}

fn assert_many(figures: &Value) {
    let many = &figures["many"];
    assert_eq!((&many["delivered"], &many["notified"]), (&250.into(), &250.into()), "{many}");
    assert_eq!(many["rules_broken"], 0, "{many}");
}

fn assert_large(figures: &Value) {
    let large = &figures["large"];
    assert_eq!((&large["records"], &large["delivered"]), (&3.into(), &3.into()), "{large}");
}

#[test]
fn many_small_and_some_large_records_arrive_on_sqlite() {
    let figures = bench(&["--contexts", "250", "--megabytes", "5", "--attachment", "2"]);
    assert_many(&figures);
    assert_large(&figures);
}

#[tokio::test]
async fn many_small_records_arrive_on_postgres() {
    let database = TestDatabase::postgres().await;
    assert_many(&bench(&["--contexts", "250", "--store", database.url()]));
}

#[tokio::test]
async fn some_large_records_arrive_on_postgres() {
    let database = TestDatabase::postgres().await;
    assert_large(&bench(&["--megabytes", "5", "--attachment", "2", "--store", database.url()]));
}
