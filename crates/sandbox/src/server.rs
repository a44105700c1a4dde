//! Listening: one port for gateway, HIU and steering.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;

use abdm::clock::SharedClock;
use axum::Router;
use axum::body::Body;
use axum::http::header::{DATE, HeaderValue};
use axum::http::{Request, Response};
use axum::routing::{get, post};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use jiff::fmt::rfc2822::DateTimePrinter;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tower::ServiceExt;

use crate::config::SandboxConfig;
use crate::core::{Sandbox, StartError};
use crate::{gateway, hiu, steer};

/// Marks a response that is not to be sent: the connection is closed instead.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Hangup;

/// The service ended a connection without an answer.
#[derive(Debug, thiserror::Error)]
#[error("the connection is closed on request")]
struct Closed;

/// A sandbox that listens, until it is shut down or dropped.
#[derive(Debug)]
pub struct Handle {
    address: SocketAddr,
    sandbox: Sandbox,
    listening: Option<JoinHandle<()>>,
}

impl Handle {
    /// The address it listens on.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.address
    }

    /// The base of all its paths, without a trailing slash.
    #[must_use]
    pub fn base_url(&self) -> &str {
        self.sandbox.base_url()
    }

    /// The steering of this sandbox.
    #[must_use]
    pub fn state(&self) -> &Sandbox {
        &self.sandbox
    }

    /// Closes all connections, drops callbacks that are still due, and ends.
    pub async fn shutdown(mut self) {
        self.sandbox.ended().cancel();
        if let Some(listening) = self.listening.take() {
            let _ = listening.await;
        }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.sandbox.ended().cancel();
    }
}

impl Sandbox {
    /// Starts a sandbox on a free port of this machine.
    ///
    /// # Errors
    ///
    /// If no port can be had, or the HTTP client cannot be built.
    pub async fn start(config: SandboxConfig, clock: SharedClock) -> Result<Handle, StartError> {
        Self::start_on(SocketAddr::from(([127, 0, 0, 1], 0)), config, clock).await
    }

    /// Starts a sandbox on an address of the caller's choice.
    ///
    /// # Errors
    ///
    /// As [`Sandbox::start`].
    pub async fn start_on(
        listen: SocketAddr,
        config: SandboxConfig,
        clock: SharedClock,
    ) -> Result<Handle, StartError> {
        let sandbox = Self::new(config, clock)?;
        let taken = |source| StartError::Listen { address: listen, source };
        let listener = TcpListener::bind(listen).await.map_err(taken)?;
        let address = listener.local_addr().map_err(taken)?;
        sandbox.listens_on(address);
        let listening = tokio::spawn(accept(listener, sandbox.clone()));
        Ok(Handle { address, sandbox, listening: Some(listening) })
    }
}

/// Serves a sandbox on `listen` until `shutdown` ends.
///
/// # Errors
///
/// As [`Sandbox::start`].
pub async fn serve(
    listen: SocketAddr,
    config: SandboxConfig,
    clock: SharedClock,
    shutdown: impl Future<Output = ()>,
) -> Result<(), StartError> {
    let handle = Sandbox::start_on(listen, config, clock).await?;
    tracing::info!(address = %handle.addr(), "the sandbox listens");
    shutdown.await;
    handle.shutdown().await;
    Ok(())
}

fn router(sandbox: Sandbox) -> Router {
    Router::new()
        .route("/sandbox/", get(steer::pages::overview))
        .nest("/sandbox", steer::router())
        .route("/hiu/push/{token}", post(hiu::push::serve))
        .fallback(gateway::serve)
        .with_state(sandbox)
}

async fn accept(listener: TcpListener, sandbox: Sandbox) {
    let router = router(sandbox.clone());
    let builder = Arc::new(Builder::new(TokioExecutor::new()));
    loop {
        let stream = tokio::select! {
            accepted = listener.accept() => accepted,
            () = sandbox.ended().cancelled() => return,
        };
        match stream {
            Ok((stream, _)) => {
                let _ = stream.set_nodelay(true);
                tokio::spawn(connection(stream, router.clone(), Arc::clone(&builder), sandbox.clone()));
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                // Too many open files, most likely: let some be closed.
                tokio::task::yield_now().await;
            }
        }
    }
}

async fn connection(
    stream: TcpStream,
    router: Router,
    builder: Arc<Builder<TokioExecutor>>,
    sandbox: Sandbox,
) {
    let clock = sandbox.clone();
    let service = hyper::service::service_fn(move |request: Request<Incoming>| {
        answer(router.clone(), clock.clone(), request)
    });
    let serving = builder.serve_connection(TokioIo::new(stream), service);
    tokio::select! {
        _ = serving => {}
        () = sandbox.ended().cancelled() => {}
    }
}

async fn answer(
    router: Router,
    sandbox: Sandbox,
    request: Request<Incoming>,
) -> Result<Response<Body>, Closed> {
    let Ok(mut response) = router.oneshot(request.map(Body::new)).await;
    // The gateway's time, and not that of the machine.
    let date = DateTimePrinter::new().timestamp_to_rfc9110_string(&sandbox.now()).ok();
    if let Some(date) = date.and_then(|date| HeaderValue::try_from(date).ok()) {
        response.headers_mut().insert(DATE, date);
    }
    if response.extensions().get::<Hangup>().is_some() { Err(Closed) } else { Ok(response) }
}
