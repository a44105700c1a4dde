//! Which gateway, and as whom.

use std::net::IpAddr;
use std::time::Duration;

use reqwest::Url;
use secrecy::SecretString;

use super::{Call, ClientError};
use crate::error::{Delivery, Failure, Retry};
use crate::path::Operation;

/// ABDM's two environments. Host and consent manager id belong together: mixed, ABDM answers ABDM-2403.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Environment {
    /// For trying.
    Sandbox,
    /// For patients.
    Production,
}

impl Environment {
    /// The gateway.
    #[must_use]
    pub const fn base_url(self) -> &'static str {
        match self {
            Self::Sandbox => "https://dev.abdm.gov.in",
            Self::Production => "https://apis.abdm.gov.in",
        }
    }

    /// The consent manager's id: `X-CM-ID`, and the end of ABHA addresses.
    #[must_use]
    pub const fn cm_id(self) -> &'static str {
        match self {
            Self::Sandbox => "sbx",
            Self::Production => "abdm",
        }
    }

    /// The facility registry; ABDM does not name production's.
    #[must_use]
    pub const fn registry_url(self) -> Option<&'static str> {
        match self {
            Self::Sandbox => Some("https://apihspsbx.abdm.gov.in/v4/int"),
            Self::Production => None,
        }
    }
}

/// Which gateway, and as whom.
#[derive(Debug, Clone)]
pub struct GatewayConfig {
    /// The gateway; may have a path.
    pub base_url: Url,
    /// The facility registry, for linking facilities; may have a path.
    pub registry_url: Option<Url>,
    /// `X-CM-ID`.
    pub cm_id: String,
    /// The bridge id.
    pub client_id: String,
    /// Its secret.
    pub client_secret: SecretString,
    /// For one call, answer included.
    pub timeout: Duration,
    /// Allows `http://`.
    pub allow_insecure: bool,
}

impl GatewayConfig {
    pub(super) fn check(&self) -> Result<(), ClientError> {
        check_url("the gateway's base URL", &self.base_url, self.allow_insecure)?;
        match &self.registry_url {
            Some(url) => check_url("the registry's URL", url, self.allow_insecure),
            None => Ok(()),
        }
    }

    /// Whether the gateway is this machine: then no proxy stands in between, whatever the environment says.
    pub(super) fn is_local(&self) -> bool {
        let host = self.base_url.host_str().unwrap_or_default();
        let host = host.trim_start_matches('[').trim_end_matches(']');
        host == "localhost" || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
    }

    pub(super) fn url_of(&self, call: &Call) -> Result<String, Failure> {
        let base = match call.operation {
            Operation::LinkFacility => self.registry_url.as_ref().ok_or_else(no_registry)?,
            _ => &self.base_url,
        };
        let base = base.as_str().trim_end_matches('/');
        Ok(format!("{base}{}{}", call.operation.path(), call.path_id.as_deref().unwrap_or_default()))
    }
}

fn check_url(what: &'static str, url: &Url, allow_insecure: bool) -> Result<(), ClientError> {
    let bare = url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none()
        && url.has_host();
    match url.scheme() {
        _ if !bare => Err(ClientError::Address(what)),
        "https" => Ok(()),
        "http" if allow_insecure => Ok(()),
        "http" => Err(ClientError::Insecure(what)),
        _ => Err(ClientError::Address(what)),
    }
}

fn no_registry() -> Failure {
    let text = "No facility registry is configured, so the facility cannot be linked from here. Name its URL, or \
                link the facility on the registry's portal.";
    Failure::without_answer(text, Retry::Never, Delivery::NotSent)
}
