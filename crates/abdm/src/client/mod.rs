//! The gateway client: one call, one answer, no retry of its own.
//!
//! A retry needs a new `REQUEST-ID`, and that id has to be saved before it is sent. So [`Gateway::send`] never tries
//! again: if the session was refused, it drops the session and answers [`Retry::RefreshSession`], and the caller
//! sends once more under an id that it has saved.

mod call;
mod config;
mod session;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::BoxFuture;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use jiff::SignedDuration;
use reqwest::RequestBuilder;
use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;

use crate::callback::KeySource;
use crate::clock::SharedClock;
use crate::error::{Delivery, Failure, FailureDetails, Retry, decode};
use crate::http_client::{self, ANSWER_LIMIT, Traces};
use crate::id::RequestId;
use crate::path::{Operation, Version};
use crate::time;
use crate::wire::BodyError;
use crate::wire::bridge::{BridgeServices, BridgeUrl, LinkFacility};
use crate::wire::cert::KeySet;

pub use crate::http_client::ClientError;
pub use call::{Accepted, Call};
pub use config::{Environment, GatewayConfig};

use session::Sessions;

const PEER: &str = "ABDM's gateway";

/// A client of ABDM's gateway, to be shared.
pub struct Gateway {
    config: GatewayConfig,
    client: reqwest::Client,
    clock: SharedClock,
    sessions: Sessions,
    sessions_v05: Sessions,
    /// How far the clock was ahead of ABDM's.
    apart: Mutex<Option<SignedDuration>>,
}

impl Gateway {
    /// Makes the client; connects to nobody yet.
    ///
    /// # Errors
    /// An address is none or insecure, or TLS cannot be set up.
    pub fn new(config: GatewayConfig, clock: SharedClock) -> Result<Self, ClientError> {
        config.check()?;
        let mut builder = http_client::builder(config.timeout)?;
        if config.is_local() {
            builder = builder.no_proxy();
        }
        let client = builder.build().map_err(ClientError::Http)?;
        let sessions = || Sessions::new(clock.clone());
        Ok(Self {
            config,
            client,
            sessions: sessions(),
            sessions_v05: sessions(),
            clock,
            apart: Mutex::default(),
        })
    }

    /// How far this machine's clock was ahead of ABDM's at its last answer, to about a second; none if ABDM has not said
    /// the time yet.
    #[must_use]
    pub fn clock_apart(&self) -> Option<SignedDuration> {
        *self.apart.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The configuration it was made with.
    #[must_use]
    pub fn config(&self) -> &GatewayConfig {
        &self.config
    }

    /// Sends one call and reads its answer. Any 2xx is an acceptance; whether the result comes by callback says the
    /// operation.
    ///
    /// # Errors
    /// Everything else. If no session could be had, the call was not sent, and the failure says why not, with
    /// [`Retry::Later`]: it is not this call's fault.
    pub async fn send(&self, call: &Call) -> Result<Accepted, Failure> {
        call.check()?;
        let version = call.operation.version();
        let session = self.session_of(version).await.map_err(not_sent)?;
        let outcome = self.exchange(call, Some(&session)).await;
        if let Err(failure) = &outcome
            && session_refused(failure)
        {
            self.sessions(version).drop_if(&session).await;
        }
        outcome
    }

    /// The session token: the cached one, or a new one if that has ended or soon will. Many callers at once ask
    /// ABDM once.
    ///
    /// # Errors
    /// ABDM refused it or could not be reached. After a refusal ABDM is asked again only after a growing pause,
    /// because about eight wrong attempts lock the client.
    pub async fn session(&self) -> Result<SecretString, Failure> {
        self.session_of(Version::V3).await
    }

    async fn session_of(&self, version: Version) -> Result<SecretString, Failure> {
        let operation = match version {
            Version::V3 => Operation::Session,
            Version::V05 => Operation::SessionV05,
        };
        self.sessions(version).get(|| self.new_session(operation)).await
    }

    fn sessions(&self, version: Version) -> &Sessions {
        match version {
            Version::V3 => &self.sessions,
            Version::V05 => &self.sessions_v05,
        }
    }

    async fn new_session(
        &self,
        operation: Operation,
    ) -> Result<crate::wire::session::SessionResponse, Failure> {
        let (id, secret) = (self.config.client_id.clone(), self.config.client_secret.clone());
        let ask = crate::wire::session::SessionRequest::new(id, secret);
        let call = Call::new(operation, RequestId::random()).json(&ask)?;
        read_answer(&self.exchange(&call, None).await?)
    }

    /// The keys that callback tokens are signed with.
    ///
    /// # Errors
    /// As [`Gateway::send`]; or the answer is no key set.
    pub async fn certs(&self) -> Result<KeySet, Failure> {
        read_answer(&self.send(&Call::new(Operation::Certs, RequestId::random())).await?)
    }

    /// The keys that callback tokens of v0.5 are signed with. They are public and not those of V3.
    ///
    /// # Errors
    /// As [`Gateway::send`]; or the answer is no key set.
    pub async fn certs_v05(&self) -> Result<KeySet, Failure> {
        read_answer(&self.exchange(&Call::new(Operation::CertsV05, RequestId::random()), None).await?)
    }

    /// The bridge and its services as ABDM knows them.
    ///
    /// # Errors
    /// As [`Gateway::send`]; or the answer cannot be read.
    pub async fn bridge_services(&self) -> Result<BridgeServices, Failure> {
        let accepted = self.send(&Call::new(Operation::BridgeServices, RequestId::random())).await?;
        if accepted.body.is_empty() { Ok(BridgeServices::default()) } else { read_answer(&accepted) }
    }

    /// Registers the address that callbacks go to. For the sandbox: in production ABDM's support does it.
    ///
    /// # Errors
    /// As [`Gateway::send`].
    pub async fn set_bridge_url(&self, url: &str) -> Result<Accepted, Failure> {
        let body = BridgeUrl { url: url.to_owned() };
        self.send(&Call::new(Operation::BridgeUrl, RequestId::random()).json(&body)?).await
    }

    /// Links a facility to the bridge, at the facility registry.
    ///
    /// # Errors
    /// As [`Gateway::send`]. The registry answers 200 to failures too: its body is read for them.
    pub async fn link_facility(&self, facility: &LinkFacility) -> Result<Accepted, Failure> {
        self.send(&Call::new(Operation::LinkFacility, RequestId::random()).json(facility)?).await
    }

    async fn exchange(&self, call: &Call, session: Option<&SecretString>) -> Result<Accepted, Failure> {
        let request = self.request(call, session)?;
        let response = request.send().await.map_err(|error| http_client::no_answer(PEER, &error))?;
        let status = response.status().as_u16();
        let now = self.clock.now();
        if let Some(date) = http_client::date(response.headers()) {
            *self.apart.lock().unwrap_or_else(PoisonError::into_inner) = Some(now.duration_since(date));
        }
        let traces = Traces::of(response.headers(), Some(now));
        let body = http_client::body(response, ANSWER_LIMIT).await;
        tracing::debug!(operation = %call.operation, request.id = %call.request_id, http.status = status, "called ABDM");
        if !(200..300).contains(&status) || registry_failed(call.operation, &body) {
            return Err(Failure::refused(call.operation, traces.answer(status, &body)));
        }
        let Traces { correlation_id, activity_id, .. } = traces;
        Ok(Accepted { status, body, correlation_id, activity_id })
    }

    fn request(&self, call: &Call, session: Option<&SecretString>) -> Result<RequestBuilder, Failure> {
        let facts = call.operation.facts();
        let url = self.config.url_of(call)?;
        let mut request = self.client.request(facts.method, url).header("X-CM-ID", &self.config.cm_id);
        // In v0.5 id and time are members of the body.
        if call.operation.version() == Version::V3 {
            request = request
                .header("REQUEST-ID", call.request_id.to_string())
                .header("TIMESTAMP", time::format(self.clock.now()));
        }
        if let Some(session) = session {
            request = request.header(AUTHORIZATION, bearer(session)?);
        }
        for (name, id) in [("X-HIP-ID", &call.hip_id), ("X-HIU-ID", &call.hiu_id)] {
            if let Some(id) = id {
                request = request.header(name, id.as_str());
            }
        }
        if let Some(token) = &call.link_token {
            request = request.header("X-LINK-TOKEN", secret_value(token.as_str())?);
        }
        if !call.body.is_empty() {
            request = request.header(CONTENT_TYPE, "application/json").body(call.body.clone());
        }
        Ok(request)
    }
}

impl fmt::Debug for Gateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gateway").field("config", &self.config).finish_non_exhaustive()
    }
}

