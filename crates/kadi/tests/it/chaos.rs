//! Real bridge processes, killed at random under load against an ABDM that fails at random: a short seeded run of what
//! `kadi bench chaos` does for minutes.

use std::process::Command;

use store::testing::TestDatabase;

/// Long enough for several kills; how much is done between them is the machine's affair.
const SECONDS: &str = "8";

fn survives(more: &[&str]) {
    let run = Command::new(env!("CARGO_BIN_EXE_kadi"))
        .args(["bench", "chaos", "--seconds", SECONDS, "--size", "6", "--seed", "7"])
        .args(more)
        .output()
        .unwrap();
    let report = String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success(), "{report}");
    let figures: serde_json::Value = serde_json::from_slice(&run.stdout).unwrap();
    for sign_of_life in ["kills", "visits", "callbacks"] {
        assert!(figures[sign_of_life].as_u64() > Some(0), "no {sign_of_life}: {figures}\n{report}");
    }
}

#[test]
fn killed_at_random_nothing_is_lost_and_nothing_happens_twice_on_sqlite() {
    survives(&[]);
}

#[tokio::test]
async fn killed_at_random_two_bridges_lose_nothing_and_do_nothing_twice_on_postgres() {
    let database = TestDatabase::postgres().await;
    survives(&["--store", database.url(), "--instances", "2"]);
}
