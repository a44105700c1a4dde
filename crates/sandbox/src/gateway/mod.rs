//! The gateway: every call that a bridge makes, judged in the order in which ABDM judges.

pub(crate) mod bridge;
pub(crate) mod consent;
pub(crate) mod data_flow;
mod headers;
pub(crate) mod link;
pub(crate) mod notices;
pub(crate) mod sessions;
pub(crate) mod share;
pub(crate) mod token;
pub(crate) mod user_linking;

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::Response;
use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::callbacks::{Callback, cut};
use crate::core::Sandbox;
use crate::faults::{CallFault, CallbackFault, Fault, When};
use crate::judge::{Node, Wrong};
use crate::refusal::{Refusal, Said};
use crate::server::Hangup;
use crate::world::Asked;
use crate::world::journal::{Direction, Record, Verdict};
use crate::world::ledger::Violation;

/// What a call is judged by.
pub(crate) type Judge = fn(&Call<'_>) -> Result<Answer, Refusal>;

/// One call of the gateway.
pub(crate) struct Operation {
    method: Method,
    /// A path that ends in `/` takes one more segment.
    path: &'static str,
    /// Headers that must be there.
    requires: &'static [&'static str],
    judge: Judge,
}

const STANDARD: &[&str] = &["authorization", "request-id", "timestamp", "x-cm-id"];
const UNSIGNED: &[&str] = &["request-id", "timestamp", "x-cm-id"];
const LINKING: &[&str] = &["authorization", "request-id", "timestamp", "x-cm-id", "x-link-token"];
const REGISTRY: &[&str] = &["authorization"];

const OPERATIONS: &[Operation] = &[
    Operation::post("/api/hiecm/gateway/v3/sessions", UNSIGNED, sessions::open),
    Operation::get("/api/hiecm/gateway/v3/certs", STANDARD, sessions::certs),
    Operation::get(
        "/api/hiecm/gateway/v3/.well-known/openid-configuration",
        UNSIGNED,
        sessions::configuration,
    ),
    Operation {
        method: Method::PATCH,
        path: "/api/hiecm/gateway/v3/bridge/url",
        requires: STANDARD,
        judge: bridge::set_url,
    },
    Operation::get("/api/hiecm/gateway/v3/bridge-services", STANDARD, bridge::services),
    Operation::get("/api/hiecm/gateway/v3/bridge-service/serviceId/", STANDARD, bridge::service),
    Operation::post("/v1/bridges/MutipleHRPAddUpdateServices", REGISTRY, bridge::register),
    Operation::post("/api/hiecm/v3/token/generate-token", STANDARD, token::generate),
    Operation::post("/api/hiecm/hip/v3/link/carecontext", LINKING, link::care_contexts),
    Operation::post("/api/hiecm/hip/v3/link/context/notify", STANDARD, notices::context),
    Operation::post("/api/hiecm/hip/v3/link/patient/links/sms/notify2", STANDARD, notices::sms),
    Operation::post(
        "/api/hiecm/user-initiated-linking/v3/patient/care-context/on-discover",
        STANDARD,
        user_linking::on_discover,
    ),
    Operation::post(
        "/api/hiecm/user-initiated-linking/v3/link/care-context/on-init",
        STANDARD,
        user_linking::on_init,
    ),
    Operation::post(
        "/api/hiecm/user-initiated-linking/v3/link/care-context/on-confirm",
        STANDARD,
        user_linking::on_confirm,
    ),
    Operation::post("/api/hiecm/consent/v3/request/hip/on-notify", STANDARD, consent::on_notify),
    Operation::post(
        "/api/hiecm/data-flow/v3/health-information/hip/on-request",
        STANDARD,
        data_flow::on_request,
    ),
    Operation::post("/api/hiecm/data-flow/v3/health-information/notify", STANDARD, data_flow::notify),
    Operation::get("/api/hiecm/data-flow/v3/health-information/request/status/", STANDARD, data_flow::status),
    Operation::post("/api/hiecm/patient-share/v3/on-share", STANDARD, share::on_share),
];

