//! A server that answers from a script and remembers what it was asked.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::response::Response;

/// One request as it arrived.
#[derive(Debug, Clone)]
pub struct Asked {
    pub method: String,
    pub path: String,
    pub headers: HeaderMap,
    pub body: String,
}

impl Asked {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

/// What to answer.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(&'static str, &'static str)>,
    pub body: String,
}

pub fn answer(status: u16, body: impl Into<String>) -> Answer {
    Answer { status, headers: Vec::new(), body: body.into() }
}

#[derive(Default)]
struct Script {
    sessions: VecDeque<Answer>,
    calls: VecDeque<Answer>,
    asked: Vec<Asked>,
    given: usize,
}

/// A server on a free port of this machine. Sessions are given by themselves, 1200 s long, unless scripted.
#[derive(Clone)]
pub struct Server {
    address: SocketAddr,
    script: Arc<Mutex<Script>>,
}

pub const SESSIONS: &str = "/api/hiecm/gateway/v3/sessions";

impl Server {
    pub async fn start() -> Self {
        let script = Arc::new(Mutex::new(Script::default()));
        let app = Router::new().fallback(respond).with_state(Arc::clone(&script));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { address, script }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// The answer to the next call that is not scripted yet.
    pub fn will(&self, answer: Answer) {
        self.script.lock().unwrap().calls.push_back(answer);
    }

    /// The answer to the next request for a session.
    pub fn will_session(&self, answer: Answer) {
        self.script.lock().unwrap().sessions.push_back(answer);
    }

    pub fn asked(&self, path: &str) -> Vec<Asked> {
        self.script.lock().unwrap().asked.iter().filter(|asked| asked.path == path).cloned().collect()
    }

    pub fn sessions(&self) -> usize {
        self.asked(SESSIONS).len()
    }
}

async fn respond(State(script): State<Arc<Mutex<Script>>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    let path = parts.uri.path().to_owned();
    let mut script = script.lock().unwrap();
    script.asked.push(Asked {
        method: parts.method.to_string(),
        path: path.clone(),
        headers: parts.headers,
        body: String::from_utf8_lossy(&body).into_owned(),
    });
    let answer = if path == SESSIONS { script.sessions.pop_front() } else { script.calls.pop_front() };
    let answer = answer.unwrap_or_else(|| if path == SESSIONS { script.session(1200) } else { answer_202() });
    let mut response = Response::builder().status(answer.status);
    for (name, value) in answer.headers {
        response = response.header(name, value);
    }
    response.body(Body::from(answer.body)).unwrap()
}

impl Script {
    fn session(&mut self, life: u32) -> Answer {
        self.given += 1;
        session(self.given, life)
    }
}

/// A session whose token tells its number.
pub fn session(number: usize, life: u32) -> Answer {
    answer(202, format!(r#"{{"accessToken":"session-{number}","expiresIn":{life},"tokenType":"bearer"}}"#))
}

fn answer_202() -> Answer {
    answer(202, "")
}
