//! What single profiles add.

use serde_json::json;

use crate::support::{all, faults, remove, set};

faults! {
    a_report_without_conclusion: "diagnostic-report", remove("DiagnosticReport/conclusion") => "cardinality-min" at "DiagnosticReport.conclusion";
    a_lab_report_without_result: "diagnostic-report", remove("DiagnosticReport/result") => "cardinality-min" at "DiagnosticReport.result";
    a_report_without_interpreter: "diagnostic-report", remove("DiagnosticReport/resultsInterpreter") => "cardinality-min" at "DiagnosticReport.resultsInterpreter";
    an_imaging_report_without_image: "diagnostic-report-imaging", remove("DiagnosticReport/media") => "cardinality-min" at "DiagnosticReport.media";
    a_medication_without_code: "invoice", remove("Medication/code") => "cardinality-min" at "Medication.code";
    a_request_without_requester: "op-consultation", remove("ServiceRequest/requester") => "cardinality-min" at "ServiceRequest.requester";
    a_prescription_without_drug: "prescription", remove("MedicationRequest/medicationCodeableConcept") => "cardinality-min" at "MedicationRequest.medication[x]";
    a_condition_without_code: "op-consultation", remove("Condition/code") => "cardinality-min" at "Condition.code";
    a_procedure_without_code: "op-consultation", remove("Procedure/code") => "cardinality-min" at "Procedure.code";
    an_allergy_without_patient: "op-consultation", remove("AllergyIntolerance/patient") => "cardinality-min" at "AllergyIntolerance.patient";
    an_appointment_without_participant: "op-consultation", remove("Appointment/participant") => "cardinality-min" at "Appointment.participant";
    an_encounter_without_class: "op-consultation", remove("Encounter/class") => "cardinality-min" at "Encounter.class";
    a_vaccination_without_date: "immunization-record", remove("Immunization/occurrenceDateTime") => "cardinality-min" at "Immunization.occurrence[x]";
    a_recommendation_without_forecast: "immunization-record", remove("ImmunizationRecommendation/recommendation/0/forecastStatus") => "cardinality-min" at "ImmunizationRecommendation.recommendation[0].forecastStatus";
    an_invoice_without_total: "invoice", remove("Invoice/totalGross") => "cardinality-min" at "Invoice.totalGross";
    an_invoice_line_without_price: "invoice", remove("Invoice/lineItem/0/priceComponent") => "cardinality-min" at "Invoice.lineItem[0].priceComponent";
    a_charge_without_quantity: "invoice", remove("ChargeItem/quantity") => "cardinality-min" at "ChargeItem.quantity";
    a_binary_without_data: "prescription", remove("Binary/data") => "cardinality-min" at "Binary.data";
    a_care_plan_without_intent: "discharge-summary", remove("CarePlan/intent") => "cardinality-min" at "CarePlan.intent";
    a_component_without_code: "op-consultation", remove("Observation[1]/component/0/code") => "cardinality-min" at "Observation[1].component[0].code";
    an_encounter_reason_of_another_system: "op-consultation", set("Encounter/reasonCode", json!([{"coding": [{"system": "http://loinc.org", "code": "8310-5", "display": "x"}]}])) => "fixed" at "Encounter.reasonCode[0].coding[0].system";
    an_addition_below_the_price: "invoice", all([set("Invoice/lineItem/0/priceComponent/0/code", json!({"text": "MRP"}))]) => "cardinality-min" at "Invoice.lineItem[0].priceComponent[0].code.coding";
}
