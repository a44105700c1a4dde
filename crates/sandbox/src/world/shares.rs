//! Profiles shared at a counter.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// Where a share stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum ShareState {
    /// Sent to the HIP.
    Sent,
    /// The HIP gave a token.
    Answered,
    /// The HIP refused.
    Failed,
    /// The patient's app gave up waiting.
    Overdue,
}

/// One scan of a facility's code.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Share {
    /// Id of this share: `REQUEST-ID` of its first callback.
    pub request_id: String,
    /// The patient.
    pub abha_address: String,
    /// The HIP's service id.
    pub hip_id: String,
    /// The counter.
    pub counter: String,
    /// Where it stands.
    pub state: ShareState,
    /// Queue token.
    pub token_number: Option<String>,
    /// Seconds that the token lives, as sent.
    #[schema(value_type = Option<Object>)]
    pub expiry: Option<Value>,
    /// What the HIP said instead.
    #[schema(value_type = Option<Object>)]
    pub error: Option<Value>,
    /// When it was sent.
    #[schema(value_type = String, format = DateTime)]
    pub sent_at: Timestamp,
    /// When the answer came.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub answered_at: Option<Timestamp>,
}
