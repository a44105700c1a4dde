//! Why a callback was not taken for ABDM's.

use std::time::Duration;

/// Why a callback was not taken for ABDM's. Holds nothing of the token but the name of a claim, so it can be logged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// No `Authorization` header.
    #[error("no Authorization header")]
    Missing,
    /// Not `Bearer <token>`.
    #[error("the Authorization header is not a bearer token")]
    NotBearer,
    /// Not a JWT that can be read.
    #[error("the token cannot be read: {0}")]
    Malformed(&'static str),
    /// `none`, HMAC, or not the algorithm of the key that it names.
    #[error("the token's algorithm is not that of the key that it names")]
    Algorithm,
    /// The gateway's key set, fetched anew if it could be, has no such key.
    #[error("the token names a key that the gateway does not have")]
    UnknownKey,
    /// The gateway's keys could not be had.
    #[error("the gateway's keys could not be fetched")]
    NoKeys,
    /// Not signed with the key that it names.
    #[error("the token's signature is wrong")]
    Signature,
    /// A claim that has not the configured value: a token of another party, or another environment's.
    #[error("the token's claim {0} has not the configured value")]
    Claim(String),
    /// Made in the future.
    #[error("the token was made in the future: check this machine's clock")]
    Early,
    /// Expired for longer than allowed.
    #[error("the token expired {} s ago", .0.as_secs())]
    Late(Duration),
}

impl Refused {
    /// A stable word for logs and metrics.
    #[must_use]
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::NotBearer => "not_bearer",
            Self::Malformed(_) => "malformed",
            Self::Algorithm => "algorithm",
            Self::UnknownKey => "unknown_key",
            Self::NoKeys => "no_keys",
            Self::Signature => "signature",
            Self::Claim(_) => "claim",
            Self::Early => "early",
            Self::Late(_) => "late",
        }
    }
}
