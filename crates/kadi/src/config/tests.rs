//! What the configuration takes, what it refuses, and where it says the mistake is.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use secrecy::ExposeSecret as _;

use super::{Config, ConfigError, Environment, SmsKind};

struct Setup {
    folder: tempfile::TempDir,
    variables: Vec<(OsString, OsString)>,
}

impl Setup {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), variables: Vec::new() }
    }

    fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.into(), value.into()));
        self
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    fn load(&self, text: &str) -> Result<Config, ConfigError> {
        let path = self.file("kadi.toml", text);
        Config::load_with(Some(&path), self.variables.clone())
    }

    fn problems(&self, text: &str) -> Vec<String> {
        let folder = format!("{}/", self.folder.path().display());
        let error = self.load(text).expect_err("should be refused");
        error.to_string().lines().map(|line| line.replace(&folder, "")).collect()
    }
}

#[test]
fn without_file_and_environment_the_documented_defaults_hold() {
    let config = Config::load_with(None, []).unwrap();
    assert_eq!(config.server.public.to_string(), "0.0.0.0:8480");
    assert_eq!(config.server.private.to_string(), "127.0.0.1:8481");
    assert_eq!(config.server.callback_limit, 8 << 20);
    assert_eq!(config.server.push_limit, 256 << 20);
    assert_eq!(config.server.api_limit, 128 << 20);
    assert_eq!(config.gateway.environment, Environment::Sandbox);
    assert_eq!(config.gateway.base_url, "https://dev.abdm.gov.in");
    assert_eq!(config.gateway.cm_id, "sbx");
    assert_eq!(config.gateway.registry_url.as_deref(), Some("https://facilitysbx.abdm.gov.in"));
    assert_eq!(config.gateway.abha_url.as_deref(), Some("https://abhasbx.abdm.gov.in/abha/api"));
    assert_eq!(config.gateway.callback_claims.get("azp").map(String::as_str), Some("gateway"));
    assert_eq!(config.gateway.callback_late, Duration::from_hours(1));
    assert_eq!(config.gateway.token_requests_per_day, 3);
    assert_eq!(config.gateway.token_window, Duration::from_mins(7));
    assert_eq!(config.gateway.callback_overdue, abdm::error::OVERDUE_AFTER);
    assert_eq!(config.retry.first, Duration::from_secs(1));
    assert_eq!(config.retry.max, Duration::from_mins(5));
    assert_eq!(config.linking.otp_attempts, 3);
    assert_eq!(config.transfer.entries_per_page, 1);
    assert_eq!(config.transfer.deadline, Duration::from_mins(20));
    assert!(config.sms.is_none(), "no texts are sent unless the section is set");
}

#[test]
fn every_key_of_the_default_stands_under_a_comment() {
    let mut commented = false;
    for line in super::DEFAULT.lines() {
        let is_key = !line.starts_with('#') && line.contains('=');
        assert!(!is_key || commented, "no comment above: {line}");
        // One comment may speak for the keys right below it.
        commented = line.starts_with('#') || (commented && is_key);
    }
}

#[test]
fn production_sets_all_addresses_together() {
    let config = Setup::new().load("[gateway]\nenvironment = 'production'").unwrap();
    assert_eq!(config.gateway.base_url, "https://apis.abdm.gov.in");
    assert_eq!(config.gateway.cm_id, "abdm");
    assert_eq!(config.gateway.abha_url.as_deref(), Some("https://abha.abdm.gov.in/api/abha"));
    assert_eq!(config.gateway.registry_url, None, "ABDM names none");
}

#[test]
fn an_environment_refuses_what_belongs_to_another() {
    let text = "[gateway]\nenvironment = 'production'\nbase_url = 'https://dev.abdm.gov.in'\ncm_id = 'sbx'\nallow_insecure = true";
    let problems = Setup::new().problems(text);
    assert_eq!(
        problems,
        [
            "kadi.toml:3: gateway.base_url: is https://apis.abdm.gov.in when gateway.environment is \"production\"; leave it out, or set gateway.environment = \"custom\"",
            "kadi.toml:4: gateway.cm_id: is abdm when gateway.environment is \"production\"; leave it out, or set gateway.environment = \"custom\"",
            "kadi.toml:5: gateway.allow_insecure: is only for gateway.environment = \"custom\", not \"production\"; leave it out",
        ]
    );
}

#[test]
fn an_environments_own_address_may_be_written_out() {
    let text = "[gateway]\nenvironment = 'sandbox'\nbase_url = 'https://dev.abdm.gov.in/'\ncm_id = 'sbx'";
    assert_eq!(Setup::new().load(text).unwrap().gateway.base_url, "https://dev.abdm.gov.in");
}

