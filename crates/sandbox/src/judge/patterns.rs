//! The patterns of ABDM's published interface descriptions, V3.

use std::sync::LazyLock;

use jiff::Timestamp;
use regex::Regex;

/// HI types, in the exact case that ABDM takes.
pub(crate) const HI_TYPES: [&str; 8] = [
    "Prescription",
    "DiagnosticReport",
    "OPConsultation",
    "DischargeSummary",
    "ImmunizationRecord",
    "HealthDocumentRecord",
    "WellnessRecord",
    "Invoice",
];

/// Genders of the published enumeration.
pub(crate) const GENDERS: [&str; 6] = ["M", "F", "O", "D", "T", "U"];

/// A documented pattern and how it reads.
pub(crate) struct Pattern {
    /// `None`, which fits nothing, for a pattern that does not compile; a test keeps that from happening.
    regex: LazyLock<Option<Regex>>,
    says: &'static str,
}

impl Pattern {
    pub(crate) fn fits(&self, text: &str) -> bool {
        self.regex.as_ref().is_some_and(|regex| regex.is_match(text))
    }

    pub(crate) fn says(&self) -> &'static str {
        self.says
    }
}

macro_rules! patterns {
    ($($(#[$doc:meta])* $name:ident = $regex:literal, $says:literal;)*) => {
        $($(#[$doc])*
        pub(crate) static $name: Pattern = Pattern { regex: LazyLock::new(|| Regex::new($regex).ok()), says: $says };)*

        #[cfg(test)]
        #[test]
        fn every_pattern_compiles() {
            $(assert!(Regex::new($regex).is_ok(), "{}", $regex);)*
        }
    };
}

patterns! {
    /// ABHA address.
    ABHA_ADDRESS = r"^[a-zA-Z0-9][a-zA-Z0-9_.]+[a-zA-Z0-9]@(abdm|sbx)$", "is no ABHA address";
    /// ABHA address as the profile share takes it.
    ABHA_ADDRESS_WIDE = r"^[a-zA-Z0-9][a-zA-Z0-9_.\-!]+[a-zA-Z0-9]@(abdm|sbx)$", "is no ABHA address";
    /// ABHA number as an HIP sends it.
    ABHA_NUMBER = r"^[0-9]{14}$", "must be 14 digits without dashes";
    /// UUID in any version.
    UUID = r"^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$", "is no UUID";
    /// A person's name in a token request.
    NAME = r"^[a-zA-Z]+(([',. -][a-zA-Z ])?[a-zA-Z]*)*$", "holds characters that a name may not hold";
    /// Patient reference of a link call.
    PATIENT_REFERENCE = r#"^[A-Za-z0-9_\-@,. "':|()/]{1,255}$"#, "holds characters that a patient reference may not hold, or more than 255";
    /// Patient reference of on-discover and on-confirm.
    PATIENT_REFERENCE_REPLY = r"^[A-Za-z0-9_\-@,. ()/:\\]{1,255}$", "holds characters that a patient reference may not hold, or more than 255";
    /// Displays of patients and care contexts.
    DISPLAY = r#"^[A-Za-z0-9_\-@,. "':|()/]{1,255}$"#, "holds characters that a display may not hold, or more than 255";
    /// Care context reference.
    CARE_CONTEXT = r"^[A-Za-z0-9_\-@,. ()/:\\]{1,255}$", "holds characters that a care context reference may not hold, or more than 255";
    /// Care context reference as the transfer's notify takes it.
    CARE_CONTEXT_NOTIFY = r#"^[A-Za-z0-9_\-@,. ":/]{1,255}$"#, "holds characters that notify does not take, or more than 255";
    /// Texts of errors and descriptions.
    MESSAGE = r#"^[A-Za-z0-9_\-@,. ":]{1,255}$"#, "holds characters that a message may not hold, or more than 255";
    /// Description of one care context's outcome.
    DESCRIPTION = r#"^[A-Za-z0-9_\-@,. ":/]{1,255}$"#, "holds characters that a description may not hold, or more than 255";
    /// Error codes.
    CODE = r"^(ABDM-\d{4}|\d{3,6})(: )?$", "is no error code";
    /// Mobile numbers of the SMS call.
    MOBILE = r"^(91)?[1-9][0-9]{9}$", "must be ten digits, or twelve that begin with 91";
    /// `TIMESTAMP` and times in bodies: UTC with exactly milliseconds.
    TIMESTAMP = r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$", "must be UTC with exactly milliseconds and Z";
    /// Names of services at the registry.
    HIP_NAME = r"^[A-Za-z0-9 ]{1,15}$", "must be 1 to 15 letters, digits and spaces";
    /// Facility ids of the registry.
    FACILITY = r"^IN[A-Z0-9]{10}$", "is no facility id";
    /// Lower-case hex of an MD5.
    MD5 = r"^[0-9a-f]{32}$", "is no MD5 in lower-case hex";
}

/// A time in the only form that ABDM takes.
pub(crate) fn timestamp(text: &str) -> Option<Timestamp> {
    TIMESTAMP.fits(text).then(|| text.parse().ok()).flatten()
}

/// A time as ABDM writes it.
pub(crate) fn written(at: Timestamp) -> String {
    format!("{at:.3}")
}
