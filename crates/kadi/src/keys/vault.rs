//! HashiCorp Vault's transit engine as keeper of the master key: it wraps and unwraps the data keys, and the master key
//! never leaves it. It is asked at the start and when keys change; a bridge that serves does not need it.
//!
//! Two calls with the client that everything else uses: a Vault client crate would bring a second HTTP stack's worth of
//! code (builders, its own TLS set-up) for them. Paths and answers as in "Transit secrets engine (API)".

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use futures_util::future::BoxFuture;
use reqwest::header::HeaderValue;
use reqwest::redirect::Policy;
use reqwest::{StatusCode, Url};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};
use store::{Key, KeyService, Master, StoreError};
use zeroize::Zeroizing;

use crate::config::Keys;

/// How long Vault may take to answer.
const TIMEOUT: Duration = Duration::from_secs(10);
/// A standby sends on to the active node; more hops are a mistake.
const HOPS: usize = 3;
/// How what Vault wraps begins.
const MARK: &[u8] = b"vault:";

/// Which key of which Vault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// Vault's, up to the host and port.
    base: Url,
    /// Where the transit engine is mounted: `transit`.
    mount: String,
    /// The key's name.
    key: String,
}

impl Address {
    /// Reads `vault+https://HOST:PORT/MOUNT/KEY` or `vault+http://...`; nothing if it is another kind of URL.
    pub fn parse(text: &str) -> Option<anyhow::Result<Self>> {
        let rest = text.strip_prefix("vault+")?;
        Some(Self::read(rest).with_context(|| {
            format!("[keys] url {text:?} is not vault+https://HOST:PORT/MOUNT/KEY, such as vault+https://vault.example:8200/transit/kadi")
        }))
    }

    fn read(text: &str) -> anyhow::Result<Self> {
        let mut base = Url::parse(text)?;
        ensure!(matches!(base.scheme(), "http" | "https"), "the scheme is unknown");
        ensure!(
            base.username().is_empty() && base.password().is_none(),
            "a token belongs in keys.token_file"
        );
        ensure!(base.query().is_none() && base.fragment().is_none(), "it has a query or fragment");
        let path = base.path().trim_matches('/').to_owned();
        let (mount, key) = path.rsplit_once('/').context("it needs a mount and the name of a key")?;
        ensure!(!mount.is_empty() && !key.is_empty(), "it needs a mount and the name of a key");
        base.set_path("");
        Ok(Self { base, mount: mount.to_owned(), key: key.to_owned() })
    }

    /// Whether the way there is encrypted, or does not leave this machine.
    fn is_safe(&self) -> bool {
        let host = self.base.host_str().unwrap_or_default().trim_matches(['[', ']']);
        let local = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
        self.base.scheme() == "https" || local
    }
}

/// Where the token is.
enum Source {
    Text(SecretString),
    /// Read again when it is refused: whoever renews it writes the file.
    File(PathBuf),
}

/// A key of Vault's.
pub struct Vault {
    http: reqwest::Client,
    address: Address,
    source: Source,
    token: Mutex<SecretString>,
    namespace: Option<String>,
}

impl std::fmt::Debug for Vault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Vault").field("address", &self.address).finish_non_exhaustive()
    }
}

impl From<Vault> for Master {
    fn from(vault: Vault) -> Self {
        Self::Service(Arc::new(vault))
    }
}

/// What Vault answers.
#[derive(Debug, Default, Deserialize)]
struct Answer {
    #[serde(default)]
    data: Option<Value>,
    #[serde(default)]
    errors: Vec<String>,
}

impl Vault {
    /// The key at this address, with the token and namespace of the configuration.
    ///
    /// # Errors
    /// If there is no token, or everybody on the way could read along.
    pub fn new(address: Address, keys: &Keys) -> anyhow::Result<Self> {
        if !address.is_safe() && !keys.allow_insecure {
            bail!(
                "[keys] url: vault+http:// is for this machine only, or with keys.allow_insecure = true: use vault+https://"
            );
        }
        let source = match (&keys.token, &keys.token_file) {
            (Some(token), _) => Source::Text(token.clone()),
            (None, Some(path)) => Source::File(path.clone()),
            (None, None) => {
                bail!("keys.token or keys.token_file must be set for Vault: a token that may use the key")
            }
        };
        let token = Mutex::new(read_token(&source)?);
        let scheme = address.base.scheme().to_owned();
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(abdm::tls::client_config()?)
            .timeout(TIMEOUT)
            .no_proxy()
            // The token goes with it: never from https:// to http://.
            .redirect(Policy::custom(move |attempt| {
                if attempt.previous().len() > HOPS || attempt.url().scheme() != scheme {
                    attempt.stop()
                } else {
                    attempt.follow()
                }
            }))
            .build()?;
        Ok(Self { http, address, source, token, namespace: keys.namespace.clone() })
    }

    /// Makes a new version of the key, which wraps from now on; older versions still unwrap.
    pub async fn new_version(&self) -> store::Result<()> {
        let Address { mount, key, .. } = &self.address;
        self.ask(&format!("{mount}/keys/{key}/rotate"), json!({})).await.map(drop)
    }

    /// One call; a refused token is read again once.
    async fn ask(&self, path: &str, body: Value) -> store::Result<Value> {
        let (status, answer) = self.send(path, &body).await?;
        if status != StatusCode::FORBIDDEN || !self.has_new_token()? {
            return self.judge(status, answer);
        }
        let (status, answer) = self.send(path, &body).await?;
        self.judge(status, answer)
    }

