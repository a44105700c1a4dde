//! The X.509 form (SubjectPublicKeyInfo) of public keys on this curve.
//!
//! Written with explicit parameters (RFC 3279, section 2.3.5). Read with explicit parameters, every
//! one of which must be the curve's own, or with the curve's name.

use crate::error::PublicKeyFault;

/// 1.2.840.10045.2.1, a key on an elliptic curve.
const EC_PUBLIC_KEY: [u8; 7] = *b"\x2a\x86\x48\xce\x3d\x02\x01";
/// 1.2.840.10045.1.1, a curve over a prime field.
const PRIME_FIELD: [u8; 7] = *b"\x2a\x86\x48\xce\x3d\x01\x01";
/// 1.3.6.1.4.1.3029.1.5.1, this curve.
const CURVE_NAME: [u8; 10] = *b"\x2b\x06\x01\x04\x01\x97\x55\x01\x05\x01";
/// The field's prime.
const P: [u8; 32] = *b"\x7f\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\
      \xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xed";
/// The coefficient a.
const A: [u8; 32] = *b"\x2a\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\
      \xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\x98\x49\x14\xa1\x44";
/// The coefficient b.
const B: [u8; 32] = *b"\x7b\x42\x5e\xd0\x97\xb4\x25\xed\x09\x7b\x42\x5e\xd0\x97\xb4\x25\
      \xed\x09\x7b\x42\x5e\xd0\x97\xb4\x26\x0b\x5e\x9c\x77\x10\xc8\x64";
/// The generator, uncompressed.
const G: [u8; 65] = *b"\x04\x2a\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\
      \xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xad\x24\
      \x5a\x20\xae\x19\xa1\xb8\xa0\x86\xb4\xe0\x1e\xdd\x2c\x77\x48\xd1\
      \x4c\x92\x3d\x4d\x7e\x6d\x7c\x61\xb2\x29\xe9\xc5\xa2\x7e\xce\xd3\
      \xd9";
/// The generator with the parity of its y (odd).
const G_COMPRESSED: [u8; 33] = *b"\x03\x2a\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\
      \xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xad\x24\
      \x5a";
/// The order of the generator.
const N: [u8; 32] = *b"\x10\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\
      \x14\xde\xf9\xde\xa2\xf7\x9c\xd6\x58\x12\x63\x1a\x5c\xf5\xd3\xed";

/// The parts of the 244 bytes that stand before the point, explicit parameters.
const EXPLICIT: [&[u8]; 14] = [
    b"\x30\x82\x01\x31\x30\x81\xea\x06\x07", // SEQUENCE { SEQUENCE { OBJECT IDENTIFIER
    &EC_PUBLIC_KEY,
    b"\x30\x81\xde\x02\x01\x01\x30\x2b\x06\x07", // SEQUENCE { INTEGER 1, SEQUENCE { OBJECT IDENTIFIER
    &PRIME_FIELD,
    b"\x02\x20", // INTEGER }
    &P,
    b"\x30\x44\x04\x20", // SEQUENCE { OCTET STRING
    &A,
    b"\x04\x20", // OCTET STRING }
    &B,
    b"\x04\x41", // OCTET STRING
    &G,
    b"\x02\x20", // INTEGER
    &N,
];
/// INTEGER 8 (the cofactor) } }, BIT STRING { no unused bits.
const EXPLICIT_END: &[u8] = b"\x02\x01\x08\x03\x42\x00";

/// The 28 bytes that stand before the point, named curve.
const NAMED: [&[u8]; 5] = [
    b"\x30\x5b\x30\x15\x06\x07", // SEQUENCE { SEQUENCE { OBJECT IDENTIFIER
    &EC_PUBLIC_KEY,
    b"\x06\x0a", // OBJECT IDENTIFIER }
    &CURVE_NAME,
    b"\x03\x42\x00", // BIT STRING { no unused bits
];

/// The 309 bytes of the X.509 form with explicit parameters, of an uncompressed point.
pub(crate) fn write_explicit(point: &[u8; 65]) -> Vec<u8> {
    [&explicit_prefix()[..], point].concat()
}

