//! The patient's app over HTTP.

use axum::Json;
use axum::extract::{Path, Query, State};
use serde::Deserialize;
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{Awaited, Given, Items, SteerError, Wait};
use crate::core::Sandbox;
use crate::phr::consents::Granted;
use crate::phr::{Choice, ConsentWanted, DiscoveryWanted, Renotify, ShareWanted};
use crate::world::World;
use crate::world::consents::Consent;
use crate::world::linkings::{Linking, LinkingState};
use crate::world::links::LinkedContext;
use crate::world::shares::Share;

pub(crate) fn routes() -> OpenApiRouter<Sandbox> {
    OpenApiRouter::new()
        .routes(routes!(list_links))
        .routes(routes!(list_consents, grant))
        .routes(routes!(get_consent))
        .routes(routes!(revoke))
        .routes(routes!(expire))
        .routes(routes!(notify))
        .routes(routes!(discover))
        .routes(routes!(get_linking))
        .routes(routes!(init))
        .routes(routes!(confirm))
        .routes(routes!(share))
        .routes(routes!(get_share))
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
struct LinkQuery {
    /// Wait for this care context.
    care_context: Option<String>,
    /// With this HI type.
    hi_type: Option<String>,
    /// Wait for so many care contexts.
    at_least: Option<usize>,
    /// How long to wait.
    #[param(value_type = Option<String>)]
    wait: Option<Wait>,
}

impl LinkQuery {
    fn holds(&self, world: &World, address: &str) -> bool {
        let enough = self.at_least.is_none_or(|count| world.links.of(address).count() >= count);
        enough
            && self.care_context.as_deref().is_none_or(|wanted| {
                let typed = |context: &LinkedContext| {
                    self.hi_type.as_ref().is_none_or(|hi_type| context.hi_types.contains(hi_type))
                };
                world
                    .links
                    .of(address)
                    .any(|context| context.care_context_reference == wanted && typed(context))
            })
    }
}

/// Care contexts linked to an address.
#[utoipa::path(get, path = "/phr/{abhaAddress}/links", params(("abhaAddress" = String, Path), LinkQuery), responses((status = 200, body = Awaited<LinkedContext>)))]
async fn list_links(
    State(sandbox): State<Sandbox>,
    Path(address): Path<String>,
    Query(query): Query<LinkQuery>,
) -> Json<Awaited<LinkedContext>> {
    let holds = |world: &World| query.holds(world, &address).then_some(());
    let satisfied = sandbox.await_change(query.wait.unwrap_or_default().0, holds).await.is_some();
    Json(Awaited { items: sandbox.links(&address), satisfied })
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
struct ConsentQuery {
    /// Only this person's.
    abha_address: Option<String>,
    /// Wait until the HIP has acknowledged this status.
    acknowledged: Option<String>,
    /// How long to wait.
    #[param(value_type = Option<String>)]
    wait: Option<Wait>,
}

/// Consent artefacts.
#[utoipa::path(get, path = "/phr/consents", params(ConsentQuery), responses((status = 200, body = Items<Consent>)))]
async fn list_consents(
    State(sandbox): State<Sandbox>,
    Query(query): Query<ConsentQuery>,
) -> Json<Items<Consent>> {
    Items::json(sandbox.consents(query.abha_address.as_deref()))
}

/// The patient grants or denies.
#[utoipa::path(post, path = "/phr/consents", request_body = ConsentWanted, responses((status = 200, body = Granted), (status = 404), (status = 409)))]
async fn grant(
    State(sandbox): State<Sandbox>,
    Given(wanted): Given<ConsentWanted>,
) -> Result<Json<Granted>, SteerError> {
    sandbox.grant(&wanted).map(Json)
}

/// One artefact.
#[utoipa::path(get, path = "/phr/consents/{consentId}", params(("consentId" = String, Path), ConsentQuery), responses((status = 200, body = Consent), (status = 404)))]
async fn get_consent(
    State(sandbox): State<Sandbox>,
    Path(id): Path<String>,
    Query(query): Query<ConsentQuery>,
) -> Result<Json<Consent>, SteerError> {
    let holds = |world: &World| {
        let Some(consent) = world.consents.get(&id) else { return Some(()) };
        query.acknowledged.as_deref().is_none_or(|status| consent.is_acknowledged(status)).then_some(())
    };
    sandbox.await_change(query.wait.unwrap_or_default().0, holds).await;
    sandbox.consent(&id).map(Json)
}

/// The patient revokes.
#[utoipa::path(post, path = "/phr/consents/{consentId}/revoke", params(("consentId" = String, Path)), request_body = Option<Renotify>, responses((status = 200, body = Consent), (status = 404), (status = 409)))]
async fn revoke(
    State(sandbox): State<Sandbox>,
    Path(id): Path<String>,
    how: Option<Json<Renotify>>,
) -> Result<Json<Consent>, SteerError> {
    sandbox.revoke(&id, how.unwrap_or_default().0).map(Json)
}

/// The consent's time runs out.
#[utoipa::path(post, path = "/phr/consents/{consentId}/expire", params(("consentId" = String, Path)), request_body = Option<Renotify>, responses((status = 200, body = Consent), (status = 404), (status = 409)))]
async fn expire(
    State(sandbox): State<Sandbox>,
    Path(id): Path<String>,
    how: Option<Json<Renotify>>,
) -> Result<Json<Consent>, SteerError> {
    sandbox.expire(&id, how.unwrap_or_default().0).map(Json)
}

/// The notification of the present status once more.
#[utoipa::path(post, path = "/phr/consents/{consentId}/notify", params(("consentId" = String, Path)), request_body = Option<Renotify>, responses((status = 200, body = Consent), (status = 404)))]
async fn notify(
    State(sandbox): State<Sandbox>,
    Path(id): Path<String>,
    how: Option<Json<Renotify>>,
) -> Result<Json<Consent>, SteerError> {
    sandbox.notify_again(&id, how.unwrap_or_default().0).map(Json)
}

/// The patient searches a facility.
#[utoipa::path(post, path = "/phr/discoveries", request_body = DiscoveryWanted, responses((status = 200, body = Linking), (status = 404)))]
async fn discover(
    State(sandbox): State<Sandbox>,
    Given(wanted): Given<DiscoveryWanted>,
) -> Result<Json<Linking>, SteerError> {
    sandbox.discover(&wanted).map(Json)
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
struct LinkingQuery {
    /// Wait for one of these states, comma separated; a failing state ends the wait too.
    until: Option<String>,
    /// How long to wait.
    #[param(value_type = Option<String>)]
    wait: Option<Wait>,
}

/// A linking as it stands.
#[utoipa::path(get, path = "/phr/discoveries/{transactionId}", params(("transactionId" = String, Path), LinkingQuery), responses((status = 200, body = Linking), (status = 404)))]
async fn get_linking(
    State(sandbox): State<Sandbox>,
    Path(id): Path<String>,
    Query(query): Query<LinkingQuery>,
) -> Result<Json<Linking>, SteerError> {
    let named = |state: LinkingState| {
        let name = serde_json::to_value(state).unwrap_or_default();
        query.until.as_deref().is_none_or(|until| until.split(',').any(|wanted| name == wanted))
    };
    let holds = |world: &World| {
        let Some(linking) = world.linkings.get(&id) else { return Some(()) };
        (named(linking.state) || linking.state.is_failure()).then_some(())
    };
    sandbox.await_change(query.wait.unwrap_or_default().0, holds).await;
    sandbox.linking(&id).map(Json)
}

/// The patient chooses.
#[utoipa::path(post, path = "/phr/discoveries/{transactionId}/init", params(("transactionId" = String, Path)), request_body = Option<Choice>, responses((status = 200, body = Linking), (status = 404), (status = 409)))]
async fn init(
    State(sandbox): State<Sandbox>,
    Path(id): Path<String>,
    choice: Option<Json<Choice>>,
) -> Result<Json<Linking>, SteerError> {
    sandbox.init_link(&id, &choice.unwrap_or_default().0).map(Json)
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Otp {
    /// What the patient typed: a string or a number, sent as given.
    otp: Value,
}

/// The patient enters the OTP.
#[utoipa::path(post, path = "/phr/discoveries/{transactionId}/confirm", params(("transactionId" = String, Path)), request_body = Otp, responses((status = 200, body = Linking), (status = 404), (status = 409)))]
async fn confirm(
    State(sandbox): State<Sandbox>,
    Path(id): Path<String>,
    Given(otp): Given<Otp>,
) -> Result<Json<Linking>, SteerError> {
    sandbox.confirm_link(&id, &otp.otp).map(Json)
}

/// The patient scans a counter's code.
#[utoipa::path(post, path = "/phr/shares", request_body = ShareWanted, responses((status = 200, body = Share), (status = 404)))]
async fn share(
    State(sandbox): State<Sandbox>,
    Given(wanted): Given<ShareWanted>,
) -> Result<Json<Share>, SteerError> {
    sandbox.share(&wanted).map(Json)
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct ShareQuery {
    /// How long to wait for an answer.
    #[param(value_type = Option<String>)]
    wait: Option<Wait>,
}

/// A share as it stands.
#[utoipa::path(get, path = "/phr/shares/{requestId}", params(("requestId" = String, Path), ShareQuery), responses((status = 200, body = Share), (status = 404)))]
async fn get_share(
    State(sandbox): State<Sandbox>,
    Path(id): Path<String>,
    Query(query): Query<ShareQuery>,
) -> Result<Json<Share>, SteerError> {
    sandbox.answered_share(&id, query.wait.unwrap_or_default().0).await.map(Json)
}
