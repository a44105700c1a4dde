//! Genuine tokens, late ones, and every forgery we know of.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::encoding::Pkcs8V1Der;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::RsaKeyPair;
use jsonwebtoken::{Algorithm, EncodingKey, Header as JwtHeader};
use serde_json::json;
use tokio::sync::Mutex;

use super::*;
use crate::clock::{Clock, ManualClock};
use crate::error::{Delivery, Retry};
use crate::wire::cert::Key;

/// A key pair of some realm.
struct Signer {
    key: EncodingKey,
    public: Key,
}

impl Signer {
    fn new(kid: &str, alg: &str) -> Self {
        let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
        let der: Pkcs8V1Der = pair.as_der().unwrap();
        let base64 = base64_simd::STANDARD.encode_to_string(der.as_ref());
        let lines: Vec<_> = base64.as_bytes().chunks(64).map(|line| str::from_utf8(line).unwrap()).collect();
        let pem = format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", lines.join("\n"));
        let key = EncodingKey::from_rsa_pem(pem.as_bytes()).unwrap();
        let jwk = serde_json::to_value(
            jsonwebtoken::jwk::Jwk::from_encoding_key(&key, super::keys::algorithm(alg).unwrap()).unwrap(),
        )
        .unwrap();
        let text = |name: &str| jwk[name].as_str().map(str::to_owned);
        let public = Key {
            kid: Some(kid.to_owned()),
            kty: Some("RSA".to_owned()),
            usage: Some("sig".to_owned()),
            alg: Some(alg.to_owned()),
            n: text("n"),
            e: text("e"),
        };
        Self { key, public }
    }

    fn sign(&self, alg: Algorithm, kid: Option<&str>, claims: &Value) -> String {
        let header = JwtHeader { kid: kid.map(str::to_owned), ..JwtHeader::new(alg) };
        format!("Bearer {}", jsonwebtoken::encode(&header, claims, &self.key).unwrap())
    }
}

/// The gateway's RS256 key, its RS512 key, and somebody else's.
fn signers() -> &'static [Signer; 3] {
    static SIGNERS: OnceLock<[Signer; 3]> = OnceLock::new();
    SIGNERS.get_or_init(|| {
        [Signer::new("k256", "RS256"), Signer::new("k512", "RS512"), Signer::new("k256", "RS256")]
    })
}

#[derive(Default)]
struct Source {
    set: Mutex<Option<KeySet>>,
    fetched: AtomicUsize,
}

impl Source {
    fn fetched(&self) -> usize {
        self.fetched.load(Ordering::SeqCst)
    }
}

impl KeySource for Source {
    fn keys(&self) -> BoxFuture<'_, Result<KeySet, Failure>> {
        Box::pin(async {
            self.fetched.fetch_add(1, Ordering::SeqCst);
            tokio::task::yield_now().await;
            let down = || Failure::without_answer("down", Retry::Later, Delivery::NotSent);
            self.set.lock().await.clone().ok_or_else(down)
        })
    }
}

struct Bench {
    verifier: Verifier,
    source: Arc<Source>,
    clock: ManualClock,
}

const NOW: i64 = 1_790_000_000;

fn bench(config: VerifierConfig) -> Bench {
    let keys = signers()[..2].iter().map(|signer| signer.public.clone()).collect();
    let source = Arc::new(Source { set: Mutex::new(Some(KeySet { keys })), fetched: AtomicUsize::new(0) });
    let clock = ManualClock::at(Timestamp::from_second(NOW).unwrap());
    let verifier = Verifier::new(config, Arc::clone(&source) as _, Arc::new(clock.clone()));
    Bench { verifier, source, clock }
}

fn claims() -> Value {
    json!({
        "typ": "Bearer", "iss": "https://dev.abdm.gov.in/auth/realms/central-registry", "aud": "account",
        "azp": "gateway", "clientId": "gateway", "iat": NOW - 60, "exp": NOW + 1140,
    })
}

fn with(name: &str, value: Value) -> Value {
    let mut claims = claims();
    claims[name] = value;
    claims
}

fn genuine(claims: &Value) -> String {
    signers()[0].sign(Algorithm::RS256, Some("k256"), claims)
}

#[tokio::test]
async fn a_genuine_token_is_taken_and_its_claims_told() {
    let Bench { verifier, source, .. } = bench(VerifierConfig::default());
    let verified = verifier.verify(Some(&genuine(&claims()))).await.unwrap();
    assert_eq!(verified.late_by, Duration::ZERO);
    assert_eq!(verified.claims.azp.as_deref(), Some("gateway"));
    assert_eq!(verified.claims.aud, ["account"]);
    assert_eq!(verified.claims.exp.as_second(), NOW + 1140);
    for _ in 0..5 {
        verifier.verify(Some(&genuine(&claims()))).await.unwrap();
    }
    assert_eq!(source.fetched(), 1, "the keys are cached");
}

