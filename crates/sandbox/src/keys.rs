//! The realm's keys and what is signed with them. The keys are part of the source, so that a sandbox that was
//! started again is still trusted by whoever cached them; they protect nothing.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    KeyPair as _, RSA_PKCS1_2048_8192_SHA512, RSA_PKCS1_SHA256, RSA_PKCS1_SHA512, RsaEncoding, RsaKeyPair,
    UnparsedPublicKey,
};
use aws_lc_rs::{digest, hmac};
use base64_simd::{STANDARD, URL_SAFE_NO_PAD};
use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::world::linkings::ApiVersion;

const RS256: &[u8] = include_bytes!("../keys/rs256.pkcs1.der");
const RS256_CERT: &[u8] = include_bytes!("../keys/rs256.crt.der");
const RS512: &[u8] = include_bytes!("../keys/rs512.pkcs1.der");
const RS512_CERT: &[u8] = include_bytes!("../keys/rs512.crt.der");
const V05: &[u8] = include_bytes!("../keys/v05.pkcs1.der");
const V05_CERT: &[u8] = include_bytes!("../keys/v05.crt.der");
const CONSENT: &[u8] = include_bytes!("../keys/consent.pkcs1.der");
const STRANGER: &[u8] = include_bytes!("../keys/stranger.pkcs1.der");

/// Life of a callback's token: `exp` is this long after `iat`.
const CALLBACK_TOKEN: i64 = 1200;

