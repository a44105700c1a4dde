//! Codes and what they are called: the codes that the profiles name, code systems read from their releases, and a
//! facility's own codes with the standard ones that they stand for.
//!
//! A builder asks a [`Terminology`] about every code that it meets: which standard code a facility's own one stands for,
//! and what a code system calls a code that came without words. [`CodeMap`] is one that holds what was looked up before.
//!
//! The readers take files as they are published: [`snomed`] a SNOMED CT release (RF2), [`loinc`] LOINC's table, and
//! [`facility_codes`] a list that a facility wrote. They stream, hold no line longer than [`MAX_LINE`], and go on after
//! a bad line, which is told with its file and number.

mod abbreviations;
mod check;
mod code_map;
mod csv;
mod facility_codes;
mod lines;
mod loinc;
mod rf2;
mod snomed;
mod source;
pub mod synthetic;
#[cfg(test)]
mod tests;

pub use abbreviations::abbreviations;
pub use check::{WrongCode, check_code, is_loinc, is_sctid};
pub use code_map::CodeMap;
pub use facility_codes::{FacilityCode, facility_codes, facility_codes_from};
pub use lines::MAX_LINE;
pub use loinc::{LoincTable, loinc};
pub use rf2::Rf2Release;
pub use snomed::snomed;
pub use source::{BadLine, Entry, LoadError, Watch};

use crate::rules::Rules;
use crate::systems;

/// SNOMED CT's URI.
pub const SNOMED: &str = systems::SNOMED;
/// LOINC's URI.
pub const LOINC: &str = systems::LOINC;

/// A code of a code system that others know too.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StandardCode {
    /// The code system's URI.
    pub system: String,
    /// The code.
    pub code: String,
    /// What the code system calls it.
    pub display: String,
}

/// What is known of codes while a record is built.
pub trait Terminology: Send + Sync {
    /// What a code system calls a code.
    fn display(&self, system: &str, code: &str) -> Option<&str>;

    /// The standard code that a facility's own one stands for. `system` is the one that was named beside the code, if
    /// any was.
    fn map(&self, system: Option<&str>, code: &str) -> Option<&StandardCode>;

    /// What a document that is built with this differs by: part of what its ids are derived from. Empty if it knows
    /// nothing beyond the codes that the profiles name.
    fn version(&self) -> String {
        String::new()
    }
}

/// The URI of a code system that was named shortly, as `snomed`, `loinc` or `icd-10`; any other name as it is.
pub fn system_uri(name: &str) -> &str {
    systems::resolve(name)
}

/// Every code that the profiles name, as `(system, code, display)`, without those that have no display.
pub fn builtin() -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
    Rules::builtin().codes().filter(|(_, _, display)| !display.is_empty())
}
