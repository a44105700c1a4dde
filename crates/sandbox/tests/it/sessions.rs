//! Sessions and certificates.

use std::time::Duration;

use base64_simd::URL_SAFE_NO_PAD;
use sandbox::SandboxConfig;
use serde_json::{Value, json};

use crate::bridge::{Bridge, Said, now_of, session_body};
use crate::hip::Hip;
use crate::{sandbox, timed};

const SESSIONS: &str = "/api/hiecm/gateway/v3/sessions";

pub(crate) fn claims(token: &str) -> Value {
    let part = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode_to_vec(part).unwrap()).unwrap()
}

pub(crate) fn header(token: &str) -> Value {
    let part = token.split('.').next().unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode_to_vec(part).unwrap()).unwrap()
}

async fn open(bridge: &Bridge, sandbox: &sandbox::Handle, body: &Value) -> Said {
    bridge.post(SESSIONS, body, now_of(sandbox).await).without("authorization").send().await
}

#[tokio::test]
async fn a_session_is_answered_202_in_the_documented_shape() {
    let sandbox = sandbox().await;
    let bridge = Bridge::of(&sandbox).await;
    let said = open(&bridge, &sandbox, &session_body()).await;
    assert_eq!(said.status, 202);
    let session = said.json();
    let names: Vec<_> = session.as_object().unwrap().keys().cloned().collect();
    assert_eq!(names, ["accessToken", "expiresIn", "refreshExpiresIn", "refreshToken", "tokenType"]);
    assert_eq!((&session["expiresIn"], &session["tokenType"]), (&json!(1200), &json!("bearer")));
    let claims = claims(session["accessToken"].as_str().unwrap());
    assert_eq!(
        (&claims["azp"], &claims["aud"], &claims["typ"]),
        (&json!("SBX_000000"), &json!("account"), &json!("Bearer"))
    );
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 1200);
}

#[tokio::test]
async fn wrong_credentials_are_refused_and_eight_failures_lock_the_client_for_eight_minutes() {
    let (sandbox, clock) = timed(SandboxConfig::default()).await;
    let bridge = Bridge::of(&sandbox).await;
    let mut wrong = session_body();
    wrong["clientId"] = json!("SBX_123456");
    assert_eq!(open(&bridge, &sandbox, &wrong).await.code(), (400, "1921".into()));
    let mut wrong = session_body();
    wrong["clientSecret"] = json!("no");
    for _ in 0..8 {
        assert_eq!(open(&bridge, &sandbox, &wrong).await.code(), (400, "1922".into()));
    }
    let locked = open(&bridge, &sandbox, &session_body()).await;
    assert_eq!(
        (locked.code(), locked.message().as_str()),
        ((400, "ABDM-9999".into()), "invalid user credentials")
    );
    clock.advance(Duration::from_secs(481));
    assert_eq!(open(&bridge, &sandbox, &session_body()).await.status, 202);
}

#[tokio::test]
async fn another_grant_type_is_refused() {
    let sandbox = sandbox().await;
    let bridge = Bridge::of(&sandbox).await;
    let mut body = session_body();
    body["grantType"] = json!("refresh_token");
    assert_eq!(open(&bridge, &sandbox, &body).await.code(), (400, "ABDM-1006".into()));
}

#[tokio::test]
async fn the_certificates_need_a_session_and_hold_one_key_of_each_algorithm() {
    let sandbox = sandbox().await;
    let bridge = Bridge::of(&sandbox).await;
    let now = now_of(&sandbox).await;
    let refused = bridge.get("/api/hiecm/gateway/v3/certs", now).without("authorization").send().await;
    assert_eq!(refused.status, 401);
    let keys = bridge.get("/api/hiecm/gateway/v3/certs", now).send().await.json();
    let keys = keys["keys"].as_array().unwrap().clone();
    let algorithms: Vec<_> = keys.iter().map(|key| key["alg"].as_str().unwrap()).collect();
    assert_eq!(algorithms, ["RS256", "RS512"]);
    for key in &keys {
        assert_eq!((&key["kty"], &key["use"], &key["e"]), (&json!("RSA"), &json!("sig"), &json!("AQAB")));
        assert_eq!(URL_SAFE_NO_PAD.decode_to_vec(key["n"].as_str().unwrap()).unwrap().len(), 256);
        assert_eq!(key["x5c"].as_array().unwrap().len(), 1);
    }
    let found = bridge
        .get("/api/hiecm/gateway/v3/.well-known/openid-configuration", now)
        .without("authorization")
        .send()
        .await;
    assert_eq!(found.json()["jwks_uri"], format!("{}/api/hiecm/gateway/v3/certs", sandbox.base_url()));
}

#[tokio::test]
async fn a_callbacks_token_verifies_with_the_published_key_and_has_the_observed_claims() {
    use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents};
    let sandbox = sandbox().await;
    let hip = Hip::of(&sandbox).await;
    hip.link_token(&sandbox).await;
    let callback = hip.first("on-generate-token").await;
    let token = callback.header("authorization").strip_prefix("Bearer ").unwrap().to_owned();
    let keys = hip.bridge.get("/api/hiecm/gateway/v3/certs", now_of(&sandbox).await).send().await.json();
    let header = header(&token);
    assert_eq!(header["alg"], "RS256");
    let key =
        keys["keys"].as_array().unwrap().iter().find(|key| key["kid"] == header["kid"]).unwrap().clone();
    let number = |name: &str| URL_SAFE_NO_PAD.decode_to_vec(key[name].as_str().unwrap()).unwrap();
    let (text, signature) = token.rsplit_once('.').unwrap();
    RsaPublicKeyComponents { n: number("n"), e: number("e") }
        .verify(
            &RSA_PKCS1_2048_8192_SHA256,
            text.as_bytes(),
            &URL_SAFE_NO_PAD.decode_to_vec(signature).unwrap(),
        )
        .unwrap();
    let claims = claims(&token);
    let expected = [
        ("azp", "gateway"),
        ("clientId", "gateway"),
        ("aud", "account"),
        ("typ", "Bearer"),
        ("preferred_username", "service-account-gateway"),
        ("iss", "https://dev.abdm.gov.in/auth/realms/central-registry"),
    ];
    for (name, value) in expected {
        assert_eq!(claims[name], value);
    }
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 1200);
}
