//! What went wrong, for people: ABDM's own words, and plain ones.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Why something is not as it should be, as the API and the console show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// ABDM's code such as `ABDM-1038`, or a word of ours such as `overdue`.
    pub code: String,
    /// ABDM's words, or ours where ABDM said none.
    pub message: String,
    /// What happened and what to do, in a plain sentence.
    pub explanation: String,
    /// When it happened.
    pub at: Timestamp,
    /// Until when nothing will be tried, if there is such a time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}
