//! Asking for a link token, and getting it.

use serde::{Deserialize, Serialize};

use super::error::ReceivedError;
use super::{ResponseTo, lenient};
use crate::id::{AbhaAddress, AbhaNumber, Gender, LinkToken, Personal};

/// `POST /api/hiecm/v3/token/generate-token`. The demographics must match the ABHA's profile.
///
/// Not deduplicated, and refused for seven minutes after an accepted one; more than three a day for one address at
/// one facility block that address for 24 hours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GenerateToken {
    /// As a JSON number. Leave it out if it may not belong to the address: the token would be bound to it.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "as_number")]
    pub abha_number: Option<AbhaNumber>,
    /// Whose care contexts are to be linked.
    pub abha_address: AbhaAddress,
    /// As [`crate::text::person_name`] makes it.
    pub name: Personal,
    /// Gender as in the ABHA profile.
    pub gender: Gender,
    /// 1900 to 2200.
    pub year_of_birth: u16,
}

#[expect(clippy::ref_option, reason = "the signature that serde calls")]
fn as_number<S: serde::Serializer>(number: &Option<AbhaNumber>, serializer: S) -> Result<S::Ok, S::Error> {
    match number {
        Some(number) => serializer.serialize_u64(number.as_u64()),
        None => serializer.serialize_none(),
    }
}

/// `POST /api/v3/hip/token/on-generate-token`: the token, or why there is none.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OnGenerateToken {
    /// Whose token it is.
    #[serde(default, deserialize_with = "lenient::if_readable")]
    pub abha_address: Option<AbhaAddress>,
    /// Good for six months and many links, bound to HIP id and ABHA address.
    #[serde(default, deserialize_with = "lenient::option")]
    pub link_token: Option<LinkToken>,
    /// Why there is none.
    #[serde(default, deserialize_with = "lenient::object")]
    pub error: Option<ReceivedError>,
    /// The call answered.
    pub response: ResponseTo,
}

/// What a link token says of itself. Read without checking its signature: it is ABDM's to check.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct LinkTokenClaims {
    /// The HIP it was given to.
    #[serde(deserialize_with = "lenient::if_readable")]
    pub hip_id: Option<String>,
    /// The ABHA number it is bound to, if one was sent.
    #[serde(deserialize_with = "lenient::if_readable")]
    pub abha_number: Option<AbhaNumber>,
    /// The address it is bound to.
    #[serde(deserialize_with = "lenient::if_readable")]
    pub abha_address: Option<AbhaAddress>,
    /// Seconds since 1970 at which it ends.
    #[serde(deserialize_with = "lenient::if_readable")]
    pub exp: Option<i64>,
}

impl LinkTokenClaims {
    /// Reads the claims of a token; none of them if it cannot be read.
    #[must_use]
    pub fn of(token: &LinkToken) -> Self {
        jsonwebtoken::dangerous::insecure_decode_claims(token.as_str()).unwrap_or_default()
    }
}
