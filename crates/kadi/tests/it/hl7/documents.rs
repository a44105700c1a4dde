//! `MDM^T02`: what becomes of documents.

use serde_json::json;

use super::messages::{again, discharge};
use super::{Hospital, ids, notices, resources};

#[tokio::test]
async fn a_discharge_summary_becomes_a_health_document() {
    let hospital = Hospital::open().await;
    let answer = hospital.accepted(&discharge()).await;
    assert_eq!(answer["careContextRef"], "IP-2026-0099");
    assert_eq!(answer["careContexts"][0]["careContext"]["date"], "2026-01-19T21:00:00+05:30");
    let record = &answer["records"][0];
    assert_eq!(
        (&record["hiType"], &record["valid"]),
        (&json!("HealthDocumentRecord"), &json!(true)),
        "{answer}"
    );
    let document = hospital.document(record).await;
    let reference = resources(&document, "DocumentReference")[0];
    assert_eq!(reference["type"]["text"], "Discharge summary");
    assert_eq!(reference["identifier"][0]["value"], "DS-2026-00451");
    assert_eq!(reference["date"], "2026-01-22T17:00:00+05:30");
    assert_eq!(reference["content"][0]["attachment"]["contentType"], "application/pdf");
    let author = resources(&document, "Practitioner")[0];
    assert_eq!(author["name"][0]["text"], "Dr. Harpreet Gill");
    assert_eq!(author["identifier"][0]["value"], "31877");
}

#[tokio::test]
async fn a_text_becomes_a_document_of_text_with_its_headings() {
    let hospital = Hospital::open().await;
    let discharge = discharge();
    let lines: Vec<&str> = discharge.split('\r').collect();
    let text = [
        &lines[..5],
        &[
            "OBX|1|TX|H^History^L||Fever for three days.||||||F",
            "OBX|2|TX|H^History^L||No cough.||||||F",
            "OBX|3|FT|A^Advice^L||Rest\\.br\\Fluids & paracetamol||||||F",
        ],
    ];
    let answer = hospital.accepted(&text.concat().join("\r")).await;
    assert_eq!(answer["records"][0]["valid"], true, "{answer}");
    let document = hospital.document(&answer["records"][0]).await;
    let attachment = &resources(&document, "DocumentReference")[0]["content"][0]["attachment"];
    assert_eq!(attachment["contentType"], "text/plain; charset=utf-8");
    let data = base64_simd::STANDARD.decode_to_vec(attachment["data"].as_str().unwrap()).unwrap();
    let expected = "History\nFever for three days.\nNo cough.\nAdvice\nRest\nFluids & paracetamol";
    assert_eq!(String::from_utf8(data).unwrap(), expected);
}

#[tokio::test]
async fn a_document_that_comes_again_changes_nothing_and_one_that_is_deleted_is_taken_back() {
    let hospital = Hospital::open().await;
    let first = hospital.accepted(&discharge()).await;
    assert_eq!(ids(&hospital.accepted(&discharge()).await), ids(&first));
    let resent = again(&discharge(), "DOC0002", "20260123090000+0530");
    assert_eq!(ids(&hospital.accepted(&resent).await), ids(&first), "the same content under another id");
    let other = resent.replace("DS-2026-00451", "DS-2026-00452").replace("DOC0002", "DOC0003");
    assert_eq!(ids(&hospital.accepted(&other).await).len(), 2);
    let gone = again(&discharge(), "DOC0004", "20260123100000+0530").replace("|LA||AV", "|LA||CA");
    let left = hospital.accepted(&gone).await;
    assert_eq!(ids(&left).len(), 1);
    assert!(!ids(&left).contains(&ids(&first)[0]));
}

#[tokio::test]
async fn a_document_without_content_or_number_is_refused_and_a_pointer_is_no_content() {
    let hospital = Hospital::open().await;
    let (content, _) =
        discharge().rsplit_once('\r').map(|(head, last)| (head.to_owned(), last.to_owned())).unwrap();
    assert_eq!(hospital.refused(&content).await, ("AE".to_owned(), "OBX[1]-5".to_owned(), 101));
    let pointer = format!("{content}\rOBX|1|RP|DS^Discharge summary^L||http://archive.local/451||||||F");
    assert_eq!(hospital.refused(&pointer).await, ("AE".to_owned(), "OBX[1]-5".to_owned(), 101));
    let nameless = discharge().replace("DS-2026-00451^WARDDOC", "");
    assert_eq!(hospital.refused(&nameless).await, ("AE".to_owned(), "TXA[1]-12".to_owned(), 101));
    let both = format!("{}\rOBX|2|RP|X^More^L||http://archive.local/452||||||F", discharge());
    assert_eq!(notices(&hospital.accepted(&both).await).len(), 1, "the pointer is told");
}
