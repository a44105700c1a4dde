//! Calls to the gateway: what is sent, and what is made of the answers.

use std::sync::Arc;
use std::time::Duration;

use abdm::client::{Call, ClientError, Gateway, GatewayConfig};
use abdm::clock::ManualClock;
use abdm::error::{Delivery, Retry};
use abdm::id::{LinkToken, RequestId};
use abdm::path::Operation;
use abdm::wire::bridge::LinkFacility;
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;

use crate::server::{Answer, Server, answer};

pub const LINK: &str = "/api/hiecm/hip/v3/link/carecontext";

pub fn config(base_url: &str) -> GatewayConfig {
    GatewayConfig {
        base_url: base_url.parse().unwrap(),
        registry_url: Some(format!("{base_url}/registry/").parse().unwrap()),
        cm_id: "sbx".to_owned(),
        client_id: "SBX_000000".to_owned(),
        client_secret: "s3cret".to_owned().into(),
        timeout: Duration::from_secs(10),
        allow_insecure: true,
    }
}

pub fn clock() -> ManualClock {
    ManualClock::at("2026-09-16T10:12:48.483999Z".parse().unwrap())
}

pub async fn gateway() -> (Server, Arc<Gateway>, ManualClock) {
    let (server, clock) = (Server::start().await, clock());
    let gateway = Gateway::new(config(&server.url("")), Arc::new(clock.clone())).unwrap();
    (server, Arc::new(gateway), clock)
}

