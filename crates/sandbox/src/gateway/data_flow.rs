//! on-request, notify and status of a transfer. The gateway knows a reply by its body ids, not by its
//! `REQUEST-ID`.

use std::collections::BTreeSet;

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::{Answer, Call, bad_request};
use crate::judge::patterns::{CARE_CONTEXT_NOTIFY, DESCRIPTION, UUID, timestamp};
use crate::judge::{Node, Wrong, reply};
use crate::refusal::Refusal;
use crate::world::ledger::{EffectKind, Outcome};
use crate::world::transfers::{Transfer, TransferState};
use crate::world::{Asked, Subject, World};

/// `POST health-information/hip/on-request`.
pub(crate) fn on_request(call: &Call<'_>) -> Result<Answer, Refusal> {
    let root = call.root();
    let request_id = reply::request_id(&root)?;
    let error = reply::error(&root)?;
    let transaction = if error.is_some() { None } else { Some(acknowledged(&root)?) };
    call.note_strangers(&root.strangers(&["hiRequest", "error", "response"]));
    let Some(Asked { subject: Subject::Request { transaction_id }, .. }) = call.asked(&request_id) else {
        return Err(unknown("response.requestId is no health information request to this HIP"));
    };
    if transaction.is_some_and(|given| given != transaction_id) {
        return Err(unknown("/hiRequest/transactionId is not that of the request"));
    }
    call.sandbox.change(|world| {
        let Some(transfer) = world.transfers.get_mut(&transaction_id) else {
            return Err(unknown("no such transfer"));
        };
        if transfer.answered {
            world.ledger.book(EffectKind::OnRequest, transaction_id, Outcome::Repeat, call.now);
            let message = "Duplicate health information provider data flow response";
            return Err(Refusal::bad("ABDM-1113", message).forgiven());
        }
        transfer.answered = true;
        match error {
            None if transfer.state == TransferState::Requested => {
                transfer.state = TransferState::Acknowledged;
            }
            None => {}
            Some(error) => {
                transfer.state = TransferState::Refused;
                transfer.closed_at = Some(call.now);
                transfer.error = Some(json!({"code": error.code, "message": error.message}));
            }
        }
        world.ledger.book(EffectKind::OnRequest, transaction_id, Outcome::Accepted, call.now);
        Ok(Answer { status: StatusCode::OK, ..Answer::default() })
    })
}

fn acknowledged<'a>(root: &Node<'a>) -> Result<&'a str, Wrong> {
    let request = root.member("hiRequest")?;
    request.one_of("sessionStatus", &["ACKNOWLEDGED"])?;
    request.matching("transactionId", &UUID)
}

fn unknown(detail: &str) -> Refusal {
    Refusal::bad("ABDM-1052", "Invalid TransactionId or response's requestId")
        .breaks("unknown-request", detail)
}

/// A notify of an HIP.
struct Notify {
    consent: String,
    transaction: String,
    notifier: String,
    session_status: String,
    hip: String,
    rows: Vec<(String, String)>,
    status: Value,
}

/// `POST health-information/notify`.
pub(crate) fn notify(call: &Call<'_>) -> Result<Answer, Refusal> {
    let root = call.root();
    let notify =
        read(&root).map_err(|wrong| if wrong.is_shape() { bad_request(&wrong) } else { invalid(&wrong) })?;
    note_strangers(call, &root);
    let (problems, outcome) = call.sandbox.change(|world| close(world, call, &notify))?;
    for problem in problems {
        call.note("untrue-notify", problem);
    }
    Ok(outcome)
}

fn read(root: &Node<'_>) -> Result<Notify, Wrong> {
    let notification = root.member("notification")?;
    let notifier = notification.member("notifier")?;
    notifier.one_of("type", &["HIP"])?;
    if timestamp(notification.text("doneAt")?).is_none() {
        return Err(notification.member("doneAt")?.wrong("must be UTC with milliseconds and Z"));
    }
    let status = notification.member("statusNotification")?;
    Ok(Notify {
        consent: notification.matching("consentId", &UUID)?.to_owned(),
        transaction: notification.matching("transactionId", &UUID)?.to_owned(),
        notifier: notifier.text("id")?.to_owned(),
        session_status: status.one_of("sessionStatus", &["TRANSFERRED", "FAILED"])?.to_owned(),
        hip: status.text("hipId")?.to_owned(),
        rows: status.items("statusResponses")?.iter().map(row).collect::<Result<_, _>>()?,
        status: status.value().clone(),
    })
}

fn row(node: &Node<'_>) -> Result<(String, String), Wrong> {
    node.matching("description", &DESCRIPTION)?;
    let reference = node.matching("careContextReference", &CARE_CONTEXT_NOTIFY)?;
    Ok((reference.to_owned(), node.one_of("hiStatus", &["DELIVERED", "ERRORED"])?.to_owned()))
}

