//! A call whose headers are in order, and how it may be accepted.

use axum::http::{HeaderMap, StatusCode};
use jiff::Timestamp;
use serde_json::Value;

use crate::callbacks::Callback;
use crate::core::Sandbox;
use crate::judge::{Node, Wrong};
use crate::refusal::Refusal;
use crate::world::Asked;
use crate::world::ledger::Violation;

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

    /// An ABHA address as its owner writes it: they compare without case.
    pub(crate) fn canonical(&self, address: &str) -> String {
        let known = self
            .sandbox
            .read(|world| world.registry.person(address).map(|person| person.abha_address.clone()));
        known.unwrap_or_else(|| address.to_owned())
    }

    /// Notes a broken rule that the call is not refused for.
    pub(crate) fn note(&self, rule: &str, detail: impl Into<String>) {
        let violation = self.violation(rule, detail.into());
        self.sandbox.change(|world| world.ledger.violate(violation));
    }

    /// Notes members that no schema knows.
    pub(crate) fn note_strangers(&self, strangers: &[String]) {
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