#[test]
fn custom_needs_its_addresses_and_takes_http_only_when_told() {
    let setup = Setup::new();
    let problems = setup.problems("[gateway]\nenvironment = 'custom'");
    assert_eq!(problems.len(), 2, "{problems:?}");
    let local = "[gateway]\nenvironment = 'custom'\nbase_url = 'http://127.0.0.1:9000'\ncm_id = 'sbx'\n";
    let problems = setup.problems(local);
    assert!(problems[0].starts_with("kadi.toml:3: gateway.base_url: must be https://"), "{problems:?}");
    let text = format!("{local}allow_insecure = true\n[server]\npublic_url = 'http://127.0.0.1:8480/'");
    let config = setup.load(&text).unwrap();
    assert_eq!(config.gateway.base_url, "http://127.0.0.1:9000");
    assert_eq!(config.server.public_url.as_deref(), Some("http://127.0.0.1:8480"));
}

#[test]
fn unknown_keys_are_named_with_their_line_and_the_likely_one() {
    let problems =
        Setup::new().problems("[gateway]\ntimout = '3s'\n\n[sever]\npublic = 'x'\n[linking]\nsecret = 1");
    assert_eq!(
        problems,
        [
            "kadi.toml:2: gateway.timout is no key of the configuration; did you mean gateway.timeout?",
            "kadi.toml:4: sever is no key of the configuration; did you mean server?",
            "kadi.toml:7: linking.secret is no key of the configuration; `kadi config default` prints all of them",
        ]
    );
}

#[test]
fn a_wrong_type_is_told_with_what_was_expected_and_never_with_the_value() {
    let text =
        "[gateway]\nrate = 'fast'\nclient_secret = 123456\nallow_insecure = 'yes'\ncallback_claims = 3\n";
    assert_eq!(
        Setup::new().problems(text),
        [
            "kadi.toml:2: gateway.rate: expected a whole number",
            "kadi.toml:3: gateway.client_secret: expected text in quotes",
            "kadi.toml:4: gateway.allow_insecure: expected true or false",
            "kadi.toml:5: gateway.callback_claims: expected a table",
        ]
    );
    let problems = Setup::new().problems("[retry]\n\nfirst = '5'\n");
    assert_eq!(
        problems,
        ["kadi.toml:3: retry.first: expected a duration such as \"200ms\", \"30s\", \"10m\" or \"24h\""]
    );
}

#[test]
fn what_is_not_toml_is_told_with_its_line() {
    let problems = Setup::new().problems("[server]\npublic = 0.0.0.0:8480\n");
    assert!(problems[0].starts_with("kadi.toml:2: not TOML: "), "{problems:?}");
}

#[test]
fn the_environment_wins_over_the_file_and_is_read_as_the_keys_type() {
    let config = Setup::new()
        .variable("KADI_GATEWAY__CLIENT_SECRET", "123456")
        .variable("KADI_GATEWAY__CLIENT_ID", "007")
        .variable("KADI_GATEWAY__RATE", "25")
        .variable("KADI_LINKING__OTP_TTL", "5s")
        .variable("KADI_GATEWAY__CALLBACK_CLAIMS__ISS", "https://issuer.example")
        .variable("KADI_SMS__HEADERS", "{ authkey = 'k' }")
        .variable("KADI_SMS__URL", "https://sms.example/send")
        .variable("KADI_CONFIG", "/elsewhere.toml")
        .variable("KADI_LOG", "debug")
        .variable("KADI_SERVICE_HOST", "10.0.0.1")
        .load("[gateway]\nrate = 3\nclient_secret_file = 'nowhere'")
        .unwrap();
    let (id, secret) = config.gateway.credentials().unwrap();
    assert_eq!((id.as_str(), secret.expose_secret()), ("007", "123456"));
    assert_eq!(config.gateway.rate, 25);
    assert_eq!(config.linking.otp_ttl, Duration::from_secs(5));
    assert_eq!(config.gateway.callback_claims.len(), 2, "claims are added to, not replaced");
    let sms = config.sms.unwrap();
    assert_eq!(sms.kind, SmsKind::Http);
    assert_eq!(sms.headers.get("authkey").unwrap().expose_secret(), "k");
}

#[test]
fn a_mistake_in_the_environment_is_told_by_the_variables_name() {
    let problems = Setup::new()
        .variable("KADI_GATEWAY__RATE", "fast")
        .variable("KADI_GATEWAY__TIMOUT", "3s")
        .variable("KADI_RETRY__MAX", "1ms")
        .variable("KADI_GATEWAY__CALLBACK_OVERDUE", "6m")
        .problems("");
    assert_eq!(
        problems,
        [
            "KADI_GATEWAY__CALLBACK_OVERDUE: gateway.callback_overdue: must not be shorter than gateway.token_window",
            "KADI_GATEWAY__RATE: gateway.rate: expected a whole number",
            "KADI_GATEWAY__TIMOUT: gateway.timout is no key of the configuration; did you mean gateway.timeout?",
            "KADI_RETRY__MAX: retry.max: must not be shorter than retry.first",
        ]
    );
}

