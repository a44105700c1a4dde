//! Check digits: a code with a typing error is found before it is sent.

use super::{LOINC, SNOMED};

/// Why a text is no code of its system. It does not repeat the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WrongCode {
    /// SNOMED CT's identifiers have 6 to 18 digits, the last of which is a Verhoeff check digit.
    #[error(
        "is no SNOMED CT concept id: 6 to 18 digits, of which the last checks the others; look for a typing error"
    )]
    Snomed,
    /// LOINC's codes end in a dash and a Luhn check digit.
    #[error("is no LOINC code: digits, a dash and a digit that checks the others; look for a typing error")]
    Loinc,
    /// FHIR's `code`: no white space at its ends, none doubled.
    #[error("is no code: it must not be empty, nor begin or end with a space")]
    Shape,
}

/// Whether a text can be a code of a system at all.
///
/// # Errors
///
/// What is wrong with it.
pub fn check_code(system: &str, code: &str) -> Result<(), WrongCode> {
    match system {
        SNOMED if !is_sctid(code, Component::Concept) => Err(WrongCode::Snomed),
        LOINC if !is_loinc(code) => Err(WrongCode::Loinc),
        _ if code.is_empty() || code.trim() != code || code.contains("  ") => Err(WrongCode::Shape),
        _ => Ok(()),
    }
}

/// What a SNOMED CT identifier is of, as its partition digit says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Component {
    /// A concept.
    Concept,
    /// A description: one of a concept's names.
    Description,
}

/// Whether a text is a SNOMED CT identifier of this kind of component: 6 to 18 digits, a partition that fits, a right
/// Verhoeff check digit ("SNOMED CT Release File Specifications", chapter on identifiers).
pub fn is_sctid(text: &str, of: Component) -> bool {
    let bytes = text.as_bytes();
    if !(6..=18).contains(&bytes.len()) || bytes.first() == Some(&b'0') {
        return false;
    }
    let item = match of {
        Component::Concept => b'0',
        Component::Description => b'1',
    };
    // Partition: 0 or 1 (of a namespace), then the kind; the check digit is last.
    let partition = bytes.get(bytes.len() - 3..bytes.len() - 1);
    let fits = matches!(partition, Some([b'0' | b'1', kind]) if *kind == item);
    fits && bytes.iter().all(u8::is_ascii_digit) && verhoeff(bytes) == 0
}

/// Whether a text is a LOINC code: digits, a dash, a right Luhn check digit. Part and answer codes (`LP`, `LA`) are none
/// of observations.
pub fn is_loinc(text: &str) -> bool {
    let Some((number, check)) = text.split_once('-') else { return false };
    let digits = number.as_bytes();
    if !(1..=9).contains(&digits.len()) || !digits.iter().all(u8::is_ascii_digit) || check.len() != 1 {
        return false;
    }
    check.bytes().next() == Some(luhn(digits) + b'0')
}

/// The check digit of these digits by Luhn's algorithm (ISO/IEC 7812-1), as LOINC uses it.
pub(super) fn luhn(digits: &[u8]) -> u8 {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(place, digit)| {
            let digit = u32::from(digit.wrapping_sub(b'0'));
            let weighed = if place % 2 == 0 { digit * 2 } else { digit };
            weighed / 10 + weighed % 10
        })
        .sum();
    u8::try_from((10 - sum % 10) % 10).unwrap_or_default()
}

/// 0 if the last of these digits is the Verhoeff check digit of the others.
fn verhoeff(digits: &[u8]) -> u8 {
    digits
        .iter()
        .rev()
        .enumerate()
        .fold(0, |sum, (place, digit)| combine(sum, permute(place, digit.wrapping_sub(b'0'))))
}

/// The digit that Verhoeff's scheme puts behind these.
pub(super) fn verhoeff_digit(digits: &[u8]) -> u8 {
    let sum = digits
        .iter()
        .rev()
        .enumerate()
        .fold(0, |sum, (place, digit)| combine(sum, permute(place + 1, digit.wrapping_sub(b'0'))));
    // Reflections (5 to 9) are their own inverses, rotations turn back.
    if sum < 5 { (5 - sum) % 5 } else { sum }
}

/// Verhoeff's permutation, applied `place` times.
fn permute(place: usize, digit: u8) -> u8 {
    const ONCE: [u8; 10] = [1, 5, 7, 6, 2, 8, 3, 0, 9, 4];
    (0..place % 8).fold(digit, |digit, _| ONCE.get(usize::from(digit)).copied().unwrap_or_default())
}

/// The group operation of the dihedral group of order ten: turns of a pentagon (0 to 4) and its reflections (5 to 9).
fn combine(left: u8, right: u8) -> u8 {
    let (turned, mirrored) = (left % 5, left >= 5);
    let rest = right % 5;
    let turn = if mirrored { (turned + 5 - rest) % 5 } else { (turned + rest) % 5 };
    if mirrored == (right >= 5) { turn } else { turn + 5 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_identifiers_pass_and_their_misprints_do_not() {
        // The root, two clinical findings, two kinds of report, one of them India's own.
        for id in ["138875005", "386661006", "404684003", "721981007", "4311000179106"] {
            assert!(is_sctid(id, Component::Concept), "{id}");
        }
        for id in ["386661007", "386661060", "38666100", "0386661006", "", "3866x1006", "3866610061234567890"]
        {
            assert!(!is_sctid(id, Component::Concept), "{id}");
        }
        assert!(!is_sctid("386661006", Component::Description), "the partition is a concept's");
    }

    #[test]
    fn loinc_codes_have_a_luhn_digit() {
        for code in ["718-7", "2345-7", "85354-9", "8867-4", "29463-7", "93832-4", "10157-6"] {
            assert!(is_loinc(code), "{code}");
        }
        for code in ["718-8", "7187", "", "-", "718-", "718-77", "LP1234-5", "a-1", "-7"] {
            assert!(!is_loinc(code), "{code}");
        }
    }

    #[test]
    fn a_made_check_digit_checks_and_every_single_digit_error_and_swap_is_found() {
        for number in [10_000_000_u64, 12_345_670, 90_817_263, 99_999_990] {
            let mut digits = format!("{number}00").into_bytes();
            digits.push(verhoeff_digit(&digits) + b'0');
            assert_eq!(verhoeff(&digits), 0);
            for place in 0..digits.len() {
                for wrong in b'0'..=b'9' {
                    let mut altered = digits.clone();
                    altered[place] = wrong;
                    assert_eq!(verhoeff(&altered) == 0, altered == digits);
                }
                let mut swapped = digits.clone();
                swapped.swap(place, (place + 1).min(digits.len() - 1));
                assert_eq!(verhoeff(&swapped) == 0, swapped == digits);
            }
        }
    }

    #[test]
    fn the_codes_that_the_profiles_name_are_codes() {
        let wrong: Vec<_> =
            super::super::builtin().filter(|(system, code, _)| check_code(system, code).is_err()).collect();
        assert!(wrong.is_empty(), "{wrong:?}");
    }
}
