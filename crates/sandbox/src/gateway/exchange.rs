//! One exchange with a bridge: headers, fault, judgement, journal, callbacks.

use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::Response;
use jiff::Timestamp;
use serde_json::Value;

use super::answers::{answer, struck};
use super::{Answer, Call, Operation, headers, token};
use crate::callbacks::cut;
use crate::core::Sandbox;
use crate::faults::{CallFault, CallbackFault, Fault, When};
use crate::refusal::{Refusal, Said};
use crate::world::journal::{Direction, Record, Verdict};
use crate::world::ledger::Violation;

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
pub(super) struct Exchange<'a> {
    pub(super) sandbox: &'a Sandbox,
    pub(super) method: &'a Method,
    path: &'a str,
    headers: &'a HeaderMap,
    body: &'a Bytes,
    pub(super) now: Timestamp,
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
        if let Some(fault) = fault.filter(|fault| fault.fault.replaces_the_answer()) {
            response = struck(fault.fault);
        }
        self.keep(&judged, response.status());
        self.follow(judged.outcome).await;
        if judged
            .fault
            .as_ref()
            .is_some_and(|fault| matches!(fault.fault, CallFault::Timeout | CallFault::Slow))
        {
            self.hang(judged.fault).await;
        }
        self.sandbox.sleep(self.sandbox.timing().answer_delay).await;
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
        if let Err(refusal) = self.pace(&client) {
            return Judged { client, fault: None, outcome: Err(refusal) };
        }
        let fault = self.sandbox.faults().call(self.path);
        if fault.as_ref().is_some_and(|fault| fault.when == When::Before && fault.fault.replaces_the_answer())
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

    fn pace(&self, client: &str) -> Result<(), Refusal> {
        let Some(limit) = self.sandbox.config().calls_a_second else { return Ok(()) };
        if self.sandbox.change(|world| world.registry.pace(client, limit, self.now)) {
            return Ok(());
        }
        Err(Refusal::with(StatusCode::TOO_MANY_REQUESTS, "ABDM-2429", "Too many requests found").forgiven())
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
            (Some(fault), _) if fault.fault.replaces_the_answer() => {
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
            took: None,
            body: cut(&String::from_utf8_lossy(self.body), limit),
            answer: cut(&said(&judged.outcome), limit),
        };
        let violation = self.broken(judged);
        self.sandbox.change(|world| {
            world.journal.add(record);
            if let Some(violation) = violation {
                world.ledger.violate(violation);
            }
        });
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

    pub(super) fn text(&self, name: &str) -> Option<String> {
        self.headers.get(name)?.to_str().ok().map(str::to_owned)
    }
}

/// The body of the answer as the journal shows it.
fn said(outcome: &Result<Answer, Refusal>) -> String {
    match outcome {
        Ok(accepted) => accepted.body.as_ref().map(Value::to_string).unwrap_or_default(),
        Err(Refusal { said: Said::Json(said), .. }) => said.to_string(),
        Err(Refusal { said: Said::Text(said), .. }) => (*said).to_owned(),
        Err(_) => String::new(),
    }
}
