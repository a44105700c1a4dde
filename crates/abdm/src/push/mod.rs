//! Pushing records to the address that an HIU has named. The address is a stranger's word: it must not lead into
//! the hospital's own network, nor anywhere else on someone's behalf.
//!
//! Literal addresses are checked before a connection is made, names as they are resolved for the connection itself,
//! so that a name cannot answer differently between the check and its use. No redirect is followed and no proxy used.

mod address;
mod parts;
mod url;

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use http::header::{AUTHORIZATION, CONTENT_TYPE};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::{Body, Url};
use secrecy::SecretString;

use crate::client::{Accepted, ClientError, bearer};
use crate::error::{Answer, Decoded, Delivery, Failure, FailureDetails, Retry, decode};
use crate::http_client::{self, Traces};

pub use address::{Reach, is_public, reach};
pub use parts::{HeldBack, Parts};
pub use url::{PushUrlRefused, check_push_url};

const PEER: &str = "the HIU";

/// The most that is read of an HIU's answer.
const ANSWER_LIMIT: usize = 64 << 10;

/// How pages are pushed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PusherConfig {
    /// For one page, answer included.
    pub timeout: Duration,
    /// Allows `http://` and addresses of private networks and of this machine. Never the local link.
    pub allow_insecure: bool,
}

/// Where a name leads. Asked anew for every connection.
pub trait Names: fmt::Debug + Send + Sync {
    /// The addresses that the name has now.
    fn look_up(&self, host: String) -> Addresses;
}

/// What [`Names::look_up`] finds.
pub type Addresses = Pin<Box<dyn Future<Output = std::io::Result<Vec<IpAddr>>> + Send>>;

/// The names that this machine knows.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemNames;

impl Names for SystemNames {
    fn look_up(&self, host: String) -> Addresses {
        Box::pin(async move {
            let found = tokio::net::lookup_host((host, 0)).await?;
            Ok(found.map(|address| address.ip()).collect())
        })
    }
}

/// Pushes pages, to be shared.
#[derive(Debug)]
pub struct Pusher {
    client: reqwest::Client,
    resolver: Arc<Guard>,
    config: PusherConfig,
}

impl Pusher {
    /// Makes the client; connects to nobody yet.
    ///
    /// # Errors
    /// TLS cannot be set up.
    pub fn new(config: PusherConfig) -> Result<Self, ClientError> {
        Self::with_names(config, Arc::new(SystemNames))
    }

    /// The same with names of another's knowing.
    ///
    /// # Errors
    /// As [`Pusher::new`].
    pub fn with_names(config: PusherConfig, names: Arc<dyn Names>) -> Result<Self, ClientError> {
        let resolver = Arc::new(Guard { allow_insecure: config.allow_insecure, names });
        let client = http_client::builder(config.timeout)?
            .no_proxy()
            .dns_resolver(Arc::clone(&resolver))
            .build()
            .map_err(ClientError::Http)?;
        Ok(Self { client, resolver, config })
    }

    /// How it pushes.
    #[must_use]
    pub fn config(&self) -> PusherConfig {
        self.config
    }

    /// Whether pages may go to this address, as far as can be told beforehand: its form, and the addresses that its
    /// name has now. A name that cannot be resolved now is let through: the push will tell.
    ///
    /// # Errors
    /// They may not.
    pub async fn screen(&self, url: &str) -> Result<Url, PushUrlRefused> {
        let url = check_push_url(url, self.config.allow_insecure)?;
        let host = url.host_str().unwrap_or_default().to_owned();
        match self.resolver.resolve_checked(&host).await {
            Err(ResolveError::Refused) => Err(PushUrlRefused::Address),
            _ => Ok(url),
        }
    }

