//! Whether it lives, whether it can work, and how much.

use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::get;
use tokio::sync::Mutex;

use super::App;
use super::problem::{Code, Problem};
use crate::metrics;

/// The public and the private one.
const LISTENERS: usize = 2;
/// For so long the store is not asked again after it took something.
const FRESH: Duration = Duration::from_secs(1);
/// How long the store may take to take something.
const PATIENCE: Duration = Duration::from_secs(5);

/// `/healthz`, `/readyz` and `/metrics`.
pub fn router() -> Router<App> {
    let router = Router::new().route("/healthz", get(async || "ok\n"));
    router.route("/readyz", get(ready)).route("/metrics", get(measured))
}

/// Prometheus' text form.
async fn measured(State(app): State<App>) -> Result<impl IntoResponse, Problem> {
    let backlog = app.store.read().await?.backlog().await?;
    let kind = [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
    let mut text = metrics::render(&backlog, app.gateway.clock_apart());
    if let Some(tls) = &app.tls {
        text.push_str(&metrics::certificate(&tls.state()));
    }
    Ok((kind, text))
}

/// Ready once store, keys and listeners work, whether or not ABDM can be reached. The keys are held open with the store.
async fn ready(State(app): State<App>) -> Result<&'static str, Problem> {
    let unready = |detail| Problem::new(Code::Unavailable).detail(detail);
    if app.open.count() < LISTENERS {
        tracing::error!("not ready: a listener has ended");
        return Err(unready("a listener has ended"));
    }
    if !app.writing.works(&app).await {
        return Err(unready("the store does not take what is written; is its disk full?"));
    }
    Ok("ready\n")
}

/// Whether the store takes what is written: one that only reads, because its disk is full, lets no callback be taken. Asked
/// of the store at most once a second, whoever asks.
#[derive(Debug, Default)]
pub struct Writing(Mutex<Option<(Duration, bool)>>);

impl Writing {
    async fn works(&self, app: &App) -> bool {
        let mut known = self.0.lock().await;
        let now = app.clock.elapsed();
        if let Some((_, works)) = known.filter(|(at, works)| *works && now.saturating_sub(*at) < FRESH) {
            return works;
        }
        let works = match tokio::time::timeout(PATIENCE, app.store.prove_writing()).await {
            Ok(Ok(())) => true,
            Ok(Err(error)) => {
                tracing::error!(error = ?error, "not ready: the store does not take what is written");
                false
            }
            Err(_) => {
                tracing::error!("not ready: the store does not answer in time");
                false
            }
        };
        *known = Some((now, works));
        works
    }
}
