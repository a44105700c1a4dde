//! ABDM's "Curve25519": the short Weierstrass form `y² = x³ + ax + b` of the curve, with both
//! coordinates on the wire, as BouncyCastle has it. It is not X25519.
//!
//! Points are multiplied in Edwards form by curve25519-dalek, in constant time. Between the forms:
//!
//! - Weierstrass to Montgomery: `u = X - A/3`, `v = Y`;
//! - Edwards to Montgomery: `u = (1 + y) / (1 - y)`, `v = c·u / x`, with the odd root `c` of
//!   -486664, so that the two standard base points meet. The even root would negate every Y.

use curve25519_dalek::edwards::EdwardsPoint;
use curve25519_dalek::montgomery::MontgomeryPoint;
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::IsIdentity;
use zeroize::Zeroizing;

use crate::error::PublicKeyFault;
use crate::field::{Field, reversed};

/// The Montgomery coefficient A.
const A: Field = Field::new(0, 486_662);
/// A/3 modulo p, the distance between Weierstrass X and Montgomery u.
const A_THIRD: Field =
    Field::new(0x2aaa_aaaa_aaaa_aaaa_aaaa_aaaa_aaaa_aaaa, 0xaaaa_aaaa_aaaa_aaaa_aaaa_aaaa_aaad_2451);
/// The odd square root of -486664.
const C: Field =
    Field::new(0x70d9_120b_9f5f_f944_2d84_f723_fc03_b081, 0x3a5e_2c2e_b482_e57d_3391_fb55_00ba_81e7);
/// The d of Ed25519's curve equation.
const D: Field =
    Field::new(0x5203_6cee_2b6f_fe73_8cc7_4079_7779_e898, 0x0070_0a4d_4141_d8ab_75eb_4dca_1359_78a3);

/// A point of prime order n: the only kind that is ever multiplied.
#[derive(Clone, Copy)]
pub(crate) struct Point {
    x: [u8; 32],
    y: [u8; 32],
    /// The same point or its negative in Edwards form; x of a multiple is the same for both.
    edwards: EdwardsPoint,
}

impl Point {
    /// Checks received big-endian coordinates as the reference implementation does: both below p,
    /// on the curve with this very Y, of order exactly n.
    pub(crate) fn from_coordinates(x: [u8; 32], y: [u8; 32]) -> Result<Self, PublicKeyFault> {
        let u = Field::from_be_bytes(&x).ok_or(PublicKeyFault::Range)?.minus(A_THIRD);
        let v = Field::from_be_bytes(&y).ok_or(PublicKeyFault::Range)?;
        if v.squared() != v_squared(u) {
            return Err(PublicKeyFault::OffCurve);
        }
        let edwards = MontgomeryPoint(u.to_le_bytes()).to_edwards(0).ok_or(PublicKeyFault::OffCurve)?;
        if edwards.is_identity() || !edwards.is_torsion_free() {
            return Err(PublicKeyFault::Order);
        }
        Ok(Self { x, y, edwards })
    }

    /// Checks a big-endian x of which only the parity of y is known.
    pub(crate) fn from_compressed(x: [u8; 32], odd: bool) -> Result<Self, PublicKeyFault> {
        let u = Field::from_be_bytes(&x).ok_or(PublicKeyFault::Range)?.minus(A_THIRD);
        let square = v_squared(u);
        let v = square.times(square.inverse_sqrt().ok_or(PublicKeyFault::OffCurve)?);
        let v = if v.is_odd() == odd { v } else { v.negated() };
        Self::from_coordinates(x, v.to_be_bytes())
    }

    /// The public point `scalar · G`. The scalar must not be 0.
    pub(crate) fn from_scalar(scalar: &Scalar) -> Self {
        let edwards = EdwardsPoint::mul_base(scalar);
        let (u, v) = montgomery_coordinates(&edwards);
        Self { x: u.plus(A_THIRD).to_be_bytes(), y: v.to_be_bytes(), edwards }
    }

    /// Z: x of `scalar · self`, big-endian and always 32 bytes.
    pub(crate) fn shared_secret(&self, scalar: &Scalar) -> Zeroizing<[u8; 32]> {
        let product = Zeroizing::new(self.edwards * scalar);
        let u = Zeroizing::new(product.to_montgomery().to_bytes());
        Zeroizing::new(Field::from_le_bytes(*u).plus(A_THIRD).to_be_bytes())
    }

