//! References that lead nowhere, to the wrong thing, or to what is not as it must be.

use serde_json::{Value, json};

use crate::support::{all, apply, caught, document, errors, faults, location, push, remove, set, told};

const NOWHERE: &str = "urn:uuid:00000000-0000-4000-8000-000000000000";

faults! {
    a_reference_to_nothing: "op-consultation", set("Condition/subject/reference", NOWHERE) => "reference-unresolved" at "Condition.subject.reference";
    a_section_entry_that_leads_nowhere: "op-consultation", set("Composition/section/0/entry/0/reference", NOWHERE) => "reference-unresolved" at "Composition.section[0].entry[0].reference";
    a_relative_reference_among_uuids: "op-consultation", set("Condition/subject/reference", "Patient/1") => "reference-unresolved" at "Condition.subject.reference";
    a_reference_to_a_server: "op-consultation", set("Condition/encounter/reference", "https://fhir.example/Encounter/1") => "reference-unresolved" at "Condition.encounter.reference";
    a_reference_to_a_contained_resource_that_is_not: "health-document", set("DocumentReference/author/0/reference", "#nobody") => "ref-1" at "DocumentReference.author[0]";
    a_reference_that_is_empty: "op-consultation", set("Condition/encounter", json!({"type": "Encounter"})) => "reference-empty" at "Condition.encounter.reference";
    a_reference_that_says_another_type: "op-consultation", set("Condition/subject/type", "Practitioner") => "reference-type" at "Condition.subject.type";
}

/// `edit` points a reference of `name` to the entry of `kind`.
fn led(name: &str, at: &'static str, kind: &str, place: &str) {
    let bundle = document(name);
    let entry =
        location(&bundle, kind).trim_start_matches("Bundle.entry[").split(']').next().map(str::to_owned);
    let url = &bundle["entry"][entry.expect("an entry").parse::<usize>().expect("a number")]["fullUrl"];
    caught(name, set(at, url.clone()), "reference-target", place);
}

#[test]
fn a_subject_that_is_no_patient() {
    led("op-consultation", "Composition/subject/reference", "Practitioner", "Composition.subject.reference");
}

#[test]
fn an_author_that_is_no_author() {
    led("op-consultation", "Composition/author/0/reference", "Condition", "Composition.author[0].reference");
}

#[test]
fn a_custodian_that_is_a_person() {
    led(
        "op-consultation",
        "Composition/custodian/reference",
        "Practitioner",
        "Composition.custodian.reference",
    );
}

#[test]
fn a_complaint_that_is_an_observation() {
    led(
        "op-consultation",
        "Composition/section/0/entry/0/reference",
        "Observation",
        "Composition.section[0].entry[0].reference",
    );
}

#[test]
fn a_result_that_is_a_report() {
    led(
        "diagnostic-report",
        "DiagnosticReport/result/0/reference",
        "DiagnosticReport",
        "DiagnosticReport.result[0].reference",
    );
}

#[test]
fn a_wellness_entry_that_is_a_document() {
    led(
        "wellness-record",
        "Composition/section/0/entry/0/reference",
        "DocumentReference",
        "Composition.section[0].entry[0].reference",
    );
}

#[test]
fn a_charge_that_is_a_medication() {
    led(
        "invoice",
        "Invoice/lineItem/0/chargeItemReference/reference",
        "Medication",
        "Invoice.lineItem[0].chargeItemReference.reference",
    );
}

#[test]
fn a_vital_sign_that_is_no_number_is_told_by_the_section_that_shows_it() {
    let mut bundle = document("wellness-record");
    for edit in [
        remove("Observation/meta"),
        remove("Observation/valueQuantity"),
        set("Observation/valueCodeableConcept", json!({"text": "72"})),
    ] {
        apply(&mut bundle, edit);
    }
    let at = location(&bundle, "Observation.valueCodeableConcept");
    let issues = errors(&bundle);
    assert!(issues.iter().any(|i| i.rule == "choice-type" && i.path == at), "{}", told(&issues));
}

#[test]
fn a_contained_target_is_held_to_its_profile() {
    caught(
        "health-document",
        remove("DocumentReference/contained/0/identifier"),
        "cardinality-min",
        "DocumentReference.contained[0].identifier",
    );
}

#[test]
fn a_performer_of_a_performer_is_held_to_its_profile() {
    caught(
        "diagnostic-report",
        all([remove("Organization[1]/meta"), remove("Organization[1]/name")]),
        "cardinality-min",
        "Organization[1].name",
    );
}

#[test]
fn a_resource_that_nothing_leads_to() {
    let mut bundle = document("prescription");
    let last = bundle["entry"].as_array().expect("entries").len();
    let mut lone = bundle["entry"][1].clone();
    lone["fullUrl"] = Value::from(NOWHERE);
    lone["resource"] = json!({"resourceType": "Location", "id": "a", "name": "Ward"});
    apply(&mut bundle, push("Bundle/entry", lone));
    let issues = errors(&bundle);
    assert!(
        issues.iter().any(|i| i.rule == "document-orphan" && i.path == format!("Bundle.entry[{last}]")),
        "{}",
        told(&issues)
    );
}

#[test]
fn a_resource_that_is_no_longer_referred_to() {
    caught("op-consultation", remove("Composition/section/9"), "document-orphan", "Bundle.entry[17]");
}
