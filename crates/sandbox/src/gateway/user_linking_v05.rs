//! Replies to discovery, init and confirm in v0.5: judged in their own shape, then taken as those of V3 are.
//!
//! v0.5 knows no HI types: a care context that is offered or linked there counts for all of them.

use serde_json::{Value, json};

use super::user_linking::{self, Found};
use super::{Answer, Call};
use crate::judge::patient::Entry;
use crate::judge::patterns::{
    CARE_CONTEXT, DISPLAY, HI_TYPES, MESSAGE, PATIENT_REFERENCE_REPLY, UUID, timestamp,
};
use crate::judge::reply::SaidError;
use crate::judge::{Node, Wrong};
use crate::refusal::{Refusal, Said};

/// What an HIP may say it matched by.
const MATCHED_BY: [&str; 4] = ["MR", "MOBILE", "NDHM_HEALTH_NUMBER", "HEALTH_ID"];

/// `POST /v0.5/care-contexts/on-discover`.
pub(crate) fn on_discover(call: &Call<'_>) -> Result<Answer, Refusal> {
    judge_discover(call).map_err(numbered)
}

fn judge_discover(call: &Call<'_>) -> Result<Answer, Refusal> {
    let root = call.root();
    let request_id = head(call, &root)?;
    let transaction = root.matching("transactionId", &UUID)?.to_owned();
    let error = error(&root)?;
    let mut offered = Vec::new();
    if error.is_none() {
        let patient = root.member("patient")?;
        offered = entries(&patient)?;
        let matched = patient.items("matchedBy")?;
        if matched.is_empty() {
            return Err(patient.wrong("names nothing in matchedBy").into());
        }
        for by in matched {
            if !MATCHED_BY.contains(&by.as_text()?) {
                return Err(by.wrong(format!("must be one of {}", MATCHED_BY.join(", "))).into());
            }
        }
    }
    note_strangers(call, &root, &["transactionId", "patient"]);
    let patient = call.body.get("patient").cloned();
    let matched_by = call.body.pointer("/patient/matchedBy").cloned();
    let found = Found { request_id, transaction, error, offered, patient, matched_by };
    user_linking::discovered(call, found)
}

/// `POST /v0.5/links/link/on-init`.
pub(crate) fn on_init(call: &Call<'_>) -> Result<Answer, Refusal> {
    judge_init(call).map_err(numbered)
}

fn judge_init(call: &Call<'_>) -> Result<Answer, Refusal> {
    let root = call.root();
    let request_id = head(call, &root)?;
    let transaction = root.matching("transactionId", &UUID)?.to_owned();
    let error = error(&root)?;
    if error.is_none() {
        user_linking::judge_link(&root)?;
    }
    note_strangers(call, &root, &["transactionId", "link"]);
    user_linking::initiated(call, &request_id, transaction, error)
}

/// `POST /v0.5/links/link/on-confirm`.
pub(crate) fn on_confirm(call: &Call<'_>) -> Result<Answer, Refusal> {
    judge_confirm(call).map_err(numbered)
}

fn judge_confirm(call: &Call<'_>) -> Result<Answer, Refusal> {
    let root = call.root();
    let request_id = head(call, &root)?;
    let error = error(&root)?;
    let entries = if error.is_some() { Vec::new() } else { entries(&root.member("patient")?)? };
    note_strangers(call, &root, &["patient"]);
    user_linking::confirmed(call, &request_id, error.as_ref(), &entries)
}

/// What stands in headers in V3: a new `requestId`, the time, and what is answered. Gives the last.
pub(super) fn head(call: &Call<'_>, root: &Node<'_>) -> Result<String, Refusal> {
    let own = root.matching("requestId", &UUID)?;
    let at = timestamp(root.text("timestamp")?);
    let at = at.ok_or_else(|| root.wrong("timestamp must be UTC with milliseconds and Z"))?;
    if at.duration_since(call.now).unsigned_abs() > call.sandbox.timing().skew {
        return Err(Refusal::bad("ABDM-2402", "Invalid Timestamp").forgiven());
    }
    let used = (call.client.clone(), own.to_lowercase());
    if !call.sandbox.change(|world| world.request_ids.insert(used)) {
        return Err(Refusal::bad("ABDM-1064", "request with this request id already exists"));
    }
    if call.body.get("response").is_some() {
        return Err(root.wrong("v0.5 says resp, not response").into());
    }
    Ok(root.member("resp")?.matching("requestId", &UUID)?.to_owned())
}

/// The member `error`, whose code is a number.
pub(super) fn error(root: &Node<'_>) -> Result<Option<SaidError>, Wrong> {
    let Some(error) = root.maybe("error")? else { return Ok(None) };
    if root.maybe("patient")?.is_some() || root.maybe("link")?.is_some() {
        return Err(error.wrong("stands beside a result"));
    }
    let code = error.integer("code")?;
    if !(1000..10_000).contains(&code) {
        return Err(error.wrong("code must have four digits"));
    }
    let message = error.matching("message", &MESSAGE)?.to_owned();
    Ok(Some(SaidError { code: code.to_string(), message }))
}

/// The one patient, as an entry of each HI type.
fn entries(patient: &Node<'_>) -> Result<Vec<Entry>, Wrong> {
    let reference = patient.matching("referenceNumber", &PATIENT_REFERENCE_REPLY)?;
    let display = patient.matching("display", &DISPLAY)?;
    let mut contexts: Vec<(String, String)> = Vec::new();
    for context in patient.items("careContexts")? {
        let one = (
            context.matching("referenceNumber", &CARE_CONTEXT)?.to_owned(),
            context.matching("display", &DISPLAY)?.to_owned(),
        );
        if contexts.iter().any(|known| known.0 == one.0) {
            return Err(context.wrong("stands twice"));
        }
        contexts.push(one);
    }
    if contexts.is_empty() {
        return Err(patient.wrong("has no care contexts"));
    }
    let entry = |hi_type: &&str| Entry {
        reference: reference.to_owned(),
        display: display.to_owned(),
        hi_type: (*hi_type).to_owned(),
        care_contexts: contexts.clone(),
    };
    Ok(HI_TYPES.iter().map(entry).collect())
}

pub(super) fn note_strangers(call: &Call<'_>, root: &Node<'_>, known: &[&str]) {
    let own = [known, &["requestId", "timestamp", "error", "resp"]].concat();
    let mut strangers = root.strangers(&own);
    if let Ok(Some(patient)) = root.maybe("patient") {
        strangers.extend(patient.strangers(&["referenceNumber", "display", "careContexts", "matchedBy"]));
        for context in patient.items("careContexts").unwrap_or_default() {
            strangers.extend(context.strangers(&["referenceNumber", "display"]));
        }
    }
    call.note_strangers(&strangers);
}

/// A refusal in v0.5: its code is the number alone.
pub(super) fn numbered(mut refusal: Refusal) -> Refusal {
    let digits = refusal.code().and_then(|code| code.trim_start_matches("ABDM-").parse::<u16>().ok());
    if let (Some(code), Said::Json(said)) = (digits, &refusal.said) {
        let message = said.pointer("/error/message").cloned().unwrap_or(Value::Null);
        refusal.said = Said::Json(json!({"error": {"code": code, "message": message}}));
    }
    refusal
}
