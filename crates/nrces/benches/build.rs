//! `cargo bench -p nrces --bench build`: records read, built, validated, written.

#![expect(clippy::expect_used, reason = "a bench fails by panicking")]

use divan::{Bencher, black_box};
use nrces::{Context, HiType, build_slice, render_html};
use serde_json::{Value, json};

/// As in `kadi`.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    divan::main();
}

const OP_CONSULTATION: &[u8] = include_bytes!("../examples-data/op-consultation/typical.json");
const DIAGNOSTIC_REPORT: &[u8] = include_bytes!("../examples-data/diagnostic-report/typical.json");

#[divan::bench]
fn op_consultation(bencher: Bencher<'_, '_>) {
    let context = Context::default();
    bencher.bench(|| build_slice(HiType::OPConsultation, black_box(OP_CONSULTATION), &context));
}

/// A report of 500 results with units and reference ranges.
fn large_report() -> Vec<u8> {
    let mut data: Value = serde_json::from_slice(DIAGNOSTIC_REPORT).expect("JSON");
    let results: Vec<Value> = (0..500)
        .map(|n| {
            json!({
                "observation": format!("Analyte {n}"),
                "valueQuantity": { "value": 10.0 + f64::from(n) / 8.0, "unit": "mg/dL" },
                "referenceRange": [{ "low": 5, "high": 70 }],
                "interpretation": "N"
            })
        })
        .collect();
    if let Some(slot) = data.pointer_mut("/diagnostics/0/result") {
        *slot = results.into();
    }
    data.to_string().into_bytes()
}

#[divan::bench]
fn lab_report_of_500_results(bencher: Bencher<'_, '_>) {
    let (data, context) = (large_report(), Context::default());
    assert!(build_slice(HiType::DiagnosticReport, &data, &context).is_ok());
    bencher.bench(|| build_slice(HiType::DiagnosticReport, black_box(&data), &context));
}

#[divan::bench]
fn page_of_an_op_consultation(bencher: Bencher<'_, '_>) {
    let built = build_slice(HiType::OPConsultation, OP_CONSULTATION, &Context::default());
    let bundle = built.map(|b| b.value()).unwrap_or_default();
    bencher.bench(|| render_html(black_box(&bundle)));
}
