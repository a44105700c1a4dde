//! An HIU asks for records, and the HIP sends them: request, on-request, the pages pushed, notify.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::consent::DateRange;
use super::error::ErrorObject;
use super::{ResponseTo, lenient};
use crate::id::{CareContextRef, ConsentId, ServiceId, TransactionId};
use crate::text;
use crate::time::AbdmTime;

/// `POST /api/v3/hip/health-information/request`. Its body's own `requestId` and `timestamp` are empty and not read.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HealthInformationRequest {
    /// Joins request, pages and notify.
    #[serde(deserialize_with = "lenient::value")]
    pub transaction_id: TransactionId,
    /// What is asked.
    pub hi_request: HiRequest,
}

/// What is asked. Patient, HI types and care contexts are the artefact's.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HiRequest {
    /// Under which artefact.
    pub consent: ConsentRef,
    /// Who asks, if told: no page of ABDM's names it here.
    #[serde(default, deserialize_with = "lenient::object")]
    pub hiu: Option<super::consent::Party>,
    /// Records of which time.
    pub date_range: DateRange,
    /// Where to push. Chosen by the HIU: untrusted, see [`crate::push`].
    #[serde(deserialize_with = "lenient::value")]
    pub data_push_url: String,
    /// The HIU's key and nonce.
    pub key_material: KeyMaterial,
}

/// Leaves out the push address, which may hold a secret of the HIU's.
impl fmt::Debug for HiRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HiRequest")
            .field("consent", &self.consent)
            .field("date_range", &self.date_range)
            .finish_non_exhaustive()
    }
}

/// Names a consent artefact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConsentRef {
    /// Its id.
    #[serde(deserialize_with = "lenient::value")]
    pub id: ConsentId,
}

/// A public key and nonce for one transfer. Read loosely: whether it can be used is for the encryption to say, and
/// to be answered in on-request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KeyMaterial {
    /// `ECDH`.
    #[serde(default, deserialize_with = "lenient_text")]
    pub crypto_alg: String,
    /// `Curve25519`; compare without case.
    #[serde(default, deserialize_with = "lenient_text")]
    pub curve: String,
    /// The public key.
    pub dh_public_key: DhPublicKey,
    /// 32 bytes, base64.
    #[serde(deserialize_with = "lenient_text")]
    pub nonce: String,
}

/// A public key with its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DhPublicKey {
    /// From when on the key may not be used; none if what was sent is no time.
    #[serde(default, deserialize_with = "lenient::if_readable", skip_serializing_if = "Option::is_none")]
    pub expiry: Option<AbdmTime>,
    /// Free text; ignore.
    #[serde(default, deserialize_with = "lenient_text")]
    pub parameters: String,
    /// Raw point or X.509, base64.
    #[serde(deserialize_with = "lenient_text")]
    pub key_value: String,
}

fn lenient_text<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    lenient::option(deserializer).map(Option::unwrap_or_default)
}

impl KeyMaterial {
    /// The HIP's key material of a page: `ECDH`, `Curve25519`, and the documented parameters.
    #[must_use]
    pub fn new(key_value: String, nonce: String, expiry: AbdmTime) -> Self {
        Self {
            crypto_alg: "ECDH".to_owned(),
            curve: "Curve25519".to_owned(),
            dh_public_key: DhPublicKey {
                expiry: Some(expiry),
                parameters: "Curve25519/32byte random key".to_owned(),
                key_value,
            },
            nonce,
        }
    }

    /// Whether it names the one algorithm and curve of ABDM. Empty fields are taken for them.
    #[must_use]
    pub fn is_supported(&self) -> bool {
        let is = |text: &str, word: &str| text.is_empty() || text.eq_ignore_ascii_case(word);
        is(&self.crypto_alg, "ECDH") && is(&self.curve, "Curve25519")
    }
}

/// `POST /api/hiecm/data-flow/v3/health-information/hip/on-request`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OnRequest {
    #[serde(skip_serializing_if = "Option::is_none")]
    hi_request: Option<AcknowledgedRequest>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<ErrorObject>,
    response: ResponseTo,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct AcknowledgedRequest {
    transaction_id: TransactionId,
    session_status: &'static str,
}

