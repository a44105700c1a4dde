//! What a callback must look like, where it is routed to, and what else the public listener answers: nothing.

use abdm::path::Callback;
use domain::facility::{Facility, Role};
use domain::link::LinkState;
use reqwest::{Method, StatusCode};
use sandbox::{CallbackFault, Fault, RawCallback, Verdict};
use serde_json::{Value, json};
use store::on_both_databases;
use uuid::Uuid;

use crate::callbacks::{CONSENT, grant, new_grant};
use crate::steps::{ON_GENERATE_TOKEN, ON_NOTIFY, ONE, http};
use crate::world::{FACILITY, PATIENCE, RAMESH, World};

const SERVED: [Callback; 5] = [
    Callback::OnGenerateToken,
    Callback::OnCareContext,
    Callback::OnContextNotify,
    Callback::ConsentNotify,
    Callback::HealthInformationRequest,
];

/// The code of a refusal in ABDM's shape, whose message ABDM would take.
fn code_of(said: &str) -> String {
    let said: Value = serde_json::from_str(said).unwrap();
    assert_eq!(said.as_object().unwrap().len(), 1, "{said}");
    let message = said["error"]["message"].as_str().unwrap();
    assert!((1..=255).contains(&message.len()), "{message}");
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-@,. \":".contains(c);
    assert!(message.chars().all(plain), "{message}");
    said["error"]["code"].as_str().unwrap().to_owned()
}

/// Bodies that are no message of any callback, each with what is wrong.
fn malformed() -> Vec<(&'static str, Vec<u8>)> {
    let deep = |open: &str, close: &str| format!("{}{}", open.repeat(100_000), close.repeat(100_000));
    let brackets = deep("[", "]");
    let id = "3fa85f64-5717-4562-b3fc-2c963f66afa6";
    let with = |change: fn(&mut Value)| {
        let mut body = grant(id);
        change(&mut body["notification"]);
        body.to_string().into_bytes()
    };
    vec![
        ("empty", Vec::new()),
        ("spaces", b"   \n".to_vec()),
        ("cut", b"{\"notification\":{".to_vec()),
        ("null", b"null".to_vec()),
        ("text", b"\"GRANTED\"".to_vec()),
        ("number", b"1e999".to_vec()),
        ("array", b"[]".to_vec()),
        ("empty object", b"{}".to_vec()),
        ("not UTF-8", b"{\"notification\":\"\xff\xfe\"}".to_vec()),
        ("two", b"{}{}".to_vec()),
        ("form", b"notification=GRANTED".to_vec()),
        ("deep arrays", brackets.clone().into_bytes()),
        ("unclosed", "[".repeat(100_000).into_bytes()),
        ("deep objects", deep("{\"a\":", "").into_bytes()),
        ("deep member", format!("{{\"notification\":{brackets}}}").into_bytes()),
        (
            "deep detail",
            format!(
                "{{\"notification\":{{\"status\":\"GRANTED\",\"consentId\":\"{id}\",\"consentDetail\":{brackets}}}}}"
            )
            .into_bytes(),
        ),
        ("status a number", with(|body| body["status"] = 1.into())),
        ("status unknown", with(|body| body["status"] = "MAYBE".into())),
        ("consent id an object", with(|body| body["consentId"] = json!({}))),
        ("consent id two lines", with(|body| body["consentId"] = "a\nb".into())),
        ("detail a text", with(|body| body["consentDetail"] = "x".into())),
        ("no patient", with(|body| body["consentDetail"]["patient"] = Value::Null)),
        ("no range", with(|body| body["consentDetail"]["permission"]["dateRange"] = json!([]))),
        ("date no date", with(|body| body["consentDetail"]["permission"]["dataEraseAt"] = "soon".into())),
        ("types an object", with(|body| body["consentDetail"]["hiTypes"] = json!({"a": 1}))),
        ("contexts a text", with(|body| body["consentDetail"]["careContexts"] = "visit-1".into())),
    ]
}

impl World {
    /// Posts bytes as ABDM would, under this `REQUEST-ID`.
    async fn genuine(&self, path: &str, request_id: &str, body: Vec<u8>) -> (StatusCode, String) {
        let token = self.callback_token().await;
        let headers = [("authorization", token.as_str()), ("request-id", request_id), ("x-hip-id", FACILITY)];
        let answer = self.post(path, &headers, body).await;
        (answer.status(), answer.text().await.unwrap())
    }
}

