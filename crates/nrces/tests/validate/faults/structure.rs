//! Elements that are missing, unknown, of the wrong shape or too many.

use serde_json::{Value, json};

use crate::support::{all, faults, push, remove, rename, repeat, set, swap};

faults! {
    a_resource_without_a_mandatory_element: "op-consultation", remove("Observation/status") => "cardinality-min" at "Observation.status";
    a_mandatory_element_of_the_profile_only: "prescription", remove("MedicationRequest/authoredOn") => "cardinality-min" at "MedicationRequest.authoredOn";
    a_mandatory_list: "prescription", remove("MedicationRequest/dosageInstruction") => "cardinality-min" at "MedicationRequest.dosageInstruction";
    a_mandatory_choice: "invoice", remove("ChargeItem/productReference") => "cardinality-min" at "ChargeItem.product[x]";
    a_mandatory_child_of_an_optional_parent: "op-consultation", remove("Composition/attester/0/mode") => "cardinality-min" at "Composition.attester[0].mode";
    a_mandatory_child_deep_down: "invoice", remove("Invoice/lineItem/0/priceComponent/0/amount") => "cardinality-min" at "Invoice.lineItem[0].priceComponent[0].amount";
    a_coding_without_display: "op-consultation", remove("Condition/code/coding/0/display") => "cardinality-min" at "Condition.code.coding[0].display";
    a_coding_without_code: "op-consultation", remove("Procedure/code/coding/0/code") => "cardinality-min" at "Procedure.code.coding[0].code";
    a_coding_without_system: "op-consultation", remove("ServiceRequest/code/coding/0/system") => "cardinality-min" at "ServiceRequest.code.coding[0].system";
    a_name_without_text: "prescription", set("Patient/name/0", json!({"family": "Devi"})) => "cardinality-min" at "Patient.name[0].text";
    a_telecom_without_value: "prescription", remove("Patient/telecom/0/value") => "cardinality-min" at "Patient.telecom[0].value";
    an_identifier_without_type: "prescription", remove("Patient/identifier/0/type") => "cardinality-min" at "Patient.identifier[0].type";
    an_identifier_without_value: "prescription", remove("Practitioner/identifier/0/value") => "cardinality-min" at "Practitioner.identifier[0].value";
    an_organisation_without_identifier: "prescription", remove("Organization/identifier") => "cardinality-min" at "Organization.identifier";
    an_organisation_whose_identifier_has_no_system: "prescription", remove("Organization/identifier/0/system") => "cardinality-min" at "Organization.identifier[0].system";
    an_attachment_by_address_only: "health-document", all([remove("DocumentReference/content/0/attachment/data"), set("DocumentReference/content/0/attachment/url", "https://a.example/x.pdf")]) => "cardinality-min" at "DocumentReference.content[0].attachment.data";
    an_attachment_without_type: "health-document", remove("DocumentReference/content/0/attachment/contentType") => "cardinality-min" at "DocumentReference.content[0].attachment.contentType";
    a_document_reference_without_content: "health-document", remove("DocumentReference/content") => "cardinality-min" at "DocumentReference.content";
    a_reaction_without_manifestation: "op-consultation", remove("AllergyIntolerance/reaction/0/manifestation") => "cardinality-min" at "AllergyIntolerance.reaction[0].manifestation";
    a_dose_without_number: "immunization-record", remove("Immunization/protocolApplied/0/doseNumberPositiveInt") => "cardinality-min" at "Immunization.protocolApplied[0].doseNumber[x]";
    a_family_history_without_condition: "op-consultation", remove("FamilyMemberHistory/condition") => "cardinality-min" at "FamilyMemberHistory.condition";
    a_narrative_without_status: "op-consultation", remove("Condition/text/status") => "cardinality-min" at "Condition.text.status";
    a_narrative_without_div: "op-consultation", remove("Condition/text/div") => "cardinality-min" at "Condition.text.div";
    an_extension_without_url: "immunization-record", remove("Immunization/extension/0/url") => "cardinality-min" at "Immunization.extension[0].url";
    a_specimen_without_time_of_receipt: "diagnostic-report", remove("Specimen/receivedTime") => "cardinality-min" at "Specimen.receivedTime";
    a_media_content_without_data: "diagnostic-report-imaging", remove("Media/content/data") => "cardinality-min" at "Media.content.data";
    a_series_without_uid: "diagnostic-report-imaging", remove("ImagingStudy/series/0/uid") => "cardinality-min" at "ImagingStudy.series[0].uid";

    an_unknown_element: "op-consultation", set("Condition/severityLevel", "high") => "unknown-element" at "Condition.severityLevel";
    an_unknown_element_within_a_type: "op-consultation", set("Condition/code/codings", json!([])) => "unknown-element" at "Condition.code.codings";
    an_unknown_element_of_a_backbone: "prescription", set("MedicationRequest/dosageInstruction/0/dose", "1-0-1") => "unknown-element" at "MedicationRequest.dosageInstruction[0].dose";
    an_unknown_element_of_the_bundle: "op-consultation", set("Bundle/entries", json!([])) => "unknown-element" at "Bundle.entries";
    an_unknown_element_of_an_entry: "op-consultation", set("Bundle/entry/3/url", "x") => "unknown-element" at "Bundle.entry[3].url";
    a_name_in_the_wrong_case: "prescription", rename("Patient/birthDate", "birthdate") => "unknown-element" at "Patient.birthdate";
    an_element_of_another_resource: "prescription", set("Patient/subject", json!({"reference": "x"})) => "unknown-element" at "Patient.subject";
    an_element_of_a_later_fhir_version: "prescription", set("MedicationRequest/medication", json!({"concept": {"text": "x"}})) => "unknown-element" at "MedicationRequest.medication";
    a_resource_type_within_a_type: "op-consultation", set("Condition/code/resourceType", "CodeableConcept") => "unknown-element" at "Condition.code.resourceType";
    a_companion_of_what_is_no_primitive: "op-consultation", set("Condition/_code", json!({"id": "a"})) => "unknown-element" at "Condition._code";
    an_unknown_element_of_a_companion: "prescription", set("Patient/_birthDate", json!({"value": "x"})) => "unknown-element" at "Patient._birthDate.value";

    two_values_where_one_is_allowed: "prescription", push("Composition/type/coding", json!({"system": "http://snomed.info/sct", "code": "440545006", "display": "Prescription record"})) => "cardinality-max" at "Composition.type.coding";
    two_sections_where_one_is_allowed: "prescription", repeat("Composition/section/0") => "cardinality-max" at "Composition.section";
    three_entries_of_a_report: "diagnostic-report", all([repeat("Composition/section/0/entry/0"), repeat("Composition/section/0/entry/1")]) => "cardinality-max" at "Composition.section[0].entry";
    two_identifiers_of_an_invoice: "invoice", repeat("Invoice/identifier/0") => "cardinality-max" at "Invoice.identifier";
    two_codings_of_a_charge: "invoice", repeat("ChargeItem/code/coding/0") => "cardinality-max" at "ChargeItem.code.coding";

    a_single_value_in_an_array: "op-consultation", set("Observation/status", json!(["final"])) => "type" at "Observation.status";
    a_list_without_its_array: "prescription", set("Patient/name", json!({"text": "Lakshmi Devi"})) => "type" at "Patient.name";
    a_string_where_an_object_belongs: "op-consultation", set("Condition/code", "Fever") => "type" at "Condition.code";
    an_object_where_a_string_belongs: "op-consultation", set("Composition/title", json!({"text": "x"})) => "type" at "Composition.title";
    a_reference_written_as_string: "op-consultation", set("Condition/subject", "Patient/1") => "type" at "Condition.subject";
    a_number_in_quotes: "op-consultation", set("Observation/valueQuantity/value", "101.2") => "type" at "Observation.valueQuantity.value";
    a_boolean_in_quotes: "op-consultation", set("FamilyMemberHistory/condition/0/contributedToDeath", "false") => "type" at "FamilyMemberHistory.condition[0].contributedToDeath";
    a_text_without_quotes: "prescription", set("Patient/address/0/postalCode", 570_001) => "type" at "Patient.address[0].postalCode";
    a_null: "op-consultation", set("Composition/title", Value::Null) => "type" at "Composition.title";
    a_null_in_a_list: "op-consultation", push("Composition/author", Value::Null) => "type" at "Composition.author[1]";
    a_resource_that_is_a_string: "op-consultation", set("Bundle/entry/2/resource", "x") => "type" at "Bundle.entry[2].resource";
    entries_that_are_no_list: "op-consultation", set("Bundle/entry", json!({})) => "type" at "Bundle.entry";

    an_empty_list: "prescription", set("Patient/telecom", json!([])) => "empty" at "Patient.telecom";
    an_empty_object: "prescription", set("MedicationRequest/medicationCodeableConcept", json!({})) => "ele-1" at "MedicationRequest.medicationCodeableConcept";
    an_object_with_nothing_but_an_id: "op-consultation", set("Condition/code", json!({"id": "a"})) => "ele-1" at "Condition.code";

    two_types_of_one_choice: "op-consultation", set("Observation/valueString", "high") => "choice" at "Observation.valueString";
    a_choice_that_the_profile_takes_away: "prescription", all([remove("MedicationRequest/medicationCodeableConcept"), set("MedicationRequest/medicationReference", json!({"display": "x"}))]) => "choice-type" at "MedicationRequest.medicationReference";
    a_vaccination_date_as_text: "immunization-record", rename("Immunization/occurrenceDateTime", "occurrenceString") => "choice-type" at "Immunization.occurrenceString";
    a_vital_sign_as_concept: "wellness-record", all([remove("Observation/valueQuantity"), set("Observation/valueCodeableConcept", json!({"text": "72"}))]) => "choice-type" at "Observation.valueCodeableConcept";
    a_habit_as_text: "wellness-record", all([remove("Observation[6]/valueCodeableConcept"), set("Observation[6]/valueString", "no")]) => "choice-type" at "Observation[6].valueString";
    a_choice_of_no_such_type: "op-consultation", set("Observation/valueAddress", json!({"text": "x"})) => "choice-type" at "Observation.valueAddress";

    a_resource_without_type: "op-consultation", remove("Bundle/entry/5/resource/resourceType") => "resource-type" at "Bundle.entry[5].resource.resourceType";
    a_resource_of_no_known_type: "op-consultation", set("Bundle/entry/5/resource/resourceType", "Diagnosis") => "resource-type" at "Bundle.entry[5].resource.resourceType";
    a_resource_type_that_is_a_number: "op-consultation", set("Bundle/entry/5/resource/resourceType", 5) => "type" at "Bundle.entry[5].resource.resourceType";
    resources_swapped: "op-consultation", swap("Bundle/entry/5/resource", "Bundle/entry/6/resource") => "reference-target" at "Bundle.entry[0].resource.section[0].entry[0].reference";
}
