//! From layers to a [`Config`]: values read as their types, the environment's addresses filled in, and the rules
//! that hold between keys.

use std::path::{Path, PathBuf};

use reqwest::Url;
use secrecy::ExposeSecret as _;
use toml::Value;

use super::layers::Layers;
use super::problem::{ConfigError, Origin};
use super::sections::{Config, Environment, SmsKind};

/// What belongs to one of ABDM's own environments.
struct Fixed {
    name: &'static str,
    base_url: &'static str,
    cm_id: &'static str,
    /// None: ABDM names none.
    registry_url: Option<&'static str>,
    abha_url: &'static str,
    qr_url: &'static str,
}

const SANDBOX: Fixed = Fixed {
    name: "sandbox",
    base_url: "https://dev.abdm.gov.in",
    cm_id: "sbx",
    registry_url: Some("https://facilitysbx.abdm.gov.in"),
    abha_url: "https://abhasbx.abdm.gov.in/abha/api",
    qr_url: "https://phrsbx.abdm.gov.in/share-profile",
};

const PRODUCTION: Fixed = Fixed {
    name: "production",
    base_url: "https://apis.abdm.gov.in",
    cm_id: "abdm",
    registry_url: None,
    abha_url: "https://abha.abdm.gov.in/api/abha",
    qr_url: "https://phr.abdm.gov.in/share-profile",
};

/// The configuration, or all that is wrong with it.
pub(super) fn build(mut layers: Layers, folder: &Path) -> Result<Config, ConfigError> {
    if !layers.origins.keys().any(|key| key == "sms" || key.starts_with("sms.")) {
        layers.merged.remove("sms");
    }
    higher_secret_wins(&mut layers);
    let config = read(&mut layers).map(|mut config| {
        check(&mut config, &mut layers);
        resolve_paths(&mut config, folder);
        config
    });
    match config {
        Some(config) if layers.problems.is_empty() => Ok(config),
        _ => {
            layers.problems.sort_by(|one, other| one.origin.cmp(&other.origin));
            Err(ConfigError { problems: layers.problems })
        }
    }
}

/// Of a secret given in two ways, the one of the higher layer counts; in one layer that is an error.
fn higher_secret_wins(layers: &mut Layers) {
    let (text, file) = ("gateway.client_secret", "gateway.client_secret_file");
    let loser = match (layers.origin(text), layers.origin(file)) {
        (Origin::Variable(_), Origin::File { .. }) => "client_secret_file",
        (Origin::File { .. }, Origin::Variable(_)) => "client_secret",
        _ => return,
    };
    if let Some(Value::Table(gateway)) = layers.merged.get_mut("gateway") {
        gateway.insert(loser.to_owned(), Value::String(String::new()));
    }
}

fn read(layers: &mut Layers) -> Option<Config> {
    let result = serde_path_to_error::deserialize(Value::Table(layers.merged.clone()));
    result
        .map_err(|error| {
            let key = error.path().to_string();
            layers.complain(&key, error.inner().message());
        })
        .ok()
}

fn check(config: &mut Config, layers: &mut Layers) {
    check_environment(config, layers);
    check_addresses(config, layers);
    check_pairs(config, layers);
    config.gateway.callback_claims.retain(|_, value| !value.is_empty());
    if config.gateway.callback_claims.is_empty() {
        layers.complain(
            "gateway.callback_claims",
            "at least one claim must be required, or any integrator's token would pass for ABDM's",
        );
    }
    if config.gateway.callback_overdue < config.gateway.token_window {
        layers.complain("gateway.callback_overdue", "must not be shorter than gateway.token_window");
    }
    if config.retry.max < config.retry.first {
        layers.complain("retry.max", "must not be shorter than retry.first");
    }
    check_sms(config, layers);
    check_hl7(config, layers);
    if config.consent.require_signature && config.consent.signature_key_file.is_none() {
        layers.complain(
            "consent.signature_key_file",
            "must be set with consent.require_signature: without a key every consent would be refused",
        );
    }
}

fn check_hl7(config: &Config, layers: &mut Layers) {
    if config.hl7.listen.is_some() && config.hl7.facility.is_none() {
        layers.complain("hl7.facility", "must be set with hl7.listen: whose messages arrive there");
    }
    let processing = &config.hl7.processing;
    if processing.is_empty() || !processing.chars().all(|letter| matches!(letter, 'P' | 'T' | 'D')) {
        layers.complain("hl7.processing", "expected letters of P, T and D, such as \"P\"");
    }
}

