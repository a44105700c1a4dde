//! The proof that a callback arrives: one is provoked, and the running bridge notes that it came.

use std::time::Duration;

use abdm::id::AbhaAddress;
use anyhow::Context as _;
use domain::exchange::ExchangeState;
use domain::facility::Role;
use jiff::Timestamp;
use uuid::Uuid;

use super::register::leads_here;
use super::status::Status;
use super::{ProofArgs, Tools};
use crate::cli::output;
use crate::flows::context_notify;

/// How long to wait. Callbacks come within 1 to 9 seconds (ABDM V3, observed).
const PATIENCE: Duration = Duration::from_mins(1);
/// How often to look.
const LOOK: Duration = Duration::from_millis(500);

/// What became of it.
enum Outcome {
    /// A callback came, this long after the call.
    Arrived(Duration),
    /// ABDM said no at once.
    Refused(String),
    /// ABDM took the call, and nothing came.
    Silence,
    /// Nobody made the call.
    NotSent,
}

/// Provokes a callback, if that was asked for. Says whether all is well.
pub async fn run(tools: &Tools, args: &ProofArgs, status: &Status) -> anyhow::Result<bool> {
    let Some(address) = &args.prove else { return Ok(true) };
    if !leads_here(status) {
        output::problem(
            "no callback can arrive while the address leads elsewhere: `kadi bridge register` first",
        );
        return Ok(false);
    }
    let (outcome, told) = match provoke(tools, address, status).await? {
        Outcome::Arrived(after) => (true, format!("arrived after {} ms", after.as_millis())),
        Outcome::Refused(why) => (false, format!("none was provoked: ABDM refused the call at once ({why}); nothing is proven")),
        Outcome::Silence => (
            false,
            "none arrived within a minute, though ABDM took the call: compare the HIP id, and see whether the address can \
             be reached from outside"
                .to_owned(),
        ),
        Outcome::NotSent => {
            (false, "none was provoked: nobody made the call; does `kadi serve` run on this store, and does ABDM answer?".to_owned())
        }
    };
    output::result(format_args!("callback\t{told}"));
    Ok(outcome)
}

async fn provoke(tools: &Tools, address: &AbhaAddress, status: &Status) -> anyhow::Result<Outcome> {
    let hip = status.facilities.iter().find(|standing| standing.role == Role::Hip);
    let facility = &hip.context("no facility is an HIP: put one by the API first")?.facility;
    let mut tx = tools.store.begin().await?;
    let call = context_notify::probe(&mut tx, facility, address).await?;
    tx.commit().await?;
    let begun = tools.clock.elapsed();
    loop {
        let outcome = look(tools, call).await?;
        let over = tools.clock.elapsed().saturating_sub(begun) > PATIENCE;
        if over || matches!(outcome, Outcome::Arrived(_) | Outcome::Refused(_)) {
            let mut tx = tools.store.begin().await?;
            tx.close_call(call).await?;
            let state = match &outcome {
                Outcome::Arrived(_) => ExchangeState::Answered,
                _ => ExchangeState::Refused,
            };
            tx.move_exchange(call, state, None, None).await?;
            tx.commit().await?;
            return Ok(outcome);
        }
        tools.clock.sleep(LOOK).await;
    }
}

async fn look(tools: &Tools, call: Uuid) -> anyhow::Result<Outcome> {
    let mut tx = tools.store.read().await?;
    let attempts = tx.attempts(call).await?;
    let exchange = tx.exchange(call).await?;
    let answered = attempts.iter().find(|(_, _, outcome)| outcome.as_deref() == Some("answered"));
    if let Some((_, at, _)) = answered {
        let took = tools.clock.now().duration_since(*at);
        return Ok(Outcome::Arrived(Duration::try_from(took).unwrap_or_default()));
    }
    if let Some(exchange) = exchange.filter(|exchange| exchange.state == ExchangeState::Refused) {
        let why = exchange.error.map(|error| error.code).unwrap_or_default();
        return Ok(Outcome::Refused(why));
    }
    let taken =
        |(_, _, outcome): &(String, Timestamp, Option<String>)| outcome.as_deref() == Some("accepted");
    Ok(if attempts.iter().any(taken) { Outcome::Silence } else { Outcome::NotSent })
}
