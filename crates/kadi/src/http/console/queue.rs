//! The queue at the reception desk: who has scanned a counter's code today, newest first, as they come.
//!
//! Every patient shown is named in the audit trail, by the part of the page that shows them.

use std::fmt::Write as _;

use abdm::id::Personal;
use askama::Template;
use axum::Form;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};
use domain::facility::Facility;
use domain::queue::{QueueState, day_in_india};
use jiff::Timestamp;
use jiff::civil::Date;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use store::{Share, ShareFilter, Tx};
use uuid::Uuid;

use super::super::App;
use super::super::api::shared_profile;
use super::super::problem::Problem;
use super::page::{NoPage, Who, render};
use super::session::SignedIn;
use super::words;
use crate::flows::profile::Profile;

/// Places that one page shows: more than a counter gives away in a day, and the newest ones.
const MOST: u32 = 200;

/// A place in the queue.
struct Row {
    id: Uuid,
    number: u32,
    name: String,
    about: String,
    mobile: Option<String>,
    abha_number: Option<String>,
    abha_address: String,
    address: Option<String>,
    patient: Option<String>,
    provisional: bool,
    counter: String,
    at: Timestamp,
    clock: String,
    called: bool,
}

struct Queue {
    facility: String,
    /// Which counter is shown; empty for all.
    counter: String,
    rows: Vec<Row>,
    waiting: usize,
    day: String,
    /// What asks for news: the facility and counter as a query.
    query: String,
    digest: String,
    csrf: String,
}

struct Choice {
    name: String,
    query: String,
    here: bool,
}

#[derive(Template)]
#[template(path = "console/queue.html")]
struct Page {
    who: Who,
    facilities: Vec<Choice>,
    counters: Vec<Choice>,
    queue: Queue,
}

#[derive(Template)]
#[template(path = "console/queue_part.html")]
struct Part {
    queue: Queue,
}

#[derive(Template)]
#[template(path = "console/no_facility.html")]
struct NoFacility {
    who: Who,
}

/// What is asked for.
#[derive(Debug, Default, Deserialize)]
pub struct Asked {
    #[serde(default)]
    facility: String,
    #[serde(default)]
    counter: String,
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
    let mut tx = app.store.begin().await?;
    let facilities = facilities(&mut tx, &signed_in).await?;
    let named = facilities.iter().find(|facility| facility.id.as_str() == asked.facility);
    let Some(facility) =
        named.or(facilities.first()).filter(|_| named.is_some() || asked.facility.is_empty())
    else {
        return if asked.facility.is_empty() {
            render(&NoFacility { who: signed_in.who() })
        } else {
            Err(Problem::not_found().into())
        };
    };
    let queue = read(&app, &mut tx, (&signed_in, facility), &asked.counter).await?;
    let counters = counters(&mut tx, facility, &asked.counter).await?;
    tx.commit().await?;
    let choice = |one: &Facility| Choice {
        name: one.name.clone(),
        query: query(one.id.as_str(), ""),
        here: one.id == facility.id,
    };
    let choices = facilities.iter().map(choice).filter(|_| facilities.len() > 1).collect();
    render(&Page { who: signed_in.who(), facilities: choices, counters, queue })
}

