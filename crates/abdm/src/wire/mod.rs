//! The JSON of ABDM V3, one file per exchange, in the order of its steps.
//!
//! What we receive is read as leniently as ABDM is known to write it: null or absent, numbers as strings and the
//! other way round, fields nobody has described. What we send has exactly the documented fields, in the documented
//! order. A reply (`on-...`) is built by a constructor, so that it holds either its result or an error.

pub mod bridge;
pub mod cert;
mod check;
pub mod confirm;
pub mod consent;
pub mod context;
pub mod discover;
pub mod error;
pub mod health_information;
pub mod init;
mod lenient;
pub mod link;
pub mod patient_status;
mod read;
pub mod session;
pub mod share;
pub mod sms;
pub mod token;
pub mod v05;

use serde::{Deserialize, Serialize};

use crate::id::MessageId;

pub use check::check;
pub use read::{BodyError, read, write};

/// Names the message that this one answers. `requestId` is that message's `REQUEST-ID` header.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ResponseTo {
    /// `REQUEST-ID` of the message answered.
    pub request_id: MessageId,
}

impl ResponseTo {
    /// Answers the message with this `REQUEST-ID`.
    pub fn new(request_id: impl Into<MessageId>) -> Self {
        Self { request_id: request_id.into() }
    }
}

/// Names a facility's service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceRef {
    /// The HIP or HIU id.
    pub id: crate::id::ServiceId,
    /// What it is called; often absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

#[cfg(test)]
mod tests;
