//! Sealing of long texts: compressed first, and with no copy of the text beside what is needed.

use std::io::Write as _;

use aws_lc_rs::aead::{Aad, NONCE_LEN, Nonce};
use aws_lc_rs::hmac;

use super::{HEADER, Keyring, MOST_UNPACKED, VERSION, fill};
use crate::error::{Result, StoreError};

/// Large texts are mostly files in base64, which are compressed already: a higher level takes time and gains nothing.
const FAST: i32 = 1;

impl Keyring {
    /// As [`Keyring::seal_packed`], holding nothing but the text and what it becomes.
    pub(crate) fn seal_large(&self, what: &'static str, plain: &[u8]) -> Result<Vec<u8>> {
        let key = self.keys.get(&self.current);
        let key = key.ok_or_else(|| StoreError::corrupt("data key", "the current one is missing"))?;
        let mut nonce = [0; NONCE_LEN];
        fill(&mut nonce)?;
        // Base64 shrinks to three quarters.
        let mut sealed = Vec::with_capacity(HEADER + plain.len() / 4 * 3 + plain.len() / 32 + 1024);
        sealed.push(VERSION);
        sealed.extend_from_slice(&key.id.to_be_bytes());
        sealed.extend_from_slice(&nonce);
        let mut sealed = pack(plain, sealed).map_err(|error| StoreError::corrupt(what, error))?;
        let body = sealed.get_mut(HEADER..).unwrap_or_default();
        let tag = key
            .key
            .seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), Aad::from(what), body)
            .map_err(|_| StoreError::corrupt(what, "too long to seal"))?;
        sealed.extend_from_slice(tag.as_ref());
        Ok(sealed)
    }

    /// Begins the hash that [`Keyring::look_up`] gives, for a value that comes in pieces.
    pub(crate) fn begin_look_up(&self, kind: &'static str) -> hmac::Context {
        let mut context = hmac::Context::with_key(&self.index);
        context.update(kind.as_bytes());
        context.update(&[0]);
        context
    }

    /// As [`Keyring::open_packed`], opened where it lies. The text has `spare` bytes of capacity left at least.
    pub(crate) fn open_large(
        &self,
        what: &'static str,
        mut sealed: Vec<u8>,
        spare: usize,
    ) -> Result<Vec<u8>> {
        let unsealable = || StoreError::Unsealable { what };
        let (header, body) = sealed.split_at_mut_checked(HEADER).ok_or_else(unsealable)?;
        let id = header.get(1..5).and_then(|id| <[u8; 4]>::try_from(id).ok()).map(u32::from_be_bytes);
        let key = id.filter(|_| header.first() == Some(&VERSION)).and_then(|id| self.keys.get(&id));
        let nonce = header.get(5..).and_then(|nonce| nonce.try_into().ok()).ok_or_else(unsealable)?;
        let nonce = Nonce::assume_unique_for_key(nonce);
        let opened = key.ok_or_else(unsealable)?.key.open_in_place(nonce, Aad::from(what), body);
        unpack(what, opened.map_err(|_| unsealable())?, spare)
    }
}

fn pack(plain: &[u8], onto: Vec<u8>) -> std::io::Result<Vec<u8>> {
    let mut encoder = zstd::stream::write::Encoder::new(onto, FAST)?;
    encoder.set_pledged_src_size(u64::try_from(plain.len()).ok())?;
    encoder.write_all(plain)?;
    encoder.finish()
}

fn unpack(what: &'static str, packed: &[u8], spare: usize) -> Result<Vec<u8>> {
    let size = zstd::zstd_safe::get_frame_content_size(packed).ok().flatten();
    let size = size.and_then(|size| usize::try_from(size).ok()).filter(|size| *size <= MOST_UNPACKED);
    let size = size.ok_or_else(|| StoreError::corrupt(what, "unbelievable length"))?;
    let corrupt = |error| StoreError::corrupt(what, error);
    let mut plain = Vec::with_capacity(size + spare);
    let mut decompressor = zstd::bulk::Decompressor::new().map_err(corrupt)?;
    decompressor.decompress_to_buffer(packed, &mut plain).map_err(corrupt)?;
    Ok(plain)
}

#[cfg(test)]
mod tests {
    use zeroize::Zeroizing;

    use super::*;

    #[test]
    fn one_way_opens_what_the_other_sealed() {
        let ring = Keyring::new(&[(1, Zeroizing::new([1; 32]))], 1, &Zeroizing::new([9; 32])).unwrap();
        for text in [String::new(), "a".to_owned(), "resourceType".repeat(50_000)] {
            let large = ring.seal_large("bundle", text.as_bytes()).unwrap();
            let small = ring.seal_packed("bundle", text.as_bytes()).unwrap();
            assert_eq!(ring.open_packed("bundle", &large).unwrap(), text.as_bytes());
            let opened = ring.open_large("bundle", small, 16).unwrap();
            assert_eq!(opened, text.as_bytes());
            assert!(opened.capacity() >= opened.len() + 16);
            assert!(ring.open_large("consent", large.clone(), 0).is_err());
            for place in [0, 1, 7, HEADER, large.len() - 1] {
                let mut altered = large.clone();
                altered[place] ^= 1;
                assert!(ring.open_large("bundle", altered, 0).is_err(), "byte {place}");
            }
            assert!(ring.open_large("bundle", large[..HEADER - 1].to_vec(), 0).is_err());
        }
    }
}
