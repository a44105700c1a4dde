//! Linking by the patient in ABDM's older interface, v0.5, read into and written from the messages of V3.
//!
//! What differs: `requestId` and `timestamp` stand in the body, `resp` is `response`, codes are numbers; a patient is
//! one object without HI type and count, and an init names the ABHA address as `patient.id`. Discovery and confirm are
//! read as in V3, whose readers pass over the two members more.

use std::collections::HashSet;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::error::ReceivedError;
use super::init::{ChosenCareContext, ChosenPatient, LinkInit};
use super::{BodyError, ResponseTo, lenient, read, write};
use crate::id::{AbhaAddress, MessageId, Personal, RequestId, TransactionId};
use crate::path::Operation;
use crate::time::AbdmTime;

/// The `requestId` of a message: what `REQUEST-ID` is in V3. None if it holds none.
#[must_use]
pub fn request_id(body: &[u8]) -> Option<MessageId> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Asked {
        #[serde(deserialize_with = "lenient::value")]
        request_id: MessageId,
    }
    Some(read::<Asked>(body).ok()?.request_id)
}

/// Reads `POST /v0.5/links/link/init`. Its care contexts have no HI type: all types that were offered are meant.
///
/// # Errors
/// The body is not that message.
pub fn link_init(body: &[u8]) -> Result<LinkInit, BodyError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Init {
        #[serde(deserialize_with = "lenient::value")]
        transaction_id: TransactionId,
        patient: Patient,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Patient {
        #[serde(default, deserialize_with = "lenient::option")]
        id: Option<AbhaAddress>,
        #[serde(deserialize_with = "lenient::value")]
        reference_number: Personal,
        #[serde(default, deserialize_with = "lenient::list")]
        care_contexts: Vec<ChosenCareContext>,
    }
    let Init { transaction_id, patient } = read(body)?;
    let Patient { id, reference_number, care_contexts } = patient;
    let chosen = ChosenPatient { reference_number, care_contexts, hi_type: None };
    Ok(LinkInit { transaction_id, abha_address: id, patient: vec![chosen], error: None })
}

/// What of a V3 reply v0.5 has too.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ReplyV3 {
    transaction_id: Option<TransactionId>,
    patient: Option<Vec<Entry>>,
    matched_by: Option<Vec<String>>,
    link: Option<serde_json::Value>,
    acknowledgement: Option<serde_json::Value>,
    error: Option<ReceivedError>,
    response: ResponseTo,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    reference_number: Personal,
    display: Personal,
    care_contexts: Vec<CareContext>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct CareContext {
    reference_number: String,
    display: Personal,
}

/// A reply as v0.5 takes it; its members in the documented order.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Reply {
    request_id: RequestId,
    timestamp: AbdmTime,
    #[serde(skip_serializing_if = "Option::is_none")]
    transaction_id: Option<TransactionId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    patient: Option<Patient>,
    #[serde(skip_serializing_if = "Option::is_none")]
    link: Option<serde_json::Value>,
    /// Written without the `e` that V3 has.
    #[serde(rename = "acknowledgment", skip_serializing_if = "Option::is_none")]
    acknowledgement: Option<serde_json::Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<NumberedError>,
    resp: ResponseTo,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Patient {
    reference_number: Personal,
    display: Personal,
    care_contexts: Vec<CareContext>,
    #[serde(skip_serializing_if = "Option::is_none")]
    matched_by: Option<Vec<String>>,
}

#[derive(Serialize)]
struct NumberedError {
    code: u16,
    message: String,
}

/// Writes a V3 reply (on-discover, on-init, on-confirm, patients/status/on-notify) as v0.5 takes it. Id and time are those of the attempt, as the
/// headers are in V3.
///
/// # Errors
/// `v3` is no such reply.
pub fn reply(
    operation: Operation,
    v3: &[u8],
    request_id: RequestId,
    at: AbdmTime,
) -> Result<Bytes, BodyError> {
    let ReplyV3 { transaction_id, patient, matched_by, link, acknowledgement, error, response } = read(v3)?;
    let named = |kinds: &Vec<String>| kinds.iter().map(|kind| identifier(kind).to_owned()).collect();
    let matched_by = matched_by.as_ref().map(named);
    write(&Reply {
        request_id,
        timestamp: at,
        transaction_id,
        patient: patient.and_then(|entries| one_patient(entries, matched_by.as_ref())),
        link,
        acknowledgement,
        error: error.map(|error| numbered(operation, error)),
        resp: response,
    })
}

/// The entries of all HI types as one: a care context of several types stands in it once.
fn one_patient(entries: Vec<Entry>, matched_by: Option<&Vec<String>>) -> Option<Patient> {
    let mut seen = HashSet::new();
    let mut whole: Option<Patient> = None;
    for Entry { reference_number, display, care_contexts } in entries {
        let whole = whole.get_or_insert_with(|| Patient {
            reference_number,
            display,
            care_contexts: Vec::new(),
            matched_by: matched_by.cloned(),
        });
        let new = care_contexts.into_iter().filter(|context| seen.insert(context.reference_number.clone()));
        whole.care_contexts.extend(new);
    }
    whole
}

/// An identifier's kind in the words of v0.5.
fn identifier(kind: &str) -> &str {
    match kind {
        "ABHA_NUMBER" => "NDHM_HEALTH_NUMBER",
        "ABHA_ADDRESS" => "HEALTH_ID",
        other => other,
    }
}

