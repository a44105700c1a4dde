//! The signature under a consent artefact.
//!
//! ABDM sends one with every grant (base64, of the length of RSA-2048) and has published neither the algorithm nor the
//! key nor which bytes are signed. So nothing is verified unless somebody who knows configures key and algorithm; the
//! bytes are taken to be the exact JSON text of `consentDetail`, which is what can be stored and checked at all.

use std::fmt;

use jsonwebtoken::{Algorithm, DecodingKey};

/// A key that cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignatureKeyError {
    /// Not an algorithm for signatures with RSA.
    #[error("the algorithm is one of RS256, RS384, RS512, PS256, PS384, PS512")]
    Algorithm,
    /// Not a public key.
    #[error("the key is not an RSA public key in PEM (BEGIN PUBLIC KEY)")]
    Key,
}

/// A public key with the one algorithm that it is used with.
#[derive(Clone)]
pub struct SignatureKey {
    key: DecodingKey,
    algorithm: Algorithm,
}

impl SignatureKey {
    /// Reads a public key in PEM, for the algorithm named as in JWS (RFC 7518): `RS256` and so on.
    ///
    /// # Errors
    /// Key or algorithm is none.
    pub fn from_pem(pem: &[u8], algorithm: &str) -> Result<Self, SignatureKeyError> {
        let algorithm = crate::callback::algorithm(algorithm).ok_or(SignatureKeyError::Algorithm)?;
        let key = DecodingKey::from_rsa_pem(pem).map_err(|_| SignatureKeyError::Key)?;
        Ok(Self { key, algorithm })
    }

    /// Whether `signature`, in base64 of either alphabet, is this key's over exactly this text.
    #[must_use]
    pub fn verifies(&self, detail: &str, signature: &str) -> bool {
        let plain = signature.trim().trim_end_matches('=').replace('+', "-").replace('/', "_");
        let verified = jsonwebtoken::crypto::verify(&plain, detail.as_bytes(), &self.key, self.algorithm);
        verified.unwrap_or(false)
    }
}

impl fmt::Debug for SignatureKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignatureKey").field("algorithm", &self.algorithm).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::encoding::{AsDer as _, PublicKeyX509Der};
    use aws_lc_rs::rand::SystemRandom;
    use aws_lc_rs::rsa::KeySize;
    use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair};
    use base64_simd::{STANDARD, URL_SAFE_NO_PAD};

    use super::*;

    fn pair() -> (RsaKeyPair, String) {
        let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
        let der: PublicKeyX509Der<'_> = pair.public_key().as_der().unwrap();
        let body = STANDARD.encode_to_string(der.as_ref());
        (pair, format!("-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----\n"))
    }

    #[test]
    fn a_signature_holds_for_its_key_its_algorithm_and_every_letter_of_its_text() {
        let (pair, pem) = pair();
        let detail = "{\"consentId\": \"1\",\n  \"hiTypes\":[]}";
        let mut bytes = vec![0; pair.public_modulus_len()];
        pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), detail.as_bytes(), &mut bytes).unwrap();
        let signature = STANDARD.encode_to_string(&bytes);
        let key = SignatureKey::from_pem(pem.as_bytes(), "RS256").unwrap();
        assert!(key.verifies(detail, &signature));
        assert!(key.verifies(detail, &URL_SAFE_NO_PAD.encode_to_string(&bytes)));
        assert!(!key.verifies(&detail.replace('\n', ""), &signature));
        for bad in ["", "!", "AAAA", &signature[..signature.len() - 8]] {
            assert!(!key.verifies(detail, bad), "{bad}");
        }
        assert!(!SignatureKey::from_pem(pem.as_bytes(), "RS512").unwrap().verifies(detail, &signature));
        let (_, other) = self::pair();
        assert!(!SignatureKey::from_pem(other.as_bytes(), "RS256").unwrap().verifies(detail, &signature));
    }

    #[test]
    fn what_is_no_key_or_no_algorithm_is_refused() {
        let (_, pem) = pair();
        for algorithm in ["", "none", "HS256", "ES256", "rs256"] {
            assert_eq!(
                SignatureKey::from_pem(pem.as_bytes(), algorithm).unwrap_err(),
                SignatureKeyError::Algorithm
            );
        }
        for bad in ["", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"] {
            assert_eq!(SignatureKey::from_pem(bad.as_bytes(), "RS256").unwrap_err(), SignatureKeyError::Key);
        }
    }
}
