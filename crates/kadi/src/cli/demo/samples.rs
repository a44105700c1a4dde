//! What the demo's hospital holds: the sample records of every type that can be built, dealt out to the patients.

use rust_embed::RustEmbed;
use serde_json::Value;

/// Sample records, `<type>/<size>.json`.
#[derive(RustEmbed)]
#[folder = "../nrces/examples-data"]
struct Samples;

/// A visit with one or two records.
#[derive(Debug, Clone)]
pub struct Visit {
    /// The hospital's reference of the patient.
    pub patient: String,
    /// The hospital's reference.
    pub reference: String,
    /// What the patient's app shows.
    pub display: &'static str,
    /// The day.
    pub date: &'static str,
    /// `{hiType, data}` each.
    pub records: Vec<Value>,
}

/// Visits of these patients; together they hold every sample. The first two types, a consultation with its prescription,
/// share a visit.
pub fn visits(patients: &[(String, ::sandbox::Person)]) -> Vec<Visit> {
    let mut visits = Vec::new();
    let sizes = ["typical", "minimal", "maximal"];
    for (place, (patient, _)) in patients.iter().enumerate() {
        let Some(size) = sizes.get(place % sizes.len()) else { continue };
        let visit = |number: usize, display, records| Visit {
            patient: patient.clone(),
            reference: format!("OPD-2026-{:04}-{number}", 1001 + place),
            display,
            date: "2026-01-15",
            records,
        };
        let together = ["op-consultation", "prescription"];
        visits.push(visit(
            1,
            "OPD visit 15-Jan-2026",
            together.iter().filter_map(|slug| record(slug, size)).collect(),
        ));
        for (number, hi_type) in (2..).zip(nrces::HiType::ALL) {
            let alone = Some(hi_type.slug()).filter(|slug| !together.contains(slug));
            if let Some(record) = alone.and_then(|slug| record(slug, size)) {
                visits.push(visit(number, "Hospital record 15-Jan-2026", vec![record]));
            }
        }
    }
    visits.retain(|visit| !visit.records.is_empty());
    visits
}

/// A sample `{hiType, data}` of this type and size (`minimal`, `typical`, `maximal`), without its patient.
pub fn record(slug: &str, size: &str) -> Option<Value> {
    let hi_type = nrces::HiType::ALL.into_iter().find(|hi_type| hi_type.slug() == slug)?;
    let file = Samples::get(&format!("{slug}/{size}.json"))?;
    let mut data: Value = serde_json::from_slice(&file.data).ok()?;
    // The samples name patients of their own; here the patient is who is stored.
    data.as_object_mut()?.remove("patient");
    Some(serde_json::json!({"hiType": hi_type.as_str(), "data": data}))
}
