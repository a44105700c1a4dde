//! ABHA number and ABHA address: a patient's two identifiers at ABDM.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

use serde::de::{Deserialize, Deserializer, Error, Visitor};

use super::{IdError, serde_by_text};

/// A patient's 14-digit number at ABDM. Written without dashes, as every call wants it.
///
/// Any 14 digits are read: documentation and sandbox accounts are full of numbers whose check digit is wrong,
/// and older numbers do not begin with 91. Ask [`AbhaNumber::checksum_ok`] before trusting typed input.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AbhaNumber(u64);

const ABHA_DIGITS: usize = 14;

impl AbhaNumber {
    /// Whether the last digit is the Luhn (mod 10) check digit of the others.
    #[must_use]
    pub fn checksum_ok(self) -> bool {
        let mut rest = self.0;
        let mut sum = 0;
        for place in 0..ABHA_DIGITS {
            let digit = rest % 10;
            rest /= 10;
            sum += if place % 2 == 0 { digit } else { digit * 2 / 10 + digit * 2 % 10 };
        }
        sum % 10 == 0
    }

    /// As people read it: `91-1234-5678-9015`.
    #[must_use]
    pub fn dashed(self) -> String {
        let n = self.0;
        format!(
            "{:02}-{:04}-{:04}-{:04}",
            n / 1_000_000_000_000,
            n / 100_000_000 % 10_000,
            n / 10_000 % 10_000,
            n % 10_000
        )
    }

    /// As a JSON number, for the calls that print it as one.
    #[must_use]
    pub fn as_u64(self) -> u64 {
        self.0
    }
}

impl fmt::Display for AbhaNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:014}", self.0)
    }
}

impl fmt::Debug for AbhaNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AbhaNumber(..)")
    }
}

impl FromStr for AbhaNumber {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let mut digits = 0;
        let mut number = 0;
        for byte in text.trim().bytes() {
            match byte {
                b'0'..=b'9' if digits < ABHA_DIGITS => {
                    digits += 1;
                    number = number * 10 + u64::from(byte - b'0');
                }
                b'-' | b' ' if digits > 0 => {}
                _ => return Err(IdError::AbhaNumber),
            }
        }
        if digits == ABHA_DIGITS { Ok(Self(number)) } else { Err(IdError::AbhaNumber) }
    }
}

impl TryFrom<u64> for AbhaNumber {
    type Error = IdError;

    fn try_from(number: u64) -> Result<Self, IdError> {
        if (10_000_000_000_000..100_000_000_000_000).contains(&number) {
            Ok(Self(number))
        } else {
            Err(IdError::AbhaNumber)
        }
    }
}

impl serde::Serialize for AbhaNumber {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Reads a string or a number: ABDM's texts say number, its traffic has both.
impl<'de> Deserialize<'de> for AbhaNumber {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Digits;
        impl Visitor<'_> for Digits {
            type Value = AbhaNumber;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an ABHA number of 14 digits")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<AbhaNumber, E> {
                text.parse().map_err(E::custom)
            }

            fn visit_u64<E: Error>(self, number: u64) -> Result<AbhaNumber, E> {
                AbhaNumber::try_from(number).map_err(E::custom)
            }
        }
        deserializer.deserialize_any(Digits)
    }
}

/// A patient's address at ABDM, such as `ramesh.k_85@sbx`. Compared without case; written as it was read.
#[derive(Clone)]
pub struct AbhaAddress {
    written: Box<str>,
    key: Box<str>,
}

impl AbhaAddress {
    /// The lower-case form: equal for equal addresses. For look-ups.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// As it was read.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.written
    }

    /// The consent manager's id after the `@`, lower case: `sbx` or `abdm`.
    #[must_use]
    pub fn suffix(&self) -> &str {
        self.key.rsplit_once('@').map_or("", |(_, suffix)| suffix)
    }
}

impl FromStr for AbhaAddress {
    type Err = IdError;

    /// Takes what ABDM's own services take, looser than the rule for new addresses: older ones are short and
    /// hold hyphens.
    fn from_str(text: &str) -> Result<Self, IdError> {
        let text = text.trim();
        let key = text.to_ascii_lowercase();
        let (local, suffix) = key.rsplit_once('@').ok_or(IdError::AbhaAddress)?;
        if local_part_ok(local.as_bytes()) && matches!(suffix, "abdm" | "sbx") {
            Ok(Self { written: text.into(), key: key.into_boxed_str() })
        } else {
            Err(IdError::AbhaAddress)
        }
    }
}

fn local_part_ok(local: &[u8]) -> bool {
    match local {
        [first, middle @ .., last] => {
            first.is_ascii_alphanumeric()
                && last.is_ascii_alphanumeric()
                && (1..=250).contains(&middle.len())
                && middle.iter().all(|byte| byte.is_ascii_alphanumeric() || b"_.-!".contains(byte))
        }
        _ => false,
    }
}

impl fmt::Display for AbhaAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

impl fmt::Debug for AbhaAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AbhaAddress(..)")
    }
}

impl PartialEq for AbhaAddress {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

impl Eq for AbhaAddress {}

impl Hash for AbhaAddress {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key.hash(state);
    }
}

impl PartialOrd for AbhaAddress {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for AbhaAddress {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.key.cmp(&other.key)
    }
}

serde_by_text!(AbhaAddress);