on_both_databases! {
    async fn a_body_that_is_no_message_is_refused_and_the_bridge_lives_on(database: TestDatabase) {
        let world = World::on(database).await;
        let request_id = Uuid::new_v4().to_string();
        let token = world.callback_token().await;
        let headers = [("authorization", token.as_str()), ("request-id", &request_id), ("x-hip-id", FACILITY)];
        for (what, body) in malformed() {
            let answer = world.post(CONSENT, &headers, body).await;
            assert_eq!(answer.status(), 400, "{what}");
            assert_eq!(code_of(&answer.text().await.unwrap()), "ABDM-1006", "{what}");
        }
        for callback in SERVED {
            for body in ["", "{", "[]", "{}", "{\"response\":{\"requestId\":1.5e300}}"] {
                let answer = world.post(callback.path(), &headers, body).await;
                assert_eq!(answer.status(), 400, "{callback} {body}");
                assert_eq!(code_of(&answer.text().await.unwrap()), "ABDM-1006", "{callback} {body}");
            }
        }
        world.assert_untouched().await;

        let consent = Uuid::new_v4().to_string();
        let (status, said) = world.genuine(CONSENT, &request_id, grant(&consent).to_string().into()).await;
        assert_eq!((status, said.as_str()), (StatusCode::OK, ""));
        world.until_granted(&consent).await;
    }

    async fn a_body_above_the_limit_is_refused(database: TestDatabase) {
        let world = World::with(database, sandbox::SandboxConfig::default(), "server.callback_limit = \"4KiB\"").await;
        let (consent, request_id) = (Uuid::new_v4().to_string(), Uuid::new_v4().to_string());
        let body = grant(&consent).to_string();
        let padded = |to: usize| format!("{body}{}", " ".repeat(to - body.len())).into_bytes();
        let (status, said) = world.genuine(CONSENT, &request_id, padded(4097)).await;
        assert_eq!((status.as_u16(), code_of(&said).as_str()), (400, "ABDM-1006"));
        world.assert_untouched().await;
        let (status, _) = world.genuine(CONSENT, &request_id, padded(4096)).await;
        assert_eq!(status, StatusCode::OK);
        world.until_granted(&consent).await;
    }

    async fn a_callback_needs_a_request_id_that_is_one(database: TestDatabase) {
        let world = World::on(database).await;
        let (consent, callback) = new_grant();
        for bad in ["", "1", "not-a-uuid", "3fa85f64-5717-4562-b3fc-2c963f66afa6; DROP TABLE inbox"] {
            let mut callback = callback.clone();
            callback.headers.insert("request-id".to_owned(), bad.to_owned());
            let refused = world.callback(callback).await;
            assert_eq!((refused.status, code_of(&refused.answer).as_str()), (Some(400), "ABDM-2404"), "{bad:?}");
        }
        world.assert_untouched().await;
        assert_eq!(world.callback(callback).await.status, Some(200));
        world.until_granted(&consent).await;
    }

    async fn a_repeated_request_id_gets_the_same_answer_and_has_no_second_effect(database: TestDatabase) {
        let world = World::on(database).await;
        let (consent, callback) = new_grant();
        let callback = RawCallback { request_id: Some(Uuid::new_v4().to_string()), ..callback };
        let first = world.callback(callback.clone()).await;
        world.until_granted(&consent).await;
        let calls = world.until_calls(ON_NOTIFY, 1).await;
        // Whatever comes under a known id is known.
        let other = RawCallback { body: grant(&Uuid::new_v4().to_string()), ..callback.clone() };
        for again in [callback.clone().token("expired:964"), other, callback] {
            let again = world.callback(again).await;
            assert_eq!((again.status, &again.answer), (first.status, &first.answer));
        }
        // A later callback is dealt with after them.
        let (later, callback) = new_grant();
        world.callback(callback).await;
        world.until_granted(&later).await;
        assert_eq!(world.until_calls(ON_NOTIFY, calls.len() + 1).await.len(), calls.len() + 1);
        assert_eq!(world.stored_consents().await.len(), 2);
        assert_eq!(world.exchanges().await.len(), 2);
    }

    async fn every_callback_is_taken_with_and_without_api(database: TestDatabase) {
        let world = World::on(database).await;
        let response = json!({"requestId": Uuid::new_v4()});
        let transaction = Uuid::new_v4();
        let request = json!({"requestId": "", "timestamp": "", "transactionId": transaction, "hiRequest": {
            "consent": {"id": Uuid::new_v4()}, "dataPushUrl": "https://hiu.example.org/push",
            "dateRange": {"from": "2020-01-01T00:00:00.000Z", "to": "2021-01-01T00:00:00.000Z"},
            "keyMaterial": {"cryptoAlg": "ECDH", "curve": "Curve25519", "nonce": "AAAA", "dhPublicKey":
                {"expiry": "2027-01-01T00:00:00.000Z", "parameters": "", "keyValue": "AAAA"}}}});
        for callback in SERVED {
            for path in [callback.path(), callback.path_without_api()] {
                let body = match callback {
                    Callback::ConsentNotify => grant(&Uuid::new_v4().to_string()),
                    Callback::HealthInformationRequest => request.clone(),
                    Callback::OnContextNotify => json!({"acknowledgement": {"status": "SUCCESS"}, "response": response}),
                    _ => json!({"error": {"code": "ABDM-1024", "message": "x"}, "response": response}),
                };
                let taken = world.callback(RawCallback::new(path, FACILITY, body)).await;
                assert_eq!((taken.status, taken.answer.as_str()), (Some(200), ""), "{path}");
            }
        }
        world.until(async || Some(()).filter(|()| !world.calls(ON_NOTIFY).is_empty())).await;
    }

    async fn a_callback_reaches_the_facility_that_has_its_service(database: TestDatabase) {
        let world = World::on(database).await;
        let clinic = Facility {
            id: "IN2710000001".parse().unwrap(), name: "Kadi Demo Clinic".to_owned(), roles: vec![Role::Hip],
            hip_id: "IN2710000001_1".parse().unwrap(), hiu_id: "IN2710000001_1".parse().unwrap(),
            counters: Vec::new(),
        };
        let (consent, callback) = new_grant();
        let to = |service: &str| RawCallback { hip_id: service.to_owned(), ..callback.clone() };
        for unknown in ["IN0000000000", "IN2710000001_1", "in2810014366", "a b", "."] {
            let refused = world.callback(to(unknown)).await;
            assert_eq!((refused.status, code_of(&refused.answer).as_str()), (Some(404), "ABDM-1035"), "{unknown}");
        }
        world.assert_untouched().await;

        let mut tx = world.tx().await;
        tx.put_facility(&clinic).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(world.callback(to("IN2710000001")).await.status, Some(404), "the facility's id is not its service's");
        assert_eq!(world.callback(to("IN2710000001_1")).await.status, Some(200));
        let wanted = consent.parse().unwrap();
        world.until(async || world.read().await.consent(&clinic.id, &wanted).await.unwrap()).await;
        assert!(world.stored_consents().await.is_empty(), "nothing of it is the hospital's");
    }

    async fn without_a_service_a_result_finds_the_call_that_it_answers(database: TestDatabase) {
        let world = World::on(database).await;
        world.callback_faults(vec![Fault::always(CallbackFault::Lost).on(ON_GENERATE_TOKEN)]);
        let patient = world.patient("P1", RAMESH).await;
        world.visit(&patient, "visit-1", &ONE).await;
        let lost = world.sandbox.state().journal_of(ON_GENERATE_TOKEN, 1, PATIENCE).await.remove(0);
        assert_eq!(lost.verdict, Verdict::Faulted);
        let token = RawCallback::new(&lost.path, FACILITY, lost.body.clone());
        let unnamed = |mut callback: RawCallback| {
            callback.headers.insert("x-hip-id".to_owned(), String::new());
            callback
        };
        let mut stranger = token.clone();
        stranger.body["response"]["requestId"] = Uuid::new_v4().to_string().into();
        for unroutable in [stranger, new_grant().1] {
            let refused = world.callback(unnamed(unroutable)).await;
            assert_eq!((refused.status, code_of(&refused.answer).as_str()), (Some(400), "ABDM-1032"));
        }
        assert!(world.stored_consents().await.is_empty());
        assert_eq!(world.callback(unnamed(token)).await.status, Some(200));
        world.until_link(&patient, "visit-1", LinkState::Linked).await;
        world.assert_clean().await;
    }

    async fn nothing_but_callbacks_and_health_answers_on_the_public_listener(database: TestDatabase) {
        let world = World::on(database).await;
        let base = format!("http://{}", world.bridge.public);
        let token = world.callback_token().await;
        let ask = async |method: Method, path: &str| {
            let request = http().request(method, format!("{base}{path}")).header("authorization", &token);
            request.send().await.unwrap().status().as_u16()
        };
        assert_eq!(ask(Method::GET, "/healthz").await, 200);
        for path in [
            "/", "/v1/facilities", "/v1/exchanges", "/openapi.json", "/docs", "/metrics", "/readyz", "/console",
            "/sandbox/", "/api", "/api/v3", "/v3/", "/api/api/v3/link/on_carecontext", "/api/v3/link/on_carecontext/",
            "/API/v3/link/on_carecontext", "/api/v3/../v3/link/on_carecontextx", "/healthz/", "/healthz/x",
            "/v3/hip/token/../../../etc/passwd", "/%2e%2e/etc/passwd",
        ] {
            for method in [Method::GET, Method::POST, Method::PUT, Method::DELETE] {
                assert_eq!(ask(method.clone(), path).await, 404, "{method} {path}");
            }
        }
        for callback in SERVED {
            for path in [callback.path(), callback.path_without_api()] {
                for method in [Method::GET, Method::HEAD, Method::PUT, Method::PATCH, Method::DELETE, Method::OPTIONS] {
                    assert_eq!(ask(method.clone(), path).await, 405, "{method} {path}");
                }
            }
        }
        world.assert_untouched().await;
    }
}
