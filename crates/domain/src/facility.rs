//! A facility: the hospital, clinic or lab on whose behalf the bridge speaks.

use abdm::id::{FacilityId, ServiceId};
use serde::{Deserialize, Serialize};

use crate::words;

/// What a facility does at ABDM.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// Shares records.
    Hip,
    /// Asks for records.
    Hiu,
}

words!(Role, "role": Hip = "HIP", Hiu = "HIU");

/// A counter whose QR code patients scan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counter {
    /// What the QR code carries: 1 to 20 letters and digits.
    pub id: String,
    /// What people call it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// A facility and how ABDM knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facility {
    /// Its id in the registry.
    pub id: FacilityId,
    /// Its name as registered.
    pub name: String,
    /// What it does.
    pub roles: Vec<Role>,
    /// Its HIP service id: what callbacks carry in `X-HIP-ID`. Read back from the gateway, never derived.
    pub hip_id: ServiceId,
    /// Its HIU service id.
    pub hiu_id: ServiceId,
    /// Its counters, if it has any.
    pub counters: Vec<Counter>,
}

impl Facility {
    /// Whether the facility has this role.
    #[must_use]
    pub fn is(&self, role: Role) -> bool {
        self.roles.contains(&role)
    }
}