/// A key of the realm could not be read.
#[derive(Debug, thiserror::Error)]
#[error("the sandbox's built-in key {0} cannot be read")]
pub struct KeyError(&'static str);

/// One RSA key with the name that tokens call it by.
struct Key {
    pair: RsaKeyPair,
    kid: String,
}

impl Key {
    fn read(name: &'static str, der: &[u8]) -> Result<Self, KeyError> {
        let pair = RsaKeyPair::from_der(der).map_err(|_| KeyError(name))?;
        let kid = encode(digest::digest(&digest::SHA256, pair.public_key().as_ref()).as_ref());
        Ok(Self { pair, kid })
    }

    fn sign(&self, padding: &'static dyn RsaEncoding, text: &[u8]) -> Vec<u8> {
        let mut signature = vec![0; self.pair.public_modulus_len()];
        // Signing fails only for a buffer of the wrong length.
        let _ = self.pair.sign(padding, &SystemRandom::new(), text, &mut signature);
        signature
    }

    /// The member of the certificate set that publishes this key.
    fn published(&self, alg: &str, certificate: &[u8]) -> Value {
        // PKCS#1: 30 82 01 0a, 02 82 01 01 00 and the modulus, 02 03 01 00 01.
        let modulus = self.pair.public_key().as_ref().get(9..265).unwrap_or_default();
        let digest_of = |algorithm| encode(digest::digest(algorithm, certificate).as_ref());
        json!({
            "kid": self.kid, "kty": "RSA", "alg": alg, "use": "sig", "n": encode(modulus), "e": "AQAB",
            "x5c": [STANDARD.encode_to_string(certificate)],
            "x5t": digest_of(&digest::SHA1_FOR_LEGACY_USE_ONLY), "x5t2": digest_of(&digest::SHA256),
        })
    }
}

/// All keys of a sandbox.
pub(crate) struct Keys {
    session: Key,
    link: Key,
    consent: Key,
    stranger: Key,
    /// Signs all of v0.5, whose certificate set is another one.
    older: Key,
    issuer: String,
    /// The token that callbacks carry at present, and when it was made.
    current: Mutex<Option<(Timestamp, String)>>,
    /// The same for those of v0.5.
    current_older: Mutex<Option<(Timestamp, String)>>,
}

impl Keys {
    pub(crate) fn builtin(issuer: &str) -> Result<Self, KeyError> {
        Ok(Self {
            session: Key::read("rs256", RS256)?,
            link: Key::read("rs512", RS512)?,
            consent: Key::read("consent", CONSENT)?,
            stranger: Key::read("stranger", STRANGER)?,
            older: Key::read("v05", V05)?,
            issuer: issuer.to_owned(),
            current: Mutex::new(None),
            current_older: Mutex::new(None),
        })
    }

    /// The certificate set: one RS256 and one RS512 key.
    pub(crate) fn published(&self) -> Value {
        json!({"keys": [self.session.published("RS256", RS256_CERT), self.link.published("RS512", RS512_CERT)]})
    }

    /// The certificate set of v0.5.
    pub(crate) fn published_v05(&self) -> Value {
        json!({"keys": [self.older.published("RS256", V05_CERT)]})
    }

    /// The session token of `client`.
    pub(crate) fn session_token(
        &self,
        version: ApiVersion,
        client: &str,
        now: Timestamp,
        life: Duration,
    ) -> String {
        let life = i64::try_from(life.as_secs()).unwrap_or(CALLBACK_TOKEN);
        self.rs256(version, &self.claims(client, now, life))
    }

    /// The gateway's own token, as callbacks carry it: made up to `age` before its use and shared by all
    /// callbacks of that time.
    pub(crate) fn callback_token(&self, version: ApiVersion, now: Timestamp, age: Duration) -> String {
        let current = match version {
            ApiVersion::V3 => &self.current,
            ApiVersion::V05 => &self.current_older,
        };
        let mut current = current.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((made, token)) = current.as_ref() {
            let since = now.duration_since(*made);
            if !since.is_negative() && since.unsigned_abs() <= age {
                return token.clone();
            }
        }
        let token = self.rs256(version, &self.claims("gateway", now, CALLBACK_TOKEN));
        *current = Some((now, token.clone()));
        token
    }

    /// A link token: RS512 by the second key of the set.
    pub(crate) fn link_token(&self, claims: &Value) -> String {
        let text = signing_input(&json!({"alg": "RS512", "kid": self.link.kid, "typ": "JWT"}), claims);
        let signature = self.link.sign(&RSA_PKCS1_SHA512, text.as_bytes());
        format!("{text}.{}", encode(&signature))
    }

    /// The claims of a link token that this realm signed, whatever its age; `None` for any other text.
    pub(crate) fn read_link_token(&self, token: &str) -> Option<Value> {
        let (text, signature) = token.rsplit_once('.')?;
        let (header, claims) = text.split_once('.')?;
        let header: Value = serde_json::from_slice(&decode(header)?).ok()?;
        if header.get("alg")? != "RS512" {
            return None;
        }
        UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA512, self.link.pair.public_key().as_ref())
            .verify(text.as_bytes(), &decode(signature)?)
            .ok()?;
        serde_json::from_slice(&decode(claims)?).ok()
    }

    /// The consent manager's signature over an artefact: 256 bytes in base64. Its key is not in the certificate
    /// set, as it is not at ABDM.
    pub(crate) fn consent_signature(&self, detail: &str) -> String {
        STANDARD.encode_to_string(self.consent.sign(&RSA_PKCS1_SHA256, detail.as_bytes()))
    }

    /// The public half of what signs artefacts, in PEM.
    pub(crate) fn consent_key(&self) -> String {
        // RFC 8017: SubjectPublicKeyInfo of rsaEncryption around the PKCS#1 key of 270 bytes.
        const HEAD: [u8; 24] = [
            0x30, 0x82, 0x01, 0x22, 0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01,
            0x01, 0x05, 0x00, 0x03, 0x82, 0x01, 0x0f, 0x00,
        ];
        let der = [&HEAD, self.consent.pair.public_key().as_ref()].concat();
        format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", STANDARD.encode_to_string(der))
    }

    /// A token for a callback of the tester's own making.
    pub(crate) fn forged(&self, version: ApiVersion, kind: &Forgery, now: Timestamp) -> Option<String> {
        let genuine = self.claims("gateway", now, CALLBACK_TOKEN);
        let shifted = |seconds: i64| {
            let at = Timestamp::from_second(now.as_second().saturating_add(seconds)).unwrap_or(now);
            self.claims("gateway", at, CALLBACK_TOKEN)
        };
        let token = match kind {
            Forgery::None => return None,
            Forgery::Garbage => "not.a.token".to_owned(),
            Forgery::Genuine => self.rs256(version, &genuine),
            Forgery::AlgNone => {
                format!("{}.", signing_input(&json!({"alg": "none", "typ": "JWT"}), &genuine))
            }
            Forgery::Hmac => self.hmac(&genuine),
            Forgery::WrongKey => self.signed(&self.stranger, &self.session.kid, &genuine),
            Forgery::UnknownKid => self.signed(&self.stranger, &self.stranger.kid, &genuine),
            Forgery::OtherParty => self.rs256(version, &self.claims("SBX_999999", now, CALLBACK_TOKEN)),
            Forgery::Expired(seconds) => self.rs256(version, &shifted(-CALLBACK_TOKEN - seconds)),
            Forgery::Future(seconds) => self.rs256(version, &shifted(*seconds)),
            Forgery::Claim(name, value) => self.rs256(version, &with_claim(genuine, name, value)),
        };
        Some(token)
    }

    /// HMAC keyed with the public key, which a verifier that trusts the token's `alg` would accept.
    fn hmac(&self, claims: &Value) -> String {
        let text = signing_input(&json!({"alg": "HS256", "kid": self.session.kid, "typ": "JWT"}), claims);
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.session.pair.public_key().as_ref());
        format!("{text}.{}", encode(hmac::sign(&key, text.as_bytes()).as_ref()))
    }

    fn rs256(&self, version: ApiVersion, claims: &Value) -> String {
        let key = match version {
            ApiVersion::V3 => &self.session,
            ApiVersion::V05 => &self.older,
        };
        self.signed(key, &key.kid, claims)
    }

    #[expect(clippy::unused_self, reason = "reads as the other signers do")]
    fn signed(&self, key: &Key, kid: &str, claims: &Value) -> String {
        let text = signing_input(&json!({"alg": "RS256", "kid": kid, "typ": "JWT"}), claims);
        let signature = key.sign(&RSA_PKCS1_SHA256, text.as_bytes());
        format!("{text}.{}", encode(&signature))
    }

    fn claims(&self, client: &str, now: Timestamp, life: i64) -> Value {
        let issued = now.as_second();
        json!({
            "exp": issued.saturating_add(life), "iat": issued, "jti": Uuid::new_v4().to_string(),
            "iss": self.issuer, "aud": "account", "sub": Uuid::new_v4().to_string(), "typ": "Bearer",
            "azp": client, "session_state": Uuid::new_v4().to_string(), "acr": "1",
            "realm_access": {"roles": ["hiu", "offline_access", "hip"]}, "scope": "email profile",
            "clientId": client, "clientHost": "10.0.0.1", "clientAddress": "10.0.0.1", "email_verified": false,
            "preferred_username": format!("service-account-{}", client.to_lowercase()),
        })
    }
}

