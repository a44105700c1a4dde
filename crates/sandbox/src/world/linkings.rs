//! Linking that the patient began: discovery, choice, OTP.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::judge::patient::Entry;

/// Which of ABDM's interfaces is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub enum ApiVersion {
    /// The present one.
    #[default]
    #[serde(rename = "v3")]
    V3,
    /// The older one, being withdrawn.
    #[serde(rename = "v0.5")]
    V05,
}

/// Where a linking stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum LinkingState {
    /// The HIP was asked who this is.
    Discovering,
    /// The HIP offered care contexts.
    Discovered,
    /// The HIP found nobody, or said an error.
    NothingFound,
    /// The patient's choice was sent.
    Initiating,
    /// The HIP says that it sent an OTP.
    OtpSent,
    /// The HIP refused the choice.
    InitFailed,
    /// The OTP was sent to the HIP.
    Confirming,
    /// Linked.
    Linked,
    /// The HIP refused the OTP.
    ConfirmFailed,
}

impl LinkingState {
    /// A state in which something went wrong.
    #[must_use]
    pub fn is_failure(self) -> bool {
        matches!(self, Self::NothingFound | Self::InitFailed | Self::ConfirmFailed)
    }
}

/// One linking by a patient.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Linking {
    /// The discovery's transaction.
    pub transaction_id: String,
    /// The patient.
    pub abha_address: String,
    /// The HIP's service id.
    pub hip_id: String,
    /// The interface in which the HIP is asked, and has to answer.
    pub version: ApiVersion,
    /// Where it stands.
    pub state: LinkingState,
    /// What the HIP offered, as sent.
    #[schema(value_type = Option<Object>)]
    pub patient: Option<Value>,
    /// What the HIP matched by.
    #[schema(value_type = Option<Object>)]
    pub matched_by: Option<Value>,
    /// `link` of on-init, as sent.
    #[schema(value_type = Option<Object>)]
    pub link: Option<Value>,
    /// The last error that the HIP said.
    #[schema(value_type = Option<Object>)]
    pub error: Option<Value>,
    /// When the discovery was sent.
    #[schema(value_type = String, format = DateTime)]
    pub started_at: Timestamp,
    /// What was offered.
    #[serde(skip)]
    pub(crate) offered: Vec<Entry>,
    /// What the patient chose: care context and HI type.
    #[serde(skip)]
    pub(crate) chosen: Vec<(String, String)>,
}

impl Linking {
    /// The care contexts that the HIP offered, each once.
    #[must_use]
    pub fn care_contexts(&self) -> BTreeSet<&str> {
        let all = self.offered.iter().flat_map(|entry| &entry.care_contexts);
        all.map(|(reference, _)| reference.as_str()).collect()
    }

    /// The reference that confirm is keyed by.
    pub(crate) fn link_reference(&self) -> Option<&str> {
        self.link.as_ref()?.get("referenceNumber")?.as_str()
    }
}
