//! `cargo bench -p nrces --bench validate`: rules read, documents validated.

#![expect(clippy::expect_used, reason = "a bench fails by panicking")]

use divan::{Bencher, black_box};
use nrces::rules::Rules;
use nrces::validate::{Mode, validate};
use serde_json::{Value, json};

/// As in `kadi`.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    divan::main();
}

const TABLES: [&str; 4] = [
    include_str!("../rules/base.rules"),
    include_str!("../rules/base-codes.rules"),
    include_str!("../rules/nrces.rules"),
    include_str!("../rules/nrces-codes.rules"),
];

#[divan::bench]
fn reading_the_rules(bencher: Bencher<'_, '_>) {
    bencher.bench(|| Rules::from_tables(black_box(&TABLES)));
}

const OP_CONSULTATION: &str = include_str!("../tests/data/valid/op-consultation.json");
const DIAGNOSTIC_REPORT: &str = include_str!("../tests/data/valid/diagnostic-report.json");

fn read(text: &str) -> Value {
    serde_json::from_str(text).expect("JSON")
}

#[divan::bench]
fn op_consultation(bencher: Bencher<'_, '_>) {
    let bundle = read(OP_CONSULTATION);
    bencher.bench(|| validate(black_box(&bundle), Mode::Send));
}

/// The lab report with its first result 500 times over.
#[divan::bench]
fn lab_report_of_500_results(bencher: Bencher<'_, '_>) {
    let mut bundle = read(DIAGNOSTIC_REPORT);
    let entries = bundle.get_mut("entry").and_then(Value::as_array_mut).expect("entries");
    let of = |e: &Value, kind: &str| e.pointer("/resource/resourceType") == Some(&json!(kind));
    let observation = entries.iter().find(|e| of(e, "Observation")).expect("a result").clone();
    let mut results = Vec::new();
    for n in 0..500 {
        let url = format!("urn:uuid:00000000-0000-4000-8000-{n:012}");
        results.push(json!({"reference": url}));
        let mut entry = observation.clone();
        if let Some(slot) = entry.get_mut("fullUrl") {
            *slot = json!(url);
        }
        entries.push(entry);
    }
    let report = entries.iter_mut().find(|e| of(e, "DiagnosticReport")).expect("a report");
    let list = report.pointer_mut("/resource/result").and_then(Value::as_array_mut).expect("results");
    list.extend(results);
    assert!(validate(&bundle, Mode::Send).is_empty());
    bencher.bench(|| validate(black_box(&bundle), Mode::Send));
}