    async fn send(&self, path: &str, body: &Value) -> store::Result<(StatusCode, Answer)> {
        let mut url = self.address.base.clone();
        url.set_path(&format!("/v1/{path}"));
        let mut token = HeaderValue::from_str(self.token().expose_secret())
            .map_err(|_| failed("can't be asked for: keys.token holds what is no token", false))?;
        token.set_sensitive(true);
        let mut request = self.http.post(url).header("x-vault-token", token).json(body);
        if let Some(namespace) = &self.namespace {
            request = request.header("x-vault-namespace", namespace);
        }
        let unreachable = |error: reqwest::Error| {
            let error = error.without_url();
            let cause =
                std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string);
            failed(format!("can't be had: Vault at {} does not answer ({cause})", self.address.base), true)
        };
        let response = request.send().await.map_err(unreachable)?;
        let status = response.status();
        let text = Zeroizing::new(response.bytes().await.map_err(unreachable)?.to_vec());
        Ok((status, serde_json::from_slice(&text).unwrap_or_default()))
    }

    fn judge(&self, status: StatusCode, answer: Answer) -> store::Result<Value> {
        let Address { base, mount, key } = &self.address;
        let said = answer.errors.join("; ");
        match status {
            StatusCode::OK | StatusCode::NO_CONTENT => Ok(answer.data.unwrap_or_default()),
            StatusCode::FORBIDDEN => Err(failed(
                format!(
                    "can't be had: Vault refuses the token ({said}); it needs update on {mount}/encrypt/{key} and \
                     {mount}/decrypt/{key}"
                ),
                matches!(self.source, Source::File(_)),
            )),
            StatusCode::NOT_FOUND => Err(failed(
                format!("can't be had: Vault at {base} has no transit engine at {mount} ({said})"),
                false,
            )),
            StatusCode::BAD_REQUEST if said.contains("not found") => {
                Err(failed(format!("can't be had: Vault's {mount} has no key {key} ({said})"), false))
            }
            StatusCode::BAD_REQUEST if is_about_the_text(&said) => {
                Err(StoreError::Unsealable { what: "data key" })
            }
            StatusCode::SERVICE_UNAVAILABLE if said.contains("sealed") => {
                Err(failed(format!("can't be had: Vault at {base} is sealed; unseal it"), true))
            }
            status => {
                let may_pass = status.is_server_error() || matches!(status.as_u16(), 412 | 429 | 472 | 473);
                Err(failed(format!("can't be had: Vault at {base} answers {status} ({said})"), may_pass))
            }
        }
    }

    /// Whether the token's file holds another one by now; it is used from here on.
    fn has_new_token(&self) -> store::Result<bool> {
        if matches!(self.source, Source::Text(_)) {
            return Ok(false);
        }
        let new =
            read_token(&self.source).map_err(|error| failed(format!("can't be had: {error:#}"), true))?;
        let mut token = self.token.lock().unwrap_or_else(PoisonError::into_inner);
        let changed = token.expose_secret() != new.expose_secret();
        *token = new;
        Ok(changed)
    }

    fn token(&self) -> SecretString {
        self.token.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn text(&self, action: &str, body: Value, member: &str) -> store::Result<String> {
        let Address { mount, key, .. } = &self.address;
        let data = self.ask(&format!("{mount}/{action}/{key}"), body).await?;
        let text = data.get(member).and_then(Value::as_str).map(str::to_owned);
        text.ok_or_else(|| failed("can't be had: Vault's answer is not that of a transit engine", false))
    }
}

impl KeyService for Vault {
    fn wrap<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, store::Result<Vec<u8>>> {
        Box::pin(async move {
            let plain = base64_simd::STANDARD.encode_to_string(key.as_slice());
            Ok(self.text("encrypt", json!({"plaintext": plain}), "ciphertext").await?.into_bytes())
        })
    }

    fn unwrap<'a>(&'a self, wrapped: &'a [u8]) -> BoxFuture<'a, store::Result<Key>> {
        Box::pin(async move {
            let unsealable = || StoreError::Unsealable { what: "data key" };
            // What another master key wrapped is no business of Vault's.
            let text = std::str::from_utf8(wrapped).ok().filter(|_| wrapped.starts_with(MARK));
            let text = text.ok_or_else(unsealable)?;
            let plain = Zeroizing::new(self.text("decrypt", json!({"ciphertext": text}), "plaintext").await?);
            let plain = base64_simd::STANDARD.decode_to_vec(plain.as_bytes()).map(Zeroizing::new);
            let key = plain.ok().and_then(|plain| <[u8; 32]>::try_from(plain.as_slice()).ok());
            key.map(Key::new).ok_or_else(unsealable)
        })
    }

    fn rewrap<'a>(&'a self, wrapped: &'a [u8]) -> BoxFuture<'a, store::Result<Vec<u8>>> {
        Box::pin(async move {
            let text = std::str::from_utf8(wrapped).ok().filter(|_| wrapped.starts_with(MARK));
            let text = text.ok_or(StoreError::Unsealable { what: "data key" })?;
            Ok(self.text("rewrap", json!({"ciphertext": text}), "ciphertext").await?.into_bytes())
        })
    }
}

fn failed(why: impl Into<String>, may_pass: bool) -> StoreError {
    StoreError::KeyService { why: why.into(), may_pass }
}

/// Whether Vault complains of what it is to unwrap.
fn is_about_the_text(said: &str) -> bool {
    ["authentication failed", "invalid ciphertext", "version"].iter().any(|words| said.contains(words))
}

fn read_token(source: &Source) -> anyhow::Result<SecretString> {
    match source {
        Source::Text(token) => Ok(token.clone()),
        Source::File(path) => {
            let text = std::fs::read_to_string(path).map(Zeroizing::new);
            let text = text.with_context(|| format!("keys.token_file {} cannot be read", path.display()))?;
            Ok(SecretString::from(text.trim()))
        }
    }
}
