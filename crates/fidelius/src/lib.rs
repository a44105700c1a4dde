#![doc = include_str!("../README.md")]

mod curve;
mod error;
mod field;
mod nonce;
mod private_key;
mod public_key;
mod session;
mod text;
mod tolerance;
mod x509;

pub use error::{Error, Part, PublicKeyFault};
pub use nonce::Nonce;
pub use private_key::{KeyPair, PrivateKey};
pub use public_key::PublicKey;
pub use session::{Opened, Session, TAG_LEN};
pub use tolerance::{Parsed, Tolerance, ToleranceCounts, Tolerances, Used};
