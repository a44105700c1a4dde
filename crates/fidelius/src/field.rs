//! Arithmetic modulo p = 2^255 - 19, on fiat-crypto's formally verified limbs.
//!
//! The multiplication library keeps its field to itself, so the few operations that the
//! Weierstrass form needs are here. Everything but `inverse_sqrt` (used on public values only)
//! runs in constant time.

use fiat_crypto::curve25519_64 as fiat;

/// A number modulo p.
#[derive(Clone, Copy)]
pub(crate) struct Field(fiat::fiat_25519_tight_field_element);

const LIMB: u128 = (1 << 51) - 1;

impl Field {
    pub(crate) const ZERO: Self = Self::new(0, 0);
    pub(crate) const ONE: Self = Self::new(0, 1);
    /// A square root of -1.
    const SQRT_MINUS_ONE: Self =
        Self::new(0x2b83_2480_4fc1_df0b_2b4d_0099_3dfb_d7a7, 0x2f43_1806_ad2f_e478_c4ee_1b27_4a0e_a0b0);

    /// The number `high * 2^128 + low`, which must be below 2^255.
    pub(crate) const fn new(high: u128, low: u128) -> Self {
        Self(fiat::fiat_25519_tight_field_element([
            (low & LIMB) as u64,
            ((low >> 51) & LIMB) as u64,
            (((low >> 102) | (high << 26)) & LIMB) as u64,
            ((high >> 25) & LIMB) as u64,
            ((high >> 76) & LIMB) as u64,
        ]))
    }

    /// Reads 32 little-endian bytes; the top bit is ignored, as curve libraries do.
    pub(crate) fn from_le_bytes(mut bytes: [u8; 32]) -> Self {
        let [.., top] = &mut bytes;
        *top &= 0x7f;
        let mut out = Self::ZERO;
        fiat::fiat_25519_from_bytes(&mut out.0, &bytes);
        out
    }

    /// Reads 32 big-endian bytes; `None` unless the number is below p.
    pub(crate) fn from_be_bytes(bytes: &[u8; 32]) -> Option<Self> {
        let out = Self::from_le_bytes(reversed(*bytes));
        (out.to_be_bytes() == *bytes).then_some(out)
    }

    pub(crate) fn to_le_bytes(self) -> [u8; 32] {
        let mut bytes = [0; 32];
        fiat::fiat_25519_to_bytes(&mut bytes, &self.0);
        bytes
    }

    pub(crate) fn to_be_bytes(self) -> [u8; 32] {
        reversed(self.to_le_bytes())
    }

    pub(crate) fn is_odd(self) -> bool {
        let [lowest, ..] = self.to_le_bytes();
        lowest & 1 == 1
    }

    pub(crate) fn plus(self, other: Self) -> Self {
        let mut sum = fiat::fiat_25519_loose_field_element([0; 5]);
        fiat::fiat_25519_add(&mut sum, &self.0, &other.0);
        Self::carried(&sum)
    }

    pub(crate) fn minus(self, other: Self) -> Self {
        let mut difference = fiat::fiat_25519_loose_field_element([0; 5]);
        fiat::fiat_25519_sub(&mut difference, &self.0, &other.0);
        Self::carried(&difference)
    }

    pub(crate) fn negated(self) -> Self {
        Self::ZERO.minus(self)
    }

    pub(crate) fn times(self, other: Self) -> Self {
        let mut out = Self::ZERO;
        fiat::fiat_25519_carry_mul(&mut out.0, &self.relaxed(), &other.relaxed());
        out
    }

    pub(crate) fn squared(self) -> Self {
        let mut out = Self::ZERO;
        fiat::fiat_25519_carry_square(&mut out.0, &self.relaxed());
        out
    }