    pub(crate) fn x(&self) -> &[u8; 32] {
        &self.x
    }

    pub(crate) fn y(&self) -> &[u8; 32] {
        &self.y
    }
}

/// The scalar of 32 big-endian bytes; `None` unless it is in [1, n - 1].
pub(crate) fn scalar_from_be_bytes(bytes: &[u8; 32]) -> Option<Scalar> {
    let little = Zeroizing::new(reversed(*bytes));
    Option::<Scalar>::from(Scalar::from_canonical_bytes(*little)).filter(|scalar| *scalar != Scalar::ZERO)
}

/// `u³ + A·u² + u`, which is v² for a point of the curve.
fn v_squared(u: Field) -> Field {
    u.plus(A).times(u).plus(Field::ONE).times(u)
}

/// u and v of an Edwards point with x other than 0: any but the identity and the point of order 2.
///
/// With `x² = a / b`, `a = y² - 1`, `b = d·y² + 1` and `k = 1 - y`, one inverse square root `i` of
/// `a·b·k² = (x·b·k)²` gives them all: `1/k = i²·a·b·k`, `x = i·a·k`, `1/x = i·b·k`.
fn montgomery_coordinates(point: &EdwardsPoint) -> (Field, Field) {
    let compressed = point.compress().to_bytes();
    let [.., top] = compressed;
    let x_is_odd = top >> 7 == 1;
    let y = Field::from_le_bytes(compressed);

    let above = y.squared().minus(Field::ONE); // a
    let below = D.times(y.squared()).plus(Field::ONE); // b
    let gap = Field::ONE.minus(y); // k
    let product = above.times(below).times(gap);
    let root = product.times(gap).inverse_sqrt().unwrap_or(Field::ZERO);

    let x = root.times(above).times(gap);
    let root = if x.is_odd() == x_is_odd { root } else { root.negated() };
    let gap_inverse = root.squared().times(product);
    let x_inverse = root.times(below).times(gap);
    let u = Field::ONE.plus(y).times(gap_inverse);
    (u, C.times(u).times(x_inverse))
}

#[cfg(test)]
mod tests {
    use curve25519_dalek::constants::EIGHT_TORSION;

    use super::*;

    #[test]
    fn one_times_the_base_point_is_the_generator_of_the_reference() {
        let point = Point::from_scalar(&Scalar::ONE);
        assert_eq!(
            hex::encode(point.x()),
            "2aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaad245a"
        );
        assert_eq!(
            hex::encode(point.y()),
            "20ae19a1b8a086b4e01edd2c7748d14c923d4d7e6d7c61b229e9c5a27eced3d9"
        );
    }

    #[test]
    fn c_is_the_odd_root() {
        assert!(C.is_odd());
        assert!(C.squared() == Field::ZERO.minus(Field::new(0, 486_664)));
    }

    #[test]
    fn generated_points_pass_the_checks_on_received_ones() {
        for value in [1_u64, 2, 3, 255, 65_537, u64::MAX] {
            let point = Point::from_scalar(&Scalar::from(value));
            assert!(Point::from_coordinates(*point.x(), *point.y()).is_ok());
            let odd = point.y()[31] & 1 == 1;
            assert_eq!(Point::from_compressed(*point.x(), odd).unwrap().y(), point.y());
            assert_ne!(Point::from_compressed(*point.x(), !odd).unwrap().y(), point.y());
        }
    }

    #[test]
    fn every_point_with_a_part_of_low_order_is_refused() {
        let good = EdwardsPoint::mul_base(&Scalar::from(7_u64));
        for torsion in EIGHT_TORSION.iter().skip(1) {
            for point in [*torsion, good + torsion] {
                // Of the point of order 2 this gives u = 0 and v = 0, which is right.
                let (u, v) = montgomery_coordinates(&point);
                let x = u.plus(A_THIRD).to_be_bytes();
                let refused = Point::from_coordinates(x, v.to_be_bytes());
                assert!(matches!(refused, Err(PublicKeyFault::Order)));
            }
        }
    }
}
