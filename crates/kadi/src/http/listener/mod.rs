//! A listener: takes connections, ends the TLS of the public one, and speaks HTTP/1.1 and HTTP/2 on them.
//!
//! What a peer can hold without having asked anything is bounded in time and number, so that slow ones can't keep others
//! out. A connection on which no whole request has arrived is a *newcomer*: it has [`Settings::patience`] for TLS
//! and the head of its first request, and when there are too many newcomers the oldest goes. Later requests have the same
//! time for their heads, and between the pieces of their bodies. An HTTP/2 connection on which nothing was asked for so
//! long is told to go once its answers are finished. All of that is real time: a clock that is set must cut nobody off.

mod newcomers;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use abdm::clock::SharedClock;
use axum::body::Body;
use axum::{Extension, Router};
use http::Request;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, Semaphore};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;
use tower_http::timeout::RequestBodyTimeoutLayer;

use newcomers::{Newcomer, Newcomers};

/// The longest head of a request. ABDM's tokens have about 2 KiB.
const HEAD: usize = 64 << 10;
/// Requests at once on one HTTP/2 connection.
const STREAMS: u32 = 256;
/// How long to wait when no connection can be accepted: there are no file descriptors left, most likely.
const PAUSE: Duration = Duration::from_millis(200);
/// Of the connections at once, so many may be newcomers: one in four.
const NEWCOMERS: usize = 4;

/// What a listener allows.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// Connections at once; more wait.
    pub connections: usize,
    /// How long may pass without anything of a request that is due.
    pub patience: Duration,
}

/// A listener that is not served yet.
pub struct Door {
    /// Where connections arrive.
    pub listener: TcpListener,
    /// With it the listener speaks TLS.
    pub tls: Option<Arc<rustls::ServerConfig>>,
    /// What it allows.
    pub settings: Settings,
    /// Counts it among the listeners that are served.
    pub served: Served,
    /// Waited on when no connection can be accepted.
    pub clock: SharedClock,
}

/// How many listeners are served.
#[derive(Debug, Clone, Default)]
pub struct Open(Arc<AtomicUsize>);

impl Open {
    /// How many there are now.
    pub fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    /// One more, until what is given is dropped.
    pub fn enter(&self) -> Served {
        self.0.fetch_add(1, Ordering::Relaxed);
        Served(Arc::clone(&self.0))
    }
}

/// A listener that is served.
#[derive(Debug)]
pub struct Served(Arc<AtomicUsize>);

impl Drop for Served {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Who is at the other end of a connection. In the extensions of every request.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub SocketAddr);

/// Serves until `stop` is cancelled; requests under way are finished first. Answers without an end find the token in their
/// request's extensions.
pub async fn serve(door: Door, router: Router, stop: CancellationToken) {
    let Door { listener, tls, settings, clock, served: _served } = door;
    let router = router.layer(RequestBodyTimeoutLayer::new(settings.patience)).layer(Extension(stop.clone()));
    let shared = Arc::new(Shared {
        router,
        tls: tls.map(TlsAcceptor::from),
        patience: settings.patience,
        newcomers: Newcomers::new((settings.connections / NEWCOMERS).max(1)),
        stop: stop.clone(),
    });
    let places = Arc::new(Semaphore::new(settings.connections));
    let tasks = TaskTracker::new();
    let accepting = async {
        loop {
            let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
            let (stream, peer) = match listener.accept().await {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(error = %error, "no connection can be accepted");
                    clock.sleep(PAUSE).await;
                    continue;
                }
            };
            // Without it small answers may wait for the acknowledgement of what went before; that it fails costs only time.
            let _ = stream.set_nodelay(true);
            let shared = Arc::clone(&shared);
            tasks.spawn(async move {
                shared.converse(stream, peer).await;
                drop(place);
            });
        }
    };
    stop.run_until_cancelled(accepting).await;
    drop(listener);
    tasks.close();
    tasks.wait().await;
}

/// What all connections of a listener share.
struct Shared {
    router: Router,
    tls: Option<TlsAcceptor>,
    patience: Duration,
    newcomers: Newcomers,
    stop: CancellationToken,
}

impl Shared {
    async fn converse(&self, stream: TcpStream, peer: SocketAddr) {
        let newcomer = Arc::new(self.newcomers.enter());
        let talk = async {
            match &self.tls {
                None => self.speak(stream, peer, &newcomer).await,
                Some(tls) => match tls.accept(stream).await {
                    Ok(stream) => self.speak(stream, peer, &newcomer).await,
                    Err(error) => tracing::debug!(%peer, error = %error, "a TLS handshake failed"),
                },
            }
        };
        tokio::select! {
            () = talk => {}
            why = newcomer.leave(self.patience) => tracing::debug!(%peer, why, "a connection was closed before its first request"),
            () = self.stopped(&newcomer) => {}
        }
    }

    /// Who has not asked anything yet is not waited for when we are stopping.
    async fn stopped(&self, newcomer: &Newcomer) {
        self.stop.cancelled().await;
        if newcomer.is_known() {
            std::future::pending::<()>().await;
        }
    }

    /// Answers the requests of a connection until it ends.
    async fn speak(
        &self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        peer: SocketAddr,
        newcomer: &Arc<Newcomer>,
    ) {
        let newcomer = Arc::clone(newcomer);
        let asked = Arc::new(Notify::new());
        let asks = Arc::clone(&asked);
        let service = self.router.clone().map_request(move |request: Request<Incoming>| {
            newcomer.is_now_known();
            asks.notify_one();
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(Peer(peer));
            request
        });
        let mut builder = auto::Builder::new(TokioExecutor::new());
        let timer = TokioTimer::new();
        builder.http1().timer(timer.clone()).header_read_timeout(self.patience).max_buf_size(HEAD);
        builder
            .http2()
            .timer(timer)
            .keep_alive_interval(self.patience)
            .keep_alive_timeout(self.patience)
            .max_concurrent_streams(STREAMS)
            .max_header_list_size(u32::try_from(HEAD).unwrap_or(u32::MAX));
        let service = TowerToHyperService::new(service);
        let mut connection = std::pin::pin!(builder.serve_connection(TokioIo::new(stream), service));
        let quiet = async { while tokio::time::timeout(self.patience, asked.notified()).await.is_ok() {} };
        let finish = async {
            tokio::select! {
                () = self.stop.cancelled() => {}
                () = quiet => {}
            }
        };
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = finish => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%peer, error, "a connection broke");
        }
    }
}

#[cfg(test)]
mod tests;
