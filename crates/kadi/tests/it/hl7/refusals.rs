//! What is not taken, and how the sender is told.

use reqwest::StatusCode;
use store::testing::TestDatabase;

use super::messages::{cbc, oru};
use super::{Hospital, ids};

/// The blood count with one field of one segment replaced; its header is counted as HL7 counts.
fn with(segment: &str, field: usize, value: &str) -> String {
    let cbc = cbc();
    let lines = cbc.split('\r').map(|line| {
        if !line.starts_with(segment) {
            return line.to_owned();
        }
        let mut fields: Vec<&str> = line.split('|').collect();
        fields[if segment == "MSH" { field - 1 } else { field }] = value;
        fields.join("|")
    });
    lines.collect::<Vec<_>>().join("\r")
}

#[tokio::test]
async fn every_refusal_has_its_code_its_place_and_its_condition() {
    let hospital = Hospital::open().await;
    let without = |name: &str| {
        let cbc = cbc();
        cbc.split('\r').filter(|line| !line.starts_with(name)).collect::<Vec<_>>().join("\r")
    };
    let cases = [
        // Not for this listener.
        (with("MSH", 9, "ADT^A01"), "AR", "MSH[1]-9", 200),
        (with("MSH", 9, ""), "AR", "MSH[1]-9", 200),
        (with("MSH", 9, "ORU^R30"), "AR", "MSH[1]-9", 201),
        (with("MSH", 9, "MDM^T01"), "AR", "MSH[1]-9", 201),
        (with("MSH", 11, "T"), "AR", "MSH[1]-11", 202),
        (with("MSH", 11, ""), "AR", "MSH[1]-11", 202),
        (with("MSH", 12, "3.0"), "AR", "MSH[1]-12", 203),
        (with("MSH", 12, ""), "AR", "MSH[1]-12", 203),
        ("nonsense".to_owned(), "AR", "", 200),
        (String::new(), "AR", "", 200),
        ("FHS|^~\\&|LIS".to_owned(), "AR", "", 200),
        ("MSH".to_owned(), "AR", "", 200),
        // Not as it is.
        (with("MSH", 10, ""), "AE", "MSH[1]-10", 101),
        (with("MSH", 7, ""), "AE", "MSH[1]-7", 101),
        (with("MSH", 7, "yesterday"), "AE", "MSH[1]-7", 102),
        (with("MSH", 14, "2"), "AE", "MSH[1]-14", 100),
        (with("MSH", 18, "UNICODE UTF-16"), "AE", "MSH[1]-18", 103),
        (with("MSH", 18, "ASCII").replace("Farida", "Farïda"), "AE", "MSH[1]-18", 102),
        (without("PID"), "AE", "PID[1]", 101),
        (without("OBR"), "AE", "OBX[1]", 100),
        (without("OB"), "AE", "OBR[1]", 100),
        (format!("{}\r{}", cbc(), cbc()), "AE", "MSH[2]", 100),
        (format!("{}\rPID|2||MR-2", cbc()), "AE", "PID[2]", 100),
        (cbc().replace("\rOBX|3", "\rObx|3"), "AE", "", 100),
        (with("OBR", 7, "20261301"), "AE", "OBR[1]-7", 102),
        (with("PV1", 19, "visit 7"), "AE", "PV1[1]-19", 102),
        (
            oru("1", &["OBR|1|||GLU^Glucose^L|||20260120", "OBX|1|NM|GLU^Glucose^L||92"]),
            "AE",
            "OBR[1]-3",
            101,
        ),
        (
            oru("1", &["OBR|1||F 1|GLU^Glucose^L|||20260120", "OBX|1|NM|GLU^Glucose^L||92"]),
            "AE",
            "OBR[1]-3",
            102,
        ),
        (oru("1", &["OBR|1||F-1|G\rOBX|1|NM|G||1"; 501]), "AE", "OBR[501]", 104),
    ];
    for (message, code, place, condition) in cases {
        let (answered, at, why) = hospital.refused(&message).await;
        let head: String = message.chars().take(100).collect();
        assert_eq!((answered.as_str(), at.as_str(), why), (code, place, condition), "{head}");
    }
    assert_eq!(hospital.get("/patients").await["items"], serde_json::json!([]), "nothing of them is stored");
}

