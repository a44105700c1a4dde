//! Every message once as ABDM's texts print it, and what ABDM is known to write differently.

use serde_json::json;

use super::*;
use crate::id::*;
use crate::time::AbdmTime;

const REQUEST: &str = "6f0b4665-a915-4c92-aa36-65afb4a2cd71";
const TRANSACTION: &str = "f901b782-bfdf-4224-9f8d-da2cadc20c0d";
const CONSENT: &str = "3fa85f64-5717-4562-b3fc-2c963f66afa6";

fn id<T: std::str::FromStr>(text: &str) -> T
where
    T::Err: std::fmt::Debug,
{
    text.parse().unwrap()
}

fn response() -> ResponseTo {
    ResponseTo::new(id::<MessageId>(REQUEST))
}

fn at(text: &str) -> AbdmTime {
    text.parse().unwrap()
}

fn visit(reference: &str, display: &str) -> link::CareContextEntry {
    link::CareContextEntry::new(id(reference), display)
}

fn consultation() -> link::PatientEntry {
    link::PatientEntry::new(
        "TMH-PUID-001".into(),
        "Ramesh Kumar",
        HiType::OPConsultation,
        vec![visit("visit-2026-0001", "OPD visit 10-Sep-2026")],
    )
}

/// The message as text, field order included.
fn written<T: serde::Serialize>(message: &T) -> String {
    String::from_utf8(write(message).unwrap().to_vec()).unwrap()
}

fn read_json<T: serde::de::DeserializeOwned>(body: &serde_json::Value) -> Result<T, BodyError> {
    read(body.to_string().as_bytes())
}

const ENTRY: &str = r#"{"referenceNumber":"TMH-PUID-001","display":"Ramesh Kumar","careContexts":[{"referenceNumber":"visit-2026-0001","display":"OPD visit 10-Sep-2026"}],"hiType":"OPConsultation","count":1}"#;
const ANSWERS: &str = r#""response":{"requestId":"6f0b4665-a915-4c92-aa36-65afb4a2cd71"}}"#;

#[test]
fn a_session_is_asked_for_with_the_clients_credentials() {
    let ask = session::SessionRequest::new("SBX_000000".to_owned(), "s3cret".to_owned().into());
    assert_eq!(
        written(&ask),
        r#"{"clientId":"SBX_000000","clientSecret":"s3cret","grantType":"client_credentials"}"#
    );
    assert!(!format!("{ask:?}").contains("s3cret"));
}

#[test]
fn a_session_lives_as_long_as_it_says_in_digits_or_text() {
    for life in [json!(1200), json!("1200")] {
        let body = json!({"accessToken": "a.b.c", "expiresIn": life, "tokenType": "bearer", "more": {}});
        let session: session::SessionResponse = read_json(&body).unwrap();
        assert_eq!(session.expires_in, 1200);
        assert!(!format!("{session:?}").contains("a.b.c"));
    }
}

#[test]
fn a_link_token_is_asked_for_with_the_number_as_a_number() {
    let mut ask = token::GenerateToken {
        abha_number: Some(id("91-1234-0704-2043")),
        abha_address: id("ramesh.k_85@sbx"),
        name: "Ramesh Kumar".into(),
        gender: Gender::Male,
        year_of_birth: 1985,
    };
    assert_eq!(
        written(&ask),
        r#"{"abhaNumber":91123407042043,"abhaAddress":"ramesh.k_85@sbx","name":"Ramesh Kumar","gender":"M","yearOfBirth":1985}"#
    );
    ask.abha_number = None;
    assert!(!written(&ask).contains("abhaNumber"));
    assert!(!format!("{ask:?}").contains("amesh"));
}

