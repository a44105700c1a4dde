//! Invariants of FHIR R4.

use serde_json::json;

use crate::support::{all, faults, push, remove, set};

faults! {
    ait_1_an_allergy_without_clinical_status: "op-consultation", remove("AllergyIntolerance/clinicalStatus") => "ait-1" at "AllergyIntolerance";
    ait_2_an_allergy_in_error_with_clinical_status: "op-consultation", set("AllergyIntolerance/verificationStatus/coding/0/code", "entered-in-error") => "ait-2" at "AllergyIntolerance";
    app_1_a_participant_who_is_nobody: "op-consultation", remove("Appointment/participant/0/actor") => "app-1" at "Appointment.participant[0]";
    app_2_a_start_without_end: "op-consultation", remove("Appointment/end") => "app-2" at "Appointment";
    app_4_a_reason_of_cancelling_what_is_booked: "op-consultation", set("Appointment/cancelationReason", json!({"text": "x"})) => "app-4" at "Appointment";
    cmp_1_a_section_with_nothing_in_it: "op-consultation", all([remove("Composition/section/0/entry"), remove("Composition/section/0/text")]) => "cmp-1" at "Composition.section[0]";
    cmp_2_a_reason_of_emptiness_beside_entries: "op-consultation", set("Composition/section/0/emptyReason", json!({"text": "x"})) => "cmp-2" at "Composition.section[0]";
    con_4_an_end_of_what_is_active: "op-consultation", set("Condition/abatementDateTime", "2024-05-31") => "con-4" at "Condition";
    con_5_an_error_with_clinical_status: "op-consultation", set("Condition/verificationStatus", json!({"coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-ver-status", "code": "entered-in-error", "display": "Entered in Error"}]})) => "con-5" at "Condition";
    con_1_a_stage_without_content: "op-consultation", set("Condition/stage", json!([{"type": {"text": "x"}}])) => "con-1" at "Condition.stage[0]";
    con_2_evidence_without_content: "op-consultation", set("Condition/evidence", json!([{"id": "a", "extension": [{"url": "http://a.example/x", "valueString": "x"}]}])) => "con-2" at "Condition.evidence[0]";
    cpl_3_an_activity_told_twice: "discharge-summary", set("CarePlan/activity/0/reference", json!({"display": "x"})) => "cpl-3" at "CarePlan.activity[0]";
    cpt_2_a_telephone_of_no_system: "prescription", remove("Patient/telecom/0/system") => "cpt-2" at "Patient.telecom[0]";
    att_1_data_of_no_type: "diagnostic-report", remove("DiagnosticReport/presentedForm/0/contentType") => "att-1" at "DiagnosticReport.presentedForm[0]";
    dom_2_a_resource_contained_twice_over: "health-document", set("DocumentReference/contained/0/contained", json!([{"resourceType": "Organization", "id": "o", "name": "x"}])) => "dom-2" at "DocumentReference";
    dom_3_a_contained_resource_without_use: "health-document", push("DocumentReference/contained", json!({"resourceType": "Location", "id": "unused", "name": "x"})) => "dom-3" at "DocumentReference";
    dom_4_a_contained_resource_with_a_version: "health-document", set("DocumentReference/contained/0/meta", json!({"versionId": "1"})) => "dom-4" at "DocumentReference";
    dom_5_a_contained_resource_with_security: "health-document", set("DocumentReference/contained/0/meta", json!({"security": [{"code": "V"}]})) => "dom-5" at "DocumentReference";
    ext_1_an_extension_of_nothing: "immunization-record", remove("Immunization/extension/0/valueString") => "ext-1" at "Immunization.extension[0]";
    ext_1_an_extension_of_two_things: "op-consultation", set("Condition/extension", json!([{"url": "http://a.example/x", "valueString": "a", "extension": [{"url": "http://a.example/y", "valueString": "b"}]}])) => "ext-1" at "Condition.extension[0]";
    fhs_1_an_age_and_a_birth: "op-consultation", all([set("FamilyMemberHistory/ageString", "60"), set("FamilyMemberHistory/bornDate", "1950")]) => "fhs-1" at "FamilyMemberHistory";
    fhs_2_an_estimate_of_no_age: "op-consultation", set("FamilyMemberHistory/estimatedAge", true) => "fhs-2" at "FamilyMemberHistory";
    imm_1_education_without_content: "immunization-record", set("Immunization/education", json!([{"publicationDate": "2021-01-01"}])) => "imm-1" at "Immunization.education[0]";
    imr_1_a_recommendation_of_nothing: "immunization-record", remove("ImmunizationRecommendation/recommendation/0/vaccineCode") => "imr-1" at "ImmunizationRecommendation.recommendation[0]";
    obs_3_a_range_of_nothing: "diagnostic-report", set("Observation/referenceRange/0", json!({"type": {"text": "normal"}})) => "obs-3" at "Observation.referenceRange[0]";
    obs_6_a_value_and_a_reason_of_absence: "diagnostic-report", set("Observation/dataAbsentReason", json!({"text": "x"})) => "obs-6" at "Observation";
    obs_7_a_component_of_the_same_code: "diagnostic-report", set("Observation/component", json!([{"code": {"coding": [{"system": "http://loinc.org", "code": "2093-3", "display": "x"}]}}])) => "obs-7" at "Observation";
    org_2_a_hospital_at_home: "prescription", set("Organization/address", json!([{"use": "home", "text": "x"}])) => "org-2" at "Organization.address[0]";
    org_3_a_hospital_telephone_at_home: "prescription", set("Organization/telecom/0/use", "home") => "org-3" at "Organization.telecom[0]";
    pat_1_a_contact_who_is_nobody: "prescription", set("Patient/contact", json!([{"gender": "male"}])) => "pat-1" at "Patient.contact[0]";
    per_1_an_end_before_the_start: "op-consultation", set("Encounter/period/end", "2024-05-31T03:59:00Z") => "per-1" at "Encounter.period";
    prr_1_details_of_no_order: "op-consultation", all([remove("ServiceRequest/code"), set("ServiceRequest/orderDetail", json!([{"text": "fasting"}]))]) => "prr-1" at "ServiceRequest";
    qty_3_a_unit_code_without_system: "diagnostic-report", remove("Observation/valueQuantity/system") => "qty-3" at "Observation.valueQuantity";
    age_1_an_age_of_no_unit: "op-consultation", set("Condition[1]/onsetAge", json!({"value": 38})) => "age-1" at "Condition[1].onsetAge";
    drt_1_a_duration_of_no_system: "op-consultation", remove("MedicationRequest/dosageInstruction/0/timing/repeat/boundsDuration/system") => "drt-1" at "MedicationRequest.dosageInstruction[0].timing.repeat.boundsDuration";
    rat_1_half_a_ratio: "op-consultation", set("MedicationRequest/dosageInstruction/0/maxDosePerPeriod", json!({"numerator": {"value": 4}})) => "rat-1" at "MedicationRequest.dosageInstruction[0].maxDosePerPeriod";
    rng_2_a_range_upside_down: "op-consultation", set("MedicationRequest/dosageInstruction/0/doseAndRate/0", json!({"doseRange": {"low": {"value": 2}, "high": {"value": 1}}})) => "rng-2" at "MedicationRequest.dosageInstruction[0].doseAndRate[0].doseRange";
    sqty_1_a_dose_with_comparator: "op-consultation", set("MedicationRequest/dosageInstruction/0/doseAndRate/0/doseQuantity/comparator", "<") => "sqty-1" at "MedicationRequest.dosageInstruction[0].doseAndRate[0].doseQuantity";
    tim_1_a_duration_of_no_unit: "op-consultation", set("MedicationRequest/dosageInstruction/0/timing/repeat/duration", 5) => "tim-1" at "MedicationRequest.dosageInstruction[0].timing.repeat";
    tim_2_a_period_of_no_unit: "op-consultation", remove("MedicationRequest/dosageInstruction/0/timing/repeat/periodUnit") => "tim-2" at "MedicationRequest.dosageInstruction[0].timing.repeat";
    tim_5_a_period_below_nothing: "op-consultation", set("MedicationRequest/dosageInstruction/0/timing/repeat/period", -1) => "tim-5" at "MedicationRequest.dosageInstruction[0].timing.repeat";
    tim_6_a_longest_period_without_a_period: "op-consultation", set("MedicationRequest/dosageInstruction/0/timing/repeat", json!({"periodMax": 2})) => "tim-6" at "MedicationRequest.dosageInstruction[0].timing.repeat";
    tim_9_an_offset_at_a_meal: "op-consultation", set("MedicationRequest/dosageInstruction/0/timing/repeat", json!({"offset": 30, "when": ["C"]})) => "tim-9" at "MedicationRequest.dosageInstruction[0].timing.repeat";
    tim_10_a_time_of_day_and_an_event: "op-consultation", set("MedicationRequest/dosageInstruction/0/timing/repeat", json!({"timeOfDay": ["08:00:00"], "when": ["MORN"]})) => "tim-10" at "MedicationRequest.dosageInstruction[0].timing.repeat";
}
