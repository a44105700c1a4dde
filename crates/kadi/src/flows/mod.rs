//! One file per exchange with ABDM.
//!
//! A flow takes a message and a transaction, decides with `domain`, and writes the new state, the audit row and
//! the outgoing calls in that transaction. It sends nothing, waits for nothing and reads no clock but the
//! transaction's. Every flow can run twice: a message that was dealt with changes nothing, because the exchange
//! it belongs to has ended, or because the state it leads to is already there.
//!
//! - [`on_callback`]: a callback was received.
//! - [`on_sent`]: a call of ours was sent, or could not be.
//! - [`on_overdue`]: an exchange should have been answered by now.

pub mod adoption;
pub mod bridge;
pub mod consent;
pub mod context_notify;
pub mod link;
pub mod link_token;
pub mod merge;
mod outcome;
pub mod patient_status;
pub mod permit;
pub mod profile;
pub mod replay;
pub mod share;
pub mod sms;
pub mod transfer;
pub mod user_link;
pub mod visits;

use std::num::NonZeroUsize;
use std::time::Duration;

use abdm::error::Failure;
use abdm::id::{FacilityId, IdError, MessageId, RequestId};
use abdm::path::{Callback, Operation};
use abdm::wire::error::{ErrorObject, ReceivedError};
use abdm::wire::{self, BodyError};
use domain::backoff::Backoff;
use domain::consent::Signature;
use domain::exchange::{Direction, ExchangeState};
use domain::facility::Facility;
use domain::problem::Problem;
use domain::reference::CareContextRef;
use domain::token_desk::Limits;
use jiff::Timestamp;
use store::{Call, Exchange, Lane, Made, Received, Sending, StoreError, Tx};
use uuid::Uuid;

pub use outcome::{problem, silence};

/// The kind of outbox row that serves a transfer page by page; all others are calls to ABDM.
pub const TRANSFER: &str = "transfer";

/// What flows decide by; from the configuration.
#[derive(Debug, Clone, Copy)]
pub struct Rules {
    /// How often link tokens may be asked for.
    pub tokens: Limits,
    /// How retries are spaced.
    pub backoff: Backoff,
    /// How long after an acceptance its callback is overdue. Usual are 1 to 9 seconds (ABDM V3, observed).
    pub callback_overdue: Duration,
    /// Records on one page of a transfer.
    pub per_page: NonZeroUsize,
    /// From request to notify.
    pub deadline: Duration,
    /// Whether push addresses may be plain http or private.
    pub allow_insecure: bool,
    /// Whom a discovery finds.
    pub discovery: domain::discovery::Settings,
    /// How many one-time passwords are sent and may be wrong.
    pub otp: domain::otp::Limits,
    /// How long sending a password is tried; none if there is nothing to send it by.
    pub otp_give_up: Option<Duration>,
    /// How long a counter's token lives.
    pub token_life: Duration,
    /// When a stored visit leads to a deep link by SMS.
    pub sms: sms::SmsRules,
}

/// Why a flow did not end.
#[derive(Debug, thiserror::Error)]
pub enum FlowError {
    /// The store failed; run again.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A stored message is not readable; running again does not help.
    #[error("a stored message is not of its shape: {0}")]
    Body(#[from] BodyError),
    /// A message of ours could not be written.
    #[error("a message could not be written: {0}")]
    Write(#[from] serde_json::Error),
    /// The callback's kind is of another version.
    #[error("no flow for {0}")]
    Unknown(String),
    /// The facility is gone.
    #[error("the facility is not configured any more")]
    NoFacility,
}

/// What every flow answers.
pub type Result<T, E = FlowError> = std::result::Result<T, E>;

/// What flows have beside their message: the rules, and a draw of chance in 0..1 that spreads retries.
#[derive(Debug, Clone, Copy)]
pub struct Ctx<'a> {
    /// From the configuration.
    pub rules: &'a Rules,
    /// In 0..1.
    pub chance: f64,
}

/// What was found out about a callback before its transaction: what needs the network, or a key.
#[derive(Debug, Clone, Copy, Default)]
pub struct Findings {
    /// The name in the push address leads inside.
    pub push_refused: bool,
    /// What is known of the signature under the artefact of a consent.
    pub signature: Signature,
    /// An artefact whose signature is not right is not taken.
    pub signature_required: bool,
}

impl Ctx<'_> {
    /// When to try again after `failures` failures.
    #[must_use]
    pub fn retry_at(&self, now: Timestamp, failures: u32) -> Timestamp {
        now + self.rules.backoff.wait(failures, self.chance)
    }
}