#[test]
fn a_link_token_arrives_or_the_reason_why_not() {
    let body =
        json!({"abhaAddress": "ramesh.k_85@sbx", "linkToken": "e.y.J", "response": {"requestId": REQUEST}});
    let got: token::OnGenerateToken = read_json(&body).unwrap();
    assert_eq!(got.link_token, Some("e.y.J".into()));
    assert_eq!(got.response, response());

    let body = json!({
        "linkToken": null, "message": null,
        "error": {"code": "ABDM-1027: ", "message": "You are blocked. Please try again after 24 hours."},
        "response": {"requestId": REQUEST}
    });
    let got: token::OnGenerateToken = read_json(&body).unwrap();
    assert_eq!(got.link_token, None);
    assert_eq!(got.error.unwrap().code.as_deref(), Some("ABDM-1027:"));
}

#[test]
fn a_link_tokens_claims_are_readable_and_a_broken_token_has_none() {
    let part = |json: &str| base64_simd::URL_SAFE_NO_PAD.encode_to_string(json);
    let claims =
        r#"{"hipId":"IN2810014366","abhaNumber":91123407042043,"abhaAddress":"ramesh@sbx","exp":1790000000}"#;
    let jwt = format!("{}.{}.{}", part(r#"{"alg":"RS512"}"#), part(claims), part("sig"));
    let claims = token::LinkTokenClaims::of(&LinkToken::from(jwt));
    assert_eq!(claims.hip_id.as_deref(), Some("IN2810014366"));
    assert_eq!(claims.abha_number, Some(id("91123407042043")));
    assert_eq!(claims.exp, Some(1_790_000_000));
    assert_eq!(token::LinkTokenClaims::of(&LinkToken::from("nonsense")).exp, None);
}

#[test]
fn care_contexts_are_linked_with_one_hi_type_an_entry() {
    let ask = link::LinkCareContexts {
        abha_number: Some(id("91-1234-0704-2043")),
        abha_address: id("ramesh.k_85@sbx"),
        patient: vec![consultation()],
    };
    assert_eq!(
        written(&ask),
        format!(r#"{{"abhaNumber":"91123407042043","abhaAddress":"ramesh.k_85@sbx","patient":[{ENTRY}]}}"#)
    );
    assert!(!format!("{ask:?}").contains("Ramesh"));
}

#[test]
fn linked_is_what_is_no_error_and_no_failure_text() {
    for (body, linked) in [
        (json!({"status": "Successfully Linked care context"}), true),
        (json!({"status": "SUCCESS", "error": null}), true),
        (json!({}), true),
        (json!({"status": "Failed to link care context"}), false),
        (json!({"status": "invalid   [invalid request]"}), false),
        (json!({"error": {"code": "ABDM-1038", "message": "mismatch"}}), false),
        (json!({"status": "Successfully Linked care context", "error": {"code": 1056}}), false),
    ] {
        let mut body = body;
        body["response"] = json!({"requestId": REQUEST});
        let got: link::OnCareContext = read_json(&body).unwrap();
        assert_eq!(got.linked(), linked, "{body}");
    }
}

#[test]
fn new_records_are_told_with_an_array_of_hi_types() {
    let care_context = context::CareContextId {
        patient_reference: "TMH-PUID-001".into(),
        care_context_reference: id("visit-2026-0001"),
    };
    let tell = context::ContextNotify::new(
        id("ramesh.k_85@sbx"),
        care_context,
        vec![HiType::OPConsultation],
        at("2026-09-10T10:34:00.387Z"),
        id("IN2810014366"),
    );
    assert_eq!(
        written(&tell),
        r#"{"notification":{"patient":{"id":"ramesh.k_85@sbx"},"careContext":{"patientReference":"TMH-PUID-001","careContextReference":"visit-2026-0001"},"hiTypes":["OPConsultation"],"date":"2026-09-10T10:34:00.387Z","hip":{"id":"IN2810014366"}}}"#
    );
}

#[test]
fn a_notify_was_taken_unless_it_says_otherwise() {
    for (body, ok) in [
        (json!({"acknowledgement": {"status": "SUCCESS"}}), true),
        (json!({"acknowledgement": null}), true),
        (json!({"acknowledgement": {"status": "ERRORED"}}), false),
        (
            json!({"acknowledgement": {"status": "SUCCESS"}, "error": {"code": "ABDM-1006: ", "message": "x"}}),
            false,
        ),
    ] {
        let mut body = body;
        body["response"] = json!({"requestId": REQUEST});
        assert_eq!(read_json::<context::OnNotify>(&body).unwrap().succeeded(), ok, "{body}");
    }
}

#[test]
fn an_sms_is_asked_for_with_ten_digits() {
    let ask = sms::SmsNotify::new(id("+91-9876543210"), id("IN2810014366"), "Example Hospital");
    assert_eq!(
        written(&ask),
        r#"{"notification":{"phoneNo":"9876543210","hip":{"id":"IN2810014366","name":"Example Hospital"}}}"#
    );
}

#[test]
fn a_discovery_is_read_in_every_writing() {
    let body = json!({"transactionId": TRANSACTION, "patient": {
        "id": "ramesh.k_85@sbx", "name": "Ramesh Kumar", "gender": "M", "yearOfBirth": "1985",
        "verifiedIdentifiers": [
            {"type": "MOBILE", "value": "+91-9876543210"}, {"type": "ABHA_NUMBER", "value": ""},
            {"type": "abhaAddress", "value": "ramesh.k_85@sbx"}, {"type": "FUTURE", "value": 12}],
        "unverifiedIdentifiers": null, "extra": [1, {"a": null}]}});
    let got: discover::Discover = read_json(&body).unwrap();
    let kinds: Vec<_> = got.patient.verified_identifiers.iter().map(|identifier| identifier.kind).collect();
    assert_eq!(
        kinds,
        [
            Some(discover::IdentifierType::Mobile),
            Some(discover::IdentifierType::AbhaNumber),
            Some(discover::IdentifierType::AbhaAddress),
            None
        ]
    );
    assert_eq!(got.patient.verified_identifiers[1].value, None);
    assert!(got.patient.unverified_identifiers.is_empty());
    assert_eq!(got.patient.year_of_birth, Some(1985));
    assert!(!format!("{got:?}").contains("9876543210"));

    let bare = json!({"transactionId": TRANSACTION, "patient": {"id": "ramesh.k_85@sbx"}});
    assert!(read_json::<discover::Discover>(&bare).unwrap().patient.verified_identifiers.is_empty());
}

#[test]
fn a_discovery_is_answered_with_entries_or_an_error() {
    let found = discover::OnDiscover::found(
        id(TRANSACTION),
        vec![consultation()],
        vec![discover::IdentifierType::Mobile],
        response(),
    );
    assert_eq!(
        written(&found),
        format!(r#"{{"transactionId":"{TRANSACTION}","patient":[{ENTRY}],"matchedBy":["MOBILE"],{ANSWERS}"#)
    );
    let none = discover::OnDiscover::refused(id(TRANSACTION), error::hip::patient_not_found(), response());
    assert_eq!(
        written(&none),
        format!(
            r#"{{"transactionId":"{TRANSACTION}","error":{{"code":"ABDM-1010","message":"Patient not found"}},{ANSWERS}"#
        )
    );
}

#[test]
fn an_init_is_read_without_display_and_count_and_with_an_error_instead() {
    let body = json!({"transactionId": TRANSACTION, "abhaAddress": "ramesh.k_85@sbx", "patient": [
        {"referenceNumber": "TMH-PUID-001", "careContexts": [{"referenceNumber": "visit-2026-0001"}], "hiType": "OPConsultation"},
        {"referenceNumber": "TMH-PUID-001", "careContexts": null, "hiType": "FutureType"}]});
    let got: init::LinkInit = read_json(&body).unwrap();
    assert_eq!(got.patient[0].care_contexts[0].reference_number, id("visit-2026-0001"));
    assert_eq!(got.patient[1].hi_type, None);

    let body = json!({"transactionId": TRANSACTION, "error": {"code": "ABDM-1010", "message": "x"}});
    let got: init::LinkInit = read_json(&body).unwrap();
    assert!(got.patient.is_empty() && got.error.is_some());
}

#[test]
fn an_init_is_answered_with_a_link_or_an_error() {
    let sent = init::OnInit::otp_sent(
        id(TRANSACTION),
        id("d353b782-bfdf-4224-9f8d-da2cadc20c0d"),
        "OTP",
        at("2026-09-10T10:44:00Z"),
        response(),
    );
    assert_eq!(
        written(&sent),
        format!(
            r#"{{"transactionId":"{TRANSACTION}","link":{{"referenceNumber":"d353b782-bfdf-4224-9f8d-da2cadc20c0d","authenticationType":"DIRECT","meta":{{"communicationMedium":"MOBILE","communicationHint":"OTP","communicationExpiry":"2026-09-10T10:44:00.000Z"}}}},{ANSWERS}"#
        )
    );
    let refused = init::OnInit::refused(id(TRANSACTION), error::hip::invalid_care_contexts(), response());
    assert!(!written(&refused).contains("link\""));
}

#[test]
fn an_otp_may_be_a_string_or_a_number() {
    for token in [json!("123456"), json!(123_456)] {
        let body = json!({"confirmation": {"token": token, "linkRefNumber": "d353"}});
        let got: confirm::LinkConfirm = read_json(&body).unwrap();
        assert_eq!(got.confirmation.token.as_str(), "123456");
        assert!(!format!("{got:?}").contains("123456"));
    }
    let linked = confirm::OnConfirm::linked(vec![consultation()], response());
    assert_eq!(written(&linked), format!(r#"{{"patient":[{ENTRY}],{ANSWERS}"#));
    let refused = confirm::OnConfirm::refused(error::hip::incorrect_otp(), response());
    assert_eq!(
        written(&refused),
        format!(r#"{{"error":{{"code":"ABDM-1035","message":"Incorrect OTP"}},{ANSWERS}"#)
    );
}

fn granted() -> serde_json::Value {
    json!({"notification": {"status": "GRANTED", "consentId": CONSENT, "consentDetail": {
        "schemaVersion": "v3", "consentId": CONSENT, "createdAt": "2026-09-10T05:10:20.123Z",
        "patient": {"id": "ramesh.k_85@sbx"},
        "careContexts": [{"patientReference": "TMH-PUID-001", "careContextReference": "visit-2026-0001"}],
        "purpose": {"text": "Self Requested", "code": "PATRQT", "refUri": null},
        "hip": {"id": "IN2810014366", "name": null}, "consentManager": {"id": "sbx"},
        "hiTypes": ["OPConsultation", "TomorrowsType", "Prescription"],
        "permission": {"accessMode": "VIEW",
            "dateRange": {"from": "2016-09-21T04:08:55.799123", "to": "2026-09-10T05:10:20Z"},
            "dataEraseAt": "2026-10-10T05:10:20.123Z", "frequency": {"unit": "HOUR", "value": "1", "repeats": null}}},
        "signature": "c2ln", "grantAcknowledgement": false}})
}

#[test]
fn a_granted_consent_is_read_and_its_text_kept() {
    let got: consent::ConsentNotify = read_json(&granted()).unwrap();
    let detail = got.notification.detail().unwrap().unwrap();
    assert_eq!(got.notification.status, consent::ConsentStatus::Granted);
    assert_eq!(
        got.notification.raw_detail().unwrap(),
        granted()["notification"]["consentDetail"].to_string()
    );
    assert_eq!(detail.hi_types, [HiType::OPConsultation, HiType::Prescription]);
    assert_eq!(detail.purpose.unwrap().code, Some(PurposeCode::SelfRequested));
    assert_eq!(detail.permission.frequency.unwrap().value, Some(1));
    assert_eq!(detail.permission.date_range.from, at("2016-09-21T04:08:55.799123Z"));
    assert!(detail.hiu.is_none() && detail.requester.is_none());
}

#[test]
fn an_ended_consent_may_come_bare() {
    for detail in [json!(null), json!({})] {
        let mut body =
            json!({"notification": {"status": "REVOKED", "consentId": CONSENT, "signature": null}});
        if detail.is_null() {
            body["notification"]["consentDetail"] = detail;
        }
        let got: consent::ConsentNotify = read_json(&body).unwrap();
        assert!(got.notification.detail().unwrap().is_none());
    }
}

#[test]
fn a_consent_of_the_wrong_shape_is_refused_by_its_place() {
    let mut body = granted();
    body["notification"]["consentDetail"]["permission"]["dataEraseAt"] = json!("soon");
    let got: consent::ConsentNotify = read_json(&body).unwrap();
    let error = got.notification.detail().unwrap_err();
    assert_eq!(error.pointer, "/notification/consentDetail/permission/dataEraseAt");
    body["notification"]["status"] = json!("MAYBE");
    assert_eq!(read_json::<consent::ConsentNotify>(&body).unwrap_err().pointer, "/notification/status");
}

#[test]
fn a_consent_is_acknowledged_with_one_object() {
    let known = consent::ConsentOnNotify::known(id(CONSENT), response());
    assert_eq!(
        written(&known),
        format!(r#"{{"acknowledgement":{{"status":"OK","consentId":"{CONSENT}"}},{ANSWERS}"#)
    );
    let refused =
        consent::ConsentOnNotify::refused(error::ErrorObject::new("ABDM-1001", "No data found"), response());
    assert_eq!(
        written(&refused),
        format!(r#"{{"error":{{"code":"ABDM-1001","message":"No data found"}},{ANSWERS}"#)
    );
}

#[test]
fn a_request_for_records_is_read() {
    let body = json!({"requestId": "", "timestamp": "", "transactionId": TRANSACTION, "hiRequest": {
        "consent": {"id": CONSENT},
        "dateRange": {"from": "2016-09-21T04:08:55.799Z", "to": "2026-09-10T05:10:20.123Z"},
        "dataPushUrl": "https://hiu.example.org/api-hiu/data/notification",
        "keyMaterial": {"cryptoAlg": "ECDH", "curve": "curve25519",
            "dhPublicKey": {"expiry": "2026-09-11T05:10:20.742Z", "parameters": null, "keyValue": "BAEC"},
            "nonce": "6uj1RdDUbcpI3lVMZvijkMC8Te20O4Bcyz0SyivX8Eg="}}});
    let got: health_information::HealthInformationRequest = read_json(&body).unwrap();
    assert!(got.hi_request.key_material.is_supported());
    let other = health_information::KeyMaterial { curve: "P-256".to_owned(), ..got.hi_request.key_material };
    assert!(!other.is_supported());
}

#[test]
fn a_request_for_records_is_answered() {
    let yes = health_information::OnRequest::acknowledged(id(TRANSACTION), response());
    assert_eq!(
        written(&yes),
        format!(
            r#"{{"hiRequest":{{"transactionId":"{TRANSACTION}","sessionStatus":"ACKNOWLEDGED"}},{ANSWERS}"#
        )
    );
    let no = health_information::OnRequest::refused(error::hip::consent_expired(), response());
    assert_eq!(
        written(&no),
        format!(r#"{{"error":{{"code":"ABDM-1061","message":"Consent artefact expired"}},{ANSWERS}"#)
    );
}

#[test]
fn a_page_is_written_as_documented_and_read_back() {
    let page = health_information::DataPage {
        page_number: 1,
        page_count: 2,
        transaction_id: id(TRANSACTION),
        entries: vec![health_information::DataEntry::new(
            "Y2lwaGVy".to_owned(),
            "0cc175b9c0f1b6a831c399e269772661".to_owned(),
            id("visit-2026-0001"),
        )],
        key_material: health_information::KeyMaterial::new(
            "BAEC".to_owned(),
            "bm9uY2U=".to_owned(),
            at("2026-09-11T05:10:20.742Z"),
        ),
    };
    assert_eq!(
        written(&page),
        format!(
            r#"{{"pageNumber":1,"pageCount":2,"transactionId":"{TRANSACTION}","entries":[{{"content":"Y2lwaGVy","media":"application/fhir+json","checksum":"0cc175b9c0f1b6a831c399e269772661","careContextReference":"visit-2026-0001"}}],"keyMaterial":{{"cryptoAlg":"ECDH","curve":"Curve25519","dhPublicKey":{{"expiry":"2026-09-11T05:10:20.742Z","parameters":"Curve25519/32byte random key","keyValue":"BAEC"}},"nonce":"bm9uY2U="}}}}"#
        )
    );
    assert_eq!(read::<health_information::DataPage>(written(&page).as_bytes()).unwrap(), page);
}

#[test]
fn a_transfer_is_reported_row_by_row() {
    let ids = || health_information::TransferIds {
        consent_id: id(CONSENT),
        transaction_id: id(TRANSACTION),
        hip_id: id("IN2810014366"),
    };
    let row =
        |delivered, text| health_information::StatusResponse::new(id("visit-2026-0001"), delivered, text);
    let done = at("2026-09-10T05:12:20.742Z");
    let good = health_information::TransferNotify::new(ids(), done, true, vec![row(true, "Delivered")]);
    assert_eq!(
        written(&good),
        format!(
            r#"{{"notification":{{"consentId":"{CONSENT}","transactionId":"{TRANSACTION}","doneAt":"2026-09-10T05:12:20.742Z","notifier":{{"type":"HIP","id":"IN2810014366"}},"statusNotification":{{"sessionStatus":"TRANSFERRED","hipId":"IN2810014366","statusResponses":[{{"careContextReference":"visit-2026-0001","hiStatus":"DELIVERED","description":"Delivered"}}]}}}}}}"#
        )
    );
    let bad = health_information::TransferNotify::new(ids(), done, false, vec![row(false, "")]);
    assert!(written(&bad).contains(r#""hiStatus":"ERRORED","description":"Unknown exception""#));
    assert!(written(&bad).contains(r#""sessionStatus":"FAILED""#));
}

#[test]
fn a_share_is_read_with_numbers_strings_and_nulls() {
    let body = json!({"intent": "PROFILE_SHARE",
        "metaData": {"hipId": "IN2810014366", "context": "OPD1", "hprId": null, "latitude": "12.97", "longitude": 77.71},
        "profile": {"patient": {"abhaNumber": null, "abhaAddress": "ramesh.k_85@sbx", "name": "Ramesh Kumar",
            "gender": "M", "dayOfBirth": "6", "monthOfBirth": null, "yearOfBirth": 1985,
            "address": {"line": "12 Main Street", "district": null, "state": "Tamil Nadu", "pinCode": 641_050},
            "phoneNumber": "+919876543210"}}});
    let got: share::ProfileShare = read_json(&body).unwrap();
    let patient = got.profile.patient;
    assert_eq!(
        (patient.day_of_birth, patient.month_of_birth, patient.year_of_birth),
        (Some(6), None, Some(1985))
    );
    assert_eq!(patient.address.unwrap().pincode, Some("641050".into()));
    assert_eq!(patient.phone_number, Some(id("9876543210")));
    assert_eq!(patient.abha_number, None);
}

#[test]
fn a_share_is_answered_with_a_token_or_an_error() {
    let token = share::ShareToken {
        context: "OPD1".to_owned(),
        token_number: "1".to_owned(),
        expiry: "1800".to_owned(),
    };
    let given = share::OnShare::given(id("ramesh.k_85@sbx"), token, response());
    assert_eq!(
        written(&given),
        format!(
            r#"{{"acknowledgement":{{"status":"SUCCESS","abhaAddress":"ramesh.k_85@sbx","profile":{{"context":"OPD1","tokenNumber":"1","expiry":"1800"}}}},{ANSWERS}"#
        )
    );
    let refused = share::OnShare::refused(error::hip::intent_not_supported(), response());
    assert!(written(&refused).starts_with(r#"{"error":{"code":"ABDM-1149""#));
}

#[test]
fn the_bridge_and_its_services_are_read_and_written() {
    let body = json!({"bridge": {"id": "SBX_000000", "name": "x", "url": "https://hip.example.org", "active": true, "blocklisted": false},
        "services": [{"id": "IN1410000232_1", "name": "y", "types": ["HIP", "HIU"], "endpoints": {}, "active": "true"}]});
    let got: bridge::BridgeServices = read_json(&body).unwrap();
    assert_eq!(got.bridge.unwrap().url.as_deref(), Some("https://hip.example.org"));
    assert_eq!(got.services[0].types, ["HIP", "HIU"]);
    assert_eq!(got.services[0].active, Some(true));

    let link = bridge::LinkFacility {
        facility_id: id("IN2810014366"),
        facility_name: "Example Hospital".to_owned(),
        services: vec![bridge::FacilityService {
            bridge_id: "SBX_000000".to_owned(),
            hip_name: "Example Hosp".to_owned(),
            kind: bridge::ServiceKind::Hip,
            active: true,
        }],
    };
    assert_eq!(
        written(&link),
        r#"{"facilityId":"IN2810014366","facilityName":"Example Hospital","HRP":[{"bridgeId":"SBX_000000","hipName":"Example Hosp","type":"HIP","active":true}]}"#
    );
}

#[test]
fn an_unreadable_body_is_named_by_place_without_its_values() {
    for (body, pointer) in [
        (json!({"transactionId": TRANSACTION, "patient": {"id": "Ramesh Kumar"}}), "/patient/id"),
        (json!({"transactionId": TRANSACTION, "patient": {"id": ["Ramesh"]}}), "/patient/id"),
        (json!({"transactionId": TRANSACTION, "patient": "Ramesh"}), "/patient"),
        (json!({"transactionId": {"a": "Ramesh"}, "patient": {"id": "ramesh@sbx"}}), "/transactionId"),
        (
            json!({"transactionId": TRANSACTION, "patient": {"id": "ramesh@sbx", "yearOfBirth": "Ramesh"}}),
            "/patient/yearOfBirth",
        ),
        (
            json!({"transactionId": TRANSACTION, "patient": {"id": "ramesh@sbx", "verifiedIdentifiers": "Ramesh"}}),
            "/patient/verifiedIdentifiers",
        ),
        (json!({"patient": {"id": "ramesh@sbx"}}), ""),
        (json!("Ramesh"), ""),
    ] {
        let error = read_json::<discover::Discover>(&body).unwrap_err();
        assert_eq!(error.pointer, pointer, "{body}");
        assert!(!error.to_string().contains("amesh"), "{error}");
    }
}

#[test]
fn what_is_no_json_or_too_deep_is_refused() {
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let deep_detail =
        format!(r#"{{"notification":{{"status":"GRANTED","consentId":"c","consentDetail":{deep}}}}}"#);
    for body in ["", "{", "{}}", "nope", "\u{feff}{}", &deep] {
        assert!(read::<discover::Discover>(body.as_bytes()).is_err());
    }
    let outcome = read::<consent::ConsentNotify>(deep_detail.as_bytes());
    assert!(outcome.is_err() || outcome.unwrap().notification.detail().is_err());
    assert!(read::<discover::Discover>(b"\xff\xfe").is_err());
}
