//! What HIPs were told of an ABHA, and whether they said that they know.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What became of an ABHA.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum AbhaStatus {
    /// Laid aside.
    Deactivated,
    /// Taken up again.
    Reactivated,
    /// Gone.
    Deleted,
    /// The patient wants no part in the exchange any more. A word of no page of ABDM's.
    OptOut,
}

impl AbhaStatus {
    /// As the wire has it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Deactivated => "DEACTIVATED",
            Self::Reactivated => "REACTIVATED",
            Self::Deleted => "DELETED",
            Self::OptOut => "OPT_OUT",
        }
    }

    pub(crate) fn ends(self) -> bool {
        self != Self::Reactivated
    }
}

/// One HIP told of one change of an ABHA.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AbhaNotice {
    /// Its id here.
    pub id: String,
    /// Whose ABHA.
    pub abha_address: String,
    /// The HIP that was told.
    pub hip_id: String,
    /// What became of it.
    pub status: AbhaStatus,
    /// When it was told.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// What the HIP said: `OK`, or the code of an error; absent until then.
    pub outcome: Option<String>,
}