#[tokio::test]
async fn each_key_is_used_with_its_own_algorithm_only() {
    let Bench { verifier, .. } = bench(VerifierConfig::default());
    let [rs256, rs512, _] = signers();
    let right = rs512.sign(Algorithm::RS512, Some("k512"), &claims());
    verifier.verify(Some(&right)).await.unwrap();
    for wrong in [
        rs512.sign(Algorithm::RS256, Some("k512"), &claims()),
        rs256.sign(Algorithm::RS384, Some("k256"), &claims()),
        rs256.sign(Algorithm::PS256, Some("k256"), &claims()),
    ] {
        assert_eq!(verifier.verify(Some(&wrong)).await, Err(Refused::Algorithm));
    }
}

#[tokio::test]
async fn a_repeated_callbacks_expired_token_is_taken_for_an_hour() {
    let Bench { verifier, .. } = bench(VerifierConfig::default());
    for (late, taken) in [(0, true), (965, true), (3600, true), (3601, false), (86_400, false)] {
        let token = genuine(&with("exp", json!(NOW - late)));
        let outcome = verifier.verify(Some(&token)).await;
        let late = Duration::from_secs(late.unsigned_abs());
        let expected = if taken { Ok(late) } else { Err(Refused::Late(late)) };
        assert_eq!(outcome.map(|verified| verified.late_by), expected);
    }
}

#[tokio::test]
async fn forgeries_are_refused() {
    let Bench { verifier, source, .. } = bench(VerifierConfig::default());
    let [gateway, _, other] = signers();
    let part = |value: &Value| base64_simd::URL_SAFE_NO_PAD.encode_to_string(value.to_string());
    let unsigned =
        |alg: &str| format!("Bearer {}.{}.", part(&json!({"alg": alg, "kid": "k256"})), part(&claims()));
    let hmac = |secret: &[u8]| {
        let header = JwtHeader { kid: Some("k256".to_owned()), ..JwtHeader::new(Algorithm::HS256) };
        format!(
            "Bearer {}",
            jsonwebtoken::encode(&header, &claims(), &EncodingKey::from_secret(secret)).unwrap()
        )
    };
    let modulus = gateway.public.n.as_deref().unwrap();
    let good = genuine(&claims());
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let (header, _) = signed.split_once('.').unwrap();
    let forged = part(&with("sub", json!("someone")));
    for (token, refused) in [
        (unsigned("none"), Refused::Algorithm),
        (unsigned("None"), Refused::Algorithm),
        (unsigned("RS256"), Refused::Signature),
        (hmac(modulus.as_bytes()), Refused::Algorithm),
        (hmac(&base64_simd::URL_SAFE_NO_PAD.decode_to_vec(modulus).unwrap()), Refused::Algorithm),
        (other.sign(Algorithm::RS256, Some("k256"), &claims()), Refused::Signature),
        (format!("{header}.{forged}.{signature}"), Refused::Signature),
        (gateway.sign(Algorithm::RS256, None, &claims()), Refused::Malformed("no kid")),
        (genuine(&with("azp", json!("SBX_000001"))), Refused::Claim("azp".to_owned())),
        (genuine(&with("azp", json!(null))), Refused::Claim("azp".to_owned())),
        (genuine(&with("azp", json!(["SBX_000001"]))), Refused::Claim("azp".to_owned())),
        (genuine(&with("exp", json!(null))), Refused::Malformed("no exp")),
        (genuine(&with("exp", json!("tomorrow"))), Refused::Malformed("time claim")),
        (genuine(&with("exp", json!(1e300))), Refused::Malformed("time claim")),
        (genuine(&json!([1])), Refused::Malformed("claims")),
    ] {
        assert_eq!(verifier.verify(Some(&token)).await, Err(refused), "{token}");
    }
    assert_eq!(source.fetched(), 1);
}

