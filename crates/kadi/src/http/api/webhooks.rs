//! Webhooks: where the HMIS is told what happens.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use domain::event::EventType;
use domain::facility::Facility;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use store::{Delivery, DeliveryState, Webhook};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::super::App;
use super::super::auth::{Caller, InFacility};
use super::super::body::Body;
use super::super::paging::{List, PageParams, Params};
use super::super::problem::{Code, Problem};
use super::EventView;
use super::check::Check;
use super::created_or_ok;
use super::path::{IdPath, WebhookPath};
use crate::workers::SECRET_PREFIX;

/// Longer names are none.
const MAX_ID: usize = 100;
/// Bytes of a secret (Standard Webhooks: 24 to 64).
const SECRET: usize = 32;

/// Where the HMIS is told what happens.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Webhook)]
pub struct WebhookView {
    /// The facility's own name for it.
    #[schema(example = "hmis")]
    pub id: String,
    /// Where messages are posted.
    #[schema(example = "https://hmis.hospital.example/abdm-events")]
    pub url: String,
    /// Which types of events; none: all.
    pub events: Vec<&'static str>,
    /// What signs the messages; shown this once, when it is made.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")]
    pub secret: Option<String>,
}

impl WebhookView {
    fn new(webhook: Webhook, secret: Option<String>) -> Self {
        let Webhook { id, url, events, .. } = webhook;
        Self { id, url, events: events.into_iter().map(EventType::as_str).collect(), secret }
    }
}

/// What a webhook is to be.
#[derive(Debug, Deserialize, ToSchema)]
pub struct WebhookBody {
    /// Where messages are posted: `https://`, or `http://` within the hospital's own network.
    #[schema(example = "https://hmis.hospital.example/abdm-events")]
    url: String,
    /// Which types of events; absent or empty: all.
    #[serde(default)]
    #[schema(example = json!(["care_context.linked", "care_context.failed"]))]
    events: Option<Vec<String>>,
}

/// One telling of an event.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = WebhookDelivery)]
pub struct DeliveryView {
    /// Its id; sorts by time.
    pub id: String,
    /// `pending`, `delivered` or `failed` (given up after a schedule of three days).
    #[schema(example = "delivered")]
    pub state: &'static str,
    /// The message's `webhook-id`.
    pub event_id: String,
    /// The message.
    pub event: EventView,
    /// How often it was tried.
    pub attempts: u32,
    /// What the HMIS answered last.
    pub last_status: Option<u16>,
    /// What went wrong last.
    pub last_error: Option<String>,
    /// When it is tried next.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub next_attempt_at: Option<Timestamp>,
    /// When it was taken or given up.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub ended_at: Option<Timestamp>,
}

impl From<Delivery> for DeliveryView {
    fn from(delivery: Delivery) -> Self {
        let Delivery { id, event, state, attempts, due_at, last_status, last_error, ended_at, .. } = delivery;
        Self {
            id: id.to_string(),
            state: state.as_str(),
            event_id: event.id.to_string(),
            event: EventView::from(&event),
            attempts,
            last_status,
            last_error,
            next_attempt_at: (state == DeliveryState::Pending).then_some(due_at),
            ended_at,
        }
    }
}

/// List webhooks
#[utoipa::path(get, path = "/v1/facilities/{facilityId}/webhooks", tag = "Exchanges and events",
    operation_id = "listWebhooks",
    params(("facilityId" = String, Path, description = "The facility")),
    responses((status = 200, description = "All of them", body = List<WebhookView>)))]
pub async fn list(
    State(app): State<App>,
    InFacility(facility): InFacility,
) -> Result<Json<List<WebhookView>>, Problem> {
    let webhooks = app.store.read().await?.webhooks(&facility.id).await?;
    let items = webhooks.into_iter().map(|webhook| WebhookView::new(webhook, None)).collect();
    Ok(Json(List { items, next: None }))
}