impl OnRequest {
    /// Pages will follow.
    #[must_use]
    pub fn acknowledged(transaction_id: TransactionId, response: ResponseTo) -> Self {
        let hi_request = AcknowledgedRequest { transaction_id, session_status: "ACKNOWLEDGED" };
        Self { hi_request: Some(hi_request), error: None, response }
    }

    /// Nothing will follow, and no notify either.
    #[must_use]
    pub fn refused(error: ErrorObject, response: ResponseTo) -> Self {
        Self { hi_request: None, error: Some(error), response }
    }
}

/// One page of records, `POST {dataPushUrl}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DataPage {
    /// From 1.
    #[serde(deserialize_with = "lenient::value")]
    pub page_number: u32,
    /// How many there will be.
    #[serde(deserialize_with = "lenient::value")]
    pub page_count: u32,
    /// The request's.
    #[serde(deserialize_with = "lenient::value")]
    pub transaction_id: TransactionId,
    /// The records, encrypted.
    #[serde(deserialize_with = "lenient::list")]
    pub entries: Vec<DataEntry>,
    /// The HIP's key and nonce for this page.
    pub key_material: KeyMaterial,
}

/// One record of a page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DataEntry {
    /// Ciphertext and tag, base64.
    #[serde(deserialize_with = "lenient_text")]
    pub content: String,
    /// `application/fhir+json`.
    #[serde(default, deserialize_with = "lenient_text")]
    pub media: String,
    /// MD5 of the plain bundle, lower-case hex. Others send `""` or `string`.
    #[serde(default, deserialize_with = "lenient_text")]
    pub checksum: String,
    /// As in the artefact.
    #[serde(deserialize_with = "lenient::value")]
    pub care_context_reference: CareContextRef,
}

impl DataEntry {
    /// The media type of every record.
    pub const MEDIA: &'static str = "application/fhir+json";

    /// An encrypted FHIR document with the checksum of its plain text.
    #[must_use]
    pub fn new(content: String, checksum: String, care_context_reference: CareContextRef) -> Self {
        Self { content, media: Self::MEDIA.to_owned(), checksum, care_context_reference }
    }
}

/// `POST /api/hiecm/data-flow/v3/health-information/notify`: once, after all pages, within 20 minutes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TransferNotify {
    notification: TransferNotification,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct TransferNotification {
    consent_id: ConsentId,
    transaction_id: TransactionId,
    done_at: AbdmTime,
    notifier: Notifier,
    status_notification: StatusNotification,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Notifier {
    #[serde(rename = "type")]
    kind: &'static str,
    id: ServiceId,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct StatusNotification {
    session_status: &'static str,
    hip_id: ServiceId,
    status_responses: Vec<StatusResponse>,
}

/// What became of one care context.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StatusResponse {
    care_context_reference: CareContextRef,
    hi_status: &'static str,
    description: String,
}

impl StatusResponse {
    /// All of its records arrived, or why not. The description is cut to what ABDM takes.
    #[must_use]
    pub fn new(care_context_reference: CareContextRef, delivered: bool, description: &str) -> Self {
        let hi_status = if delivered { "DELIVERED" } else { "ERRORED" };
        Self { care_context_reference, hi_status, description: text::message(description) }
    }
}

/// What a transfer was for, for its notify.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransferIds {
    /// The artefact.
    pub consent_id: ConsentId,
    /// The request.
    pub transaction_id: TransactionId,
    /// The HIP.
    pub hip_id: ServiceId,
}

impl TransferNotify {
    /// The HIP's own report: `transferred` if anything was delivered, with one row per care context of the artefact.
    #[must_use]
    pub fn new(ids: TransferIds, done_at: AbdmTime, transferred: bool, rows: Vec<StatusResponse>) -> Self {
        let TransferIds { consent_id, transaction_id, hip_id } = ids;
        let status_notification = StatusNotification {
            session_status: if transferred { "TRANSFERRED" } else { "FAILED" },
            hip_id: hip_id.clone(),
            status_responses: rows,
        };
        let notifier = Notifier { kind: "HIP", id: hip_id };
        Self {
            notification: TransferNotification {
                consent_id,
                transaction_id,
                done_at,
                notifier,
                status_notification,
            },
        }
    }
}
