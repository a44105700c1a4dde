//! Formats of FHIR R4's primitive types (<https://hl7.org/fhir/R4/datatypes.html>).

use serde_json::Number;

use super::json::Json;
use crate::bytes;
use crate::rules::Primitive;

/// What a primitive value has wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Another JSON type was expected: named here.
    Type(&'static str),
    /// The form is wrong: how it should be.
    Format(&'static str),
}

use Fault::{Format, Type};

/// R4's upper bound on the size of a string.
const MAX_STRING: usize = 1024 * 1024;

/// Checks `value` as a primitive of type `primitive`; an xhtml only as a string.
#[inline]
pub(crate) fn check(primitive: Primitive, value: Json<'_>) -> Result<(), Fault> {
    match primitive {
        Primitive::Boolean if matches!(value, Json::Bool(_)) => Ok(()),
        Primitive::Boolean => Err(Type("true or false, without quotes")),
        Primitive::Integer | Primitive::PositiveInt | Primitive::UnsignedInt | Primitive::Decimal => {
            let Json::Number(number) = value else { return Err(Type("a number, without quotes")) };
            check_number(primitive, number)
        }
        _ => {
            let Some(text) = value.as_str() else { return Err(Type("a string, in quotes")) };
            check_text(primitive, text)
        }
    }
}

fn check_number(primitive: Primitive, number: &Number) -> Result<(), Fault> {
    let lowest = match primitive {
        Primitive::PositiveInt => 1,
        Primitive::UnsignedInt => 0,
        Primitive::Decimal => return Ok(()),
        _ => i64::from(i32::MIN),
    };
    let fits = number.as_i64().is_some_and(|n| n >= lowest && n <= i64::from(i32::MAX));
    fits.then_some(()).ok_or(Format(match primitive {
        Primitive::PositiveInt => "must be a whole number from 1 to 2147483647",
        Primitive::UnsignedInt => "must be a whole number from 0 to 2147483647",
        _ => "must be a whole number of at most 32 bits",
    }))
}

#[inline]
fn check_text(primitive: Primitive, text: &str) -> Result<(), Fault> {
    let want = |ok: bool, how: &'static str| if ok { Ok(()) } else { Err(Format(how)) };
    if text.is_empty() {
        return Err(Format("must not be empty; leave the element out if there is nothing to say"));
    }
    match primitive {
        Primitive::String | Primitive::Markdown => {
            want(text.len() <= MAX_STRING, "must not be longer than 1 MB")?;
            want(!text.chars().all(char::is_whitespace), "must not be blank; leave the element out")?;
            want(!has_control(text), "must not hold control characters")
        }
        Primitive::Uri | Primitive::Url | Primitive::Canonical => {
            want(!blank_within(text), "must be a URI, without white space")?;
            let relative =
                primitive == Primitive::Canonical && !bytes::has(text, b':') && !text.starts_with('#');
            want(!relative, "must be an absolute URL")?;
            if !text.get(..4).is_some_and(|p| p.eq_ignore_ascii_case("urn:")) {
                return Ok(());
            }
            let uuid = text.get(..9).is_none_or(|p| !p.eq_ignore_ascii_case("urn:uuid:")) || uuid(text);
            want(uuid, "must be `urn:uuid:` and a UUID in lower case")?;
            let oid = !text.starts_with("urn:oid:") || oid(text);
            want(oid, "must be `urn:oid:` and an OID such as urn:oid:1.2.356")
        }
        Primitive::Uuid => want(uuid(text), "must be `urn:uuid:` and a UUID in lower case"),
        Primitive::Oid => want(oid(text), "must be `urn:oid:` and an OID such as urn:oid:1.2.356"),
        Primitive::Code => {
            want(code(text), "must be a code, without white space around it or doubled within")
        }
        Primitive::Id => want(id(text), "must be 1 to 64 letters, digits, `-` or `.`"),
        Primitive::Base64Binary => {
            want(base64(text), "must be base64 of the standard alphabet, with padding")
        }
        Primitive::Date => want(date(text), "must be a date as YYYY, YYYY-MM or YYYY-MM-DD"),
        Primitive::DateTime => want(
            date_time(text),
            "must be a date, or a date and time with seconds and zone as 2024-05-31T09:30:00+05:30",
        ),
        Primitive::Instant => want(
            instant(text),
            "must be a date and time with seconds and zone as 2024-05-31T09:30:00.000+05:30",
        ),
        Primitive::Time => want(time(text), "must be a time as hh:mm:ss, without zone"),
        _ => Ok(()),
    }
}

/// Whether a control character stands anywhere, other than those of white space.
fn has_control(text: &str) -> bool {
    let control = |b: u8| b < 0x20 && !matches!(b, b'\t' | b'\n' | b'\r');
    let low = bytes::first(text.as_bytes(), |eight| bytes::below(eight, b' '));
    low.is_some_and(|at| text.bytes().skip(at).any(control))
}

/// Whether white space of any script stands anywhere.
fn blank_within(text: &str) -> bool {
    !bytes::is_graphic(text.as_bytes()) && text.contains(char::is_whitespace)
}

fn uuid(text: &str) -> bool {
    let Some(uuid) = text.strip_prefix("urn:uuid:") else { return false };
    uuid.len() == 36
        && uuid.bytes().enumerate().all(|(at, b)| match at {
            8 | 13 | 18 | 23 => b == b'-',
            _ => b.is_ascii_digit() || (b'a'..=b'f').contains(&b),
        })
}

fn oid(text: &str) -> bool {
    let Some(oid) = text.strip_prefix("urn:oid:") else { return false };
    let mut arcs = oid.split('.');
    let first = arcs.next().is_some_and(|a| matches!(a, "0" | "1" | "2"));
    let plain =
        |a: &str| !a.is_empty() && a.bytes().all(|b| b.is_ascii_digit()) && (a == "0" || !a.starts_with('0'));
    first && oid.contains('.') && arcs.all(plain)
}

fn code(text: &str) -> bool {
    if bytes::is_graphic(text.as_bytes()) {
        return true;
    }
    // Single spaces between words, nothing else that is blank.
    text.split(' ').all(|word| !word.is_empty() && !word.contains(char::is_whitespace))
}

fn id(text: &str) -> bool {
    text.len() <= 64 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.')
}

fn base64(text: &str) -> bool {
    if base64_simd::STANDARD.check(text.as_bytes()).is_ok() {
        return true;
    }
    let packed: Vec<u8> = text.bytes().filter(|b| !b.is_ascii_whitespace()).collect();
    !packed.is_empty() && packed.len() != text.len() && base64_simd::STANDARD.check(&packed).is_ok()
}

/// The two-digit number at `at`.
fn two(b: &[u8], at: usize) -> Option<u32> {
    match b.get(at..at + 2)? {
        [t @ b'0'..=b'9', o @ b'0'..=b'9'] => Some(u32::from(t - b'0') * 10 + u32::from(o - b'0')),
        _ => None,
    }
}

/// `YYYY[-MM[-DD]]`; gives how precise it is: 1, 2 or 3 parts.
fn date_parts(b: &[u8]) -> Option<u8> {
    let year = two(b, 0)? * 100 + two(b, 2)?;
    if year == 0 {
        return None;
    }
    if b.len() == 4 {
        return Some(1);
    }
    let month = two(b, 5).filter(|m| (1..=12).contains(m) && b.get(4) == Some(&b'-'))?;
    if b.len() == 7 {
        return Some(2);
    }
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    let day = two(b, 8).filter(|_| b.get(7) == Some(&b'-') && b.len() == 10)?;
    (1..=days).contains(&day).then_some(3)
}

fn date(text: &str) -> bool {
    date_parts(text.as_bytes()).is_some()
}

fn date_time(text: &str) -> bool {
    if bytes::has(text, b'T') { instant(text) } else { date(text) }
}

fn instant(text: &str) -> bool {
    let Some((day, clock)) = text.split_once('T') else { return false };
    if date_parts(day.as_bytes()) != Some(3) {
        return false;
    }
    let Some(zone) = clock.find(['Z', '+', '-']) else { return false };
    let (clock, zone) = clock.split_at(zone);
    time(clock) && (zone == "Z" || offset(zone.as_bytes()))
}

/// `+hh:mm` up to 14:00.
fn offset(b: &[u8]) -> bool {
    let (Some(hour), Some(minute)) = (two(b, 1), two(b, 4)) else { return false };
    b.len() == 6 && b.get(3) == Some(&b':') && minute < 60 && (hour < 14 || (hour == 14 && minute == 0))
}

/// `hh:mm:ss[.fraction]`.
fn time(text: &str) -> bool {
    let (clock, fraction) = text.split_once('.').map_or((text, None), |(c, f)| (c, Some(f)));
    let b = clock.as_bytes();
    let (Some(hour), Some(minute), Some(second)) = (two(b, 0), two(b, 3), two(b, 6)) else { return false };
    b.len() == 8
        && b.get(2) == Some(&b':')
        && b.get(5) == Some(&b':')
        && hour < 24
        && minute < 60
        && second <= 60
        && fraction.is_none_or(|f| !f.is_empty() && f.bytes().all(|b| b.is_ascii_digit()))
}

#[cfg(test)]
mod tests;
