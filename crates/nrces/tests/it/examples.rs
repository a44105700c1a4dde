//! The examples in the repository: every type, minimal, typical and maximal.

use nrces::{Context, HiType, Seed};
use serde_json::Value;

use super::support::{build, bundle, context, example, example_value, resources};

const SIZES: [&str; 3] = ["minimal", "typical", "maximal"];

#[test]
fn every_example_builds_valid_without_a_warning_worth_less() {
    for hi_type in HiType::ALL {
        for size in SIZES {
            let built = nrces::build_slice(hi_type, &example(hi_type, size), &Context::default());
            let built = built.unwrap_or_else(|issues| panic!("{hi_type} {size}: {issues:#?}"));
            assert!(built.issues.is_empty(), "{hi_type} {size}: {:#?}", built.issues);
        }
    }
}

#[test]
fn the_same_record_in_the_same_place_gives_the_same_bytes() {
    for hi_type in HiType::ALL {
        let data = example_value(hi_type, "typical");
        let once = nrces::build(hi_type, &data, &Context::default()).unwrap().json;
        let from_text = nrces::build_slice(hi_type, &example(hi_type, "typical"), &Context::default());
        assert_eq!(once, from_text.unwrap().json, "{hi_type}");
    }
}

#[test]
fn ids_depend_on_place_content_patient_and_given_id() {
    let hi_type = HiType::Prescription;
    let mut data = example_value(hi_type, "minimal");
    data.as_object_mut().unwrap().remove("patient");
    let id = |data: &Value, context: &Context| {
        let bundle = nrces::build(hi_type, data, context).unwrap().value();
        bundle["identifier"]["value"].as_str().unwrap().to_owned()
    };
    let first = id(&data, &context());
    assert_eq!(first, id(&data, &context()));
    let second_place = Context { seed: Seed::Place(1), ..context() };
    assert_ne!(first, id(&data, &second_place));
    let given = Context { seed: Seed::Given("a".into()), ..context() };
    assert_ne!(id(&data, &given), first);
    let mut other = context();
    other.patient.as_mut().unwrap().reference = "MRN-2".into();
    assert_ne!(first, id(&data, &other));
    data["prescriptions"][0]["dosage"] = "0-0-1".into();
    assert_ne!(first, id(&data, &context()));
}

#[test]
fn an_id_in_a_stateless_body_decides_the_bundle_s_ids() {
    let mut data = example_value(HiType::Prescription, "minimal");
    let id = |data: &Value| bundle(HiType::Prescription, data)["id"].as_str().unwrap().to_owned();
    data["id"] = "one".into();
    let one = id(&data);
    assert_eq!(one, id(&data));
    data["id"] = "two".into();
    assert_ne!(one, id(&data));
}

#[test]
fn the_context_fills_in_what_is_administrative() {
    let data = serde_json::json!({ "chiefComplaints": ["Fever"] });
    let built = nrces::build(HiType::OPConsultation, &data, &context()).unwrap();
    let bundle = built.value();
    let patient = resources(&bundle, "Patient")[0];
    assert_eq!(patient["name"][0]["text"], "Asha Patel");
    assert_eq!(patient["birthDate"], "1990");
    let codes: Vec<&Value> =
        patient["identifier"].as_array().unwrap().iter().map(|i| &i["type"]["coding"][0]["code"]).collect();
    assert_eq!(codes, ["HIN", "ABHA", "MR"]);
    assert_eq!(resources(&bundle, "Organization")[0]["name"], "Test Hospital");
    assert_eq!(resources(&bundle, "Encounter")[0]["identifier"][0]["value"], "V-1");
    let composition = resources(&bundle, "Composition")[0];
    assert_eq!(composition["date"], "2026-01-15");
    assert_eq!(composition["author"][0]["display"], "Test Hospital");
    assert_eq!(bundle["timestamp"], "2026-01-15T00:00:00+05:30");
}

#[test]
fn a_file_becomes_a_health_document() {
    let data = nrces::from_file("application/pdf", "JVBERi0xLjQK", "Old papers", &context());
    let built = nrces::build(HiType::HealthDocumentRecord, &data, &context()).unwrap();
    let bundle = built.value();
    let attachment = &resources(&bundle, "DocumentReference")[0]["content"][0]["attachment"];
    assert_eq!(attachment["title"], "Old papers");
    assert_eq!(attachment["data"], "JVBERi0xLjQK");
}

#[test]
fn local_codes_stand_as_text_and_are_told() {
    let built = build(HiType::DiagnosticReport, &example_value(HiType::DiagnosticReport, "typical")).unwrap();
    assert_eq!(built.local_codes.len(), 1);
    assert_eq!(built.local_codes[0].code, "TLC");
    assert_eq!(built.local_codes[0].path, "/diagnostics/0/result/1/observation");
    let bundle = built.value();
    let tlc = resources(&bundle, "Observation")
        .into_iter()
        .find(|o| o["code"]["text"] == "Total leucocyte count")
        .unwrap();
    assert!(tlc["code"].get("coding").is_none());
}

#[test]
fn every_resource_and_section_has_a_narrative() {
    for hi_type in HiType::ALL {
        let bundle = bundle(hi_type, &example_value(hi_type, "maximal"));
        for entry in bundle["entry"].as_array().unwrap() {
            let resource = &entry["resource"];
            if resource["resourceType"] != "Binary" {
                assert!(resource["text"]["div"].is_string(), "{hi_type}: {}", resource["resourceType"]);
            }
            assert!(resource["meta"]["profile"][0].is_string());
        }
        for section in bundle["entry"][0]["resource"]["section"].as_array().unwrap() {
            assert!(section["text"]["div"].is_string(), "{hi_type}: {}", section["title"]);
        }
    }
}
