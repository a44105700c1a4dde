//! How many callbacks a second one core can verify: `cargo bench -p abdm`.
#![expect(clippy::unwrap_used, reason = "a bench that cannot be set up has nothing to measure")]

use std::sync::Arc;

use abdm::callback::{KeySource, Verifier, VerifierConfig};
use abdm::clock::ManualClock;
use abdm::error::Failure;
use abdm::wire::cert::{Key, KeySet};
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::RsaKeyPair;
use futures_util::future::BoxFuture;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::json;

fn main() {
    divan::main();
}

struct Source(KeySet);

impl KeySource for Source {
    fn keys(&self) -> BoxFuture<'_, Result<KeySet, Failure>> {
        Box::pin(async { Ok(self.0.clone()) })
    }
}

fn key_pair() -> (EncodingKey, Key) {
    let der: Pkcs8V1Der = RsaKeyPair::generate(KeySize::Rsa2048).unwrap().as_der().unwrap();
    let base64 = base64_simd::STANDARD.encode_to_string(der.as_ref());
    let pem = format!("-----BEGIN PRIVATE KEY-----\n{base64}\n-----END PRIVATE KEY-----\n");
    let private = EncodingKey::from_rsa_pem(pem.as_bytes()).unwrap();
    let jwk = Jwk::from_encoding_key(&private, Algorithm::RS256).unwrap();
    let public: Key = serde_json::from_value(serde_json::to_value(jwk).unwrap()).unwrap();
    let (kid, alg) = (Some("k".to_owned()), Some("RS256".to_owned()));
    (private, Key { kid, alg, ..public })
}

#[divan::bench]
fn a_callback_token_with_a_cached_key(bencher: divan::Bencher<'_, '_>) {
    const NOW: i64 = 1_790_000_000;
    let (private, public) = key_pair();
    let header = Header { kid: Some("k".to_owned()), ..Header::new(Algorithm::RS256) };
    let claims = json!({"iss": "https://dev.abdm.gov.in/auth/realms/central-registry", "aud": "account",
        "azp": "gateway", "typ": "Bearer", "clientId": "gateway", "iat": NOW, "exp": NOW + 1200});
    let token = format!("Bearer {}", jsonwebtoken::encode(&header, &claims, &private).unwrap());

    let clock = ManualClock::at(jiff::Timestamp::from_second(NOW).unwrap());
    let source = Source(KeySet { keys: vec![public] });
    let verifier = Verifier::new(VerifierConfig::default(), Arc::new(source), Arc::new(clock));
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    bencher
        .counter(divan::counter::ItemsCount::new(1usize))
        .bench_local(|| runtime.block_on(verifier.verify(Some(divan::black_box(&token)))).unwrap());
}
