//! The 32 random bytes that each side sends beside its public key.

use std::fmt;

use aws_lc_rs::rand::{SecureRandom, SystemRandom};

use crate::error::{Error, Part};
use crate::text;
use crate::tolerance::{Parsed, Tolerances, Used};

/// A nonce: exactly 32 bytes. It is not secret, and must be new for every exchange.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Nonce([u8; 32]);

impl Nonce {
    /// Draws a new one from the system's random generator.
    pub fn generate() -> Result<Self, Error> {
        random().map(Self)
    }

    /// Takes bytes that the caller drew.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Reads standard base64 of 32 bytes. Other lengths are refused: implementations differ in what
    /// they make of them.
    pub fn parse(text: &str) -> Result<Self, Error> {
        Self::parse_with(text, &Tolerances::NONE).map(|parsed| parsed.value)
    }

    /// As [`Nonce::parse`], forgiving white space and escaped characters as `tolerances` say.
    pub fn parse_with(text: &str, tolerances: &Tolerances) -> Result<Parsed<Self>, Error> {
        let mut used = Used::default();
        let bytes = text::decode(text, Part::Nonce, *tolerances, &mut used)?;
        let value = bytes.try_into().map_err(|bytes: Vec<u8>| Error::Nonce { length: bytes.len() })?;
        Ok(Parsed { value: Self(value), used })
    }

    /// Standard base64, 44 characters, as it is sent.
    pub fn to_base64(&self) -> String {
        text::encode(&self.0)
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Nonce({})", self.to_base64())
    }
}

/// `N` bytes of the system's random generator.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], Error> {
    let mut bytes = [0; N];
    let drawn = SystemRandom::new().fill(&mut bytes);
    drawn.map_err(|_| Error::Library { step: "draw random bytes" })?;
    Ok(bytes)
}