/// An error under the number that ABDM's reference implementation of v0.5 gives it.
fn numbered(operation: Operation, error: ReceivedError) -> NumberedError {
    let message = error.message.unwrap_or_default();
    let code = error.code.as_deref().unwrap_or_default().trim_start_matches("ABDM-").to_owned();
    let code = match (operation.in_v3(), code.as_str()) {
        (Operation::OnDiscover, "1010") if message == "Patient not found" => 3404,
        (Operation::OnDiscover, "1010") => 3403,
        (Operation::OnInit, "1060") => 3404,
        (Operation::OnInit, "1056" | "1057") => 3402,
        (Operation::OnInit, "1017") => 3407,
        (Operation::OnInit, "1004") => 3501,
        (Operation::OnConfirm, "1035") => 3405,
        (Operation::OnConfirm, "1056") => 3413,
        _ => 3500,
    };
    NumberedError { code, message }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::wire::discover::Discover;

    const ID: &str = "6f0b4665-a915-4c92-aa36-65afb4a2cd71";

    fn written(operation: Operation, v3: &Value) -> Value {
        let at = AbdmTime("2026-01-20T06:00:00Z".parse().unwrap());
        let bytes = reply(operation, v3.to_string().as_bytes(), ID.parse().unwrap(), at).unwrap();
        serde_json::from_slice(&bytes).unwrap()
    }

    #[test]
    fn a_discovery_is_read_as_one_of_v3_is_whose_identifiers_have_older_names() {
        let body = json!({"requestId": ID, "timestamp": "2026-01-20T06:00:00.000Z", "transactionId": "t", "patient": {
            "id": "asha@sbx", "name": "Asha", "gender": "F", "yearOfBirth": 1985,
            "verifiedIdentifiers": [{"type": "NDHM_HEALTH_NUMBER", "value": "91-1234-5678-9015"}],
            "unverifiedIdentifiers": [{"type": "HEALTH_ID", "value": "asha@sbx"}]}})
        .to_string();
        let read: Discover = crate::wire::read(body.as_bytes()).unwrap();
        let kinds: Vec<_> = [&read.patient.verified_identifiers[0], &read.patient.unverified_identifiers[0]]
            .map(|one| one.kind.unwrap().as_str())
            .into();
        assert_eq!(kinds, ["ABHA_NUMBER", "ABHA_ADDRESS"]);
        assert_eq!(request_id(body.as_bytes()).unwrap().as_str(), ID);
        assert!(request_id(b"{}").is_none());
    }

    #[test]
    fn an_init_names_one_patient_and_no_type() {
        let body = json!({"requestId": ID, "transactionId": "t", "patient": {"id": "asha@sbx",
            "referenceNumber": "P1", "careContexts": [{"referenceNumber": "v1"}, {"referenceNumber": "v2"}]}});
        let read = link_init(body.to_string().as_bytes()).unwrap();
        assert_eq!(read.abha_address.unwrap().to_string(), "asha@sbx");
        assert_eq!(read.patient.len(), 1);
        assert!(read.patient[0].hi_type.is_none());
        assert_eq!(read.patient[0].care_contexts.len(), 2);
        let error = link_init(br#"{"transactionId":"t","patient":[]}"#).unwrap_err();
        assert_eq!(error.pointer, "/patient");
    }

    #[test]
    fn a_reply_has_one_patient_with_each_visit_once_and_ids_in_its_body() {
        let visit = |reference: &str| json!({"referenceNumber": reference, "display": "OPD visit"});
        let entry = |hi_type: &str, visits: &[Value]| {
            json!({"referenceNumber": "P1", "display": "Asha",
            "careContexts": visits, "hiType": hi_type, "count": visits.len()})
        };
        let v3 = json!({"transactionId": "t", "patient": [entry("OPConsultation", &[visit("v1"), visit("v2")]),
            entry("Prescription", &[visit("v1")])], "matchedBy": ["ABHA_ADDRESS", "MOBILE"],
            "response": {"requestId": "asked"}});
        assert_eq!(
            written(Operation::OnDiscoverV05, &v3),
            json!({"requestId": ID, "timestamp": "2026-01-20T06:00:00.000Z", "transactionId": "t", "patient": {
                "referenceNumber": "P1", "display": "Asha", "careContexts": [visit("v1"), visit("v2")],
                "matchedBy": ["HEALTH_ID", "MOBILE"]}, "resp": {"requestId": "asked"}})
        );
    }

    #[test]
    fn an_acknowledgement_of_a_status_is_spelled_as_v05_spells_it() {
        let v3 = json!({"acknowledgement": {"status": "OK"}, "response": {"requestId": "asked"}});
        assert_eq!(
            written(Operation::PatientStatusOnNotifyV05, &v3),
            json!({"requestId": ID, "timestamp": "2026-01-20T06:00:00.000Z", "acknowledgment": {"status": "OK"},
                "resp": {"requestId": "asked"}})
        );
    }

    #[test]
    fn errors_get_the_numbers_of_v05() {
        let number = |operation, code: &str, message: &str| {
            let v3 = json!({"error": {"code": code, "message": message}, "response": {"requestId": "asked"}});
            written(operation, &v3)["error"]["code"].as_u64().unwrap()
        };
        assert_eq!(number(Operation::OnDiscoverV05, "ABDM-1010", "Patient not found"), 3404);
        assert_eq!(number(Operation::OnDiscoverV05, "ABDM-1010", "Several"), 3403);
        assert_eq!(number(Operation::OnInitV05, "ABDM-1017", ""), 3407);
        assert_eq!(number(Operation::OnInitV05, "ABDM-1004", ""), 3501);
        assert_eq!(number(Operation::OnConfirmV05, "ABDM-1035", ""), 3405);
        assert_eq!(number(Operation::OnConfirmV05, "ABDM-9999", ""), 3500);
    }
}
