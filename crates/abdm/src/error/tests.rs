//! ABDM's refusals as they have been seen, and what follows from each.

use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::path::Operation as Op;

fn decoded(body: &str) -> (Option<String>, Option<String>) {
    let Decoded { code, message } = decode(body.as_bytes());
    (code, message)
}

#[test]
fn every_shape_of_error_body_gives_code_and_words() {
    for (body, code, message) in [
        (r#"{"error":{"code":"ABDM-1038","message":"mismatch"}}"#, Some("ABDM-1038"), Some("mismatch")),
        (
            r#"{"error":{"code":"ABDM-9999: ","message":"User not found"}}"#,
            Some("ABDM-9999"),
            Some("User not found"),
        ),
        (
            r#"[{"error":{"code":"ABDM-1006","message":"first"}},{"error":{"code":"x","message":"y"}}]"#,
            Some("ABDM-1006"),
            Some("first"),
        ),
        (r#"[{"code":"ABDM-9999: ","message":"m"}]"#, Some("ABDM-9999"), Some("m")),
        (
            r#"{"code":"900901","message":"Invalid Credentials","description":"d"}"#,
            Some("900901"),
            Some("Invalid Credentials"),
        ),
        (r#"{"code":900902,"message":"Missing"}"#, Some("900902"), Some("Missing")),
        (r#"{"error":{"code":3401,"message":"old"}}"#, Some("3401"), Some("old")),
        (
            r#"{"code":"404","type":"Status report","message":"Runtime Error","description":"No matching resource"}"#,
            Some("404"),
            Some("Runtime Error"),
        ),
        (
            r#"{"message":"Invalid Benefit Name","timestamp":"2026-01-01 00:00:00"}"#,
            None,
            Some("Invalid Benefit Name"),
        ),
        (
            r#"{"abhaAddress":"Invalid address","timestamp":"2026-01-01 00:00:00"}"#,
            None,
            Some("abhaAddress: Invalid address"),
        ),
        (
            r#"{"timestamp":1790000000,"path":"/x","status":500,"error":"Internal Server Error","requestId":"a-1"}"#,
            None,
            Some("Internal Server Error"),
        ),
        ("Access Denied", None, Some("Access Denied")),
        ("Forbidden\n", None, Some("Forbidden")),
        (r#""Forbidden""#, None, Some("Forbidden")),
        ("ABDM-9999: Invalid X Auth token", Some("ABDM-9999"), Some("Invalid X Auth token")),
        ("404 page not found", None, Some("404 page not found")),
        ("", None, None),
        ("  ", None, None),
        ("null", None, None),
        ("{}", None, None),
        ("[]", None, None),
        ("<html><body>503 Service Temporarily Unavailable</body></html>", None, None),
        (
            r#"[{"error":{"code":"2500","message":"Provided facility name is not matched"}}]"#,
            Some("2500"),
            Some("Provided facility name is not matched"),
        ),
        (
            r#"{"code":"HIS-400","message":"Bad","details":[{"code":"HIS-1070","message":"Facility","attribute":{"key":"k"}}]}"#,
            Some("HIS-1070"),
            Some("Facility"),
        ),
        (r#"{"code":"HIS-400","message":"Bad","details":[]}"#, Some("HIS-400"), Some("Bad")),
        (r#"{"error":null,"code":"ABDM-1000","message":"m"}"#, Some("ABDM-1000"), Some("m")),
        (r#"{"error":{"error":{"code":"ABDM-1000","message":"m"}}}"#, Some("ABDM-1000"), Some("m")),
        (r#"{"error":{"code":"","message":""}}"#, None, None),
        (r#"{"error":{"code":["x"],"message":{"a":1}}}"#, None, None),
    ] {
        assert_eq!(decoded(body), (code.map(str::to_owned), message.map(str::to_owned)), "{body}");
    }
    assert_eq!(decode(&[0xff, 0xfe, 0x00]).code, None);
}

#[test]
fn nothing_that_comes_breaks_the_decoder() {
    let deep = "[".repeat(50_000);
    let nested = format!("{}1{}", r#"{"error":"#.repeat(100), "}".repeat(100));
    for body in [deep.as_str(), &nested, "{\"error\":", "\u{0}", "\"\\ud800\""] {
        assert_eq!(decode(body.as_bytes()).code, None);
    }
}

#[test]
fn codes_lose_what_is_written_behind_them() {
    for (text, code) in [
        ("ABDM-1027: ", Some("ABDM-1027")),
        ("ABDM-1027:You are blocked", Some("ABDM-1027")),
        ("900901", Some("900901")),
        ("HIS-400", Some("HIS-400")),
        ("invalid_client", Some("invalid_client")),
        ("Bad Request", None),
        ("", None),
        (": ", None),
    ] {
        assert_eq!(normalise_code(text).as_deref(), code, "{text}");
    }
}

const MIN_7: Retry = Retry::After(Duration::from_mins(7));
const DAY: Retry = Retry::Blocked(Duration::from_hours(24));

/// What came back from which call, and what follows.
type Case = (Op, Option<u16>, &'static str, &'static str, Retry);

#[rustfmt::skip]
const CASES: &[Case] = &[
    // Statuses without a code.
    (Op::LinkCareContexts, Some(400), "", "", Retry::Never),
    (Op::LinkCareContexts, Some(401), "", "", Retry::Never),
    (Op::LinkCareContexts, Some(403), "", "Access Denied", Retry::Never),
    (Op::LinkCareContexts, Some(404), "404", "Runtime Error", Retry::Never),
    (Op::OnShare, Some(408), "", "", Retry::Later),
    (Op::OnShare, Some(429), "", "", Retry::Later),
    (Op::OnInit, Some(500), "", "Internal Server Error", Retry::Later),
    (Op::OnInit, Some(502), "", "", Retry::Later),
    (Op::OnInit, Some(503), "", "", Retry::Later),
    (Op::OnInit, Some(302), "", "", Retry::Never),
    (Op::OnInit, None, "", "", Retry::Never),
    // The session.
    (Op::GenerateToken, Some(401), "900901", "Invalid Credentials", Retry::RefreshSession),
    (Op::GenerateToken, Some(401), "900902", "Missing Credentials", Retry::RefreshSession),
    (Op::Session, Some(401), "900901", "Invalid Credentials", Retry::Never),
    (Op::Session, Some(400), "1921", "wrong client id", Retry::Never),
    (Op::Session, Some(400), "1922", "wrong secret", Retry::Never),
    (Op::Session, Some(400), "ABDM-9999", "invalid user credentials", Retry::Never),
    (Op::Session, Some(503), "ABDM-1024", "Dependent service unavailable", Retry::Later),
    (Op::OnDiscover, Some(500), "900900", "Unclassified Authentication Failure", Retry::Later),
    (Op::OnDiscover, Some(500), "303001", "Endpoint [ State : SUSPENDED ]", Retry::Later),
    // The link token.
    (Op::GenerateToken, Some(400), "ABDM-1092", "Duplicate Link token request", MIN_7),
    (Op::GenerateToken, None, "ABDM-1027", "You are blocked. Please try again after 24 hours.", DAY),
    (Op::GenerateToken, Some(429), "ABDM-1027", "You are blocked.", DAY),
    (Op::GenerateToken, None, "ABDM-1036", "Data does not matched", Retry::Never),
    (Op::GenerateToken, None, "ABDM-1043", "ABHA Address does not match with KYC details.", Retry::Never),
    (Op::GenerateToken, None, "ABDM-1051", "Invalid ABHA Number or ABHA Address", Retry::Never),
    (Op::GenerateToken, None, "ABDM-1024", "Dependent service unavailable", Retry::Later),
    (Op::GenerateToken, Some(400), "ABDM-1035", "Invalid HIP ID", Retry::Never),
    (Op::GenerateToken, Some(400), "ABDM-9999", "User not found", Retry::Never),
    (Op::GenerateToken, None, "ABDM-1407", "deactivated", Retry::Never),
    // Linking.
    (Op::LinkCareContexts, None, "ABDM-1026", "Invalid Link Token", Retry::TokenInvalid),
    (
        Op::LinkCareContexts,
        None,
        "ABDM-1038",
        "ABHA address and Link token mismatch",
        Retry::TokenInvalid,
    ),
    (Op::LinkCareContexts, None, "ABDM-1063", "HIP Id mismatch with Link token", Retry::TokenInvalid),
    (Op::LinkCareContexts, Some(400), "ABDM-9999", "Invalid X Auth token", Retry::TokenInvalid),
    (Op::LinkCareContexts, None, "ABDM-1062", "ABHA number mismatch with Link token", Retry::Never),
    (Op::LinkCareContexts, None, "ABDM-1037", "Counter and Care context count mismatch", Retry::Never),
    (Op::LinkCareContexts, Some(400), "ABDM-9999", "Duplicate HIP link request", Retry::AlreadyDone),
    (Op::LinkCareContexts, Some(400), "ABDM-1090", "Duplicate HIP link request", Retry::AlreadyDone),
    (
        Op::LinkCareContexts,
        None,
        "ABDM-1056",
        "This care contexts has been already linked",
        Retry::AlreadyDone,
    ),
    (Op::LinkCareContexts, None, "ABDM-1056", "Invalid Link Reference Number", Retry::Never),
    (Op::LinkCareContexts, Some(400), "ABDM-1006", "Invalid HIType", Retry::Never),
    // The context notify.
    (
        Op::ContextNotify,
        None,
        "ABDM-1006",
        "No care context linked with given reference number",
        Retry::NotYet,
    ),
    (
        Op::ContextNotify,
        None,
        "ABDM-1006",
        "No links found for the patient in the given HIP",
        Retry::NotYet,
    ),
    (Op::ContextNotify, None, "ABDM-1006", "Invalid HIType", Retry::Never),
    (
        Op::LinkCareContexts,
        None,
        "ABDM-1006",
        "No care context linked with given reference number",
        Retry::Never,
    ),
    // Replies that ABDM has.
    (Op::OnDiscover, Some(400), "ABDM-1106", "Duplicate On discovery request", Retry::AlreadyDone),
    (Op::OnInit, Some(400), "ABDM-1107", "Duplicate On init request", Retry::AlreadyDone),
    (Op::OnConfirm, Some(400), "ABDM-1108", "Duplicate On confirm request", Retry::AlreadyDone),
    (Op::OnConfirm, Some(400), "ABDM-1108", "Notification DB service unavailable", Retry::Later),
    (Op::OnDiscover, Some(400), "ABDM-1109", "ABHA DB service unavailable", Retry::Later),
    (Op::OnDiscover, Some(400), "ABDM-1109", "Invalid On discovery response", Retry::Never),
    (Op::OnRequest, Some(400), "ABDM-1113", "Duplicate health information", Retry::AlreadyDone),
    (
        Op::TransferNotify,
        Some(400),
        "ABDM-1101",
        "Duplicate Health Information request",
        Retry::AlreadyDone,
    ),
    (Op::OnInit, Some(400), "ABDM-1106", "Duplicate On discovery request", Retry::Never),
    (Op::GenerateToken, Some(400), "ABDM-1101", "", Retry::Never),
    // Replies that came too late.
    (Op::OnInit, Some(400), "ABDM-9999", "Invalid Transaction ID / Transaction expired.", Retry::Never),
    (Op::OnShare, Some(400), "ABDM-1052", "Invalid TransactionId or response's requestId", Retry::Never),
    (Op::OnShare, Some(404), "ABDM-2500", "No mapping found for", Retry::Never),
    (Op::ConsentOnNotify, Some(400), "ABDM-1006", "RequestId cannot be NULL or Blank", Retry::Never),
    // Headers.
    (Op::OnShare, Some(400), "ABDM-1016", "Invalid TimeStamp", Retry::Later),
    (Op::OnShare, Some(400), "ABDM-2402", "Invalid Timestamp", Retry::Later),
    (Op::OnShare, Some(400), "ABDM-2403", "Invalid X-CM-ID", Retry::Never),
    (Op::OnShare, Some(400), "ABDM-2404", "Invalid Request Id", Retry::Never),
    (Op::OnShare, Some(400), "ABDM-1064", "request with this request id already exists", Retry::Never),
    // The codes that are worth another try, whatever the status.
    (Op::SmsNotify, Some(400), "ABDM-1000", "", Retry::Later),
    (Op::SmsNotify, Some(408), "ABDM-1007", "", Retry::Later),
    (Op::SmsNotify, None, "ABDM-1011", "", Retry::Later),
    (Op::SmsNotify, None, "ABDM-1019", "", Retry::Later),
    (Op::SmsNotify, None, "ABDM-1024", "", Retry::Later),
    (Op::SmsNotify, None, "ABDM-1029", "", Retry::Later),
    (Op::SmsNotify, None, "ABDM-1034", "", Retry::Later),
    (Op::SmsNotify, None, "ABDM-1048", "", Retry::Later),
    (Op::SmsNotify, Some(429), "ABDM-1022", "Too many requests", Retry::Later),
    (Op::SmsNotify, None, "ABDM-2429", "Too many requests found", Retry::Later),
    (Op::SmsNotify, Some(400), "ABDM-9999", "Dependent service unavailable", Retry::Never),
    (Op::LinkFacility, Some(200), "HIS-1070", "", Retry::Never),
];

#[test]
fn whether_to_try_again_follows_from_operation_status_code_and_words() {
    for (operation, status, code, message, retry) in CASES {
        let code = (!code.is_empty()).then_some(*code);
        let got = classify(*operation, *status, code, Some(message));
        assert_eq!(got, *retry, "{operation:?} {status:?} {code:?} {message}");
    }
}

/// The code list of M2 as published in September 2026, with what is not in it and has been seen.
const PUBLISHED: [&str; 88] = [
    "1000", "1001", "1004", "1006", "1007", "1008", "1010", "1011", "1012", "1013", "1015", "1016", "1017",
    "1018", "1019", "1020", "1022", "1023", "1024", "1025", "1026", "1027", "1028", "1029", "1030", "1031",
    "1032", "1033", "1034", "1035", "1036", "1037", "1038", "1040", "1041", "1042", "1043", "1044", "1045",
    "1046", "1047", "1048", "1049", "1050", "1051", "1052", "1055", "1056", "1057", "1059", "1060", "1061",
    "1062", "1063", "1064", "1065", "1066", "1067", "1084", "1085", "1086", "1087", "1090", "1091", "1092",
    "1093", "1094", "1095", "1101", "1102", "1103", "1104", "1105", "1106", "1107", "1108", "1109", "1110",
    "1111", "1112", "1113", "1149", "1150", "1170", "1201", "1401", "1402", "1407",
];

#[test]
fn every_published_code_is_explained_in_a_sentence_and_none_by_its_number() {
    let general = ["2401", "2402", "2403", "2404", "2406", "2429", "2500"];
    for code in PUBLISHED.iter().chain(&general) {
        let code = format!("ABDM-{code}");
        for operation in Op::ALL {
            let text = explain(operation, Some(400), Some(&code), None);
            assert!(text.ends_with('.') && !text.contains(&code), "{operation:?} {code}: {text}");
            assert!(!text.contains("  "), "{text}");
        }
    }
    assert!(explain(Op::OnInit, None, Some("ABDM-4242"), Some("new")).contains("ABDM-4242"));
}

#[test]
fn no_operation_tries_a_4xx_validation_error_again() {
    for operation in Op::ALL {
        for code in ["ABDM-1006", "ABDM-1010", "ABDM-1013", "ABDM-1031", "ABDM-2403", "ABDM-9999"] {
            assert_eq!(classify(operation, Some(400), Some(code), Some("Invalid")), Retry::Never);
        }
        assert_eq!(
            classify(operation, Some(401), None, None),
            Retry::Never,
            "an empty 401 is a missing header"
        );
    }
}

#[test]
fn a_refusal_keeps_everything_and_shows_little() {
    let body = br#"{"error":{"code":"ABDM-1022: ","message":"Too many, Ramesh"}}"#;
    let answer = Answer {
        status: 429,
        body,
        retry_after: Some(Duration::from_secs(30)),
        correlation_id: Some("c-1"),
        activity_id: Some("a-1"),
    };
    let failure = Failure::refused(Op::OnShare, answer);
    assert_eq!(failure.code.as_deref(), Some("ABDM-1022"));
    assert_eq!(failure.message.as_deref(), Some("Too many, Ramesh"));
    assert_eq!(failure.retry, Retry::After(Duration::from_secs(30)));
    assert_eq!(failure.delivery, Delivery::Refused);
    assert_eq!(failure.correlation_id.as_deref(), Some("c-1"));
    assert_eq!(failure.activity_id.as_deref(), Some("a-1"));
    assert_eq!(failure.raw, body);
    assert!(!format!("{failure:?} {failure}").contains("Ramesh"));
    assert!(failure.to_string().ends_with("(ABDM-1022, HTTP 429)"));
    let now = Timestamp::UNIX_EPOCH;
    assert_eq!(failure.not_before(now), Some(Timestamp::from_second(30).unwrap()));
}

#[test]
fn retry_after_shortens_no_block_and_revives_no_refusal() {
    let answer = |status, body| Answer {
        status,
        body,
        retry_after: Some(Duration::from_secs(1)),
        ..Answer::default()
    };
    let blocked = Failure::refused(Op::GenerateToken, answer(429, br#"{"error":{"code":"ABDM-1027"}}"#));
    assert_eq!(blocked.retry, DAY);
    let invalid = Failure::refused(Op::GenerateToken, answer(400, b""));
    assert_eq!(invalid.retry, Retry::Never);
}

#[test]
fn a_time_out_inside_abdm_leaves_the_effect_open() {
    for (status, delivery) in [
        (400, Delivery::Refused),
        (503, Delivery::Refused),
        (504, Delivery::Unknown),
        (408, Delivery::Unknown),
    ] {
        assert_eq!(
            Failure::refused(Op::SmsNotify, Answer { status, ..Answer::default() }).delivery,
            delivery
        );
    }
}

#[test]
fn an_error_in_a_callback_has_the_same_shape() {
    let error = ReceivedError {
        code: Some("ABDM-1038: ".to_owned()),
        message: Some("ABHA address and Link token mismatch".to_owned()),
    };
    let failure = callback_failure(Op::LinkCareContexts, &error);
    assert_eq!(failure.code.as_deref(), Some("ABDM-1038"));
    assert_eq!(failure.retry, Retry::TokenInvalid);
    assert_eq!(failure.delivery, Delivery::Refused);
    assert_eq!(callback_failure(Op::SmsNotify, &ReceivedError::default()).retry, Retry::Never);
}

#[test]
fn silence_is_explained_by_its_likely_cause() {
    let failure = Failure::overdue(Op::LinkCareContexts);
    assert!(failure.explanation.contains("HIP id") && failure.explanation.contains("on_carecontext"));
    assert_eq!(failure.delivery, Delivery::Unknown);
    assert_eq!(failure.not_before(Timestamp::UNIX_EPOCH), None);
}

proptest! {
    #[test]
    fn any_body_at_any_status_becomes_a_failure(body in any::<Vec<u8>>(), status: u16, which in 0..Op::ALL.len()) {
        let failure = Failure::refused(Op::ALL[which], Answer { status, body: &body, ..Answer::default() });
        prop_assert!(!failure.explanation.is_empty());
        prop_assert_eq!(&failure.raw, &body);
    }

    #[test]
    fn any_json_is_decoded(text in r#"[\[{"a-z:,\]} 0-9]{0,60}"#, code in "[A-Z]{0,5}-?[0-9]{0,6}(: )?") {
        prop_assert!(decode(text.as_bytes()).message.is_none_or(|words| !words.is_empty()));
        let body = format!(r#"{{"error":{{"code":"{code}","message":"m"}}}}"#);
        let decoded = decode(body.as_bytes());
        prop_assert!(decoded.code.is_none_or(|code| !code.ends_with([':', ' '])));
    }
}
