//! Whether a callback is ABDM's: its bearer token is a JWT, signed with one of the gateway's keys.
//!
//! The signature alone says little: tokens of every registered party come from the same realm and the same key. So
//! the claims count, `azp` = `gateway` first. The token says nothing of the body; for that there is TLS.
//!
//! ABDM repeats a refused callback some 16 minutes later with the same token, expired by then. So a token is taken
//! for a while past its end, and how late it was is told.

mod keys;
mod refused;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use crate::clock::SharedClock;
use crate::error::Failure;
use crate::wire::cert::KeySet;

pub use refused::Refused;

pub(crate) use keys::algorithm;
use keys::{Keys, SigningKey};

/// Where the gateway's keys come from: [`crate::client::Gateway`], or a test.
pub trait KeySource: Send + Sync {
    /// Fetches the keys anew.
    fn keys(&self) -> BoxFuture<'_, Result<KeySet, Failure>>;
}

/// What a callback's token must say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifierConfig {
    /// Claims and their values. A claim that is a list must hold the value. Default: `azp` = `gateway`.
    pub claims: BTreeMap<String, String>,
    /// How long past its `exp` a token is taken. Default: an hour.
    pub late: Duration,
    /// How far `iat` and `nbf` may lie ahead of our clock. Default: five minutes.
    pub ahead: Duration,
    /// How long after fetching the keys an unknown `kid` does not fetch them again; a second at most while there are
    /// none at all. Default: ten seconds.
    pub refetch: Duration,
}

impl Default for VerifierConfig {
    fn default() -> Self {
        Self {
            claims: BTreeMap::from([("azp".to_owned(), "gateway".to_owned())]),
            late: Duration::from_hours(1),
            ahead: Duration::from_mins(5),
            refetch: Duration::from_secs(10),
        }
    }
}

/// A callback's token that holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// How long past its end it was used; zero if it had not ended.
    pub late_by: Duration,
    /// What it says, to be logged for whoever sets the expected values.
    pub claims: ClaimsSummary,
}

/// The claims of a callback's token that tell who made it for whom. Nothing in them is personal.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ClaimsSummary {
    /// Who made it.
    pub iss: Option<String>,
    /// For whom it was made.
    pub azp: Option<String>,
    /// Whom it is meant for.
    pub aud: Vec<String>,
    /// When it ends.
    pub exp: Timestamp,
}

/// Longest token looked at; real ones have 1 to 2 KB.
const LONGEST: usize = 16 << 10;

/// Verifies callbacks, to be shared. Keys are cached; one verification costs one RSA operation.
pub struct Verifier {
    config: VerifierConfig,
    keys: Keys,
    clock: SharedClock,
}

impl Verifier {
    /// Fetches nothing yet.
    #[must_use]
    pub fn new(config: VerifierConfig, source: Arc<dyn KeySource>, clock: SharedClock) -> Self {
        Self { keys: Keys::new(source, clock.clone(), config.refetch), config, clock }
    }

    /// Fetches the keys, so that the first callback need not wait for them.
    ///
    /// # Errors
    /// They cannot be had.
    pub async fn warm(&self) -> Result<(), Failure> {
        self.keys.fetch_now().await
    }

    /// Verifies the value of a callback's `Authorization` header.
    ///
    /// # Errors
    /// Anything that is not a valid token of ABDM's: the callback is to be answered 401.
    pub async fn verify(&self, authorization: Option<&str>) -> Result<Verified, Refused> {
        let token = bearer_token(authorization.ok_or(Refused::Missing)?)?;
        let parts = Parts::of(token)?;
        let key = self.keys.get(&parts.kid).await?;
        check_signature(&parts, &key)?;
        self.check_claims(&parts.claims()?)
    }

    fn check_claims(&self, claims: &Claims) -> Result<Verified, Refused> {
        for (name, expected) in &self.config.claims {
            if !claims.holds(name, expected) {
                return Err(Refused::Claim(name.clone()));
            }
        }
        let now = self.clock.now();
        let exp = claims.time("exp")?.ok_or(Refused::Malformed("no exp"))?;
        let ahead = [claims.time("iat")?, claims.time("nbf")?].into_iter().flatten().map(|at| after(now, at));
        if ahead.max().is_some_and(|ahead| ahead > self.config.ahead) {
            return Err(Refused::Early);
        }
        let late_by = after(exp, now);
        if late_by > self.config.late {
            return Err(Refused::Late(late_by));
        }
        Ok(Verified { late_by, claims: claims.summary(exp) })
    }
}

