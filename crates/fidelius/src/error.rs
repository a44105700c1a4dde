//! What can be wrong, in words that say how to mend it. No message holds key or content.

use thiserror::Error;

/// Why something could not be read, agreed, sealed or opened.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Error {
    /// The content is not what the sender sealed, or was sealed under another key or nonce.
    #[error(
        "the tag does not match: the content was altered, or another key or nonce is in use; \
         check that both nonces and both keys are of this one transfer"
    )]
    Tag,
    /// The content cannot hold even a tag.
    #[error("the content is {length} bytes, fewer than the 16 of its tag; was it cut off?")]
    Ciphertext {
        /// Decoded length, in bytes.
        length: usize,
    },
    /// The opened content is not UTF-8. It is authentic: the sender sealed it so.
    #[error(
        "the content is authentic but not UTF-8 from byte {valid_up_to} on; the sender's tool damaged it"
    )]
    Plaintext {
        /// How many leading bytes are valid UTF-8.
        valid_up_to: usize,
    },
    /// A text is not base64 (standard alphabet, with padding).
    #[error("the {part} is not standard base64 with padding")]
    Base64 {
        /// Which text.
        part: Part,
    },
    /// A nonce is not 32 bytes, for which implementations have no common meaning.
    #[error("the nonce is {length} bytes instead of 32")]
    Nonce {
        /// Decoded length, in bytes.
        length: usize,
    },
    /// A public key is of no known form, or its point must not be used.
    #[error("the public key {0}")]
    PublicKey(#[from] PublicKeyFault),
    /// A private key is not a number in [1, n - 1].
    #[error("the private key is not in [1, n - 1]; a clamped X25519 key, for one, is not usable as it is")]
    PrivateKey,
    /// The system's random generator or cipher refused a valid call.
    #[error("the cryptographic library failed to {step}")]
    Library {
        /// What it was asked to do.
        step: &'static str,
    },
}

impl Error {
    /// A stable word for programs: `tag`, `ciphertext`, `plaintext`, `base64`, `nonce`, `public-key`,
    /// `private-key` or `library`.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Tag => "tag",
            Self::Ciphertext { .. } => "ciphertext",
            Self::Plaintext { .. } => "plaintext",
            Self::Base64 { .. } => "base64",
            Self::Nonce { .. } => "nonce",
            Self::PublicKey(_) => "public-key",
            Self::PrivateKey => "private-key",
            Self::Library { .. } => "library",
        }
    }
}

/// The text that an [`Error::Base64`] is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Part {
    /// A public key.
    PublicKey,
    /// A private key.
    PrivateKey,
    /// A nonce.
    Nonce,
    /// Encrypted content.
    Content,
}

impl std::fmt::Display for Part {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::PublicKey => "public key",
            Self::PrivateKey => "private key",
            Self::Nonce => "nonce",
            Self::Content => "content",
        })
    }
}

/// What is wrong with a public key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PublicKeyFault {
    /// Neither a point nor an X.509 structure.
    #[error(
        "is {length} bytes and neither a raw point (65 bytes, first byte 04) nor X.509; \
         an X25519 key (32 bytes) is not usable here"
    )]
    Form {
        /// Decoded length, in bytes.
        length: usize,
    },
    /// The X.509 structure is cut off, extended or otherwise damaged.
    #[error("begins like X.509 but is cut off, extended or damaged")]
    Der,
    /// The X.509 structure holds a key of another algorithm.
    #[error("is an X.509 key of another algorithm than elliptic curves (X25519 has one of its own)")]
    Algorithm,
    /// The X.509 structure names another curve, or another generator.
    #[error("names another curve or generator than short-Weierstrass Curve25519")]
    Curve,
    /// A coordinate is not below the field's prime.
    #[error("has a coordinate that is not below 2^255 - 19")]
    Range,
    /// The coordinates are not those of a point on the curve.
    #[error("is not a point on the curve: another curve's key, or damaged in transit")]
    OffCurve,
    /// The point is on the curve, but not of order n.
    #[error("is a point of low or mixed order, which would give the private key away")]
    Order,
}
