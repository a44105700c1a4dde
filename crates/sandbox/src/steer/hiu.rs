//! The HIU over HTTP.

use axum::Json;
use axum::extract::{Path, Query, State};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{Given, Items, SteerError, Wait};
use crate::core::Sandbox;
use crate::hiu::RecordsWanted;
use crate::world::World;
use crate::world::transfers::{Transfer, TransferState};

pub(crate) fn routes() -> OpenApiRouter<Sandbox> {
    OpenApiRouter::new().routes(routes!(request)).routes(routes!(list)).routes(routes!(get_transfer))
}

/// The HIU asks for records.
#[utoipa::path(post, path = "/hiu/requests", request_body = RecordsWanted, responses((status = 200, body = Transfer), (status = 404), (status = 409)))]
async fn request(
    State(sandbox): State<Sandbox>,
    Given(wanted): Given<RecordsWanted>,
) -> Result<Json<Transfer>, SteerError> {
    sandbox.request_records(&wanted).map(Json)
}

impl Sandbox {
    /// All transfers, without the records' text.
    #[must_use]
    pub fn transfers(&self) -> Vec<Transfer> {
        let mut transfers: Vec<Transfer> = self.read(|world| world.transfers.values().cloned().collect());
        transfers
            .iter_mut()
            .flat_map(|transfer| transfer.entries.iter_mut())
            .for_each(|entry| entry.bundle = None);
        transfers
    }
}

/// All transfers, without the records' text.
#[utoipa::path(get, path = "/transfers", responses((status = 200, body = Items<Transfer>)))]
async fn list(State(sandbox): State<Sandbox>) -> Json<Items<Transfer>> {
    Items::json(sandbox.transfers())
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct TransferQuery {
    /// Wait for `closed`, or for one of these states, comma separated.
    until: Option<String>,
    /// Whether to give the records' text; it is given if absent.
    bundles: Option<bool>,
    /// How long to wait.
    #[param(value_type = Option<String>)]
    wait: Option<Wait>,
}

impl TransferQuery {
    fn holds(&self, state: TransferState) -> bool {
        let name = serde_json::to_value(state).unwrap_or_default();
        let is = |wanted: &str| name == wanted || (wanted == "closed" && state.is_closed());
        self.until.as_deref().is_none_or(|until| until.split(',').any(is))
    }
}

/// A transfer and the records that arrived.
#[utoipa::path(get, path = "/transfers/{transactionId}", params(("transactionId" = String, Path), TransferQuery), responses((status = 200, body = Transfer), (status = 404)))]
async fn get_transfer(
    State(sandbox): State<Sandbox>,
    Path(id): Path<String>,
    Query(query): Query<TransferQuery>,
) -> Result<Json<Transfer>, SteerError> {
    let holds = |world: &World| {
        world.transfers.get(&id).is_none_or(|transfer| query.holds(transfer.state)).then_some(())
    };
    sandbox.await_change(query.wait.unwrap_or_default().0, holds).await;
    sandbox.transfer(&id, query.bundles.unwrap_or(true)).map(Json)
}
