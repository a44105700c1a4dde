//! Which of the eight record types a document is.

use serde_json::Value;

use super::json::Json;
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
    let bundle = Json::from(bundle);
    let entries = bundle.field("entry").and_then(Json::as_list)?;
    let of = |e: Json<'_>| e.field("resource").and_then(|r| r.text("resourceType")) == Some("Composition");
    of_composition(entries.iter().find(|entry| of(*entry))?.field("resource")?)
}

/// The record type of a Composition.
pub(crate) fn of_composition(composition: Json<'_>) -> Option<HiType> {
    let kind = composition.field("type");
    let codings = kind.map(|k| k.items("coding")).unwrap_or_default().iter();
    // Whatever the system: others write SNOMED CT's name in many ways, and the
    // profile tells of a wrong one.
    let mut named: Vec<HiType> = codings.filter_map(|c| by_code(c.text("code")?)).collect();
    named.extend(match kind.and_then(|k| k.field("text")).and_then(Json::as_str) {
        Some("Wellness Record") => Some(HiType::WellnessRecord),
        Some("Invoice Record") => Some(HiType::Invoice),
        _ => None,
    });
    if named.is_empty() {
        let profiles = composition.field("meta").map(|m| m.items("profile")).unwrap_or_default().iter();
        named = profiles.filter_map(Json::as_str).filter_map(HiType::from_profile).collect();
    }
    let first = *named.first()?;
    named.iter().all(|other| *other == first).then_some(first)
}
