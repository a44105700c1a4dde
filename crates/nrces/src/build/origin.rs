//! Where in the input a problem of the built document came from.

use super::doc::Entry0;
use crate::issue::Issue;

/// Validates a built document; locations become pointers into the input.
pub(super) fn validate(_json: &str, _origins: &[Entry0]) -> Vec<Issue> {
    Vec::new()
}
