//! Nothing personal is logged: the whole exchange is run at debug level, and everything logged is searched.

use std::process::Command;

use abdm::clock::SystemClock;
use sandbox::{Sandbox, SandboxConfig};
use serde_json::Value;

const RECORDS: [&str; 6] = [
    include_str!("../../../nrces/examples-data/op-consultation/typical.json"),
    include_str!("../../../nrces/examples-data/op-consultation/maximal.json"),
    include_str!("../../../nrces/examples-data/prescription/typical.json"),
    include_str!("../../../nrces/examples-data/prescription/maximal.json"),
    include_str!("../../../nrces/examples-data/diagnostic-report/maximal.json"),
    include_str!("../../../nrces/examples-data/discharge-summary/maximal.json"),
];

/// What the demo's patients, and their records, are known to hold.
async fn planted() -> Vec<String> {
    let mut planted = Vec::new();
    for text in RECORDS {
        collect(&serde_json::from_str(text).unwrap(), &mut planted);
    }
    let sandbox = Sandbox::start(SandboxConfig::default(), SystemClock::shared()).await.unwrap();
    let people = sandbox.state().people();
    for person in people {
        let own = [Some(person.abha_address), Some(person.name), person.mobile, person.abha_number];
        planted.extend(own.into_iter().flatten());
    }
    assert!(planted.len() > 100, "{planted:?}");
    planted
}

/// Every text of a record that is long enough not to be met by chance; what has no space may be a word of the program.
fn collect(value: &Value, texts: &mut Vec<String>) {
    match value {
        Value::String(text) if text.len() >= 8 && text.trim().contains(' ') => texts.push(text.clone()),
        Value::Array(items) => items.iter().for_each(|item| collect(item, texts)),
        Value::Object(members) => members.values().for_each(|value| collect(value, texts)),
        _ => {}
    }
}

#[tokio::test]
async fn nothing_of_a_whole_exchange_that_is_personal_is_logged() {
    let output = Command::new(env!("CARGO_BIN_EXE_kadi")).args(["demo", "--log", "debug"]).output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{text}");
    // Beside the log stands what the demo tells its reader.
    let log: Vec<_> = text.lines().filter(|line| line.starts_with('{')).collect();
    assert!(log.len() > 100, "{} lines are no log at debug level", log.len());
    for word in planted().await {
        let found = log.iter().find(|line| line.contains(&word));
        assert!(found.is_none(), "{word:?} is logged: {found:?}");
    }
}
