//! What several tests need.

use std::path::PathBuf;

use nrces::{Built, Context, Facility, HiType, Issue, PatientContext, Visit};
use serde_json::Value;

/// A file of this crate.
pub fn path(parts: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(parts)
}

/// The example input of a type.
pub fn example(hi_type: HiType, size: &str) -> Vec<u8> {
    std::fs::read(path(&format!("examples-data/{}/{size}.json", hi_type.slug()))).unwrap()
}

/// The example input of a type as a tree, to be changed.
pub fn example_value(hi_type: HiType, size: &str) -> Value {
    serde_json::from_slice(&example(hi_type, size)).unwrap()
}

/// Builds without a context, as the stateless calls do.
pub fn build(hi_type: HiType, data: &Value) -> Result<Built, Vec<Issue>> {
    nrces::build(hi_type, data, &Context::default())
}

/// The bundle of an input that must be valid.
pub fn bundle(hi_type: HiType, data: &Value) -> Value {
    match build(hi_type, data) {
        Ok(built) => built.value(),
        Err(issues) => panic!("{hi_type}: {issues:#?}"),
    }
}

/// All resources of a type in a bundle.
pub fn resources<'v>(bundle: &'v Value, kind: &str) -> Vec<&'v Value> {
    let entries = bundle["entry"].as_array().unwrap();
    entries.iter().map(|e| &e["resource"]).filter(|r| r["resourceType"] == kind).collect()
}

/// A context that knows facility, patient and visit.
pub fn context() -> Context {
    Context {
        facility: Some(Facility {
            id: "IN0000000001".into(),
            name: "Test Hospital".into(),
            ..Facility::default()
        }),
        patient: Some(PatientContext {
            reference: "MRN-1".into(),
            name: "Asha Patel".into(),
            gender: Some("F".into()),
            year_of_birth: Some(1990),
            abha_address: Some("asha@sbx".into()),
            abha_number: Some("91000000000001".into()),
            ..PatientContext::default()
        }),
        visit: Some(Visit { reference: "V-1".into(), date: "2026-01-15".into() }),
        ..Context::default()
    }
}