/// Make or change a webhook
///
/// Messages are the facility's events from now on, posted and signed as [Standard Webhooks](https://www.standardwebhooks.com)
/// says, with the secret that is shown once, when the webhook is made: to have another, delete it and make it anew. Only a
/// 2xx takes a message; else it is tried again for three days. One may come twice, with the same `webhook-id`.
#[utoipa::path(put, path = "/v1/facilities/{facilityId}/webhooks/{webhookId}", tag = "Exchanges and events",
    operation_id = "putWebhook",
    params(
        ("facilityId" = String, Path, description = "The facility"),
        ("webhookId" = String, Path, description = "The facility's own name for it", example = "hmis"),
    ),
    request_body = WebhookBody,
    responses(
        (status = 201, description = "It is made; its secret is shown this once", body = WebhookView),
        (status = 200, description = "It is changed", body = WebhookView),
        (status = 422, description = "`invalid`", body = Problem, content_type = "application/problem+json"),
    ))]
pub async fn put(
    State(app): State<App>,
    caller: Caller,
    InFacility(facility): InFacility,
    IdPath(id): IdPath<String>,
    Body(body): Body<WebhookBody>,
) -> Result<(StatusCode, Json<WebhookView>), Problem> {
    let (url, events) = body.read(&id)?;
    let mut secret = vec![0; SECRET];
    store::fill(&mut secret).map_err(|_| Problem::new(Code::Internal))?;
    let mut tx = app.store.begin().await?;
    let webhook = Webhook { id, url, events, secret, created_at: tx.now() };
    let created = tx.put_webhook(&facility.id, &webhook).await?;
    tx.audit(&facility.id, &caller.actor(), "webhook stored", &webhook.id).await?;
    tx.commit().await?;
    let secret = created
        .then(|| format!("{SECRET_PREFIX}{}", base64_simd::STANDARD.encode_to_string(&webhook.secret)));
    Ok((created_or_ok(created), Json(WebhookView::new(webhook, secret))))
}

impl WebhookBody {
    fn read(self, id: &str) -> Result<(String, Vec<EventType>), Problem> {
        let mut check = Check::default();
        let is_id = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
        if id.is_empty() || id.len() > MAX_ID || !id.chars().all(is_id) {
            check.wrong("/webhookId", "must be 1 to 100 letters, digits and - _ .");
        }
        let url = self.url.parse::<reqwest::Url>().ok();
        let usable = |url: &reqwest::Url| {
            matches!(url.scheme(), "http" | "https")
                && url.host().is_some()
                && url.username().is_empty()
                && url.password().is_none()
        };
        if !url.as_ref().is_some_and(usable) {
            check.wrong("/url", "must be an http(s) address with a host and without user and password");
        }
        let mut events = Vec::new();
        for (place, word) in self.events.unwrap_or_default().iter().enumerate() {
            events.extend(check.take(&format!("/events/{place}"), word.parse::<EventType>()));
        }
        check.end(url.map(|url| (url.to_string(), events)))
    }
}

/// Read a webhook
#[utoipa::path(get, path = "/v1/facilities/{facilityId}/webhooks/{webhookId}", tag = "Exchanges and events",
    operation_id = "getWebhook",
    params(
        ("facilityId" = String, Path, description = "The facility"),
        ("webhookId" = String, Path, description = "The facility's own name for it"),
    ),
    responses(
        (status = 200, description = "The webhook, without its secret", body = WebhookView),
        (status = 404, description = "`not_found`", body = Problem, content_type = "application/problem+json"),
    ))]
pub async fn get(
    State(app): State<App>,
    InFacility(facility): InFacility,
    IdPath(id): IdPath<String>,
) -> Result<Json<WebhookView>, Problem> {
    let webhook = app.store.read().await?.webhook(&facility.id, &id).await?.ok_or_else(Problem::not_found)?;
    Ok(Json(WebhookView::new(webhook, None)))
}

/// Take a webhook away
///
/// What was still to be told is not told.
#[utoipa::path(delete, path = "/v1/facilities/{facilityId}/webhooks/{webhookId}", tag = "Exchanges and events",
    operation_id = "deleteWebhook",
    params(
        ("facilityId" = String, Path, description = "The facility"),
        ("webhookId" = String, Path, description = "The facility's own name for it"),
    ),
    responses(
        (status = 204, description = "It is gone"),
        (status = 404, description = "`not_found`", body = Problem, content_type = "application/problem+json"),
    ))]
