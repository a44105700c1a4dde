//! `ORU^R01`: what becomes of results.

use serde_json::{Value, json};
use store::on_both_databases;

use super::messages::{again, cbc, culture, lft, oru};
use super::{Hospital, ids, notices, observation, resources};
use crate::world::{RAMESH, known_patient};

const PDF: &str = "JVBERi0xLjQKMSAwIG9iago8PC9UeXBlL0NhdGFsb2c+PgplbmRvYmoKdHJhaWxlcjw8L1Jvb3QgMSAwIFI+Pgo=";
const PNG: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YAAAAASUVORK5CYII=";

on_both_databases! {
    async fn a_blood_count_becomes_a_report_that_shows(database: TestDatabase) {
        let hospital = Hospital::on(database).await;
        let answer = hospital.accepted(&cbc()).await;
        assert_eq!((&answer["patientRef"], &answer["careContextRef"]), (&json!("MR-30447"), &json!("LAB-2026-01-20-0311")));
        assert_eq!(answer["ack"]["controlId"], "CBC0001");
        assert_eq!(notices(&answer), Vec::<String>::new());
        let visit = hospital.visit("MR-30447", "LAB-2026-01-20-0311").await;
        assert_eq!(visit["careContext"]["display"], "Outpatient visit 20-Jan-2026");
        assert_eq!(visit["careContext"]["date"], "2026-01-20T09:30:00+05:30");
        assert_eq!(visit["records"], answer["records"]);
        assert_eq!(visit["records"][0]["hiType"], "DiagnosticReport");
        assert_eq!(visit["records"][0]["valid"], true, "{visit}");
        let errors: Vec<_> = visit["records"][0]["issues"].as_array().unwrap().iter()
            .filter(|issue| issue["severity"] == "error" || issue["rule"] == "input.unknown").collect();
        assert!(errors.is_empty(), "{errors:?}");

        let document = hospital.document(&visit["records"][0]).await;
        let report = resources(&document, "DiagnosticReport")[0];
        assert_eq!(report["code"]["coding"][0]["code"], "58410-2");
        assert_eq!(report["conclusion"], "Microcytic hypochromic anaemia;\niron studies advised.");
        assert_eq!(report["issued"], "2026-01-20T14:30:00+05:30");
        assert_eq!(report["effectiveDateTime"], "2026-01-20T09:30:00+05:30");
        assert_eq!(report["category"][0]["text"], "Haematology");
        assert_eq!(report["basedOn"][0]["display"], "Order HMS-88121 by Dr Neha Arora");
        assert_eq!(resources(&document, "Practitioner")[0]["name"][0]["text"], "Dr. Rakesh Menon");
        assert_eq!(resources(&document, "Specimen")[0]["receivedTime"], "2026-01-20T10:05:00+05:30");
        let haemoglobin = observation(&document, "Hemoglobin [Mass/volume] in Blood");
        assert_eq!(haemoglobin["valueQuantity"]["value"], 10.4);
        assert_eq!(haemoglobin["valueQuantity"]["code"], "g/dL");
        assert_eq!(haemoglobin["referenceRange"][0]["high"]["value"], 15.0);
        assert_eq!(haemoglobin["interpretation"][0]["coding"][0]["code"], "L");
        assert_eq!(haemoglobin["effectiveDateTime"], "2026-01-20T14:00:00+05:30");
        assert_eq!(observation(&document, "Total leucocyte count")["valueQuantity"]["unit"], "10^3/uL");
        assert_eq!(observation(&document, "Peripheral smear")["valueString"], "Microcytic hypochromic red cells");
        let platelets = observation(&document, "Platelets [#/volume] in Blood");
        assert!(platelets["note"].to_string().contains("Platelets adequate on smear"), "{platelets}");

        let patient = hospital.get("/patients/MR-30447").await;
        assert_eq!(patient, json!({"patientRef": "MR-30447", "name": "Mrs Farida Begum", "gender": "F",
            "birthDate": "1979-12-05", "mobile": "9800000012"}));
    }

    async fn a_correction_takes_the_place_of_what_it_corrects_and_nothing_undoes_it(database: TestDatabase) {
        let hospital = Hospital::on(database).await;
        let first = hospital.accepted(&cbc()).await;
        let corrected = cbc().replace("||10.4|", "||12.4|").replace("|L|||F|||20260120140000+0530", "|N|||C|||20260120140000+0530");
        let corrected = again(&corrected, "CBC0002", "20260120180000+0530").replace("||HM|F|", "||HM|C|");
        let second = hospital.accepted(&corrected).await;
        assert_ne!(ids(&first), ids(&second));
        assert_eq!(ids(&second).len(), 1, "one order, one record");
        let document = hospital.document(&second["records"][0]).await;
        let haemoglobin = observation(&document, "Hemoglobin [Mass/volume] in Blood");
        assert_eq!((&haemoglobin["status"], &haemoglobin["valueQuantity"]["value"]), (&json!("corrected"), &json!(12.4)));
        assert_eq!(resources(&document, "DiagnosticReport")[0]["status"], "corrected");
        assert_eq!(resources(&document, "Composition")[0]["status"], "amended");

        for repeated in [corrected.clone(), cbc(), cbc(), corrected] {
            let answer = hospital.accepted(&repeated).await;
            assert_eq!(ids(&answer), ids(&second), "a repeat has no second effect, not even of the first message");
        }
        let late = cbc().replace("||10.4|", "||9.9|");
        let answer = hospital.accepted(&again(&late, "CBC0000", "20260120140000+0530")).await;
        assert_eq!(ids(&answer), ids(&second));
        assert_eq!(notices(&answer), ["a newer report of this is stored already; this one changes nothing"]);
    }

    async fn each_order_is_a_record_and_replaces_only_its_own(database: TestDatabase) {
        let hospital = Hospital::on(database).await;
        hospital.know_farida().await;
        let pv1 = "PV1|1|O|||||||||||||||||OPD-7";
        let sugar = |number: &str, value: &str| {
            format!("OBR|1||{number}|GLU^Glucose^L|||20260120\rOBX|1|NM|GLU^Glucose^L||{value}|mg/dL|||||F\rNTE|1||\rOBX|2|TX|C^Conclusion^L||As measured||||||F")
        };
        let both = hospital.accepted(&oru("1", &[pv1, &sugar("F-1", "92"), &sugar("F-2", "141")])).await;
        assert_eq!(ids(&both).len(), 2);
        let third = hospital.accepted(&oru("2", &[pv1, &sugar("F-3", "88")])).await;
        assert_eq!(ids(&third)[..2], ids(&both)[..], "what another message reported stays");
        let changed = hospital.accepted(&oru("3", &[pv1, &sugar("F-2", "149")])).await;
        assert_eq!((&ids(&changed)[0], &ids(&changed)[2]), (&ids(&third)[0], &ids(&third)[2]));
        assert_ne!(ids(&changed)[1], ids(&third)[1]);
    }
}