impl KeySource for Gateway {
    fn keys(&self) -> BoxFuture<'_, Result<KeySet, Failure>> {
        Box::pin(self.certs())
    }
}

/// The keys of v0.5's callback tokens, for a [`crate::callback::Verifier`] of its own.
#[derive(Debug)]
pub struct KeysV05(pub Arc<Gateway>);

impl KeySource for KeysV05 {
    fn keys(&self) -> BoxFuture<'_, Result<KeySet, Failure>> {
        Box::pin(self.0.certs_v05())
    }
}

/// `Bearer <token>`, hidden from debug output.
pub(crate) fn bearer(token: &SecretString) -> Result<HeaderValue, Failure> {
    secret_value(&format!("Bearer {}", token.expose_secret()))
}

fn secret_value(text: &str) -> Result<HeaderValue, Failure> {
    let mut value = HeaderValue::from_str(text).map_err(|_| {
        let text = "A token holds characters that no header takes. It cannot be ABDM's: ask for another.";
        Failure::without_answer(text, Retry::Never, Delivery::NotSent)
    })?;
    value.set_sensitive(true);
    Ok(value)
}

/// Whether the session token was what ABDM did not like. An empty 401 is a missing header instead.
fn session_refused(failure: &Failure) -> bool {
    matches!(failure.code.as_deref(), Some("900901" | "900902" | "900900"))
}

/// A call that could not be sent for want of a session is due again later, whatever was wrong with the session.
fn not_sent(mut failure: Failure) -> Failure {
    if !matches!(failure.retry, Retry::After(_)) {
        failure.retry = Retry::Later;
    }
    failure.delivery = Delivery::NotSent;
    failure
}

/// The registry answers 200 to failures, with an error where the result would be.
fn registry_failed(operation: Operation, body: &[u8]) -> bool {
    let failed = |code: String| !matches!(code.as_str(), "200" | "HIS-200");
    operation == Operation::LinkFacility && decode(body).code.is_some_and(failed)
}

fn read_answer<T: DeserializeOwned>(accepted: &Accepted) -> Result<T, Failure> {
    crate::wire::read(&accepted.body).map_err(|error| unreadable(accepted, &error))
}

fn unreadable(accepted: &Accepted, error: &BodyError) -> Failure {
    Failure::from(FailureDetails {
        status: Some(accepted.status),
        code: None,
        message: None,
        explanation: format!(
            "ABDM answered with something that cannot be read ({error}). Check the gateway's base URL."
        ),
        retry: Retry::Later,
        delivery: Delivery::Refused,
        correlation_id: accepted.correlation_id.clone(),
        activity_id: accepted.activity_id.clone(),
        raw: accepted.body.to_vec(),
    })
}
