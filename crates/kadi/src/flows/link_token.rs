//! Link tokens: asking for one, and what becomes of the request.
//!
//! ```text
//! plan ──ask──> [outbox] ──202──> waiting ──token──> kept for six months, visits are linked
//!                   │                │  └──refusal──> visits failed, or waiting until a block ends
//!                   └─not sent: again └──silence──> the request counts as used; asked again after its window
//! ```
//! ABDM does not know a request again, and punishes repeats: see `domain::token_desk`. So a request whose outcome
//! is unknown is treated as accepted: its callback is awaited, then its window.

use abdm::error::{Failure, Retry, callback_failure};
use abdm::id::{AbhaAddress, LinkToken, Personal};
use abdm::path::Operation;
use abdm::text;
use abdm::wire::token::{GenerateToken, LinkTokenClaims, OnGenerateToken};
use domain::exchange::ExchangeState;
use domain::facility::Facility;
use domain::patient::Patient;
use domain::problem::Problem;
use domain::reference::PatientRef;
use domain::token_desk::{Token, TokenDesk};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use store::{Made, Sending, Tx};

use super::{Ctx, Result, link, outcome, problem};

/// How long a token lasts if it does not say so itself (ABDM V3: six months).
const TOKEN_LIFE: SignedDuration = SignedDuration::from_hours(24 * 182);

/// A token request as it waits in the outbox.
#[derive(Serialize, Deserialize)]
struct TokenCall {
    address: AbhaAddress,
    with_number: bool,
    body: Box<serde_json::value::RawValue>,
}

/// The JSON to send for a token request in the outbox.
pub fn body_of(call: &[u8]) -> Result<Vec<u8>> {
    let call: TokenCall = serde_json::from_slice(call)?;
    Ok(call.body.get().as_bytes().to_vec())
}

/// Asks for a token for a patient. Their row is locked, and `desk` allows it.
///
/// Answers a problem instead if the patient's own data cannot be sent.
pub(super) async fn ask(
    tx: &mut Tx,
    facility: &Facility,
    patient: &Patient,
    desk: TokenDesk,
) -> Result<Option<Problem>> {
    let now = tx.now();
    let Some(address) = patient.abha_address.clone() else { return Ok(None) };
    let Some(name) = text::person_name(&patient.name) else {
        return Ok(Some(unsendable(
            "The patient's name holds no letter that ABDM takes; correct the name.",
            now,
        )));
    };
    let Ok(year_of_birth) = u16::try_from(patient.birth.year()) else {
        return Ok(Some(unsendable("The patient's year of birth is not usable; correct it.", now)));
    };
    let body = GenerateToken {
        abha_number: patient.abha_number,
        abha_address: address.clone(),
        name: Personal::from(name),
        gender: patient.gender,
        year_of_birth,
    };
    let call = TokenCall {
        address: address.clone(),
        with_number: patient.abha_number.is_some(),
        body: serde_json::value::to_raw_value(&body)?,
    };
    let subject = patient.reference.as_str();
    let id =
        super::begin(tx, &facility.id, Operation::GenerateToken, subject, serde_json::to_vec(&call)?).await?;
    tx.put_token_desk(&facility.id, &address, &desk.ask(id.to_string(), now)).await?;
    Ok(None)
}

/// The request was sent, or could not be.
pub(super) async fn on_sent(
    ctx: &Ctx<'_>,
    tx: &mut Tx,
    facility: &Facility,
    sending: &Sending,
    outcome: &Result<(), Failure>,
) -> Result<()> {
    let now = tx.now();
    let Err(failure) = outcome else {
        return await_callback(tx, sending, now + ctx.rules.callback_overdue).await;
    };
    if outcome::may_have_acted(failure) {
        return await_callback(tx, sending, now + ctx.rules.tokens.window).await;
    }
    let call: TokenCall = serde_json::from_slice(&sending.body)?;
    let Some(Patient { reference, .. }) = lock(tx, facility, &sending.subject).await? else {
        tx.finish_sending(sending.lease, false).await?;
        return Ok(());
    };
    match failure.retry {
        Retry::Later | Retry::RefreshSession | Retry::After(_) if !too_soon(failure) => {
            let due_at = outcome::due_at(ctx, failure, sending.attempts, now);
            if tx.put_back_sending(sending.lease, due_at).await? {
                let desk = tx.token_desk(&facility.id, &call.address).await?.postpone(due_at);
                tx.put_token_desk(&facility.id, &call.address, &desk).await?;
                let error = problem(failure, now);
                link::hold_back(tx, facility, &reference, &error, None).await?;
            }
            Ok(())
        }
        _ => {
            if tx.finish_sending(sending.lease, false).await? {
                settle(
                    ctx,
                    tx,
                    facility,
                    &Ended { reference, call: &call, exchange: sending.exchange },
                    failure,
                )
                .await?;
            }
            Ok(())
        }
    }
}

async fn await_callback(tx: &mut Tx, sending: &Sending, overdue_at: Timestamp) -> Result<()> {
    if tx.finish_sending(sending.lease, true).await? {
        tx.move_exchange(sending.exchange, ExchangeState::Waiting, Some(overdue_at), None).await?;
    }
    Ok(())
}

