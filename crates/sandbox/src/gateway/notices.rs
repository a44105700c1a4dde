//! Context notify and the SMS deep link: two calls without body ids, which ABDM does not deduplicate.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{Answer, Call, bad_request};
use crate::callbacks::Callback;
use crate::judge::patient::hi_types;
use crate::judge::patterns::{ABHA_ADDRESS, CARE_CONTEXT, MOBILE, PATIENT_REFERENCE, timestamp};
use crate::judge::{Node, Wrong};
use crate::refusal::Refusal;
use crate::world::World;
use crate::world::ledger::{EffectKind, Outcome};

pub(crate) const CONTEXT_CALLBACK: &str = "/api/v3/links/context/on-notify";
pub(crate) const SMS_CALLBACK: &str = "/api/v3/patients/sms/on-notify";

/// A context notify.
struct Notice {
    address: String,
    patient: String,
    care_context: String,
    hi_types: Vec<String>,
    date: String,
    hip: String,
}

/// `POST link/context/notify`.
pub(crate) fn context(call: &Call<'_>) -> Result<Answer, Refusal> {
    let root = call.root();
    let notice = read(&root).map_err(|wrong| refusal(&wrong))?;
    call.note_strangers(&root.strangers(&["notification"]));
    let hip = call.hip()?;
    if hip != notice.hip {
        return Err(Refusal::bad("ABDM-1055", "Invalid HIP Id or PHR Id")
            .breaks("ABDM-1055", "hip.id is not X-HIP-ID"));
    }
    if call.sandbox.read(|world| world.registry.service_of(&call.client, hip).is_none()) {
        return Ok(Answer::silence("the HIP id is no service of this bridge"));
    }
    let address = call.canonical(&notice.address);
    let key = format!("{hip}|{address}|{}|{}", notice.care_context, notice.hi_types.join(","));
    let (failure, twice) = call.sandbox.change(|world| accept(world, call, &notice, &key));
    if twice {
        call.note(
            "second-notice",
            "an equal context notify while the first may still be answered, or after it succeeded",
        );
    }
    let mut callback = Callback::result(hip, CONTEXT_CALLBACK, outcome(call, failure));
    callback.notice = Some(key);
    Ok(Answer::then(callback))
}

fn read(root: &Node<'_>) -> Result<Notice, Wrong> {
    let notification = root.member("notification")?;
    let patient = notification.member("patient")?;
    let context = notification.member("careContext")?;
    let date = notification.text("date")?;
    if timestamp(date).is_none() {
        return Err(notification.member("date")?.wrong("must be UTC with milliseconds and Z"));
    }
    let mut types = hi_types(&notification, "hiTypes")?;
    types.sort_unstable();
    Ok(Notice {
        address: patient.matching("id", &ABHA_ADDRESS)?.to_owned(),
        patient: context.matching("patientReference", &PATIENT_REFERENCE)?.to_owned(),
        care_context: context.matching("careContextReference", &CARE_CONTEXT)?.to_owned(),
        hi_types: types,
        date: date.to_owned(),
        hip: notification.member("hip")?.text("id")?.to_owned(),
    })
}

fn refusal(wrong: &Wrong) -> Refusal {
    if wrong.at.contains("/hiTypes/") {
        return Refusal::bad("ABDM-1006", "Invalid HIType").breaks("ABDM-1006", wrong.line());
    }
    bad_request(wrong)
}

/// Books the notice. Gives the text of its failure, if it fails, and whether it is a second effect.
fn accept(world: &mut World, call: &Call<'_>, notice: &Notice, key: &str) -> (Option<&'static str>, bool) {
    let failure = failure(world, call, notice);
    let twice = world.links.send(key, &notice.date, call.sandbox.timing(), call.now);
    world.links.sent_result(key, failure.is_none(), false);
    let outcome = if failure.is_some() { Outcome::Refused } else { Outcome::Accepted };
    world.ledger.book(EffectKind::ContextNotify, key, outcome, call.now);
    if failure.is_none() {
        world.links.noticed(&notice.hip, &notice.address, &notice.care_context, call.now);
    }
    (failure, twice)
}

fn failure(world: &World, call: &Call<'_>, notice: &Notice) -> Option<&'static str> {
    const UNKNOWN: &str = "No care context linked with given reference number";
    let Some(contexts) = world.links.contexts(&notice.hip, &notice.address) else {
        return Some("No links found for the patient in the given HIP");
    };
    let Some(context) = contexts.get(&notice.care_context) else { return Some(UNKNOWN) };
    let settled = SignedDuration::try_from(call.sandbox.timing().notify_after_link).unwrap_or_default();
    let fresh = call.now.duration_since(context.linked_at) < settled;
    (fresh || context.patient_reference != notice.patient).then_some(UNKNOWN)
}

fn outcome(call: &Call<'_>, failure: Option<&str>) -> Value {
    let response = json!({"requestId": call.request_id});
    match failure {
        None => json!({"acknowledgement": {"status": "SUCCESS"}, "response": response}),
        Some(message) => json!({"acknowledgement": {"status": "ERRORED"},
            "error": {"code": "ABDM-1006: ", "message": message}, "response": response}),
    }
}

/// `POST sms/notify2`.
pub(crate) fn sms(call: &Call<'_>) -> Result<Answer, Refusal> {
    let root = call.root();
    let notification = root.member("notification")?;
    let mobile = notification.matching("phoneNo", &MOBILE)?;
    let to = notification.member("hip")?;
    let (hip, _name) = (to.text("id")?.to_owned(), to.text("name")?);
    call.note_strangers(&notification.strangers(&["phoneNo", "hip"]));
    if call.sandbox.read(|world| world.registry.service_of(&call.client, &hip).is_none()) {
        return Err(Refusal::bad("ABDM-9999: ", "Dependent service unavailable")
            .breaks("hip-id", "hip.id is no service of this bridge"));
    }
    let ten = mobile.get(mobile.len() - 10..).unwrap_or(mobile);
    let key = format!("{hip}|{ten}");
    let twice = call.sandbox.change(|world| book_sms(world, call, &key));
    if twice {
        call.note("second-sms", "an SMS to the same mobile while the first may still be answered");
    }
    let mut callback = Callback::result(&hip, SMS_CALLBACK, outcome(call, None));
    callback.notice = Some(format!("sms|{key}"));
    Ok(Answer::then(callback))
}

fn book_sms(world: &mut World, call: &Call<'_>, key: &str) -> bool {
    let now: Timestamp = call.now;
    // Two patients may share a mobile: only an unanswered first one makes the second too many.
    let twice = world.links.send(&format!("sms|{key}"), &call.request_id, call.sandbox.timing(), now);
    world.links.sent_result(&format!("sms|{key}"), true, false);
    world.ledger.book(EffectKind::Sms, key, Outcome::Accepted, now);
    twice
}