/// Deals with a callback of which nothing was found out, and marks it as dealt with.
pub async fn on_callback(ctx: &Ctx<'_>, tx: &mut Tx, received: &Received) -> Result<()> {
    on_callback_with(ctx, tx, received, &Findings::default()).await
}

/// Deals with a callback and marks it as dealt with.
pub async fn on_callback_with(
    ctx: &Ctx<'_>,
    tx: &mut Tx,
    received: &Received,
    findings: &Findings,
) -> Result<()> {
    let facility = tx.facility(&received.facility).await?.ok_or(FlowError::NoFacility)?;
    let kind = Callback::from_path(&received.kind);
    match kind.ok_or_else(|| FlowError::Unknown(received.kind.clone()))? {
        Callback::OnGenerateToken => {
            link_token::on_generate_token(ctx, tx, &facility, &wire::read(&received.body)?).await?;
        }
        Callback::OnCareContext => {
            link::on_care_context(ctx, tx, &facility, &wire::read(&received.body)?).await?;
        }
        Callback::OnContextNotify => {
            context_notify::on_notify(ctx, tx, &facility, &wire::read(&received.body)?).await?;
        }
        Callback::ConsentNotify => consent::on_notify(tx, &facility, received, findings).await?,
        Callback::OnSmsNotify => sms::on_notify(tx, &facility, &wire::read(&received.body)?).await?,
        Callback::HealthInformationRequest => {
            transfer::on_request(ctx, tx, &facility, (received, findings)).await?;
        }
        Callback::PatientStatus | Callback::PatientStatusV05 => {
            patient_status::on_notify(tx, &facility, received).await?;
        }
        Callback::Discover | Callback::DiscoverV05 => {
            user_link::discover::on_discover(ctx, tx, &facility, received).await?;
        }
        Callback::LinkInit | Callback::LinkInitV05 => {
            user_link::init::on_init(ctx, tx, &facility, received).await?;
        }
        Callback::LinkConfirm | Callback::LinkConfirmV05 => {
            user_link::confirm::on_confirm(ctx, tx, &facility, received).await?;
        }
        Callback::ProfileShare => share::on_share(ctx, tx, &facility, received).await?,
    }
    tx.finish_received(received.lease).await?;
    Ok(())
}

/// Records what became of a call, and does what follows from it.
pub async fn on_sent(
    ctx: &Ctx<'_>,
    tx: &mut Tx,
    sending: &Sending,
    outcome: &Result<(), Failure>,
) -> Result<()> {
    let word = match outcome {
        Ok(()) => "accepted".to_owned(),
        Err(failure) => outcome::word(failure),
    };
    tx.end_attempt(sending.request_id, &word).await?;
    let operation = Operation::from_path(&sending.kind);
    match operation.ok_or_else(|| FlowError::Unknown(sending.kind.clone()))? {
        Operation::ContextNotify => context_notify::on_sent(ctx, tx, sending, outcome).await,
        Operation::OnShare => share::on_reply_sent(ctx, tx, sending, outcome).await,
        Operation::TransferNotify => transfer::on_notify_sent(ctx, tx, sending, outcome).await,
        operation @ (Operation::GenerateToken
        | Operation::LinkCareContexts
        | Operation::SmsNotify
        | Operation::OnRequest
        | Operation::OnConfirm
        | Operation::OnConfirmV05) => {
            let facility = tx.facility(&sending.facility).await?.ok_or(FlowError::NoFacility)?;
            on_sent_for(&facility, operation, (ctx, tx), sending, outcome).await
        }
        _ => on_reply_sent(ctx, tx, sending, outcome).await.map(drop),
    }
}

