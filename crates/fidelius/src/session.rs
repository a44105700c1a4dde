//! The key that two sides agree on, and what is sealed and opened under it.

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, UnboundKey};
use aws_lc_rs::hkdf::{HKDF_SHA256, Salt};
use zeroize::Zeroizing;

use crate::error::{Error, Part};
use crate::nonce::Nonce;
use crate::private_key::PrivateKey;
use crate::public_key::PublicKey;
use crate::text;
use crate::tolerance::{Tolerance, Tolerances, Used};

/// Bytes that sealing adds.
pub const TAG_LEN: usize = 16;
const SALT_LEN: usize = 20;
/// Up to this length a content and its base64 are held at once; a longer one is encoded within one
/// buffer, which takes a little longer and no more memory than the text.
const SEPARATE_AT_MOST: usize = 768 * 1024;

/// One pair of keys and one pair of nonces: the AES-256-GCM key and IV that follow from them,
/// derived once.
///
/// # One content for one session
///
/// Everything sealed under one session is sealed under the same key *and the same IV*. Two contents
/// of one session give away the XOR of both to whoever sees the two ciphertexts, and let him forge
/// tags. The format allows a new sender's key pair and nonce for every page; use it, and seal one
/// content a session. Opening is harmless.
pub struct Session {
    key: LessSafeKey,
    iv: [u8; NONCE_LEN],
    salt: [u8; SALT_LEN],
    /// Kept for the one retry that [`Tolerances::stripped_secret`] allows.
    secret: Zeroizing<[u8; 32]>,
}

impl Session {
    /// Agrees on the key between an own private key and a peer's public key. Both sides get the same
    /// from opposite halves; the order of the nonces does not matter.
    pub fn agree(
        own: &PrivateKey,
        peer: &PublicKey,
        own_nonce: &Nonce,
        peer_nonce: &Nonce,
    ) -> Result<Self, Error> {
        let secret = own.shared_secret(peer);
        let mut mixed = *own_nonce.as_bytes();
        mixed.iter_mut().zip(peer_nonce.as_bytes()).for_each(|(own, peer)| *own ^= peer);
        let (mut salt, mut iv) = ([0; SALT_LEN], [0; NONCE_LEN]);
        let (first, last) = mixed.split_at(SALT_LEN);
        salt.copy_from_slice(first);
        iv.copy_from_slice(last);
        Ok(Self { key: derive(secret.as_slice(), &salt)?, iv, salt, secret })
    }

    /// Seals `plaintext`: the ciphertext and its tag, 16 bytes more.
    pub fn seal(&self, plaintext: &[u8]) -> Result<Vec<u8>, Error> {
        let mut sealed = vec![0; plaintext.len() + TAG_LEN];
        self.seal_into(plaintext, &mut sealed)?;
        Ok(sealed)
    }

    /// Seals the plaintext in `buffer` where it lies and appends the tag.
    pub fn seal_in_place(&self, buffer: &mut Vec<u8>) -> Result<(), Error> {
        // Left to itself, a full buffer would grow to twice its length.
        buffer.reserve_exact(TAG_LEN);
        let sealed = self.key.seal_in_place_append_tag(self.iv(), Aad::empty(), buffer);
        sealed.map_err(|_| SEAL_FAILED)
    }

    /// Seals `plaintext` to base64, as content is sent. Besides the text, less than 1 MB is held.
    ///
    /// [`Session::seal_base64_owned`] is faster where the plaintext is not needed any more.
    pub fn seal_base64(&self, plaintext: &[u8]) -> Result<String, Error> {
        let sealed_length = plaintext.len() + TAG_LEN;
        if sealed_length <= SEPARATE_AT_MOST {
            return Ok(text::encode(&self.seal(plaintext)?));
        }
        let mut text = vec![0; text::encoded_length(sealed_length)];
        let start = text.len() - sealed_length;
        self.seal_into(plaintext, text.split_at_mut(start).1)?;
        text::encode_within(&mut text, start);
        String::from_utf8(text).map_err(|_| SEAL_FAILED)
    }

    /// As [`Session::seal_base64`], sealing the plaintext where it lies. Besides it and the text
    /// nothing is held, if it has 16 bytes of capacity to spare.
    pub fn seal_base64_owned(&self, mut plaintext: Vec<u8>) -> Result<String, Error> {
        self.seal_in_place(&mut plaintext)?;
        Ok(text::encode(&plaintext))
    }