fn check_environment(config: &mut Config, layers: &mut Layers) {
    if config.share.qr_url.is_empty() {
        let production = config.gateway.environment == Environment::Production;
        let fixed = if production { PRODUCTION } else { SANDBOX };
        fixed.qr_url.clone_into(&mut config.share.qr_url);
    }
    let gateway = &mut config.gateway;
    let fixed = match gateway.environment {
        Environment::Sandbox => SANDBOX,
        Environment::Production => PRODUCTION,
        Environment::Custom => {
            for (key, value) in [("gateway.base_url", &gateway.base_url), ("gateway.cm_id", &gateway.cm_id)] {
                if value.trim().is_empty() {
                    layers.complain(key, "must be set when gateway.environment is \"custom\"");
                }
            }
            return;
        }
    };
    let name = fixed.name;
    let mut fix = |key: &str, value: &mut String, fixed: &str| {
        if !value.is_empty() && value.trim_end_matches('/') != fixed {
            let mend = "leave it out, or set gateway.environment = \"custom\"";
            layers.complain(key, format!("is {fixed} when gateway.environment is \"{name}\"; {mend}"));
        }
        fixed.clone_into(value);
    };
    fix("gateway.base_url", &mut gateway.base_url, fixed.base_url);
    fix("gateway.cm_id", &mut gateway.cm_id, fixed.cm_id);
    gateway.registry_url = gateway.registry_url.take().or_else(|| fixed.registry_url.map(str::to_owned));
    gateway.abha_url = gateway.abha_url.take().or_else(|| Some(fixed.abha_url.to_owned()));
    if gateway.allow_insecure {
        layers.complain(
            "gateway.allow_insecure",
            format!("is only for gateway.environment = \"custom\", not \"{name}\"; leave it out"),
        );
    }
}

fn check_addresses(config: &mut Config, layers: &mut Layers) {
    let insecure = config.gateway.allow_insecure;
    let mut check = |key: &str, address: &mut String| {
        address.truncate(address.trim_end().trim_end_matches('/').len());
        if let Some(problem) = address_problem(address, insecure) {
            layers.complain(key, problem);
        }
    };
    if !config.gateway.base_url.is_empty() {
        check("gateway.base_url", &mut config.gateway.base_url);
    }
    check("share.qr_url", &mut config.share.qr_url);
    let others = [
        ("server.public_url", &mut config.server.public_url),
        ("gateway.registry_url", &mut config.gateway.registry_url),
        ("gateway.abha_url", &mut config.gateway.abha_url),
    ];
    for (key, address) in others {
        if let Some(address) = address {
            check(key, address);
        }
    }
}

fn address_problem(address: &str, insecure: bool) -> Option<&'static str> {
    let Ok(url) = Url::parse(address) else {
        return Some("expected an address such as https://abdm.hospital.example");
    };
    match url.scheme() {
        "https" => {}
        "http" if insecure => {}
        "http" => {
            return Some(
                "must be https://; http:// is allowed only with gateway.environment = \"custom\" and \
                 gateway.allow_insecure = true",
            );
        }
        _ => return Some("must begin with https://"),
    }
    let bare = url.query().is_none() && url.fragment().is_none() && url.username().is_empty();
    (!bare).then_some("must have no query, fragment or user name")
}

fn check_pairs(config: &Config, layers: &mut Layers) {
    if config.gateway.client_secret.is_some() && config.gateway.client_secret_file.is_some() {
        layers.complain("gateway.client_secret", "give either this or gateway.client_secret_file, not both");
    }
    if config.keys.token.is_some() && config.keys.token_file.is_some() {
        layers.complain("keys.token", "give either this or keys.token_file, not both");
    }
    let (cert, key) = (&config.server.tls_cert_file, &config.server.tls_key_file);
    match (cert, key) {
        (Some(_), None) => layers.complain("server.tls_cert_file", "needs server.tls_key_file beside it"),
        (None, Some(_)) => layers.complain("server.tls_key_file", "needs server.tls_cert_file beside it"),
        _ => {}
    }
}

fn check_sms(config: &Config, layers: &mut Layers) {
    let Some(sms) = &config.sms else { return };
    let url = sms.url.expose_secret();
    if config.gateway.environment == Environment::Production && sms.kind != SmsKind::Http {
        layers.complain("sms.kind", "production sends through a provider: \"http\" is the only kind there");
    }
    if url.is_empty() && sms.kind != SmsKind::Console {
        layers.complain("sms.url", "must be set: the provider's address, or the file to write to");
    } else if sms.kind == SmsKind::Http {
        let scheme_fits =
            url.starts_with("https://") || (config.gateway.allow_insecure && url.starts_with("http://"));
        if !scheme_fits {
            layers.complain(
                "sms.url",
                "must begin with https:// (http:// only with gateway.environment = \"custom\" and \
                 gateway.allow_insecure = true)",
            );
        }
    }
}

fn resolve_paths(config: &mut Config, folder: &Path) {
    let paths = [
        &mut config.gateway.client_secret_file,
        &mut config.server.tls_cert_file,
        &mut config.server.tls_key_file,
        &mut config.keys.token_file,
        &mut config.terminology.folder,
        &mut config.consent.signature_key_file,
    ];
    for path in paths.into_iter().flatten() {
        *path = folder.join(&*path);
    }
    folder.clone_into(&mut config.folder);
}

impl Config {
    /// The path that a `..._file` value means: relative to the configuration file.
    pub fn resolve(&self, path: &str) -> PathBuf {
        self.folder.join(path)
    }
}
