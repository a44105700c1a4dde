//! The public point and the texts it travels as.

use std::fmt;

use crate::curve::Point;
use crate::error::{Error, Part, PublicKeyFault};
use crate::tolerance::{Parsed, Tolerance, Tolerances, Used};
use crate::{text, x509};

/// Zero bytes that may be missing from a point; of so many, 1 key in 2^24 lacks more.
const STRIPPED_MOST: usize = 3;

/// A public key whose point has passed every check: coordinates below the prime, on the curve, of
/// order exactly n.
#[derive(Clone)]
pub struct PublicKey(Point);

impl PublicKey {
    /// Reads standard base64 of a raw point (65 bytes), or of X.509 with explicit parameters or with
    /// the curve's name, and checks the point.
    ///
    /// As in the reference implementation the point may also be in hybrid form, and within X.509 in
    /// compressed form. What `tolerances` allow is mended and reported.
    pub fn parse(text: &str, tolerances: &Tolerances) -> Result<Parsed<Self>, Error> {
        let mut used = Used::default();
        let bytes = text::decode(text, Part::PublicKey, *tolerances, &mut used)?;
        let point = read(&bytes).or_else(|fault| {
            let stripped = tolerances.stripped_public_key.then(|| repair(&bytes)).flatten().ok_or(fault)?;
            used.add(Tolerance::StrippedPublicKey);
            stripped
        })?;
        Ok(Parsed { value: Self(point), used })
    }

    /// The raw form, 88 characters: what a HIU sends.
    pub fn to_raw_base64(&self) -> String {
        text::encode(&self.to_raw())
    }

    /// The X.509 form with explicit parameters, 412 characters: what a HIP sends.
    pub fn to_x509_base64(&self) -> String {
        text::encode(&x509::write_explicit(&self.to_raw()))
    }

    /// The raw form in bytes: 04, then X and Y, big-endian.
    pub fn to_raw(&self) -> [u8; 65] {
        let mut raw = [4; 65];
        let (_, coordinates) = raw.split_at_mut(1);
        let (x, y) = coordinates.split_at_mut(32);
        x.copy_from_slice(self.0.x());
        y.copy_from_slice(self.0.y());
        raw
    }

    pub(crate) fn from_point(point: Point) -> Self {
        Self(point)
    }

    pub(crate) fn point(&self) -> &Point {
        &self.0
    }
}

impl PartialEq for PublicKey {
    fn eq(&self, other: &Self) -> bool {
        self.to_raw() == other.to_raw()
    }
}

impl Eq for PublicKey {}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", self.to_raw_base64())
    }
}

/// Reads a whole key of any form.
fn read(bytes: &[u8]) -> Result<Point, PublicKeyFault> {
    let Some(&x509::SEQUENCE) = bytes.first() else { return uncompressed(bytes) };
    match x509::read(bytes)? {
        [first @ (2 | 3), x @ ..] => {
            let x = x.try_into().map_err(|_| PublicKeyFault::Der)?;
            Point::from_compressed(x, *first == 3)
        }
        point => uncompressed(point),
    }
}

/// Reads a point with both coordinates: first byte 04, or 06 and 07 with the parity of y.
fn uncompressed(bytes: &[u8]) -> Result<Point, PublicKeyFault> {
    let form = PublicKeyFault::Form { length: bytes.len() };
    let (first, coordinates) = bytes.split_first().ok_or(form)?;
    let (x, y) = coordinates.split_first_chunk().ok_or(form)?;
    let y: [u8; 32] = y.try_into().map_err(|_| form)?;
    let [.., last] = y;
    match first {
        4 => Point::from_coordinates(*x, y),
        6 | 7 if first & 1 == last & 1 => Point::from_coordinates(*x, y),
        _ => Err(form),
    }
}

/// Puts back the leading zero bytes that a peer left out of X or Y: of all places they can have
/// been in, the one that makes a point of the curve. `None` if there is no such place.
fn repair(bytes: &[u8]) -> Option<Result<Point, PublicKeyFault>> {
    let inner = x509::read(bytes).ok().or_else(|| x509::after_prefix(bytes));
    let coordinates = inner.unwrap_or(bytes).strip_prefix(&[4])?;
    let missing =
        64_usize.checked_sub(coordinates.len()).filter(|missing| (1..=STRIPPED_MOST).contains(missing))?;
    (0..=missing).find_map(|of_x| {
        let (x, y) = coordinates.split_at_checked(32 - of_x)?;
        match Point::from_coordinates(padded(x)?, padded(y)?) {
            Err(PublicKeyFault::OffCurve | PublicKeyFault::Range) => None,
            found => Some(found),
        }
    })
}

/// Left-padded with zeros to 32 bytes; `None` if longer.
pub(crate) fn padded(number: &[u8]) -> Option<[u8; 32]> {
    let mut out = [0; 32];
    let start = out.len().checked_sub(number.len())?;
    out.split_at_mut(start).1.copy_from_slice(number);
    Some(out)
}
