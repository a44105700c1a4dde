//! One exchange: what happened, in plain words, and every attempt at it.

use abdm::id::ConsentId;
use abdm::path::Callback;
use askama::Template;
use axum::Form;
use axum::extract::{Path, State};
use axum::response::{Html, Redirect};
use domain::exchange::ExchangeState;
use serde::Deserialize;
use store::{Exchange, Tx};
use uuid::Uuid;

use super::super::App;
use super::super::api::exchanges::run_again;
use super::super::problem::Problem;
use super::exchanges::{Row, row};
use super::page::{NoPage, Who, render};
use super::session::SignedIn;
use super::transfer::{self, Transfer};
use super::words;
use crate::flows::consent::as_of;

#[derive(Template)]
#[template(path = "console/exchange.html")]
struct Page {
    who: Who,
    row: Row,
    meaning: String,
    until: Option<Until>,
    words: Option<Words>,
    path: String,
    facility: String,
    request_id: String,
    began: String,
    ended: Option<String>,
    attempts: Vec<Attempt>,
    /// Where the consent stands that it is about, if it is about one.
    consent: Option<Consent>,
    transfer: Option<Transfer>,
    /// Whether it can be run again.
    replay: bool,
}

/// Until when nothing is tried.
struct Until {
    exact: String,
    shown: String,
}

/// ABDM's own words.
struct Words {
    code: String,
    message: String,
}

/// A consent, as it stands now.
struct Consent {
    status: &'static str,
    signature: &'static str,
}

struct Attempt {
    when: String,
    title: String,
    outcome: String,
    request_id: String,
}

/// The page. That it was looked at is in the audit trail.
pub async fn page(
    State(app): State<App>,
    signed_in: SignedIn,
    Path(id): Path<String>,
) -> Result<Html<String>, NoPage> {
    let id = id.parse::<Uuid>().map_err(|_| Problem::not_found())?;
    let mut tx = app.store.begin().await?;
    let exchange = tx.exchange(id).await?.filter(|exchange| signed_in.caller.scope.opens(&exchange.facility));
    let exchange = exchange.ok_or_else(Problem::not_found)?;
    let attempts = attempts(&mut tx, &exchange).await?;
    let consent = consent(&mut tx, &exchange).await?;
    let transfer = transfer::of(&mut tx, &exchange).await?;
    let actor = signed_in.caller.actor();
    tx.audit(&exchange.facility, &actor, "exchange viewed", &exchange.id.to_string()).await?;
    tx.commit().await?;
    let error = exchange.error.as_ref();
    render(&Page {
        who: signed_in.who(),
        meaning: words::meaning(&exchange),
        until: error
            .and_then(|error| error.until)
            .map(|until| Until { exact: until.to_string(), shown: words::moment(until) }),
        words: error.map(|error| Words { code: error.code.clone(), message: error.message.clone() }),
        path: exchange.path.clone(),
        facility: exchange.facility.to_string(),
        request_id: exchange.request_id.clone(),
        began: words::moment(exchange.started_at),
        ended: exchange.ended_at.map(words::moment),
        attempts,
        consent,
        transfer,
        replay: matches!(exchange.state, ExchangeState::Refused | ExchangeState::Overdue),
        row: row(exchange, app.clock.now(), false),
    })
}

/// The form that runs it again.
#[derive(Deserialize)]
pub struct Again {
    csrf: String,
    reason: String,
}

/// Runs it again, and shows it.
pub async fn replay(
    State(app): State<App>,
    signed_in: SignedIn,
    Path(id): Path<String>,
    Form(form): Form<Again>,
) -> Result<Redirect, NoPage> {
    signed_in.check_csrf(&form.csrf)?;
    let id = id.parse::<Uuid>().map_err(|_| Problem::not_found())?;
    run_again(&app, &signed_in.caller, id, Some(&form.reason)).await?;
    Ok(Redirect::to(&format!("/console/exchanges/{id}")))
}

async fn consent(tx: &mut Tx, exchange: &Exchange) -> Result<Option<Consent>, NoPage> {
    if Callback::from_path(&exchange.path) != Some(Callback::ConsentNotify) {
        return Ok(None);
    }
    let Some(id) = exchange.subject.as_deref().and_then(|id| id.parse::<ConsentId>().ok()) else {
        return Ok(None);
    };
    let now = tx.now();
    let stored = tx.consent(&exchange.facility, &id).await?.map(|stored| as_of(stored, now));
    Ok(stored.map(|stored| Consent { status: stored.status.as_str(), signature: stored.signature.as_str() }))
}

async fn attempts(tx: &mut Tx, exchange: &Exchange) -> Result<Vec<Attempt>, NoPage> {
    let mut attempts = Vec::new();
    for call in tx.calls_of_exchange(exchange.id).await? {
        for (request_id, at, outcome) in tx.attempts(call.id).await? {
            attempts.push(Attempt {
                when: words::moment(at),
                title: words::title(&call.kind),
                outcome: words::outcome(outcome.as_deref()),
                request_id,
            });
        }
    }
    Ok(attempts)
}
