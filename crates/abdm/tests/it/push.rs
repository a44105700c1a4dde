//! Pushing pages to addresses that a stranger named.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use abdm::error::{Delivery, Retry};
use abdm::push::{Parts, PushUrlRefused, Pusher, PusherConfig};
use futures_util::stream;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::server::{Answer, Server, answer};

fn pusher(allow_insecure: bool) -> Pusher {
    Pusher::new(PusherConfig { timeout: Duration::from_secs(10), allow_insecure }).unwrap()
}

fn session() -> secrecy::SecretString {
    "session-1".to_owned().into()
}

#[tokio::test]
async fn a_page_is_posted_with_the_session_token() {
    let server = Server::start().await;
    let accepted = pusher(true).push(&server.url("/data/push?id=7"), &session(), "{}").await.unwrap();
    assert_eq!(accepted.status, 202);
    let asked = server.asked("/data/push").pop().unwrap();
    assert_eq!((asked.method.as_str(), asked.body.as_str()), ("POST", "{}"));
    assert_eq!(asked.header("authorization"), Some("Bearer session-1"));
    assert_eq!(asked.header("content-type"), Some("application/json"));
}

#[tokio::test]
async fn a_page_may_be_streamed() {
    let server = Server::start().await;
    let parts = stream::iter((0..1000).map(|_| Ok::<_, std::io::Error>(vec![b'x'; 1024])));
    let body = reqwest::Body::wrap_stream(parts);
    pusher(true).push(&server.url("/push"), &session(), body).await.unwrap();
    assert_eq!(server.asked("/push")[0].body.len(), 1_024_000);
}

#[tokio::test]
async fn an_address_inside_is_refused_before_anything_is_sent() {
    let server = Server::start().await;
    let strict = pusher(false);
    for url in [
        server.url("/push"),
        format!("https://127.0.0.1:{}/push", server.port()),
        format!("https://localhost:{}/push", server.port()),
        format!("https://[::1]:{}/push", server.port()),
        format!("https://2130706433:{}/push", server.port()),
        "https://169.254.169.254/latest".to_owned(),
    ] {
        let failure = strict.push(&url, &session(), "{}").await.unwrap_err();
        assert_eq!((failure.delivery, failure.retry), (Delivery::NotSent, Retry::Never), "{url}");
        assert!(strict.screen(&url).await.is_err(), "{url}");
    }
    let loose = pusher(true);
    assert_eq!(loose.screen("http://169.254.169.254/latest").await, Err(PushUrlRefused::Address));
    let failure = loose.push("http://169.254.169.254/latest", &session(), "{}").await.unwrap_err();
    assert_eq!(failure.delivery, Delivery::NotSent);
    assert!(loose.screen(&server.url("/push")).await.is_ok());
    assert_eq!(server.asked("/push").len(), 0);
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let (server, inside) = (Server::start().await, Server::start().await);
    let location: &'static str = Box::leak(inside.url("/secret").into_boxed_str());
    for status in [301, 302, 303, 307, 308] {
        server.will(Answer { headers: vec![("location", location)], ..answer(status, "") });
        let failure = pusher(true).push(&server.url("/push"), &session(), "{}").await.unwrap_err();
        assert_eq!((failure.status, failure.retry), (Some(status), Retry::Never));
    }
    assert_eq!(inside.asked("/secret").len(), 0);
}

#[tokio::test]
async fn refusals_are_classed_and_kept() {
    let server = Server::start().await;
    for (status, retry) in
        [(400, Retry::Never), (401, Retry::Later), (404, Retry::Never), (503, Retry::Later)]
    {
        server.will(answer(status, r#"{"error":{"code":"ABDM-1031","message":"no"}}"#));
        let failure = pusher(true).push(&server.url("/push"), &session(), "{}").await.unwrap_err();
        assert_eq!(
            (failure.status, failure.retry, failure.delivery),
            (Some(status), retry, Delivery::Refused)
        );
        assert_eq!(failure.code.as_deref(), Some("ABDM-1031"));
    }
}

#[tokio::test]
async fn an_endless_answer_is_cut() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/push", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        let _ = socket.read(&mut [0; 4096]).await;
        socket.write_all(b"HTTP/1.1 400 Bad\r\ntransfer-encoding: chunked\r\n\r\n").await.unwrap();
        while socket.write_all(b"400\r\n").await.is_ok()
            && socket.write_all(&[b'x'; 1024]).await.is_ok()
            && socket.write_all(b"\r\n").await.is_ok()
        {}
    });
    let failure = pusher(true).push(&url, &session(), "{}").await.unwrap_err();
    assert_eq!(failure.raw.len(), 64 << 10);
}

#[tokio::test]
async fn nobody_there_is_not_sent_and_a_cut_is_unknown() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/push", listener.local_addr().unwrap());
    let cut = tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        let _ = socket.read(&mut [0; 4096]).await;
    });
    let failure = pusher(true).push(&url, &session(), "{}").await.unwrap_err();
    assert_eq!((failure.delivery, failure.retry), (Delivery::Unknown, Retry::Later));
    cut.await.unwrap();
    let failure = pusher(true).push(&url, &session(), "{}").await.unwrap_err();
    assert_eq!((failure.delivery, failure.retry), (Delivery::NotSent, Retry::Later));
}

#[tokio::test]
async fn a_name_that_cannot_be_resolved_is_let_through_the_screen_and_fails_unsent() {
    let strict = pusher(false);
    let url = "https://no-such-host.invalid/push";
    assert!(strict.screen(url).await.is_ok());
    let failure = strict.push(url, &session(), "{}").await.unwrap_err();
    assert_eq!((failure.delivery, failure.retry), (Delivery::NotSent, Retry::Later));
}

/// What arrives at a listener that answers every request, and how the push went.
async fn behind(may: bool) -> (String, bool) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/push", listener.local_addr().unwrap());
    let arrived = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut all = Vec::new();
        loop {
            let read = stream.read_buf(&mut all).await.unwrap_or(0);
            if read == 0 || all.ends_with(b"page") {
                let _ = stream.write_all(b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n").await;
                return String::from_utf8(all).unwrap();
            }
        }
    });
    let page = Parts::new(["the ", "page"].map(bytes::Bytes::from)).behind(async move { may });
    let pushed = pusher(true).push(&url, &session(), page).await;
    (arrived.await.unwrap(), pushed.is_ok())
}

#[tokio::test]
async fn nothing_of_a_page_leaves_when_its_gate_says_no() {
    let (arrived, pushed) = behind(true).await;
    assert!(
        pushed && arrived.contains("content-length: 8\r\n") && arrived.ends_with("the page"),
        "{arrived}"
    );
    let (arrived, pushed) = behind(false).await;
    assert!(!pushed && !arrived.contains("the "), "{arrived}");
}

#[tokio::test]
async fn a_gate_is_not_asked_before_the_connection_stands() {
    let asked = Arc::new(AtomicBool::new(false));
    let ask = Arc::clone(&asked);
    let page = Parts::from(bytes::Bytes::from("page")).behind(async move {
        ask.store(true, Ordering::SeqCst);
        true
    });
    // Nobody listens at port 9.
    assert!(pusher(true).push("http://127.0.0.1:9/push", &session(), page).await.is_err());
    assert!(!asked.load(Ordering::SeqCst));
}
