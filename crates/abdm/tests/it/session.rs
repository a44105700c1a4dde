//! The session token: when it is asked for, kept, renewed and dropped.

use std::sync::Arc;
use std::time::Duration;

use abdm::client::Gateway;
use abdm::error::{Delivery, Retry};
use futures_util::future::join_all;
use secrecy::ExposeSecret;

use crate::gateway::{LINK, config, gateway, link};
use crate::server::{answer, session};

async fn token(gateway: &Gateway) -> String {
    gateway.session().await.unwrap().expose_secret().to_owned()
}

const UNAUTHORIZED: &str = r#"{"code":"900901","message":"Invalid Credentials","description":"x"}"#;

#[tokio::test]
async fn many_calls_at_once_ask_for_one_session() {
    let (server, gateway, _) = gateway().await;
    let calls: Vec<_> = (0..30).map(|_| link()).collect();
    let outcomes = join_all(calls.iter().map(|call| gateway.send(call))).await;
    assert!(outcomes.iter().all(Result::is_ok));
    assert_eq!(server.sessions(), 1);
}

#[tokio::test]
async fn a_session_is_renewed_half_a_minute_before_its_end() {
    let (server, gateway, clock) = gateway().await;
    assert_eq!(token(&gateway).await, "session-1");
    clock.advance(Duration::from_secs(1169));
    assert_eq!(token(&gateway).await, "session-1");
    clock.advance(Duration::from_secs(1));
    assert_eq!(token(&gateway).await, "session-2");
    assert_eq!(server.sessions(), 2);
}

#[tokio::test]
async fn a_short_session_is_used_for_three_quarters_of_its_life() {
    let (server, gateway, clock) = gateway().await;
    server.will_session(session(7, 20));
    assert_eq!(token(&gateway).await, "session-7");
    clock.advance(Duration::from_secs(14));
    assert_eq!(token(&gateway).await, "session-7");
    clock.advance(Duration::from_secs(1));
    assert_eq!(token(&gateway).await, "session-1");
}

#[tokio::test]
async fn a_refused_session_is_dropped_and_the_caller_told_to_try_again_at_once() {
    let (server, gateway, _) = gateway().await;
    for code in ["900901", "900902"] {
        let before = server.sessions().max(1);
        server.will(answer(401, UNAUTHORIZED.replace("900901", code)));
        let failure = gateway.send(&link()).await.unwrap_err();
        assert_eq!((failure.retry, failure.delivery), (Retry::RefreshSession, Delivery::Refused));
        gateway.send(&link()).await.unwrap();
        assert_eq!(server.sessions(), before + 1);
    }
    let used: Vec<_> =
        server.asked(LINK).iter().map(|asked| asked.header("authorization").unwrap().to_owned()).collect();
    assert_eq!(used, ["Bearer session-1", "Bearer session-2", "Bearer session-2", "Bearer session-3"]);
    let ids: std::collections::HashSet<_> =
        server.asked(LINK).iter().map(|asked| asked.header("request-id").unwrap().to_owned()).collect();
    assert_eq!(ids.len(), 4, "each attempt under its own id");
}

#[tokio::test]
async fn an_empty_401_is_a_missing_header_and_costs_no_session() {
    let (server, gateway, _) = gateway().await;
    server.will(answer(401, ""));
    assert_eq!(gateway.send(&link()).await.unwrap_err().retry, Retry::Never);
    gateway.send(&link()).await.unwrap();
    assert_eq!(server.sessions(), 1);
}

#[tokio::test]
async fn a_broken_check_of_the_session_drops_it_and_waits() {
    let (server, gateway, _) = gateway().await;
    server.will(answer(500, UNAUTHORIZED.replace("900901", "900900")));
    assert_eq!(gateway.send(&link()).await.unwrap_err().retry, Retry::Later);
    gateway.send(&link()).await.unwrap();
    assert_eq!(server.sessions(), 2);
}

#[tokio::test]
async fn refused_credentials_are_not_hammered() {
    let (server, gateway, clock) = gateway().await;
    let wrong = || answer(400, r#"{"error":{"code":"1922","message":"wrong secret"}}"#);
    for _ in 0..3 {
        server.will_session(wrong());
    }
    let first = gateway.session().await.unwrap_err();
    assert_eq!((first.code.as_deref(), first.retry), (Some("1922"), Retry::Never));

    let failure = gateway.send(&link()).await.unwrap_err();
    assert_eq!((failure.delivery, failure.retry), (Delivery::NotSent, Retry::After(Duration::from_secs(1))));
    assert_eq!(failure.code.as_deref(), Some("1922"));
    assert_eq!(server.sessions(), 1, "held for a second");

    for (pause, asked) in [(1, 2), (1, 2), (1, 3), (3, 3), (1, 4)] {
        clock.advance(Duration::from_secs(pause));
        let _ = gateway.session().await;
        assert_eq!(server.sessions(), asked);
    }
    assert_eq!(token(&gateway).await, "session-1", "and mended by itself");
    assert_eq!(server.asked(LINK).len(), 0);
}

#[tokio::test]
async fn a_call_without_a_session_was_not_sent_and_is_due_later() {
    let (server, gateway, _) = gateway().await;
    server.will_session(answer(503, "<html>"));
    let failure = gateway.send(&link()).await.unwrap_err();
    assert_eq!((failure.delivery, failure.retry), (Delivery::NotSent, Retry::Later));
    assert_eq!(failure.status, Some(503));
}

#[tokio::test]
async fn a_session_that_cannot_be_renewed_is_used_to_its_end() {
    let (server, gateway, clock) = gateway().await;
    token(&gateway).await;
    clock.advance(Duration::from_secs(1180));
    server.will_session(answer(503, ""));
    assert_eq!(token(&gateway).await, "session-1");
    assert_eq!(token(&gateway).await, "session-1");
    assert_eq!(server.sessions(), 2, "a refused renewal pauses too");
    clock.advance(Duration::from_secs(20));
    assert_eq!(token(&gateway).await, "session-2");
}

#[tokio::test]
async fn a_session_that_cannot_be_read_is_a_failure() {
    let (server, gateway, _) = gateway().await;
    server.will_session(answer(202, r#"{"accessToken":null}"#));
    let failure = gateway.session().await.unwrap_err();
    assert_eq!((failure.status, failure.retry), (Some(202), Retry::Later));
}

#[tokio::test]
async fn a_gateway_under_a_path_is_called_under_it() {
    let (server, _, clock) = gateway().await;
    let gateway = Gateway::new(config(&server.url("/mirror/")), Arc::new(clock)).unwrap();
    server.will(session(1, 1200));
    gateway.session().await.unwrap();
    assert_eq!(server.asked("/mirror/api/hiecm/gateway/v3/sessions").len(), 1);
}
