//! Health information requests of the HIU, and what came of them.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::hiu::HiuKeys;

/// Where a transfer stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum TransferState {
    /// The HIP has not acknowledged the consent; the request is held back.
    WaitingForAcknowledgement,
    /// The request was sent.
    Requested,
    /// The HIP took it.
    Acknowledged,
    /// The first page is here.
    Receiving,
    /// Closed by the HIP as delivered.
    Transferred,
    /// Closed by the HIP as failed.
    Failed,
    /// The HIP refused the request.
    Refused,
    /// The HIP did not acknowledge the consent in time; the request was never sent (ABDM-8877).
    ConsentNotAcknowledged,
    /// Not closed within the limit.
    Overdue,
}

impl TransferState {
    /// Nothing more is to come.
    #[must_use]
    pub fn is_closed(self) -> bool {
        matches!(
            self,
            Self::Transferred | Self::Failed | Self::Refused | Self::ConsentNotAcknowledged | Self::Overdue
        )
    }
}

/// A page that arrived.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Page {
    /// As sent.
    pub page_number: i64,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// Entries on it.
    pub entries: usize,
    /// Further deliveries of this page, dropped.
    pub repeated: u32,
    /// What is wrong with it.
    pub problems: Vec<String>,
}

/// One record that arrived.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReceivedEntry {
    /// As sent.
    pub care_context_reference: String,
    /// The page it was on.
    pub page_number: i64,
    /// Key agreed, tag verified, text is UTF-8.
    pub decrypted: bool,
    /// `checksum` is the MD5 of the text.
    pub checksum_ok: bool,
    /// HI type by the profile of its Composition.
    pub hi_type: Option<String>,
    /// It is a FHIR document bundle of a granted type.
    pub valid: bool,
    /// What is wrong with it.
    pub issues: Vec<String>,
    /// Length of the text.
    pub bytes: usize,
    /// SHA-256 of the text, hex.
    pub sha256: String,
    /// The text, unless it was left out.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "as_text")]
    #[schema(value_type = Option<String>)]
    pub bundle: Option<Arc<str>>,
}

#[expect(clippy::ref_option, reason = "serde hands over a reference to the field")]
fn as_text<S: serde::Serializer>(text: &Option<Arc<str>>, out: S) -> Result<S::Ok, S::Error> {
    text.as_deref().serialize(out)
}

/// A request for records and what came of it.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Transfer {
    /// The gateway's id.
    pub transaction_id: String,
    /// The artefact.
    pub consent_id: String,
    /// The HIP's service id.
    pub hip_id: String,
    /// Where it stands.
    pub state: TransferState,
    /// Why not: `{code, message}`.
    #[schema(value_type = Option<Object>)]
    pub error: Option<Value>,
    /// When the request was sent.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub requested_at: Option<Timestamp>,
    /// When the HIP took the request.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub delivered_at: Option<Timestamp>,
    /// When it was closed.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub closed_at: Option<Timestamp>,
    /// Pages announced.
    pub page_count: Option<i64>,
    /// Pages that arrived.
    pub pages: Vec<Page>,
    /// Records that arrived.
    pub entries: Vec<ReceivedEntry>,
    /// `statusNotification` of the HIP's notify.
    #[schema(value_type = Option<Object>)]
    pub notified: Option<Value>,
    /// What is wrong with the whole.
    pub problems: Vec<String>,
    /// Care contexts of the artefact.
    #[serde(skip)]
    pub(crate) care_contexts: BTreeSet<String>,
    /// Types of the artefact.
    #[serde(skip)]
    pub(crate) hi_types: BTreeSet<String>,
    /// The HIU's key pair and nonce.
    #[serde(skip)]
    pub(crate) keys: Option<Arc<HiuKeys>>,
    /// The request as it goes to the HIP.
    #[serde(skip)]
    pub(crate) request: Value,
    /// The HIP has replied with on-request.
    #[serde(skip)]
    pub(crate) answered: bool,
}

impl Transfer {
    /// Care contexts that a record arrived for, whole and readable.
    pub(crate) fn received(&self) -> BTreeSet<&str> {
        self.entries
            .iter()
            .filter(|entry| entry.decrypted)
            .map(|entry| entry.care_context_reference.as_str())
            .collect()
    }

    /// All announced pages are here.
    pub(crate) fn is_complete(&self) -> bool {
        self.page_count.is_some_and(|count| usize::try_from(count) == Ok(self.pages.len()))
    }
}
