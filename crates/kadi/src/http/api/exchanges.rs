//! Exchanges: everything said to and by ABDM, call and callback joined.

use abdm::id::FacilityId;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use store::{Exchange, ExchangeFilter};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::super::App;
use super::super::auth::Caller;
use super::super::body::{Whole, parse};
use super::super::paging::{List, PageParams, Params};
use super::super::problem::Problem;
use super::care_context_views::LinkProblem;
use super::check::Check;
use super::path::IdPath;
use super::patients::flow_problem;
use crate::flows::{self, Ctx};

/// An exchange with ABDM.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Exchange)]
pub struct ExchangeView {
    /// Its id; sorts by time.
    pub id: String,
    /// Whose.
    pub facility_id: String,
    /// `out`: we called ABDM. `in`: ABDM called us.
    #[schema(example = "out")]
    pub direction: &'static str,
    /// ABDM's path of the first message.
    #[schema(example = "/api/hiecm/hip/v3/link/carecontext")]
    pub path: String,
    /// `REQUEST-ID` of the first message, or of its last attempt.
    pub request_id: String,
    /// `sent`, `waiting` (accepted, no callback yet), `answered`, `refused` or `overdue`.
    #[schema(example = "answered")]
    pub state: &'static str,
    /// When it began.
    #[schema(value_type = String, format = DateTime)]
    pub started_at: Timestamp,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub ended_at: Option<Timestamp>,
    /// What went wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<LinkProblem>,
}

impl From<Exchange> for ExchangeView {
    fn from(exchange: Exchange) -> Self {
        Self {
            id: exchange.id.to_string(),
            facility_id: exchange.facility.to_string(),
            direction: exchange.direction.as_str(),
            path: exchange.path,
            request_id: exchange.request_id,
            state: exchange.state.as_str(),
            started_at: exchange.started_at,
            ended_at: exchange.ended_at,
            error: exchange.error.map(LinkProblem::from),
        }
    }
}

/// Which exchanges a list shows.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub struct Filter {
    /// Those of this facility.
    facility_id: Option<String>,
    /// Those in this state: `sent`, `waiting`, `answered`, `refused` or `overdue`.
    state: Option<String>,
    /// `out` or `in`.
    direction: Option<String>,
    /// Those whose path holds this text.
    path: Option<String>,
    /// How many items at most; 1 to 200, usually 50.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
    /// `next` of the page before.
    cursor: Option<String>,
}

/// List exchanges
#[utoipa::path(get, path = "/v1/exchanges", tag = "Exchanges and events", operation_id = "listExchanges", params(Filter),
    responses(
        (status = 200, description = "A page of exchanges", body = List<ExchangeView>),
        (status = 404, description = "`not_found`: the facility is another's", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`invalid`", body = Problem, content_type = "application/problem+json"),
    ))]
pub async fn list(
    State(app): State<App>,
    caller: Caller,
    Params(filter): Params<Filter>,
) -> Result<Json<List<ExchangeView>>, Problem> {
    let page = PageParams { limit: filter.limit, cursor: filter.cursor.clone() }.read()?;
    let wanted = filter.read(&caller)?;
    let mut tx = app.store.read().await?;
    let exchanges = tx.exchanges(&wanted, page.after()?, page.read_limit()).await?;
    Ok(Json(page.list(exchanges, |exchange| exchange.id.to_string(), ExchangeView::from)))
}

impl Filter {
    fn read(self, caller: &Caller) -> Result<ExchangeFilter, Problem> {
        let mut check = Check::default();
        let state = self.state.as_deref().and_then(|text| check.take("/state", text.parse()));
        let direction = self.direction.as_deref().and_then(|text| check.take("/direction", text.parse()));
        let asked = self.facility_id.map(|text| text.parse::<FacilityId>());
        let asked = asked.transpose().map_err(|_| Problem::not_found())?;
        if asked.as_ref().is_some_and(|facility| !caller.scope.opens(facility)) {
            return Err(Problem::not_found());
        }
        let facility = asked.or_else(|| caller.scope.facility().cloned());
        check.end(Some(ExchangeFilter { facility, state, direction, path: self.path, subject: None }))
    }
}

/// Read an exchange
#[utoipa::path(get, path = "/v1/exchanges/{id}", tag = "Exchanges and events", operation_id = "getExchange",
    params(("id" = String, Path, description = "Its id")),
    responses(
        (status = 200, description = "The exchange", body = ExchangeView),
        (status = 404, description = "`not_found`", body = Problem, content_type = "application/problem+json"),
    ))]
pub async fn get(
    State(app): State<App>,
    caller: Caller,
    IdPath(id): IdPath<Uuid>,
) -> Result<Json<ExchangeView>, Problem> {
    let exchange = app.store.read().await?.exchange(id).await?;
    let exchange = exchange.filter(|exchange| caller.scope.opens(&exchange.facility));
    exchange.map(|exchange| Json(exchange.into())).ok_or_else(Problem::not_found)
}

/// Why an exchange is run again.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReplayBody {
    /// Kept in the audit trail, up to 200 characters.
    #[serde(default)]
    #[schema(example = "HIP id corrected")]
    reason: Option<String>,
}

/// Run an exchange again
///
/// For one that is refused or overdue, once what stood in its way is mended. A callback goes through once more and changes
/// nothing that it has changed already; a call goes out again as it was, under a new `REQUEST-ID`. The body may be left out.
#[utoipa::path(post, path = "/v1/exchanges/{id}/replay", tag = "Exchanges and events", operation_id = "replayExchange",
    params(("id" = String, Path, description = "Its id")),
    request_body = Option<ReplayBody>,
    responses(
        (status = 202, description = "It is run again", body = ExchangeView),
        (status = 400, description = "`malformed`", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "`not_found`", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "`conflict`: answered already, or under way; `detail` says which", body = Problem, content_type = "application/problem+json"),
    ))]
pub async fn replay(
    State(app): State<App>,
    caller: Caller,
    IdPath(id): IdPath<Uuid>,
    Whole(body): Whole,
) -> Result<(StatusCode, Json<ExchangeView>), Problem> {
    let ReplayBody { reason } = if body.is_empty() { ReplayBody::default() } else { parse(&body)? };
    let exchange = run_again(&app, &caller, id, reason.as_deref()).await?;
    Ok((StatusCode::ACCEPTED, Json(exchange.into())))
}

/// Runs an exchange again for whoever may see it.
pub async fn run_again(
    app: &App,
    caller: &Caller,
    id: Uuid,
    reason: Option<&str>,
) -> Result<Exchange, Problem> {
    let mut tx = app.store.begin().await?;
    let exchange = tx.exchange(id).await?.filter(|exchange| caller.scope.opens(&exchange.facility));
    let exchange = exchange.ok_or_else(Problem::not_found)?;
    let ctx = Ctx { rules: &app.rules, chance: app.chance() };
    let done = flows::replay::replay(&ctx, &mut tx, &exchange, (&caller.actor(), reason)).await;
    done.map_err(flow_problem)?.map_err(|refusal| Problem::conflict(refusal.to_string()))?;
    let exchange = tx.exchange(id).await?.ok_or_else(Problem::not_found)?;
    tx.commit().await?;
    Ok(exchange)
}