/// The same for calls whose outcome changes what the facility has.
async fn on_sent_for(
    facility: &Facility,
    operation: Operation,
    (ctx, tx): (&Ctx<'_>, &mut Tx),
    sending: &Sending,
    outcome: &Result<(), Failure>,
) -> Result<()> {
    match operation {
        Operation::GenerateToken => link_token::on_sent(ctx, tx, facility, sending, outcome).await,
        Operation::LinkCareContexts => link::on_sent(ctx, tx, facility, sending, outcome).await,
        Operation::SmsNotify => sms::on_sent(ctx, tx, facility, sending, outcome).await,
        Operation::OnRequest => transfer::on_reply_sent(ctx, tx, facility, sending, outcome).await,
        _ => user_link::confirm::on_sent(ctx, tx, facility, sending, outcome).await,
    }
}

/// Deals with an exchange that nobody has answered in time.
pub async fn on_overdue(ctx: &Ctx<'_>, tx: &mut Tx, exchange: &Exchange) -> Result<()> {
    let facility = tx.facility(&exchange.facility).await?.ok_or(FlowError::NoFacility)?;
    let now = tx.now();
    let first = exchange.state != ExchangeState::Overdue;
    let next_look = now + ctx.rules.callback_overdue;
    let error = silence(exchange, now);
    if !tx.move_exchange(exchange.id, ExchangeState::Overdue, Some(next_look), Some(&error)).await? {
        return Ok(());
    }
    if first {
        let data = serde_json::json!({"exchangeId": exchange.id, "state": "overdue"});
        tx.raise(&facility.id, domain::event::EventType::ExchangeOverdue, data).await?;
    }
    if exchange.direction == Direction::In {
        return Ok(());
    }
    for made in tx.calls_of_exchange(exchange.id).await? {
        if made.state != "sent" {
            continue;
        }
        match Operation::from_path(&made.kind) {
            Some(Operation::GenerateToken) => {
                link_token::on_silence(ctx, tx, &facility, &made, error.clone()).await?;
            }
            Some(Operation::ContextNotify) => tx.close_call(made.id).await?,
            Some(Operation::SmsNotify) => sms::on_silence(tx, &facility, &made).await?,
            // ABDM knows a care context again: asking once more has no second effect.
            _ => tx.resend_call(made.id, now).await?,
        }
    }
    Ok(())
}

/// Begins an exchange: a call that ABDM answers by callback, or not at all. Its id is the exchange's too.
pub(crate) async fn begin(
    tx: &mut Tx,
    facility: &FacilityId,
    operation: Operation,
    subject: &str,
    body: Vec<u8>,
) -> Result<Uuid> {
    let id = tx.new_id();
    let now = tx.now();
    tx.open_exchange(&Exchange {
        id,
        facility: facility.clone(),
        direction: Direction::Out,
        path: operation.path().to_owned(),
        request_id: String::new(),
        subject: Some(subject.to_owned()),
        state: ExchangeState::Sent,
        started_at: now,
        ended_at: None,
        overdue_at: None,
        error: None,
    })
    .await?;
    let call = Call {
        id,
        facility: facility.clone(),
        exchange: id,
        kind: operation.path(),
        subject: subject.to_owned(),
        body,
        due_at: now,
    };
    // What ABDM answers by callback leaves at the facility's pace; the notice that ends a transfer has a deadline.
    match operation.callback() {
        Some(_) => tx.enqueue(Lane::Own, &call).await?,
        None => tx.enqueue(Lane::Replies, &call).await?,
    }
    Ok(id)
}

/// Whether a reply carries an error: then its exchange ends as refused by us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    Yes,
    No,
}

