//! Sealing at rest. Personal data and bundles are encrypted with AES-256-GCM under a data key; data keys are
//! kept in the database, wrapped by the master key, which is not. Look-ups go through a keyed hash, so that
//! the database alone tells nobody which mobile number or ABHA a row belongs to.
//!
//! A sealed value is `version (1) | data key id (4, big-endian) | nonce (12) | ciphertext | tag (16)`. What kind
//! of value it is goes in as additional data: one cannot be put in the place of another.

mod packed;

use std::collections::HashMap;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::hmac;
use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use zeroize::Zeroizing;

use crate::error::{Result, StoreError};

const VERSION: u8 = 1;
const HEADER: usize = 1 + 4 + NONCE_LEN;
const ZSTD_LEVEL: i32 = 3;
/// A sealed text that claims to unpack to more than this is not one of ours.
const MOST_UNPACKED: usize = 1 << 30;

/// 32 secret bytes, wiped when dropped.
pub type Key = Zeroizing<[u8; 32]>;

/// Fresh random bytes for a key.
pub fn random_key() -> Result<Key> {
    let mut key = Zeroizing::new([0; 32]);
    fill(key.as_mut_slice())?;
    Ok(key)
}

/// Fills `bytes` from the system's cryptographic source.
pub fn fill(bytes: &mut [u8]) -> Result<()> {
    let failed = |_| StoreError::corrupt("random source", "the system gave no random bytes");
    SystemRandom::new().fill(bytes).map_err(failed)
}

/// One AES-256-GCM key with its id.
struct SealingKey {
    id: u32,
    key: LessSafeKey,
}

impl SealingKey {
    fn new(id: u32, key: &Key) -> Result<Self> {
        let key = UnboundKey::new(&AES_256_GCM, key.as_slice())
            .map_err(|_| StoreError::corrupt("data key", "wrong length"))?;
        Ok(Self { id, key: LessSafeKey::new(key) })
    }

    fn seal(&self, what: &'static str, plain: &[u8]) -> Result<Vec<u8>> {
        let mut nonce = [0; NONCE_LEN];
        fill(&mut nonce)?;
        let mut sealed = Vec::with_capacity(HEADER + plain.len() + AES_256_GCM.tag_len());
        sealed.push(VERSION);
        sealed.extend_from_slice(&self.id.to_be_bytes());
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(plain);
        let body = sealed.get_mut(HEADER..).unwrap_or_default();
        let tag = self
            .key
            .seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), Aad::from(what), body)
            .map_err(|_| StoreError::corrupt(what, "too long to seal"))?;
        sealed.extend_from_slice(tag.as_ref());
        Ok(sealed)
    }

    fn open(&self, what: &'static str, sealed: &[u8]) -> Result<Vec<u8>> {
        let unsealable = || StoreError::Unsealable { what };
        let (header, body) = sealed.split_at_checked(HEADER).ok_or_else(unsealable)?;
        let nonce = header.get(5..).and_then(|nonce| nonce.try_into().ok()).ok_or_else(unsealable)?;
        let mut body = body.to_vec();
        let length = self
            .key
            .open_in_place(Nonce::assume_unique_for_key(nonce), Aad::from(what), &mut body)
            .map_err(|_| unsealable())?
            .len();
        body.truncate(length);
        Ok(body)
    }
}

/// Wraps a data key with the master key, or reads it back.
pub(crate) struct Wrapper(SealingKey);

impl Wrapper {
    pub(crate) fn new(master: &Key) -> Result<Self> {
        Ok(Self(SealingKey::new(0, master)?))
    }

    pub(crate) fn wrap(&self, key: &Key) -> Result<Vec<u8>> {
        self.0.seal("data key", key.as_slice())
    }

    pub(crate) fn unwrap(&self, wrapped: &[u8]) -> Result<Key> {
        let plain = Zeroizing::new(self.0.open("data key", wrapped)?);
        let key = <[u8; 32]>::try_from(plain.as_slice());
        Ok(Zeroizing::new(key.map_err(|_| StoreError::corrupt("data key", "wrong length"))?))
    }
}

/// The keys of an open store.
pub struct Keyring {
    keys: HashMap<u32, SealingKey>,
    current: u32,
    index: hmac::Key,
}

impl Keyring {
    /// A ring of data keys by id, of which `current` seals, and the key of the look-up hashes.
    pub(crate) fn new(keys: &[(u32, Key)], current: u32, index: &Key) -> Result<Self> {
        let keys = keys
            .iter()
            .map(|(id, key)| Ok((*id, SealingKey::new(*id, key)?)))
            .collect::<Result<HashMap<_, _>>>()?;
        Ok(Self { keys, current, index: hmac::Key::new(hmac::HMAC_SHA256, index.as_slice()) })
    }