#[tokio::test]
async fn what_the_laboratory_calls_by_its_own_codes_stays_text_and_valid() {
    let hospital = Hospital::open().await;
    let answer = hospital.accepted(&lft()).await;
    assert_eq!(answer["careContextRef"], "LFT-26-00990", "without a visit number, the laboratory's own");
    let record = &answer["records"][0];
    assert_eq!(record["valid"], true, "{answer}");
    let document = hospital.document(record).await;
    let bilirubin = observation(&document, "Bilirubin total");
    assert_eq!(bilirubin["code"].get("coding"), None);
    assert_eq!(bilirubin["interpretation"][0]["coding"][0]["code"], "H");
    let sgpt = observation(&document, "SGPT (ALT)");
    assert_eq!(sgpt["valueQuantity"]["comparator"], "<");
    assert_eq!(sgpt["referenceRange"][0]["text"], "upto 40");
    assert_eq!(observation(&document, "A/G ratio")["valueQuantity"]["value"], 1.4);
    assert_eq!(observation(&document, "HBsAg (rapid)")["valueString"], "Non-reactive");
    let ggt = observation(&document, "Gamma GT");
    assert_eq!(ggt["status"], "cancelled");
    assert_eq!(ggt["dataAbsentReason"]["text"], "Result cannot be obtained");
    assert_eq!(resources(&document, "DiagnosticReport")[0]["conclusion"], "Mild hyperbilirubinaemia.");
}