impl Operation {
    const fn post(path: &'static str, requires: &'static [&'static str], judge: Judge) -> Self {
        Self { method: Method::POST, path, requires, judge }
    }

    const fn get(path: &'static str, requires: &'static [&'static str], judge: Judge) -> Self {
        Self { method: Method::GET, path, requires, judge }
    }

    /// The operation of a path, and the segment that a path ending in `/` takes.
    fn find(method: &Method, path: &str) -> Option<(&'static Self, String)> {
        OPERATIONS.iter().filter(|operation| operation.method == *method).find_map(|operation| {
            let tail = path.strip_prefix(operation.path)?;
            let fits = if operation.path.ends_with('/') {
                !tail.is_empty() && !tail.contains('/')
            } else {
                tail.is_empty()
            };
            fits.then(|| (operation, tail.to_owned()))
        })
    }

    fn needs_session(&self) -> bool {
        self.requires.contains(&"authorization")
    }

    /// The registry takes none of the gateway's own headers.
    fn is_gateway(&self) -> bool {
        self.requires.contains(&"x-cm-id")
    }
}

/// A call with headers that are in order.
pub(crate) struct Call<'a> {
    pub(crate) sandbox: &'a Sandbox,
    pub(crate) path: &'a str,
    /// Client id of the caller; empty before it has a session.
    pub(crate) client: String,
    pub(crate) request_id: String,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) now: Timestamp,
    pub(crate) body: Value,
    /// Last segment of paths that take one.
    pub(crate) tail: String,
}

impl Call<'_> {
    pub(crate) fn root(&self) -> Node<'_> {
        Node::root(&self.body)
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok().map(str::trim).filter(|value| !value.is_empty())
    }

    /// The HIP that the caller says it is: 400 without the header.
    pub(crate) fn hip(&self) -> Result<&str, Refusal> {
        self.header("x-hip-id")
            .ok_or_else(|| Refusal::bad("ABDM-1035", "Invalid HIP ID").breaks("missing-header", "X-HIP-ID"))
    }

    /// Notes a broken rule that the call is not refused for.
    pub(crate) fn note(&self, rule: &str, detail: impl Into<String>) {
        let violation = self.violation(rule, detail.into());
        self.sandbox.change(|world| world.ledger.violate(violation));
    }

    /// Notes members that no schema knows.
    pub(crate) fn note_strangers(&self, strangers: Vec<String>) {
        if self.sandbox.config().rules.note_unknown_members && !strangers.is_empty() {
            self.note("unknown-member", strangers.join(", "));
        }
    }

    fn violation(&self, rule: &str, detail: String) -> Violation {
        Violation {
            n: 0,
            at: self.now,
            rule: rule.into(),
            detail,
            path: self.path.into(),
            request_id: Some(self.request_id.clone()).filter(|id| !id.is_empty()),
            client_id: Some(self.client.clone()).filter(|id| !id.is_empty()),
        }
    }

    /// The callback that a reply answers, if it went to an HIP of the caller's.
    pub(crate) fn asked(&self, request_id: &str) -> Option<Asked> {
        self.sandbox.read(|world| {
            let asked = world.asked.get(request_id)?;
            world.registry.service_of(&self.client, &asked.hip_id)?;
            Some(asked.clone())
        })
    }
}

/// How a call was accepted, and what follows.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) body: Option<Value>,
    pub(crate) callbacks: Vec<Callback>,
    /// Nothing will ever follow, and why.
    pub(crate) silent: Option<&'static str>,
}

impl Answer {
    /// 202 without a body.
    pub(crate) fn accepted() -> Self {
        Self { status: StatusCode::ACCEPTED, ..Self::default() }
    }

    /// 202, and then this callback.
    pub(crate) fn then(callback: Callback) -> Self {
        Self { callbacks: vec![callback], ..Self::accepted() }
    }

    /// 202, and then nothing.
    pub(crate) fn silence(why: &'static str) -> Self {
        Self { silent: Some(why), ..Self::accepted() }
    }

    /// A body with a status.
    pub(crate) fn with(status: StatusCode, body: Value) -> Self {
        Self { status, body: Some(body), ..Self::default() }
    }
}

/// ABDM's answer to a body that is not what it should be: 400 with ABDM-1006.
pub(crate) fn bad_request(wrong: &Wrong) -> Refusal {
    Refusal::bad("ABDM-1006", "Bad Request, invalid request Body").breaks("wrong-body", wrong.line())
}

/// Serves every path of the gateway, and says that there is none for all others.
pub(crate) async fn serve(State(sandbox): State<Sandbox>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, sandbox.config().body_limit).await else {
        return answer(StatusCode::PAYLOAD_TOO_LARGE, &Said::Nothing, false);
    };
    let now = sandbox.now();
    let exchange = Exchange {
        sandbox: &sandbox,
        method: &parts.method,
        path: parts.uri.path(),
        headers: &parts.headers,
        body: &body,
        now,
    };
    exchange.run().await
}

