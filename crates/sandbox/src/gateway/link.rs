//! `POST link/carecontext` and its callback. The checks stand in the order that was observed: headers, link token,
//! `patient`, shape, codes; what concerns the token's owner comes on the callback.

use serde_json::{Value, json};

use super::{Answer, Call, bad_request};
use crate::callbacks::Callback;
use crate::judge::patient::{self, BadEntries, Entry};
use crate::judge::patterns::{ABHA_ADDRESS, PATIENT_REFERENCE};
use crate::judge::{Fault, Node, Wrong};
use crate::refusal::Refusal;
use crate::world::ledger::{EffectKind, Outcome};
use crate::world::links::LinkedBy;

use super::token::digits;

pub(crate) const CALLBACK: &str = "/api/v3/link/on_carecontext";

/// `POST link/carecontext`.
pub(crate) fn care_contexts(call: &Call<'_>) -> Result<Answer, Refusal> {
    let claims = token(call)?;
    let hip = call.hip()?.to_owned();
    let root = call.root();
    let entries = entries(&root);
    if let Err(BadEntries::Absent) = &entries {
        return Err(Refusal::bad("ABDM-1006", "Bad Request, invalid request Body")
            .breaks("wrong-body", "/patient: is required"));
    }
    let (address, number) = owner(&root).map_err(|wrong| empty(&wrong))?;
    let entries = match entries {
        Err(BadEntries::CountMismatch(wrong)) => {
            call.note("ABDM-1037", wrong.line());
            return Ok(failed(&hip, call, "ABDM-1037", "Counter and Care context count mismatch"));
        }
        other => other.map_err(|bad| refusal(&bad))?,
    };
    note_strangers(call, &root);
    if call.sandbox.read(|world| world.registry.service_of(&call.client, &hip).is_none()) {
        return Ok(Answer::silence("the HIP id is no service of this bridge"));
    }
    if let Some((code, message)) = mismatch(call, &claims, &hip, &address, number.as_deref()) {
        return Ok(failed(&hip, call, code, message));
    }
    let address = call.canonical(&address);
    link(call, &hip, &address, &entries)
}

/// The claims of the link token: 400 unless ABDM signed it.
fn token(call: &Call<'_>) -> Result<Value, Refusal> {
    let given = call.header("x-link-token").unwrap_or_default();
    call.sandbox.keys().read_link_token(given).ok_or_else(|| {
        Refusal::bad("ABDM-9999: ", "Invalid X Auth token")
            .breaks("link-token", "X-LINK-TOKEN was not signed by ABDM")
    })
}

fn entries(root: &Node<'_>) -> Result<Vec<Entry>, BadEntries> {
    patient::entries(root, &PATIENT_REFERENCE)
}

fn owner(root: &Node<'_>) -> Result<(String, Option<String>), Wrong> {
    let number = root.maybe("abhaNumber")?.map(|number| digits(&number)).transpose()?;
    Ok((root.matching("abhaAddress", &ABHA_ADDRESS)?.to_owned(), number))
}

fn empty(wrong: &Wrong) -> Refusal {
    Refusal::empty().breaks("wrong-shape", wrong.line())
}

fn refusal(bad: &BadEntries) -> Refusal {
    let wrong = bad.wrong();
    let coded = |code, message| Refusal::bad(code, message).breaks(code, wrong.line());
    match bad {
        BadEntries::Absent => bad_request(&wrong),
        BadEntries::Shape(_) => empty(&wrong),
        BadEntries::HiType(_) => coded("ABDM-1006", "Invalid HIType"),
        BadEntries::CountRange(_) => {
            coded("ABDM-1006", "Invalid count, must be 2 digit and ranges between 1 to 20")
        }
        BadEntries::Patient(_) => coded("ABDM-1060", "Invalid Patient Reference Number"),
        BadEntries::Display(_) => coded("ABDM-1061", "Invalid Patient Display"),
        BadEntries::CareContext(_) => coded("ABDM-1057", "Invalid Care Contexts"),
        BadEntries::CountMismatch(_) => coded("ABDM-1037", "Counter and Care context count mismatch"),
    }
}

