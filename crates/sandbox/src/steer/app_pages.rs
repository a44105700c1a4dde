//! The patient's app as pages for a person: search a facility, choose care contexts, enter the OTP, see what is
//! linked; scan a counter's code and see the token; grant and revoke consents. The same as `/sandbox/phr/...` is as an API.

use askama::Template;
use axum::extract::{Path, Query, Request, State};
use axum::http::{Method, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Form, Router};
use jiff::SignedDuration;
use serde::Deserialize;
use serde_json::Value;

use super::SteerError;
use super::pages::page;
use crate::core::Sandbox;
use crate::phr::{Choice, ConsentWanted, DiscoveryWanted, Identifier, Renotify, ShareWanted};
use crate::world::consents::{Consent, ConsentStatus};
use crate::world::linkings::{Linking, LinkingState};
use crate::world::links::LinkedContext;
use crate::world::registry::{Person, Service};
use crate::world::shares::{Share, ShareState};

pub(super) fn routes() -> Router<Sandbox> {
    Router::new()
        .route("/pages/phr/{address}", get(home))
        .route("/pages/phr/{address}/discoveries", post(discover))
        .route("/pages/phr/{address}/discoveries/{transaction}", get(linking))
        .route("/pages/phr/{address}/discoveries/{transaction}/choose", post(choose))
        .route("/pages/phr/{address}/discoveries/{transaction}/confirm", post(confirm))
        .route("/pages/phr/{address}/scan", get(scan))
        .route("/pages/phr/{address}/shares", post(share))
        .route("/pages/phr/{address}/shares/{id}", get(shared))
        .route("/pages/phr/{address}/consents", post(grant))
        .route("/pages/phr/{address}/consents/{id}/revoke", post(revoke))
        .layer(middleware::from_fn(own_forms_only))
}

/// Another site's form would act for whoever has the sandbox open.
async fn own_forms_only(request: Request, next: Next) -> Response {
    let site = request.headers().get("sec-fetch-site").and_then(|value| value.to_str().ok());
    if request.method() == Method::POST && site.is_some_and(|site| site != "same-origin" && site != "none") {
        return StatusCode::FORBIDDEN.into_response();
    }
    next.run(request).await
}

#[derive(Template)]
#[template(path = "phr_home.html")]
struct Home {
    person: Person,
    hips: Vec<Service>,
    links: Vec<LinkedContext>,
    consents: Vec<Consent>,
}

async fn home(State(sandbox): State<Sandbox>, Path(address): Path<String>) -> Result<Response, SteerError> {
    let person = sandbox.person(&address)?;
    let (links, consents) = (sandbox.links(&address), sandbox.consents(Some(&address)));
    Ok(page(&Home { person, hips: hips(&sandbox), links, consents }))
}

fn hips(sandbox: &Sandbox) -> Vec<Service> {
    sandbox.services().into_iter().filter(|service| service.hip && service.active).collect()
}

/// What a facility calls itself.
fn name_of(sandbox: &Sandbox, hip: &str) -> String {
    let named = sandbox.read(|world| world.registry.services.get(hip).map(|service| service.name.clone()));
    named.unwrap_or_else(|| hip.to_owned())
}

fn to(address: &str, rest: &str) -> Redirect {
    Redirect::to(&format!("/sandbox/pages/phr/{address}{rest}"))
}

#[derive(Deserialize)]
struct Search {
    hip: String,
    #[serde(default)]
    number: String,
}

async fn discover(
    State(sandbox): State<Sandbox>,
    Path(address): Path<String>,
    Form(search): Form<Search>,
) -> Result<Redirect, SteerError> {
    let number = search.number.trim();
    let typed =
        (!number.is_empty()).then(|| vec![Identifier { kind: "MR".to_owned(), value: number.to_owned() }]);
    let wanted = DiscoveryWanted {
        abha_address: address.clone(),
        hip_id: search.hip,
        unverified: typed,
        ..DiscoveryWanted::default()
    };
    let linking = sandbox.discover(&wanted)?;
    Ok(to(&address, &format!("/discoveries/{}", linking.transaction_id)))
}

