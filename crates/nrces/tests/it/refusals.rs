//! What is refused, and where the refusal points.

use nrces::{Context, HiType, Issue};
use serde_json::{Value, json};

use super::support::{build, context, example_value};

fn refused(hi_type: HiType, data: &Value) -> Vec<Issue> {
    match build(hi_type, data) {
        Ok(_) => panic!("{hi_type}: accepted {data}"),
        Err(issues) => issues,
    }
}

/// Takes an example, changes one place, and expects an error at a pointer.
fn expect(hi_type: HiType, size: &str, change: impl Fn(&mut Value), path: &str, rule: &str) {
    let mut data = example_value(hi_type, size);
    change(&mut data);
    let issues = refused(hi_type, &data);
    let found = issues.iter().any(|i| i.is_error() && i.path == path && i.rule == rule);
    assert!(found, "{hi_type}: no {rule} at {path} in {issues:#?}");
}

fn set(pointer: &'static str, value: Value) -> impl Fn(&mut Value) {
    move |data| *data.pointer_mut(pointer).unwrap_or_else(|| panic!("{pointer}")) = value.clone()
}

#[test]
fn what_is_clinical_and_missing_is_told_where_it_belongs() {
    use HiType::{
        DiagnosticReport, DischargeSummary, HealthDocumentRecord, ImmunizationRecord, Invoice,
        OPConsultation, Prescription, WellnessRecord,
    };
    let cases = [
        (Prescription, "/prescriptions/1/dosage", "/prescriptions/1/dosage"),
        (Prescription, "/prescriptions/1/medicine", "/prescriptions/1/medicine"),
        (OPConsultation, "/chiefComplaints/0/complaint", "/chiefComplaints/0/complaint"),
        (OPConsultation, "/serviceRequests/1/details", "/serviceRequests/1/details"),
        (OPConsultation, "/followups/0/appointmentTime", "/followups/0/appointmentTime"),
        (DiagnosticReport, "/diagnostics/0/conclusion", "/diagnostics/0/conclusion"),
        (DiagnosticReport, "/diagnostics/0/result", "/diagnostics/0/result"),
        (DiagnosticReport, "/diagnostics/0/result/0/observation", "/diagnostics/0/result/0/observation"),
        (DiagnosticReport, "/diagnostics/0/specimens/0/receivedOn", "/diagnostics/0/specimens/0/receivedOn"),
        (DischargeSummary, "/procedures/0/procedureName", "/procedures/0/procedureName"),
        (ImmunizationRecord, "/immunizations/0/date", "/immunizations/0/date"),
        (ImmunizationRecord, "/immunizations/0/vaccineName", "/immunizations/0/vaccineName"),
        (HealthDocumentRecord, "/documents/0/data", "/documents/0/data"),
        (WellnessRecord, "/vitalSigns/1/observation", "/vitalSigns/1/observation"),
        (Invoice, "/lineItems/0/rate", "/lineItems/0/rate"),
        (Invoice, "/invoiceNumber", "/invoiceNumber"),
    ];
    for (hi_type, take, path) in cases {
        expect(hi_type, "typical", set(take, Value::Null), path, "input.required");
    }
}

#[test]
fn who_and_when_are_asked_for_where_no_context_knows() {
    for (take, path) in [
        ("/patient/name", "/patient/name"),
        ("/patient/patientReference", "/patient/patientReference"),
        ("/organisation/facilityId", "/organisation/facilityId"),
        ("/organisation/facilityName", "/organisation/facilityName"),
        ("/organisation", "/practitioners"),
        ("/authoredOn", "/authoredOn"),
    ] {
        expect(HiType::Prescription, "minimal", set(take, Value::Null), path, "input.required");
    }
}

#[test]
fn wrong_types_point_at_the_value_and_do_not_repeat_it() {
    let cases = [
        (json!({ "prescriptions": { "medicine": "Secretol" } }), "/prescriptions"),
        (json!({ "prescriptions": [{ "medicine": ["Secretol"] }] }), "/prescriptions/0/medicine"),
        (
            json!({ "prescriptions": [{ "medicine": "A", "dosage": { "Secretol": 1 } }] }),
            "/prescriptions/0/dosage",
        ),
        (json!({ "prescriptions": [{ "dose": { "value": "Secretol" } }] }), "/prescriptions/0/dose/value"),
        (json!({ "patient": "Secretol" }), "/patient"),
        (json!({ "prescriptions": "Secretol, expected by none" }), "/prescriptions"),
        (json!("Secretol"), ""),
        (json!([]), ""),
    ];
    for (data, path) in cases {
        let issues = refused(HiType::Prescription, &data);
        assert_eq!((issues[0].path.as_str(), issues[0].rule.as_str()), (path, "input.type"), "{data}");
        let said = format!("{issues:?}");
        assert!(!said.contains("Secretol"), "{said}");
    }
}

/// JSON is UTF-8 (RFC 8259, section 8.1), in fields that nothing reads too.
#[test]
fn text_that_is_not_utf_8_is_not_json() {
    let example = example_value(HiType::OPConsultation, "typical").to_string();
    for field in ["strange", "authoredOn"] {
        let mut data = format!("{{\"{field}\":\"?\",{}", example.trim_start_matches('{')).into_bytes();
        let at = data.iter().position(|b| *b == b'?').unwrap();
        data[at] = 0xFF;
        let issues = nrces::build_slice(HiType::OPConsultation, &data, &context()).err().unwrap_or_default();
        assert!(issues.iter().any(|i| i.is_error() && i.rule == "input.json"), "{field}: {issues:#?}");
    }
}

