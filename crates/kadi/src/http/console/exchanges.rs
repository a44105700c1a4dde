//! The timeline: everything said to and by ABDM, newest first, as it happens.

use askama::Template;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use domain::bridge::Holder;
use domain::exchange::{Direction, ExchangeState};
use jiff::Timestamp;
use serde::Deserialize;
use store::{Exchange, ExchangeFilter, Tx};
use uuid::Uuid;

use super::super::App;
use super::super::paging::PageParams;
use super::page::{NoPage, Who, render};
use super::session::SignedIn;
use super::words;

/// A line of the timeline.
pub struct Row {
    pub id: Uuid,
    pub out: bool,
    pub title: String,
    pub about: Option<String>,
    /// The same, short enough for a line.
    pub about_short: Option<String>,
    /// For those who see several.
    pub facility: Option<String>,
    pub state: ExchangeState,
    pub state_name: &'static str,
    pub began: Timestamp,
    pub clock: String,
    pub took: String,
    pub why: Option<Why>,
}

/// What went wrong, in a line.
pub struct Why {
    pub code: String,
    pub explanation: String,
}

struct Day {
    name: String,
    rows: Vec<Row>,
}

struct Timeline {
    days: Vec<Day>,
    /// Which state is shown; empty for all.
    state: String,
    /// Why none in this state is good or bad news.
    nothing: &'static str,
    /// Whether it is the newest page, which keeps itself current.
    live: bool,
    digest: String,
    /// Another system has taken the callbacks: where they go, and since when.
    alarm: Option<Alarm>,
    /// What is wrong with the certificate of the public listener, or will soon be.
    certificate: Option<String>,
    newest: Option<String>,
    older: Option<String>,
}

/// That ABDM sends callbacks elsewhere.
struct Alarm {
    url: Option<String>,
    since: String,
}

struct Choice {
    name: &'static str,
    query: String,
    here: bool,
}

#[derive(Template)]
#[template(path = "console/exchanges.html")]
struct Page {
    who: Who,
    choices: Vec<Choice>,
    timeline: Timeline,
}

#[derive(Template)]
#[template(path = "console/timeline_part.html")]
struct Part {
    timeline: Timeline,
}

/// What is asked for.
#[derive(Debug, Default, Deserialize)]
pub struct Asked {
    #[serde(default)]
    state: String,
    cursor: Option<String>,
    /// The digest of what the reader has.
    #[serde(default)]
    seen: String,
}

/// The page.
pub async fn page(
    State(app): State<App>,
    signed_in: SignedIn,
    Query(asked): Query<Asked>,
) -> Result<Html<String>, NoPage> {
    let timeline = read(&app, &signed_in, &asked).await?;
    render(&Page { who: signed_in.who(), choices: choices(&timeline.state), timeline })
}