/// A request as it came.
struct Exchange<'a> {
    sandbox: &'a Sandbox,
    method: &'a Method,
    path: &'a str,
    headers: &'a HeaderMap,
    body: &'a Bytes,
    now: Timestamp,
}

/// What the gateway makes of a request.
struct Judged {
    client: String,
    fault: Option<Fault<CallFault>>,
    outcome: Result<Answer, Refusal>,
}

impl Exchange<'_> {
    async fn run(&self) -> Response {
        let judged = self.judge();
        let fault = judged.fault.as_ref();
        let mut response = match &judged.outcome {
            Ok(accepted) => {
                let said = accepted.body.clone().map_or(Said::Nothing, Said::Json);
                answer(accepted.status, &said, false)
            }
            Err(refusal) => answer(refusal.status, &refusal.said, refusal.challenge),
        };
        if let Some(fault) = fault.filter(|fault| fault.fault != CallFault::Blocked) {
            response = struck(fault.fault);
        }
        self.keep(&judged, response.status());
        if let Some(CallFault::Timeout) = fault.map(|fault| fault.fault) {
            self.follow(judged.outcome).await;
            self.hang(judged.fault).await;
            return response;
        }
        self.follow(judged.outcome).await;
        response
    }

    /// Real time: what hangs is the caller's own wait.
    async fn hang(&self, fault: Option<Fault<CallFault>>) {
        let wait = fault.map(|fault| fault.wait()).unwrap_or_default();
        let _ = tokio::time::timeout(wait, self.sandbox.ended().cancelled()).await;
    }

    /// Sends the callbacks; early ones before the call is answered.
    async fn follow(&self, outcome: Result<Answer, Refusal>) {
        for callback in outcome.map(|accepted| accepted.callbacks).unwrap_or_default() {
            let fault = self.sandbox.faults().callback(callback.path);
            if fault.as_ref().is_some_and(|fault| fault.fault == CallbackFault::Early) {
                self.sandbox.send_early(callback).await;
            } else {
                self.sandbox.queue_with(callback, fault);
            }
        }
    }

    fn judge(&self) -> Judged {
        let Some((operation, tail)) = Operation::find(self.method, self.path) else {
            return Judged { client: String::new(), fault: None, outcome: Err(Refusal::no_route(self.path)) };
        };
        let checked = headers::check(self, operation);
        let (client, request_id) = match checked {
            Ok(known) => known,
            Err(refusal) => return Judged { client: String::new(), fault: None, outcome: Err(refusal) },
        };
        let fault = self.sandbox.faults().call(self.path);
        if fault.as_ref().is_some_and(|fault| fault.when == When::Before && fault.fault != CallFault::Blocked)
        {
            return Judged { client, fault, outcome: Err(Refusal::empty().forgiven()) };
        }
        let call = |body| Call {
            sandbox: self.sandbox,
            path: self.path,
            client: client.clone(),
            request_id,
            headers: self.headers,
            now: self.now,
            body,
            tail,
        };
        let outcome = self.parsed().and_then(|body| {
            let call = call(body);
            if fault.as_ref().is_some_and(|fault| fault.fault == CallFault::Blocked) {
                token::block(&call);
            }
            (operation.judge)(&call)
        });
        Judged { client, fault, outcome }
    }

    fn parsed(&self) -> Result<Value, Refusal> {
        if *self.method == Method::GET {
            return Ok(Value::Null);
        }
        if self.body.is_empty() {
            return Err(Refusal::bad("ABDM-1064", "Request body was missing"));
        }
        serde_json::from_slice(self.body).map_err(|error| {
            Refusal::bad("ABDM-1006", "Bad Request, invalid request Body")
                .breaks("no-json", error.to_string())
        })
    }

    /// Writes journal and violations.
    fn keep(&self, judged: &Judged, status: StatusCode) {
        let limit = self.sandbox.config().journal_body;
        let (verdict, note) = match (&judged.fault, &judged.outcome) {
            (Some(fault), _) if fault.fault != CallFault::Blocked => {
                (Verdict::Faulted, Some(format!("{:?} {:?}", fault.fault, fault.when)))
            }
            (_, Ok(accepted)) => match accepted.silent {
                Some(why) => (Verdict::Silent, Some(why.to_owned())),
                None => (Verdict::Accepted, None),
            },
            (_, Err(refusal)) => (Verdict::Refused, refusal.code().or(refusal.rule.map(str::to_owned))),
        };
        let record = Record {
            at: self.now,
            direction: Direction::In,
            method: self.method.to_string(),
            path: self.path.to_owned(),
            client_id: Some(judged.client.clone()).filter(|id| !id.is_empty()),
            hip_id: self.text("x-hip-id"),
            request_id: self.text("request-id"),
            status: Some(status.as_u16()),
            verdict,
            note,
            attempt: 1,
            body: cut(&String::from_utf8_lossy(self.body), limit),
            answer: cut(&self.said(judged), limit),
        };
        let violation = self.broken(judged);
        self.sandbox.change(|world| {
            world.journal.add(record);
            violation.into_iter().for_each(|violation| world.ledger.violate(violation));
        });
    }

    fn said(&self, judged: &Judged) -> String {
        match &judged.outcome {
            Ok(accepted) => accepted.body.as_ref().map(Value::to_string).unwrap_or_default(),
            Err(Refusal { said: Said::Json(said), .. }) => said.to_string(),
            Err(Refusal { said: Said::Text(said), .. }) => (*said).to_owned(),
            Err(_) => String::new(),
        }
    }

    fn broken(&self, judged: &Judged) -> Option<Violation> {
        let (rule, detail) = match &judged.outcome {
            Ok(accepted) => ("silence", accepted.silent?.to_owned()),
            Err(refusal) => (refusal.rule?, refusal.detail.clone()),
        };
        Some(Violation {
            n: 0,
            at: self.now,
            rule: rule.into(),
            detail,
            path: self.path.into(),
            request_id: self.text("request-id"),
            client_id: Some(judged.client.clone()).filter(|id| !id.is_empty()),
        })
    }

    fn text(&self, name: &str) -> Option<String> {
        self.headers.get(name)?.to_str().ok().map(str::to_owned)
    }
}