    /// One `i` with `i² · self = 1`, if there is one: the inverse of either square root.
    pub(crate) fn inverse_sqrt(self) -> Option<Self> {
        let cubed = self.squared().times(self);
        let seventh = cubed.squared().times(self);
        let root = cubed.times(seventh.to_the_p_minus_5_by_8());
        let check = self.times(root.squared());
        if check == Self::ONE {
            return Some(root);
        }
        (check == Self::ONE.negated()).then(|| root.times(Self::SQRT_MINUS_ONE))
    }

    /// `self` to the power (p - 5) / 8 = 2^252 - 3.
    fn to_the_p_minus_5_by_8(self) -> Self {
        let two = self.squared();
        let nine = two.squared_times(2).times(self);
        let eleven = nine.times(two);
        let ones5 = eleven.squared().times(nine); // 2^5 - 1, and so on
        let ones10 = ones5.squared_times(5).times(ones5);
        let ones20 = ones10.squared_times(10).times(ones10);
        let ones40 = ones20.squared_times(20).times(ones20);
        let ones50 = ones40.squared_times(10).times(ones10);
        let ones100 = ones50.squared_times(50).times(ones50);
        let ones200 = ones100.squared_times(100).times(ones100);
        let ones250 = ones200.squared_times(50).times(ones50);
        ones250.squared_times(2).times(self)
    }

    fn squared_times(self, count: u32) -> Self {
        (0..count).fold(self, |power, _| power.squared())
    }

    fn relaxed(self) -> fiat::fiat_25519_loose_field_element {
        let mut loose = fiat::fiat_25519_loose_field_element([0; 5]);
        fiat::fiat_25519_relax(&mut loose, &self.0);
        loose
    }

    fn carried(loose: &fiat::fiat_25519_loose_field_element) -> Self {
        let mut out = Self::ZERO;
        fiat::fiat_25519_carry(&mut out.0, loose);
        out
    }
}

impl PartialEq for Field {
    fn eq(&self, other: &Self) -> bool {
        self.to_le_bytes() == other.to_le_bytes()
    }
}

/// The same bytes in the other order, big-endian to little-endian or back.
pub(crate) fn reversed(mut bytes: [u8; 32]) -> [u8; 32] {
    bytes.reverse();
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn small(value: u128) -> Field {
        Field::new(0, value)
    }

    #[test]
    fn square_roots_are_found_where_they_exist_and_nowhere_else() {
        for value in 1..200_u128 {
            let square = small(value).squared();
            let inverse = square.inverse_sqrt().unwrap();
            assert!(square.times(inverse.squared()) == Field::ONE);
        }
        // 2 is no square modulo p, because p is 5 modulo 8.
        assert!(small(2).inverse_sqrt().is_none());
        assert!(Field::ZERO.inverse_sqrt().is_none());
    }

    #[test]
    fn minus_one_is_the_square_of_its_root() {
        assert!(Field::SQRT_MINUS_ONE.squared() == Field::ONE.negated());
    }

    #[test]
    fn numbers_from_p_up_are_not_read() {
        let mut p = [0xff; 32];
        p[0] = 0x7f;
        p[31] = 0xed;
        assert!(Field::from_be_bytes(&p).is_none());
        p[31] = 0xec;
        assert!(Field::from_be_bytes(&p).unwrap() == Field::ONE.negated());
        assert!(Field::from_be_bytes(&[0xff; 32]).is_none());
        let mut one_and_top_bit = Field::ONE.to_be_bytes();
        one_and_top_bit[0] = 0x80;
        assert!(Field::from_be_bytes(&one_and_top_bit).is_none());
    }

    #[test]
    fn limbs_sit_where_the_bytes_say() {
        let value =
            Field::new(0x2aaa_aaaa_aaaa_aaaa_aaaa_aaaa_aaaa_aaaa, 0xaaaa_aaaa_aaaa_aaaa_aaaa_aaaa_aaad_2451);
        let mut bytes = [0xaa; 32];
        bytes[0] = 0x2a;
        bytes[29..].copy_from_slice(&[0xad, 0x24, 0x51]);
        assert_eq!(value.to_be_bytes(), bytes);
    }
}
