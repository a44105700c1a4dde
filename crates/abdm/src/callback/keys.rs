//! The gateway's keys: cached, and fetched again for an unknown one, by one caller at a time and not too often.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use jsonwebtoken::{Algorithm, DecodingKey};
use tokio::sync::Mutex;

use super::{KeySource, Refused, Verifier};
use crate::clock::SharedClock;
use crate::error::Failure;
use crate::wire::cert::{Key, KeySet};

/// A key with the one algorithm that it may be used with.
pub(super) struct SigningKey {
    pub(super) key: DecodingKey,
    pub(super) algorithm: Algorithm,
    pub(super) name: String,
}

/// How long after a vain attempt the keys are asked for again while there are none.
const WITHOUT_KEYS: Duration = Duration::from_secs(1);

type KeyMap = HashMap<String, Arc<SigningKey>>;

pub(super) struct Keys {
    source: Arc<dyn KeySource>,
    clock: SharedClock,
    refetch: Duration,
    cached: RwLock<Arc<KeyMap>>,
    /// When the keys were last asked for, in [`crate::clock::Clock::elapsed`]; held while asking.
    asked: Mutex<Option<Duration>>,
}

impl Keys {
    pub(super) fn new(source: Arc<dyn KeySource>, clock: SharedClock, refetch: Duration) -> Self {
        Self { source, clock, refetch, cached: RwLock::default(), asked: Mutex::default() }
    }

    pub(super) async fn get(&self, kid: &str) -> Result<Arc<SigningKey>, Refused> {
        if let Some(key) = self.cached(kid) {
            return Ok(key);
        }
        let mut asked = self.asked.lock().await;
        if let Some(key) = self.cached(kid) {
            return Ok(key);
        }
        let now = self.clock.elapsed();
        // Without any key every callback is refused, and comes again after a quarter of an hour only.
        let pause = if self.is_empty() { self.refetch.min(WITHOUT_KEYS) } else { self.refetch };
        if asked.is_none_or(|at| now.saturating_sub(at) >= pause) {
            *asked = Some(now);
            self.fetch().await.map_err(|failure| {
                tracing::warn!(error = %failure, "the gateway's keys could not be fetched");
                Refused::NoKeys
            })?;
        }
        self.cached(kid).ok_or_else(|| self.unknown())
    }

    pub(super) async fn fetch_now(&self) -> Result<(), Failure> {
        let mut asked = self.asked.lock().await;
        *asked = Some(self.clock.elapsed());
        self.fetch().await
    }

    /// Replaces the keys by the gateway's present ones; keeps the old ones if there are none to be had.
    async fn fetch(&self) -> Result<(), Failure> {
        let keys = usable(&self.source.keys().await?);
        *self.cached.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(keys);
        Ok(())
    }

    fn cached(&self, kid: &str) -> Option<Arc<SigningKey>> {
        self.cached.read().unwrap_or_else(PoisonError::into_inner).get(kid).cloned()
    }

    /// Without any key at all it is not the token's fault.
    fn unknown(&self) -> Refused {
        if self.is_empty() { Refused::NoKeys } else { Refused::UnknownKey }
    }

    fn is_empty(&self) -> bool {
        self.cached.read().unwrap_or_else(PoisonError::into_inner).is_empty()
    }
}

fn usable(set: &KeySet) -> KeyMap {
    set.keys.iter().filter_map(signing_key).collect()
}

fn signing_key(key: &Key) -> Option<(String, Arc<SigningKey>)> {
    let for_signing = key.usage.as_deref().is_none_or(|usage| usage == "sig");
    let rsa = key.kty.as_deref().is_none_or(|kty| kty == "RSA");
    let name = key.alg.clone().filter(|_| for_signing && rsa)?;
    let algorithm = algorithm(&name)?;
    let decoding = DecodingKey::from_rsa_components(key.n.as_deref()?, key.e.as_deref()?).ok()?;
    Some((key.kid.clone()?, Arc::new(SigningKey { key: decoding, algorithm, name })))
}

pub(crate) fn algorithm(name: &str) -> Option<Algorithm> {
    Some(match name {
        "RS256" => Algorithm::RS256,
        "RS384" => Algorithm::RS384,
        "RS512" => Algorithm::RS512,
        "PS256" => Algorithm::PS256,
        "PS384" => Algorithm::PS384,
        "PS512" => Algorithm::PS512,
        _ => return None,
    })
}

/// Whether an algorithm needs a private key to sign: `none` and HMAC with a public key as secret are the two
/// classic forgeries.
pub(super) fn is_asymmetric(name: &str) -> bool {
    algorithm(name).is_some()
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier").field("config", &self.config).finish_non_exhaustive()
    }
}