/// Ways to get a callback's token right or wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Forgery {
    /// What the gateway itself would send.
    Genuine,
    /// No `Authorization` at all.
    None,
    /// Three parts that are no token.
    Garbage,
    /// `alg: none`, unsigned.
    AlgNone,
    /// HS256 keyed with the public key.
    Hmac,
    /// A key that is not ABDM's, under the name of one that is.
    WrongKey,
    /// A key that is not in the certificate set.
    UnknownKid,
    /// A real session token of another client of the realm.
    OtherParty,
    /// Past its `exp` by so many seconds.
    Expired(i64),
    /// Issued so many seconds ahead.
    Future(i64),
    /// Genuine but for one claim.
    Claim(String, String),
}

impl std::str::FromStr for Forgery {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let seconds = |text: &str| text.parse().map_err(|_| format!("{text:?} is not a number of seconds"));
        Ok(match text.split_once(':') {
            None => match text {
                "genuine" => Self::Genuine,
                "none" => Self::None,
                "garbage" => Self::Garbage,
                "algNone" => Self::AlgNone,
                "hmac" => Self::Hmac,
                "wrongKey" => Self::WrongKey,
                "unknownKid" => Self::UnknownKid,
                "otherParty" => Self::OtherParty,
                _ => return Err(format!("no kind of token is called {text:?}")),
            },
            Some(("expired", late)) => Self::Expired(seconds(late)?),
            Some(("future", ahead)) => Self::Future(seconds(ahead)?),
            Some(("claim", claim)) => {
                let (name, value) = claim.split_once('=').ok_or("a claim is given as claim:NAME=VALUE")?;
                Self::Claim(name.to_owned(), value.to_owned())
            }
            Some(_) => return Err(format!("no kind of token is called {text:?}")),
        })
    }
}

fn with_claim(mut claims: Value, name: &str, value: &str) -> Value {
    if let Some(members) = claims.as_object_mut() {
        members.insert(name.to_owned(), Value::from(value));
    }
    claims
}

fn signing_input(header: &Value, claims: &Value) -> String {
    format!("{}.{}", encode(header.to_string().as_bytes()), encode(claims.to_string().as_bytes()))
}

fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode_to_string(bytes)
}

fn decode(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode_to_vec(text).ok()
}
