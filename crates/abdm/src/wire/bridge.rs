//! The bridge: the address that callbacks go to, and the services behind it.

use serde::{Deserialize, Serialize};

use super::lenient;
use crate::id::FacilityId;

/// `PATCH /api/hiecm/gateway/v3/bridge/url`. One address per client id, and the last writer wins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BridgeUrl {
    /// Public HTTPS name, no IP address or port; a path prefix is fine.
    pub url: String,
}

/// `GET /api/hiecm/gateway/v3/bridge-services`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct BridgeServices {
    /// The bridge itself. Read its address back from here.
    #[serde(deserialize_with = "lenient::object")]
    pub bridge: Option<Bridge>,
    /// What is registered behind it.
    #[serde(deserialize_with = "lenient::list")]
    pub services: Vec<Service>,
}

/// The bridge as ABDM knows it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Bridge {
    /// The client id.
    #[serde(deserialize_with = "lenient::if_readable")]
    pub id: Option<String>,
    /// Its name.
    #[serde(deserialize_with = "lenient::if_readable")]
    pub name: Option<String>,
    /// Where callbacks go.
    #[serde(deserialize_with = "lenient::if_readable")]
    pub url: Option<String>,
    /// Whether it may be used.
    #[serde(deserialize_with = "lenient::if_readable")]
    pub active: Option<bool>,
    /// Whether ABDM has shut it out.
    #[serde(deserialize_with = "lenient::if_readable")]
    pub blocklisted: Option<bool>,
}

/// A service behind the bridge. Its id is what `X-HIP-ID` or `X-HIU-ID` must hold.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Service {
    /// The service id.
    #[serde(deserialize_with = "lenient::if_readable")]
    pub id: Option<String>,
    /// Its name.
    #[serde(deserialize_with = "lenient::if_readable")]
    pub name: Option<String>,
    /// `HIP`, `HIU`, `HEALTH_LOCKER`, `PHR`.
    #[serde(deserialize_with = "lenient::known")]
    pub types: Vec<String>,
    /// Whether it may be used.
    #[serde(deserialize_with = "lenient::if_readable")]
    pub active: Option<bool>,
}

/// `POST {registry}/v1/bridges/MutipleHRPAddUpdateServices` (the misspelling is ABDM's): links a facility to the bridge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LinkFacility {
    /// The facility's id in the registry.
    pub facility_id: FacilityId,
    /// Exactly as in the registry.
    pub facility_name: String,
    /// The services to add or change.
    #[serde(rename = "HRP")]
    pub services: Vec<FacilityService>,
}

/// One service to add or change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FacilityService {
    /// The client id.
    pub bridge_id: String,
    /// At most 15 characters, no special ones, unique.
    pub hip_name: String,
    /// HIP or HIU.
    #[serde(rename = "type")]
    pub kind: ServiceKind,
    /// False disables it.
    pub active: bool,
}

/// What a service is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum ServiceKind {
    /// Gives records.
    Hip,
    /// Asks for records.
    Hiu,
}
