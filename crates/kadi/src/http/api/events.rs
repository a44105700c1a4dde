//! Events as they happen (server-sent events).
//!
//! A reader that gives `Last-Event-ID` goes on after it; without, it begins with the oldest event kept, so that a
//! reader which lost its place loses nothing else. The ids of a facility's events grow in the order of their commits,
//! so nothing comes to light behind the last one seen.

use std::collections::VecDeque;
use std::convert::Infallible;

use axum::Extension;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::sse::{self, KeepAlive, Sse};
use domain::facility::Facility;
use futures_util::{Stream, StreamExt as _};
use serde::Serialize;
use store::{Event, Queue};
use tokio_util::sync::CancellationToken;
use utoipa::ToSchema;
use uuid::Uuid;

use super::super::App;
use super::super::auth::InFacility;
use super::super::problem::{FieldError, Problem};

/// How many events are read at once.
const BATCH: u32 = 200;
/// What happened. Ids and states only: nothing clinical, no names.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Event)]
pub struct EventView {
    /// What kind.
    #[serde(rename = "type")]
    #[schema(example = "care_context.linked")]
    pub kind: &'static str,
    /// When.
    pub timestamp: String,
    /// `facilityId`, the ids it is about, and often a `state`.
    pub data: serde_json::Value,
}

impl From<&Event> for EventView {
    fn from(event: &Event) -> Self {
        Self { kind: event.event.as_str(), timestamp: event.at.to_string(), data: event.data.clone() }
    }
}

/// Follow what happens
///
/// Server-sent events; each one's data is an `Event`. With `Last-Event-ID` it goes on after that one; without, it begins
/// with the oldest that is kept.
#[utoipa::path(get, path = "/v1/facilities/{facilityId}/events", tag = "Exchanges and events",
    operation_id = "followEvents",
    params(
        ("facilityId" = String, Path, description = "The facility"),
        ("Last-Event-ID" = Option<String>, Header, description = "The id of the last event seen"),
    ),
    responses(
        (status = 200, description = "A stream without end", body = EventView, content_type = "text/event-stream"),
        (status = 422, description = "`invalid`: Last-Event-ID is none", body = Problem, content_type = "application/problem+json"),
    ))]
pub async fn events(
    State(app): State<App>,
    InFacility(facility): InFacility,
    stop: Option<Extension<CancellationToken>>,
    headers: HeaderMap,
) -> Result<Sse<impl Stream<Item = Result<sse::Event, Infallible>>>, Problem> {
    let after = match headers.get("last-event-id") {
        None => None,
        Some(id) => Some(id.to_str().ok().and_then(|id| id.parse().ok()).ok_or_else(|| {
            Problem::invalid(vec![FieldError::new("/Last-Event-ID", "must be the id of an event")])
        })?),
    };
    let reader = Reader { app, facility, after, ready: VecDeque::new() };
    let stream = futures_util::stream::unfold(reader, |mut reader| async move {
        let event = reader.next().await;
        Some((Ok(event), reader))
    });
    let stopped = stop.map(|Extension(stop)| stop).unwrap_or_default().cancelled_owned();
    let stream = stream.take_until(stopped);
    Ok(Sse::new(stream).keep_alive(KeepAlive::default()))
}

struct Reader {
    app: App,
    facility: Facility,
    /// The newest event read.
    after: Option<Uuid>,
    /// Read and not shown yet.
    ready: VecDeque<Event>,
}

impl Reader {
    async fn next(&mut self) -> sse::Event {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return show(&event);
            }
            // Listening begins before reading, so that nothing falls between the two.
            let app = App::clone(&self.app);
            let mut bell = std::pin::pin!(app.store.woken(Queue::Events));
            let rung = futures_util::poll!(bell.as_mut()).is_ready();
            if let Err(error) = self.read().await {
                tracing::warn!(error = %error, "events could not be read; trying again");
            }
            if self.ready.is_empty() && !rung {
                tokio::select! {
                    () = bell => {}
                    () = app.clock.sleep(super::POLL) => {}
                }
            }
        }
    }

    async fn read(&mut self) -> store::Result<()> {
        let mut tx = self.app.store.read().await?;
        self.ready.extend(tx.events_after(&self.facility.id, self.after, BATCH).await?);
        self.after = self.ready.back().map(|event| event.id).or(self.after);
        Ok(())
    }
}

fn show(event: &Event) -> sse::Event {
    let view = EventView::from(event);
    let data = serde_json::to_string(&view).unwrap_or_default();
    sse::Event::default().id(event.id.to_string()).event(view.kind).data(data)
}