#[tokio::test]
async fn what_is_no_bearer_token_is_refused_without_asking_for_keys() {
    let Bench { verifier, source, .. } = bench(VerifierConfig::default());
    let long = format!("Bearer {}", "a".repeat(20_000));
    let crit =
        base64_simd::URL_SAFE_NO_PAD.encode_to_string(r#"{"alg":"RS256","kid":"k256","crit":["b64"]}"#);
    let crit = format!("Bearer {crit}.e30.c2ln");
    for (header, refused) in [
        (None, "missing"),
        (Some(""), "not_bearer"),
        (Some("Bearer"), "not_bearer"),
        (Some("Basic dXNlcjpwYXNz"), "not_bearer"),
        (Some("Bearer abc"), "malformed"),
        (Some("Bearer a.b"), "malformed"),
        (Some("Bearer ..."), "malformed"),
        (Some("Bearer e30.e30.e30"), "malformed"),
        (Some("Bearer !!.e30.e30"), "malformed"),
        (Some(long.as_str()), "malformed"),
        (Some(crit.as_str()), "malformed"),
    ] {
        assert_eq!(verifier.verify(header).await.unwrap_err().reason(), refused, "{header:?}");
    }
    assert_eq!(source.fetched(), 0);
}

#[tokio::test]
async fn the_scheme_is_read_without_case() {
    let Bench { verifier, .. } = bench(VerifierConfig::default());
    let token = genuine(&claims()).replace("Bearer", "bearer");
    assert!(verifier.verify(Some(&token)).await.is_ok());
}

#[tokio::test]
async fn configured_claims_must_all_hold() {
    let expect = [
        ("azp", "gateway"),
        ("aud", "account"),
        ("iss", "https://dev.abdm.gov.in/auth/realms/central-registry"),
    ];
    let claims_of = expect.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let Bench { verifier, .. } = bench(VerifierConfig { claims: claims_of, ..VerifierConfig::default() });
    for (claims, refused) in [
        (claims(), None),
        (with("aud", json!(["other", "account"])), None),
        (with("aud", json!(["other"])), Some("aud")),
        (with("aud", json!("ACCOUNT")), Some("aud")),
        (with("iss", json!("https://elsewhere")), Some("iss")),
    ] {
        let outcome = verifier.verify(Some(&genuine(&claims))).await.err();
        assert_eq!(outcome, refused.map(|name| Refused::Claim(name.to_owned())));
    }
}

#[tokio::test]
async fn a_token_from_the_future_is_refused_beyond_five_minutes() {
    let Bench { verifier, .. } = bench(VerifierConfig::default());
    for (name, ahead, refused) in [
        ("iat", 300, None),
        ("iat", 301, Some(Refused::Early)),
        ("nbf", 300, None),
        ("nbf", 301, Some(Refused::Early)),
    ] {
        let token = genuine(&with(name, json!(NOW + ahead)));
        assert_eq!(verifier.verify(Some(&token)).await.err(), refused, "{name} {ahead}");
    }
    let fraction = genuine(&with("iat", json!(1_790_000_000.75)));
    assert!(verifier.verify(Some(&fraction)).await.is_ok());
}

#[tokio::test]
async fn an_unknown_key_is_asked_for_once_and_not_again_for_a_while() {
    let Bench { verifier, source, clock } = bench(VerifierConfig::default());
    let stranger = signers()[2].sign(Algorithm::RS256, Some("new"), &claims());
    for _ in 0..10 {
        assert_eq!(verifier.verify(Some(&stranger)).await, Err(Refused::UnknownKey));
    }
    assert_eq!(source.fetched(), 1);

    let mut rotated = signers()[2].public.clone();
    rotated.kid = Some("new".to_owned());
    source.set.lock().await.as_mut().unwrap().keys = vec![rotated];
    assert_eq!(verifier.verify(Some(&stranger)).await, Err(Refused::UnknownKey));
    clock.advance(Duration::from_secs(10));
    assert!(verifier.verify(Some(&stranger)).await.is_ok(), "a key rolled over at the gateway is found");
    assert_eq!(
        verifier.verify(Some(&genuine(&claims()))).await,
        Err(Refused::UnknownKey),
        "and the old one is gone"
    );
    assert_eq!(source.fetched(), 2);
}

#[tokio::test]
async fn without_keys_nothing_is_taken_until_they_can_be_had() {
    let Bench { verifier, source, clock } = bench(VerifierConfig::default());
    let set = source.set.lock().await.take();
    assert!(verifier.warm().await.is_err());
    for _ in 0..3 {
        assert_eq!(verifier.verify(Some(&genuine(&claims()))).await, Err(Refused::NoKeys));
    }
    *source.set.lock().await = set;
    assert_eq!(source.fetched(), 1, "nobody is asked again at once");
    clock.advance(Duration::from_secs(1));
    assert!(verifier.verify(Some(&genuine(&claims()))).await.is_ok());
}

#[tokio::test]
async fn a_failed_fetch_keeps_the_keys_that_are_known() {
    let Bench { verifier, source, clock } = bench(VerifierConfig::default());
    verifier.warm().await.unwrap();
    *source.set.lock().await = None;
    clock.advance(Duration::from_mins(1));
    let stranger = signers()[2].sign(Algorithm::RS256, Some("new"), &claims());
    assert_eq!(verifier.verify(Some(&stranger)).await, Err(Refused::NoKeys));
    assert!(verifier.verify(Some(&genuine(&claims()))).await.is_ok());
}

#[tokio::test]
async fn keys_that_do_not_say_what_they_are_for_are_not_used() {
    let change: [fn(&mut Key); 5] = [
        |key| key.alg = None,
        |key| key.alg = Some("HS256".to_owned()),
        |key| key.usage = Some("enc".to_owned()),
        |key| key.kty = Some("EC".to_owned()),
        |key| key.n = Some("not base64!".to_owned()),
    ];
    for change in change {
        let Bench { verifier, source, .. } = bench(VerifierConfig::default());
        change(&mut source.set.lock().await.as_mut().unwrap().keys[0]);
        assert_eq!(verifier.verify(Some(&genuine(&claims()))).await, Err(Refused::UnknownKey));
    }
}

#[tokio::test]
async fn many_callbacks_at_once_fetch_the_keys_once() {
    let Bench { verifier, source, clock } = bench(VerifierConfig::default());
    let token = genuine(&claims());
    let all = (0..50).map(|_| verifier.verify(Some(&token)));
    assert!(futures_util::future::join_all(all).await.iter().all(Result::is_ok));
    assert_eq!(source.fetched(), 1);
    assert_eq!(clock.elapsed(), Duration::ZERO);
}
