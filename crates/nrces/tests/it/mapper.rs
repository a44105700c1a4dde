//! Request bodies of the shapes that NHA's `fhir-mapper` takes, as its README
//! and its request collection show them, in words of our own.

use nrces::{Context, HiType};
use serde_json::{Value, json};

use super::support::{bundle, path, resources};

fn bodies() -> Vec<(String, HiType, Value)> {
    let mut all = Vec::new();
    for file in std::fs::read_dir(path("tests/data/mapper")).unwrap() {
        let file = file.unwrap().path();
        let name = file.file_stem().unwrap().to_str().unwrap().to_owned();
        let hi_type = name.split('-').next().unwrap().parse().unwrap();
        all.push((name, hi_type, serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap()));
    }
    assert_eq!(all.len(), 12);
    all
}

fn body(name: &str) -> Value {
    bodies().into_iter().find(|(n, ..)| n == name).unwrap().2
}

#[test]
fn every_body_is_taken_as_it_is() {
    for (name, hi_type, data) in bodies() {
        match nrces::build(hi_type, &data, &Context::default()) {
            Ok(built) => {
                let unknown = built.issues.iter().find(|i| i.rule == "input.unknown");
                assert!(unknown.is_none(), "{name}: {unknown:?}");
            }
            Err(issues) => panic!("{name}: {issues:#?}"),
        }
    }
}

#[test]
fn timing_is_frequency_period_unit_and_its_words_are_kept() {
    let bundle = bundle(HiType::Prescription, &body("Prescription-readme"));
    let dosage = |n: usize| &resources(&bundle, "MedicationRequest")[n]["dosageInstruction"][0];
    // 0-0-1 and once a day agree: the dose is at night.
    assert_eq!(dosage(0)["text"], "0-0-1");
    assert_eq!(
        dosage(0)["timing"]["repeat"],
        json!({ "frequency": 1, "period": 1, "periodUnit": "d", "when": ["NIGHT"] })
    );
    // 1-0-1 and twice in three days do not: the coded rate wins, both words stay.
    assert_eq!(dosage(1)["text"], "1-0-1");
    assert_eq!(dosage(1)["timing"]["repeat"], json!({ "frequency": 2, "period": 3, "periodUnit": "d" }));
    assert_eq!(dosage(1)["timing"]["code"]["text"], "2-3-D");
}

#[test]
fn a_quantity_wins_over_words_which_stay_as_a_note() {
    let bundle = bundle(HiType::OPConsultation, &body("OPConsultation-readme"));
    let height = resources(&bundle, "Observation")[0];
    assert_eq!(
        height["valueQuantity"],
        json!({ "value": 171, "unit": "CM", "system": "http://unitsofmeasure.org", "code": "cm" })
    );
    assert_eq!(height["note"], json!([{ "text": "Average" }]));
    assert!(height.get("valueString").is_none());
}

#[test]
fn a_habit_takes_words_only_and_keeps_the_quantity_as_a_note() {
    let bundle = bundle(HiType::WellnessRecord, &body("WellnessRecord-readme"));
    let habit = resources(&bundle, "Observation")
        .into_iter()
        .find(|o| o["meta"]["profile"][0].as_str().unwrap().ends_with("ObservationLifestyle"))
        .unwrap();
    assert_eq!(habit["valueCodeableConcept"]["text"], "Normal");
    assert_eq!(habit["note"], json!([{ "text": "170 CM" }]));
}

#[test]
fn blank_allergies_and_encounters_are_nothing() {
    let bundle = bundle(HiType::OPConsultation, &body("OPConsultation-collection"));
    assert!(resources(&bundle, "AllergyIntolerance").is_empty());
    assert_eq!(resources(&bundle, "Encounter")[0]["class"]["code"], "AMB");
    assert!(resources(&bundle, "Encounter")[0].get("type").is_none());
}

#[test]
fn an_unfilled_template_gives_way_to_the_latest_date_of_the_record() {
    let data = body("ImmunizationRecord-collection");
    let built = nrces::build(HiType::ImmunizationRecord, &data, &Context::default()).unwrap();
    let rules: Vec<&str> = built.issues.iter().map(|i| i.rule.as_str()).collect();
    assert_eq!(rules, ["input.template", "input.date-taken"]);
    let bundle = built.value();
    assert_eq!(resources(&bundle, "Composition")[0]["date"], "2025-04-01");
    assert_eq!(resources(&bundle, "Immunization")[0]["protocolApplied"][0]["doseNumberPositiveInt"], 2);
}

#[test]
fn a_day_to_come_again_lasts_the_whole_day() {
    let bundle = bundle(HiType::OPConsultation, &body("OPConsultation-readme"));
    let appointment = resources(&bundle, "Appointment")[0];
    assert_eq!(appointment["start"], "2025-04-09T00:00:00+05:30");
    assert_eq!(appointment["end"], "2025-04-09T23:59:59+05:30");
}

#[test]
fn statuses_are_taken_in_the_mapper_s_spelling() {
    let bundle = bundle(HiType::OPConsultation, &body("OPConsultation-readme"));
    assert_eq!(resources(&bundle, "Procedure")[0]["status"], "in-progress");
    assert_eq!(resources(&bundle, "ServiceRequest")[0]["status"], "active");
}