/// Answers a callback within its exchange.
pub(crate) async fn reply(
    tx: &mut Tx,
    received: &Received,
    operation: Operation,
    answer: Answer,
    body: Vec<u8>,
) -> Result<()> {
    let call = Call {
        id: tx.new_id(),
        facility: received.facility.clone(),
        exchange: received.exchange,
        kind: operation.path(),
        subject: match answer {
            Answer::Yes => String::new(),
            Answer::No => "refused".to_owned(),
        },
        body,
        due_at: tx.now(),
    };
    tx.enqueue(Lane::Replies, &call).await?;
    Ok(())
}

/// Records what became of a reply. Says whether ABDM has it now, once and for all: `None` while it is being tried.
pub(crate) async fn on_reply_sent(
    ctx: &Ctx<'_>,
    tx: &mut Tx,
    sending: &Sending,
    outcome: &Result<(), Failure>,
) -> Result<Option<bool>> {
    let refused_by_us = sending.subject == "refused";
    match outcome::judge(outcome) {
        outcome::Verdict::Done => {
            tx.finish_sending(sending.lease, false).await?;
            let refusal = if refused_by_us { tx.exchange(sending.exchange).await? } else { None };
            let (state, error) = match refusal.and_then(|exchange| exchange.error) {
                Some(error) => (ExchangeState::Refused, Some(error)),
                None => (ExchangeState::Answered, None),
            };
            tx.move_exchange(sending.exchange, state, None, error.as_ref()).await?;
            Ok(Some(true))
        }
        outcome::Verdict::Again(failure) => {
            let now = tx.now();
            let due_at = outcome::due_at(ctx, failure, sending.attempts, now);
            tx.put_back_sending(sending.lease, due_at).await?;
            Ok(None)
        }
        outcome::Verdict::Refused(failure) => {
            tx.finish_sending(sending.lease, false).await?;
            let error = problem(failure, tx.now());
            tx.move_exchange(sending.exchange, ExchangeState::Refused, None, Some(&error)).await?;
            Ok(Some(false))
        }
    }
}

/// The call of ours that a result callback names, if it is one of this operation and not answered yet.
pub(crate) async fn made_by_us(
    tx: &mut Tx,
    facility: &Facility,
    response: &wire::ResponseTo,
    operation: Operation,
) -> Result<Option<Made>> {
    let made = tx.call_by_request_id(response.request_id.as_str()).await?;
    let made = made.filter(|made| made.facility == facility.id && made.kind == operation.path());
    match (&made, response.request_id.as_str().parse::<RequestId>()) {
        // The attempt arrived, whether or not its sender lives to record so.
        (Some(_), Ok(attempt)) => tx.end_attempt(attempt, "answered").await?,
        _ => tracing::warn!(operation = operation.path(), "a result callback names no call of ours"),
    }
    Ok(made)
}

/// Notes in the journal why we refuse what a callback asks; the reply that says so ends the exchange.
pub(crate) async fn note_refusal(
    tx: &mut Tx,
    received: &Received,
    error: &ErrorObject,
    explanation: &str,
) -> Result<()> {
    let now = tx.now();
    let problem = Problem {
        code: error.code().to_owned(),
        message: error.message().to_owned(),
        explanation: explanation.to_owned(),
        at: now,
        until: None,
    };
    tx.note_exchange_error(received.exchange, &problem).await?;
    Ok(())
}

/// What a reply says it answers: the `REQUEST-ID` header of the callback.
pub(crate) fn response_to(received: &Received) -> Result<wire::ResponseTo> {
    let id: MessageId = received.request_id.parse().map_err(unwritable)?;
    Ok(wire::ResponseTo::new(id))
}

/// A care context's reference as the wire carries it.
pub(crate) fn wire_reference(reference: &CareContextRef) -> Result<abdm::id::CareContextRef> {
    reference.as_str().parse().map_err(unwritable)
}

/// A refusal that came as prose only.
pub(crate) fn words(status: Option<&str>) -> ReceivedError {
    ReceivedError { code: None, message: status.map(str::to_owned) }
}

fn unwritable(error: IdError) -> FlowError {
    FlowError::Body(BodyError { pointer: String::new(), problem: error.to_string() })
}
