//! Validation of document bundles against the NRCeS profiles.
//!
//! [`validate`] never panics, recurses within a fixed depth, and works in
//! proportion to the bundle's size. It reports each problem with a stable rule
//! and a FHIRPath location over the JSON's own names, and holds nothing of the
//! record's content in what it says.

mod attachment;
mod bundle;
mod codes;
mod document;
mod found;
pub(crate) mod invariant;
mod json;
mod path;
mod primitive;
mod record;
mod references;
mod run;
mod showing;
mod slices;
mod value;
mod walk;
pub(crate) mod xhtml;

use serde_json::Value;

use crate::issue::{Issue, Severity};
use crate::rules::Rules;
use json::Json;
pub use record::record_type;

/// Whose document it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// Ours, to be sent: every fault is an error.
    #[default]
    Send,
    /// Another's, to be read: faults are warnings, unless there is no document
    /// to read at all.
    Receive,
}

/// How to validate.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// Whose document it is.
    pub mode: Mode,
    /// Also warn about what is valid but will not show or cannot be relied on:
    /// a section that the profile does not know, missing narrative, references
    /// without a target.
    pub strict: bool,
    /// Also take a collection that claims one of the guide's Bundle profiles, as
    /// health claims do (NHCX), and hold it to that instead of to a document's
    /// rules. Such a bundle is no record: [`record_type`] tells none.
    pub collections: bool,
}

/// Holds a document bundle to the NRCeS profiles that are built in.
pub fn validate(bundle: &Value, mode: Mode) -> Vec<Issue> {
    validate_with(Rules::builtin(), bundle, Options { mode, ..Options::default() })
}

/// Holds a document bundle to other rules, or more strictly.
pub fn validate_with(rules: &Rules, bundle: &Value, options: Options) -> Vec<Issue> {
    look_at(rules, bundle.into(), options)
}

/// Holds a document that was built here to the profiles that are built in. It need not be text, nor a copy, for that.
pub(crate) fn validate_built(bundle: &crate::fhir::Map<'_>) -> Vec<Issue> {
    look_at(Rules::builtin(), Json::from(bundle), Options::default())
}

fn look_at(rules: &Rules, bundle: Json<'_>, options: Options) -> Vec<Issue> {
    let mut issues = run::run(rules, bundle, options);
    if options.mode == Mode::Receive {
        issues.iter_mut().filter(|i| !unreadable(&i.rule)).for_each(|i| i.severity = Severity::Warning);
    }
    issues
}

/// Rules without which there is nothing to read.
fn unreadable(rule: &str) -> bool {
    matches!(rule, "not-a-bundle" | "no-composition" | "too-deep")
}
