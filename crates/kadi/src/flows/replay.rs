//! Running a stored callback or call again, because a person has mended what stood in its way.
//!
//! A callback goes through its flow once more, which changes nothing that is there already; what ABDM has not accepted
//! of our replies goes out again. A call goes out again under a new `REQUEST-ID`, its body as it was.

use abdm::path::Operation;
use domain::exchange::{Direction, ExchangeState};
use store::{Exchange, Tx};

use super::{Ctx, Result, TRANSFER, sms};

/// Longer reasons are cut.
const MAX_REASON: usize = 200;

/// Why an exchange is not run again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoReplay {
    /// It has ended well.
    #[error("the exchange has been answered; there is nothing to run again")]
    Answered,
    /// It is being tried.
    #[error(
        "the exchange is under way: it is tried by itself, and can be run again once it is refused or overdue"
    )]
    UnderWay,
    /// ABDM counts these, so only the governor asks.
    #[error(
        "a link token is asked for again by asking to link the visit (POST .../link), which keeps ABDM's limits"
    )]
    Token,
}

/// Runs an exchange again. The reason is kept in the audit trail.
pub async fn replay(
    ctx: &Ctx<'_>,
    tx: &mut Tx,
    exchange: &Exchange,
    (actor, reason): (&str, Option<&str>),
) -> Result<Result<(), NoReplay>> {
    if let Err(refusal) = replayable(tx, exchange).await? {
        return Ok(Err(refusal));
    }
    let now = tx.now();
    tx.reopen_exchange(exchange.id, now + ctx.rules.callback_overdue).await?;
    if exchange.direction == Direction::In {
        tx.rerun_received(exchange.id).await?;
    }
    for made in tx.calls_of_exchange(exchange.id).await? {
        let accepted = tx.attempts(made.id).await?.into_iter().any(|(_, _, outcome)| {
            outcome.as_deref().is_some_and(|outcome| matches!(outcome, "accepted" | "answered"))
        });
        let has_it = exchange.direction == Direction::In && accepted;
        if made.kind != TRANSFER && made.state != "pending" && !has_it {
            tx.resend_call(made.id, now).await?;
        }
    }
    let reason = reason.map(str::trim).filter(|reason| !reason.is_empty()).unwrap_or("no reason given");
    let reason: String = reason.chars().filter(|letter| !letter.is_control()).take(MAX_REASON).collect();
    let action = format!("exchange replayed: {reason}");
    tx.audit(&exchange.facility, actor, &action, &exchange.id.to_string()).await?;
    Ok(Ok(()))
}

async fn replayable(tx: &mut Tx, exchange: &Exchange) -> Result<Result<(), NoReplay>> {
    if Operation::from_path(&exchange.path) == Some(Operation::GenerateToken) {
        return Ok(Err(NoReplay::Token));
    }
    let may_be = match exchange.state {
        ExchangeState::Answered => Err(NoReplay::Answered),
        ExchangeState::Refused | ExchangeState::Overdue => Ok(()),
        _ if tx.is_dead_letter(exchange.id).await? => Ok(()),
        _ => Err(NoReplay::UnderWay),
    };
    let is_text = Operation::from_path(&exchange.path) == Some(Operation::SmsNotify);
    if may_be.is_ok() && is_text && !sms::begin_again(tx, exchange).await? {
        return Ok(Err(NoReplay::UnderWay));
    }
    Ok(may_be)
}
