//! A bridge's calls by raw HTTP, with every header under the test's control.

use jiff::Timestamp;
use reqwest::{Method, StatusCode};
use sandbox::Handle;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::HIP;

pub(crate) const TOKEN: &str = "/api/hiecm/v3/token/generate-token";
pub(crate) const LINK: &str = "/api/hiecm/hip/v3/link/carecontext";
pub(crate) const NOTICE: &str = "/api/hiecm/hip/v3/link/context/notify";
pub(crate) const SMS: &str = "/api/hiecm/hip/v3/link/patient/links/sms/notify2";
pub(crate) const ON_NOTIFY: &str = "/api/hiecm/consent/v3/request/hip/on-notify";
pub(crate) const ON_REQUEST: &str = "/api/hiecm/data-flow/v3/health-information/hip/on-request";
pub(crate) const NOTIFY: &str = "/api/hiecm/data-flow/v3/health-information/notify";

/// A client of the gateway.
#[derive(Clone)]
pub(crate) struct Bridge {
    pub(crate) base: String,
    pub(crate) token: String,
    http: reqwest::Client,
}

/// A call before it is sent.
pub(crate) struct Call {
    request: reqwest::RequestBuilder,
    headers: Vec<(String, String)>,
    body: Option<String>,
}

/// The answer to a call.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Said {
    pub(crate) status: u16,
    pub(crate) body: String,
    pub(crate) challenge: Option<String>,
    pub(crate) correlation: bool,
}

impl Said {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or(Value::Null)
    }

    /// Status and code.
    pub(crate) fn code(&self) -> (u16, String) {
        let said = self.json();
        let said = said.get(0).unwrap_or(&said);
        let code = said.pointer("/error/code").or_else(|| said.get("code")).and_then(Value::as_str);
        (self.status, code.unwrap_or_default().trim_end_matches([':', ' ']).to_owned())
    }

    pub(crate) fn message(&self) -> String {
        let said = self.json();
        let said = said.get(0).unwrap_or(&said);
        said.pointer("/error/message")
            .or_else(|| said.get("message"))
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    }
}

pub(crate) fn http() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap()
}

impl Bridge {
    /// A bridge with a session.
    pub(crate) async fn of(sandbox: &Handle) -> Self {
        let mut bridge = Self { base: sandbox.base_url().to_owned(), token: String::new(), http: http() };
        let now = now_of(sandbox).await;
        let said = bridge
            .post("/api/hiecm/gateway/v3/sessions", &session_body(), now)
            .without("authorization")
            .send()
            .await;
        assert_eq!(said.status, 202, "{}", said.body);
        bridge.token = said.json()["accessToken"].as_str().unwrap().to_owned();
        bridge
    }

    pub(crate) fn call(&self, method: Method, path: &str, now: Timestamp) -> Call {
        let headers = [
            ("authorization", format!("Bearer {}", self.token)),
            ("request-id", Uuid::new_v4().to_string()),
            ("timestamp", format!("{now:.3}")),
            ("x-cm-id", "sbx".to_owned()),
            ("x-hip-id", HIP.to_owned()),
        ];
        Call {
            request: self.http.request(method, format!("{}{path}", self.base)),
            headers: headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
            body: None,
        }
    }

    pub(crate) fn post(&self, path: &str, body: &Value, now: Timestamp) -> Call {
        self.call(Method::POST, path, now).raw(&body.to_string()).with("content-type", "application/json")
    }

    pub(crate) fn get(&self, path: &str, now: Timestamp) -> Call {
        self.call(Method::GET, path, now)
    }
}

impl Call {
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self = self.without(name);
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(had, _)| had != name);
        self
    }

    pub(crate) fn raw(mut self, body: &str) -> Self {
        self.body = Some(body.to_owned());
        self
    }

    pub(crate) fn request_id(&self) -> String {
        self.headers.iter().find(|(name, _)| name == "request-id").unwrap().1.clone()
    }

    /// Sends it; `Err` if the connection ended without an answer.
    pub(crate) async fn try_send(self) -> Result<Said, reqwest::Error> {
        let mut request = self.request;
        for (name, value) in self.headers {
            request = request.header(name, value);
        }
        let response = request.body(self.body.unwrap_or_default()).send().await?;
        let challenge =
            response.headers().get("www-authenticate").map(|value| value.to_str().unwrap().to_owned());
        let correlation = response.headers().contains_key("correlation-id");
        let status = response.status().as_u16();
        Ok(Said { status, body: response.text().await?, challenge, correlation })
    }

    pub(crate) async fn send(self) -> Said {
        self.try_send().await.unwrap()
    }

    /// Sends what must be accepted; gives its `REQUEST-ID`.
    pub(crate) async fn accepted(self) -> String {
        let id = self.request_id();
        let said = self.send().await;
        assert!(StatusCode::from_u16(said.status).unwrap().is_success(), "{} {}", said.status, said.body);
        id
    }
}

/// The sandbox's time, which a test may have set: read from an entry of its journal.
pub(crate) async fn now_of(sandbox: &Handle) -> Timestamp {
    let probe = http().get(format!("{}/probe", sandbox.base_url())).send().await.unwrap();
    assert_eq!(probe.status(), 404);
    sandbox.state().journal("/probe").last().unwrap().at
}

pub(crate) fn session_body() -> Value {
    json!({"clientId": "SBX_000000", "clientSecret": "00000000-0000-0000-0000-000000000000",
        "grantType": "client_credentials"})
}

pub(crate) fn token_body() -> Value {
    json!({"abhaAddress": "ramesh.k_85@sbx", "name": "Ramesh Kumar", "gender": "M", "yearOfBirth": 1985})
}

/// A link of one care context with one type.
pub(crate) fn link_body(care_context: &str, hi_type: &str) -> Value {
    json!({"abhaAddress": "ramesh.k_85@sbx", "patient": [entry(&[care_context], hi_type)]})
}

pub(crate) fn entry(care_contexts: &[&str], hi_type: &str) -> Value {
    let contexts: Vec<_> = care_contexts
        .iter()
        .map(|reference| json!({"referenceNumber": reference, "display": "OPD visit"}))
        .collect();
    json!({"referenceNumber": "TMH-PUID-001", "display": "Ramesh Kumar", "careContexts": contexts, "hiType": hi_type,
        "count": care_contexts.len()})
}
