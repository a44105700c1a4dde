//! One problem of an input or of a bundle, told so that a person can mend it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Whether a problem hinders the record from being sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The record is not valid; it must be mended before it is linked or sent.
    Error,
    /// Worth knowing; hinders nothing.
    Warning,
}

impl Severity {
    /// The word as it stands in JSON and on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One problem. No field ever holds a value of the record, only where it is
/// and what to do about it, so that an issue may be logged and stored.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Issue {
    /// Whether it hinders the record.
    pub severity: Severity,
    /// Where: a JSON pointer (RFC 6901) into the input if the record was built
    /// here, a FHIRPath location (`Bundle.entry[2].resource.code`) otherwise.
    pub path: String,
    /// Which rule was broken: short, stable, for machines.
    pub rule: String,
    /// What is wrong and how to mend it, in plain words.
    pub message: String,
}

impl Issue {
    /// A problem that hinders the record.
    pub fn error(path: impl Into<String>, rule: impl Into<String>, message: impl Into<String>) -> Self {
        Self { severity: Severity::Error, path: path.into(), rule: rule.into(), message: message.into() }
    }

    /// A problem worth knowing that hinders nothing.
    pub fn warning(path: impl Into<String>, rule: impl Into<String>, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(path, rule, message) }
    }

    /// Whether this problem hinders the record.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

impl fmt::Display for Issue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}: {}", self.severity, self.path, self.rule, self.message)
    }
}
