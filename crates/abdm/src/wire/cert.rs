//! `GET /api/hiecm/gateway/v3/certs`: the keys that callback tokens and link tokens are signed with.

use serde::{Deserialize, Serialize};

use super::lenient;

/// The gateway's public keys. The sandbox has two, one `RS256` and one `RS512`: choose by `kid`, never by place.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct KeySet {
    /// The keys.
    #[serde(deserialize_with = "lenient::list")]
    pub keys: Vec<Key>,
}

/// One public key (RFC 7517). Chains and thumbprints, which ABDM sends too, are not read.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Key {
    /// What a token's header names.
    #[serde(deserialize_with = "lenient::if_readable")]
    pub kid: Option<String>,
    /// `RSA`.
    #[serde(deserialize_with = "lenient::if_readable")]
    pub kty: Option<String>,
    /// `sig`.
    #[serde(rename = "use", deserialize_with = "lenient::if_readable")]
    pub usage: Option<String>,
    /// The one algorithm that this key may be used with.
    #[serde(deserialize_with = "lenient::if_readable")]
    pub alg: Option<String>,
    /// Modulus, base64url.
    #[serde(deserialize_with = "lenient::if_readable")]
    pub n: Option<String>,
    /// Exponent, base64url.
    #[serde(deserialize_with = "lenient::if_readable")]
    pub e: Option<String>,
}
