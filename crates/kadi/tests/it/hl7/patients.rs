//! Whose results they are.

use serde_json::{Value, json};

use super::messages::{cbc, oru};
use super::{Hospital, ids};
use crate::world::id;

const GLUCOSE: [&str; 2] = ["OBR|1||F-1|GLU^Glucose^L|||20260120", "OBX|1|NM|GLU^Glucose^L||92|mg/dL|||||F"];

/// Glucose of whoever this PID describes.
fn of(pid: &str) -> String {
    let message = oru("1", &GLUCOSE);
    let lines: Vec<&str> =
        message.split('\r').map(|line| if line.starts_with("PID") { pid } else { line }).collect();
    lines.join("\r")
}

async fn put(hospital: &Hospital, reference: &str, more: Value) {
    let mut patient = json!({"name": "Farida Begum", "gender": "F", "birthDate": "1979-12-05"});
    patient.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    assert!(hospital.put(&format!("/patients/{reference}"), &patient).await.is_success());
}

#[tokio::test]
async fn a_known_patient_is_found_by_each_of_their_numbers_and_not_changed() {
    let hospital = Hospital::open().await;
    let known = json!({"abhaNumber": "91-1234-5678-9015", "abhaAddress": "farida.b@sbx", "mobile": "9800000012",
        "identifiers": [{"type": "MR", "value": "OLD 77/4"}]});
    put(&hospital, "P-1", known).await;
    let before = hospital.get("/patients/P-1").await;
    for ids in [
        "P-1^^^LAB^MR",
        "P-1",
        "91123456789015^^^ABDM^HIN",
        "91-1234-5678-9015^^^ABDM^ABHA",
        "FARIDA.B@sbx^^^ABDM^ABHA",
        "OLD 77/4^^^LAB^MR",
        "UNKNOWN-9^^^LAB^MR~farida.b@sbx^^^ABDM^ABHA",
    ] {
        let answer = hospital.accepted(&of(&format!("PID|1||{ids}||Begum^F||1979|F"))).await;
        assert_eq!(answer["patientRef"], "P-1", "{ids}");
    }
    assert_eq!(hospital.get("/patients/P-1").await, before);
}

#[tokio::test]
async fn a_message_with_the_hospitals_number_adopts_whoever_shared_a_profile_before() {
    let hospital = Hospital::open().await;
    put(&hospital, "kadi-1", json!({"abhaAddress": "farida.b@sbx"})).await;
    let mut tx = hospital.world.tx().await;
    let shared = tx.patient(&id(), &"kadi-1".parse().unwrap()).await.unwrap().unwrap();
    tx.put_patient(&id(), &domain::patient::Patient { provisional: true, ..shared }).await.unwrap();
    tx.commit().await.unwrap();
    let ids = "MR-9^^^LAB^MR~farida.b@sbx^^^ABDM^ABHA";
    let answer = hospital.accepted(&of(&format!("PID|1||{ids}||Begum^Farida||19791205|F"))).await;
    assert_eq!(answer["patientRef"], "MR-9", "{answer}");
    let patients = hospital.get("/patients").await;
    assert_eq!(patients["items"].as_array().unwrap().len(), 1, "{patients}");
    assert_eq!(patients["items"][0]["abhaAddress"], "farida.b@sbx");
}

#[tokio::test]
async fn one_message_never_joins_two_patients() {
    let hospital = Hospital::open().await;
    put(&hospital, "P-1", json!({"abhaNumber": "91-1234-5678-9015"})).await;
    put(&hospital, "P-2", json!({"abhaAddress": "farida.b@sbx"})).await;
    let expected = ("AE".to_owned(), "PID[1]-3".to_owned(), 204);
    for ids in [
        "P-2^^^LAB^MR~91123456789015^^^ABDM^HIN",
        "91123456789015^^^ABDM^HIN~farida.b@sbx^^^ABDM^ABHA",
        "P-1^^^LAB^MR~91-1234-5678-9999^^^ABDM^HIN",
    ] {
        assert_eq!(hospital.refused(&of(&format!("PID|1||{ids}"))).await, expected, "{ids}");
    }
    let somebody_else = of("PID|1||P-1^^^LAB^MR||Khan^Imran||19621111|M");
    assert_eq!(hospital.refused(&somebody_else).await, expected);
    assert_eq!(
        hospital.get("/care-contexts").await["items"],
        json!([]),
        "nothing of a refused message is stored"
    );
}

#[tokio::test]
async fn an_unknown_patient_is_made_only_of_what_a_patient_needs() {
    let hospital = Hospital::open().await;
    for (pid, field) in [
        ("PID|1||MR-9||||19791205|F", 5),
        ("PID|1||MR-9||Begum^Farida|||F", 7),
        ("PID|1||MR-9||Begum^Farida||unknown|F", 7),
        ("PID|1||MR-9||Begum^Farida||19791205", 8),
        ("PID|1||MR-9||Begum^Farida||19791205|Q", 8),
        ("PID|1||91-1234-5678-9015^^^ABDM^HIN||Begum^Farida||19791205|F", 3),
        ("PID|1||MR 9||Begum^Farida||19791205|F", 3),
        ("PID|1||||Begum^Farida||19791205|F", 3),
        ("PID|1||12^^^ABDM^HIN~MR-9^^^^MR||Begum^Farida||19791205|F", 3),
    ] {
        let (code, at, _) = hospital.refused(&of(pid)).await;
        assert_eq!((code.as_str(), at), ("AE", format!("PID[1]-{field}")), "{pid}");
    }
    assert_eq!(hospital.get("/patients").await["items"], json!([]));
    let made = hospital.accepted(&of("PID|1||MR-9||बेगम^फ़रीदा||1979|F")).await;
    assert_eq!(made["patientRef"], "MR-9");
    let patient = hospital.get("/patients/MR-9").await;
    assert_eq!(
        patient,
        json!({"patientRef": "MR-9", "name": "फ़रीदा बेगम", "gender": "F", "yearOfBirth": 1979})
    );
}

#[tokio::test]
async fn a_visit_that_was_taken_back_is_not_shared_again_by_a_message() {
    let hospital = Hospital::open().await;
    hospital.accepted(&cbc()).await;
    let mut tx = hospital.world.tx().await;
    let (patient, visit) = ("MR-30447".parse().unwrap(), "LAB-2026-01-20-0311".parse().unwrap());
    let context = tx.care_context(&crate::world::id(), &patient, &visit).await.unwrap().unwrap();
    let withdrawn = domain::care_context::CareContext { withdrawn: true, ..context };
    tx.put_care_context(&crate::world::id(), &withdrawn).await.unwrap();
    tx.replace_records(&crate::world::id(), &patient, &visit, Vec::new()).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(hospital.refused(&cbc()).await, ("AE".to_owned(), "OBR[1]".to_owned(), 206));
    assert!(ids(&hospital.visit("MR-30447", "LAB-2026-01-20-0311").await).is_empty());
}

#[tokio::test]
async fn messages_of_one_patient_at_the_same_time_are_all_kept() {
    let hospital = Hospital::open().await;
    let message = |number: usize| {
        let obr = format!("OBR|1||F-{number}|GLU^Glucose^L|||20260120");
        oru(&number.to_string(), &["PV1|1|O|||||||||||||||||OPD-7", &obr, GLUCOSE[1]])
    };
    let messages: Vec<String> = (0..8).map(message).collect();
    futures_util::future::join_all(messages.iter().map(|message| hospital.accepted(message))).await;
    assert_eq!(ids(&hospital.visit("MR-30447", "OPD-7").await).len(), 8);
}
