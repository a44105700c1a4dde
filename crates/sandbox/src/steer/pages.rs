//! Pages for a person: what is here, who is here, what was said.

use askama::Template;
use axum::Router;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use serde::Deserialize;
use serde_json::Value;

use super::{Figures, SteerError};
use crate::core::Sandbox;
use crate::world::consents::Consent;
use crate::world::journal::{Direction, Entry, Verdict};
use crate::world::ledger::Violation;
use crate::world::links::LinkedContext;
use crate::world::registry::{Bridge, Person, Service};
use crate::world::transfers::Transfer;

/// Rows of the lists on a page.
const ROWS: usize = 200;

pub(crate) fn routes() -> Router<Sandbox> {
    Router::new()
        .route("/", get(overview))
        .route("/pages/people", get(people))
        .route("/pages/people/{address}", get(person))
        .route("/pages/journal", get(journal))
}

pub(super) fn page(template: &impl Template) -> Response {
    match template.render() {
        Ok(page) => Html(page).into_response(),
        Err(error) => {
            tracing::error!(%error, "a page could not be made");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

#[derive(Template)]
#[template(path = "overview.html")]
struct Overview {
    base_url: String,
    cm_id: String,
    figures: Figures,
    bridges: Vec<Bridge>,
    services: Vec<Service>,
    transfers: Vec<TransferRow>,
    violations: Vec<Violation>,
}

struct TransferRow {
    id: String,
    hip: String,
    state: String,
    readable: usize,
    entries: usize,
    problems: Vec<String>,
}

impl From<Transfer> for TransferRow {
    fn from(transfer: Transfer) -> Self {
        let pages = transfer.pages.into_iter().flat_map(|page| page.problems);
        Self {
            id: transfer.transaction_id,
            hip: transfer.hip_id,
            state: serde_json::to_value(transfer.state)
                .ok()
                .and_then(|name| name.as_str().map(str::to_owned))
                .unwrap_or_default(),
            readable: transfer.entries.iter().filter(|entry| entry.decrypted).count(),
            entries: transfer.entries.len(),
            problems: transfer.problems.into_iter().chain(pages).collect(),
        }
    }
}

pub(crate) async fn overview(State(sandbox): State<Sandbox>) -> Response {
    page(&Overview {
        base_url: sandbox.base_url().to_owned(),
        cm_id: sandbox.config().cm_id.clone(),
        figures: sandbox.figures(),
        bridges: sandbox.bridges(),
        services: sandbox.services(),
        transfers: sandbox.transfers().into_iter().take(ROWS).map(TransferRow::from).collect(),
        violations: sandbox.violations().into_iter().rev().take(ROWS).collect(),
    })
}

#[derive(Template)]
#[template(path = "people.html")]
struct People {
    people: Vec<PersonRow>,
}

struct PersonRow {
    person: Person,
    linked: usize,
}

async fn people(State(sandbox): State<Sandbox>) -> Response {
    let row = |person: Person| PersonRow { linked: sandbox.links(&person.abha_address).len(), person };
    page(&People { people: sandbox.people().into_iter().take(ROWS).map(row).collect() })
}

#[derive(Template)]
#[template(path = "person.html")]
struct OnePerson {
    person: Person,
    links: Vec<LinkedContext>,
    consents: Vec<Consent>,
}

async fn person(State(sandbox): State<Sandbox>, Path(address): Path<String>) -> Result<Response, SteerError> {
    let person = sandbox.person(&address)?;
    let (links, consents) = (sandbox.links(&address), sandbox.consents(Some(&address)));
    Ok(page(&OnePerson { person, links, consents }))
}

#[derive(Template)]
#[template(path = "journal.html")]
struct JournalPage {
    rows: Vec<JournalRow>,
    live: bool,
}

struct JournalRow {
    n: u64,
    at: String,
    way: &'static str,
    path: String,
    status: String,
    good: bool,
    note: String,
    body: String,
    answer: String,
}

impl From<Entry> for JournalRow {
    fn from(entry: Entry) -> Self {
        let shown = |value: &Value| if value.is_null() { String::new() } else { format!("{value:#}") };
        Self {
            n: entry.n,
            at: format!("{:.3}", entry.at),
            way: if entry.direction == Direction::In { "call" } else { "callback" },
            path: format!("{} {}", entry.method, entry.path),
            status: entry.status.map_or_else(|| "no answer".to_owned(), |status| status.to_string()),
            good: entry.verdict == Verdict::Accepted,
            note: entry.note.unwrap_or_default(),
            body: shown(&entry.body),
            answer: shown(&entry.answer),
        }
    }
}

#[derive(Deserialize)]
struct Live {
    #[serde(default)]
    live: bool,
}

async fn journal(State(sandbox): State<Sandbox>, Query(Live { live }): Query<Live>) -> Response {
    let rows = sandbox.read(|world| world.journal.newest(ROWS)).into_iter().map(JournalRow::from).collect();
    page(&JournalPage { rows, live })
}
