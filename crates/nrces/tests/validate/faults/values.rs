//! Values of the wrong form, code or fixed text.

use serde_json::json;

use crate::support::{all, faults, push, remove, set};

faults! {
    a_date_in_indian_order: "prescription", set("Patient/birthDate", "14-03-1979") => "format" at "Patient.birthDate";
    a_date_with_time_where_a_date_belongs: "prescription", set("Patient/birthDate", "1979-03-14T00:00:00Z") => "format" at "Patient.birthDate";
    a_day_that_is_not: "prescription", set("Patient/birthDate", "1979-02-30") => "format" at "Patient.birthDate";
    a_time_without_zone: "op-consultation", set("Composition/date", "2024-05-31T10:10:00") => "format" at "Composition.date";
    a_time_without_seconds: "op-consultation", set("Observation/effectiveDateTime", "2024-05-31T09:40+05:30") => "format" at "Observation.effectiveDateTime";
    a_date_with_a_blank_for_the_t: "op-consultation", set("Composition/date", "2024-05-31 10:10:00+05:30") => "format" at "Composition.date";
    an_instant_that_is_a_date: "op-consultation", set("Bundle/timestamp", "2024-05-31") => "format" at "Bundle.timestamp";
    an_empty_string: "op-consultation", set("Composition/title", "") => "format" at "Composition.title";
    a_blank_string: "op-consultation", set("Composition/title", "  ") => "format" at "Composition.title";
    a_code_with_blanks_around: "op-consultation", set("Observation/status", " final") => "format" at "Observation.status";
    an_id_with_an_underscore: "op-consultation", set("Condition/id", "fever_1") => "format" at "Condition.id";
    an_id_of_more_than_64_letters: "op-consultation", set("Condition/id", "x".repeat(65)) => "format" at "Condition.id";
    a_uri_with_a_blank: "op-consultation", set("Patient/identifier/0/system", "https://health id.in") => "format" at "Patient.identifier[0].system";
    a_uuid_in_capitals: "op-consultation", set("Bundle/entry/3/fullUrl", "urn:uuid:0C5B6A3E-1111-4222-8333-444455556666") => "format" at "Bundle.entry[3].fullUrl";
    a_uuid_cut_short: "op-consultation", set("Bundle/entry/3/fullUrl", "urn:uuid:0c5b6a3e") => "format" at "Bundle.entry[3].fullUrl";
    base64_with_a_stray_character: "prescription", set("Binary/data", "JVBERi0x*") => "format" at "Binary.data";
    base64_of_the_url_alphabet: "health-document", set("DocumentReference/content/0/attachment/data", "-_8=") => "format" at "DocumentReference.content[0].attachment.data";
    base64_without_padding: "prescription", set("Binary/data", "JVBERi0") => "format" at "Binary.data";
    a_data_url_for_base64: "prescription", set("Binary/data", "data:application/pdf;base64,JVBERi0x") => "format" at "Binary.data";
    a_count_below_one: "immunization-record", set("Immunization/protocolApplied/0/doseNumberPositiveInt", 0) => "format" at "Immunization.protocolApplied[0].doseNumberPositiveInt";
    a_size_with_a_fraction: "health-document", set("DocumentReference/content/0/attachment/size", 7.5) => "format" at "DocumentReference.content[0].attachment.size";
    a_size_that_is_not_that_of_the_data: "health-document", set("DocumentReference/content/0/attachment/size", 7) => "attachment-size" at "DocumentReference.content[0].attachment.size";
    a_title_with_a_control_character: "op-consultation", set("Composition/title", "OP\u{1}note") => "format" at "Composition.title";
    an_identifier_system_that_is_a_word: "op-consultation", set("Patient/identifier/0/system", "ABHA") => "system-absolute" at "Patient.identifier[0].system";
    a_coding_system_that_is_a_word: "op-consultation", set("Encounter/class/system", "v3-ActCode") => "system-absolute" at "Encounter.class.system";
    an_invoice_type_that_the_guide_does_not_have: "invoice", set("Invoice/type/coding/0/code", "77") => "code-unknown" at "Invoice.type.coding[0].code";
    a_drug_code_that_is_a_word: "op-consultation", set("MedicationRequest/medicationCodeableConcept/coding/0/code", "PARA500") => "code-form" at "MedicationRequest.medicationCodeableConcept.coding[0].code";
    a_test_code_that_is_a_word: "diagnostic-report", set("Observation/code/coding/0/code", "CHOL") => "code-form" at "Observation.code.coding[0].code";
    a_unit_system_that_is_a_word: "diagnostic-report", set("Observation/valueQuantity/system", "UCUM") => "system-absolute" at "Observation.valueQuantity.system";
    an_extension_url_that_is_a_word: "immunization-record", set("Immunization/extension/0/url", "BrandName") => "extension-url" at "Immunization.extension[0].url";
    a_profile_by_its_name: "op-consultation", set("Patient/meta/profile/0", "Patient") => "format" at "Patient.meta.profile[0]";
    a_whole_number_too_large: "invoice", set("Invoice/lineItem/0/sequence", 3_000_000_000_u64) => "format" at "Invoice.lineItem[0].sequence";

    a_narrative_with_a_script: "op-consultation", set("Condition/text/div", "<div xmlns=\"http://www.w3.org/1999/xhtml\"><script>x</script></div>") => "txt-1" at "Condition.text.div";
    a_narrative_with_an_event_handler: "op-consultation", set("Composition/section/0/text/div", "<div xmlns=\"http://www.w3.org/1999/xhtml\"><p onclick=\"x()\">x</p></div>") => "txt-1" at "Composition.section[0].text.div";
    a_narrative_without_namespace: "op-consultation", set("Condition/text/div", "<div>Fever</div>") => "txt-1" at "Condition.text.div";
    a_narrative_of_plain_text: "op-consultation", set("Condition/text/div", "Fever") => "txt-1" at "Condition.text.div";
    a_narrative_not_closed: "op-consultation", set("Condition/text/div", "<div xmlns=\"http://www.w3.org/1999/xhtml\"><p>Fever</div>") => "txt-1" at "Condition.text.div";
    a_narrative_with_a_bare_ampersand: "op-consultation", set("Condition/text/div", "<div xmlns=\"http://www.w3.org/1999/xhtml\">Fever & cough</div>") => "txt-1" at "Condition.text.div";
    a_narrative_with_nothing_to_read: "op-consultation", set("Condition/text/div", "<div xmlns=\"http://www.w3.org/1999/xhtml\"> <br/> </div>") => "txt-2" at "Condition.text.div";

    a_status_that_is_none: "op-consultation", set("Composition/status", "Final") => "binding-required" at "Composition.status";
    a_gender_by_letter: "prescription", set("Patient/gender", "F") => "binding-required" at "Patient.gender";
    a_telecom_system_that_is_none: "prescription", set("Patient/telecom/0/system", "mobile") => "binding-required" at "Patient.telecom[0].system";
    a_telecom_use_that_is_none: "prescription", set("Patient/telecom/0/use", "primary") => "binding-required" at "Patient.telecom[0].use";
    an_identifier_use_that_is_none: "prescription", set("Patient/identifier/0/use", "primary") => "binding-required" at "Patient.identifier[0].use";
    an_intent_that_is_none: "prescription", set("MedicationRequest/intent", "prescription") => "binding-required" at "MedicationRequest.intent";
    a_narrative_status_that_is_none: "op-consultation", set("Condition/text/status", "draft") => "binding-required" at "Condition.text.status";
    a_clinical_status_of_another_system: "op-consultation", set("Condition/clinicalStatus/coding/0/system", "http://snomed.info/sct") => "binding-required" at "Condition.clinicalStatus";
    a_clinical_status_as_text: "op-consultation", set("Condition/clinicalStatus", json!({"text": "active"})) => "binding-required" at "Condition.clinicalStatus";
    a_verification_status_that_is_none: "op-consultation", set("AllergyIntolerance/verificationStatus/coding/0/code", "sure") => "binding-required" at "AllergyIntolerance.verificationStatus";
    an_allergy_category_that_is_none: "op-consultation", set("AllergyIntolerance/category/0", "drug") => "binding-required" at "AllergyIntolerance.category[0]";
    an_attester_mode_that_is_none: "op-consultation", set("Composition/attester/0/mode", "signed") => "binding-required" at "Composition.attester[0].mode";
    a_confidentiality_that_is_none: "op-consultation", set("Composition/confidentiality", "secret") => "binding-required" at "Composition.confidentiality";
    a_currency_sign: "invoice", set("Invoice/totalNet/currency", "Rs") => "binding-required" at "Invoice.totalNet.currency";
    a_price_component_type_that_is_none: "invoice", set("Invoice/lineItem/0/priceComponent/2/type", "gst") => "binding-required" at "Invoice.lineItem[0].priceComponent[2].type";
    a_unit_of_time_in_words: "op-consultation", set("MedicationRequest/dosageInstruction/0/timing/repeat/periodUnit", "day") => "binding-required" at "MedicationRequest.dosageInstruction[0].timing.repeat.periodUnit";
    a_content_type_that_is_none: "health-document", set("DocumentReference/content/0/attachment/contentType", "pdf") => "binding-required" at "DocumentReference.content[0].attachment.contentType";
    a_binary_type_that_is_none: "prescription", set("Binary/contentType", "PDF file") => "binding-required" at "Binary.contentType";
    a_participant_status_that_is_none: "op-consultation", set("Appointment/participant/0/status", "yes") => "binding-required" at "Appointment.participant[0].status";
    an_encounter_status_that_is_none: "op-consultation", set("Encounter/status", "done") => "binding-required" at "Encounter.status";

    a_drug_code_of_another_system: "op-consultation", set("MedicationRequest/medicationCodeableConcept/coding/0/system", "https://hospital.example/drugs") => "fixed" at "MedicationRequest.medicationCodeableConcept.coding[0].system";
    a_route_of_another_system: "op-consultation", set("MedicationRequest/dosageInstruction/0/route/coding/0/system", "http://loinc.org") => "fixed" at "MedicationRequest.dosageInstruction[0].route.coding[0].system";
    a_report_code_of_snomed: "diagnostic-report", set("DiagnosticReport/code/coding/0/system", "http://snomed.info/sct") => "fixed" at "DiagnosticReport.code.coding[0].system";
    an_organisation_type_of_another_system: "prescription", set("Organization/type", json!([{"coding": [{"system": "http://snomed.info/sct", "code": "22232009", "display": "Hospital"}]}])) => "fixed" at "Organization.type[0].coding[0].system";
    a_system_with_a_slash_too_many: "op-consultation", set("Procedure/code/coding/0/system", "http://snomed.info/sct/") => "fixed" at "Procedure.code.coding[0].system";
    a_product_code_that_is_not_hsn: "invoice", set("Medication/identifier/0/type/coding/0/code", "PRN") => "fixed" at "Medication.identifier[0].type.coding[0].code";
    a_bundle_of_another_type: "op-consultation", set("Bundle/type", "collection") => "fixed" at "Bundle.type";
    an_extension_with_the_wrong_type_of_value: "immunization-record", all([remove("Immunization/extension/0/valueString"), set("Immunization/extension/0/valueCode", "x")]) => "choice-type" at "Immunization.extension[0].valueCode";

    a_diagnosis_in_a_local_coding: "op-consultation", push("Condition/code/coding", json!({"system": "https://hospital.example/dx", "code": "F1", "display": "Fever"})) => "slice-closed" at "Condition.code.coding[1]";
    an_observation_in_a_local_coding: "diagnostic-report", set("Observation/code/coding/0/system", "https://lab.example/tests") => "slice-closed" at "Observation.code.coding[0]";
    a_coding_without_system_in_a_closed_slicing: "diagnostic-report", remove("Observation/code/coding/0/system") => "slice-closed" at "Observation.code.coding[0]";
    a_diagnosis_in_loinc: "op-consultation", set("Condition/code/coding/0/system", "http://loinc.org") => "slice-closed" at "Condition.code.coding[0]";
    two_brand_names: "immunization-record", push("Immunization/extension", json!({"url": "https://nrces.in/ndhm/fhir/r4/StructureDefinition/BrandName", "valueString": "x"})) => "slice-max" at "Immunization.extension";
}