/// The queue alone, if it is not what the reader has already.
pub async fn live(
    State(app): State<App>,
    signed_in: SignedIn,
    Query(asked): Query<Asked>,
) -> Result<Response, NoPage> {
    let mut tx = app.store.read().await?;
    let facility = facility(&mut tx, &signed_in, &asked.facility).await?;
    let (_, digest) = shares(&mut tx, &facility, &asked.counter, app.clock.now()).await?;
    if digest == asked.seen {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    drop(tx);
    let mut tx = app.store.begin().await?;
    let queue = read(&app, &mut tx, (&signed_in, &facility), &asked.counter).await?;
    tx.commit().await?;
    Ok(render(&Part { queue })?.into_response())
}

/// A place was called to the desk, or was not after all.
#[derive(Debug, Deserialize)]
pub struct Called {
    csrf: String,
    #[serde(default)]
    facility: String,
    /// The counter that the page shows.
    #[serde(default)]
    counter: String,
    state: QueueState,
}

/// Notes that somebody was called.
pub async fn call(
    State(app): State<App>,
    signed_in: SignedIn,
    Path(id): Path<String>,
    Form(form): Form<Called>,
) -> Result<Redirect, NoPage> {
    signed_in.check_csrf(&form.csrf)?;
    let id = id.parse::<Uuid>().map_err(|_| Problem::not_found())?;
    let mut tx = app.store.begin().await?;
    let facility = facility(&mut tx, &signed_in, &form.facility).await?;
    if !tx.set_share_state(&facility.id, id, form.state).await? {
        return Err(Problem::not_found().into());
    }
    let action = match form.state {
        QueueState::Called => "called to the desk",
        QueueState::Waiting => "put back into the queue",
    };
    tx.audit(&facility.id, &signed_in.caller.actor(), action, &id.to_string()).await?;
    tx.commit().await?;
    Ok(Redirect::to(&format!("/console/queue{}", query(facility.id.as_str(), &form.counter))))
}

/// The facilities that the reader may see.
async fn facilities(tx: &mut Tx, signed_in: &SignedIn) -> Result<Vec<Facility>, NoPage> {
    match signed_in.caller.scope.facility() {
        Some(own) => Ok(tx.facility(own).await?.into_iter().collect()),
        None => {
            let mut all = tx.facilities(None, MOST).await?;
            all.sort_by(|one, other| one.name.cmp(&other.name));
            Ok(all)
        }
    }
}

async fn facility(tx: &mut Tx, signed_in: &SignedIn, id: &str) -> Result<Facility, NoPage> {
    let id = id.parse().ok().filter(|id| signed_in.caller.scope.opens(id));
    let id = id.ok_or_else(Problem::not_found)?;
    Ok(tx.facility(&id).await?.ok_or_else(Problem::not_found)?)
}

/// The day's shares at a counter, and what tells whether anything about them has changed.
async fn shares(
    tx: &mut Tx,
    facility: &Facility,
    counter: &str,
    now: Timestamp,
) -> Result<(Vec<Share>, String), NoPage> {
    let counter = Some(counter.to_owned()).filter(|counter| !counter.is_empty());
    let filter = ShareFilter { counter, since: Some(midnight(day_in_india(now))), patient: None };
    let shares = tx.shares(&facility.id, &filter, None, MOST).await?;
    let mut text = String::new();
    for share in &shares {
        let patient = share.patient.as_ref().map_or("", |patient| patient.as_str());
        // Writing to a string can't fail.
        let _ = writeln!(text, "{} {} {patient}", share.id, share.state);
    }
    Ok((shares, words::digest(&text)))
}

async fn read(
    app: &App,
    tx: &mut Tx,
    (signed_in, facility): (&SignedIn, &Facility),
    counter: &str,
) -> Result<Queue, NoPage> {
    let now = app.clock.now();
    let (shares, digest) = shares(tx, facility, counter, now).await?;
    let mut rows = Vec::with_capacity(shares.len());
    for share in shares {
        let known = match &share.patient {
            Some(patient) => tx.patient(&facility.id, patient).await?,
            None => None,
        };
        rows.push(row(share, known.is_none_or(|patient| patient.provisional), now)?);
    }
    let shown: Vec<_> = rows.iter().map(|row| row.patient.as_deref().unwrap_or("?")).collect();
    if !shown.is_empty() {
        tx.audit(&facility.id, &signed_in.caller.actor(), "queue viewed", &shown.join(" ")).await?;
    }
    Ok(Queue {
        facility: facility.id.to_string(),
        counter: counter.to_owned(),
        waiting: rows.iter().filter(|row| !row.called).count(),
        day: words::day(now),
        query: query(facility.id.as_str(), counter),
        rows,
        digest,
        csrf: signed_in.who().csrf,
    })
}

fn row(share: Share, provisional: bool, now: Timestamp) -> Result<Row, NoPage> {
    let profile = shared_profile(&share)?;
    Ok(Row {
        id: share.id,
        number: share.token.number,
        about: about(&profile, now),
        mobile: profile.mobile.map(|mobile| mobile.to_string()),
        abha_number: profile.abha_number.map(abdm::id::AbhaNumber::dashed),
        abha_address: profile.abha_address.to_string(),
        address: address(&profile),
        name: profile.name.into_string(),
        patient: share.patient.map(|patient| patient.to_string()),
        provisional,
        counter: share.counter,
        at: share.at,
        clock: words::clock(share.at).get(..5).unwrap_or_default().to_owned(),
        called: share.state == QueueState::Called,
    })
}

/// `Female, 40`
fn about(profile: &Profile, now: Timestamp) -> String {
    let gender = match profile.gender.as_str() {
        "M" => "Male",
        "F" => "Female",
        "T" => "Transgender",
        "U" => "",
        _ => "Other",
    };
    let today = day_in_india(now);
    let age = match (profile.birth_date, profile.year_of_birth) {
        (Some(born), _) => born.until((jiff::Unit::Year, today)).ok().map(|age| age.get_years().to_string()),
        (None, Some(year)) => Some(format!("about {}", today.year() - year)),
        (None, None) => None,
    };
    [Some(gender.to_owned()), age]
        .into_iter()
        .flatten()
        .filter(|text| !text.is_empty())
        .collect::<Vec<_>>()
        .join(", ")
}

fn address(profile: &Profile) -> Option<String> {
    let address = profile.address.as_ref()?;
    let parts = [&address.line, &address.district, &address.state, &address.pincode];
    let parts: Vec<_> = parts.into_iter().flatten().map(Personal::as_str).collect();
    Some(parts.join(", ")).filter(|text| !text.is_empty())
}

/// The counters that the facility has, and others that were scanned.
async fn counters(tx: &mut Tx, facility: &Facility, here: &str) -> Result<Vec<Choice>, NoPage> {
    let all = Choice {
        name: "All counters".to_owned(),
        query: query(facility.id.as_str(), ""),
        here: here.is_empty(),
    };
    let choice = |id: &str, name: Option<&str>| Choice {
        name: name.map_or_else(|| id.to_owned(), |name| format!("{id} · {name}")),
        query: query(facility.id.as_str(), id),
        here: here == id,
    };
    let mut choices = vec![all];
    choices.extend(facility.counters.iter().map(|counter| choice(&counter.id, counter.name.as_deref())));
    for other in tx.shared_counters(&facility.id).await? {
        if !facility.counters.iter().any(|counter| counter.id == other) {
            choices.push(choice(&other, None));
        }
    }
    Ok(choices)
}

fn query(facility: &str, counter: &str) -> String {
    let escaped = |text| utf8_percent_encode(text, NON_ALPHANUMERIC);
    match counter {
        "" => format!("?facility={}", escaped(facility)),
        _ => format!("?facility={}&counter={}", escaped(facility), escaped(counter)),
    }
}

fn midnight(day: Date) -> Timestamp {
    let start = day.to_string().parse::<domain::care_context::VisitDate>();
    start.map_or(Timestamp::MIN, |day| day.from())
}
