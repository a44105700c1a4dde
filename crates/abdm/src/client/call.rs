//! One call and its acceptance.

use std::fmt;

use bytes::Bytes;
use serde::Serialize;

use crate::error::{Delivery, Failure, Retry};
use crate::id::{LinkToken, RequestId, ServiceId};
use crate::path::{Operation, ServiceHeader};
use crate::wire;

/// One attempt at one call. Standard headers, time and session token are the client's. `Debug` shows no body.
#[derive(Clone, PartialEq, Eq)]
pub struct Call {
    /// What is called.
    pub operation: Operation,
    /// New for every attempt, and saved before it.
    pub request_id: RequestId,
    /// `X-HIP-ID`.
    pub hip_id: Option<ServiceId>,
    /// `X-HIU-ID`.
    pub hiu_id: Option<ServiceId>,
    /// `X-LINK-TOKEN`.
    pub link_token: Option<LinkToken>,
    /// The id that ends the path, where the operation has one.
    pub path_id: Option<String>,
    /// JSON; empty for none.
    pub body: Bytes,
}

impl Call {
    /// A call without a body.
    #[must_use]
    pub fn new(operation: Operation, request_id: RequestId) -> Self {
        let body = Bytes::new();
        Self { operation, request_id, hip_id: None, hiu_id: None, link_token: None, path_id: None, body }
    }

    /// In the name of an HIP.
    #[must_use]
    pub fn hip_id(self, hip_id: ServiceId) -> Self {
        Self { hip_id: Some(hip_id), ..self }
    }

    /// In the name of an HIU.
    #[must_use]
    pub fn hiu_id(self, hiu_id: ServiceId) -> Self {
        Self { hiu_id: Some(hiu_id), ..self }
    }

    /// Under a link token.
    #[must_use]
    pub fn link_token(self, token: LinkToken) -> Self {
        Self { link_token: Some(token), ..self }
    }

    /// With the id that ends the path.
    #[must_use]
    pub fn path_id(self, id: impl Into<String>) -> Self {
        Self { path_id: Some(id.into()), ..self }
    }

    /// With a body that is JSON already.
    #[must_use]
    pub fn body(self, body: impl Into<Bytes>) -> Self {
        Self { body: body.into(), ..self }
    }

    /// With a message as body.
    ///
    /// # Errors
    /// The message cannot be written; never so for the messages of this crate.
    pub fn json<T: Serialize>(self, message: &T) -> Result<Self, Failure> {
        let body = wire::write(message).map_err(|error| incomplete(&error.to_string()))?;
        Ok(self.body(body))
    }

    /// Whether all is there that the operation needs.
    pub(super) fn check(&self) -> Result<(), Failure> {
        let facts = self.operation.facts();
        let missing = match facts.service {
            ServiceHeader::Hip if self.hip_id.is_none() => Some("X-HIP-ID"),
            ServiceHeader::Hiu if self.hiu_id.is_none() => Some("X-HIU-ID"),
            _ if facts.link_token && self.link_token.is_none() => Some("X-LINK-TOKEN"),
            _ if facts.path_id && !self.path_id.as_deref().is_some_and(plain) => {
                Some("a plain id in its path")
            }
            _ => None,
        };
        missing.map_or(Ok(()), |what| Err(incomplete(what)))
    }
}

/// Whether an id can end a path as it is.
fn plain(id: &str) -> bool {
    !id.is_empty()
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
        && id != ".."
}

fn incomplete(what: &str) -> Failure {
    let text = format!("The call lacks {what} and was not sent. This is a fault of the program: report it.");
    Failure::without_answer(text, Retry::Never, Delivery::NotSent)
}

/// A call that ABDM took. If the operation has a callback, the result is still to come. `Debug` shows no body.
#[derive(Clone, PartialEq, Eq)]
pub struct Accepted {
    /// HTTP status, 2xx.
    pub status: u16,
    /// The body; mostly empty.
    pub body: Bytes,
    /// `correlation-id`: ABDM's support asks for it.
    pub correlation_id: Option<String>,
    /// `activityid`: ABDM's support asks for it.
    pub activity_id: Option<String>,
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call")
            .field("operation", &self.operation)
            .field("request_id", &self.request_id)
            .field("hip_id", &self.hip_id)
            .field("hiu_id", &self.hiu_id)
            .field("body_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Accepted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Accepted")
            .field("status", &self.status)
            .field("correlation_id", &self.correlation_id)
            .field("activity_id", &self.activity_id)
            .field("body_bytes", &self.body.len())
            .finish()
    }
}
