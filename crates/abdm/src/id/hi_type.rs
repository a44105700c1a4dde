//! The kinds of record that ABDM knows, and the purposes of a consent.

use std::fmt;
use std::str::FromStr;

use super::{IdError, serde_by_text};

/// A kind of health record, in ABDM's exact spelling (`PRESCRIPTION` is refused by ABDM, and so here).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum HiType {
    /// A prescription.
    Prescription,
    /// A laboratory or imaging report.
    DiagnosticReport,
    /// The note of an out-patient consultation.
    OPConsultation,
    /// A discharge summary.
    DischargeSummary,
    /// Immunisations given or recommended.
    ImmunizationRecord,
    /// A scanned or otherwise unstructured document.
    HealthDocumentRecord,
    /// Vital signs, activity, lifestyle.
    WellnessRecord,
    /// An invoice.
    Invoice,
}

impl HiType {
    /// All eight, in the order of ABDM's list.
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

    /// ABDM's spelling.
    #[must_use]
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
}

impl fmt::Display for HiType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for HiType {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        Self::ALL.into_iter().find(|hi_type| hi_type.as_str() == text).ok_or(IdError::HiType)
    }
}

serde_by_text!(HiType);

/// What a consent was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum PurposeCode {
    /// `CAREMGT`: treatment and care.
    CareManagement,
    /// `BTG`: emergency access.
    BreakTheGlass,
    /// `PUBHLTH`: public health.
    PublicHealth,
    /// `HPAYMT`: insurance and payment.
    HealthcarePayment,
    /// `DSRCH`: research.
    Research,
    /// `PATRQT`: the patient asked for their own records; comes without any hospital action after a link.
    SelfRequested,
    /// A code that ABDM has not published.
    Other(Box<str>),
}

impl PurposeCode {
    /// The published codes.
    pub const KNOWN: [Self; 6] = [
        Self::CareManagement,
        Self::BreakTheGlass,
        Self::PublicHealth,
        Self::HealthcarePayment,
        Self::Research,
        Self::SelfRequested,
    ];

    /// ABDM's code.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::CareManagement => "CAREMGT",
            Self::BreakTheGlass => "BTG",
            Self::PublicHealth => "PUBHLTH",
            Self::HealthcarePayment => "HPAYMT",
            Self::Research => "DSRCH",
            Self::SelfRequested => "PATRQT",
            Self::Other(code) => code,
        }
    }

    /// ABDM's words for the code, to be sent exactly so; the code itself for an unpublished one.
    #[must_use]
    pub fn text(&self) -> &str {
        match self {
            Self::CareManagement => "Care Management",
            Self::BreakTheGlass => "Break the Glass",
            Self::PublicHealth => "Public Health",
            Self::HealthcarePayment => "Healthcare Payment",
            Self::Research => "Disease Specific Healthcare Research",
            Self::SelfRequested => "Self Requested",
            Self::Other(code) => code,
        }
    }
}

impl fmt::Display for PurposeCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for PurposeCode {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let known = Self::KNOWN.into_iter().find(|code| code.as_str().eq_ignore_ascii_case(text.trim()));
        Ok(known.unwrap_or_else(|| Self::Other(text.trim().into())))
    }
}

serde_by_text!(PurposeCode);