#[tokio::test]
async fn susceptibilities_stand_under_the_organism_they_belong_to() {
    let hospital = Hospital::open().await;
    let answer = hospital.accepted(&culture()).await;
    assert_eq!(ids(&answer).len(), 1, "what details an order is no report of its own");
    assert_eq!(answer["records"][0]["valid"], true, "{answer}");
    assert_eq!(answer["careContexts"][0]["careContext"]["display"], "Inpatient stay 20-Jan-2026");
    let document = hospital.document(&answer["records"][0]).await;
    let organism = observation(&document, "Bacteria identified in Urine by Culture");
    assert_eq!(organism["valueCodeableConcept"]["coding"][0]["code"], "112283007");
    let panel = observation(&document, "Bacterial susceptibility panel");
    assert_eq!(panel["hasMember"].as_array().unwrap().len(), 2);
    let url = |resource: &Value| {
        let entries = document["entry"].as_array().unwrap();
        entries.iter().find(|entry| entry["resource"] == *resource).unwrap()["fullUrl"].clone()
    };
    assert_eq!(organism["hasMember"][0]["reference"], url(panel));
    let ciprofloxacin = observation(&document, "Ciprofloxacin [Susceptibility]");
    assert_eq!(ciprofloxacin["valueQuantity"]["comparator"], ">=");
    assert_eq!(ciprofloxacin["interpretation"][0]["coding"][0]["code"], "R");
    assert_eq!(
        observation(&document, "Microscopy")["valueString"],
        "Pus cells: plenty\nEpithelial cells: few"
    );
    assert_eq!(resources(&document, "Specimen")[0]["type"]["coding"][0]["code"], "122575003");
    assert_eq!(
        resources(&document, "DiagnosticReport")[0]["conclusion"],
        "Significant bacteriuria, E. coli."
    );
}

#[tokio::test]
async fn a_report_without_a_conclusion_is_stored_and_says_that_it_lacks_one() {
    let hospital = Hospital::open().await;
    let bare = oru("1", &["OBR|1||F-1|GLU^Glucose^L|||20260120", "OBX|1|NM|GLU^Glucose^L||92|mg/dL|||||F"]);
    let answer = hospital.accepted(&bare).await;
    assert_eq!(answer["records"][0]["valid"], false);
    assert_eq!(answer["careContexts"][0]["link"]["state"], "unlinked");
    let told = &notices(&answer)[0];
    assert!(told.starts_with("stored, and not shared before it is mended: What the results mean"), "{told}");
    assert_eq!(answer["ack"]["notices"][0]["location"], "OBR[1]");

    let noted = oru(
        "2",
        &[
            "OBR|1||F-1|GLU^Glucose^L|||20260120",
            "NTE|1||Fasting sample",
            "OBX|1|NM|GLU^Glucose^L||92|mg/dL|||||F",
        ],
    );
    let answer = hospital.accepted(&noted).await;
    assert_eq!(
        answer["records"][0]["valid"], true,
        "a remark of the laboratory on the order says what it means: {answer}"
    );
}