/// ABDM answers the request.
pub(super) async fn on_generate_token(
    ctx: &Ctx<'_>,
    tx: &mut Tx,
    facility: &Facility,
    message: &OnGenerateToken,
) -> Result<()> {
    let Some(made) = super::made_by_us(tx, facility, &message.response, Operation::GenerateToken).await?
    else {
        return Ok(());
    };
    let call: TokenCall = serde_json::from_slice(&made.body)?;
    let Some(Patient { reference, abha_address, .. }) = lock(tx, facility, &made.subject).await? else {
        return Ok(());
    };
    tx.close_call(made.id).await?;
    let token = message.link_token.as_ref().filter(|_| message.error.is_none());
    let Some(token) = token else {
        let error = message.error.clone().unwrap_or_default();
        let failure = callback_failure(Operation::GenerateToken, &error);
        let ended = Ended { reference, call: &call, exchange: made.exchange };
        return settle(ctx, tx, facility, &ended, &failure).await;
    };
    if !tx.move_exchange(made.exchange, ExchangeState::Answered, None, None).await? {
        return Ok(());
    }
    if abha_address.is_none_or(|address| address.key() != call.address.key()) {
        // The ABHA was given up meanwhile: nothing of it is kept.
        return Ok(());
    }
    let now = tx.now();
    let desk = tx.token_desk(&facility.id, &call.address).await?;
    let desk = desk.receive(Token {
        jwt: token.as_str().to_owned(),
        with_number: call.with_number,
        expires_at: expiry(token, now),
    });
    tx.put_token_desk(&facility.id, &call.address, &desk).await?;
    tx.audit(&facility.id, "ABDM", "link token received", &made.subject).await?;
    link::plan(ctx, tx, facility, &reference).await
}

/// No callback came in time.
pub(super) async fn on_silence(
    ctx: &Ctx<'_>,
    tx: &mut Tx,
    facility: &Facility,
    made: &Made,
    error: Problem,
) -> Result<()> {
    let call: TokenCall = serde_json::from_slice(&made.body)?;
    let Some(Patient { reference, .. }) = lock(tx, facility, &made.subject).await? else { return Ok(()) };
    tx.close_call(made.id).await?;
    tx.move_exchange(made.exchange, ExchangeState::Overdue, None, Some(&error)).await?;
    let desk = tx.token_desk(&facility.id, &call.address).await?;
    if desk.call.as_deref() != Some(made.id.to_string().as_str()) {
        return Ok(());
    }
    tx.put_token_desk(&facility.id, &call.address, &desk.give_up(Some(error), None)).await?;
    link::plan(ctx, tx, facility, &reference).await
}

/// A request that ended without a token.
struct Ended<'a> {
    reference: PatientRef,
    call: &'a TokenCall,
    exchange: uuid::Uuid,
}

/// ABDM said no. A block or a window ends by itself; anything else needs a change.
async fn settle(
    ctx: &Ctx<'_>,
    tx: &mut Tx,
    facility: &Facility,
    ended: &Ended<'_>,
    failure: &Failure,
) -> Result<()> {
    let now = tx.now();
    let error = problem(failure, now);
    if !tx.move_exchange(ended.exchange, ExchangeState::Refused, None, Some(&error)).await? {
        return Ok(());
    }
    let desk = tx.token_desk(&facility.id, &ended.call.address).await?;
    let blocked = match failure.retry {
        Retry::Blocked(wait) => Some(now + wait),
        _ => None,
    };
    let desk = match failure.retry {
        Retry::After(_) => desk.postpone(now).give_up(Some(error.clone()), None),
        _ => desk.give_up(Some(error.clone()), blocked),
    };
    tx.put_token_desk(&facility.id, &ended.call.address, &desk).await?;
    match failure.retry {
        Retry::Never | Retry::TokenInvalid | Retry::AlreadyDone => {
            link::fail_waiting(tx, facility, &ended.reference, &error).await
        }
        _ => link::plan(ctx, tx, facility, &ended.reference).await,
    }
}

async fn lock(tx: &mut Tx, facility: &Facility, subject: &str) -> Result<Option<Patient>> {
    let Ok(reference) = subject.parse::<PatientRef>() else { return Ok(None) };
    Ok(tx.lock_current_patient(&facility.id, &reference).await?)
}

/// ABDM-1092: a request was accepted within the last minutes. Not this one.
fn too_soon(failure: &Failure) -> bool {
    failure.code.as_deref() == Some("ABDM-1092")
}

fn expiry(token: &LinkToken, now: Timestamp) -> Timestamp {
    let longest = now + TOKEN_LIFE;
    let stated = LinkTokenClaims::of(token).exp.and_then(|exp| Timestamp::from_second(exp).ok());
    stated.unwrap_or(longest)
}

fn unsendable(explanation: &str, at: Timestamp) -> Problem {
    Problem {
        code: "invalid_patient".to_owned(),
        message: "The patient's data cannot be sent".to_owned(),
        explanation: explanation.to_owned(),
        at,
        until: None,
    }
}
