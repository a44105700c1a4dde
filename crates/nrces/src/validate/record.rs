//! Which of the eight record types a document is.

use serde_json::Value;

use super::json;
use crate::HiType;

/// The type that a SNOMED CT code of `Composition.type` names.
fn by_code(code: &str) -> Option<HiType> {
    Some(match code {
        "440545006" => HiType::Prescription,
        "371530004" => HiType::OPConsultation,
        "373942005" => HiType::DischargeSummary,
        "41000179103" => HiType::ImmunizationRecord,
        "419891008" => HiType::HealthDocumentRecord,
        // Reports are free to name their kind; these are what NRCeS lists.
        "721981007" | "371528001" | "4311000179106" | "720449003" | "770573007" | "782659005"
        | "725870000" | "722143004" | "721631001" | "4201000179104" | "4241000179101" | "714335001"
        | "4271000179106" | "714337009" | "4261000179100" => HiType::DiagnosticReport,
        _ => return None,
    })
}

/// The record type of a document bundle: by the code of its Composition, by
/// the text of its type, or by the one record profile that it claims. `None`
/// if it names none, or more than one.
pub fn record_type(bundle: &Value) -> Option<HiType> {
    let entries = json::field(bundle, "entry").and_then(Value::as_array)?;
    let of = |e: &Value| {
        json::field(e, "resource").and_then(|r| json::text(r, "resourceType")) == Some("Composition")
    };
    of_composition(entries.iter().find(|entry| of(entry))?.get("resource")?)
}

/// The record type of a Composition.
pub(crate) fn of_composition(composition: &Value) -> Option<HiType> {
    let kind = json::field(composition, "type");
    let codings = kind.and_then(|k| json::field(k, "coding")).and_then(Value::as_array).into_iter().flatten();
    // Whatever the system: others write SNOMED CT's name in many ways, and the
    // profile tells of a wrong one.
    let mut named: Vec<HiType> = codings.filter_map(|c| by_code(json::text(c, "code")?)).collect();
    named.extend(match kind.and_then(|k| json::field(k, "text")).and_then(Value::as_str) {
        Some("Wellness Record") => Some(HiType::WellnessRecord),
        Some("Invoice Record") => Some(HiType::Invoice),
        _ => None,
    });
    if named.is_empty() {
        let profiles =
            json::field(composition, "meta").map(|m| json::items(m, "profile")).into_iter().flatten();
        named = profiles.filter_map(Value::as_str).filter_map(HiType::from_profile).collect();
    }
    let first = *named.first()?;
    named.iter().all(|other| *other == first).then_some(first)
}