    /// Pushes one page, under the HIP's session token.
    ///
    /// # Errors
    /// Any answer but a 2xx, or none. A page may be pushed again: an HIU knows pages by transaction and number.
    pub async fn push(
        &self,
        url: &str,
        session: &SecretString,
        page: impl Into<Body>,
    ) -> Result<Accepted, Failure> {
        let url = check_push_url(url, self.config.allow_insecure).map_err(address_refused)?;
        let request = self.client.post(url).header(AUTHORIZATION, bearer(session)?);
        let request = request.header(CONTENT_TYPE, "application/json").body(page);
        let response = request.send().await.map_err(|error| no_answer(&error))?;
        let status = response.status().as_u16();
        let traces = Traces::of(response.headers(), None);
        let body = http_client::body(response, ANSWER_LIMIT).await;
        if !(200..300).contains(&status) {
            return Err(refused(traces.answer(status, &body)));
        }
        let Traces { correlation_id, activity_id, .. } = traces;
        Ok(Accepted { status, body, correlation_id, activity_id })
    }
}

fn no_answer(error: &reqwest::Error) -> Failure {
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        if cause.is::<ResolveError>() && matches!(cause.downcast_ref(), Some(ResolveError::Refused)) {
            return address_refused(PushUrlRefused::Address);
        }
        source = cause.source();
    }
    http_client::no_answer(PEER, error)
}

fn address_refused(why: PushUrlRefused) -> Failure {
    let text =
        format!("Nothing was sent to the address that the HIU named: {why}. Only the HIU can mend that.");
    Failure::without_answer(text, Retry::Never, Delivery::NotSent)
}

fn refused(answer: Answer<'_>) -> Failure {
    let Decoded { code, message } = decode(answer.body);
    let (text, retry) = match answer.status {
        401 => ("did not take the session token", Retry::Later),
        404 | 410 => ("has nothing at the address that it named", Retry::Never),
        408 | 504 => ("took too long", Retry::Later),
        413 => ("finds the page too large", Retry::Never),
        429 => ("finds the pages too many at once", Retry::Later),
        300..=399 => ("answered with a redirect, which is not followed", Retry::Never),
        500..=599 => ("could not take the page", Retry::Later),
        _ => ("refused the page", Retry::Never),
    };
    let explanation = format!("The HIU {text} (HTTP {}).", answer.status);
    let retry = if retry == Retry::Later { answer.retry_after.map_or(retry, Retry::After) } else { retry };
    let delivery =
        if matches!(answer.status, 408 | 502 | 504) { Delivery::Unknown } else { Delivery::Refused };
    Failure::from(FailureDetails {
        status: Some(answer.status),
        code,
        message,
        explanation,
        retry,
        delivery,
        correlation_id: answer.correlation_id.map(str::to_owned),
        activity_id: answer.activity_id.map(str::to_owned),
        raw: answer.body.to_vec(),
    })
}

/// Whether an address may be connected to. The local link never may.
fn allowed(ip: IpAddr, allow_insecure: bool) -> bool {
    match reach(ip) {
        Reach::Public => true,
        Reach::Private | Reach::Loopback => allow_insecure,
        Reach::LinkLocal | Reach::Reserved => false,
    }
}

/// Resolves names to the addresses that may be connected to.
#[derive(Debug)]
struct Guard {
    allow_insecure: bool,
    names: Arc<dyn Names>,
}

/// Why a name gives no address to connect to.
#[derive(Debug, thiserror::Error)]
enum ResolveError {
    #[error("every address of the name is refused")]
    Refused,
    #[error("the name cannot be resolved")]
    Unknown(#[source] std::io::Error),
}

impl Guard {
    async fn resolve_checked(&self, host: &str) -> Result<Vec<SocketAddr>, ResolveError> {
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let found = match host.parse::<IpAddr>() {
            Ok(literal) => vec![literal],
            Err(_) => self.names.look_up(host.to_owned()).await.map_err(ResolveError::Unknown)?,
        };
        let kept = found.into_iter().filter(|address| allowed(*address, self.allow_insecure));
        let kept: Vec<SocketAddr> = kept.map(|address| SocketAddr::new(address, 0)).collect();
        if kept.is_empty() { Err(ResolveError::Refused) } else { Ok(kept) }
    }
}

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = Self { allow_insecure: self.allow_insecure, names: Arc::clone(&self.names) };
        Box::pin(async move {
            let addresses = guard.resolve_checked(name.as_str()).await?;
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

impl fmt::Display for Reach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Public => "public",
            Self::Private => "private",
            Self::Loopback => "loopback",
            Self::LinkLocal => "link-local",
            Self::Reserved => "reserved",
        })
    }
}

#[cfg(test)]
mod tests;
