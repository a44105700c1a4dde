//! The eight record types of ABDM.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// ABDM's health information types, spelled as its M2 and M3 calls spell them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub enum HiType {
    /// What was prescribed.
    Prescription,
    /// A laboratory or imaging report.
    DiagnosticReport,
    /// The note of an outpatient consultation.
    OPConsultation,
    /// The summary of an inpatient stay.
    DischargeSummary,
    /// Vaccinations given and due.
    ImmunizationRecord,
    /// Scanned or otherwise unstructured documents.
    HealthDocumentRecord,
    /// Vital signs, measurements and habits.
    WellnessRecord,
    /// A bill.
    Invoice,
}

impl HiType {
    /// All eight, in ABDM's order.
    pub const ALL: [Self; 8] = [
        Self::Prescription,
        Self::DiagnosticReport,
        Self::OPConsultation,
        Self::DischargeSummary,
        Self::ImmunizationRecord,
        Self::HealthDocumentRecord,
        Self::WellnessRecord,
        Self::Invoice,
    ];

    /// ABDM's spelling, as in `hiType` of its calls.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Prescription => "Prescription",
            Self::DiagnosticReport => "DiagnosticReport",
            Self::OPConsultation => "OPConsultation",
            Self::DischargeSummary => "DischargeSummary",
            Self::ImmunizationRecord => "ImmunizationRecord",
            Self::HealthDocumentRecord => "HealthDocumentRecord",
            Self::WellnessRecord => "WellnessRecord",
            Self::Invoice => "Invoice",
        }
    }

    /// The last segment of the stateless route, as NHA's mapper names it.
    pub const fn slug(self) -> &'static str {
        match self {
            Self::Prescription => "prescription",
            Self::DiagnosticReport => "diagnostic-report",
            Self::OPConsultation => "op-consultation",
            Self::DischargeSummary => "discharge-summary",
            Self::ImmunizationRecord => "immunization",
            Self::HealthDocumentRecord => "health-document",
            Self::WellnessRecord => "wellness-record",
            Self::Invoice => "invoice",
        }
    }

    /// The type of a slug.
    pub fn from_slug(slug: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|t| t.slug() == slug)
    }

    /// The Composition profile of this type: the last segment of its URL.
    pub const fn profile(self) -> &'static str {
        match self {
            Self::Prescription => "PrescriptionRecord",
            Self::DiagnosticReport => "DiagnosticReportRecord",
            Self::OPConsultation => "OPConsultRecord",
            Self::DischargeSummary => "DischargeSummaryRecord",
            Self::ImmunizationRecord => "ImmunizationRecord",
            Self::HealthDocumentRecord => "HealthDocumentRecord",
            Self::WellnessRecord => "WellnessRecord",
            Self::Invoice => "InvoiceRecord",
        }
    }

    /// The type whose Composition profile has this name or URL.
    pub fn from_profile(profile: &str) -> Option<Self> {
        let name = profile.rsplit('/').next().unwrap_or(profile);
        Self::ALL.into_iter().find(|t| t.profile() == name)
    }

    /// What a reader calls such a record, as its title.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Prescription => "Prescription",
            Self::DiagnosticReport => "Diagnostic Report",
            Self::OPConsultation => "OP Consultation",
            Self::DischargeSummary => "Discharge Summary",
            Self::ImmunizationRecord => "Immunization Record",
            Self::HealthDocumentRecord => "Health Document",
            Self::WellnessRecord => "Wellness Record",
            Self::Invoice => "Invoice",
        }
    }
}

impl fmt::Display for HiType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text is none of the eight types.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "not a HI type; use one of Prescription, DiagnosticReport, OPConsultation, DischargeSummary, \
     ImmunizationRecord, HealthDocumentRecord, WellnessRecord, Invoice"
)]
pub struct UnknownHiType;

impl FromStr for HiType {
    type Err = UnknownHiType;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|t| t.as_str() == text).ok_or(UnknownHiType)
    }
}