pub async fn delete(
    State(app): State<App>,
    caller: Caller,
    InFacility(facility): InFacility,
    IdPath(id): IdPath<String>,
) -> Result<StatusCode, Problem> {
    let mut tx = app.store.begin().await?;
    if !tx.delete_webhook(&facility.id, &id).await? {
        return Err(Problem::not_found());
    }
    tx.audit(&facility.id, &caller.actor(), "webhook deleted", &id).await?;
    tx.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Which tellings are listed.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct DeliveryFilter {
    /// `pending`, `delivered` or `failed`.
    state: Option<String>,
    /// 1 to 200.
    limit: Option<u32>,
    /// `next` of the page before.
    cursor: Option<String>,
}

/// List what a webhook was told
#[utoipa::path(get, path = "/v1/facilities/{facilityId}/webhooks/{webhookId}/deliveries",
    tag = "Exchanges and events", operation_id = "listWebhookDeliveries",
    params(
        ("facilityId" = String, Path, description = "The facility"),
        ("webhookId" = String, Path, description = "The facility's own name for it"),
        DeliveryFilter,
    ),
    responses(
        (status = 200, description = "A page of deliveries", body = List<DeliveryView>),
        (status = 404, description = "`not_found`", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "`invalid`", body = Problem, content_type = "application/problem+json"),
    ))]
pub async fn deliveries(
    State(app): State<App>,
    InFacility(facility): InFacility,
    WebhookPath(id): WebhookPath,
    Params(filter): Params<DeliveryFilter>,
) -> Result<Json<List<DeliveryView>>, Problem> {
    let page = PageParams { limit: filter.limit, cursor: filter.cursor }.read()?;
    let mut check = Check::default();
    let state = filter.state.and_then(|text| check.take("/state", text.parse()));
    check.end(Some(()))?;
    let mut tx = app.store.read().await?;
    known(&mut tx, &facility, &id).await?;
    let which = (state, page.after()?);
    let found = tx.webhook_deliveries(&facility.id, &id, which, page.read_limit()).await?;
    Ok(Json(page.list(found, |delivery| delivery.id.to_string(), DeliveryView::from)))
}

async fn known(tx: &mut store::Tx, facility: &Facility, id: &str) -> Result<(), Problem> {
    tx.webhook(&facility.id, id).await?.map(drop).ok_or_else(Problem::not_found)
}

/// Have an event told again
///
/// Whatever became of it; the schedule of attempts begins anew.
#[utoipa::path(post, path = "/v1/facilities/{facilityId}/webhooks/{webhookId}/deliveries/{deliveryId}/retry",
    tag = "Exchanges and events", operation_id = "retryWebhookDelivery",
    params(
        ("facilityId" = String, Path, description = "The facility"),
        ("webhookId" = String, Path, description = "The facility's own name for it"),
        ("deliveryId" = String, Path, description = "The delivery's id"),
    ),
    responses(
        (status = 202, description = "It is told again", body = DeliveryView),
        (status = 404, description = "`not_found`", body = Problem, content_type = "application/problem+json"),
    ))]
pub async fn retry(
    State(app): State<App>,
    caller: Caller,
    InFacility(facility): InFacility,
    WebhookPath(webhook): WebhookPath,
    IdPath(id): IdPath<Uuid>,
) -> Result<(StatusCode, Json<DeliveryView>), Problem> {
    let mut tx = app.store.begin().await?;
    let delivery = tx.redrive_webhook_delivery(&facility.id, &webhook, id).await?;
    let delivery = delivery.ok_or_else(Problem::not_found)?;
    tx.audit(&facility.id, &caller.actor(), "webhook told again", &id.to_string()).await?;
    tx.commit().await?;
    Ok((StatusCode::ACCEPTED, Json(delivery.into())))
}
