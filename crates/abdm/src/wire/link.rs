//! Linking care contexts to a patient's ABHA address with a link token.

use serde::{Deserialize, Serialize};

use super::error::ReceivedError;
use super::{ResponseTo, lenient};
use crate::id::{AbhaAddress, AbhaNumber, CareContextRef, HiType, Personal};

/// The most care contexts that go into one patient entry: ABDM has an error text that limits `count` to 1 to 20.
pub const MAX_CARE_CONTEXTS: usize = 20;

/// A patient with care contexts of one HI type: in link, on-discover and on-confirm. A care context of several HI
/// types stands in one entry of each, all with the same patient reference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PatientEntry {
    reference_number: Personal,
    display: Personal,
    care_contexts: Vec<CareContextEntry>,
    hi_type: HiType,
    count: usize,
}

impl PatientEntry {
    /// `display` is cut to what ABDM takes; `count` follows from the care contexts.
    #[must_use]
    pub fn new(
        reference: Personal,
        display: &str,
        hi_type: HiType,
        care_contexts: Vec<CareContextEntry>,
    ) -> Self {
        let count = care_contexts.len();
        let display = crate::text::display(display).into();
        Self { reference_number: reference, display, care_contexts, hi_type, count }
    }

    /// The care contexts of the entry.
    #[must_use]
    pub fn care_contexts(&self) -> &[CareContextEntry] {
        &self.care_contexts
    }

    /// The HI type of the entry.
    #[must_use]
    pub fn hi_type(&self) -> HiType {
        self.hi_type
    }
}

/// A care context as the patient will see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CareContextEntry {
    /// Unique per patient, and for good.
    pub reference_number: CareContextRef,
    display: Personal,
}

impl CareContextEntry {
    /// `display` is cut to what ABDM takes. It must hold no clinical detail.
    #[must_use]
    pub fn new(reference_number: CareContextRef, display: &str) -> Self {
        Self { reference_number, display: crate::text::display(display).into() }
    }
}

/// `POST /api/hiecm/hip/v3/link/carecontext`, under the link token in `X-LINK-TOKEN`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LinkCareContexts {
    /// As digits, when the token was made with one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub abha_number: Option<AbhaNumber>,
    /// As in the token.
    pub abha_address: AbhaAddress,
    /// One entry per HI type.
    pub patient: Vec<PatientEntry>,
}

/// `POST /api/v3/link/on_carecontext`: whether it was linked.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OnCareContext {
    /// Whose care contexts.
    #[serde(default, deserialize_with = "lenient::if_readable")]
    pub abha_address: Option<AbhaAddress>,
    /// Prose, never `SUCCESS`. Ask [`OnCareContext::linked`].
    #[serde(default, deserialize_with = "lenient::if_readable")]
    pub status: Option<String>,
    /// Why not.
    #[serde(default, deserialize_with = "lenient::object")]
    pub error: Option<ReceivedError>,
    /// The call answered.
    pub response: ResponseTo,
}

impl OnCareContext {
    /// Whether ABDM says that the care contexts are linked: no error, and a status that is none of its failure
    /// texts ("Failed to link care context", "invalid   [invalid request]").
    #[must_use]
    pub fn linked(&self) -> bool {
        let status = self.status.as_deref().unwrap_or_default().trim_start().to_ascii_lowercase();
        self.error.is_none() && !status.starts_with("failed") && !status.starts_with("invalid")
    }
}