/// The response of the gateway, with the ids that NHA's support asks for.
fn answer(status: StatusCode, said: &Said, challenge: bool) -> Response {
    let body = match said {
        Said::Nothing => Body::empty(),
        Said::Json(value) => Body::from(value.to_string()),
        Said::Text(text) => Body::from(*text),
    };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    match said {
        Said::Json(_) => headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json")),
        Said::Text(_) => headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain")),
        Said::Nothing => None,
    };
    if challenge {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"Realm\""));
    }
    for name in ["correlation-id", "activityid"] {
        if let Ok(id) = HeaderValue::from_str(&Uuid::new_v4().to_string()) {
            headers.insert(name, id);
        }
    }
    response
}

/// The answer of a fault.
fn struck(fault: CallFault) -> Response {
    let coded = |status, code, message| Refusal::with(status, code, message);
    let refusal = match fault {
        CallFault::Unauthorized => headers::bad_token(),
        CallFault::TooMany => coded(StatusCode::TOO_MANY_REQUESTS, "ABDM-1022", "Too many requests"),
        CallFault::Broken => {
            return answer(StatusCode::INTERNAL_SERVER_ERROR, &Said::Json(framework_error()), false);
        }
        CallFault::BadGateway => {
            return answer(
                StatusCode::BAD_GATEWAY,
                &Said::Text("<html><body>502 Bad Gateway</body></html>"),
                false,
            );
        }
        CallFault::Unavailable => Refusal::manager(
            StatusCode::SERVICE_UNAVAILABLE,
            "ABDM-1024",
            "Dependent service unavailable",
            "Please try again later",
        ),
        CallFault::Suspended => Refusal::manager(
            StatusCode::INTERNAL_SERVER_ERROR,
            "303001",
            "Currently , Address endpoint : [ Name : HIECM ] [ State : SUSPENDED ]",
            "Runtime Error",
        ),
        CallFault::Unclassified => headers::unclassified(),
        CallFault::Timeout | CallFault::Close | CallFault::Blocked => {
            let mut response = answer(StatusCode::GATEWAY_TIMEOUT, &Said::Nothing, false);
            response.extensions_mut().insert(Hangup);
            return response;
        }
        CallFault::Empty400 => Refusal::empty(),
    };
    answer(refusal.status, &refusal.said, refusal.challenge)
}

fn framework_error() -> Value {
    json!({"timestamp": 1_789_553_568_483_u64, "path": "/", "status": 500, "error": "Internal Server Error", "requestId": "5d1c2b7a-1"})
}

impl From<&Wrong> for Refusal {
    fn from(wrong: &Wrong) -> Self {
        bad_request(wrong)
    }
}

impl From<Wrong> for Refusal {
    fn from(wrong: Wrong) -> Self {
        bad_request(&wrong)
    }
}
