//! What both outgoing sides share: building a client, reading a bounded answer, and telling what a broken
//! connection leaves open.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;
use reqwest::{ClientBuilder, Response, redirect};

use crate::error::{Answer, Delivery, Failure, Retry};
use crate::tls::{self, TlsError};

/// Why no client can be built.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// TLS.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The HTTP client.
    #[error("the HTTP client cannot be set up")]
    Http(#[source] reqwest::Error),
    /// An address that calls would go to in the clear.
    #[error("{0} must be an https:// address (http:// only where insecure connections are allowed)")]
    Insecure(&'static str),
    /// An address that is none.
    #[error("{0} is not an http(s) address with a host and without user, query or fragment")]
    Address(&'static str),
}

/// Connecting may take this long, so that a time-out while connecting is known to have had no effect.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Idle connections are given up before usual balancers do, so that few calls meet a closed one.
const POOL_IDLE: Duration = Duration::from_secs(25);

/// A client that follows no redirect and trusts [`tls::roots`].
pub(crate) fn builder(timeout: Duration) -> Result<ClientBuilder, ClientError> {
    Ok(reqwest::Client::builder()
        .tls_backend_preconfigured(tls::client_config()?)
        .redirect(redirect::Policy::none())
        .referer(false)
        .timeout(timeout)
        .connect_timeout(CONNECT_TIMEOUT.min(timeout / 2))
        .pool_idle_timeout(POOL_IDLE)
        .user_agent(concat!("abdm/", env!("CARGO_PKG_VERSION"))))
}

/// The most that is read of an answer.
pub(crate) const ANSWER_LIMIT: usize = 4 << 20;

/// Reads at most `limit` bytes; a cut connection or a longer body gives what came so far.
pub(crate) async fn body(mut response: Response, limit: usize) -> Bytes {
    let mut body = BytesMut::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        let room = limit.saturating_sub(body.len());
        body.extend_from_slice(chunk.get(..room).unwrap_or(&chunk));
        if chunk.len() > room {
            break;
        }
    }
    body.freeze()
}

/// The headers of an answer that are kept.
#[derive(Debug, Clone, Default)]
pub(crate) struct Traces {
    pub correlation_id: Option<String>,
    pub activity_id: Option<String>,
    retry_after: Option<Duration>,
}

impl Traces {
    /// Without a clock, a date in `Retry-After` is not read; seconds are.
    pub(crate) fn of(headers: &HeaderMap, now: Option<Timestamp>) -> Self {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        Self {
            correlation_id: text("correlation-id").map(str::to_owned),
            activity_id: text("activityid").map(str::to_owned),
            retry_after: text("retry-after").and_then(|value| retry_after(value, now)),
        }
    }

    pub(crate) fn answer<'a>(&'a self, status: u16, body: &'a [u8]) -> Answer<'a> {
        Answer {
            status,
            body,
            retry_after: self.retry_after,
            correlation_id: self.correlation_id.as_deref(),
            activity_id: self.activity_id.as_deref(),
        }
    }
}

/// Nobody is obeyed for longer than this.
const RETRY_AFTER_LIMIT: Duration = Duration::from_hours(24);

/// `Date` (RFC 9110, 6.6.1).
pub(crate) fn date(headers: &HeaderMap) -> Option<Timestamp> {
    DateTimeParser::new().parse_timestamp(headers.get(http::header::DATE)?.to_str().ok()?).ok()
}

/// `Retry-After` in seconds or as an HTTP date (RFC 9110, 10.2.3).
fn retry_after(value: &str, now: Option<Timestamp>) -> Option<Duration> {
    let value = value.trim();
    let wait = if let Ok(seconds) = value.parse() {
        Duration::from_secs(seconds)
    } else {
        let at = DateTimeParser::new().parse_timestamp(value).ok()?;
        Duration::try_from(at.duration_since(now?)).unwrap_or(Duration::ZERO)
    };
    Some(wait.min(RETRY_AFTER_LIMIT))
}

/// What a call without an answer means. `peer` begins the sentence: "ABDM's gateway".
pub(crate) fn no_answer(peer: &str, error: &reqwest::Error) -> Failure {
    if error.is_builder() {
        let text =
            format!("The call to {peer} could not be formed. This is a fault of the program: report it.");
        return Failure::without_answer(text, Retry::Never, Delivery::NotSent);
    }
    let (text, delivery) = if error.is_dns() {
        (
            format!("The name of {peer} could not be resolved. Check the address and this machine's DNS."),
            Delivery::NotSent,
        )
    } else if error.is_connect() {
        (
            format!(
                "No connection to {peer} could be made. Check the address, the firewall, any proxy, and whether the \
                 certificate is valid and trusted here."
            ),
            Delivery::NotSent,
        )
    } else if error.is_timeout() {
        (
            format!(
                "The call was sent, and {peer} did not answer in time: whether it took effect is unknown."
            ),
            Delivery::Unknown,
        )
    } else {
        (
            format!(
                "The connection to {peer} broke before the answer: whether the call took effect is unknown."
            ),
            Delivery::Unknown,
        )
    };
    Failure::without_answer(text, Retry::Later, delivery)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_read_in_seconds_and_as_a_date_and_bounded() {
        let now: Timestamp = "2026-10-21T07:27:00Z".parse().unwrap();
        for (value, seconds) in [
            ("30", Some(30)),
            (" 0 ", Some(0)),
            ("Wed, 21 Oct 2026 07:28:00 GMT", Some(60)),
            ("Wed, 21 Oct 2026 07:20:00 GMT", Some(0)),
            ("99999999999", Some(24 * 3600)),
            ("soon", None),
            ("-5", None),
            ("", None),
        ] {
            assert_eq!(retry_after(value, Some(now)).map(|wait| wait.as_secs()), seconds, "{value}");
        }
        assert_eq!(retry_after("Wed, 21 Oct 2026 07:28:00 GMT", None), None);
    }
}