    /// Seals `plain` as a value of the kind `what`.
    pub fn seal(&self, what: &'static str, plain: &[u8]) -> Result<Vec<u8>> {
        let key = self.keys.get(&self.current);
        key.ok_or_else(|| StoreError::corrupt("data key", "the current one is missing"))?.seal(what, plain)
    }

    /// Opens what [`Keyring::seal`] made of the same kind.
    pub fn open(&self, what: &'static str, sealed: &[u8]) -> Result<Vec<u8>> {
        let id = sealed.get(1..5).and_then(|id| id.try_into().ok()).map(u32::from_be_bytes);
        let key = id.filter(|_| sealed.first() == Some(&VERSION)).and_then(|id| self.keys.get(&id));
        key.ok_or(StoreError::Unsealable { what })?.open(what, sealed)
    }

    /// Compresses, then seals. For bundles and other long texts.
    pub fn seal_packed(&self, what: &'static str, plain: &[u8]) -> Result<Vec<u8>> {
        let packed = zstd::bulk::compress(plain, ZSTD_LEVEL);
        self.seal(what, &packed.map_err(|error| StoreError::corrupt(what, error))?)
    }

    /// Opens what [`Keyring::seal_packed`] made.
    pub fn open_packed(&self, what: &'static str, sealed: &[u8]) -> Result<Vec<u8>> {
        let packed = self.open(what, sealed)?;
        let size = zstd::zstd_safe::get_frame_content_size(&packed).ok().flatten();
        let size = size.and_then(|size| usize::try_from(size).ok()).filter(|size| *size <= MOST_UNPACKED);
        let size = size.ok_or_else(|| StoreError::corrupt(what, "unbelievable length"))?;
        zstd::bulk::decompress(&packed, size).map_err(|error| StoreError::corrupt(what, error))
    }

    /// The hash by which a value is looked up: HMAC-SHA256 over its kind and text, 32 hexadecimal digits of it.
    #[must_use]
    pub fn look_up(&self, kind: &'static str, value: &str) -> String {
        let mut context = hmac::Context::with_key(&self.index);
        context.update(kind.as_bytes());
        context.update(&[0]);
        context.update(value.as_bytes());
        hex::encode(context.sign().as_ref().get(..16).unwrap_or_default())
    }
}

impl std::fmt::Debug for Keyring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keyring")
            .field("keys", &self.keys.len())
            .field("current", &self.current)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ring(ids: &[u8], current: u32) -> Keyring {
        let keys: Vec<_> = ids.iter().map(|id| (u32::from(*id), Zeroizing::new([*id; 32]))).collect();
        Keyring::new(&keys, current, &Zeroizing::new([9; 32])).unwrap()
    }

    #[test]
    fn what_is_sealed_opens_only_as_the_same_kind_and_unaltered() {
        let ring = ring(&[1], 1);
        let sealed = ring.seal("patient", b"Asha").unwrap();
        assert_eq!(ring.open("patient", &sealed).unwrap(), b"Asha");
        assert!(ring.open("consent", &sealed).is_err());
        for place in 0..sealed.len() {
            let mut altered = sealed.clone();
            altered[place] ^= 1;
            assert!(ring.open("patient", &altered).is_err(), "byte {place}");
        }
        assert!(ring.open("patient", &sealed[..10]).is_err());
    }

    #[test]
    fn older_keys_still_open_after_a_new_one_seals() {
        let old = ring(&[1], 1).seal("patient", b"Asha").unwrap();
        let rotated = ring(&[1, 2], 2);
        assert_eq!(rotated.open("patient", &old).unwrap(), b"Asha");
        assert_eq!(rotated.seal("patient", b"Asha").unwrap()[1..5], [0, 0, 0, 2]);
    }

    #[test]
    fn long_texts_are_packed() {
        let ring = ring(&[1], 1);
        let bundle = "resourceType".repeat(1000);
        let sealed = ring.seal_packed("bundle", bundle.as_bytes()).unwrap();
        assert!(sealed.len() < 200);
        assert_eq!(ring.open_packed("bundle", &sealed).unwrap(), bundle.as_bytes());
    }

    #[test]
    fn a_wrapped_key_needs_its_master_key() {
        let data = random_key().unwrap();
        let wrapped = Wrapper::new(&Zeroizing::new([1; 32])).unwrap().wrap(&data).unwrap();
        assert!(Wrapper::new(&Zeroizing::new([1; 32])).unwrap().unwrap(&wrapped).unwrap() == data);
        assert!(Wrapper::new(&Zeroizing::new([2; 32])).unwrap().unwrap(&wrapped).is_err());
    }
}
