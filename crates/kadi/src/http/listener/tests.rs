//! Peers that are slow, many, or too talkative. What they must wait for is real time, and short.

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::http::StatusCode;
use axum::routing::{get, post};
use rcgen::{CertificateParams, KeyPair};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::*;
use crate::tls::{Files, Keeper, server_config};

const LONG: Duration = Duration::from_hours(1);
const SHORT: Duration = Duration::from_millis(100);
const ASK: &[u8] = b"GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n";

struct Served {
    address: SocketAddr,
    stop: CancellationToken,
    ended: tokio::task::JoinHandle<()>,
    open: Open,
    _folder: tempfile::TempDir,
}

async fn served(settings: Settings, with_tls: bool) -> Served {
    let folder = tempfile::tempdir().unwrap();
    let clock = abdm::clock::SystemClock::shared();
    let tls = with_tls.then(|| {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        let files = Files { cert: folder.path().join("cert.pem"), key: folder.path().join("key.pem") };
        std::fs::write(&files.cert, params.self_signed(&key).unwrap().pem()).unwrap();
        std::fs::write(&files.key, key.serialize_pem()).unwrap();
        Arc::new(server_config(&Arc::new(Keeper::open(files, clock.clone()).unwrap())).unwrap())
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, open) = (CancellationToken::new(), Open::default());
    let router = Router::new().route("/healthz", get(async || "ok")).route(
        "/body",
        post(async |body: Result<Bytes, BytesRejection>| match body {
            Ok(_) => StatusCode::OK,
            Err(_) => StatusCode::BAD_REQUEST,
        }),
    );
    let door = Door { listener, tls, settings, served: open.enter(), clock };
    let ended = tokio::spawn(serve(door, router, stop.clone()));
    Served { address, stop, ended, open, _folder: folder }
}

async fn connect(served: &Served) -> TcpStream {
    TcpStream::connect(served.address).await.unwrap()
}

/// Everything that comes until the other side closes.
async fn rest(stream: &mut TcpStream) -> String {
    let mut all = Vec::new();
    // A connection that is cut is closed too.
    let _ = stream.read_to_end(&mut all).await;
    String::from_utf8_lossy(&all).into_owned()
}

/// What comes next, until it holds this.
async fn until(stream: &mut TcpStream, end: &str) -> String {
    let mut all = Vec::new();
    while !String::from_utf8_lossy(&all).ends_with(end) {
        let byte = stream.read_u8().await.unwrap();
        all.push(byte);
    }
    String::from_utf8_lossy(&all).into_owned()
}

#[tokio::test]
async fn who_does_not_finish_the_handshake_or_the_head_in_time_is_closed() {
    for (with_tls, begun) in [
        (true, &b""[..]),
        (true, b"\x16\x03\x01"),
        (false, b""),
        (false, b"GET / HT"),
        (false, b"GET / HTTP/1.1\r\nhost: a\r\n"),
    ] {
        let served = served(Settings { connections: 8, patience: SHORT }, with_tls).await;
        let mut slow = connect(&served).await;
        slow.write_all(begun).await.unwrap();
        let answer = rest(&mut slow).await;
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 408"), "{with_tls} {begun:?}: {answer}");
    }
}

#[tokio::test]
async fn an_idle_connection_and_a_body_that_does_not_come_are_closed() {
    let served = served(Settings { connections: 8, patience: SHORT }, false).await;
    let mut idle = connect(&served).await;
    idle.write_all(ASK).await.unwrap();
    assert!(rest(&mut idle).await.starts_with("HTTP/1.1 200 "));
    for head in ["content-length: 100", "transfer-encoding: chunked"] {
        let mut slow = connect(&served).await;
        slow.write_all(format!("POST /body HTTP/1.1\r\nhost: a\r\n{head}\r\n\r\n5\r\nhe").as_bytes())
            .await
            .unwrap();
        let answer = rest(&mut slow).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{head}: {answer}");
    }
}

#[tokio::test]
async fn an_http2_connection_on_which_nothing_more_is_asked_makes_room() {
    // Room for one. Each client keeps its connection for as long as it may.
    let served = served(Settings { connections: 1, patience: SHORT }, false).await;
    let url = format!("http://{}/healthz", served.address);
    let client = || reqwest::Client::builder().no_proxy().http2_prior_knowledge().build().unwrap();
    let clients = [client(), client()];
    for client in clients.iter().chain(&clients) {
        let answer = tokio::time::timeout(Duration::from_mins(1), client.get(&url).send()).await;
        assert_eq!(answer.expect("its turn comes").unwrap().status(), StatusCode::OK);
    }
}

#[tokio::test]
async fn silent_connections_push_out_each_other_and_nobody_else() {
    for with_tls in [false, true] {
        let served = served(Settings { connections: 8, patience: LONG }, with_tls).await;
        let mut silent = Vec::new();
        for _ in 0..20 {
            silent.push(connect(&served).await);
        }
        // Two are a quarter of eight: the others went, oldest first.
        for stream in &mut silent[..18] {
            assert_eq!(rest(stream).await, "");
        }
        if !with_tls {
            let mut asking = connect(&served).await;
            asking.write_all(ASK).await.unwrap();
            assert!(until(&mut asking, "ok").await.starts_with("HTTP/1.1 200 "));
            // It is known now: whoever comes later does not push it out.
            for _ in 0..20 {
                silent.push(connect(&served).await);
            }
            asking.write_all(ASK).await.unwrap();
            assert!(until(&mut asking, "ok").await.starts_with("HTTP/1.1 200 "));
        }
    }
}

#[tokio::test]
async fn a_head_that_is_too_long_is_refused() {
    let served = served(Settings { connections: 8, patience: LONG }, false).await;
    let mut stream = connect(&served).await;
    let long = format!("GET /healthz HTTP/1.1\r\nhost: a\r\nx: {}\r\n\r\n", "x".repeat(2 * HEAD));
    // It may be answered and closed before everything is written.
    let _ = stream.write_all(long.as_bytes()).await;
    let mut status = [0; 12];
    stream.read_exact(&mut status).await.unwrap();
    assert_eq!(&status, b"HTTP/1.1 431");
}

#[tokio::test]
async fn when_stopping_what_is_under_way_is_finished_and_nobody_else_waited_for() {
    let served = served(Settings { connections: 8, patience: LONG }, false).await;
    let (mut silent, mut idle, mut busy) =
        (connect(&served).await, connect(&served).await, connect(&served).await);
    idle.write_all(ASK).await.unwrap();
    until(&mut idle, "ok").await;
    busy.write_all(b"POST /body HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n")
        .await
        .unwrap();
    until(&mut busy, "100 Continue\r\n\r\n").await;
    assert_eq!(served.open.count(), 1);
    served.stop.cancel();
    assert_eq!((rest(&mut silent).await, rest(&mut idle).await), (String::new(), String::new()));
    busy.write_all(b"ok").await.unwrap();
    assert!(rest(&mut busy).await.starts_with("HTTP/1.1 200 "));
    served.ended.await.unwrap();
    assert_eq!(served.open.count(), 0);
}
