//! The ways in which ABDM says no.

use http::StatusCode;
use serde_json::{Value, json};

/// What stands in the body of an answer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Said {
    /// An empty body.
    Nothing,
    /// A JSON document.
    Json(Value),
    /// Plain text.
    Text(&'static str),
}

/// A call that was refused, and which rule it broke.
#[derive(Debug, Clone)]
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    pub(crate) said: Said,
    /// Adds `WWW-Authenticate`, as the API manager does for a missing header.
    pub(crate) challenge: bool,
    /// The rule as the list of violations names it; `None` if a correct client may run into this.
    pub(crate) rule: Option<&'static str>,
    /// What was wrong, for the list of violations: names and places, no values.
    pub(crate) detail: String,
}

impl Refusal {
    fn new(status: StatusCode, said: Said, rule: &'static str) -> Self {
        Self { status, said, challenge: false, rule: Some(rule), detail: String::new() }
    }

    /// 400 with the usual shape.
    pub(crate) fn bad(code: &'static str, message: &str) -> Self {
        Self::with(StatusCode::BAD_REQUEST, code, message)
    }

    /// The usual shape, `{"error":{code,message}}`.
    pub(crate) fn with(status: StatusCode, code: &'static str, message: &str) -> Self {
        let said = Said::Json(json!({"error": {"code": code, "message": message}}));
        Self { detail: message.to_owned(), ..Self::new(status, said, code) }
    }

    /// 400 with an empty body: a field of the wrong shape.
    pub(crate) fn empty() -> Self {
        Self::new(StatusCode::BAD_REQUEST, Said::Nothing, "wrong-shape")
    }

    /// 400 with a list of one error, as the consent manager answers.
    pub(crate) fn listed(code: &'static str, message: &str) -> Self {
        let said = Said::Json(json!([{"error": {"code": code, "message": message}}]));
        Self { detail: message.to_owned(), ..Self::new(StatusCode::BAD_REQUEST, said, code) }
    }

    /// 401 with an empty body and a challenge: a standard header is missing.
    pub(crate) fn missing_header(name: &str) -> Self {
        let refusal = Self::new(StatusCode::UNAUTHORIZED, Said::Nothing, "missing-header");
        Self { challenge: true, detail: format!("the header {name} is missing"), ..refusal }
    }

    /// The API manager's own answers: `{"code","message","description"}`.
    pub(crate) fn manager(status: StatusCode, code: &'static str, message: &str, description: &str) -> Self {
        let said = Said::Json(json!({"code": code, "message": message, "description": description}));
        Self { detail: message.to_owned(), ..Self::new(status, said, code) }
    }

    /// No such path.
    pub(crate) fn no_route(path: &str) -> Self {
        let description = format!("No matching resource found for given API Request {path}");
        let said = json!({"code": "404", "type": "Status report", "message": "Runtime Error", "description": description});
        Self { detail: description, ..Self::new(StatusCode::NOT_FOUND, Said::Json(said), "no-such-path") }
    }

    /// Names the broken rule and what broke it.
    pub(crate) fn breaks(mut self, rule: &'static str, detail: impl Into<String>) -> Self {
        self.rule = Some(rule);
        self.detail = detail.into();
        self
    }

    /// A refusal that a correct client may run into: it goes into no list of violations.
    pub(crate) fn forgiven(mut self) -> Self {
        self.rule = None;
        self
    }

    /// The code that was said, without the trailing colon that some carry.
    pub(crate) fn code(&self) -> Option<String> {
        let Said::Json(said) = &self.said else { return None };
        let said = said.get(0).unwrap_or(said);
        let code = said.pointer("/error/code").or_else(|| said.get("code"))?.as_str()?;
        Some(code.trim_end_matches([':', ' ']).to_owned())
    }
}