/// The timeline alone, if it is not what the reader has already.
pub async fn live(
    State(app): State<App>,
    signed_in: SignedIn,
    Query(asked): Query<Asked>,
) -> Result<Response, NoPage> {
    let timeline = read(&app, &signed_in, &Asked { cursor: None, ..asked_as(&asked) }).await?;
    if timeline.digest == asked.seen {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    Ok(render(&Part { timeline })?.into_response())
}

fn asked_as(asked: &Asked) -> Asked {
    Asked { state: asked.state.clone(), ..Asked::default() }
}

async fn read(app: &App, signed_in: &SignedIn, asked: &Asked) -> Result<Timeline, NoPage> {
    let page = PageParams { limit: None, cursor: asked.cursor.clone() }.read()?;
    // An unknown state is none that could be shown: all are.
    let state = asked.state.parse::<ExchangeState>().ok();
    let scope = &signed_in.caller.scope;
    let filter = ExchangeFilter { facility: scope.facility().cloned(), state, ..ExchangeFilter::default() };
    let mut tx = app.store.read().await?;
    let exchanges = tx.exchanges(&filter, page.after()?, page.read_limit()).await?;
    let alarm = alarm(&mut tx, app).await?;
    let now = app.clock.now();
    let all_facilities = scope.facility().is_none();
    let list = page.list(exchanges, |exchange| exchange.id.to_string(), |exchange| exchange);
    let certificate = app.tls.as_ref().and_then(|tls| tls.state().words());
    let digest = digest_of(&list.items, alarm.as_ref(), certificate.as_deref());
    let rows: Vec<_> = list.items.into_iter().map(|exchange| row(exchange, now, all_facilities)).collect();
    let query = state.map_or_else(String::new, |state| format!("&state={state}"));
    Ok(Timeline {
        days: by_day(rows),
        state: state.map_or_else(String::new, |state| state.to_string()),
        nothing: state.map_or("", nothing_of),
        live: asked.cursor.is_none(),
        digest,
        alarm,
        certificate,
        newest: asked.cursor.as_ref().map(|_| format!("/console/exchanges{}", only_state(state))),
        older: list.next.map(|next| format!("/console/exchanges?cursor={next}{query}")),
    })
}

async fn alarm(tx: &mut Tx, app: &App) -> Result<Option<Alarm>, NoPage> {
    let watch = tx.bridge_watch(&app.watch.client_id).await?;
    let away = watch.is_taken() || (watch.holder == Some(Holder::Nobody) && watch.own_url.is_some());
    Ok(away.then(|| Alarm {
        url: watch.found_url,
        since: watch
            .since
            .map(|since| format!("{}, {}", words::day(since), words::clock(since)))
            .unwrap_or_default(),
    }))
}

/// An exchange as a line.
pub fn row(exchange: Exchange, now: Timestamp, with_facility: bool) -> Row {
    let took = match (exchange.ended_at, exchange.state) {
        (Some(ended), _) => words::took(ended.duration_since(exchange.started_at)),
        (None, ExchangeState::Overdue) => words::took(now.duration_since(exchange.started_at)),
        (None, _) => "…".to_owned(),
    };
    Row {
        id: exchange.id,
        out: exchange.direction == Direction::Out,
        title: words::title(&exchange.path),
        about_short: exchange.subject.as_deref().filter(|subject| !subject.is_empty()).map(words::shortened),
        about: exchange.subject.filter(|subject| !subject.is_empty()),
        facility: with_facility.then(|| exchange.facility.to_string()),
        state: exchange.state,
        state_name: words::state_name(exchange.state),
        began: exchange.started_at,
        clock: words::clock(exchange.started_at),
        took,
        why: exchange.error.map(|error| Why { code: error.code, explanation: error.explanation }),
    }
}

fn by_day(rows: Vec<Row>) -> Vec<Day> {
    let mut days: Vec<Day> = Vec::new();
    for row in rows {
        let name = words::day(row.began);
        match days.last_mut().filter(|day| day.name == name) {
            Some(day) => day.rows.push(row),
            None => days.push(Day { name, rows: vec![row] }),
        }
    }
    days
}

fn choices(here: &str) -> Vec<Choice> {
    let all = Choice { name: "All", query: String::new(), here: here.is_empty() };
    let states = ExchangeState::ALL.iter().map(|state| Choice {
        name: words::state_name(*state),
        query: only_state(Some(*state)),
        here: here == state.as_str(),
    });
    std::iter::once(all).chain(states).collect()
}

fn only_state(state: Option<ExchangeState>) -> String {
    state.map_or_else(String::new, |state| format!("?state={state}"))
}

fn nothing_of(state: ExchangeState) -> &'static str {
    match state {
        ExchangeState::Sent => "Nothing is on its way at the moment.",
        ExchangeState::Waiting => "No answer of ABDM is awaited at the moment.",
        ExchangeState::Answered => "Nothing has been answered yet.",
        ExchangeState::Refused => "Nothing has been refused.",
        ExchangeState::Overdue => "Every answer has come in time, or is not due yet.",
    }
}

/// Changes when anything that is shown changes; the time that an overdue one has lasted does not count.
fn digest_of(exchanges: &[Exchange], alarm: Option<&Alarm>, certificate: Option<&str>) -> String {
    let mut text = alarm.and_then(|alarm| alarm.url.clone()).unwrap_or_default();
    text.push(if alarm.is_some() { '!' } else { ' ' });
    text.push_str(certificate.unwrap_or_default());
    for exchange in exchanges {
        let code = exchange.error.as_ref().map_or("", |error| error.code.as_str());
        text.push_str(&format_args!("{} {} {code}\n", exchange.id, exchange.state).to_string());
    }
    words::digest(&text)
}
