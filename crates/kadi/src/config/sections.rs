//! The configuration as the rest of the binary holds it. What each key means stands in `default.toml`, once.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use abdm::id::FacilityId;
use ipnet::IpNet;
use secrecy::SecretString;
use serde::Deserialize;

use super::{ConfigError, units};
use crate::sources::hl7::charset::Charset;

/// Everything an operator sets, checked. `Debug` shows no secret.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "default.toml says what each section is for")]
pub struct Config {
    pub server: Server,
    pub gateway: Gateway,
    pub retry: Retry,
    pub store: Store,
    pub terminology: Terminology,
    pub objects: Objects,
    pub keys: Keys,
    pub linking: Linking,
    pub share: Share,
    pub consent: Consent,
    /// None unless the file or the environment sets a key of the section.
    pub sms: Option<Sms>,
    pub hl7: Hl7,
    pub transfer: Transfer,
    pub retention: Retention,
    /// The configuration file's; empty without one.
    #[serde(skip)]
    pub(super) folder: PathBuf,
}

/// The two listeners.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "default.toml says what each key means")]
pub struct Server {
    pub public: SocketAddr,
    pub private: SocketAddr,
    /// Without a slash at its end.
    #[serde(deserialize_with = "units::text")]
    pub public_url: Option<String>,
    pub rate: u32,
    #[serde(deserialize_with = "units::networks")]
    pub trusted_proxies: Vec<IpNet>,
    #[serde(deserialize_with = "units::at_least_one")]
    pub connections: u32,
    #[serde(deserialize_with = "units::duration")]
    pub patience: Duration,
    #[serde(deserialize_with = "units::size")]
    pub callback_limit: usize,
    #[serde(deserialize_with = "units::size")]
    pub push_limit: usize,
    #[serde(deserialize_with = "units::size")]
    pub api_limit: usize,
    #[serde(deserialize_with = "units::size")]
    pub api_memory: usize,
    /// Both of the pair or neither.
    #[serde(deserialize_with = "units::path")]
    pub tls_cert_file: Option<PathBuf>,
    #[serde(deserialize_with = "units::path")]
    pub tls_key_file: Option<PathBuf>,
    #[serde(deserialize_with = "units::duration")]
    pub drain: Duration,
}

/// Which ABDM.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Environment {
    /// NHA's sandbox.
    Sandbox,
    /// The real one.
    Production,
    /// A local ABDM.
    Custom,
}

/// How ABDM is reached, and how its callbacks are told from others'.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "default.toml says what each key means")]
pub struct Gateway {
    pub environment: Environment,
    /// Set, `http(s)://`, without a slash at its end; so are the other addresses here.
    pub base_url: String,
    /// Set.
    pub cm_id: String,
    #[serde(deserialize_with = "units::text")]
    pub registry_url: Option<String>,
    #[serde(deserialize_with = "units::text")]
    pub abha_url: Option<String>,
    #[serde(deserialize_with = "units::text")]
    pub client_id: Option<String>,
    /// At most one of these two is set; [`Gateway::credentials`] reads whichever.
    #[serde(deserialize_with = "units::secret")]
    pub(super) client_secret: Option<SecretString>,
    #[serde(deserialize_with = "units::path")]
    pub(super) client_secret_file: Option<PathBuf>,
    pub allow_insecure: bool,
    /// At least one; no empty values.
    pub callback_claims: BTreeMap<String, String>,
    #[serde(deserialize_with = "units::duration")]
    pub callback_late: Duration,
    #[serde(deserialize_with = "units::duration")]
    pub timeout: Duration,
    pub rate: u32,
    #[serde(deserialize_with = "units::at_least_one")]
    pub token_requests_per_day: u32,
    #[serde(deserialize_with = "units::duration")]
    pub token_window: Duration,
    /// At least `token_window`.
    #[serde(deserialize_with = "units::duration")]
    pub callback_overdue: Duration,
    #[serde(deserialize_with = "units::duration")]
    pub bridge_watch: Duration,
}

impl Gateway {
    /// The client id and its secret; the secret's file is read now. Fails if either is not set or the file can't
    /// be read.
    pub fn credentials(&self) -> Result<(String, SecretString), ConfigError> {
        let id = self.client_id.clone().ok_or_else(|| {
            ConfigError::missing("gateway.client_id", "the bridge id that NHA issued, like SBX_000000")
        })?;
        let secret = match (&self.client_secret, &self.client_secret_file) {
            (Some(secret), _) => secret.clone(),
            (None, Some(path)) => {
                let text =
                    std::fs::read_to_string(path).map_err(|error| ConfigError::unreadable(path, &error))?;
                SecretString::from(text.trim())
            }
            (None, None) => {
                let mend = "the secret that NHA issued; or gateway.client_secret_file, a file that holds it";
                return Err(ConfigError::missing("gateway.client_secret", mend));
            }
        };
        Ok((id, secret))
    }
}

