//! Consent artefacts and what their HIPs said to the notifications.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::config::{Rules, Timing};
use crate::judge::patterns::written;

/// Status of an artefact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum ConsentStatus {
    /// The patient agreed.
    Granted,
    /// The patient refused: no artefact ever was.
    Denied,
    /// The patient took it back.
    Revoked,
    /// Its time is over.
    Expired,
}

impl ConsentStatus {
    /// As the wire has it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Granted => "GRANTED",
            Self::Denied => "DENIED",
            Self::Revoked => "REVOKED",
            Self::Expired => "EXPIRED",
        }
    }
}

/// A care context in an artefact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ContextRef {
    /// The HIP's patient reference.
    pub patient_reference: String,
    /// The HIP's care context reference.
    pub care_context_reference: String,
}

/// What an HIP said to a notification.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Acknowledgement {
    /// The status that was notified.
    pub status: String,
    /// When the acknowledgement came.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// `OK`, or the code of the error in its place.
    pub outcome: String,
    /// Whether it came within the 60 seconds.
    pub within_limit: bool,
}

/// An artefact: what one HIP may share.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Consent {
    /// Artefact id.
    pub consent_id: String,
    /// The consent request that it came from.
    pub request_id: String,
    /// The patient.
    pub abha_address: String,
    /// The HIP's service id.
    pub hip_id: String,
    /// Who may see the records.
    pub hiu_id: String,
    /// Name of who may see the records.
    pub hiu_name: String,
    /// Status now.
    pub status: ConsentStatus,
    /// What may be shared.
    pub care_contexts: Vec<ContextRef>,
    /// Types that may be shared.
    pub hi_types: Vec<String>,
    /// Purpose code.
    pub purpose: String,
    /// Records from.
    #[schema(value_type = String, format = DateTime)]
    pub from: Timestamp,
    /// Records to.
    #[schema(value_type = String, format = DateTime)]
    pub to: Timestamp,
    /// End of the consent.
    #[schema(value_type = String, format = DateTime)]
    pub data_erase_at: Timestamp,
    /// When it was granted.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// What the HIP said.
    pub acknowledgements: Vec<Acknowledgement>,
    /// `permission.frequency`, as given.
    #[schema(value_type = Object)]
    pub frequency: Value,
    /// When the HIP was last told of the grant.
    #[serde(skip)]
    pub(crate) told: Option<Timestamp>,
    /// Requests that wait for the acknowledgement.
    #[serde(skip)]
    pub(crate) waiting: Vec<String>,
}

/// Whether an HIP may be asked under an artefact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    Acknowledged,
    /// Not yet; it has until then.
    Waiting(Timestamp),
    /// The HIP was silent for too long.
    CutOff,
}

impl Consent {
    /// The `consentDetail` of a notification.
    pub(crate) fn detail(&self, cm_id: &str, hip_name: Option<&str>, rules: &Rules) -> Value {
        let mut detail = json!({
            "schemaVersion": "v3", "consentId": self.consent_id, "createdAt": written(self.created_at),
            "patient": {"id": self.abha_address}, "careContexts": self.care_contexts,
            "purpose": {"text": purpose_text(&self.purpose), "code": self.purpose,
                "refUri": "http://terminology.hl7.org/ValueSet/v3-PurposeOfUse"},
            "hip": {"id": self.hip_id, "name": hip_name},
            "consentManager": {"id": cm_id}, "hiTypes": self.hi_types,
            "permission": {"accessMode": "VIEW",
                "dateRange": {"from": written(self.from), "to": written(self.to)},
                "dataEraseAt": written(self.data_erase_at), "frequency": self.frequency},
        });
        if rules.name_hiu_to_hip
            && let Some(members) = detail.as_object_mut()
        {
            members.insert("hiu".into(), json!({"id": self.hiu_id, "name": self.hiu_name}));
            let identifier =
                json!({"type": "REGNO", "value": "MH1001", "system": "https://www.mciindia.org"});
            members.insert("requester".into(), json!({"name": self.hiu_name, "identifier": identifier}));
        }
        detail
    }

    /// Whether a data request may go to the HIP now.
    pub(crate) fn standing(&self, timing: &Timing, now: Timestamp) -> Standing {
        let acknowledged =
            |ack: &Acknowledgement| ack.status == "GRANTED" && ack.outcome == "OK" && ack.within_limit;
        if self.acknowledgements.iter().any(acknowledged) {
            return Standing::Acknowledged;
        }
        // Not told yet: the notification is still on its way.
        let told = self.told.unwrap_or(now);
        let until = told.saturating_add(timing.consent_acknowledgement).unwrap_or(Timestamp::MAX);
        if now < until { Standing::Waiting(until) } else { Standing::CutOff }
    }

    /// Whether the HIP has acknowledged a status, in time or late.
    pub(crate) fn is_acknowledged(&self, status: &str) -> bool {
        self.acknowledgements.iter().any(|ack| ack.status == status)
    }
}

/// The text that belongs to a purpose code.
pub(crate) fn purpose_text(code: &str) -> &'static str {
    match code {
        "CAREMGT" => "Care Management",
        "BTG" => "Break the Glass",
        "PUBHLTH" => "Public Health",
        "HPAYMT" => "Healthcare Payment",
        "DSRCH" => "Disease Specific Healthcare Research",
        _ => "Self Requested",
    }
}