fn invalid(wrong: &Wrong) -> Refusal {
    let coded = |code, message| Refusal::bad(code, message).breaks(code, wrong.line());
    match wrong.at.rsplit('/').next() {
        Some("hiStatus") => coded("ABDM-1405", "Invalid health information status"),
        Some("sessionStatus") => {
            coded("ABDM-1406", "Invalid session status, should be TRANSFERRED, PARTIAL_TRANSFERRED or FAILED")
        }
        _ => coded("ABDM-1031", "Invalid request"),
    }
}

fn note_strangers(call: &Call<'_>, root: &Node<'_>) {
    let mut strangers = root.strangers(&["notification"]);
    if let Ok(Some(notification)) = root.maybe("notification") {
        strangers.extend(notification.strangers(&[
            "consentId",
            "transactionId",
            "doneAt",
            "notifier",
            "statusNotification",
        ]));
    }
    call.note_strangers(&strangers);
}

/// Closes the transfer. Gives what in the notify is not true.
fn close(world: &mut World, call: &Call<'_>, notify: &Notify) -> Result<(Vec<String>, Answer), Refusal> {
    let registry = &world.registry;
    let transfer =
        world.transfers.get_mut(&notify.transaction).filter(|transfer| transfer.consent_id == notify.consent);
    let owned = |transfer: &&mut Transfer| registry.service_of(&call.client, &transfer.hip_id).is_some();
    let Some(transfer) = transfer.filter(owned) else {
        return Err(unknown("/notification/transactionId is no transfer of this HIP under that consent"));
    };
    if transfer.notified.is_some() {
        world.ledger.book(EffectKind::Notify, notify.transaction.clone(), Outcome::Repeat, call.now);
        return Err(Refusal::bad("ABDM-1101", "Duplicate Health Information request").forgiven());
    }
    let mut problems = doubts(transfer, notify);
    if transfer.state == TransferState::Overdue {
        problems.push("notified after the limit of 20 minutes".into());
    }
    transfer.notified = Some(notify.status.clone());
    transfer.problems.extend(problems.iter().cloned());
    transfer.closed_at = Some(call.now);
    transfer.state = match (transfer.state, notify.session_status.as_str()) {
        (TransferState::Refused, _) => TransferState::Refused,
        (_, "TRANSFERRED") => TransferState::Transferred,
        _ => TransferState::Failed,
    };
    world.ledger.book(EffectKind::Notify, notify.transaction.clone(), Outcome::Accepted, call.now);
    let answer = Answer::with(StatusCode::ACCEPTED, json!({"status": "Notification is Accepted"}));
    Ok((problems, answer))
}

/// What the notify claims against what arrived.
fn doubts(transfer: &Transfer, notify: &Notify) -> Vec<String> {
    let mut doubts = Vec::new();
    let named: BTreeSet<&str> = notify.rows.iter().map(|(reference, _)| reference.as_str()).collect();
    let granted: BTreeSet<&str> = transfer.care_contexts.iter().map(String::as_str).collect();
    if named != granted || named.len() != notify.rows.len() {
        doubts.push("statusResponses does not hold one row for each care context of the artefact".into());
    }
    let received = transfer.received();
    let delivered: BTreeSet<&str> = notify
        .rows
        .iter()
        .filter(|(_, status)| status == "DELIVERED")
        .map(|(reference, _)| reference.as_str())
        .collect();
    if let Some(missing) = delivered.difference(&received).next() {
        doubts.push(format!("{missing} is said to be delivered, and no readable record of it arrived"));
    }
    // A care context delivered in part is no delivered one, and yet something was transferred.
    let partly = delivered.is_empty() && !received.is_empty();
    if !partly && delivered.is_empty() != (notify.session_status == "FAILED") {
        doubts.push(format!(
            "sessionStatus {} with {} care contexts delivered",
            notify.session_status,
            delivered.len()
        ));
    }
    // What was not sent, because the consent ended meanwhile say, must be owned up to in some row.
    let all_delivered = delivered.len() == named.len() && !delivered.is_empty();
    if all_delivered && !transfer.is_complete() {
        doubts.push("everything is said to be delivered before all announced pages arrived".into());
    }
    if notify.hip != transfer.hip_id || notify.notifier != transfer.hip_id {
        doubts.push("hipId or notifier.id is not the HIP that was asked".into());
    }
    if !transfer.answered {
        doubts.push("notified before on-request".into());
    }
    if transfer.state == TransferState::Refused {
        doubts.push("notified a request that it had refused".into());
    }
    doubts
}

/// `GET health-information/request/status/{transaction-id}`.
pub(crate) fn status(call: &Call<'_>) -> Result<Answer, Refusal> {
    let state = call.sandbox.read(|world| world.transfers.get(&call.tail).map(|transfer| transfer.state));
    let Some(state) = state else {
        return Err(Refusal::bad("ABDM-1006", "Bad Request").breaks("unknown-request", "no such transaction"));
    };
    let status = match state {
        TransferState::WaitingForAcknowledgement | TransferState::Requested => "REQUESTED",
        TransferState::Acknowledged | TransferState::Receiving => "ACKNOWLEDGED",
        TransferState::Transferred => "TRANSFERRED",
        _ => "FAILED",
    };
    Ok(Answer::with(StatusCode::OK, json!({"transactionId": call.tail, "status": status})))
}