#[tokio::test]
async fn a_pdf_beside_results_is_their_printed_form_and_alone_the_document() {
    let hospital = Hospital::open().await;
    let pdf = format!("OBX|3|ED|PDF^Printed report^L||^application^pdf^Base64^{PDF}||||||F");
    let results = ["OBX|1|NM|GLU^Glucose^L||92|mg/dL|||||F", "OBX|2|TX|C^Conclusion^L||Normal||||||F"];
    let with = hospital
        .accepted(&oru("1", &["OBR|1||F-1|GLU^Glucose^L|||20260120", results[0], results[1], &pdf]))
        .await;
    assert_eq!(with["records"][0]["valid"], true, "{with}");
    let document = hospital.document(&with["records"][0]).await;
    let form = &resources(&document, "DiagnosticReport")[0]["presentedForm"][0];
    assert_eq!((&form["contentType"], &form["data"]), (&json!("application/pdf"), &json!(PDF)));

    let alone = hospital.accepted(&oru("2", &["OBR|1||F-2|ECHO^Echocardiography^L|||20260120", &pdf])).await;
    assert_eq!(alone["records"][0]["valid"], true, "{alone}");
    let document = hospital.document(&alone["records"][0]).await;
    let attachment = &resources(&document, "DocumentReference")[0]["content"][0]["attachment"];
    assert_eq!((&attachment["title"], &attachment["data"]), (&json!("Echocardiography"), &json!(PDF)));
    assert_eq!(alone["records"][0]["hiType"], "DiagnosticReport");
}

#[tokio::test]
async fn a_picture_makes_an_imaging_report_only_where_the_department_is_one() {
    let hospital = Hospital::open().await;
    let segments = |section: &str| {
        let obr =
            format!("OBR|1||F-{section}|24627-2^CT Chest^LN|||20260120|||||||||||||||20260120||{section}|F");
        let picture = format!("OBX|1|ED|IMG^Key image^L||^image^png^Base64^{PNG}||||||F");
        let text =
            "OBX|2|TX|19005-8^Radiology Imaging study [Impression] (narrative)^LN||No focal lesion.||||||F"
                .to_owned();
        let finding = "OBX|3|TX|FIND^Findings^L||Lungs are clear.||||||F".to_owned();
        oru(section, &[&obr, &picture, &text, &finding])
    };
    let scan = hospital.accepted(&segments("RAD")).await;
    assert_eq!(scan["records"][0]["valid"], true, "{scan}");
    let document = hospital.document(&scan["records"][0]).await;
    assert_eq!(resources(&document, "Media").len(), 1);
    assert_eq!(resources(&document, "DiagnosticReport")[0]["conclusion"], "No focal lesion.");
    let histogram = hospital.accepted(&segments("HM")).await;
    let document = hospital.document(&histogram["records"][0]).await;
    assert_eq!(resources(&document, "Media").len(), 0);
    assert_eq!(resources(&document, "DiagnosticReport")[0]["presentedForm"][0]["contentType"], "image/png");
}

#[tokio::test]
async fn orders_without_a_visit_number_are_visits_of_their_own() {
    let hospital = Hospital::open().await;
    let order = |number: &str| {
        format!("OBR|1||{number}|GLU^Glucose^L|||20260120\rOBX|1|NM|GLU^Glucose^L||92|mg/dL|||||F")
    };
    let answer = hospital.accepted(&oru("1", &[&order("F-1"), &order("F-2"), &order("F-1")])).await;
    let visits: Vec<_> = answer["careContexts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|visit| {
            (visit["careContext"]["careContextRef"].clone(), visit["records"].as_array().unwrap().len())
        })
        .collect();
    assert_eq!(
        visits,
        [(json!("F-1"), 2), (json!("F-2"), 1)],
        "the same number twice is two records of one visit"
    );
    assert_eq!(answer["careContextRef"], "F-1");
}

