//! The private scalar and its text.

use std::fmt;

use curve25519_dalek::scalar::Scalar;
use zeroize::{Zeroize, Zeroizing};

use crate::curve::{self, Point};
use crate::error::{Error, Part};
use crate::nonce::random;
use crate::public_key::{PublicKey, padded};
use crate::text;
use crate::tolerance::{Parsed, Tolerances, Used};

/// A private key: a number in [1, n - 1]. Wiped from memory when dropped, never shown by `Debug`.
#[derive(Clone)]
pub struct PrivateKey(Scalar);

impl PrivateKey {
    /// Draws a new one, uniformly, from the system's random generator.
    pub fn generate() -> Result<Self, Error> {
        // Of 512 random bits the remainder modulo n is as good as uniform, and 0 will not come up.
        let wide = Zeroizing::new(random::<64>()?);
        let scalar = Scalar::from_bytes_mod_order_wide(&wide);
        if scalar == Scalar::ZERO { Err(Error::PrivateKey) } else { Ok(Self(scalar)) }
    }

    /// Takes 32 big-endian bytes that the caller drew.
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, Error> {
        curve::scalar_from_be_bytes(bytes).map(Self).ok_or(Error::PrivateKey)
    }

    /// Reads standard base64 of a big-endian number in [1, n - 1], of any length: other tools leave
    /// out leading zero bytes, or add one.
    pub fn parse(text: &str) -> Result<Self, Error> {
        Self::parse_with(text, &Tolerances::NONE).map(|parsed| parsed.value)
    }

    /// As [`PrivateKey::parse`], forgiving white space and escaped characters as `tolerances` say.
    pub fn parse_with(text: &str, tolerances: &Tolerances) -> Result<Parsed<Self>, Error> {
        let mut used = Used::default();
        let bytes = Zeroizing::new(text::decode(text, Part::PrivateKey, *tolerances, &mut used)?);
        let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
        let (_, number) = bytes.split_at(zeros);
        let padded = Zeroizing::new(padded(number).ok_or(Error::PrivateKey)?);
        Ok(Parsed { value: Self::from_bytes(&padded)?, used })
    }

    /// Standard base64 of all 32 big-endian bytes, which every tool reads. The text is wiped when
    /// dropped.
    pub fn to_base64(&self) -> Zeroizing<String> {
        let mut bytes = Zeroizing::new(self.0.to_bytes());
        bytes.reverse();
        Zeroizing::new(text::encode(bytes.as_slice()))
    }

    /// The public key of this private key.
    pub fn public_key(&self) -> PublicKey {
        PublicKey::from_point(Point::from_scalar(&self.0))
    }

    pub(crate) fn shared_secret(&self, peer: &PublicKey) -> Zeroizing<[u8; 32]> {
        peer.point().shared_secret(&self.0)
    }
}

impl Drop for PrivateKey {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrivateKey(..)")
    }
}

/// A private key and its public key, for one exchange.
#[derive(Debug, Clone)]
pub struct KeyPair {
    private: PrivateKey,
    public: PublicKey,
}

impl KeyPair {
    /// Draws a new pair from the system's random generator.
    pub fn generate() -> Result<Self, Error> {
        PrivateKey::generate().map(Self::from_private)
    }

    /// The pair of a private key that the caller has.
    pub fn from_private(private: PrivateKey) -> Self {
        let public = private.public_key();
        Self { private, public }
    }

    /// The half to keep.
    pub fn private(&self) -> &PrivateKey {
        &self.private
    }

    /// The half to send.
    pub fn public(&self) -> &PublicKey {
        &self.public
    }
}