/// How a linking looks to the patient.
#[derive(PartialEq, Eq)]
enum Step {
    /// The facility is asked.
    Waiting(&'static str),
    /// There is something to choose.
    Choose,
    /// The OTP is to be typed.
    Otp,
    Linked,
    Failed,
}

/// A care context on offer.
struct Offered {
    reference: String,
    display: String,
    hi_types: String,
}

#[derive(Template)]
#[template(path = "phr_linking.html")]
struct LinkingPage {
    person: Person,
    hip: String,
    transaction: String,
    step: Step,
    offered: Vec<Offered>,
    chosen: Vec<String>,
    error: Option<String>,
}

async fn linking(
    State(sandbox): State<Sandbox>,
    Path((address, transaction)): Path<(String, String)>,
) -> Result<Response, SteerError> {
    let person = sandbox.person(&address)?;
    let linking = own_linking(&sandbox, &address, &transaction)?;
    let mut chosen: Vec<_> = linking.chosen.iter().map(|(reference, _)| reference.clone()).collect();
    chosen.dedup();
    Ok(page(&LinkingPage {
        person,
        hip: name_of(&sandbox, &linking.hip_id),
        transaction,
        step: step(linking.state),
        offered: offered(&linking),
        chosen,
        error: linking.error.as_ref().map(said),
    }))
}

fn own_linking(sandbox: &Sandbox, address: &str, transaction: &str) -> Result<Linking, SteerError> {
    let linking = sandbox.linking(transaction)?;
    let own = linking.abha_address.eq_ignore_ascii_case(address);
    own.then_some(linking).ok_or_else(|| SteerError::not_found("no such discovery"))
}

fn step(state: LinkingState) -> Step {
    match state {
        LinkingState::Discovering => Step::Waiting("The facility looks for your records."),
        LinkingState::Initiating => Step::Waiting("The facility sends you a one-time password."),
        LinkingState::Confirming => Step::Waiting("The facility checks the password."),
        LinkingState::Discovered | LinkingState::InitFailed => Step::Choose,
        LinkingState::OtpSent | LinkingState::ConfirmFailed => Step::Otp,
        LinkingState::Linked => Step::Linked,
        LinkingState::NothingFound => Step::Failed,
    }
}

fn offered(linking: &Linking) -> Vec<Offered> {
    let mut offered: Vec<Offered> = Vec::new();
    for entry in &linking.offered {
        for (reference, display) in &entry.care_contexts {
            match offered.iter_mut().find(|one| one.reference == *reference) {
                Some(one) => one.hi_types.extend([", ", &entry.hi_type]),
                None => offered.push(Offered {
                    reference: reference.clone(),
                    display: display.clone(),
                    hi_types: entry.hi_type.clone(),
                }),
            }
        }
    }
    offered
}

/// `ABDM-1035: Incorrect OTP`
fn said(error: &Value) -> String {
    let text = |name| error.get(name).and_then(Value::as_str).unwrap_or_default();
    format!("{}: {}", text("code"), text("message"))
}

/// Checkboxes of one name: each that is ticked is a pair.
async fn choose(
    State(sandbox): State<Sandbox>,
    Path((address, transaction)): Path<(String, String)>,
    Form(pairs): Form<Vec<(String, String)>>,
) -> Result<Redirect, SteerError> {
    own_linking(&sandbox, &address, &transaction)?;
    let contexts: Vec<_> =
        pairs.into_iter().filter(|(name, _)| name == "context").map(|(_, value)| value).collect();
    if contexts.is_empty() {
        return Err(SteerError::bad("choose at least one care context"));
    }
    let choice = Choice { care_contexts: Some(contexts), ..Choice::default() };
    sandbox.init_link(&transaction, &choice)?;
    Ok(to(&address, &format!("/discoveries/{transaction}")))
}

#[derive(Deserialize)]
struct Typed {
    otp: String,
}

async fn confirm(
    State(sandbox): State<Sandbox>,
    Path((address, transaction)): Path<(String, String)>,
    Form(typed): Form<Typed>,
) -> Result<Redirect, SteerError> {
    own_linking(&sandbox, &address, &transaction)?;
    sandbox.confirm_link(&transaction, &Value::from(typed.otp.trim()))?;
    Ok(to(&address, &format!("/discoveries/{transaction}")))
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Scanned {
    /// What a code holds.
    content: String,
    hip: String,
    counter: String,
}

impl Scanned {
    /// HIP id and counter.
    fn read(&self) -> Result<(String, String), SteerError> {
        let content = self.content.trim();
        if content.is_empty() {
            let (hip, counter) = (self.hip.trim(), self.counter.trim());
            let given = !hip.is_empty() && !counter.is_empty();
            return given
                .then(|| (hip.to_owned(), counter.to_owned()))
                .ok_or_else(|| SteerError::bad("paste what the code holds, or name facility and counter"));
        }
        let url = reqwest::Url::parse(content).map_err(|_| SteerError::bad("the code holds no address"))?;
        let value = |name: &str| {
            let pair = url.query_pairs().find(|(known, _)| known == name);
            pair.map(|(_, value)| value.into_owned()).filter(|value| !value.is_empty())
        };
        let both = value("hip-id").zip(value("counter-id"));
        both.ok_or_else(|| SteerError::bad("the code's address has no hip-id and counter-id"))
    }
}

#[derive(Template)]
#[template(path = "phr_scan.html")]
struct ScanPage {
    person: Person,
    hip: String,
    hip_name: String,
    counter: String,
}

/// The profile is shown before it is shared, with what it may be used for.
async fn scan(
    State(sandbox): State<Sandbox>,
    Path(address): Path<String>,
    Query(scanned): Query<Scanned>,
) -> Result<Response, SteerError> {
    let person = sandbox.person(&address)?;
    let (hip, counter) = scanned.read()?;
    if !hips(&sandbox).iter().any(|service| service.id == hip) {
        return Err(SteerError::not_found("no facility has this code"));
    }
    Ok(page(&ScanPage { person, hip_name: name_of(&sandbox, &hip), hip, counter }))
}

async fn share(
    State(sandbox): State<Sandbox>,
    Path(address): Path<String>,
    Form(scanned): Form<Scanned>,
) -> Result<Redirect, SteerError> {
    let (hip_id, counter) = scanned.read()?;
    let wanted = ShareWanted { abha_address: address.clone(), hip_id, counter, intent: None };
    let share = sandbox.share(&wanted)?;
    Ok(to(&address, &format!("/shares/{}", share.request_id)))
}

#[derive(Template)]
#[template(path = "phr_share.html")]
struct SharePage {
    person: Person,
    hip_name: String,
    share: Share,
    waiting: bool,
    /// Minutes that the token is good for, from its answer on.
    minutes: Option<i64>,
    error: Option<String>,
}

async fn shared(
    State(sandbox): State<Sandbox>,
    Path((address, id)): Path<(String, String)>,
) -> Result<Response, SteerError> {
    let person = sandbox.person(&address)?;
    let share = sandbox.shared(&id)?;
    if !share.abha_address.eq_ignore_ascii_case(&address) {
        return Err(SteerError::not_found("no such share"));
    }
    let seconds = share.expiry.as_ref().and_then(|expiry| match expiry {
        Value::String(text) => text.parse().ok(),
        number => number.as_i64(),
    });
    Ok(page(&SharePage {
        person,
        hip_name: name_of(&sandbox, &share.hip_id),
        waiting: share.state == ShareState::Sent,
        minutes: seconds.map(|seconds| SignedDuration::from_secs(seconds).as_mins()),
        error: share.error.as_ref().map(said),
        share,
    }))
}

#[derive(Deserialize)]
struct Wanted {
    hip: String,
}

async fn grant(
    State(sandbox): State<Sandbox>,
    Path(address): Path<String>,
    Form(wanted): Form<Wanted>,
) -> Result<Redirect, SteerError> {
    let hip_ids = Some(vec![wanted.hip]).filter(|hips| hips.iter().all(|hip| !hip.is_empty()));
    sandbox.grant(&ConsentWanted { abha_address: address.clone(), hip_ids, ..ConsentWanted::default() })?;
    Ok(to(&address, ""))
}

async fn revoke(
    State(sandbox): State<Sandbox>,
    Path((address, id)): Path<(String, String)>,
) -> Result<Redirect, SteerError> {
    if !sandbox.consent(&id)?.abha_address.eq_ignore_ascii_case(&address) {
        return Err(SteerError::not_found("no such consent artefact"));
    }
    sandbox.revoke(&id, Renotify::default())?;
    Ok(to(&address, ""))
}

fn is_live(consent: &Consent) -> bool {
    consent.status == ConsentStatus::Granted
}