#[tokio::test]
async fn the_acknowledgement_is_a_message_unless_json_is_asked_for() {
    let hospital = Hospital::open().await;
    let taken = hospital.post(cbc().into_bytes(), "application/hl7-v2", "*/*").await;
    assert_eq!(taken.status(), StatusCode::OK);
    assert_eq!(taken.headers()["content-type"], "application/hl7-v2");
    let text = taken.text().await.unwrap();
    let lines: Vec<&str> = text.trim_end_matches('\r').split('\r').collect();
    assert!(lines[0].starts_with(
        r"MSH|^~\&|KADI|IN2810014366|LABMATE|SUNRISE DIAGNOSTICS|20260120113000+0530||ACK^R01^ACK|"
    ));
    assert_eq!(lines[0].split('|').nth(9).map(str::len), Some(20), "a control id that every version takes");
    assert_eq!(lines[1..], ["MSA|AA|CBC0001"]);

    let refused = hospital.post(with("PID", 3, "").into_bytes(), "text/plain; charset=utf-8", "").await;
    assert_eq!(refused.status(), StatusCode::OK);
    let text = refused.text().await.unwrap();
    let lines: Vec<&str> = text.trim_end_matches('\r').split('\r').collect();
    assert!(lines[1].starts_with("MSA|AE|CBC0001|PID-3 must carry"), "{text}");
    assert!(
        lines[2].starts_with("ERR||PID^1^3|101^Required field missing^HL70357|E||||PID-3 must carry"),
        "{text}"
    );

    let json = hospital.post(cbc().into_bytes(), "application/json", "*/*").await;
    assert_eq!(json.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn an_acknowledgement_repeats_nothing_of_a_patient() {
    let hospital = Hospital::open().await;
    for message in [
        with("PID", 8, "PLANTED"),
        with("PID", 7, "PLANTED"),
        with("PV1", 19, "PLANTED X"),
        with("OBR", 7, "PLANTED"),
        cbc().replace("\rOBX|3", "\rPLANTED|3"),
    ] {
        let answer = hospital.post(message.into_bytes(), "text/plain", "*/*").await.text().await.unwrap();
        assert!(answer.contains("MSA|AE|"), "{answer}");
        assert!(
            !answer.contains("PLANTED") && !answer.contains("Begum") && !answer.contains("30447"),
            "{answer}"
        );
    }
}

#[tokio::test]
async fn bytes_are_read_in_the_character_set_that_is_named_or_configured() {
    let hospital = Hospital::with(TestDatabase::sqlite(), "charset = \"8859/1\"\nprocessing = \"PT\"").await;
    let micro = |charset: &str, unit: &[u8]| {
        let text = oru(
            "1",
            &[
                "OBR|1||F-1|B12^Vitamin B12^L|||20260120",
                "OBX|1|NM|B12^Vitamin B12^L||4|UNIT|||||F",
                "NTE|1||ok",
                "OBX|2|TX|C^Conclusion^L||Low||||||F",
            ],
        );
        let text = text.replace("|P|2.5", &format!("|T|2.5||||||{charset}"));
        let (before, after) = text.split_once("UNIT").unwrap();
        [before.as_bytes(), unit, after.as_bytes()].concat()
    };
    for (charset, unit) in
        [("", &b"\xb5g/L"[..]), ("8859/1", b"\xb5g/L"), ("UNICODE UTF-8", "µg/L".as_bytes())]
    {
        let response = hospital.post(micro(charset, unit), "text/plain", "application/json").await;
        let answer: serde_json::Value = response.json().await.unwrap();
        assert_eq!(answer["ack"]["code"], "AA", "{answer}");
        let document = hospital.document(&answer["records"][0]).await;
        assert_eq!(
            super::observation(&document, "Vitamin B12")["valueQuantity"]["code"],
            "ug/L",
            "{charset}"
        );
        assert_eq!(ids(&answer).len(), 1);
    }
    let wrong =
        hospital.post(micro("UNICODE UTF-8", b"\xb5g/L"), "text/plain", "*/*").await.text().await.unwrap();
    assert!(wrong.contains("MSA|AE|1|the message holds bytes"), "{wrong}");
}

#[tokio::test]
async fn a_message_over_the_limit_is_413_and_stores_nothing() {
    let hospital = Hospital::with(TestDatabase::sqlite(), "limit = \"2KiB\"").await;
    let long = format!("{}\rNTE|1||{}", cbc(), "x".repeat(2048));
    let answer = hospital.post(long.into_bytes(), "text/plain", "*/*").await;
    assert_eq!(answer.status(), StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(answer.json::<serde_json::Value>().await.unwrap()["code"], "too_large");
}
