//! `POST consent/v3/request/hip/on-notify`: the acknowledgement of a consent notification.

use axum::http::StatusCode;
use jiff::SignedDuration;

use super::{Answer, Call};
use crate::judge::patterns::UUID;
use crate::judge::{Node, Wrong, reply};
use crate::refusal::Refusal;
use crate::world::consents::Acknowledgement;
use crate::world::ledger::{EffectKind, Outcome};
use crate::world::{Asked, Subject, World};

/// What the reply says: the artefact acknowledged, or the code of an error.
enum Said {
    Acknowledged(String),
    Error(String),
}

/// `POST request/hip/on-notify`.
pub(crate) fn on_notify(call: &Call<'_>) -> Result<Answer, Refusal> {
    let root = call.root();
    let request_id = reply::request_id(&root).map_err(|wrong| {
        Refusal::listed("ABDM-1006", "RequestId cannot be NULL or Blank").breaks("wrong-body", wrong.line())
    })?;
    let said = read(&root)?;
    note_strangers(call, &root);
    let asked = call.asked(&request_id);
    let Some(Asked { subject: Subject::Consent { consent_id, status }, at, .. }) = asked else {
        return Err(Refusal::listed("ABDM-1052", "Invalid TransactionId or response's requestId")
            .breaks("unknown-request", "response.requestId is no consent notification to this HIP"));
    };
    if matches!(&said, Said::Acknowledged(id) if *id != consent_id) {
        return Err(invalid_consent_id("/acknowledgement/consentId is not the artefact that was notified"));
    }
    let limit = SignedDuration::try_from(call.sandbox.timing().consent_acknowledgement).unwrap_or_default();
    let outcome = match said {
        Said::Acknowledged(_) => "OK".to_owned(),
        Said::Error(code) => code,
    };
    let within_limit = call.now.duration_since(at) <= limit;
    if !within_limit {
        call.note("consent-acknowledgement", "acknowledged later than 60 seconds after the notification");
    }
    let acknowledgement = Acknowledgement { status: status.to_owned(), at: call.now, outcome, within_limit };
    let released = call.sandbox.change(|world| book(world, &consent_id, acknowledgement, call));
    for transaction in released {
        crate::hiu::send_request(call.sandbox, &transaction);
    }
    Ok(Answer { status: StatusCode::ACCEPTED, ..Answer::default() })
}

fn read(root: &Node<'_>) -> Result<Said, Refusal> {
    let bad = |wrong: &Wrong| {
        Refusal::listed("ABDM-1006", "Bad Request, invalid request Body").breaks("wrong-body", wrong.line())
    };
    if let Some(error) = reply::error(root).map_err(|wrong| bad(&wrong))? {
        return Ok(Said::Error(error.code));
    }
    let acknowledgement = root.member("acknowledgement").map_err(|wrong| bad(&wrong))?;
    acknowledgement.members().map_err(|wrong| bad(&wrong))?;
    let status = acknowledgement.text("status").unwrap_or_default();
    if !status.eq_ignore_ascii_case("OK") {
        return Err(Refusal::listed("ABDM-1006", "Invalid status, Please provide a valid status")
            .breaks("wrong-body", "/acknowledgement/status: must be OK"));
    }
    let id =
        acknowledgement.matching("consentId", &UUID).map_err(|wrong| invalid_consent_id(&wrong.line()))?;
    Ok(Said::Acknowledged(id.to_owned()))
}

fn invalid_consent_id(detail: &str) -> Refusal {
    Refusal::listed("ABDM-1006", "Invalid ConsentId, Please provide a valid ConsentId")
        .breaks("wrong-body", detail)
}

fn note_strangers(call: &Call<'_>, root: &Node<'_>) {
    let mut strangers = root.strangers(&["acknowledgement", "error", "response"]);
    if let Ok(Some(acknowledgement)) = root.maybe("acknowledgement") {
        strangers.extend(acknowledgement.strangers(&["status", "consentId"]));
    }
    call.note_strangers(&strangers);
}

/// Keeps the acknowledgement; gives the data requests that waited for it.
fn book(
    world: &mut World,
    consent_id: &str,
    acknowledgement: Acknowledgement,
    call: &Call<'_>,
) -> Vec<String> {
    let Some(consent) = world.consents.get_mut(consent_id) else { return Vec::new() };
    let repeated = consent.is_acknowledged(&acknowledgement.status);
    let outcome = if repeated { Outcome::Repeat } else { Outcome::Accepted };
    let key = format!("{consent_id}|{}", acknowledgement.status);
    let released = if acknowledgement.status == "GRANTED"
        && acknowledgement.outcome == "OK"
        && acknowledgement.within_limit
    {
        std::mem::take(&mut consent.waiting)
    } else {
        Vec::new()
    };
    consent.acknowledgements.push(acknowledgement);
    world.ledger.book(EffectKind::ConsentAck, key, outcome, call.now);
    released
}