#[test]
fn text_that_is_not_json_is_told_with_its_line() {
    let issues = nrces::build_slice(HiType::Invoice, b"{\n  \"invoiceNumber\": ,\n}", &Context::default())
        .err()
        .unwrap();
    assert_eq!(issues[0].rule, "input.json");
    assert!(issues[0].message.contains("line 2"), "{}", issues[0].message);
    for bytes in [&b""[..], b"\xff\xfe", b"{\"a\":1} trailing", b"nul"] {
        assert!(nrces::build_slice(HiType::Invoice, bytes, &Context::default()).is_err());
    }
}

#[test]
fn unknown_fields_are_told_and_hinder_nothing() {
    let mut data = example_value(HiType::Prescription, "minimal");
    data["prescriptions"][0]["dosge"] = "1-0-1".into();
    data["x/y~z"] = 1.into();
    let built = build(HiType::Prescription, &data).unwrap();
    let paths: Vec<&str> = built.issues.iter().map(|i| i.path.as_str()).collect();
    assert_eq!(paths, ["/prescriptions/0/dosge", "/x~1y~0z"]);
    assert!(built.issues.iter().all(|i| i.rule == "input.unknown" && !i.is_error()));
}

#[test]
fn codes_dates_and_files_that_are_none_are_refused() {
    let op = HiType::OPConsultation;
    expect(op, "typical", set("/visitDate", json!("15/01/2026")), "/visitDate", "input.date");
    let status = "/serviceRequests/0/status";
    expect(op, "typical", set(status, json!("PERHAPS")), status, "input.code");
    expect(op, "maximal", set("/patient/gender", json!("X")), "/patient/gender", "input.code");
    let code = "/chiefComplaints/0/complaint/code";
    expect(op, "typical", set(code, json!("38666-1006")), code, "input.code");
    expect(op, "maximal", set("/patient/abhaNumber", json!("12345")), "/patient/abhaNumber", "input.abha");
    expect(
        op,
        "maximal",
        set("/documents/0/data", json!("Base64 data of the pdf")),
        "/documents/0/data",
        "input.base64",
    );
    expect(
        op,
        "maximal",
        set("/documents/0/contentType", json!("pdf")),
        "/documents/0/contentType",
        "input.code",
    );
    let end = "/chiefComplaints/0/dateRange/to";
    expect(op, "typical", set(end, json!("2026-01-01")), end, "input.period");
    expect(op, "typical", set("/bundleType", json!("InvoiceRecord")), "/bundleType", "input.bundle-type");
}

#[test]
fn a_code_without_words_is_refused() {
    let data = json!({ "system": "snomed", "code": "999999901" });
    let change = set("/chiefComplaints/0/complaint", data);
    let path = "/chiefComplaints/0/complaint/display";
    expect(HiType::OPConsultation, "typical", change, path, "input.display");
}

#[test]
fn what_the_closed_sections_cannot_hold_is_refused() {
    let mut data = example_value(HiType::Prescription, "maximal");
    let copy = data["documents"][0].clone();
    data["documents"].as_array_mut().unwrap().push(copy);
    let issues = refused(HiType::Prescription, &data);
    assert_eq!(issues[0].path, "/documents/1");

    let mut data = example_value(HiType::DiagnosticReport, "typical");
    let copy = data["diagnostics"][0].clone();
    data["diagnostics"].as_array_mut().unwrap().push(copy);
    assert_eq!(refused(HiType::DiagnosticReport, &data)[0].path, "/diagnostics/1");
}

#[test]
fn a_record_of_another_patient_is_refused_and_another_reference_only_warned_of() {
    let built = |patient: Value| {
        let data = json!({ "patient": patient, "chiefComplaints": ["Fever"] });
        nrces::build(HiType::OPConsultation, &data, &context())
    };
    let issues = built(json!({ "patientReference": "MRN-2" })).unwrap().issues;
    let place = |issue: &Issue| (issue.path.clone(), issue.rule.clone());
    assert!(
        issues
            .iter()
            .map(place)
            .any(|found| found == ("/patient/patientReference".into(), "input.other-patient".into()))
    );
    let issues = built(json!({ "abhaAddress": "somebody.else@sbx" })).err().unwrap();
    assert_eq!(place(&issues[0]), ("/patient/abhaAddress".into(), "input.other-patient".into()));
}

#[test]
fn an_empty_record_is_no_record() {
    for hi_type in HiType::ALL {
        let issues = nrces::build(hi_type, &json!({}), &context()).err().unwrap();
        assert!(issues.iter().any(|i| i.rule == "input.required"), "{hi_type}: {issues:#?}");
    }
}

#[test]
fn all_problems_of_a_record_are_told_at_once() {
    let data = json!({
        "authoredOn": "2026-01-15",
        "patient": { "name": "A", "patientReference": "1" },
        "organisation": { "facilityName": "F", "facilityId": "1" },
        "prescriptions": [{ "medicine": "A" }, { "dosage": "1-0-1" }, { "medicine": "C", "dosage": "1", "status": "x" }]
    });
    let issues = refused(HiType::Prescription, &data);
    let paths: Vec<&str> = issues.iter().map(|i| i.path.as_str()).collect();
    assert_eq!(paths, ["/prescriptions/0/dosage", "/prescriptions/1/medicine", "/prescriptions/2/status"]);
}
