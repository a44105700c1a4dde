//! `POST /api/hiecm/gateway/v3/sessions`: the bridge's own token.

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize, Serializer};

use super::lenient;

/// Asks for a session. Needs no `Authorization`.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionRequest {
    /// The bridge id.
    pub client_id: String,
    /// Its secret.
    #[serde(serialize_with = "exposed")]
    pub client_secret: SecretString,
    grant_type: &'static str,
}

impl SessionRequest {
    /// Asks with the bridge's own credentials. V3 documents no other grant, refresh included.
    #[must_use]
    pub fn new(client_id: String, client_secret: SecretString) -> Self {
        Self { client_id, client_secret, grant_type: "client_credentials" }
    }
}

fn exposed<S: Serializer>(secret: &SecretString, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(secret.expose_secret())
}

/// The session that was given.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionResponse {
    /// A JWT, to be sent as `Authorization: Bearer`.
    pub access_token: SecretString,
    /// Seconds that the token lives from now. 1200 is usual; 300, 600 and 1800 have been seen.
    #[serde(deserialize_with = "lenient::value")]
    pub expires_in: u32,
}