#[tokio::test]
async fn a_cancelled_order_and_results_taken_back_take_the_record_away() {
    let hospital = Hospital::open().await;
    let obr = |status: &str| format!("OBR|1||F-1|GLU^Glucose^L|||20260120||||||||||||||||||{status}");
    let obx = |status: &str| format!("OBX|1|NM|GLU^Glucose^L||92|mg/dL|||||{status}");
    let stored = hospital.accepted(&oru("1", &[&obr("F"), &obx("F")])).await;
    assert_eq!(ids(&stored).len(), 1);
    let waiting = hospital.accepted(&oru("2", &[&obr("I")])).await;
    assert_eq!(notices(&waiting), ["the order has no results yet; nothing of it is stored"]);
    assert_eq!(ids(&hospital.visit("MR-30447", "F-1").await), ids(&stored));
    hospital.accepted(&oru("3", &[&obr("X")])).await;
    assert_eq!(ids(&hospital.visit("MR-30447", "F-1").await).len(), 0);
    hospital.accepted(&oru("4", &[&obr("F"), &obx("F")])).await;
    hospital.accepted(&oru("5", &[&obr("F"), &obx("D")])).await;
    assert_eq!(ids(&hospital.visit("MR-30447", "F-1").await).len(), 0);
}

#[tokio::test]
async fn what_the_hmis_put_into_the_visit_stays_and_so_do_its_day_and_name() {
    let hospital = Hospital::open().await;
    hospital.know_farida().await;
    let consultation = json!({"hiType": "HealthDocumentRecord", "data": {"documents": [
        {"type": "Letter", "title": "Letter", "contentType": "application/pdf", "data": PDF}]}});
    let visit = json!({"display": "OPD visit", "date": "2026-01-19", "records": [consultation]});
    let path = "/patients/MR-30447/care-contexts/LAB-2026-01-20-0311";
    assert!(hospital.put(path, &visit).await.is_success());
    let before = hospital.visit("MR-30447", "LAB-2026-01-20-0311").await;
    let after = hospital.accepted(&cbc()).await;
    assert_eq!(ids(&after)[..1], ids(&before)[..]);
    assert_eq!(after["careContexts"][0]["careContext"], before["careContext"]);
}

#[tokio::test]
async fn a_specimen_that_nobody_says_was_received_is_told_in_words() {
    let hospital = Hospital::open().await;
    let obr = "OBR|1||F-1|GLU^Glucose^L|||20260120||||||||UR&Urine&L";
    let answer =
        hospital.accepted(&oru("1", &[obr, "NTE|1||Normal", "OBX|1|NM|GLU^Glucose^L||92|mg/dL|||||F"])).await;
    assert_eq!(answer["records"][0]["valid"], true, "{answer}");
    let document = hospital.document(&answer["records"][0]).await;
    assert_eq!(resources(&document, "Specimen").len(), 0);
    assert_eq!(observation(&document, "Specimen")["valueString"], "Urine");
}

#[tokio::test]
async fn a_report_of_a_patient_with_an_abha_address_is_linked_by_itself() {
    let hospital = Hospital::open().await;
    let person = known_patient(&hospital.world.sandbox, "MR-1", RAMESH);
    let number = person.abha_number.unwrap();
    let pid = format!(
        "PID|1||MR-1^^^LAB^MR~{}^^^ABDM^HIN~{RAMESH}^^^ABDM^ABHA||{}||{}|{}",
        number.dashed(),
        person.name,
        person.birth.year(),
        person.gender
    );
    let lines = cbc();
    let lines: Vec<&str> =
        lines.split('\r').map(|line| if line.starts_with("PID") { pid.as_str() } else { line }).collect();
    hospital.accepted(&lines.join("\r")).await;
    let patient = hospital
        .world
        .tx()
        .await
        .patient(&crate::world::id(), &"MR-1".parse().unwrap())
        .await
        .unwrap()
        .unwrap();
    hospital.world.until_link(&patient, "LAB-2026-01-20-0311", domain::link::LinkState::Linked).await;
    assert!(hospital.world.sandbox.state().is_linked(RAMESH, "LAB-2026-01-20-0311"));
    let before = hospital.world.sandbox.state().effects(None, None).len();
    hospital.accepted(&lines.join("\r")).await;
    hospital.world.assert_clean().await;
    assert_eq!(
        hospital.world.sandbox.state().effects(None, None).len(),
        before,
        "ABDM hears nothing of a repeat"
    );
}