/// The point of a whole X.509 structure, as it is encoded there. The point itself is not looked at.
pub(crate) fn read(bytes: &[u8]) -> Result<&[u8], PublicKeyFault> {
    let damaged = PublicKeyFault::Der;
    let (mut key, rest) = Reader::within(bytes, SEQUENCE).ok_or(damaged)?;
    rest.end().ok_or(damaged)?;
    let mut algorithm = Reader(key.take(SEQUENCE).ok_or(damaged)?);
    let point = key.take(BIT_STRING).ok_or(damaged)?;
    key.end().ok_or(damaged)?;
    if algorithm.take(OBJECT_IDENTIFIER).ok_or(damaged)? != EC_PUBLIC_KEY {
        return Err(PublicKeyFault::Algorithm);
    }
    if !is_this_curve(&mut algorithm) {
        return Err(PublicKeyFault::Curve);
    }
    point.strip_prefix(&[0]).ok_or(damaged)
}

/// What follows one of the two known prefixes, whether or not the lengths in it are kept: some
/// senders write a stripped point behind a prefix for a whole one.
pub(crate) fn after_prefix(bytes: &[u8]) -> Option<&[u8]> {
    bytes.strip_prefix(&explicit_prefix()[..]).or_else(|| bytes.strip_prefix(&NAMED.concat()[..]))
}

/// The tag that every X.509 structure begins with.
pub(crate) const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OCTET_STRING: u8 = 0x04;
const OBJECT_IDENTIFIER: u8 = 0x06;

fn explicit_prefix() -> Vec<u8> {
    [EXPLICIT.concat(), EXPLICIT_END.to_vec()].concat()
}

/// Whether the parameters name this curve or spell it out.
fn is_this_curve(algorithm: &mut Reader<'_>) -> bool {
    let name = algorithm.take(OBJECT_IDENTIFIER);
    let named = name.map(|name| name == CURVE_NAME);
    let known = named.unwrap_or_else(|| algorithm.take(SEQUENCE).and_then(explicit_curve).is_some());
    known && algorithm.end().is_some()
}

/// `Some` if explicit parameters (ECParameters) are those of this curve and its generator. The
/// cofactor may be missing and the generator compressed; a seed is passed over.
fn explicit_curve(parameters: &[u8]) -> Option<()> {
    let mut parameters = Reader(parameters);
    parameters.take(INTEGER)?;
    let mut field = Reader(parameters.take(SEQUENCE)?);
    field.expect(OBJECT_IDENTIFIER, &[&PRIME_FIELD])?;
    field.expect(INTEGER, &[&P])?;
    field.end()?;
    let mut curve = Reader(parameters.take(SEQUENCE)?);
    curve.expect(OCTET_STRING, &[&A])?;
    curve.expect(OCTET_STRING, &[&B])?;
    curve.take(BIT_STRING);
    curve.end()?;
    parameters.expect(OCTET_STRING, &[&G, &G_COMPRESSED])?;
    parameters.expect(INTEGER, &[&N])?;
    parameters.end().or_else(|| parameters.expect(INTEGER, &[&[8]]))?;
    parameters.end()
}

/// Reads DER values one after the other.
#[derive(Clone, Copy)]
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// Readers of the inside of the first value, if it has this tag, and of what follows.
    fn within(bytes: &'a [u8], tag: u8) -> Option<(Self, Self)> {
        let mut reader = Self(bytes);
        let inside = reader.take(tag)?;
        Some((Self(inside), reader))
    }

    /// The next value if it has this tag; otherwise the reader stays where it is.
    fn take(&mut self, tag: u8) -> Option<&'a [u8]> {
        let (length, rest) = match self.0.strip_prefix(&[tag])? {
            [0x82, high, low, rest @ ..] => (usize::from(u16::from_be_bytes([*high, *low])), rest),
            [0x81, length, rest @ ..] | [length @ 0..=0x7f, rest @ ..] => (usize::from(*length), rest),
            _ => return None,
        };
        let (value, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some(value)
    }

    fn expect(&mut self, tag: u8, values: &[&[u8]]) -> Option<()> {
        let value = self.take(tag)?;
        values.contains(&value).then_some(())
    }

    fn end(self) -> Option<()> {
        self.0.is_empty().then_some(())
    }
}