/// Waits between attempts.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "default.toml says what each key means")]
pub struct Retry {
    #[serde(deserialize_with = "units::duration")]
    pub first: Duration,
    /// At least `first`.
    #[serde(deserialize_with = "units::duration")]
    pub max: Duration,
}

/// The database.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "default.toml says what each key means")]
pub struct Store {
    /// May hold a password.
    pub url: SecretString,
    #[serde(deserialize_with = "units::duration")]
    pub lease: Duration,
}

/// Code systems.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "default.toml says what each key means")]
pub struct Terminology {
    #[serde(deserialize_with = "units::path")]
    pub folder: Option<PathBuf>,
}

/// Large and received content.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "default.toml says what each key means")]
pub struct Objects {
    pub url: String,
}

/// The master key.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "default.toml says what each key means")]
pub struct Keys {
    pub url: String,
    /// Of Vault; the file only if this is not set.
    #[serde(deserialize_with = "units::secret")]
    pub token: Option<SecretString>,
    #[serde(deserialize_with = "units::path")]
    pub token_file: Option<PathBuf>,
    #[serde(deserialize_with = "units::text")]
    pub namespace: Option<String>,
    pub allow_insecure: bool,
}

/// What is forgotten, and when.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retention {
    /// 0: nothing ever is.
    pub days: u32,
}

/// A patient's own linking, and the deep link.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "default.toml says what each key means")]
pub struct Linking {
    #[serde(deserialize_with = "units::duration")]
    pub otp_ttl: Duration,
    #[serde(deserialize_with = "units::at_least_one")]
    pub otp_attempts: u32,
    #[serde(deserialize_with = "units::duration")]
    pub otp_lock: Duration,
    #[serde(deserialize_with = "units::at_least_one")]
    pub otp_sends: u32,
    pub year_band: u8,
    pub on_discover_hiu_id: bool,
    pub sms_visit_days: u32,
    pub sms_again_days: u32,
}

/// The queue at a counter, and its code.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Share {
    #[serde(deserialize_with = "units::duration")]
    pub token_ttl: Duration,
    /// Set, `http(s)://`, without a slash at its end.
    pub qr_url: String,
}

/// Consent artefacts.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Consent {
    /// There if `require_signature` is.
    #[serde(deserialize_with = "units::path")]
    pub signature_key_file: Option<PathBuf>,
    /// As JWS calls it.
    pub signature_algorithm: String,
    /// Whether an artefact without a right signature is refused.
    pub require_signature: bool,
}

/// What sends the texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SmsKind {
    /// A provider's HTTP interface.
    Http,
    /// Standard error; for development.
    Console,
    /// Appended to a file; for development.
    File,
}

/// How one-time passwords are sent.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "default.toml says what each key means")]
pub struct Sms {
    pub kind: SmsKind,
    /// Set unless the kind is `console`. May hold the provider's key.
    pub url: SecretString,
    pub method: String,
    /// Values may be secrets; a name ending in `_file` has a path as value, see [`Config::resolve`].
    pub headers: BTreeMap<String, SecretString>,
    #[serde(deserialize_with = "units::secret")]
    pub auth: Option<SecretString>,
    pub dlt: SmsDlt,
    pub text: String,
    pub success: String,
    pub delivery_id: String,
    pub content_type: String,
    pub body: SecretString,
    #[serde(deserialize_with = "units::duration")]
    pub give_up: Duration,
}

/// What TRAI's DLT registration gave.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "default.toml says what each key means")]
pub struct SmsDlt {
    pub entity_id: String,
    pub template_id: String,
    pub sender: String,
}

/// HL7 v2 messages.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "default.toml says what each key means")]
pub struct Hl7 {
    #[serde(deserialize_with = "units::address")]
    pub listen: Option<SocketAddr>,
    /// There if `listen` is.
    #[serde(deserialize_with = "units::facility")]
    pub facility: Option<FacilityId>,
    #[serde(deserialize_with = "units::size")]
    pub limit: usize,
    #[serde(deserialize_with = "units::duration")]
    pub idle: Duration,
    #[serde(deserialize_with = "units::at_least_one")]
    pub connections: u32,
    #[serde(deserialize_with = "units::charset")]
    pub charset: Charset,
    /// Letters of P, T and D.
    pub processing: String,
}

/// Serving a health information request.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "default.toml says what each key means")]
pub struct Transfer {
    #[serde(deserialize_with = "units::at_least_one")]
    pub entries_per_page: u32,
    #[serde(deserialize_with = "units::at_least_one")]
    pub parallel: u32,
    #[serde(deserialize_with = "units::size")]
    pub memory: usize,
    #[serde(deserialize_with = "units::duration")]
    pub push_timeout: Duration,
    #[serde(deserialize_with = "units::duration")]
    pub deadline: Duration,
}