/// How long `later` is after `earlier`; zero if it is not.
fn after(earlier: Timestamp, later: Timestamp) -> Duration {
    Duration::try_from(later.duration_since(earlier)).unwrap_or(Duration::ZERO)
}

fn bearer_token(authorization: &str) -> Result<&str, Refused> {
    let (scheme, token) = authorization.trim().split_once(' ').ok_or(Refused::NotBearer)?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(Refused::NotBearer);
    }
    let token = token.trim();
    if token.len() > LONGEST { Err(Refused::Malformed("too long")) } else { Ok(token) }
}

/// A token taken apart; nothing of it is trusted yet.
struct Parts<'a> {
    signed: &'a str,
    signature: &'a str,
    payload: &'a str,
    alg: String,
    kid: String,
}

#[derive(Deserialize)]
struct Header<'a> {
    #[serde(borrow)]
    alg: Cow<'a, str>,
    #[serde(borrow)]
    kid: Option<Cow<'a, str>>,
    crit: Option<Value>,
}

impl<'a> Parts<'a> {
    fn of(token: &'a str) -> Result<Self, Refused> {
        let (signed, signature) = token.rsplit_once('.').ok_or(Refused::Malformed("not three parts"))?;
        let (header, payload) = signed.split_once('.').ok_or(Refused::Malformed("not three parts"))?;
        let header = part(header)?;
        let header: Header<'_> = serde_json::from_slice(&header).map_err(|_| Refused::Malformed("header"))?;
        if header.crit.is_some() {
            return Err(Refused::Malformed("critical extensions"));
        }
        let alg = header.alg.into_owned();
        if !keys::is_asymmetric(&alg) {
            return Err(Refused::Algorithm);
        }
        let kid = header.kid.ok_or(Refused::Malformed("no kid"))?.into_owned();
        Ok(Self { signed, signature, payload, alg, kid })
    }

    fn claims(&self) -> Result<Claims, Refused> {
        serde_json::from_slice(&part(self.payload)?).map(Claims).map_err(|_| Refused::Malformed("claims"))
    }
}

fn part(text: &str) -> Result<Vec<u8>, Refused> {
    base64_simd::URL_SAFE_NO_PAD.decode_to_vec(text).map_err(|_| Refused::Malformed("base64"))
}

/// The key decides the algorithm, never the token.
fn check_signature(parts: &Parts<'_>, key: &SigningKey) -> Result<(), Refused> {
    if key.name != parts.alg {
        return Err(Refused::Algorithm);
    }
    match jsonwebtoken::crypto::verify(parts.signature, parts.signed.as_bytes(), &key.key, key.algorithm) {
        Ok(true) => Ok(()),
        _ => Err(Refused::Signature),
    }
}

/// The claims of a token whose signature holds.
struct Claims(serde_json::Map<String, Value>);

impl Claims {
    fn holds(&self, name: &str, expected: &str) -> bool {
        match self.0.get(name) {
            Some(Value::String(text)) => text == expected,
            Some(Value::Array(entries)) => entries.iter().any(|entry| entry.as_str() == Some(expected)),
            _ => false,
        }
    }

    /// Seconds since 1970, fractions allowed (RFC 7519 NumericDate).
    fn time(&self, name: &'static str) -> Result<Option<Timestamp>, Refused> {
        let Some(value) = self.0.get(name).filter(|value| !value.is_null()) else { return Ok(None) };
        let seconds = value.as_i64().or_else(|| whole_seconds(value.as_f64()?));
        let at = seconds.and_then(|seconds| Timestamp::from_second(seconds).ok());
        at.map(Some).ok_or(Refused::Malformed("time claim"))
    }

    fn summary(&self, exp: Timestamp) -> ClaimsSummary {
        let text = |name| self.0.get(name).and_then(Value::as_str).map(str::to_owned);
        let aud = match self.0.get("aud") {
            Some(Value::String(aud)) => vec![aud.clone()],
            Some(Value::Array(aud)) => aud.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            _ => Vec::new(),
        };
        ClaimsSummary { iss: text("iss"), azp: text("azp"), aud, exp }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "fractions are cut off, and the range is checked")]
fn whole_seconds(seconds: f64) -> Option<i64> {
    (seconds.abs() < 1e15).then_some(seconds as i64)
}

#[cfg(test)]
mod tests;
