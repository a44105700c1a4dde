//! The id of one attempt at one call.

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

use super::{IdError, serde_by_text};

/// `REQUEST-ID` of a message of ours: a UUID, new for every attempt, retries included. Save it before sending:
/// the callback that names it can arrive before the call has returned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RequestId(Uuid);

impl RequestId {
    /// A new id (UUID version 4).
    #[must_use]
    pub fn random() -> Self {
        Self(Uuid::new_v4())
    }

    /// The id as a UUID.
    #[must_use]
    pub fn as_uuid(self) -> Uuid {
        self.0
    }
}

impl From<Uuid> for RequestId {
    fn from(id: Uuid) -> Self {
        Self(id)
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl FromStr for RequestId {
    type Err = IdError;

    /// Reads a UUID of any version, with or without dashes, in either case.
    fn from_str(text: &str) -> Result<Self, IdError> {
        Uuid::try_parse(text.trim()).map(Self).map_err(|_| IdError::RequestId)
    }
}

serde_by_text!(RequestId);
