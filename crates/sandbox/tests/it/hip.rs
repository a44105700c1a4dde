//! A tiny HIP: keeps every callback, answers as it is told, and can play the whole exchange.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use sandbox::Handle;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::SOON;
use crate::bridge::{Bridge, LINK, TOKEN, link_body, now_of, token_body};

/// A callback that arrived.
#[derive(Debug, Clone)]
pub(crate) struct Callback {
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

impl Callback {
    pub(crate) fn request_id(&self) -> String {
        self.header("request-id")
    }

    pub(crate) fn header(&self, name: &str) -> String {
        self.headers.get(name).unwrap_or_else(|| panic!("no {name}")).to_str().unwrap().to_owned()
    }
}

#[derive(Default)]
struct Kept {
    callbacks: Vec<Callback>,
    /// Statuses of the next answers; 200 when there are none.
    answers: VecDeque<u16>,
}

/// An HIP that listens and is registered as the seeded bridge's URL.
#[derive(Clone)]
pub(crate) struct Hip {
    kept: Arc<Mutex<Kept>>,
    arrived: watch::Sender<usize>,
    pub(crate) bridge: Bridge,
    pub(crate) url: String,
}

impl Hip {
    pub(crate) async fn of(sandbox: &Handle) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/abdm", listener.local_addr().unwrap());
        let hip = Self {
            kept: Arc::default(),
            arrived: watch::Sender::new(0),
            bridge: Bridge::of(sandbox).await,
            url: url.clone(),
        };
        let router = Router::new().fallback(receive).with_state(hip.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        sandbox.state().set_bridge_url("SBX_000000", &url);
        hip
    }

    /// Statuses of the next answers.
    pub(crate) fn answer_with(&self, statuses: &[u16]) {
        self.kept.lock().unwrap().answers.extend(statuses);
    }

    pub(crate) fn all(&self, path: &str) -> Vec<Callback> {
        self.kept
            .lock()
            .unwrap()
            .callbacks
            .iter()
            .filter(|callback| callback.path.ends_with(path))
            .cloned()
            .collect()
    }

    /// The `n`-th callback (from 1) whose path ends so.
    pub(crate) async fn nth(&self, path: &str, n: usize) -> Callback {
        let mut arrived = self.arrived.subscribe();
        let found = tokio::time::timeout(SOON, async {
            loop {
                if let Some(callback) = self.all(path).into_iter().nth(n - 1) {
                    return callback;
                }
                arrived.changed().await.unwrap();
            }
        });
        found.await.unwrap_or_else(|_| panic!("callback {n} of {path} never came"))
    }

    pub(crate) async fn first(&self, path: &str) -> Callback {
        self.nth(path, 1).await
    }

    /// A link token of Ramesh's.
    pub(crate) async fn link_token(&self, sandbox: &Handle) -> String {
        let had = self.all("on-generate-token").len();
        self.bridge.post(TOKEN, &token_body(), now_of(sandbox).await).accepted().await;
        let callback = self.nth("on-generate-token", had + 1).await;
        callback.body["linkToken"].as_str().unwrap().to_owned()
    }

    /// Links one care context of Ramesh's.
    pub(crate) async fn link(&self, sandbox: &Handle, care_context: &str) {
        let token = self.link_token(sandbox).await;
        let body = link_body(care_context, "OPConsultation");
        self.bridge.post(LINK, &body, now_of(sandbox).await).with("x-link-token", &token).accepted().await;
        self.first("on_carecontext").await;
    }
}

async fn receive(State(hip): State<Hip>, uri: Uri, headers: HeaderMap, body: Bytes) -> StatusCode {
    let body = serde_json::from_slice(&body).unwrap_or_else(|_| json!(null));
    let status = {
        let mut kept = hip.kept.lock().unwrap();
        kept.callbacks.push(Callback { path: uri.path().to_owned(), headers, body });
        kept.answers.pop_front().unwrap_or(200)
    };
    hip.arrived.send_modify(|count| *count += 1);
    StatusCode::from_u16(status).unwrap()
}