    /// Opens what [`Session::seal`] made: verifies the tag, then gives the plaintext.
    pub fn open(&self, sealed: Vec<u8>, tolerances: &Tolerances) -> Result<Opened, Error> {
        if !self.may_retry(*tolerances) {
            return Ok(Opened { plaintext: self.unseal(&self.key, sealed)?, used: Used::default() });
        }
        // A failed opening leaves nothing of its input, so the retry needs a copy: 1 session in 128.
        self.unseal(&self.key, sealed.clone()).map_or_else(
            |error| self.retry(error, || Ok(sealed)),
            |plaintext| Ok(Opened { plaintext, used: Used::default() }),
        )
    }

    /// Opens base64 content: verifies the tag, then gives the plaintext and the tolerances it took.
    pub fn open_base64(&self, text: &str, tolerances: &Tolerances) -> Result<Opened, Error> {
        let mut used = Used::default();
        let sealed = text::decode(text, Part::Content, *tolerances, &mut used)?;
        let opened = match self.unseal(&self.key, sealed) {
            Ok(plaintext) => Opened { plaintext, used },
            Err(error) if self.may_retry(*tolerances) => {
                self.retry(error, || text::decode(text, Part::Content, *tolerances, &mut used))?
            }
            Err(error) => return Err(error),
        };
        Ok(Opened { used: opened.used.union(used), ..opened })
    }

    /// Seals `plaintext` into `sealed`, which is longer by the tag.
    fn seal_into(&self, plaintext: &[u8], sealed: &mut [u8]) -> Result<(), Error> {
        let (ciphertext, tag) = sealed.split_at_mut(plaintext.len());
        let sealed =
            self.key.seal_out_of_place_scatter(self.iv(), Aad::empty(), plaintext, ciphertext, &[], tag);
        sealed.map_err(|_| SEAL_FAILED)
    }

    /// Whether a peer that strips zero bytes would have derived another key.
    fn may_retry(&self, tolerances: Tolerances) -> bool {
        tolerances.stripped_secret && self.secret.first() == Some(&0)
    }

    /// Opens once more with the key of a peer that stripped the secret, after the tag failed.
    fn retry(&self, first: Error, sealed: impl FnOnce() -> Result<Vec<u8>, Error>) -> Result<Opened, Error> {
        if first != Error::Tag {
            return Err(first);
        }
        let zeros = self.secret.iter().take_while(|byte| **byte == 0).count();
        let key = derive(self.secret.split_at(zeros).1, &self.salt)?;
        let plaintext = self.unseal(&key, sealed()?)?;
        let mut used = Used::default();
        used.add(Tolerance::StrippedSecret);
        Ok(Opened { plaintext, used })
    }

    fn unseal(&self, key: &LessSafeKey, mut sealed: Vec<u8>) -> Result<Vec<u8>, Error> {
        let length = sealed.len();
        let plain_length = length.checked_sub(TAG_LEN).ok_or(Error::Ciphertext { length })?;
        key.open_in_place(self.iv(), Aad::empty(), &mut sealed).map_err(|_| Error::Tag)?;
        sealed.truncate(plain_length);
        Ok(sealed)
    }

    fn iv(&self) -> aws_lc_rs::aead::Nonce {
        aws_lc_rs::aead::Nonce::assume_unique_for_key(self.iv)
    }
}

const SEAL_FAILED: Error = Error::Library { step: "seal (is the content longer than 64 GiB?)" };

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Session(..)")
    }
}

/// Opened content.
#[derive(Clone, PartialEq, Eq)]
pub struct Opened {
    /// What the sender sealed, byte for byte.
    pub plaintext: Vec<u8>,
    /// The tolerances it took.
    pub used: Used,
}

impl Opened {
    /// The plaintext as text; [`Error::Plaintext`] if it is not UTF-8.
    pub fn into_text(self) -> Result<String, Error> {
        String::from_utf8(self.plaintext)
            .map_err(|error| Error::Plaintext { valid_up_to: error.utf8_error().valid_up_to() })
    }
}

impl fmt::Debug for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let length = self.plaintext.len();
        f.debug_struct("Opened").field("length", &length).field("used", &self.used).finish_non_exhaustive()
    }
}

/// HKDF-SHA256 with empty info, straight into the cipher's key.
fn derive(secret: &[u8], salt: &[u8]) -> Result<LessSafeKey, Error> {
    let mut key = Zeroizing::new([0; 32]);
    let extracted = Salt::new(HKDF_SHA256, salt).extract(secret);
    extracted
        .expand(&[], HKDF_SHA256)
        .and_then(|output| output.fill(key.as_mut_slice()))
        .and_then(|()| UnboundKey::new(&AES_256_GCM, key.as_slice()))
        .map(LessSafeKey::new)
        .map_err(|_| Error::Library { step: "derive a key" })
}