#[test]
fn a_secrets_file_is_relative_to_the_configuration_file() {
    let setup = Setup::new();
    setup.file("secret", "s3cret\n");
    let config = setup.load("[gateway]\nclient_id = 'SBX_1'\nclient_secret_file = 'secret'").unwrap();
    assert_eq!(config.gateway.credentials().unwrap().1.expose_secret(), "s3cret");
    assert_eq!(config.resolve("other"), setup.folder.path().join("other"));
}

#[test]
fn missing_credentials_are_told_when_they_are_needed() {
    let config = Config::load_with(None, []).unwrap();
    let error = config.gateway.credentials().unwrap_err().to_string();
    assert!(error.starts_with("gateway.client_id is not set: "), "{error}");
    let config = Setup::new().load("[gateway]\nclient_id = 'a'\nclient_secret_file = 'nowhere'").unwrap();
    assert!(config.gateway.credentials().unwrap_err().to_string().contains("nowhere"));
}

#[test]
fn pairs_are_whole_and_alternatives_are_not_doubled() {
    let text = "[server]\ntls_cert_file = 'c'\n[gateway]\nclient_secret = 'a'\nclient_secret_file = 'b'\n\
                [keys]\ntoken = 'a'\ntoken_file = 'b'\n";
    assert_eq!(
        Setup::new().problems(text),
        [
            "kadi.toml:2: server.tls_cert_file: needs server.tls_key_file beside it",
            "kadi.toml:4: gateway.client_secret: give either this or gateway.client_secret_file, not both",
            "kadi.toml:7: keys.token: give either this or keys.token_file, not both",
        ]
    );
}

#[test]
fn at_least_one_claim_of_a_callback_is_always_required() {
    let problems = Setup::new().problems("[gateway]\ncallback_claims = { azp = '' }");
    assert!(problems[0].starts_with("kadi.toml:2: gateway.callback_claims: at least one"), "{problems:?}");
    let config = Setup::new().load("[gateway]\ncallback_claims = { azp = '', iss = 'x' }").unwrap();
    assert_eq!(config.gateway.callback_claims.keys().collect::<Vec<_>>(), ["iss"]);
}

#[test]
fn production_refuses_texts_that_reach_no_patient() {
    for kind in ["console", "file"] {
        let text = format!("[gateway]\nenvironment = 'production'\n[sms]\nkind = '{kind}'\nurl = 'otp.log'");
        let problems = Setup::new().problems(&text);
        assert!(problems[0].starts_with("kadi.toml:4: sms.kind: production"), "{problems:?}");
    }
    assert_eq!(Setup::new().load("[sms]\nkind = 'console'").unwrap().sms.unwrap().kind, SmsKind::Console);
    let problems = Setup::new().problems("[sms]\nurl = 'http://sms.example'");
    assert!(problems[0].starts_with("kadi.toml:2: sms.url: must begin with https://"), "{problems:?}");
    let problems = Setup::new().problems("[sms]\nmethod = 'GET'");
    assert!(problems[0].starts_with("sms.url: must be set"), "{problems:?}");
}

#[test]
fn debug_output_holds_no_secret() {
    let text = "[gateway]\nclient_secret = 'planted-a'\n[store]\nurl = 'postgres://kadi:planted-b@db/kadi'\n\
                [sms]\nurl = 'https://sms.example/?key=planted-c'\nheaders = { authkey = 'planted-d' }\nauth = 'bearer:planted-e'\n[keys]\ntoken = 'planted-f'";
    let shown = format!("{:?}", Setup::new().load(text).unwrap());
    assert!(!shown.contains("planted"), "{shown}");
}

#[test]
fn a_named_file_that_is_not_there_is_an_error() {
    let error = Config::load_with(Some(Path::new("/nowhere/kadi.toml")), []).unwrap_err().to_string();
    assert!(error.starts_with("/nowhere/kadi.toml: can't be read: "), "{error}");
}

#[test]
fn trusted_proxies_are_addresses_and_networks() {
    let config =
        Setup::new().load("[server]\ntrusted_proxies = '10.0.0.5, 10.1.0.0/16,2001:db8::/32 '").unwrap();
    let shown: Vec<_> = config.server.trusted_proxies.iter().map(ToString::to_string).collect();
    assert_eq!(shown, ["10.0.0.5/32", "10.1.0.0/16", "2001:db8::/32"]);
    let problems = Setup::new().problems("[server]\ntrusted_proxies = 'proxy.example'");
    assert!(problems[0].contains("server.trusted_proxies: expected addresses or networks"), "{problems:?}");
}