fn note_strangers(call: &Call<'_>, root: &Node<'_>) {
    let mut strangers = root.strangers(&["abhaNumber", "abhaAddress", "patient"]);
    strangers.extend(patient::strangers(root));
    call.note_strangers(&strangers);
}

/// What a genuine token says against this call: expired, or of another address, number or HIP.
fn mismatch(
    call: &Call<'_>,
    claims: &Value,
    hip: &str,
    address: &str,
    number: Option<&str>,
) -> Option<(&'static str, &'static str)> {
    let claim = |name: &str| claims.get(name).and_then(Value::as_str).unwrap_or_default();
    let bound = claims.get("abhaNumber").and_then(Value::as_u64).map(|number| format!("{number:014}"));
    let expired = claims.get("exp").and_then(Value::as_i64).is_none_or(|exp| exp <= call.now.as_second());
    if expired {
        return Some(("ABDM-1026", "Invalid Link Token"));
    }
    if !claim("abhaAddress").eq_ignore_ascii_case(address) {
        return Some(("ABDM-1038", "ABHA address and Link token mismatch"));
    }
    // With a number in the token, the call must name the same; without, it may name none.
    if bound.as_deref() != number && (bound.is_some() || number.is_some()) {
        return Some(("ABDM-1062", "ABHA number mismatch with Link token"));
    }
    (claim("hipId") != hip).then_some(("ABDM-1063", "HIP Id mismatch with Link token"))
}

fn link(call: &Call<'_>, hip: &str, address: &str, entries: &[Entry]) -> Result<Answer, Refusal> {
    let relink_at_once = call.sandbox.config().rules.refuse_relink_at_once;
    let new = call.sandbox.change(|world| {
        let new: Vec<_> = world.links.unlinked(hip, address, entries);
        let outcome = if new.is_empty() { Outcome::Repeat } else { Outcome::Accepted };
        let keys = if new.is_empty() { pairs(entries) } else { new.clone() };
        for (reference, hi_type) in keys {
            world.ledger.book(
                EffectKind::Link,
                format!("{hip}|{address}|{reference}|{hi_type}"),
                outcome,
                call.now,
            );
        }
        let new = !new.is_empty();
        if new {
            world.links.link((hip, address), entries, LinkedBy::Hip, call.now);
        }
        new
    });
    match (new, relink_at_once) {
        (true, _) => {
            crate::phr::pull_after_link(call.sandbox, hip, address);
            Ok(Answer::then(linked(hip, call, address)))
        }
        (false, true) => Err(Refusal::bad("ABDM-9999: ", "Duplicate HIP link request").forgiven()),
        (false, false) => Ok(failed(hip, call, "ABDM-1056", "This care contexts has been already linked")),
    }
}

fn pairs(entries: &[Entry]) -> Vec<(&str, &str)> {
    let of = |entry: &'_ Entry| entry.care_contexts.len();
    let mut pairs = Vec::with_capacity(entries.iter().map(of).sum());
    for entry in entries {
        pairs.extend(
            entry.care_contexts.iter().map(|(reference, _)| (reference.as_str(), entry.hi_type.as_str())),
        );
    }
    pairs
}

fn linked(hip: &str, call: &Call<'_>, address: &str) -> Callback {
    let body = json!({"abhaAddress": address, "status": "Successfully Linked care context",
        "response": {"requestId": call.request_id}});
    Callback::result(hip, CALLBACK, body)
}

fn failed(hip: &str, call: &Call<'_>, code: &str, message: &str) -> Answer {
    let body = json!({"error": {"code": code, "message": message}, "status": "Failed to link care context",
        "response": {"requestId": call.request_id}});
    Answer::then(Callback::result(hip, CALLBACK, body))
}

/// Whether a finding is about a type or presence rather than a value.
impl Wrong {
    pub(crate) fn is_shape(&self) -> bool {
        self.fault != Fault::Value
    }
}
