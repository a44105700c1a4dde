//! What each record type demands of its Composition and sections.

use serde_json::json;

use crate::support::{all, faults, push, remove, repeat, set};

faults! {
    an_op_consultation_without_encounter: "op-consultation", remove("Composition/encounter") => "cardinality-min" at "Composition.encounter";
    a_discharge_summary_without_encounter: "discharge-summary", remove("Composition/encounter") => "cardinality-min" at "Composition.encounter";
    a_composition_without_date: "prescription", remove("Composition/date") => "cardinality-min" at "Composition.date";
    a_composition_without_title: "prescription", remove("Composition/title") => "cardinality-min" at "Composition.title";
    a_composition_without_author: "prescription", remove("Composition/author") => "cardinality-min" at "Composition.author";
    a_composition_without_subject: "prescription", remove("Composition/subject") => "cardinality-min" at "Composition.subject";
    a_composition_without_status: "prescription", remove("Composition/status") => "cardinality-min" at "Composition.status";
    a_composition_without_type: "prescription", remove("Composition/type") => "cardinality-min" at "Composition.type";
    a_composition_without_section: "prescription", remove("Composition/section") => "cardinality-min" at "Composition.section";
    a_section_without_entry: "prescription", remove("Composition/section/0/entry") => "cardinality-min" at "Composition.section[0].entry";
    an_author_told_by_name_only: "op-consultation", set("Composition/author/0", json!({"display": "Dr. Rao"})) => "cardinality-min" at "Composition.author[0].reference";
    a_section_entry_told_by_name_only: "op-consultation", set("Composition/section/0/entry/0", json!({"display": "Fever"})) => "cardinality-min" at "Composition.section[0].entry[0].reference";

    a_type_of_no_record: "prescription", all([remove("Composition/meta"), set("Composition/type/coding/0/code", "999480451000087102")]) => "record-type" at "Composition.type";
    a_type_without_coding_or_text: "wellness-record", all([remove("Composition/meta"), set("Composition/type", json!({"text": "Vitals"}))]) => "record-type" at "Composition.type";
    a_type_of_two_records: "prescription", push("Composition/type/coding", json!({"system": "http://snomed.info/sct", "code": "371530004", "display": "Clinical consultation report"})) => "record-type" at "Composition.type";
    a_code_and_a_text_of_two_records: "prescription", set("Composition/type/text", "Invoice Record") => "record-type" at "Composition.type";
    claims_of_two_records: "wellness-record", all([set("Composition/type", json!({"text": "x"})), push("Composition/meta/profile", "https://nrces.in/ndhm/fhir/r4/StructureDefinition/InvoiceRecord")]) => "record-type" at "Composition.type";
    a_type_with_another_code_than_claimed: "prescription", set("Composition/type/coding/0/code", "721912009") => "fixed" at "Composition.type.coding[0].code";
    a_type_with_another_display: "prescription", set("Composition/type/coding/0/display", "Prescription Record") => "fixed" at "Composition.type.coding[0].display";
    a_type_of_another_system: "discharge-summary", set("Composition/type/coding/0/system", "http://loinc.org") => "fixed" at "Composition.type.coding[0].system";
    a_consultation_that_claims_to_be_a_discharge: "op-consultation", set("Composition/meta/profile/0", "https://nrces.in/ndhm/fhir/r4/StructureDefinition/DischargeSummaryRecord") => "fixed" at "Composition.type.coding[0].code";
    a_wellness_record_with_another_text: "wellness-record", set("Composition/type/text", "Wellness record") => "fixed" at "Composition.type.text";
    an_invoice_with_another_text: "invoice", set("Composition/type/text", "Bill") => "fixed" at "Composition.type.text";

    a_section_display_that_differs: "op-consultation", set("Composition/section/0/code/coding/0/display", "Chief complaints") => "fixed" at "Composition.section[0].code.coding[0].display";
    a_section_code_of_another_system: "op-consultation", set("Composition/section/1/code/coding/0/system", "http://loinc.org") => "fixed" at "Composition.section[1].code.coding[0].system";
    a_section_with_two_codings: "op-consultation", push("Composition/section/0/code/coding", json!({"system": "http://loinc.org", "code": "10154-3", "display": "Chief complaint"})) => "cardinality-max" at "Composition.section[0].code.coding";
    a_section_that_stands_twice: "op-consultation", repeat("Composition/section/0") => "slice-max" at "Composition.section";
    a_wellness_section_that_stands_twice: "wellness-record", repeat("Composition/section/0") => "slice-max" at "Composition.section";
    a_prescription_section_of_another_code: "prescription", set("Composition/section/0/code/coding/0/code", "721912009") => "fixed" at "Composition.section[0].code.coding[0].code";
    an_immunisation_section_of_another_code: "immunization-record", set("Composition/section/0/code/coding/0/code", "440545006") => "fixed" at "Composition.section[0].code.coding[0].code";
    a_health_document_section_of_another_code: "health-document", set("Composition/section/0/code/coding/0/code", "440545006") => "fixed" at "Composition.section[0].code.coding[0].code";
    a_report_section_without_display: "diagnostic-report", remove("Composition/section/0/code/coding/0/display") => "cardinality-min" at "Composition.section[0].code.coding[0].display";

    a_prescription_entry_without_type: "prescription", remove("Composition/section/0/entry/0/type") => "slice-closed" at "Composition.section[0].entry[0]";
    a_prescription_entry_of_another_type: "prescription", set("Composition/section/0/entry/0/type", "MedicationStatement") => "slice-closed" at "Composition.section[0].entry[0]";
    two_binaries_of_a_prescription: "prescription", repeat("Composition/section/0/entry/2") => "slice-max" at "Composition.section[0].entry";
    a_report_entry_without_type: "diagnostic-report", remove("Composition/section/0/entry/0/type") => "slice-closed" at "Composition.section[0].entry[0]";
    two_reports_of_one_section: "diagnostic-report", all([remove("Composition/section/0/entry/1"), repeat("Composition/section/0/entry/0")]) => "slice-max" at "Composition.section[0].entry";
    an_immunisation_entry_without_type: "immunization-record", remove("Composition/section/0/entry/0/type") => "slice-closed" at "Composition.section[0].entry[0]";
    two_recommendations: "immunization-record", repeat("Composition/section/0/entry/1") => "slice-max" at "Composition.section[0].entry";
    an_invoice_entry_without_type: "invoice", remove("Composition/section/0/entry/0/type") => "slice-closed" at "Composition.section[0].entry[0]";
    two_invoices: "invoice", repeat("Composition/section/0/entry/0") => "slice-max" at "Composition.section[0].entry";
}