pub fn link() -> Call {
    Call::new(Operation::LinkCareContexts, RequestId::random())
        .hip_id("IN2810014366".parse().unwrap())
        .link_token(LinkToken::from("link.token.x"))
        .body(r#"{"abhaAddress":"ramesh@sbx"}"#)
}

#[tokio::test]
async fn a_call_carries_the_standard_headers_and_its_own() {
    let (server, gateway, _) = gateway().await;
    let call = link();
    let accepted = gateway.send(&call).await.unwrap();
    assert_eq!(accepted.status, 202);

    let asked = server.asked(LINK).pop().unwrap();
    assert_eq!(asked.method, "POST");
    assert_eq!(asked.body, r#"{"abhaAddress":"ramesh@sbx"}"#);
    for (name, value) in [
        ("authorization", "Bearer session-1"),
        ("request-id", &call.request_id.to_string()),
        ("timestamp", "2026-09-16T10:12:48.483Z"),
        ("x-cm-id", "sbx"),
        ("x-hip-id", "IN2810014366"),
        ("x-link-token", "link.token.x"),
        ("content-type", "application/json"),
    ] {
        assert_eq!(asked.header(name), Some(value), "{name}");
    }
    assert_eq!(asked.header("x-hiu-id"), None);
}

#[tokio::test]
async fn a_session_is_asked_for_without_authorization() {
    let (server, gateway, _) = gateway().await;
    gateway.session().await.unwrap();
    let asked = server.asked(crate::server::SESSIONS).pop().unwrap();
    assert_eq!(asked.header("authorization"), None);
    assert!(asked.header("request-id").unwrap().parse::<RequestId>().is_ok());
    assert_eq!(
        asked.body,
        r#"{"clientId":"SBX_000000","clientSecret":"s3cret","grantType":"client_credentials"}"#
    );
}

#[tokio::test]
async fn a_call_that_lacks_something_is_not_sent() {
    let (server, gateway, _) = gateway().await;
    for call in [
        Call { hip_id: None, ..link() },
        Call { link_token: None, ..link() },
        Call::new(Operation::TransferStatus, RequestId::random()),
        Call::new(Operation::TransferStatus, RequestId::random()).path_id("../x"),
        Call::new(Operation::TransferStatus, RequestId::random()).path_id(".."),
    ] {
        let failure = gateway.send(&call).await.unwrap_err();
        assert_eq!((failure.delivery, failure.retry), (Delivery::NotSent, Retry::Never));
    }
    let token = link().link_token(LinkToken::from("a\r\nX-CM-ID: abdm"));
    assert_eq!(gateway.send(&token).await.unwrap_err().delivery, Delivery::NotSent);
    assert_eq!(server.asked(LINK).len(), 0);
}

#[tokio::test]
async fn any_2xx_is_an_acceptance_and_its_traces_are_kept() {
    let (server, gateway, _) = gateway().await;
    for status in [200, 202, 204] {
        let headers = vec![("correlation-id", "c-1"), ("activityid", "a-1")];
        server.will(Answer { headers, ..answer(status, "") });
        let accepted = gateway.send(&link()).await.unwrap();
        assert_eq!(accepted.status, status);
        assert_eq!(accepted.correlation_id.as_deref(), Some("c-1"));
        assert_eq!(accepted.activity_id.as_deref(), Some("a-1"));
    }
}

#[tokio::test]
async fn odd_answers_become_failures_with_their_code_and_class() {
    let (server, gateway, _) = gateway().await;
    let long = "x".repeat(6 << 20);
    let cases = [
        (answer(400, ""), None, Retry::Never),
        (
            answer(400, r#"{"error":{"code":"ABDM-9999: ","message":"Duplicate HIP link request"}}"#),
            Some("ABDM-9999"),
            Retry::AlreadyDone,
        ),
        (answer(400, r#"[{"error":{"code":"ABDM-1006","message":"x"}}]"#), Some("ABDM-1006"), Retry::Never),
        (answer(401, ""), None, Retry::Never),
        (answer(403, "Access Denied"), None, Retry::Never),
        (
            answer(404, r#"{"code":"404","type":"x","message":"Runtime Error","description":"y"}"#),
            Some("404"),
            Retry::Never,
        ),
        (answer(500, r#"{"code":"303001","message":"[ State : SUSPENDED ]"}"#), Some("303001"), Retry::Later),
        (answer(503, "<html><body>down</body></html>"), None, Retry::Later),
        (answer(500, &*long), None, Retry::Later),
        (answer(599, "\u{0}\u{0}"), None, Retry::Later),
        (
            Answer { headers: vec![("retry-after", "7")], ..answer(429, "") },
            None,
            Retry::After(Duration::from_secs(7)),
        ),
        (
            Answer { headers: vec![("retry-after", "Wed, 16 Sep 2026 10:13:48 GMT")], ..answer(503, "") },
            None,
            Retry::After(Duration::from_micros(59_516_001)),
        ),
        (
            Answer { headers: vec![("location", "http://127.0.0.1:1/")], ..answer(302, "") },
            None,
            Retry::Never,
        ),
    ];
    for (answer, code, retry) in cases {
        let (status, body) = (answer.status, answer.body.clone());
        server.will(answer);
        let failure = gateway.send(&link()).await.unwrap_err();
        assert_eq!(failure.status, Some(status));
        assert_eq!(failure.code.as_deref(), code, "{status}");
        assert_eq!(failure.retry, retry, "{status} {code:?}");
        assert_eq!(failure.raw.len(), body.len().min(4 << 20));
    }
    assert_eq!(server.sessions(), 1, "none of these cost the session");
}

#[tokio::test]
async fn nobody_there_is_not_sent_and_a_cut_after_sending_is_unknown() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let gateway = Gateway::new(config(&format!("http://{address}")), Arc::new(clock())).unwrap();
    let failure = gateway.session().await.unwrap_err();
    assert_eq!((failure.delivery, failure.retry), (Delivery::NotSent, Retry::Later));
    assert!(failure.explanation.contains("No connection"));

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let _ = socket.read(&mut [0; 1024]).await;
        }
    });
    let gateway = Gateway::new(config(&format!("http://{address}")), Arc::new(clock())).unwrap();
    let failure = gateway.session().await.unwrap_err();
    assert_eq!((failure.delivery, failure.retry), (Delivery::Unknown, Retry::Later));
}

#[tokio::test]
async fn silence_after_sending_is_unknown() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let config =
        GatewayConfig { timeout: Duration::from_millis(300), ..config(&format!("http://{address}")) };
    let gateway = Gateway::new(config, Arc::new(clock())).unwrap();
    let failure = gateway.session().await.unwrap_err();
    assert_eq!((failure.delivery, failure.retry), (Delivery::Unknown, Retry::Later));
    drop(listener);
}

#[tokio::test]
async fn keys_services_and_bridge_are_read_and_written() {
    let (server, gateway, _) = gateway().await;
    server.will(answer(
        200,
        r#"{"keys":[{"kid":"a","kty":"RSA","use":"sig","alg":"RS256","n":"AQ","e":"AQAB","x5c":["x"]}]}"#,
    ));
    let keys = gateway.certs().await.unwrap();
    assert_eq!(keys.keys[0].kid.as_deref(), Some("a"));
    assert_eq!(
        server.asked("/api/hiecm/gateway/v3/certs")[0].header("authorization"),
        Some("Bearer session-1")
    );

    server.will(answer(200, "<html>"));
    let failure = gateway.certs().await.unwrap_err();
    assert_eq!((failure.status, failure.retry), (Some(200), Retry::Later));

    server.will(answer(204, ""));
    assert!(gateway.bridge_services().await.unwrap().services.is_empty());
    server.will(answer(200, r#"{"bridge":{"url":"https://x"},"services":[{"id":"IN1_1","types":["HIP"]}]}"#));
    assert_eq!(gateway.bridge_services().await.unwrap().services[0].id.as_deref(), Some("IN1_1"));

    gateway.set_bridge_url("https://hip.example.org").await.unwrap();
    let asked = server.asked("/api/hiecm/gateway/v3/bridge/url").pop().unwrap();
    assert_eq!(
        (asked.method.as_str(), asked.body.as_str()),
        ("PATCH", r#"{"url":"https://hip.example.org"}"#)
    );
}

#[tokio::test]
async fn the_registry_fails_with_200_and_is_found_out() {
    let (server, gateway, _) = gateway().await;
    let facility = || LinkFacility {
        facility_id: "IN2810014366".parse().unwrap(),
        facility_name: "Example Hospital".to_owned(),
        services: Vec::new(),
    };
    let path = "/registry/v1/bridges/MutipleHRPAddUpdateServices";
    server.will(answer(200, r#"[{"error":{"code":"2500","message":"name"}}]"#));
    let failure = gateway.link_facility(&facility()).await.unwrap_err();
    assert_eq!((failure.status, failure.code.as_deref()), (Some(200), Some("2500")));
    server.will(answer(
        200,
        r#"{"code":"HIS-400","message":"m","details":[{"code":"HIS-1070","message":"n"}]}"#,
    ));
    assert_eq!(gateway.link_facility(&facility()).await.unwrap_err().code.as_deref(), Some("HIS-1070"));
    server.will(answer(200, r#"[{"facilityId":"IN2810014366"}]"#));
    assert!(gateway.link_facility(&facility()).await.is_ok());
    assert_eq!(server.asked(path).len(), 3);
}

#[test]
fn addresses_in_the_clear_or_with_more_than_an_address_are_refused() {
    let gateway = |url: &str, allow_insecure| {
        let config = GatewayConfig { registry_url: None, allow_insecure, ..config(url) };
        Gateway::new(config, Arc::new(clock())).map(drop)
    };
    assert!(gateway("https://dev.abdm.gov.in", false).is_ok());
    assert!(matches!(gateway("http://127.0.0.1:1", false), Err(ClientError::Insecure(_))));
    for url in ["https://u:p@host", "https://host?x=1", "https://host#x", "ftp://host", "data:x"] {
        let refused = url.parse().map_or(true, |base_url| {
            let config = GatewayConfig { base_url, registry_url: None, ..config("http://h") };
            matches!(Gateway::new(config, Arc::new(clock())), Err(ClientError::Address(_)))
        });
        assert!(refused, "{url}");
    }
}

#[tokio::test]
async fn debug_output_holds_no_secret() {
    let (_, gateway, _) = gateway().await;
    gateway.session().await.unwrap();
    let shown = format!("{gateway:?} {:?}", link());
    for secret in ["s3cret", "session-1", "link.token", "ramesh"] {
        assert!(!shown.contains(secret), "{shown}");
    }
}
